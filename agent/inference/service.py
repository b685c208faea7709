"""Answers a batch of requests: every crop of every picture goes through the model at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agent.emotion.labels import EMOTIONS
from agent.emotion.manifest import Manifest
from agent.emotion.prior import Prior
from agent.errors import SourceError
from agent.faces.detector import FaceDetector
from agent.inference.bodies import PICTURE_LIMITS, Encoded, Pictures, crops_in, pictures_in
from agent.inference.pictures import CroppedPicture, PictureCropper, PictureResult, stacked
from agent.inference.request import (
    Answer,
    Options,
    Request,
    RequestError,
    bodies_of,
    failure,
    options_of,
)
from agent.runtimes.runtime import EmotionRuntime
from agent.settings import FacesSettings
from agent.sources.pictures import decode_picture

logger = logging.getLogger(__name__)

_OWN_FAULT: Final = "the request could not be answered; the server's log has the reason"
_GIVEN_UP: Final = "not read: the server is closing"

Rows = npt.NDArray[np.float32]
"""Probabilities, N x 8, FER+ order."""


@dataclass(frozen=True)
class _Job:
    """A request on its way: its crops, and what makes an answer of their probabilities."""

    crops: npt.NDArray[np.uint8]
    answer: Callable[[Rows], Answer]


class Inference:
    """Reads the faces in requests; belongs to one thread at a time."""

    def __init__(
        self,
        detector: FaceDetector,
        runtime: EmotionRuntime,
        manifest: Manifest,
        settings: FacesSettings,
        prior: Prior | None = None,
    ) -> None:
        """`prior` goes to pictures; crops get the model's own, as from the runtime itself."""
        self._prior = prior
        self.model = runtime.model
        self.engine = runtime.kind
        self._runtime = runtime
        self._side = manifest.input.side
        self._cropper = PictureCropper(detector, manifest, settings)
        self._giving_up = False

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One answer for each request, in the same order; raises nothing.

        A request that is wrong gets status 400 and its neighbours theirs. Pictures are decoded one
        after the other and dropped as soon as their faces are cut out.
        """
        jobs = [self._prepared(request) for request in requests]
        try:
            rows = iter(self._predicted([job for job in jobs if isinstance(job, _Job)]))
        except Exception:
            logger.exception("the model failed on a batch of %d", len(jobs))
            return [failure(_OWN_FAULT, 500) if isinstance(job, _Job) else job for job in jobs]
        return [job.answer(next(rows)) if isinstance(job, _Job) else job for job in jobs]

    def give_up(self) -> None:
        """Read no further picture, also of a request that is being answered: the 64 of one can
        take minutes. Any thread may.
        """
        self._giving_up = True

    def close(self) -> None:
        """Give back what the runtime holds."""
        self._runtime.close()

    def _prepared(self, request: Request) -> _Job | Answer:
        try:
            options = options_of(request)
            bodies = bodies_of(request)
            crops = crops_in(bodies, self._side)
            if crops is not None:
                return _Job(crops, self._bare)
            return self._pictures(pictures_in(bodies), options)
        except RequestError as error:
            return failure(str(error))
        except Exception:
            logger.exception("a request failed")
            return failure(_OWN_FAULT, 500)

    def _pictures(self, pictures: Pictures, options: Options) -> _Job | Answer:
        found = [self._cropped(picture, options) for picture in pictures.pictures]
        if pictures.single and isinstance(found[0], RequestError):
            return failure(str(found[0]))
        faces = [face for one in found if isinstance(one, CroppedPicture) for face in one.faces]

        def answer(rows: Rows) -> Answer:
            rest = iter(rows if self._prior is None else self._prior.apply(rows))
            bodies = []
            for one in found:
                if isinstance(one, RequestError):
                    bodies.append(failure(str(one)).body)
                else:
                    result = one.read([next(rest) for _ in one.faces])
                    bodies.append(_body(result, options))
            return Answer(bodies[0] if pictures.single else bodies)

        return _Job(stacked(faces, self._side), answer)

    def _cropped(
        self, picture: Encoded | RequestError, options: Options
    ) -> CroppedPicture | RequestError:
        if isinstance(picture, RequestError):
            return picture
        if self._giving_up:
            return RequestError(f"{picture.name}: {_GIVEN_UP}")
        try:
            image = decode_picture(picture.name, picture.content, limits=PICTURE_LIMITS)
        except SourceError as error:
            return RequestError(str(error))
        found = self._cropper.crop(image, options.crop == "whole")
        if options.format == "faces":
            return found
        # One face a picture, and the whole of a picture without any, as the label list has it.
        first = found if found.faces else self._cropper.crop(image, whole=True)
        return CroppedPicture(first.width, first.height, first.faces[:1])

    def _bare(self, rows: Rows) -> Answer:
        return Answer({"model": self.model, "probabilities": rows.tolist()})

    def _predicted(self, jobs: Sequence[_Job]) -> list[Rows]:
        if not jobs:
            return []
        rows = self._runtime.predict(np.concatenate([job.crops for job in jobs]))
        ends = np.cumsum([len(job.crops) for job in jobs])
        return np.split(rows, ends[:-1])


def _body(result: PictureResult, options: Options) -> Any:
    if options.format == "faces":
        return result.as_dict()
    (face,) = result.faces
    pairs = zip(EMOTIONS, face.scores.probabilities, strict=True)
    return [{label: round(float(probability), 4)} for label, probability in pairs]
