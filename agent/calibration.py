"""Neutral calibration: measures a resting face for five seconds, keeps and applies its baseline."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from agent.durable import write_durably
from agent.emotion.baseline import Baseline, UnsteadyError, baseline_of
from agent.errors import AgentError
from agent.types import Box

logger = logging.getLogger(__name__)

SECONDS: Final = 5.0
"""How long a face has to rest, on the source's clock."""
_PATIENCE: Final = 15.0
"""Seconds after which a measurement ends, even if no frame comes."""

CalibrationState = Literal["none", "measuring", "applied"]


@dataclass(frozen=True)
class Sight:
    """A face followed in a frame."""

    track: int
    box: Box
    row: npt.NDArray[np.float32] | None
    """The model's own 8 probabilities; None where the face was not good enough to read."""


@dataclass(frozen=True)
class Kept:
    """A baseline as it is kept; no picture is among it."""

    baseline: Baseline
    model: str
    time: str
    """When it was measured, ISO, UTC."""
    readings: int


@dataclass
class _Measuring:
    began: float
    """By `monotonic()`."""
    first: float | None = None
    """Time of the first frame, by the source's clock."""
    rows: list[npt.NDArray[np.float32]] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    track: int | None = None
    faces: int = 0
    """Frames in which there was a face."""


class Calibration:
    """The baseline of this installation. Any thread may ask; the vision loop alone measures."""

    def __init__(self, file: Path | None = None) -> None:
        """Without a `file` it is forgotten at the end; one that is damaged is told and left."""
        self._file = file
        self._lock = Lock()
        self._model = ""
        self._measuring: _Measuring | None = None
        self.refusal: str | None = None
        """Why the last measurement came to nothing; None if it did not fail."""
        self.trouble: str | None = None
        """What is wrong with the baseline that is kept."""
        self.kept: Kept | None = None
        """The baseline that is kept, whether or not it suits the model."""
        try:
            self.kept = _read(file)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self.trouble = f"{file} cannot be read; calibrate again or undo"
            logger.warning("the neutral calibration is not used: %s", self.trouble)

    def keep_in(self, file: Path | None) -> None:
        """Keep the baseline, as it is now, in another file (the device has a new name)."""
        with self._lock:
            if file != self._file:
                self._file = file
                self._keep()

    def use_for(self, model: str) -> None:
        """Say which model (name and version) reads; a baseline of another one is not applied."""
        with self._lock:
            self._model = model
            if self.kept is not None:
                self.trouble = None
            if self.kept is not None and self.kept.model != model:
                self.trouble = f"made with {self.kept.model}, not {model}; calibrate again or undo"
                logger.warning("the neutral calibration is not used: %s", self.trouble)

    @property
    def baseline(self) -> Baseline | None:
        """What is to be applied now."""
        kept = self.kept
        return kept.baseline if kept is not None and kept.model == self._model else None

    @property
    def state(self) -> CalibrationState:
        if self._measuring is not None:
            return "measuring"
        return "none" if self.baseline is None else "applied"

    def begin(self) -> None:
        """Measure from the next frame on; one that is under way begins anew."""
        with self._lock:
            self.refusal = None
            self._measuring = _Measuring(monotonic())

    def undo(self) -> None:
        """Forget the baseline, and a measurement that is under way."""
        with self._lock:
            self._measuring, self.kept, self.refusal, self.trouble = None, None, None, None
            self._keep()

    def take(self, time: float, sights: Sequence[Sight]) -> None:
        """Look at a frame's faces, at `time` of the source's clock."""
        if self.state != "measuring":
            return
        with self._lock:
            measuring = self._measuring
            if measuring is not None:
                self._measure(measuring, time, sights)

    def give_up_waiting(self) -> None:
        """End a measurement for which no frames come; to be called now and then."""
        measuring = self._measuring
        if measuring is not None and monotonic() - measuring.began > _PATIENCE:
            with self._lock:
                if self._measuring is measuring:
                    self._refuse("the camera gave no pictures for long enough")

    def _measure(self, measuring: _Measuring, time: float, sights: Sequence[Sight]) -> None:
        measuring.first = time if measuring.first is None else measuring.first
        try:
            _add(measuring, sights)
            if time - measuring.first >= SECONDS:
                self._finish(measuring)
        except UnsteadyError as error:
            self._refuse(str(error))

    def _finish(self, measuring: _Measuring) -> None:
        if not measuring.faces:
            raise UnsteadyError("no face was seen; sit before the camera and try again")
        baseline = baseline_of(np.array(measuring.rows).reshape(-1, 8))
        now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        self.kept = Kept(baseline, self._model, now, len(measuring.rows))
        self._keep()
        self._measuring, self.trouble = None, None  # told only once it is kept
        logger.info("calibrated: %s", in_words(self.kept))

    def _refuse(self, why: str) -> None:
        self._measuring, self.refusal = None, why
        logger.warning("not calibrated: %s", why)

    def _keep(self) -> None:
        if self._file is None:
            return
        try:
            if self.kept is None:
                self._file.unlink(missing_ok=True)
                return
            write_durably(self._file, json.dumps(_as_dict(self.kept)))
        except OSError as error:
            problem = error.strerror or error
            logger.warning("%s: %s: the calibration is lost at the next start", self._file, problem)


def in_words(kept: Kept) -> str:
    """What a baseline does, for people."""
    taken = kept.baseline.taken_off
    if not taken:
        return f"the resting face reads as neutral, nothing to correct ({kept.readings} readings)"
    told = ", ".join(f"{name} by {value:.2f}" for name, value in taken.items())
    return f"lowers the log odds of {told} ({kept.readings} readings)"


def _add(measuring: _Measuring, sights: Sequence[Sight]) -> None:
    if len(sights) > 1:
        raise UnsteadyError("there are several faces; only one may be before the camera")
    for sight in sights:
        measuring.faces += 1
        if sight.row is None:
            continue
        if measuring.track not in (None, sight.track):
            raise UnsteadyError("the face was lost and found again; keep still and try again")
        measuring.track = sight.track
        measuring.rows.append(sight.row)
        measuring.boxes.append(sight.box)
        if _distance(measuring.boxes[0], sight.box) > sight.box.side / 2:
            raise UnsteadyError("the face moved; keep still and try again")


def _distance(one: Box, other: Box) -> float:
    return float(np.hypot(*np.subtract(one.centre, other.centre)))


def _as_dict(kept: Kept) -> dict[str, Any]:
    return {
        "model": kept.model,
        "time": kept.time,
        "readings": kept.readings,
        "taken_off": kept.baseline.taken_off,
    }


def _read(file: Path | None) -> Kept | None:
    """What the file holds; None where there is none."""
    if file is None or not file.exists():
        return None
    told = json.loads(file.read_text())
    time = datetime.fromisoformat(told["time"].replace("Z", "+00:00"))
    text = time.isoformat().replace("+00:00", "Z")
    return Kept(Baseline(told["taken_off"]), str(told["model"]), text, int(told["readings"]))


def require_camera(paused: bool, state: str) -> None:
    """Raises `AgentError` where nothing can be measured now."""
    if paused or state != "live":
        why = "the camera is off" if paused else f"the source is {state}"
        raise AgentError(f"cannot calibrate: {why}")
