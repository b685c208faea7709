from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from training.augment import NONE, Augmentation, augment

ONLY = {
    "flip": replace(NONE, flip=True),
    "rotation": replace(NONE, rotation=30.0),
    "scale": replace(NONE, scale=0.3),
    "shift": replace(NONE, shift=0.2),
    "shear": replace(NONE, shear=0.3),
    "light": replace(NONE, light=0.3),
    "erase": replace(NONE, erase_chance=1.0, erase_pixels=(6, 18)),
    "degrade": replace(NONE, degrade_chance=1.0),
}


@pytest.fixture
def images() -> npt.NDArray[np.uint8]:
    """24 pictures of smooth noise: no two pixels' neighbourhoods alike, no symmetry."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (24, 12, 12), np.uint8)
    return np.asarray(coarse.repeat(4, axis=1).repeat(4, axis=2), np.uint8)


def changed(images: npt.NDArray[np.uint8], how: Augmentation, seed: int) -> npt.NDArray[np.uint8]:
    return augment(images, how, np.random.default_rng(seed))


def test_zero_strengths_change_nothing(images: npt.NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(changed(images, NONE, 0), images)


@pytest.mark.parametrize("how", [Augmentation(), *ONLY.values()])
def test_the_seed_decides_the_result(images: npt.NDArray[np.uint8], how: Augmentation) -> None:
    np.testing.assert_array_equal(changed(images, how, 5), changed(images, how, 5))
    assert not np.array_equal(changed(images, how, 5), changed(images, how, 6))


@pytest.mark.parametrize("side", [48, 64])
@pytest.mark.parametrize("how", [Augmentation(), *ONLY.values()])
def test_shape_and_type_are_kept_and_the_originals_left_alone(side: int, how: Augmentation) -> None:
    images = np.random.default_rng(3).integers(0, 256, (6, side, side), np.uint8)
    before = images.copy()
    result = changed(images, how, 1)
    assert result.shape == images.shape
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(images, before)


def test_flip_mirrors_about_half_of_the_pictures(images: npt.NDArray[np.uint8]) -> None:
    result = changed(images, ONLY["flip"], 2)
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(result, images, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(result, images, strict=True)]
    assert sum(mirrored) + sum(same) == len(images)
    assert 5 <= sum(mirrored) <= 19


def test_erasing_fills_one_rectangle_of_the_wanted_size(images: npt.NDArray[np.uint8]) -> None:
    how = replace(NONE, erase_chance=1.0, erase_pixels=(8, 8))
    for before, after in zip(images, changed(images, how, 3), strict=True):
        rows, columns = np.nonzero(before != after)
        assert rows.max() - rows.min() < 8
        assert columns.max() - columns.min() < 8
        assert len(np.unique(after[rows, columns])) == 1


def test_light_keeps_the_order_of_the_greys(images: npt.NDArray[np.uint8]) -> None:
    for before, after in zip(images, changed(images, ONLY["light"], 4), strict=True):
        order = np.argsort(before, axis=None)
        assert (np.diff(after.ravel()[order].astype(int)) >= 0).all()


def test_every_degradation_keeps_the_picture_recognisable(images: npt.NDArray[np.uint8]) -> None:
    for before, after in zip(images, changed(images, ONLY["degrade"], 5), strict=True):
        assert not np.array_equal(before, after)
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.8
