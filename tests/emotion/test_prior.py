from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.cli import main
from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest, read
from agent.emotion.prior import Prior, prior_for
from agent.errors import AgentError, ModelError
from agent.layers import SettingsError, load
from agent.settings import EmotionSettings

LEARNT = np.array([0.4, 0.3, 0.1, 0.1, 0.04, 0.02, 0.03, 0.01])
EVEN = np.full(8, 1 / 8)


@pytest.fixture
def manifest(project: Path) -> Manifest:
    """Of the shipped model, with round shares."""
    shares = dict(zip(EMOTIONS, LEARNT.tolist(), strict=True))
    return read(project / "models/fer-compact").model_copy(update={"prior": shares})


def applied(settings: EmotionSettings, manifest: Manifest, rows: object = None) -> list[float]:
    prior = prior_for(settings, manifest)
    assert prior is not None
    given = LEARNT[np.newaxis] if rows is None else np.array([rows])
    (row,) = prior.apply(given)
    return [round(float(p), 4) for p in row]


def test_a_face_that_tells_nothing_gets_the_expected_shares(manifest: Manifest) -> None:
    assert applied(EmotionSettings(prior="uniform"), manifest) == [0.125] * 8
    table = dict(zip(EMOTIONS, LEARNT[::-1].tolist(), strict=True))
    settings = EmotionSettings.model_validate({"prior": table})
    assert applied(settings, manifest) == LEARNT[::-1].tolist()


def test_rows_sum_to_one_and_certainty_stays_certain() -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(8), 50)
    changed = Prior(LEARNT, EVEN).apply(rows)
    assert changed.dtype == np.float32
    assert changed.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)
    certain = np.eye(8)
    assert Prior(LEARNT, EVEN).apply(certain) == pytest.approx(certain)
    assert Prior(LEARNT, EVEN).apply(np.empty((0, 8))).shape == (0, 8)


def test_strength_goes_from_the_learnt_shares_to_the_expected(manifest: Manifest) -> None:
    contempt = [
        applied(EmotionSettings(prior="uniform", prior_strength=s), manifest)[-1]
        for s in (0.25, 0.5, 0.75, 1.0)
    ]
    assert [0.01, *contempt] == sorted([0.01, *contempt])
    assert prior_for(EmotionSettings(prior="uniform", prior_strength=0), manifest) is None


def test_the_training_prior_changes_nothing(manifest: Manifest) -> None:
    assert prior_for(EmotionSettings(), manifest) is None


def test_emotions_that_a_table_leaves_out_split_the_rest_as_they_were_learnt(
    manifest: Manifest,
) -> None:
    shares = applied(EmotionSettings(prior={"anger": 0.2, "neutral": 0.5}), manifest)
    assert shares[EMOTIONS.index("anger")] == 0.2
    assert shares[EMOTIONS.index("neutral")] == 0.5
    assert shares[1] / shares[2] == pytest.approx(3, abs=0.02)
    assert sum(shares) == pytest.approx(1, abs=1e-3)


def test_a_table_that_leaves_nothing_for_the_others_is_refused(manifest: Manifest) -> None:
    settings = EmotionSettings(prior={"anger": 0.6, "neutral": 0.5})
    with pytest.raises(AgentError, match=r"emotion\.prior: the shares given sum to 1\.1"):
        prior_for(settings, manifest)


def test_a_model_that_does_not_tell_its_shares_keeps_them(manifest: Manifest) -> None:
    silent = manifest.model_copy(update={"prior": None})
    assert prior_for(EmotionSettings(), silent) is None
    with pytest.raises(AgentError, match=r"manifest of fer-compact.* does not tell the shares"):
        prior_for(EmotionSettings(prior="uniform"), silent)


def test_a_manifest_must_tell_the_share_of_every_emotion(project: Path, tmp_path: Path) -> None:
    text = (project / "models/fer-compact/manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text.replace('"contempt": 0.0', '"scorn": 0.0'))
    with pytest.raises(ModelError, match="prior must have a share for each"):
        read(tmp_path)


def test_the_shipped_model_tells_shares_that_sum_to_one(project: Path) -> None:
    prior = read(project / "models/fer-compact").prior
    assert prior is not None
    assert sum(prior.values()) == pytest.approx(1, abs=1e-4)


def test_a_settings_file_may_have_a_word_or_a_table(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("[emotion.prior]\nanger = 0.2\n")
    assert load(file, environment={}).emotion.prior == {"anger": 0.2}
    file.write_text('emotion.prior = "uniform"\n')
    assert load(file, environment={}).emotion.prior == "uniform"
    file.write_text("[emotion.prior]\nscorn = 0.2\n")
    with pytest.raises(SettingsError, match=r"'emotion\.prior' is \{'scorn': 0\.2\}"):
        load(file, environment={})


def test_classify_reads_with_the_prior_that_the_settings_ask_for(
    tmp_path: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "face.png"
    picture.write_bytes(cv2.imencode(".png", np.full((48, 48), 128, np.uint8))[1].tobytes())
    shown = []
    for prior in ("training", "uniform"):
        command = ["classify", "--json", "--no-detect", "--set", f"emotion.prior={prior}"]
        assert main([*command, str(picture)]) == 0
        (face,) = json.loads(capsys.readouterr().out)["faces"]
        shown.append(face["probabilities"])
    plain, even = shown
    learnt = read(project / "models/fer-compact").prior
    assert learnt is not None
    weighed = {name: plain[name] / learnt[name] for name in EMOTIONS}
    expected = [value / sum(weighed.values()) for value in weighed.values()]
    assert list(even.values()) == pytest.approx(expected, abs=0.01)
    assert even != plain
