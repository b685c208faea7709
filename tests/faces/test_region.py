"""The short-range network near known faces gives what the large network gave."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from agent.faces.blazeface import BlazeFace
from agent.faces.detector import FaceDetector
from agent.faces.detectors import open_near
from agent.faces.region import RegionDetector
from agent.settings import FacesSettings
from agent.types import Box, Face, Image


@pytest.fixture(scope="module")
def near(face_detector: Callable[[str], FaceDetector]) -> RegionDetector:
    small = face_detector("blazeface-short-range")
    assert isinstance(small, BlazeFace)
    return RegionDetector(small)


@pytest.fixture(scope="module")
def large(face_detector: Callable[[str], FaceDetector]) -> FaceDetector:
    return face_detector("blazeface")


@pytest.fixture
def couple(astronaut: Image, hopper: Image) -> Image:
    """640 x 480, two faces of about 100 pixels."""
    pair = [cv2.resize(image, (320, 320)) for image in (astronaut, hopper)]
    picture = np.full((480, 640, 3), 90, np.uint8)
    picture[100:420] = np.concatenate(pair, axis=1)
    return picture


def test_both_faces_are_found_again_where_the_large_network_sees_them(
    couple: Image, large: FaceDetector, near: RegionDetector
) -> None:
    known = large.detect(couple)
    assert len(known) == 2
    found = near.find(couple, [_shifted(face, 8) for face in known])
    assert found is not None
    for face, again in zip(known, found, strict=True):
        assert again.box.iou(face.box) > 0.75
        assert again.landmarks is not None
        assert face.landmarks is not None
        off = np.subtract(again.landmarks.nose, face.landmarks.nose)
        assert np.hypot(*off) < 0.08 * face.box.side
        assert again.landmarks.roll == pytest.approx(face.landmarks.roll, abs=6)


def test_as_much_of_the_picture_as_it_says_is_enough(
    couple: Image, large: FaceDetector, near: RegionDetector
) -> None:
    double = np.asarray(cv2.resize(couple, (1280, 960), interpolation=cv2.INTER_CUBIC), np.uint8)
    known = [face.box for face in large.detect(double)]
    assert near.enough(known, 1280) <= 0.5
    assert near.enough([], 640) == pytest.approx(0.2)
    whole, half = near.find(double, known), near.find(couple, [box.scaled(0.5) for box in known])
    assert whole is not None
    assert half is not None
    for one, other in zip(whole, half, strict=True):
        again = other.scaled(2)
        assert again.box.iou(one.box) > 0.9
        assert again.landmarks is not None
        assert one.landmarks is not None
        off = np.subtract(again.landmarks.nose, one.landmarks.nose)
        assert np.hypot(*off) < 0.03 * one.box.side


def test_a_face_at_the_edge_is_found_again(
    astronaut: Image, large: FaceDetector, near: RegionDetector
) -> None:
    (whole,) = large.detect(astronaut)
    cut = astronaut[int(whole.box.y) - 5 :, int(whole.box.x) - 5 :]
    (known,) = large.detect(cut)
    found = near.find(cut, [known.box])
    assert found is not None
    assert found[0].box.iou(known.box) > 0.6


def test_one_face_that_has_gone_means_that_all_must_be_searched_for(
    couple: Image, large: FaceDetector, near: RegionDetector
) -> None:
    known = [face.box for face in large.detect(couple)]
    assert near.find(couple, [*known, Box(500, 20, 60, 60)]) is None
    assert near.find(np.zeros_like(couple), known) is None
    assert near.find(couple, [Box(2000, 2000, 60, 60)]) is None
    rest = near.find(couple, [*known, Box(500, 20, 60, 60)], some=True)
    assert rest is not None
    assert [face.box.iou(box) > 0.75 for face, box in zip(rest, known, strict=True)] == [True] * 2


def test_two_boxes_on_one_face_are_not_told_apart(
    couple: Image, large: FaceDetector, near: RegionDetector
) -> None:
    face = large.detect(couple)[0]
    assert near.find(couple, [face.box, _shifted(face, 5)]) is None


@pytest.mark.parametrize("share", [5, 9])
def test_a_new_face_is_suspected(
    astronaut: Image, large: FaceDetector, near: RegionDetector, share: int
) -> None:
    scale = 640 / share / large.detect(astronaut)[0].box.side
    portrait = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.full((480, 640, 3), 90, np.uint8)
    assert not near.suspects(picture, [])
    portrait = portrait[:400, :600]
    picture[60 : 60 + len(portrait), 30 : 30 + portrait.shape[1]] = portrait
    assert near.suspects(picture, [])


def test_known_faces_are_not_suspected(
    couple: Image, large: FaceDetector, near: RegionDetector
) -> None:
    known = large.detect(couple)
    assert not near.suspects(couple, [_shifted(face, 8) for face in known])
    assert near.suspects(couple, [known[0].box])


def test_a_search_by_the_small_network_itself_is_not_spared(
    demo_file: Callable[[str], object],
) -> None:
    demo_file("blazeface-short-range")
    alone = open_near(FacesSettings.model_validate({"blazeface_model": "short-range"}))
    assert alone is not None
    assert not alone.glances


@pytest.mark.parametrize(
    ("settings", "opened"),
    [
        ({}, True),
        ({"blazeface_model": "full-range"}, True),
        ({"detect_every": 2}, False),
        ({"detector": "haar"}, False),
    ],
)
def test_known_faces_are_followed_where_it_is_asked_for_and_boxes_are_alike(
    settings: dict[str, object], opened: bool, demo_file: Callable[[str], object]
) -> None:
    demo_file("blazeface-short-range")
    near = open_near(FacesSettings.model_validate(settings))
    assert (near is not None) is opened


def test_without_the_small_network_the_agent_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("agent.downloads.find", lambda name: None)
    with caplog.at_level("INFO"):
        assert open_near(FacesSettings()) is None
    assert "blazeface-short-range" in caplog.text


def _shifted(face: Face, by: float) -> Box:
    return Box(face.box.x + by, face.box.y - by, face.box.width, face.box.height)
