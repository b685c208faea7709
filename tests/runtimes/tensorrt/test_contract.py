"""The contract of every `EmotionRuntime`, kept by TensorRT.

Asked of this machine's own TensorRT and GPU where there are any, and everywhere of stand-ins for
the releases that differ most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from agent.emotion.manifest import Manifest, Precision
from agent.errors import ModelError
from agent.runtimes.runtime import EmotionRuntime
from agent.runtimes.tensorrt.machine import Machine
from agent.runtimes.tensorrt.runtime import TensorRtRuntime
from tests.runtimes import test_runtime_contract as contract
from tests.runtimes.test_runtime_contract import (
    Open,
    runtime,
    test_a_closed_runtime_reads_nothing_and_can_be_opened_again,
    test_a_face_is_read_the_same_alone_and_among_others,
    test_a_model_of_another_size_than_its_manifest_is_refused,
    test_a_model_of_seven_classes_is_refused,
    test_a_view_of_a_larger_array_is_read_like_its_copy,
    test_every_batch_gives_one_distribution_for_each_face,
    test_it_names_its_engine_and_its_model,
    test_it_says_what_the_float32_tflite_file_says,
    test_other_shapes_and_types_are_refused,
    test_two_open_runtimes_do_not_disturb_each_other,
)

__all__ = [
    "runtime",
    "test_a_closed_runtime_reads_nothing_and_can_be_opened_again",
    "test_a_face_is_read_the_same_alone_and_among_others",
    "test_a_model_of_another_size_than_its_manifest_is_refused",
    "test_a_model_of_seven_classes_is_refused",
    "test_a_view_of_a_larger_array_is_read_like_its_copy",
    "test_every_batch_gives_one_distribution_for_each_face",
    "test_it_names_its_engine_and_its_model",
    "test_it_says_what_the_float32_tflite_file_says",
    "test_other_shapes_and_types_are_refused",
    "test_two_open_runtimes_do_not_disturb_each_other",
]

HERE = "here"
MACHINES: list[tuple[str, Precision]] = [
    ("8.2", "int8"),  # before named tensors
    ("10.3.0", "float32"),
    ("11.4.0", "int8"),  # types come from the file
    (HERE, "int8"),
    (HERE, "float16"),
    (HERE, "float32"),
]


@pytest.fixture(params=MACHINES, ids=lambda param: f"{param[0]} {param[1]}")
def named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which machine and precision; makes this machine that one, or skips."""
    version, precision = request.param
    if version == HERE:
        try:
            Machine()
        except ModelError as missing:
            pytest.skip(f"needs an NVIDIA GPU with TensorRT: {missing}")
    else:
        machine: Callable[[str], Any] = request.getfixturevalue("machine")
        machine(version)
    name = f"tensorrt {precision}"
    monkeypatch.setitem(contract.RUNTIMES, name, ("tensorrt", precision, TensorRtRuntime))
    return name


@pytest.fixture
def opened(named: str) -> Iterator[Open]:
    """Opens runtimes, which are closed at the end: the stand-in for CUDA asks for it."""
    precision = contract.RUNTIMES[named][1]
    with ExitStack() as stack:

        def open_(folder: Path, manifest: Manifest, _threads: int) -> EmotionRuntime:
            return stack.enter_context(closing(TensorRtRuntime(manifest, folder, precision)))

        yield open_
