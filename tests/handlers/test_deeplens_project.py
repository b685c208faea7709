from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from agent.errors import AgentError
from agent.settings import AudioSettings, Settings
from handlers.deeplens.__main__ import main
from handlers.deeplens.cues import Cues
from handlers.deeplens.local_display import LocalDisplay
from handlers.deeplens.lowering import lowered
from handlers.deeplens.project import function_files, tarred, zipped
from tests.brokers.watcher import wait_for
from tests.feedback.web.page_server import event


def test_the_same_input_gives_the_same_bytes(
    shipped_model: Path, sdk_wheel: Path, archived_model: dict[str, bytes]
) -> None:
    one, other = (zipped(function_files(Settings(), shipped_model, sdk_wheel)) for _ in range(2))

    assert one == other
    assert tarred(archived_model) == tarred(dict(reversed(archived_model.items())))


def test_the_function_has_what_the_board_lacks_and_keeps_to_lambdas_limits(
    shipped_model: Path, sdk_wheel: Path
) -> None:
    files = function_files(Settings(), shipped_model, sdk_wheel)

    assert {"lambda_function.py", "labels.txt", "greengrasssdk/client.py"} <= set(files)
    assert "agent/emotion/decision.py" in files
    assert not {"agent/settings.py", "agent/emotion/manifest.py"} & set(files)
    assert not any(name.startswith(("greengrass_", "awscam", "cv2", "numpy")) for name in files)
    assert len(zipped(files)) < 50e6
    assert sum(map(len, files.values())) < 250e6


def test_the_model_archive_has_the_graph_and_how_to_optimise_it(
    archived_model: dict[str, bytes],
) -> None:
    optimizer = json.loads(archived_model["mo.json"])

    assert set(archived_model) == {"model-deeplens.pb", "labels.txt", "mo.json"}
    assert (optimizer["model_name"], optimizer["platform"]) == ("model-deeplens", "tf")
    assert optimizer["aux_inputs"]["--img-channels"] == 1
    assert archived_model["labels.txt"].decode().split()[0] == "neutral"


@pytest.mark.parametrize(
    ("modern", "old"),
    [
        ("from typing import Final\nX: Final = 1", "X: Final = 1"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nimport b", "import b"),
        ("Point = tuple[float, float]", "Point = object"),
        ("Image = npt.NDArray[np.uint8]", "Image = object"),
        ("seen = set[int]()", "seen = set()"),
        ("first = rows[0]", "first = rows[0]"),
        ("class Seam(Protocol): ...", "\nclass Seam:\n    ..."),
    ],
)
def test_types_are_left_out_for_python_3_7(modern: str, old: str) -> None:
    expected = f"from __future__ import annotations\n{old}\n"
    assert lowered(modern.encode(), "module.py").decode() == expected


@pytest.mark.parametrize("modern", ["match x:\n    case 1: pass", "if (n := f()): g(n)"])
def test_what_python_3_7_cannot_run_is_refused_by_name(modern: str) -> None:
    with pytest.raises(AgentError, match=r"agent/new\.py: Python 3\.7 cannot run it"):
        lowered(modern.encode(), "agent/new.py")


def test_a_viewer_may_leave_and_another_come(tmp_path: Path) -> None:
    fifo = tmp_path / "results.mjpeg"
    fifo.write_bytes(b"a file that is no pipe")
    display = LocalDisplay(str(fifo))
    done = threading.Event()

    def show() -> None:
        while not done.wait(0.02):
            display.show(np.zeros((480, 858, 3), np.uint8))

    display.start()
    shower = threading.Thread(target=show)
    shower.start()
    try:
        while not fifo.is_fifo():
            done.wait(0.02)
        for _ in range(2):
            with fifo.open("rb") as stream:
                assert stream.read(2) == b"\xff\xd8"
            while display.watched():
                done.wait(0.02)
    finally:
        done.set()
        shower.join()
        display.close()
    assert not display.is_alive()
    assert not display.watched()


def test_a_pipe_that_somebody_removes_is_made_again(tmp_path: Path) -> None:
    fifo = tmp_path / "results.mjpeg"
    display = LocalDisplay(str(fifo))
    display.start()
    try:
        for _ in range(2):
            wait_for(fifo.is_fifo)
            fifo.unlink()
    finally:
        display.close()
    assert not display.is_alive()


def test_a_sound_device_that_hangs_costs_one_cue_and_not_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = tmp_path / "asked"
    player = tmp_path / "aplay"
    player.write_text(f'#!/bin/sh\necho "$@" >> "{asked}"\nexec sleep 60\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    cues = Cues(AudioSettings(enabled=True, emotions=("happiness",)), tmp_path)

    def sounds(now: float) -> int:
        cues.hear(event(emotion="happiness"), now)
        return asked.read_text().count("happiness.wav") if asked.exists() else 0

    wait_for(lambda: sounds(0.0) == 1)
    assert sounds(20.0) == 1  # it may be a long one
    wait_for(lambda: sounds(1000.0) == 2)
    assert caplog.messages == ["no cue can be heard: the sound device hangs"]
    cues.hear(event(emotion="happiness"), 2000.0)  # ends the player


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sdk", "absent.whl"], "absent.whl: .*`make deeplens` fetches greengrasssdk"),
        (["--set", "runtime.model=absent"], "absent"),
        (["--set", "emotion.prior=uniform"], "emotion.prior: a DeepLens reads under"),
        (["--set", "emotion.dwel=1"], "unknown setting 'emotion.dwel'"),
    ],
)
def test_a_mistake_is_a_line(
    options: list[str],
    told: str,
    sdk_wheel: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [] if "--sdk" in options else ["--sdk", str(sdk_wheel)]
    assert main(["--out", str(tmp_path), *given, *options]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("emotion-agent deeplens: error: ")
    assert re.search(told, line)
    assert not list(tmp_path.iterdir())
