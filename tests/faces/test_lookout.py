"""The schedule with real pictures: a new face is seen soon, a lost one is searched for at once."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from agent.faces.lookout import Lookout
from agent.faces.schedule import FULL_AGE, MOVED_AGE, NEAR_AGE, Look
from agent.types import Box, Face, Frame, Image

FPS = 30
EMPTY = np.full((480, 640, 3), 110, np.uint8)
FACE = Face(Box(300, 100, 80, 80), 0.9)


class Detector:
    """Sees a face wherever the picture is white."""

    name = "scripted"
    side = 640

    def detect(self, image: Image) -> list[Face]:
        rows, columns = np.nonzero(image[..., 0] > 200)
        if not rows.size:
            return []
        x, y = int(columns.min()), int(rows.min())
        return [Face(Box(x, y, int(columns.max()) - x, int(rows.max()) - y), 0.9)]


class Near:
    """Finds the faces again for as long as it is told."""

    def __init__(self, glances: bool = True) -> None:
        self.sees = True
        self.glances = glances

    def find(self, image: Image, boxes: list[Box], some: bool = False) -> list[Face] | None:
        if self.sees:
            return [Face(box, 0.9) for box in boxes]
        return [] if some else None

    def enough(self, boxes: list[Box], longer: int) -> float:
        return 100 / longer

    def suspects(self, image: Image, known: list[Box]) -> bool:
        """No small faces, as with the network."""
        return any(face.box.side > 50 for face in Detector().detect(image))


class Watched:
    """An encoded picture that tells how far it was decoded."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.size = (image.shape[1], image.shape[0])
        self.decoded = ""

    def reduced(self, share: float) -> tuple[Image, int]:
        factor = 2 if share <= 0.5 else 1
        self.decoded += str(factor)
        return self._image[::factor, ::factor], factor

    @property
    def glimpse(self) -> Image:
        self.decoded += "g"
        return self._image[::4, ::4, 1]


def frame(index: int, image: Image | Watched) -> Frame:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return Frame(image, index, index / FPS, index / FPS, now)


def with_face(x: int, y: int, side: int, base: Image = EMPTY) -> Image:
    image: Image = base.copy()
    image[y : y + side, x : x + side] = 255
    return image


@pytest.mark.parametrize(
    ("side", "glances", "bound"),
    [(30, False, MOVED_AGE), (30, True, FULL_AGE), (60, True, MOVED_AGE), (120, True, MOVED_AGE)],
)
@pytest.mark.parametrize("begins", [20, 23, 27])
def test_a_new_face_is_seen_within_the_bound(
    side: int, glances: bool, bound: float, begins: int
) -> None:
    lookout = Lookout(Detector(), Near(glances), "auto")
    for index in range(begins):
        assert not lookout.find(frame(index, EMPTY), [], settled=True, calm=True)
    picture = with_face(400, 300, side)
    waited = next(i for i in range(30) if lookout.find(frame(begins + i, picture), [], True, True))
    assert waited / FPS <= bound + 1e-6


def test_what_moves_and_is_no_face_is_only_glanced_at() -> None:
    lookout = Lookout(Detector(), Near(), "auto")
    for index in range(31):
        picture = EMPTY.copy()
        picture[400:, index * 5 : index * 5 + 60] = 180
        lookout.find(frame(index, picture), [FACE.box], settled=True)
    assert lookout.looks[Look.WHOLE] == 2  # in a second, as if nothing moved
    assert lookout.looks[Look.GLANCE] == 4


@pytest.mark.parametrize("calm", [False, True])
@pytest.mark.parametrize("begins", [20, 29, 50])
def test_a_new_face_below_a_known_one_is_seen_within_the_longest_interval(
    begins: int, calm: bool
) -> None:
    lookout = Lookout(Detector(), Near(), "auto")
    for index in range(begins):
        lookout.find(frame(index, EMPTY), [FACE.box], settled=True, calm=calm)
    assert lookout.looks[Look.WHOLE] == 1 + begins // (FPS + 1), "nothing has moved"
    picture = with_face(310, 350, 60)
    waited = next(
        i
        for i in range(30)
        if any(
            face.box.y > 300
            for face in lookout.find(frame(begins + i, picture), [FACE.box], True, calm) or []
        )
    )
    assert waited / FPS <= FULL_AGE + NEAR_AGE


def test_a_calm_face_is_looked_at_when_it_changes(astronaut: Image) -> None:
    lookout = Lookout(Detector(), Near(), "auto")
    picture = np.full((480, 640, 3), 90, np.uint8)
    picture[80:200, 300:420] = astronaut[60:180, 160:280]
    smiling = picture.copy()
    smiling[160:175, 340:380] += 30
    (face,) = lookout.find(frame(0, picture), [], settled=True) or []
    assert face.box.iou(Box(300, 80, 120, 120)) > 0.5
    looked = [
        i
        for i in range(1, 25)
        if lookout.find(frame(i, picture if i < 16 else smiling), [face.box], True, calm=True)
    ]
    assert looked == [9, 18]  # every third frame is seen, as the face is calm


def test_a_face_that_is_not_found_again_is_searched_for_in_the_same_frame() -> None:
    near = Near()
    lookout = Lookout(Detector(), near, "auto")
    image = with_face(300, 100, 80)
    looks = []
    for index in range(8):
        near.sees = index < 4
        lookout.find(frame(index, image), [FACE.box], settled=True)
        looks.append(dict(lookout.looks))
    assert looks[3] == {Look.WHOLE: 1, Look.GLANCE: 0, Look.NEAR: 1, Look.NONE: 2}
    assert looks[4] == {Look.WHOLE: 2, Look.GLANCE: 0, Look.NEAR: 1, Look.NONE: 2}


def test_a_face_that_stays_away_is_looked_for_where_it_was_and_now_and_then_everywhere() -> None:
    near = Near()
    lookout = Lookout(Detector(), near, "auto")
    near.sees = False
    looks = []
    for index in range(13):
        lookout.find(frame(index, EMPTY), [FACE.box], settled=False, missing=True)
        looks.append(dict(lookout.looks))
    assert looks[-1] == {Look.WHOLE: 3, Look.GLANCE: 0, Look.NEAR: 10, Look.NONE: 0}
    near.sees = True
    assert lookout.find(frame(13, EMPTY), [FACE.box], settled=False, missing=True) == [FACE]


def test_five_faces_or_one_tiny_one_are_not_looked_at_singly() -> None:
    for known in ([Box(i * 100, 100, 60, 60) for i in range(5)], [Box(100, 100, 20, 20)]):
        lookout = Lookout(Detector(), Near(), "auto")
        for index in range(30):
            lookout.find(frame(index, EMPTY), known, settled=True)
        assert lookout.looks[Look.NEAR] == 0
        assert lookout.looks[Look.WHOLE] == 10


def test_a_number_needs_no_thumbnails_and_keeps_to_its_frames() -> None:
    lookout = Lookout(Detector(), Near(), 3)
    found = [lookout.find(frame(i, with_face(9, 9, 40)), [], settled=False) for i in range(7)]
    assert [faces is not None for faces in found] == [True, False, False] * 2 + [True]


@pytest.mark.parametrize(("detail", "near"), [(50, "2"), (90, "1")])
def test_a_frame_is_decoded_no_further_than_it_is_looked_at(detail: float, near: str) -> None:
    """A camera of 15 frames a second, a face that stays as it is."""
    lookout = Lookout(Detector(), Near(), "auto", detail)
    pictures = [Watched(with_face(300, 100, 121)) for _ in range(9)]
    place = Box(300, 100, 120, 120)
    looks = []
    for index, picture in enumerate(pictures):
        known = [place] if index else []
        found = lookout.find(frame(2 * index, picture), known, settled=True, calm=index > 1)
        assert found is None or found[0].box == place
        looks.append(found is not None)
    assert [index for index, looked in enumerate(looks) if looked] == [0, 1, 7]
    asked = ["".join(sorted(set(picture.decoded))) for picture in pictures]
    assert asked == ["1g", f"{near}g", "", "g", "", "g", "", f"{near}g", ""]
