"""`emotion-convert yunet`: the face detector YuNet from ONNX to int8 TFLite."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

from agent import downloads
from agent.errors import ModelError
from agent.faces.detectors import YUNET_TFLITE
from training.backend import load_keras_to_convert

_LARGEST: Final = 1280


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    add = parser.add_argument
    add("weights", type=Path, nargs="?", metavar="FILE.onnx", help=_WEIGHTS_HELP)
    add("--size", type=_size, default=(320, 320), metavar="WIDTH[xHEIGHT]", help=_SIZE_HELP)
    add("--out", type=Path, metavar="FILE.tflite", help=_OUT_HELP)
    add("--pictures", type=Path, nargs="+", metavar="PATH", help=_PICTURES_HELP)
    add("--verbose", action="store_true", help="show what the libraries print")


_WEIGHTS_HELP: Final = "default: the file of `emotion-agent models pull yunet`"
_SIZE_HELP: Final = "of the input, in multiples of 32 (default: 320); 640 finds far faces"
_OUT_HELP: Final = (
    f"default: {YUNET_TFLITE} in the data folder, where faces.detector=yunet takes it"
)
_PICTURES_HELP: Final = (
    "pictures, films and folders with faces to calibrate with (default: the demo material)"
)


def run(arguments: argparse.Namespace) -> int:
    """Convert and say how the file compares; raises `ModelError`."""
    weights = arguments.weights or downloads.require("yunet")
    if not weights.is_file():
        raise ModelError(f"{weights}: no such file")
    out = arguments.out or downloads.data_folder() / YUNET_TFLITE
    if out.suffix != ".tflite":
        raise ModelError(f"{out}: its name must end with .tflite")
    missing = [path for path in arguments.pictures or () if not path.exists()]
    if missing:
        raise ModelError(f"{missing[0]}: no such file")
    load_keras_to_convert()
    from converters.yunet import Job, convert  # noqa: PLC0415 - loads TensorFlow
    from converters.yunet_pictures import demo_material  # noqa: PLC0415

    pictures = arguments.pictures or demo_material(_say)
    job = Job(weights, out, arguments.size, pictures, arguments.verbose)
    agreement = convert(job, _say)
    print(agreement)
    print(f"written to {out} ({out.stat().st_size:,} bytes)")
    if arguments.out:
        print(f"to use it: --set faces.detector=yunet --set faces.yunet_model={out.resolve()}")
    else:
        print("to use it: --set faces.detector=yunet")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(0 < n <= _LARGEST and n % 32 == 0 for n in (width, height)):
        raise argparse.ArgumentTypeError(
            f"{text!r}: multiples of 32 up to {_LARGEST}, as in 320 or 320x256"
        )
    return width, height
