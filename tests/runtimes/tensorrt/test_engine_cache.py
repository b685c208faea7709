from __future__ import annotations

import logging
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from agent.runtimes.tensorrt import cache
from agent.runtimes.tensorrt.cuda import Gpu
from agent.runtimes.tensorrt.engine_file import EngineKey

KEY = EngineKey("ab" * 32, Gpu("NVIDIA Tegra/Orin", (8, 7), 8), "10.3.0", "int8")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


def test_an_engine_is_found_again_by_all_that_it_depends_on() -> None:
    cache.store(KEY, b"engine")

    assert cache.load(KEY) == b"engine"
    for other in (
        replace(KEY, onnx_sha256="cd" * 32),
        replace(KEY, gpu=KEY.gpu._replace(processors=16)),
        replace(KEY, tensorrt="10.4.0"),
        replace(KEY, precision="float16"),
        replace(KEY, largest_batch=KEY.largest_batch * 2),
    ):
        assert cache.load(other) is None


def test_engines_lie_in_the_state_folder_under_a_name_that_tells(state: Path) -> None:
    cache.store(KEY, b"engine")

    (file,) = (state / "engines").iterdir()
    assert file.name.startswith("NVIDIA-Tegra-Orin-trt10.3.0-int8-")
    assert (state / "engines").stat().st_mode & 0o077 == 0


def test_a_damaged_engine_is_logged_and_not_used(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.store(KEY, b"engine")
    (file,) = (state / "engines").iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    assert cache.load(KEY) is None
    assert f"{file}: the engine was changed or damaged" in caplog.text


def test_an_engine_that_there_is_no_room_for_leaves_nothing_behind(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, usual[1]))
    try:
        cache.store(KEY, bytes(2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)

    assert "the engine cannot be kept" in caplog.text
    assert list((state / "engines").iterdir()) == []


def test_an_engine_under_a_wrong_name_is_not_used(state: Path) -> None:
    cache.store(KEY, b"engine")
    (file,) = (state / "engines").iterdir()
    cache.store(replace(KEY, precision="float16"), b"other")
    (other,) = set((state / "engines").iterdir()) - {file}
    other.replace(file)

    assert cache.load(KEY) is None


def test_only_the_newest_engines_stay(state: Path) -> None:
    keys = [replace(KEY, onnx_sha256=f"{number:064}") for number in range(cache.KEPT + 3)]
    for age, key in enumerate(keys):
        cache.store(key, b"engine")
        stored = max((state / "engines").iterdir(), key=lambda file: file.stat().st_mtime_ns)
        os.utime(stored, (age, age))

    found = [cache.load(key) is not None for key in keys]

    assert found == [False] * 3 + [True] * cache.KEPT


def test_without_a_place_for_it_the_engine_is_built_at_every_start(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (state / "file").write_text("")
    monkeypatch.setenv("STATE_DIRECTORY", str(state / "file"))

    with caplog.at_level(logging.WARNING):
        cache.store(KEY, b"engine")

    assert "the engine cannot be kept and will be built at every start" in caplog.text
    assert cache.load(KEY) is None
