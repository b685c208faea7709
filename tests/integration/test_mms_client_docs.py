"""`docs/mms-client.md`: its settings are valid, its commands give the printed answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import BaseModel

from agent.layers import load
from agent.model_api.opening import open_model_api
from agent.settings import ApiSettings, MmsSettings, Settings
from tests.handlers.test_mms_docs import alike, documented
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def document(project: Path) -> str:
    return (project / "docs" / "mms-client.md").read_text()


def test_its_settings_are_valid(document: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        load(file, environment={})


@pytest.mark.parametrize("section", [MmsSettings, ApiSettings])
def test_its_tables_name_every_setting_with_its_default(
    document: str, section: type[BaseModel]
) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", document, re.MULTILINE))
    for name, field in section.model_fields.items():
        default = field.get_default()
        shown = default[0] if isinstance(default, tuple) else default
        if isinstance(shown, bool):
            shown = str(shown).lower()
        expected = "the model's own name" if shown is None else str(shown)
        assert rows[name].replace("`", "").replace(",", "") == expected.removesuffix(".0")


def test_its_commands_give_the_printed_answers(
    document: str, demo_file: Callable[[str], Path], hopper_file: Path, tmp_path: Path
) -> None:
    demo_file("blazeface-back")
    shutil.copy(hopper_file, tmp_path / "face.jpg")
    commands = documented(document)
    assert len(commands) == 4
    with ExitStack() as stack:
        address = open_model_api(Settings(api=ApiSettings(enabled=True, port=0)), stack)
        assert address is not None
        for command, printed in commands:
            here = command.replace("http://127.0.0.1:8080", address.partition("/predictions")[0])
            done = subprocess.run(
                ["bash", "-c", here],
                cwd=tmp_path,
                capture_output=True,
                check=True,
                timeout=PATIENCE,
            )
            assert alike(json.loads(done.stdout), json.loads(printed.replace("\n", " "))), command
