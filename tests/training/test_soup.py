import json
from pathlib import Path

import numpy as np
import pytest

from training.backend import load_model
from training.errors import TrainingError
from training.networks import build
from training.soup import average


def _saved(path: Path, width: float = 0.25, value: float = 0.0) -> Path:
    model = build("fer-tiny", width)
    model.set_weights([np.full(w.shape, value) for w in model.weights])
    path.parent.mkdir()
    model.save(path)
    return path


def test_each_weight_is_the_mean_by_shares(tmp_path: Path) -> None:
    one = _saved(tmp_path / "one" / "model.keras", value=1.0)
    two = _saved(tmp_path / "two" / "model.keras", value=5.0)
    one.with_name("plan.json").write_text('{"seed": 7}')
    made = average([one, two], [3, 1], tmp_path / "out")
    assert {float(w.min()) for w in load_model(made).get_weights()} == {2.0}
    told = json.loads(made.with_name("plan.json").read_text())["average_of"]
    assert told == [{"share": 0.75, "plan": {"seed": 7}}, {"share": 0.25, "plan": None}]


def test_other_networks_and_missing_shares_are_refused(tmp_path: Path) -> None:
    one = _saved(tmp_path / "one" / "model.keras")
    two = _saved(tmp_path / "two" / "model.keras", width=0.5)
    with pytest.raises(TrainingError, match=r"two.*not the same network as .*one"):
        average([one, two], [1, 1], tmp_path / "out")
    with pytest.raises(TrainingError, match="1 models and 1 shares"):
        average([one], [1], tmp_path / "out")


def test_the_folder_of_a_run_is_left_alone(tmp_path: Path) -> None:
    one = _saved(tmp_path / "one" / "model.keras")
    one.with_name("checkpoint.npz").touch()
    kept = one.read_bytes()
    with pytest.raises(TrainingError, match="one holds a run of its own; choose another --out"):
        average([one, one], [1, 1], one.parent)
    assert one.read_bytes() == kept
