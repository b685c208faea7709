from __future__ import annotations

from pathlib import Path

import pytest

from agent.runtimes.tensorrt.building import EnginePrecision
from converters.trtexec import advice, command

INT8 = (
    "trtexec --onnx=build/models/model-int8.onnx --saveEngine=build/models/model-int8.plan "
    "--minShapes=image:1x48x48x1 --optShapes=image:2x48x48x1 --maxShapes=image:16x48x48x1 "
    "--memPoolSize=workspace:256 --noTF32 --int8"
)
FLOAT16 = (
    "trtexec --onnx=build/models/model-float32.onnx "
    "--saveEngine=build/models/model-float16.plan "
    "--minShapes=image:1x48x48x1 --optShapes=image:2x48x48x1 --maxShapes=image:16x48x48x1 "
    "--memPoolSize=workspace:256 --noTF32 --fp16"
)
FLOAT32 = (
    "trtexec '--onnx=my models/model-float32.onnx' "
    "'--saveEngine=my models/model-float32.plan' "
    "--minShapes=image:1x64x64x1 --optShapes=image:2x64x64x1 --maxShapes=image:16x64x64x1 "
    "--memPoolSize=workspace:256 --noTF32"
)


@pytest.mark.parametrize(
    ("file", "precision", "side", "line"),
    [
        ("build/models/model-int8.onnx", "int8", 48, INT8),
        ("build/models/model-float32.onnx", "float16", 48, FLOAT16),
        ("my models/model-float32.onnx", "float32", 64, FLOAT32),
    ],
)
def test_the_command_builds_what_the_agent_builds(
    file: str, precision: EnginePrecision, side: int, line: str
) -> None:
    assert command(Path(file), precision, side) == line


def test_the_advice_has_a_line_for_each_file() -> None:
    text = advice(Path("build/models"), [("int8", "model-int8.onnx")], 48)

    first, *lines = text.splitlines()
    assert first.endswith("(leave --int8 and --fp16 out in TensorRT 11):")
    assert lines == [f"  {INT8}"]
