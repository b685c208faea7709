"""Trains a network on FER+, one epoch after the other, and can be stopped and taken up again.

The run folder holds `plan.json`, `checkpoint.npz` (replaced whole after every epoch),
`history.csv` (one line an epoch) and, at the end, `model.keras` with the averaged weights.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import crc32

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from agent.emotion.preprocess import Preprocessing
from training.ahead import made_ahead
from training.augment import augment
from training.averaging import follower
from training.backend import load_model, save_model
from training.devices import OneDevice
from training.distillation import Teachers
from training.engine import engine
from training.errors import DivergedError, TrainingError
from training.ferplus import FerPlus
from training.history import HISTORY_COLUMNS, read_history
from training.losses import epoch_targets, loss_for
from training.networks import build
from training.plan import Plan, kept_beside
from training.rarity import epoch_order, repeat_factors
from training.targets import majority_labels, targets


@dataclass
class _Run:
    """A training run's moving parts."""

    plan: Plan
    folder: Path
    model: keras.Model
    """The network being trained, in the plan's precision."""
    averaged: keras.Model
    """The same network in float32, holding the moving average of the weights."""
    follow: Callable[[float], None]
    """Moves the averaged weights; gets the share of themselves that they keep."""
    devices: OneDevice
    epoch: int = 0
    """Epochs done."""
    step: int = 0


@dataclass(frozen=True)
class _Pictures:
    """What a run learns from."""

    images: npt.NDArray[np.uint8]
    wanted: npt.NDArray[np.float32]
    """A distribution over the emotions for each image (N x 8)."""
    repeats: npt.NDArray[np.float64]
    """How often each comes in an epoch (N)."""
    teachers: Teachers | None
    """Those that are asked about each batch."""


AfterEpoch = Callable[[int, float], None]
"""Gets the epoch (from 1) and the averaged weights' accuracy on the validation part."""


def train(
    data: FerPlus,
    plan: Plan,
    folder: Path,
    fresh: bool = False,
    after_epoch: AfterEpoch | None = None,
    devices: OneDevice | None = None,
) -> Path:
    """Train by the plan and return the path of the finished `model.keras`.

    A folder with a checkpoint of the same plan is taken up where it stopped (unless `fresh`); one
    of another plan is refused with `TrainingError`. The same plan on the same machine gives the
    same batches in the same order whether it was interrupted or not, and on however many `devices`.
    Of several workers, the chief alone has the run folder.
    """
    plan.require_files()
    missing = {"train", "valid"} - data.keys()
    if missing:
        raise TrainingError(f"the data has no {' and no '.join(sorted(missing))} part")
    run = _assemble(plan, folder, devices or OneDevice())
    pictures = _training_set(data, plan)
    valid_labels, valid_rows = majority_labels(data["valid"].votes)
    count = len(pictures.images)
    if not count or not len(valid_rows):
        raise TrainingError("no picture of the train or the valid part passes the votes' filter")
    _require_shares(run, min(plan.batch, count))
    run.devices.require_same(_fingerprint(plan, pictures.images), "plan and pictures")
    run.devices.on_chief(lambda: _open_folder(run, fresh))
    _share_state(run)
    valid = _inputs(run, data["valid"].images[valid_rows])
    steps = max(1, count // plan.batch)
    while run.epoch < plan.epochs:
        loss = _epoch(run, pictures, steps)
        valid_loss, accuracy = _validate(run.averaged, valid, valid_labels)
        run.epoch += 1
        if run.devices.chief:
            _append_history(run, loss, valid_loss, accuracy, steps)
        _save_checkpoint(run)
        if after_epoch is not None:
            after_epoch(run.epoch, accuracy)
    run.devices.on_chief(lambda: save_model(run.averaged, run.folder))
    return folder / "model.keras"


def _assemble(plan: Plan, folder: Path, devices: OneDevice) -> _Run:
    """The network, its average and its optimizer, as the seed has them begin."""
    keras.utils.set_random_seed(plan.seed)
    keras.config.set_dtype_policy(plan.precision)
    try:
        with devices.scope():
            model = engine().for_training(build(plan.model, plan.width))
    finally:
        keras.config.set_dtype_policy("float32")
    if plan.start_from is not None:
        _take_weights(model, Path(plan.start_from))
    averaged = build(plan.model, plan.width)
    averaged.set_weights([keras.ops.convert_to_numpy(w) for w in model.weights])
    with devices.scope():
        optimizer = keras.optimizers.SGD(
            plan.peak_rate,
            momentum=plan.momentum,
            nesterov=plan.nesterov,
            weight_decay=plan.weight_decay or None,
        )
        if plan.weight_decay:
            # Only kernels decay: shrinking a batch normalisation's scale or a bias costs accuracy.
            optimizer.exclude_from_weight_decay(
                var_list=[v for v in model.trainable_variables if v.name != "kernel"]
            )
        optimizer.build(model.trainable_variables)
        model.compile(optimizer, loss_for(plan.targets), jit_compile=engine().jit_compile)
    devices.prepare(model)
    return _Run(plan, folder, model, averaged, follower(averaged, model), devices)


def _open_folder(run: _Run, fresh: bool) -> None:
    """Take the run up where its folder has it, or begin the folder."""
    plan, folder = run.plan, run.folder
    folder.mkdir(parents=True, exist_ok=True)
    kept_plan = folder / "plan.json"
    if fresh:
        if plan.start_from is not None and Path(plan.start_from).parent.samefile(folder):
            raise TrainingError(f"{plan.start_from}: --fresh would delete it; choose another --out")
        for name in ("plan.json", "checkpoint.npz", "history.csv", "model.keras"):
            (folder / name).unlink(missing_ok=True)
    if kept_plan.exists():
        differences = plan.differences(kept_plan)
        if differences:
            raise TrainingError(
                f"{folder} holds a run with other settings ({', '.join(differences)}); "
                "choose another --out, or --fresh to begin again"
            )
        _load_checkpoint(run)
    else:
        kept_plan.write_text(json.dumps(plan.as_dict() | _before(plan), indent=2) + "\n")


def _require_shares(run: _Run, batch: int) -> None:
    if batch % run.devices.count:
        raise TrainingError(
            f"{run.devices.count} devices cannot have equal shares of a batch of {batch} pictures"
        )


def _fingerprint(plan: Plan, *arrays: npt.NDArray[Any]) -> int:
    """A number that plans and data that differ hardly share."""
    number = crc32(json.dumps(plan.as_dict() | {"start_from": None}, sort_keys=True).encode())
    for array in arrays:
        number = crc32(array.tobytes(), number)
    return number


def _share_state(run: _Run) -> None:
    """Have every worker begin where the chief does."""
    if run.devices.count == 1:
        return
    variables = [variable for _, some in _state(run) for variable in some]
    here = [keras.ops.convert_to_numpy(variable) for variable in variables]
    counters = [np.array(run.epoch), np.array(run.step)]
    epoch, step, *values = run.devices.from_chief([*counters, *here])
    run.epoch, run.step = int(epoch), int(step)
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _take_weights(model: keras.Model, path: Path) -> None:
    """Begin with the weights of a finished model of the same network."""
    weights = load_model(path).get_weights()
    try:
        model.set_weights(weights)
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise TrainingError(f"{path}: cannot start from it: {reason}") from None


def _before(plan: Plan) -> dict[str, Any]:
    """The plan of the run that this one starts from, so that a model tells its whole history."""
    kept = kept_beside(Path(plan.start_from)) if plan.start_from else None
    return {} if kept is None else {"before": kept}


def _training_set(data: FerPlus, plan: Plan) -> _Pictures:
    wanted, rows = targets(data["train"].votes, plan.targets)
    images, wanted = data["train"].images[rows][: plan.limit], wanted[: plan.limit]
    # By the votes alone: a teacher may have missed the rare ones itself.
    repeats = repeat_factors(wanted, plan.rare_share)
    if not plan.teachers:
        return _Pictures(images, wanted, repeats, None)
    if plan.targets == "multi_target":
        raise TrainingError("teachers cannot soften multi_target; choose other --targets")
    teachers = Teachers([Path(teacher) for teacher in plan.teachers])
    if plan.teachers_see == "augmented":
        return _Pictures(images, wanted, repeats, teachers)
    tqdm.write(f"asking {len(plan.teachers)} teachers about {len(images):,} pictures")
    views = images, images[:, :, ::-1]
    wanted = teachers.soften(wanted, plan.teacher_share, *views)
    return _Pictures(images, wanted, repeats, None)


def _epoch(run: _Run, pictures: _Pictures, steps: int) -> float:
    """One pass over the training pictures; returns the mean loss."""
    plan = run.plan
    losses = []
    with tqdm(
        made_ahead(_batches(run, pictures, steps)),
        total=steps,
        desc=f"epoch {run.epoch + 1}/{plan.epochs}",
        unit="batch",
        mininterval=1.0,
        disable=None,  # no bar where nobody watches (a log, a pipe)
    ) as bar:
        for inputs, expected in bar:
            run.model.optimizer.learning_rate = plan.rate(run.step, plan.epochs * steps)
            losses.append(run.devices.step(run.model, inputs, expected))
            run.follow(plan.average_decay(run.step))
            run.step += 1
            bar.set_postfix(loss=f"{np.mean(losses):.4f}", refresh=False)
    mean = float(np.mean(losses))
    if not np.isfinite(mean):
        raise DivergedError(f"the loss is {mean} in epoch {run.epoch + 1}: lower --rate")
    return mean


def _batches(
    run: _Run, pictures: _Pictures, steps: int
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Shuffled, augmented batches of an epoch, decided by the seed and the epoch alone."""
    rng = np.random.default_rng([run.plan.seed, run.epoch])
    order = epoch_order(pictures.repeats, rng)
    wanted = epoch_targets(pictures.wanted, run.plan.targets, rng)
    for step in range(steps):
        rows = order[step * run.plan.batch : (step + 1) * run.plan.batch]
        changed = augment(pictures.images[rows], run.plan.augmentation, rng)
        targets_of_batch = wanted[rows]
        if pictures.teachers is not None:
            share = run.plan.teacher_share
            views = changed, changed[:, :, ::-1]
            targets_of_batch = pictures.teachers.soften(targets_of_batch, share, *views)
        yield _inputs(run, changed), targets_of_batch


def _inputs(run: _Run, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Pictures of any size as the network takes them."""
    preprocessing = Preprocessing(side=run.model.input_shape[1])
    return preprocessing.normalise(np.stack([preprocessing.resize(image) for image in images]))


def _validate(
    model: keras.Model, inputs: npt.NDArray[np.float32], labels: npt.NDArray[np.intp]
) -> tuple[float, float]:
    """Cross-entropy and accuracy on the validation pictures."""
    logits = model.predict(inputs, batch_size=256, verbose=0)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(labels)), labels].mean()
    return float(loss), float((logits.argmax(axis=1) == labels).mean())


def _append_history(run: _Run, loss: float, valid_loss: float, accuracy: float, steps: int) -> None:
    path = run.folder / "history.csv"
    # A kill between history and checkpoint leaves one line too many: the epoch ran again.
    rows = [row for row in read_history(path) if int(row["epoch"]) < run.epoch]
    rate = run.plan.rate(run.step, run.plan.epochs * steps)
    values = (run.epoch, f"{rate:.6f}", f"{loss:.6f}", f"{valid_loss:.6f}", f"{accuracy:.6f}")
    rows.append(dict(zip(HISTORY_COLUMNS, map(str, values), strict=True)))
    draft = path.with_suffix(".part")
    with draft.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, HISTORY_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    draft.replace(path)
    tqdm.write(
        f"epoch {run.epoch}: loss {loss:.4f}, validation loss {valid_loss:.4f}, "
        f"accuracy {100 * accuracy:.2f} %"
    )


def _save_checkpoint(run: _Run) -> None:
    arrays = {"epoch": np.array(run.epoch), "step": np.array(run.step)}
    for name, variables in _state(run):
        arrays |= {f"{name}_{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(variables)}
    if not run.devices.chief:
        return  # reading the state took all workers, keeping it does not
    draft = run.folder / "checkpoint.part"
    with draft.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # numpy's stub takes allow_pickle for them
    draft.replace(run.folder / "checkpoint.npz")


def _load_checkpoint(run: _Run) -> None:
    path = run.folder / "checkpoint.npz"
    if not path.exists():
        return
    try:
        with np.load(path) as arrays:
            for name, variables in _state(run):
                for i, variable in enumerate(variables):
                    variable.assign(arrays[f"{name}_{i}"])
            run.epoch, run.step = int(arrays["epoch"]), int(arrays["step"])
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise TrainingError(
            f"{path}: not a checkpoint of this network ({error}); --fresh begins again"
        ) from None
    tqdm.write(f"taking up {run.folder} after epoch {run.epoch}")


def _state(run: _Run) -> list[tuple[str, list[keras.Variable]]]:
    """All that changes while training, the dropout's random state among it."""
    return [
        ("model", run.model.variables),
        ("averaged", run.averaged.variables),
        ("optimizer", run.model.optimizer.variables),
    ]
