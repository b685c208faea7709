"""Stands in for the board's own `awscam`: its camera is a film, its engine OpenVINO on the CPU.

The frames are a film's, one a call, and the clock that the function reads runs with them, so that
a slow machine sees what the agent sees in the film. The network is really run, from a real IR; not
the GPU, nor the OpenVINO of the board.

BOARD_FILM: the film. BOARD_FAILS_AT: number of a frame that is lost, once.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino

if TYPE_CHECKING:
    import numpy.typing as npt

_played: list[Any] = []
_CLOCK = {"now": 1000.0, "began": 1000.0}
time.monotonic = lambda: _CLOCK["now"]
_loses = [int(text) for text in os.environ.get("BOARD_FAILS_AT", "").split()]


def getLastFrame() -> tuple[bool, npt.NDArray[np.uint8] | None]:  # noqa: N802 - the board's name
    """Whether there is a frame, and it: H x W x 3 BGR."""
    import cv2  # noqa: PLC0415 - on the board it cannot be imported before this module

    if not _played:
        _played.append(cv2.VideoCapture(os.environ["BOARD_FILM"]))
    film = _played[0]
    if _loses and film.get(cv2.CAP_PROP_POS_FRAMES) >= _loses[0]:
        del _loses[0]
        return False, None
    whole, image = film.read()
    if whole:
        # Rounded as the agent's own films are played: the number of a frame over the rate.
        _CLOCK["now"] = _CLOCK["began"] + (film.get(cv2.CAP_PROP_POS_FRAMES) - 1) / film.get(
            cv2.CAP_PROP_FPS
        )
    return whole, image


class Model:
    """A network from an IR."""

    def __init__(self, topology: str, config: dict[str, int], runtime: int = 0) -> None:
        if config != {"GPU": 1} or runtime != 0:
            raise ValueError("not what this stand-in knows")
        api = openvino if hasattr(openvino, "Core") else __import__("openvino.runtime").runtime
        precise = {"INFERENCE_PRECISION_HINT": "f32"}  # some processors would take bfloat16
        self._network = api.Core().compile_model(topology, "CPU", precise)

    def doInference(self, frame: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:  # noqa: N802 - the board's name
        """The network's outputs by name, of H x W x C uint8."""
        answer = self._network([frame[np.newaxis].astype(np.float32)])
        return {"probs": answer[self._network.output(0)]}
