"""Targets softened by teachers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from training.backend import load_keras
from training.errors import TrainingError
from training.ferplus import load_arrays
from training.plan import Plan

keras = load_keras()

from training.distillation import Teachers  # noqa: E402  # Keras is loaded quietly first
from training.train import train  # noqa: E402

PLAN = Plan(model="tiny", epochs=1, batch=32, peak_rate=0.05, precision="float32", average=0.9)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 48, 48), np.uint8)
VOTES = np.eye(8, dtype=np.float32)[[0, 1, 2, 3, 4]]


def teacher(path: Path, weights: float, outputs: int = 8) -> Path:
    """A network of one dense layer on the picture, its weights drawn with that spread."""
    image = keras.Input((48, 48, 1))
    start = keras.initializers.RandomNormal(stddev=weights, seed=outputs)
    dense = keras.layers.Dense(outputs, kernel_initializer=start, bias_initializer="zeros")
    keras.Model(image, dense(keras.layers.Flatten()(image))).save(path)
    return path


def softened(
    images: npt.NDArray[np.uint8], wanted: npt.NDArray[np.float32], paths: list[Path], share: float
) -> npt.NDArray[np.float32]:
    return Teachers(paths).soften(wanted, share, images, images[:, :, ::-1])


def test_an_undecided_teacher_moves_targets_towards_the_middle(tmp_path: Path) -> None:
    blank = teacher(tmp_path / "blank.keras", 0.0)
    np.testing.assert_allclose(
        softened(IMAGES, VOTES, [blank], 0.4), 0.6 * VOTES + 0.4 / 8, atol=1e-6
    )


def test_targets_stay_distributions_and_a_mirrored_picture_gets_the_same(tmp_path: Path) -> None:
    sure = [teacher(tmp_path / "a.keras", 0.1), teacher(tmp_path / "b.keras", 0.01)]
    straight = softened(IMAGES, VOTES, sure, 0.5)
    mirrored = softened(IMAGES[:, :, ::-1], VOTES, sure, 0.5)
    np.testing.assert_allclose(straight.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(straight, mirrored, atol=1e-5)
    assert straight.std() > 0  # it says something of each picture
    assert not np.allclose(straight, softened(IMAGES, VOTES, sure[:1], 0.5))


def test_an_ensemble_is_the_mean_of_its_members(tmp_path: Path) -> None:
    one, other = teacher(tmp_path / "a.keras", 0.1), teacher(tmp_path / "b.keras", 0.01)
    both = softened(IMAGES, VOTES, [one, other], 1.0)
    alone = [softened(IMAGES, VOTES, [model], 1.0) for model in (one, other)]
    np.testing.assert_allclose(both, np.mean(alone, axis=0), atol=1e-6)


def test_a_run_learns_from_its_teachers_and_keeps_them_in_its_plan(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    sure = teacher(tmp_path / "teacher.keras", 0.1)
    plan = replace(PLAN, teachers=(str(sure),), teacher_share=0.9)
    taught = train(load_arrays(prepared), plan, tmp_path / "taught")
    alone = train(load_arrays(prepared), PLAN, tmp_path / "alone")
    assert plan.differences(tmp_path / "taught/plan.json") == []
    assert PLAN.differences(tmp_path / "taught/plan.json") == ["teacher_share", "teachers"]
    one, other = (keras.models.load_model(p, compile=False).get_weights() for p in (taught, alone))
    assert not all(np.allclose(a, b) for a, b in zip(one, other, strict=True))


def test_teachers_may_see_each_picture_as_the_student_gets_it(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    sure = teacher(tmp_path / "teacher.keras", 0.1)
    once = replace(PLAN, teachers=(str(sure),), teacher_share=1.0)
    always = replace(once, teachers_see="augmented")
    one, other, again = (
        train(load_arrays(prepared), plan, tmp_path / name).with_name("history.csv").read_text()
        for name, plan in (("one", once), ("other", always), ("again", always))
    )
    assert one != other
    assert other == again


def test_a_folder_with_a_manifest_teaches_like_its_keras_file(project: Path) -> None:
    faces = np.random.default_rng(1).normal(128, 40, (16, 48, 48)).clip(0, 255).astype(np.uint8)
    folder = project / "models/fer-tiny"
    quantized, trained = (Teachers([path]).say(faces) for path in (folder, folder / "model.keras"))
    np.testing.assert_allclose(quantized, trained, atol=0.06)
    assert not np.allclose(quantized, trained, atol=1e-9)


def test_a_teacher_that_cannot_teach_is_refused(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    data = load_arrays(prepared)
    text = tmp_path / "notes.keras"
    text.write_text("no model")
    for path, why in (
        (tmp_path / "nowhere.keras", "no such teacher"),
        (tmp_path, r"manifest\.json: No such file or directory"),
        (text, r"not a Keras model \(damaged, cut off, or something else\)"),
        (teacher(tmp_path / "seven.keras", 0.0, outputs=7), r"cannot teach: .* gives \(None, 7\)"),
    ):
        with pytest.raises(TrainingError, match=f"{path.name}(: |/){why}"):
            train(data, replace(PLAN, teachers=(str(path),)), tmp_path / "run", fresh=True)


def test_votes_that_are_there_or_not_are_not_softened(
    prepared: Path, tiny_network: str, tmp_path: Path
) -> None:
    blank = teacher(tmp_path / "blank.keras", 0.0)
    plan = replace(PLAN, targets="multi_target", teachers=(str(blank),))
    with pytest.raises(TrainingError, match="cannot soften multi_target"):
        train(load_arrays(prepared), plan, tmp_path / "run")
