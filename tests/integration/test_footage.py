"""The agent on real footage, run as a person runs it: the command, the files, the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

DemoFile = Callable[[str], Path]


def agent(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def events_of(film: Path, *more: str) -> list[dict[str, Any]]:
    done = agent("run", "--source", film, "--pace", "none", "--until-end", "--events", "-", *more)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def lasting(event: dict[str, Any]) -> dict[str, Any]:
    """What of an event must be the same in every run."""
    return {key: event[key] for key in event if key not in {"id", "time", "latency_ms"}}


def test_a_smile_in_a_film_is_followed_and_the_same_each_time(demo_file: DemoFile) -> None:
    film = demo_file("single_face.mp4")
    events = events_of(film)
    assert {event["track"] for event in events} == {1}
    held = [event["emotion"] for event in events if event["type"] != "ended"]
    assert held[:2] == ["neutral", "happiness"]
    assert held[2:] in ([], ["neutral"])
    assert events[-1]["type"] == "ended"
    assert list(map(lasting, events)) == list(map(lasting, events_of(film)))


def test_every_engine_tells_the_same_events(demo_file: DemoFile) -> None:
    film = demo_file("single_face.mp4")
    told = {}
    for kind, precision in (
        *(("tflite", "int8"), ("openvino", "int8"), ("onnx", "int8")),
        *(("tflite", "float32"), ("onnx", "float32")),
    ):
        chosen = (f"runtime.kind={kind}", f"runtime.precision={precision}")
        events = events_of(film, "--set", chosen[0], "--set", chosen[1])
        told[kind, precision] = [
            (event["frame"], event["track"], event["type"], event["emotion"]) for event in events
        ]

    assert [emotion for *_, emotion in told["tflite", "int8"]][:2] == ["neutral", "happiness"]
    assert all(events == told["tflite", "int8"] for events in told.values()), told


@pytest.mark.parametrize("detector", ["blazeface", "haar"])
def test_footage_without_a_face_gives_no_event(demo_file: DemoFile, detector: str) -> None:
    assert events_of(demo_file("no_face.mp4"), "--detector", detector) == []


def test_two_people_are_two_tracks_alive_together(shared: Path) -> None:
    film = shared / "footage" / "intel_head-pose-face-detection-female-and-male.gif"
    events = events_of(film)
    started = [e["track"] for e in events if e["type"] == "started"]
    first_end = min(i for i, e in enumerate(events) if e["type"] == "ended")
    assert sorted(started) == [1, 2]
    assert all(e["type"] == "ended" for e in events[first_end:])


def test_still_pictures_are_read(demo_file: DemoFile) -> None:
    astronaut, hopper = demo_file("astronaut.png"), demo_file("grace_hopper.jpg")
    done = agent("classify", "--json", astronaut, hopper)
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert [face["emotion"] for face in first["faces"]] == ["happiness"]
    assert [face["emotion"] for face in second["faces"]] == ["neutral"]
    assert (first["width"], first["height"]) == (512, 512)
    for picture in (first, second):
        (face,) = picture["faces"]
        assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert face["reason"] is None


def test_portraits_read_as_they_smile(shared: Path) -> None:
    done = agent("classify", "--json", *sorted((shared / "footage").glob("fr_*.jpg")))
    for line in done.stdout.splitlines():
        assert [face["emotion"] for face in json.loads(line)["faces"]] == ["happiness"]


def test_each_broken_picture_gets_an_error_of_its_own_and_the_rest_go_on(
    tmp_path: Path, demo_file: DemoFile
) -> None:
    text, empty, cut = tmp_path / "a.txt", tmp_path / "b.png", tmp_path / "c.jpg"
    text.write_text("not a picture")
    empty.touch()
    whole = demo_file("grace_hopper.jpg").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    done = agent(
        "classify", "--json", text, empty, cut, tmp_path / "d.png", demo_file("astronaut.png")
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert [Path(r["path"]).name for r in results if "error" in r] == [
        "a.txt",
        "b.png",
        "c.jpg",
        "d.png",
    ]
    assert all("faces" not in r and "\n" not in r["error"] for r in results[:4])
    assert len(results[4]["faces"]) == 1


def test_pictures_of_odd_sizes_are_read(tmp_path: Path, demo_file: DemoFile) -> None:
    dot, huge = tmp_path / "dot.png", tmp_path / "huge.jpg"
    cv2.imwrite(str(dot), np.zeros((1, 1, 3), np.uint8))
    face = cv2.imread(str(demo_file("astronaut.png")))
    assert face is not None
    cv2.imwrite(str(huge), cv2.resize(face, (12000, 12000)))
    done = agent("classify", "--json", dot, huge)
    small, large = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 0, done.stderr
    assert small["faces"] == []
    assert (large["width"], large["height"]) == (12000, 12000)
    (found,) = large["faces"]
    assert found["emotion"] == "happiness"
    x, y, width, height = found["box"]
    assert 2000 < x < 6000
    assert 500 < y < 4000
    assert 1500 < width < 6000
    assert 1500 < height < 6000


def test_a_whole_picture_can_be_the_face(tmp_path: Path, demo_file: DemoFile) -> None:
    portrait = cv2.imread(str(demo_file("astronaut.png")))
    assert portrait is not None
    crop = tmp_path / "face.png"
    cv2.imwrite(str(crop), portrait[70:190, 165:285])
    done = agent("classify", "--json", "--no-detect", crop)
    (face,) = json.loads(done.stdout)["faces"]
    assert (face["box"], face["score"]) == ([0, 0, 120, 120], None)
    assert face["emotion"] == "happiness"
