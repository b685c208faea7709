import json
from pathlib import Path

import numpy as np
import pytest

from agent.emotion.labels import EMOTIONS
from converters.provenance import learnt_prior
from training.backend import load_keras, load_model
from training.errors import TrainingError
from training.ferplus import FerPlus, Part
from training.networks import build
from training.shares import learnt_shares

keras = load_keras()

from training.logit_adjustment import adjust, offsets  # noqa: E402  # Keras is loaded quietly first


def _data(contempt: int = 1) -> FerPlus:
    """Two pictures of each emotion, and another number of contempt."""
    named = np.repeat(np.arange(8), [2] * 7 + [contempt])
    votes = np.zeros((len(named), 10), np.uint8)
    votes[np.arange(len(named)), named] = 10
    pictures = np.zeros((len(named), 48, 48), np.uint8)
    return {"train": Part(pictures, votes, np.full(len(named), ""))}


def _saved(folder: Path) -> Path:
    folder.mkdir()
    build("fer-tiny", 0.25).save(folder / "model.keras")
    (folder / "plan.json").write_text('{"seed": 7}')
    return folder / "model.keras"


def test_only_rare_emotions_are_raised_by_bayes_rule() -> None:
    shares = np.array([0.7, 0.25, 0.05])
    np.testing.assert_allclose(offsets(shares, at_least=0.1), [0, 0, np.log(2)])
    assert not offsets(shares, at_least=0.05).any()


def test_the_logits_move_and_the_folder_tells_by_how_much(tmp_path: Path) -> None:
    model, data = _saved(tmp_path / "run"), _data()
    made = adjust(model, data, 0.12, tmp_path / "out")
    faces = np.random.default_rng(0).normal(0, 0.5, (5, 48, 48, 1)).astype(np.float32)
    before, after = (load_model(path).predict(faces, verbose=0) for path in (model, made))
    expected = offsets(learnt_shares(data, None), 0.12)
    np.testing.assert_allclose(after - before, np.tile(expected, (5, 1)), atol=1e-5)
    told = json.loads(made.with_name("plan.json").read_text())
    assert told["plan"] == {"seed": 7}
    assert told["adjusted"]["offsets"]["contempt"] == pytest.approx(np.log(0.12 * 15), 1e-4)
    assert told["adjusted"]["offsets"]["neutral"] == 0


def test_the_shares_that_a_model_expects_are_the_adjusted_ones(tmp_path: Path) -> None:
    data = _data()
    plain = learnt_shares(data, None)
    made = adjust(_saved(tmp_path / "run"), data, 0.12, tmp_path / "out")
    changed = dict(zip(EMOTIONS, learnt_prior(made, data).values(), strict=True))
    assert plain[7] == pytest.approx(1 / 15)
    # 1/15 raised to 0.12, and all of them brought back to a sum of one.
    assert changed["contempt"] == pytest.approx(0.12 / (0.12 + 14 / 15), abs=1e-5)
    assert sum(changed.values()) == pytest.approx(1, abs=1e-5)


def test_an_average_of_adjusted_models_expects_what_they_do() -> None:
    data, even = _data(), dict.fromkeys(EMOTIONS, 0.0)
    adjusted = {"adjusted": {"offsets": even | {"contempt": 1.0}}, "plan": None}
    same = {"average_of": [{"share": share, "plan": adjusted} for share in (0.25, 0.75)]}
    np.testing.assert_allclose(learnt_shares(data, same), learnt_shares(data, adjusted))
    half = {"average_of": [{"share": 0.5, "plan": plan} for plan in (adjusted, None)]}
    halfway = {"adjusted": {"offsets": even | {"contempt": 0.5}}, "plan": None}
    np.testing.assert_allclose(learnt_shares(data, half), learnt_shares(data, halfway))


def test_what_cannot_be_adjusted_is_refused_and_left_alone(tmp_path: Path) -> None:
    model = _saved(tmp_path / "run")
    kept = model.read_bytes()
    with pytest.raises(TrainingError, match="run holds a model of its own; choose another --out"):
        adjust(model, _data(), 0.1, model.parent)
    assert model.read_bytes() == kept
    with pytest.raises(TrainingError, match="no picture of contempt"):
        adjust(model, _data(contempt=0), 0.1, tmp_path / "out")
    image = keras.Input((48, 48, 1))
    bare = keras.layers.Dense(8, use_bias=False)(keras.layers.Flatten()(image))
    keras.Model(image, bare).save(tmp_path / "bare.keras")
    with pytest.raises(TrainingError, match=r"bare\.keras: cannot be adjusted: .* no bias"):
        adjust(tmp_path / "bare.keras", _data(), 0.1, tmp_path / "out")
    assert not (tmp_path / "out").exists()
