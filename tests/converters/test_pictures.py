from __future__ import annotations

import numpy as np
import pytest

from agent.emotion.preprocess import Preprocessing
from agent.errors import ModelError
from converters.pictures import CALIBRATION_PICTURES, calibration_pictures, labelled
from training.ferplus import FerPlus, Part


def grey(count: int) -> FerPlus:
    """Mid-grey training pictures, told apart by one pixel."""
    images = np.full((count, 48, 48), 100, np.uint8)
    images[:, 24, 24] = np.arange(count) % 256
    return {"train": Part(images, np.zeros((count, 10), np.uint8), np.array(["x"] * count))}


def test_calibration_is_decided_by_the_seed(data: FerPlus) -> None:
    one, same, other = (calibration_pictures(data, Preprocessing(), seed) for seed in (1, 1, 2))

    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_calibration_holds_black_and_white_and_leaves_the_data_alone() -> None:
    data = grey(40)

    found = calibration_pictures(data, Preprocessing())

    assert (found.min(), found.max()) == (0, 255)
    assert found.shape == (40, 48, 48)
    assert np.array_equal(data["train"].images, grey(40)["train"].images)


def test_half_of_the_calibration_is_as_the_camera_might_see_it() -> None:
    found = calibration_pictures(grey(900), Preprocessing())

    assert len(found) == CALIBRATION_PICTURES
    untouched = (found[:, 40:, 40:] == 100).all(axis=(1, 2))
    assert untouched[0::2].all()
    assert untouched[1::2].mean() < 0.1  # a weak change may miss a flat corner


def test_pictures_come_at_the_size_of_the_model(data: FerPlus) -> None:
    assert calibration_pictures(data, Preprocessing(32)).shape[1:] == (32, 32)
    assert labelled(data, "valid", Preprocessing(32)).crops.shape[1:] == (32, 32)


def test_only_pictures_with_a_majority_are_judged_by(data: FerPlus) -> None:
    valid = data["valid"]
    votes = valid.votes.copy()
    votes[0] = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]
    split = {"valid": Part(valid.images, votes, valid.names)}

    found = labelled(split, "valid", Preprocessing())

    assert len(found) == len(valid) - 1
    np.testing.assert_array_equal(found.crops, valid.images[1:])
    np.testing.assert_array_equal(found.labels, valid.votes[1:].argmax(axis=1))


def test_a_missing_part_is_named(data: FerPlus) -> None:
    with pytest.raises(ModelError, match="no train part"):
        calibration_pictures({"valid": data["valid"]}, Preprocessing())
    with pytest.raises(ModelError, match="no valid part"):
        labelled({"train": data["train"]}, "valid", Preprocessing())


def test_votes_that_never_agree_leave_nothing_to_judge_by() -> None:
    with pytest.raises(ModelError, match="no picture whose votes agree"):
        labelled({"valid": grey(5)["train"]}, "valid", Preprocessing())
