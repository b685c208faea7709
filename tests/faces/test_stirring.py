"""What counts as a change of the picture, and what belongs to a face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.faces.stirring import alike, changed, outside, portrait, thumbnail
from agent.types import Box, Image


def picture(width: int = 640, height: int = 480) -> Image:
    return np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (320, 240), (1920, 1080), (480, 640)])
def test_a_new_patch_as_large_as_a_small_face_is_a_change_where_it_is(
    width: int, height: int
) -> None:
    before = np.full((height, width, 3), 120, np.uint8)
    now = before.copy()
    side = max(width, height) // 10
    now[height // 2 : height // 2 + side, width // 4 : width // 4 + side] = 160
    cells = changed(thumbnail(before), thumbnail(now))
    rows, columns = np.nonzero(cells)
    assert rows.size
    assert (rows / cells.shape[0]).min() == pytest.approx(0.5, abs=0.1)
    assert (columns / cells.shape[1]).min() == pytest.approx(0.25, abs=0.1)
    assert cells.mean() < 0.1


def test_the_noise_of_a_camera_is_no_change() -> None:
    random = np.random.default_rng(2)
    still = np.clip(np.full((480, 640, 3), 100) + random.normal(0, 6, (480, 640, 3)), 0, 255)
    again = np.clip(np.full((480, 640, 3), 100) + random.normal(0, 6, (480, 640, 3)), 0, 255)
    assert not changed(thumbnail(still.astype(np.uint8)), thumbnail(again.astype(np.uint8))).any()


def test_a_face_and_what_is_below_it_are_left_out_and_the_rest_is_not() -> None:
    cells = np.ones((15, 20), np.bool_)
    left = outside(cells, [Box(288, 96, 64, 64)], 640, 480)
    assert cells.all()
    assert not left[2:, 8:12].any()
    assert left[:, 14:].all()
    assert left[0].all()


def test_a_face_beyond_the_edge_is_left_out_too() -> None:
    left = outside(np.ones((15, 20), np.bool_), [Box(-40, -20, 64, 64)], 640, 480)
    assert not left[:, 0].any()
    assert left[:, -1].all()


def test_grey_and_tiny_pictures_have_a_thumbnail_and_another_size_is_all_new() -> None:
    assert thumbnail(picture()[..., 1]).shape == (15, 20)
    assert thumbnail(np.zeros((1, 1, 3), np.uint8)).shape == (1, 1)
    assert changed(thumbnail(picture()), thumbnail(picture(100, 100))).all()


def test_a_face_is_alike_until_it_moves_or_changes() -> None:
    noise = np.random.default_rng(2).normal(0, 6, (480, 640, 3))
    wide = cv2.resize(picture(16, 12), (640, 480), interpolation=cv2.INTER_CUBIC)
    rough = np.asarray(wide, np.uint8)
    box = Box(200.5, 100.5, 160, 160)
    seen = portrait(rough, box)
    noisy = np.clip(rough + noise, 0, 255).astype(np.uint8)
    assert alike(portrait(noisy, box), seen)
    assert not alike(portrait(np.roll(rough, 8, axis=1), box), seen)
    changed_mouth: Image = rough.copy()
    changed_mouth[210:230, 260:300] ^= 64
    assert not alike(portrait(changed_mouth, box), seen)


def test_a_face_that_reaches_out_of_the_picture_has_a_portrait() -> None:
    whole = portrait(picture(), Box(-30, -30, 100, 100))
    assert whole.shape == (16, 16)
    assert whole.std() > 0
