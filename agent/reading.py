"""Reads the expressions of the faces in one picture: crop, gates, one batch through the runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from agent.calibration import Calibration
from agent.emotion.preprocess import GreyImage, Preprocessing
from agent.faces.crop import face_crop
from agent.faces.gates import gate
from agent.stages import StageClock
from agent.types import Face, Frame, Image, Reason, Scores

if TYPE_CHECKING:
    from agent.emotion.manifest import Crop
    from agent.emotion.prior import Prior
    from agent.runtimes.runtime import EmotionRuntime
    from agent.settings import FacesSettings

_DETAIL: Final = 1.5
"""Pixels of the picture across one of the crop."""


def cropped(
    image: Image,
    faces: Sequence[Face],
    crop: Crop,
    preprocessing: Preprocessing,
    settings: FacesSettings,
    scale: int = 1,
) -> list[tuple[GreyImage, Reason | None]]:
    """The crop of each face of a picture (H x W x 3 BGR, at a `scale`-th of the size that the faces
    are told in), and why it is too poor to read.
    """
    crops = [face_crop(image, face.scaled(1 / scale), crop, preprocessing) for face in faces]
    return [(made, gate(face, made, settings)) for face, made in zip(faces, crops, strict=True)]


@dataclass(frozen=True)
class Reading:
    """What one face shows in one picture."""

    scores: Scores | None
    """None where the face was not read."""
    reason: Reason | None
    """Why the face is not good enough to read; None where it is."""
    own: Scores | None = None
    """The model's own, before `prior` and calibration."""


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
        self.calibration = Calibration()
        """Holds what a resting face is misread as, if that was measured."""
        self.runtime = runtime
        self._prior = prior
        self._preprocessing = preprocessing
        self._crop = crop
        self._settings = settings
        self._clock = clock or StageClock()

    @property
    def detail(self) -> float:
        """Pixels a side of a face beyond which more make no difference to the model."""
        return _DETAIL * self._preprocessing.side / (1 + self._crop.margin)

    def read(self, frame: Frame, faces: Sequence[Face]) -> list[Reading]:
        """One reading for each face of a frame, in the same order."""
        if not faces:
            return []
        with self._clock.stage("crop"):
            smallest = min(face.box.side for face in faces)
            image, scale = frame.reduced(self.detail / max(smallest, 1.0))
            made = cropped(image, faces, self._crop, self._preprocessing, self._settings, scale)
            picked = [i for i, (_, reason) in enumerate(made) if reason is None]
        scores: list[Scores | None] = [None] * len(faces)
        own: list[Scores | None] = [None] * len(faces)
        if picked:
            with self._clock.stage("classify"):
                rows = self.runtime.predict(np.stack([made[i][0] for i in picked]))
                for i, row, weighed in zip(picked, rows, self._weighed(rows), strict=True):
                    own[i], scores[i] = Scores(row), Scores(weighed)
        return [Reading(s, m[1], o) for s, m, o in zip(scores, made, own, strict=True)]

    def _weighed(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if self._prior is not None:
            rows = self._prior.apply(rows)
        baseline = self.calibration.baseline
        return rows if baseline is None else baseline.apply(rows)
