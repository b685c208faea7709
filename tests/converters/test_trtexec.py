from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from agent.emotion import manifest as manifests
from agent.emotion.manifest import ModelFile
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


def test_the_advice_has_a_line_for_each_engine(tmp_path: Path) -> None:
    files = [
        ModelFile(
            file=f"model-{precision}.onnx",
            runtime="onnx",
            precision=precision,
            sha256="0" * 64,
            bytes=1,
        )
        for precision in get_args(EnginePrecision)
        if precision != "float16"
    ]
    shipped = manifests.read(Path(__file__).parents[2] / "models" / "fer-compact")
    manifests.write(shipped.model_copy(update={"files": files}), tmp_path)

    first, *lines = advice(tmp_path).splitlines()

    assert first.endswith("(TensorRT 11 has no --int8 and --fp16):")
    expected = [line.replace("build/models", str(tmp_path)) for line in (INT8, FLOAT16)]
    assert lines[:2] == [f"  {line}" for line in expected]
    assert lines[2] == lines[1].replace("model-float16", "model-float32").replace(" --fp16", "")
