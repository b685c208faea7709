"""Reads the expressions of the faces in one picture: crop, gates, one batch through the runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.emotion.manifest import Crop
from agent.emotion.preprocess import Preprocessing, to_grey
from agent.emotion.prior import Prior
from agent.faces.crop import face_crop
from agent.faces.gates import gate
from agent.runtimes.runtime import EmotionRuntime
from agent.settings import FacesSettings
from agent.stages import StageClock
from agent.types import Face, Image, Reason, Scores


@dataclass(frozen=True)
class Reading:
    """What one face shows in one picture."""

    scores: Scores | None
    """None where the face was not read."""
    reason: Reason | None
    """Why the face is not good enough to read; None where it is."""


class FaceReader:
    """Crops faces as the model wants them and reads those that are good enough."""

    def __init__(
        self,
        runtime: EmotionRuntime,
        preprocessing: Preprocessing,
        crop: Crop,
        settings: FacesSettings,
        clock: StageClock | None = None,
        prior: Prior | None = None,
    ) -> None:
        """`prior` says how often each emotion is expected; None leaves that to the model."""
        self.runtime = runtime
        self._prior = prior
        self._preprocessing = preprocessing
        self._crop = crop
        self._settings = settings
        self._clock = clock or StageClock()

    def read(self, image: Image, faces: Sequence[Face], doubtful: bool = False) -> list[Reading]:
        """One reading for each face of a picture (H x W x 3 BGR), in the same order.

        With `doubtful`, faces that fail a gate are read too (their reading has both).
        """
        if not faces:
            return []
        with self._clock.stage("crop"):
            grey = to_grey(image)
            crops = [face_crop(grey, face, self._crop, self._preprocessing) for face in faces]
            reasons = [
                gate(face, crop, self._settings) for face, crop in zip(faces, crops, strict=True)
            ]
            picked = [i for i, reason in enumerate(reasons) if reason is None or doubtful]
        scores: list[Scores | None] = [None] * len(faces)
        if picked:
            with self._clock.stage("classify"):
                rows = self._predict(np.stack([crops[i] for i in picked]))
                for i, row in zip(picked, rows, strict=True):
                    scores[i] = Scores(row)
        return [Reading(s, r) for s, r in zip(scores, reasons, strict=True)]

    def read_whole(self, image: Image) -> Scores:
        """The scores of a picture that is a face crop already (H x W x 3 BGR)."""
        crop = self._preprocessing.resize(to_grey(image))
        return Scores(self._predict(crop[np.newaxis])[0])

    def _predict(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        rows = self.runtime.predict(crops)
        return rows if self._prior is None else self._prior.apply(rows)
