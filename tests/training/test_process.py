from __future__ import annotations

import numpy as np

from training import process
from training.ferplus import Part
from training.targets import MODES

VOTES = np.array(
    [
        [10, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # kept by all
        [0, 6, 4, 0, 0, 0, 0, 0, 0, 0],  # kept by all, as happiness
        [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # no majority; the others keep it as neutral
        [0, 0, 0, 4, 2, 2, 2, 0, 0, 0],  # dropped by all: no agreement
        [0, 0, 0, 0, 0, 0, 3, 0, 7, 0],  # dropped by all: unknown first
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],  # dropped by all: outliers alone
    ],
    np.uint8,
)


def data() -> dict[str, Part]:
    names = np.array([f"fer{i}.png" for i in range(len(VOTES))])
    return {"train": Part(np.zeros((len(VOTES), 48, 48), np.uint8), VOTES, names)}


def test_counts_are_those_counted_by_hand() -> None:
    counts = process.count(data(), MODES)["train"]
    assert {mode: made.kept for mode, made in counts.items()} == {
        "majority": 2,
        "probability": 3,
        "crossentropy": 3,
        "multi_target": 3,
    }
    assert counts["majority"].classes["neutral"] == 1
    assert counts["crossentropy"].classes["neutral"] == 2
    assert counts["crossentropy"].classes["happiness"] == 1
    assert counts["majority"].dropped == {
        "no vote above one": 1,
        "unknown or no face first": 1,
        "too little agreement": 2,
    }
    assert counts["multi_target"].dropped["too little agreement"] == 1


def test_every_picture_is_kept_or_has_a_reason() -> None:
    rng = np.random.default_rng(1)
    votes = np.array([rng.multinomial(10, rng.dirichlet(np.ones(10) / 2)) for _ in range(300)])
    for mode in MODES:
        made = process.count_votes(votes.astype(np.uint8), mode)
        assert made.kept + sum(made.dropped.values()) == 300
        assert made.kept > 0
        assert made.dropped["too little agreement"] > 0


def test_table_is_aligned_and_says_each_count() -> None:
    lines = process.table(process.count(data(), MODES)).splitlines()
    assert lines[0] == "train: 6 pictures"
    assert lines[1].split() == list(MODES)
    assert len({len(line) for line in lines[1:]}) == 1
    kept = next(line for line in lines if line.startswith("kept"))
    assert kept.split() == ["kept", "2", "3", "3", "3"]


def test_plain_values_carry_the_same_counts() -> None:
    plain = process.as_dict(process.count(data(), ["majority"]))
    assert plain["train"]["majority"]["kept"] == 2
    assert plain["train"]["majority"]["classes"]["happiness"] == 1
