"""The archive: its bytes, its files, and that it needs nothing of the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from agent import downloads
from agent.errors import ModelError
from converters.cli import main
from handlers.mms.archive import contents, write_archive
from handlers.mms.modules import needed
from tests.servers.model_server import environment


def test_the_same_input_gives_the_same_bytes(
    archive: Path, shipped_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "elsewhere" / "fer-compact"
    shutil.copytree(shipped_model, copy)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    write_archive(tmp_path / "again.mar", copy)
    assert (tmp_path / "again.mar").read_bytes() == archive.read_bytes()


def test_it_holds_what_archives_of_mxnet_models_hold(archive: Path) -> None:
    with zipfile.ZipFile(archive) as content:
        assert content.testzip() is None
        assert content.namelist() == sorted(content.namelist())
        assert content.read("synset.txt").decode().split() == [
            *("neutral", "happiness", "surprise", "sadness"),
            *("anger", "disgust", "fear", "contempt"),
        ]
        assert json.loads(content.read("signature.json")) == {
            "input_type": "image/jpeg",
            "inputs": [{"data_name": "data", "data_shape": [1, 1, 48, 48]}],
            "output_type": "application/json",
            "outputs": [{"data_name": "probabilities", "data_shape": [1, 8]}],
        }


def test_model_archiver_packs_the_same_files_alike(archive: Path, tmp_path: Path) -> None:
    """The archiver that comes with the server, given the unpacked files, writes the same archive
    but for order, times, and the manifest's optional keys.
    """
    archiver = environment("mms") / "bin" / "model-archiver"
    folder = tmp_path / "files"
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
        ours = {name: content.read(name) for name in content.namelist()}
    shutil.rmtree(folder / "MAR-INF")
    options = {
        "--model-name": "fer-compact",
        "--model-path": str(folder),
        "--handler": "emotion_handler:handle",
        "--export-path": str(tmp_path),
    }
    pairs = [word for pair in options.items() for word in pair]
    subprocess.run([archiver, *pairs], check=True, capture_output=True)
    with zipfile.ZipFile(tmp_path / "fer-compact.mar") as content:
        files = {name: content.read(name) for name in content.namelist() if name[-1] != "/"}
    manifest, theirs = (json.loads(one.pop("MAR-INF/MANIFEST.json")) for one in (ours, files))
    assert files == ours
    assert manifest["model"].items() >= theirs.pop("model").items()
    assert manifest.items() >= theirs.items()


def test_the_handler_loads_from_the_archive_alone(
    archive: Path, shipped_version: str, tmp_path: Path
) -> None:
    """In the server's own Python, which does not have the agent installed."""
    python = environment("mms") / "bin" / "python"
    with zipfile.ZipFile(archive) as content:
        content.extractall(tmp_path)
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import emotion_handler, pathlib
print(emotion_handler.load(pathlib.Path({str(tmp_path)!r})).model)
loaded = [name for name in sys.modules if name.partition(".")[0] in ("mxnet", "tensorflow", "mms")]
print(loaded, emotion_handler.Inference.__module__, sys.modules["agent"].__file__)
"""
    done = subprocess.run([python, "-I", "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        f"fer-compact@{shipped_version}",
        f"[] agent.inference.service {tmp_path}/agent/__init__.py",
    ]


def test_imports_are_followed_through_packages_and_functions(tmp_path: Path) -> None:
    package = tmp_path / "own"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("from own import base\n")
    (package / "inner" / "leaf.py").write_text("import json, own.other\n")
    (package / "base.py").write_text("NAME = 1\n")
    (package / "other.py").write_text("")
    (package / "unused.py").write_text("")
    start = tmp_path / "start.py"
    start.write_text("def late():\n    from own.inner.leaf import thing\n")
    assert needed(start, tmp_path, "own") == [
        *("own/__init__.py", "own/base.py", "own/inner/__init__.py"),
        *("own/inner/leaf.py", "own/other.py"),
    ]
    start.write_text("from own.absent import thing\n")
    with pytest.raises(FileNotFoundError, match=r"own\.absent"):
        needed(start, tmp_path, "own")


def test_a_changed_model_is_not_packed(shipped_model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "fer-compact"
    shutil.copytree(shipped_model, copy)
    (copy / "model-int8.tflite").write_bytes(b"other")
    with pytest.raises(ModelError, match="SHA-256"):
        contents(copy)


def test_missing_weights_name_the_command_that_fetches_them(
    shipped_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "search_folders", lambda: [tmp_path])
    with pytest.raises(ModelError, match="emotion-agent models pull"):
        contents(shipped_model)


def test_the_command_writes_the_archive_without_keras_or_data(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "fer.mar"
    assert main(["--to", "mar", "fer-compact", "--out", str(out)]) == 0
    assert out.read_bytes() == archive.read_bytes()
    assert "written to" in capsys.readouterr().out
    program = (
        "import sys; from converters.cli import main; "
        f"main(['--to=mar', '--out={out}']); "
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "mar", "nothing", "--out", "x.mar"], "unknown model 'nothing'"),
        (["--to", "mar", "--out", "x.zip"], "end in .mar"),
        (["--to", "mar", "--out", "/proc/x.mar"], "/proc/x.mar: cannot be written"),
    ],
)
def test_a_mistake_is_a_line(
    arguments: list[str], said: str, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("emotion-convert: error: ")
    assert said in line
