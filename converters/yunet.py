"""YuNet from ONNX to int8 TFLite, held against OpenCV's own run of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any, Final

import numpy as np
import tensorflow as tf

from agent.errors import ModelError
from agent.faces.detector import FaceDetector
from agent.faces.yunet import YuNet
from agent.faces.yunet_tflite import YuNetTflite
from agent.quiet import output_hidden
from agent.types import Face, Image
from converters.yunet_network import rebuild
from converters.yunet_pictures import composed, read_all

CALIBRATION: Final = 150
COMPARED: Final = 60

SURE: Final = 0.7
"""Score of the faces that both must find; nearer to the limit of 0.6, either may miss one."""

LEAST_FOUND: Final = 0.95
MOST_EXTRA: Final = 0.05
LEAST_OVERLAP: Final = 0.85
MOST_SHIFT: Final = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Agreement:
    """How the TFLite file finds the faces that OpenCV finds."""

    expected: int
    """Sure faces of OpenCV's."""
    found: float
    """Share of them that overlap a face of the TFLite file's by half."""
    extra: float
    """Sure faces that OpenCV has none for, over `expected`."""
    overlap: float
    """Median IoU of the pairs."""
    shift: float
    """Median distance of the eyes and the nose, over the distance of the eyes."""
    score_difference: float
    """Mean."""
    milliseconds: tuple[float, float]
    """Processor time a picture in OpenCV and in the TFLite interpreter, median."""

    @property
    def complaints(self) -> list[str]:
        """What is over the limits; empty for a file that may be used."""
        if not self.expected:
            return ["OpenCV finds no face in the pictures: nothing to compare"]
        checks = (
            (self.found >= LEAST_FOUND, f"finds {self.found:.0%} of the faces"),
            (self.extra <= MOST_EXTRA, f"finds {self.extra:.0%} faces too many"),
            (self.overlap >= LEAST_OVERLAP, f"its boxes overlap by {self.overlap:.2f} only"),
            (self.shift <= MOST_SHIFT, f"its landmarks are off by {self.shift:.0%}"),
        )
        return [told for good, told in checks if not good]

    def __str__(self) -> str:
        opencv, tflite = self.milliseconds
        return (
            f"{self.expected} faces in OpenCV: {self.found:.1%} found, {self.extra:.1%} too many; "
            f"IoU {self.overlap:.2f}, landmarks off by {self.shift:.1%} of the eyes' distance, "
            f"scores by {self.score_difference:.3f}; {opencv:.1f} ms in OpenCV, "
            f"{tflite:.1f} ms in TFLite"
        )


@dataclass(frozen=True)
class Job:
    """What to convert."""

    weights: Path
    """The ONNX file."""
    out: Path
    size: tuple[int, int]
    """Width and height of the input, multiples of 32."""
    pictures: Sequence[Path]
    """Files and folders with faces to calibrate with."""
    verbose: bool = False


def convert(job: Job, say: Say = print) -> Agreement:
    """Write `job.out`, if it finds the faces that OpenCV finds with the ONNX file.

    Raises `ModelError` for input that cannot be used, and for a file over the limits; `job.out` is
    left alone then.
    """
    opencv = YuNet(job.weights, longest_side=max(job.size))
    images = read_all(job.pictures)
    samples, others = (
        composed(images, count, job.size, seed)
        for seed, count in enumerate((CALIBRATION, COMPARED))
    )
    if not any(opencv.detect(picture) for picture in others):
        raise ModelError(f"{', '.join(map(str, job.pictures))}: OpenCV finds no face in them")
    say(f"calibrating on {CALIBRATION} pictures made of {len(images)}")
    with output_hidden(not job.verbose):
        content = _converted(job, samples)
    job.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{job.out.stem}-", dir=job.out.parent) as folder:
        draft = Path(folder, job.out.name)
        draft.write_bytes(content)
        say(f"comparing with OpenCV on {COMPARED} other pictures")
        agreement = compare(opencv, YuNetTflite(draft), others)
        if agreement.complaints:
            raise ModelError(f"{job.out}: not written: {'; '.join(agreement.complaints)}")
        draft.replace(job.out)
    return agreement


def _converted(job: Job, pictures: Sequence[Image]) -> bytes:
    """A file that takes frames as they are (uint8) and gives float32."""
    width, height = job.size
    converter = tf.lite.TFLiteConverter.from_keras_model(rebuild(job.weights, height, width))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _samples(pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises errors of many kinds, some with pages of text
        reason = " ".join(str(error).strip().partition("\n")[0].split())
        raise ModelError(f"{job.weights}: the conversion failed: {reason}") from error


def _samples(pictures: Sequence[Image]) -> Iterator[list[Any]]:
    """The first has a black and a white pixel, so that a step of the input is one grey level."""
    first = pictures[0].copy()
    first[0, 0], first[0, 1] = 0, 255
    for picture in (first, *pictures[1:]):
        yield [picture[np.newaxis].astype(np.float32)]


def compare(one: FaceDetector, other: FaceDetector, pictures: Sequence[Image]) -> Agreement:
    """The first detector's faces are the expected ones."""
    expected = extra = 0
    pairs: list[tuple[Face, Face]] = []
    times: tuple[list[float], list[float]] = ([], [])
    for picture in pictures:
        mine, theirs = (
            _timed(detector, picture, spent)
            for detector, spent in zip((one, other), times, strict=True)
        )
        sure = [face for face in mine if face.score >= SURE]
        expected += len(sure)
        partners = [_partner(face, theirs) for face in sure]
        pairs += [(a, b) for a, b in zip(sure, partners, strict=True) if b is not None]
        extra += sum(face.score >= SURE and _partner(face, mine) is None for face in theirs)
    return Agreement(
        expected=expected,
        found=len(pairs) / max(1, expected),
        extra=extra / max(1, expected),
        overlap=_median([a.box.iou(b.box) for a, b in pairs]),
        shift=_median([_shift(a, b) for a, b in pairs]),
        score_difference=float(np.mean([abs(a.score - b.score) for a, b in pairs] or [np.nan])),
        milliseconds=(1000 * _median(times[0]), 1000 * _median(times[1])),
    )


def _timed(detector: FaceDetector, picture: Image, spent: list[float]) -> list[Face]:
    start = thread_time()
    faces = detector.detect(picture)
    spent.append(thread_time() - start)
    return faces


def _partner(face: Face, others: Sequence[Face]) -> Face | None:
    best = max(others, key=lambda other: other.box.iou(face.box), default=None)
    return best if best is not None and best.box.iou(face.box) >= 0.5 else None


def _shift(one: Face, other: Face) -> float:
    assert one.landmarks is not None
    assert other.landmarks is not None
    here, there = (
        np.array([points.left_eye, points.right_eye, points.nose])
        for points in (one.landmarks, other.landmarks)
    )
    eyes = np.linalg.norm(here[0] - here[1])
    return float(np.linalg.norm(here - there, axis=1).mean() / max(1.0, eyes))


def _median(values: Sequence[float]) -> float:
    return median(values) if values else float("nan")
