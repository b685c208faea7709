"""Detectors and tracker together, on films."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.faces.detector import FaceDetector
from agent.faces.tracker import Tracker, Tracking
from agent.settings import FacesSettings
from agent.types import Image

Film = Callable[[Path], Iterator[tuple[float, Image]]]
DETECTORS = ["blazeface", "yunet", "haar"]


@pytest.fixture
def follow(film: Film) -> Callable[[FaceDetector, Path], list[Tracking]]:
    """The tracker's answer to each frame of a film."""

    def followed(detector: FaceDetector, path: Path) -> list[Tracking]:
        tracker = Tracker(FacesSettings())
        return [tracker.update(detector.detect(image), time) for time, image in film(path)]

    return followed


@pytest.mark.parametrize("name", DETECTORS)
def test_one_face_is_one_track_from_the_third_frame_to_the_last(
    name: str,
    face_detector: Callable[[str], FaceDetector],
    follow: Callable[[FaceDetector, Path], list[Tracking]],
    demo_file: Callable[[str], Path],
) -> None:
    answers = follow(face_detector(name), demo_file("single_face.mp4"))

    assert len(answers) == 72
    assert [[track.id for track in answer.tracks] for answer in answers] == [[]] * 2 + [[1]] * 70
    assert not any(answer.ended for answer in answers)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_film_without_faces_has_no_track(
    name: str,
    face_detector: Callable[[str], FaceDetector],
    follow: Callable[[FaceDetector, Path], list[Tracking]],
    demo_file: Callable[[str], Path],
) -> None:
    answers = follow(face_detector(name), demo_file("no_face.mp4"))

    assert len(answers) == 95
    assert not any(answer.tracks for answer in answers)


@pytest.mark.parametrize("name", ["blazeface", "blazeface-full-range", "yunet"])
def test_two_faces_that_tilt_keep_their_numbers(
    name: str,
    face_detector: Callable[[str], FaceDetector],
    follow: Callable[[FaceDetector, Path], list[Tracking]],
    shared: Path,
) -> None:
    film = shared / "footage" / "intel_head-pose-face-detection-female-and-male.gif"

    believed = [answer.tracks for answer in follow(face_detector(name), film)[2:]]

    assert all([track.id for track in tracks] == [1, 2] for tracks in believed)
    sides = [[track.box.centre[0] < 240 for track in tracks] for tracks in believed]
    assert all(side == sides[0] for side in sides)
    assert sides[0][0] != sides[0][1]
