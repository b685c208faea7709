"""The artifact: what is in it, its hashes, and that the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import jsonschema
import pytest

from agent.errors import AgentError
from handlers.greengrass import artifact
from handlers.greengrass.__main__ import main
from handlers.greengrass.recipe import SETTINGS, recipe
from tests.nuclei.recipe_fields import RECIPE


def test_it_holds_the_wheel_its_lock_the_weights_and_the_script(built: artifact.Written) -> None:
    with zipfile.ZipFile(built.archive) as archive:
        names = archive.namelist()
    assert [name for name in names if not name.startswith("weights/")] == [
        "SHA256SUMS",
        *[name for name in names if name.endswith(".whl")],
        "greengrass.lock",
        "install.sh",
        "settings.schema.json",
    ]
    assert sum(name.startswith("weights/") for name in names) == 3


def test_the_recipe_knows_the_hash_of_the_hashes_of_all_files(
    built: artifact.Written, tmp_path: Path
) -> None:
    with zipfile.ZipFile(built.archive) as archive:
        archive.extractall(tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)
    digest = hashlib.sha256((tmp_path / "SHA256SUMS").read_bytes()).hexdigest()
    written = json.loads(built.recipe.read_text())
    jsonschema.validate(written, RECIPE)
    assert written == recipe(digest, "s3://bucket")
    listed = {line.split("  ")[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()}
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert found - listed == {"SHA256SUMS"}


def test_the_same_input_gives_the_same_bytes(
    built: artifact.Written, parts: dict[str, bytes], tmp_path: Path
) -> None:
    again = artifact.write(tmp_path, dict(reversed(parts.items())), "s3://bucket")
    for one, other in zip(built, again, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_its_schema_takes_the_recipes_settings(parts: dict[str, bytes]) -> None:
    schema = json.loads(parts["settings.schema.json"])
    given = recipe("0" * 64, "s3://b")["ComponentConfiguration"]["DefaultConfiguration"]["settings"]
    jsonschema.validate(given, schema)
    assert given["source"]["uri"] == SETTINGS["source.uri"]
    with pytest.raises(jsonschema.ValidationError, match="detektor"):
        jsonschema.validate({"faces": {"detektor": "haar"}}, schema)


def test_a_wheel_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = ["--wheel", str(tmp_path / "no.whl"), "--lock", str(tmp_path / "no.lock")]
    assert main(["build", *paths, "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"emotion-agent greengrass: error: {tmp_path}/no.whl: cannot be read: "
        "No such file or directory\n"
    )


def test_a_folder_that_cannot_be_written_to(parts: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AgentError, match=r"file: cannot be written: Not a directory"):
        artifact.write(tmp_path / "file", parts, "s3://bucket")


@pytest.mark.parametrize(("option", "value"), [("--bucket", "http://x"), ("--name", "a b")])
def test_a_wrong_option_is_told(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["build", "--wheel", "x", "--lock", "y", option, value])
    assert repr(value) in capsys.readouterr().err
