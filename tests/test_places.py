"""Where state is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.layers import SettingsError, load
from agent.places import device_folder, plain_name, state_folder


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_systemd_decides_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder() == tmp_path / "xdg" / "emotion-agent"
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/one:{tmp_path}/two")
    assert state_folder() == tmp_path / "one"


def test_the_home_is_the_last_resort(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_folder() == tmp_path / ".local" / "state" / "emotion-agent"


def test_folders_are_made_and_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    folder = device_folder("hall")
    assert folder == tmp_path / "state" / "hall"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "file" / "state"))
    with pytest.raises(AgentError, match=r"cannot make .*file/state.*Not a directory"):
        state_folder()


@pytest.mark.parametrize("device", ["..", "a/b", "/etc", "", "居間"])
def test_no_name_leads_out_of_the_folder(device: str) -> None:
    assert set(plain_name(device)).isdisjoint("/.\0")


def test_a_wrong_password_setting_is_not_shown() -> None:
    with pytest.raises(SettingsError) as error:
        load(overrides={"mqtt.password": 424242}, environment={})
    assert "mqtt.password" in str(error.value)
    assert "424242" not in str(error.value)
