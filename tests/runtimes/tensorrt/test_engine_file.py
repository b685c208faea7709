from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.runtimes.tensorrt.cuda import Gpu
from agent.runtimes.tensorrt.engine_file import EngineKey, read_engine, write_engine

ORIN = Gpu("Orin", (8, 7), 8)
KEY = EngineKey("ab" * 32, ORIN, "10.3.0", "int8")
ENGINE = bytes(range(256)) * 5 + b"\n\n{"


def test_an_engine_comes_back_with_what_it_is_for(tmp_path: Path) -> None:
    write_engine(tmp_path / "one.engine", KEY, ENGINE)

    assert read_engine(tmp_path / "one.engine") == (KEY, ENGINE)
    assert [path.name for path in tmp_path.iterdir()] == ["one.engine"]


@pytest.mark.parametrize(
    "damage",
    ["cut off", "one bit", "longer", "empty", "text", "other JSON", "list", "number", "no key"],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "one.engine"
    write_engine(path, KEY, ENGINE)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut off": whole[:-9],
            "one bit": whole[:-1] + bytes([whole[-1] ^ 1]),
            "longer": whole + b"\0",
            "empty": b"",
            "text": b"\xff\xfenot an engine\n" * 9,
            "other JSON": b"{}\n" + ENGINE,
            "list": b"[1]\n" + ENGINE,
            "number": b"5\n" + ENGINE,
            "no key": whole.replace(b'"tensorrt"', b'"tensorRT"'),
        }[damage]
    )

    with pytest.raises(ModelError, match=r"one\.engine: ") as refused:
        read_engine(path)

    assert "\n" not in str(refused.value)


def test_it_fits_the_same_machine_and_precision_whatever_the_model() -> None:
    assert KEY.fits(replace(KEY, onnx_sha256="cd" * 32))
    for other in (
        replace(KEY, gpu=ORIN._replace(name="Xavier")),
        replace(KEY, gpu=ORIN._replace(capability=(8, 6))),
        replace(KEY, gpu=ORIN._replace(processors=16)),
        replace(KEY, tensorrt="10.3.1"),
        replace(KEY, precision="float16"),
        replace(KEY, recipe=KEY.recipe + 1),
    ):
        assert not KEY.fits(other)


def test_a_key_is_told_in_words() -> None:
    assert str(KEY) == "int8 for Orin (compute capability 8.7), TensorRT 10.3.0"
