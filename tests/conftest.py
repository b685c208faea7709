"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as examples

from agent import downloads
from agent.emotion import manifest as manifests
from agent.settings import Settings
from converters.cli import main as convert_main
from tests import strays

if TYPE_CHECKING:
    from agent.inference.service import Inference

PROJECT = Path(__file__).resolve().parent.parent

LONGEST = (
    "handlers/test_model_servers.py",
    "handlers/greengrass/test_component.py",
    "converters/test_deeplens_target.py",
    "converters/test_yunet.py",
    "test_tutorial.py",
    "training/test_devices.py",
    "training/test_train.py",
    "training/test_training_cli.py",
    "handlers/test_mms_docs.py",
    "integration/test_mms_agent.py",
    "integration/test_supervision.py",
    "integration/test_web_page.py",
    "handlers/test_deeplens_board.py",
)
"""The files that take longest, the slowest first (`make test ARGS=--durations=50`)."""

# `make fuzz` looks for what nobody has seen yet; `make test` asks the same every time.
examples.register_profile("test", deadline=None, derandomize=True, database=None)
examples.register_profile(
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("EXAMPLES_EACH", "200")),
    print_blob=True,
)
examples.load_profile(os.environ.get("EXAMPLES", "test"))


_MEMORY_EACH = 2 << 30
"""Bytes for a process with TensorFlow and every runtime, and for the servers that it starts."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Processes for `-n auto`: one more than there are cores, as tests wait a good deal."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE")
    return max(1, min(cores + 1, memory // _MEMORY_EACH))


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None):
        strays.adopt()
        config.add_cleanup(_end_strays)


def _end_strays() -> None:
    """Whatever interrupted the tests: no server, broker or camera outlives them."""
    for command in strays.end():
        print(f"still ran after the tests, and was killed: {command}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that in the end no process waits for another."""
    turns = {PROJECT / "tests" / name: turn for turn, name in enumerate(LONGEST)}
    if hasattr(config, "workerinput"):  # one process of several
        items.sort(key=lambda item: turns.get(item.path, len(turns)))


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the tests, and the processes that they start, out of the user's state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(os.environ, "STATE_DIRECTORY", raising=False)
        patch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # Agents that run side by side would fight for the page's port; its own tests turn it on.
        patch.setitem(os.environ, "EMOTION_AGENT__WEB__ENABLED", "false")
        yield


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def shipped_version() -> str:
    """The version of `models/fer-compact`."""
    return manifests.read(PROJECT / "models" / "fer-compact").version


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test material beside the checkout, which not everybody has."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"test material not found: no folder {folder}")
    return folder


@pytest.fixture(scope="session")
def yunet_weights(shared: Path) -> Path:
    """YuNet's ONNX file, the same as OpenCV Zoo's 2023mar."""
    return shared / "models" / "yunet_s_640_640.onnx"


@pytest.fixture(scope="session")
def yunet_tflite(yunet_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YuNet as `emotion-convert yunet` makes it; skips where its weights are not at hand."""
    path = tmp_path_factory.mktemp("yunet") / "yunet.tflite"
    assert convert_main(["yunet", str(yunet_weights), "--size=320x256", f"--out={path}"]) == 0
    return path


@pytest.fixture(scope="session")
def demo_file() -> Callable[[str], Path]:
    """Path of a file of the demo material or of a detector, fetched where it is missing."""

    def fetched(name: str) -> Path:
        if downloads.find(name) is None:
            downloads.pull([name], report=print)
        return downloads.require(name)

    return fetched


@pytest.fixture(scope="session")
def astronaut_file(demo_file: Callable[[str], Path]) -> Path:
    """A PNG of 512 x 512, one smiling face."""
    return demo_file("astronaut.png")


@pytest.fixture(scope="session")
def hopper_file(demo_file: Callable[[str], Path]) -> Path:
    """A JPEG of 512 x 600, one neutral face."""
    return demo_file("grace_hopper.jpg")


@pytest.fixture(scope="session")
def inference(demo_file: Callable[[str], Path]) -> Inference:
    """The shipped model and the default detector behind requests."""
    from agent.inference.opening import open_inference  # noqa: PLC0415 - a second, for few tests

    demo_file("blazeface-back")
    return open_inference(Settings())
