"""`emotion-train tune`: a search for the plan that reads the validation part best.

Trials are suggested by Optuna's TPE sampler (Bergstra et al. 2011), and those that fall behind the
median of the others are given up early. The study is an SQLite file in its folder; each trial is a
run folder of its own, so a search that was stopped, or killed, goes on in the epoch where it was.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from training.augment import Augmentation
from training.errors import DivergedError, TrainingError
from training.ferplus import FerPlus
from training.history import read_history
from training.plan import Plan
from training.train import train

_STARTUP_TRIALS: Final = 5
"""Trials before the sampler and the pruner trust what they have seen."""

_DONE: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_INTERRUPTED: Final = (TrialState.RUNNING, TrialState.FAIL)
"""One search works on a study at a time, so what seems to run when it begins does not."""

_FOLDER: Final = "folder"
"""Attribute of a trial: the name of its run folder."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What a search has found."""

    trials: int
    """Finished or given up."""
    pruned: int
    accuracy: float
    """Of the best finished trial, on the validation part."""
    plan: Plan
    folder: Path
    """Its run folder, with `model.keras`."""

    def text(self) -> str:
        """A few lines for the terminal: the best plan, and the command that trains by it."""
        settings = [f"  {name:<14} {value}" for name, value in _searched(self.plan).items()]
        return "\n".join(
            [
                f"{self.trials} trials, {self.pruned} of them given up early",
                f"best: {100 * self.accuracy:.2f} % on the validation part, {self.folder}",
                *settings,
                f"train by it: {shlex.join(_command(self.plan))}",
            ]
        )


def suggest(trial: Trial, usual: Plan) -> Plan:
    """The plan of a trial: rate, warm-up, decay, augmentation and width, all else as usual."""
    return replace(
        usual,
        peak_rate=trial.suggest_float("peak_rate", 0.02, 0.4, log=True),
        warm_up=trial.suggest_float("warm_up", 0.05, 0.4),
        weight_decay=trial.suggest_float("weight_decay", 5e-4, 2e-2, log=True),
        width=usual.width * trial.suggest_float("width", 0.6, 1.05),
        augmentation=usual.augmentation.scaled(trial.suggest_float("augmentation", 0.5, 1.6)),
    )


def tune(data: FerPlus, usual: Plan, folder: Path, trials: int, say: Say = print) -> Found:
    """Search until the study in `folder` has so many trials, finished or given up.

    The run folders of trials that were given up are deleted. Raises `TrainingError` for a study of
    other settings, and where no trial was finished.
    """
    folder.mkdir(parents=True, exist_ok=True)
    study = _open_study(folder, usual)
    _take_up_the_interrupted(study)
    while (left := trials - len(study.get_trials(deepcopy=False, states=_DONE))) > 0:
        say(f"trial {trials - left + 1} of {trials}")
        study.optimize(lambda trial: _objective(trial, data, usual, folder), n_trials=1)
    return _found(study, usual, folder)


def write_plots(folder: Path) -> list[Path]:
    """Draw the study in `folder`: how it went, and accuracy over each setting."""
    import warnings  # noqa: PLC0415

    from optuna.visualization import matplotlib as drawing  # noqa: PLC0415  # takes a second

    study = _load_study(folder)
    paths = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        for name, draw in (
            ("history", drawing.plot_optimization_history),
            ("settings", drawing.plot_slice),
            ("epochs", drawing.plot_intermediate_values),
        ):
            figure = np.atleast_1d(np.asarray(draw(study))).flat[0].figure
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], dpi=130, bbox_inches="tight")
    return paths


def _objective(trial: Trial, data: FerPlus, usual: Plan, folder: Path) -> float:
    """Accuracy of the last epoch, as a training run is judged by its end."""
    place = folder / trial.user_attrs.get(_FOLDER, f"trial-{trial.number}")
    trial.set_user_attr(_FOLDER, place.name)

    def report(epoch: int, accuracy: float) -> None:
        trial.report(accuracy, epoch)
        if epoch < usual.epochs and trial.should_prune():
            raise optuna.TrialPruned

    try:
        train(data, suggest(trial, usual), place, after_epoch=report)
    except DivergedError:
        shutil.rmtree(place)
        raise optuna.TrialPruned from None
    except optuna.TrialPruned:
        shutil.rmtree(place)
        raise
    return float(read_history(place / "history.csv")[-1]["valid_accuracy"])


def _open_study(folder: Path, usual: Plan) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_address(folder),
        study_name=usual.model,
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=usual.seed, n_startup_trials=_STARTUP_TRIALS),
        pruner=optuna.pruners.MedianPruner(_STARTUP_TRIALS, n_warmup_steps=usual.epochs // 3),
    )
    kept = study.user_attrs.get("plan", usual.as_dict())
    if kept != usual.as_dict():
        names = [name for name, value in usual.as_dict().items() if kept.get(name) != value]
        raise TrainingError(
            f"{folder} holds a search with other settings ({', '.join(names)}); "
            "choose another --out"
        )
    study.set_user_attr("plan", kept)
    return study


def _load_study(folder: Path) -> optuna.Study:
    (summary,) = optuna.get_all_study_summaries(_address(folder))
    return optuna.load_study(study_name=summary.study_name, storage=_address(folder))


def _address(folder: Path) -> str:
    return f"sqlite:///{(folder / 'study.db').absolute()}"


def _take_up_the_interrupted(study: optuna.Study) -> None:
    """Let trials that were stopped or killed run again, in the folders that they have."""
    trials = study.get_trials(deepcopy=False)
    taken = {t.user_attrs.get(_FOLDER) for t in trials if t.state not in _INTERRUPTED}
    for trial in trials:
        place = trial.user_attrs.get(_FOLDER)
        if trial.state is TrialState.RUNNING:
            study.tell(trial.number, state=TrialState.FAIL)
        if trial.state in _INTERRUPTED and place is not None and place not in taken:
            study.enqueue_trial(trial.params, user_attrs={_FOLDER: place})
            taken.add(place)


def _found(study: optuna.Study, usual: Plan, folder: Path) -> Found:
    done = study.get_trials(deepcopy=False, states=_DONE)
    finished = [trial for trial in done if trial.state is TrialState.COMPLETE]
    if not finished:
        raise TrainingError(f"{folder}: every trial was given up; allow more --trials")
    best = study.best_trial
    return Found(
        trials=len(done),
        pruned=len(done) - len(finished),
        accuracy=float(best.value or 0.0),
        plan=suggest(_as_it_was(best), usual),
        folder=folder / str(best.user_attrs[_FOLDER]),
    )


def _as_it_was(trial: FrozenTrial) -> Any:
    """A trial that suggests what it once did."""
    return optuna.trial.FixedTrial(trial.params, number=trial.number)


def _searched(plan: Plan) -> dict[str, str]:
    return {
        "peak rate": f"{plan.peak_rate:.4g}",
        "warm-up": f"{plan.warm_up:.3g}",
        "weight decay": f"{plan.weight_decay:.3g}",
        "width": f"{plan.width:.3g}",
        "augmentation": f"{_strength(plan):.3g} times the usual",
    }


def _strength(plan: Plan) -> float:
    """How strong the augmentation is, of the usual one."""
    return plan.augmentation.rotation / Augmentation().rotation


def _command(plan: Plan) -> list[str]:
    flags = {
        "--model": plan.model,
        "--epochs": plan.epochs,
        "--rate": f"{plan.peak_rate:.4g}",
        "--warm-up": f"{plan.warm_up:.4g}",
        "--weight-decay": f"{plan.weight_decay:.4g}",
        "--width": f"{plan.width:.4g}",
        "--augmentation": f"{_strength(plan):.4g}",
    }
    return ["emotion-train", "train", *(str(word) for pair in flags.items() for word in pair)]
