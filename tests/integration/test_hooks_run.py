"""The agent with both hooks, run as a person runs it, over a film of a smile."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.feedback.hooks.command import CommandSink
from agent.feedback.hooks.webhook import WebhookSink
from agent.feedback.outbox import Outbox
from agent.settings import CommandSettings, FeedbackSettings, Settings, WebhookSettings
from agent.status import StatusBoard
from tests.brokers.publisher import numbered
from tests.brokers.watcher import wait_for
from tests.feedback.hooks.receiver import Receiver, hang
from tests.ports import free_port

DemoFile = Callable[[str], Path]


def run(film: Path, folder: Path, hooks: str) -> subprocess.CompletedProcess[str]:
    """Run over a film with these hooks; the events are in the file `events`."""
    settings = folder / "agent.toml"
    settings.write_text(
        f"""
        device = "hooked"
        [source]
        uri = "{film}"
        pace = "none"
        loop = false
        [events]
        file = "{folder / "events"}"
        {hooks}
        """
    )
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "run", "--config", str(settings)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"STATE_DIRECTORY": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def written(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_program_and_a_web_server_are_told_of_what_a_run_sees(
    demo_file: DemoFile, tmp_path: Path
) -> None:
    script = tmp_path / "note"
    script.write_text(f"#!/bin/sh\ncat >> {tmp_path}/told\n")
    script.chmod(0o755)
    with Receiver() as receiver:
        run(
            demo_file("single_face.mp4"),
            tmp_path,
            f"""
            [feedback.command]
            run = ["{script}"]
            events = ["changed"]
            [feedback.webhook]
            url = "http://127.0.0.1:{receiver.port}/"
            emotions = ["happiness"]
            """,
        )
        changed = [event for event in written(tmp_path / "events") if event["type"] == "changed"]
        happy = [e["id"] for e in written(tmp_path / "events") if e["emotion"] == "happiness"]
        assert changed
        assert happy
        # A slow machine may end before the last ones are through: those wait on disk, or are lost.
        told_of = written(tmp_path / "told")
        assert told_of
        assert told_of == changed[: len(told_of)]
        left = Outbox(tmp_path / "hooked" / "webhook-outbox.sqlite", 100, 3600.0).after(0, 100)
        posted = [event["id"] for event in receiver.taken]
        assert posted
        every = [*posted, *(json.loads(letter.payload)["id"] for letter in left)]
        assert list(dict.fromkeys(every)) == happy


def test_hooks_that_hang_hold_up_nothing(demo_file: DemoFile, tmp_path: Path) -> None:
    with Receiver(script=[hang] * 100) as receiver:
        done = run(
            demo_file("single_face.mp4"),
            tmp_path,
            f"""
            [feedback.command]
            run = "sleep 1000"
            timeout = 1000
            [feedback.webhook]
            url = "http://127.0.0.1:{receiver.port}/"
            timeout = 120
            """,
        )
        events = written(tmp_path / "events")
        assert [event["type"] for event in events] == ["started", "changed", "ended"]
        assert "feedback.command: 1 still running at the end: killed" in done.stderr
        left = Outbox(tmp_path / "hooked" / "webhook-outbox.sqlite", 100, 3600.0).after(0, 100)
        assert [json.loads(letter.payload)["id"] for letter in left] == [e["id"] for e in events]


def examples(project: Path) -> list[str]:
    """The Python programs in the guide: the program to run, and the receiver."""
    guide = (project / "docs" / "hooks.md").read_text()
    return re.findall(r"^```python\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)


def test_the_program_in_the_guide_notes_events(project: Path, tmp_path: Path) -> None:
    program, notes = tmp_path / "note-emotion", tmp_path / "emotions.txt"
    program.write_text(examples(project)[0])
    program.chmod(0o755)
    health: list[str] = []
    sink = CommandSink(CommandSettings(run=(str(program), str(notes))), health.append)
    sink.publish(numbered(1))
    wait_for(lambda: health)
    sink.close()
    assert health == ["ok"]
    assert notes.read_text() == "2026-05-04T10:11:12.000Z face 1 happiness\n"


def test_the_receiver_in_the_guide_takes_events(project: Path, tmp_path: Path) -> None:
    port = free_port()
    program, shown = tmp_path / "receiver.py", tmp_path / "shown"
    program.write_text(examples(project)[1].replace("8080", str(port)))
    with shown.open("wb") as output:
        receiver = subprocess.Popen([sys.executable, program], stdout=output)
    try:
        wait_for(lambda: answers(port))
        hook = WebhookSettings.model_validate({"url": f"http://127.0.0.1:{port}/"})
        settings = Settings(device="hall", feedback=FeedbackSettings(webhook=hook))
        sink = WebhookSink(settings, StatusBoard(), tmp_path)
        sink.publish(numbered(1))
        wait_for(lambda: sink.delivered == 1 and len(sink.outbox) == 0)
        sink.close()
        assert shown.read_text() == "2026-05-04T10:11:12.000Z changed happiness\n"
    finally:
        receiver.kill()
        receiver.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
