"""`fer` from PyPI as its README uses it: Haar cascade, quantized TFLite model."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

from benchmarks.candidates.measuring import Clock, Read, main


class FerHaar:
    """`FER()` with its defaults."""

    def __init__(self, _: str | None) -> None:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        from fer.fer import FER  # noqa: PLC0415

        self._fer = FER()
        self._find = self._fer.find_faces
        packages = ("fer", "tensorflow-cpu", "opencv-contrib-python")
        self.versions = {name: version(name) for name in packages}

    def frame(self, image: Any, seconds: float, clock: Clock) -> list[Read]:
        """One call; its search for faces is timed apart."""
        del seconds

        def timed(*given: Any, **named: Any) -> Any:
            with clock.stage("detect"):
                return self._find(*given, **named)

        before = clock.milliseconds["detect"]
        self._fer.find_faces = timed
        with clock.stage("classify"):
            found = self._fer.detect_emotions(image)
        clock.milliseconds["classify"] -= clock.milliseconds["detect"] - before
        return [Read.of(face["box"], face["emotions"]) for face in found]

    def picture(self, image: Any) -> list[Read]:
        """As a frame."""
        return self.frame(image, 0.0, Clock())


if __name__ == "__main__":
    main(FerHaar)
