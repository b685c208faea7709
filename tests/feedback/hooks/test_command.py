"""Real programs run for events: those that work, fail, hang, are slow, chatty or missing."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from agent.errors import AgentError
from agent.feedback import queued
from agent.feedback.hooks import command
from agent.feedback.hooks.command import CommandSink
from agent.layers import load
from agent.settings import CommandSettings
from tests.brokers.publisher import numbered
from tests.brokers.watcher import wait_for


class Programs:
    """Shell scripts, and the sinks that run them in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.health: list[str] = []
        self.sinks: list[CommandSink] = []

    def script(self, text: str) -> str:
        """A script that does its work in the folder."""
        path = self.folder / "script"
        path.write_text(f"#!/bin/sh\ncd {self.folder}\n{text}\n")
        path.chmod(0o755)
        return str(path)

    def sink(self, text: str, **more: Any) -> CommandSink:
        run = [self.script(text), "one argument"]
        settings = CommandSettings.model_validate({"run": run, "timeout": 100, **more})
        self.sinks.append(CommandSink(settings, self.health.append))
        return self.sinks[-1]

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    programs = Programs(tmp_path)
    yield programs
    for sink in programs.sinks:
        sink.close()


def publish(sink: CommandSink, *numbers: int) -> None:
    for number in numbers:
        sink.publish(numbered(number))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def is_running(pid: str) -> bool:
    """Whether a process is there, and is not only waiting to be buried."""
    try:
        status = Path("/proc", pid, "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_the_program_gets_each_event_as_json_in_order(programs: Programs) -> None:
    sink = programs.sink('cat >> events; echo "$1" >> arguments')
    publish(sink, *range(10))
    wait_for(lambda: len(programs.lines("arguments")) == 10)
    assert [json.loads(line) for line in programs.lines("events")] == [
        numbered(number).as_dict() for number in range(10)
    ]
    assert set(programs.lines("arguments")) == {"one argument"}
    wait_for(lambda: programs.health == ["ok"] * 10)


class NoThread(Thread):
    """Stands for a system that has given out all its threads (`TasksMax=`)."""

    def start(self) -> None:
        raise RuntimeError("can't start new thread")


def test_a_system_without_a_thread_to_give_costs_no_event(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = programs.sink("cat >> events")
    with monkeypatch.context() as patched:
        patched.setattr(command, "Thread", NoThread)
        publish(sink, 0, 1)
        wait_for(lambda: len(programs.health) == 2, 30)
    publish(sink, 2)
    wait_for(lambda: len(programs.health) == 3, 30)
    assert [json.loads(line)["frame"] for line in programs.lines("events")] == [0, 1, 2]


def test_only_chosen_events_run_it(programs: Programs) -> None:
    sink = programs.sink("cat >> events", events=["changed"], emotions=["fear"], min_confidence=0.6)
    event = replace(numbered(0), emotion="fear")
    sink.publish(event)
    sink.publish(replace(event, frame=1, confidence=0.59))
    sink.publish(replace(event, frame=2, type="started"))
    sink.publish(replace(event, frame=3, emotion="anger"))
    sink.publish(replace(event, frame=4))
    wait_for(lambda: len(programs.health) == 2)
    assert [json.loads(line)["frame"] for line in programs.lines("events")] == [0, 4]


def test_one_that_hangs_is_killed_with_all_that_it_started(
    programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    sink = programs.sink("sleep 1000 & echo $! $$ > pids; wait", timeout=1)
    runs = 0
    while not programs.lines("pids"):  # a slow machine may need more than a second to begin
        runs += 1
        publish(sink, runs)
        wait_for(lambda: sink.failed == runs)  # noqa: B023
    pids = programs.lines("pids")[0].split()
    wait_for(lambda: not any(is_running(pid) for pid in pids))
    (told,) = warnings(caplog)
    assert told.endswith("script: it had not ended after 1 s and was killed")


def test_failures_are_told_once_until_it_works_again(
    programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sink = programs.sink('test -e good || { printf "no \\033[1mlamp\\n" >&2; exit 3; }')
    publish(sink, 1, 2, 3)
    wait_for(lambda: sink.failed == 3)
    assert programs.health == ["it ended with status 3: no [1mlamp"] * 3
    (programs.folder / "good").touch()
    publish(sink, 4)
    wait_for(lambda: programs.health[-1] == "ok")
    (programs.folder / "good").unlink()
    publish(sink, 5)
    wait_for(lambda: sink.failed == 4)
    told = [line.rpartition("script")[2] for line in warnings(caplog)]
    assert told == [": it ended with status 3: no [1mlamp"] * 2
    assert "script works again" in caplog.text


def test_one_that_is_killed_by_a_signal_is_told(programs: Programs) -> None:
    sink = programs.sink("kill -SEGV $$")
    publish(sink, 1)
    wait_for(lambda: programs.health == ["it was killed by SIGSEGV"])


@pytest.mark.parametrize("missing", ["/no/such/program", "no-such-program", __file__])
def test_a_program_that_is_not_there_is_told_at_the_start(missing: str) -> None:
    with pytest.raises(AgentError, match=r"feedback\.command\.run: there is no program '.*full"):
        CommandSink(CommandSettings(run=(missing,)))


def test_a_program_that_goes_away_is_told_once_and_run_again_when_it_is_back(
    programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    sink = programs.sink("cat >> events")
    script = programs.folder / "script"
    script.rename(programs.folder / "elsewhere")
    publish(sink, 1, 2)
    wait_for(lambda: sink.failed == 2)
    (told,) = warnings(caplog)
    assert told.endswith("script: it cannot be run: No such file or directory")
    (programs.folder / "elsewhere").rename(script)
    publish(sink, 3)
    wait_for(lambda: programs.health[-1] == "ok")
    assert [json.loads(line)["frame"] for line in programs.lines("events")] == [3]


WAIT = "echo $$ >> started; while [ ! -e go ]; do sleep 0.05; done; cat >> events"


def test_never_more_run_at_once_than_allowed(programs: Programs) -> None:
    sink = programs.sink(WAIT, at_once=3)
    publish(sink, *range(9))
    # Three run, the worker holds the next, five wait.
    wait_for(lambda: len(programs.lines("started")) == 3 and len(sink._queue) == 5)
    assert len(programs.lines("started")) == 3
    assert all(is_running(pid) for pid in programs.lines("started"))
    (programs.folder / "go").touch()
    wait_for(lambda: len(programs.lines("events")) == 9)


def test_events_do_not_pile_up_before_one_that_is_slow(
    programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    sink = programs.sink(WAIT)
    publish(sink, 0, 1)
    wait_for(lambda: len(programs.lines("started")) == 1 and not sink._queue)
    publish(sink, *range(2, 152))
    assert (len(sink._queue), sink.dropped) == (100, 50)
    (programs.folder / "go").touch()
    wait_for(lambda: len(programs.lines("events")) == 102)
    assert [json.loads(line)["frame"] for line in programs.lines("events")] == [
        0,
        1,
        *range(52, 152),
    ]
    (told,) = warnings(caplog)
    assert "script is too slow for the events" in told


def test_one_that_says_much_is_logged_in_part_and_not_held_up(
    programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "agent.feedback.hooks.program")
    talk = f"{sys.executable} -c 'print(\"word \" * 20 * 5000)'"
    sink = programs.sink(f"echo hello; {talk}; yes | head -n 200000; exit 4")
    publish(sink, 1)
    wait_for(lambda: sink.failed == 1)
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.DEBUG]
    assert said[0] == "feedback.command says: hello"
    assert len(said) == 101
    assert max(map(len, said)) < 400
    assert programs.health == ["it ended with status 4: y"]


def test_one_that_reads_nothing_and_says_nothing_is_well(programs: Programs) -> None:
    sink = programs.sink("exec < /dev/null > /dev/null 2>&1; sleep 0.1")
    publish(sink, 1, 2)
    wait_for(lambda: programs.health == ["ok", "ok"])


def test_what_it_leaves_running_does_not_hold_up_the_next(programs: Programs) -> None:
    sink = programs.sink("sleep 1000 & echo $! >> left")
    publish(sink, 1, 2)
    wait_for(lambda: programs.health == ["ok", "ok"])
    for pid in programs.lines("left"):
        assert is_running(pid)
        os.kill(int(pid), 9)


def test_secrets_of_the_agent_are_not_in_its_environment(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_AGENT__MQTT__PASSWORD", "s3cret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/emotion-agent")
    monkeypatch.setenv("MY_LAMP", "lamp-7")
    publish(programs.sink("env > environment"), 1)
    wait_for(lambda: programs.health == ["ok"])
    environment = (programs.folder / "environment").read_text()
    assert "MY_LAMP=lamp-7" in environment
    assert "s3cret" not in environment
    assert "credentials" not in environment


def test_what_still_runs_when_the_agent_ends_is_killed(
    programs: Programs, caplog: pytest.LogCaptureFixture
) -> None:
    sink = programs.sink("echo $$ >> started; sleep 1000", at_once=2)
    publish(sink, 1, 2, 3, 4)
    wait_for(lambda: len(programs.lines("started")) == 2)
    sink.close()
    wait_for(lambda: not any(is_running(pid) for pid in programs.lines("started")))
    assert len(programs.lines("started")) == 2
    assert "feedback.command: 2 still running at the end: killed" in warnings(caplog)
    assert sink.failed == 0


def test_one_that_is_about_to_end_is_let_end(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queued, "_CLOSING", 120.0)
    monkeypatch.setattr(command, "_CLOSING", 100.0)
    sink = programs.sink("sleep 0.2; cat >> events")
    publish(sink, 1)
    sink.close()
    assert len(programs.lines("events")) == 1


@pytest.mark.parametrize(
    ("given", "run"),
    [
        ("notify 'a b' --json", ("notify", "a b", "--json")),
        (["notify", "a b"], ("notify", "a b")),
    ],
)
def test_the_program_is_a_list_or_words_as_in_a_shell(
    given: str | list[str], run: tuple[str, ...]
) -> None:
    settings = load(overrides={"feedback.command.run": given}, environment={})
    assert settings.feedback.command.run == run


@pytest.mark.parametrize("wrong", ["", "notify 'a"])
def test_words_that_are_no_program_are_a_wrong_setting(wrong: str) -> None:
    with pytest.raises(AgentError, match=r"^command line: 'feedback\.command\.run' is [^\n]+$"):
        load(overrides={"feedback.command.run": wrong}, environment={})


def test_a_wrong_address_or_token_is_not_shown() -> None:
    wrong: dict[str, Callable[[], Any] | Any] = {
        "feedback.webhook.url": ["s3cret"],
        "feedback.webhook.token": 5,
    }
    with pytest.raises(AgentError) as raised:
        load(overrides=wrong, environment={})
    assert str(raised.value).count("***") == 2
    assert "s3cret" not in str(raised.value)
