"""The switches of a running agent, and what they are after its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.control import Control
from agent.errors import AgentError
from agent.settings import Settings


def test_switches_are_off_at_first_and_hold_what_they_are_given() -> None:
    control = Control()
    assert (control.muted, control.paused) == (False, False)
    control.mute(True)
    control.pause(True)
    assert (control.muted, control.paused) == (True, True)
    control.pause(False)
    assert (control.muted, control.paused) == (True, False)


def test_switches_outlive_the_agent(tmp_path: Path) -> None:
    file = tmp_path / "switches.json"
    Control(file).pause(True)
    again = Control(file)
    assert (again.muted, again.paused) == (False, True)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"muted": true}'])
def test_a_camera_stays_off_where_its_switch_cannot_be_read(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "switches.json"
    file.write_text(damage)
    assert Control(file).paused
    assert "stays off" in caplog.text


def test_a_camera_stays_off_where_its_switch_cannot_be_reached(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a folder that another user has made for themselves, or on a disk that fails."""
    unreachable = tmp_path / ("x" * 300) / "switches.json"
    assert Control(unreachable).paused
    assert "stays off" in caplog.text


def test_a_switch_that_cannot_be_kept_still_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    control = Control(tmp_path / "missing" / "switches.json")
    control.pause(True)
    assert control.paused
    assert "lost at the next start" in caplog.text


def test_a_cue_goes_to_those_who_listen() -> None:
    control = Control()
    heard: list[str | None] = []
    assert not control.cue("anger")
    stop = control.on_cue(heard.append)
    assert control.cue("anger")
    assert control.cue()
    stop()
    assert not control.cue("fear")
    assert heard == ["anger", None]


def test_new_settings_are_given_once() -> None:
    control = Control(read_settings=lambda: Settings(device="other"))
    assert control.new_settings() is None
    control.reload()
    taken = control.new_settings()
    assert taken is not None
    assert taken.device == "other"
    assert control.new_settings() is None


def test_wrong_settings_are_told_to_the_asker_and_not_given() -> None:
    def broken() -> Settings:
        raise AgentError("agent.toml: unknown setting 'facs'")

    control = Control(read_settings=broken)
    with pytest.raises(AgentError, match="facs"):
        control.reload()
    assert control.new_settings() is None


def test_switches_move_to_the_place_of_a_new_name(tmp_path: Path) -> None:
    control = Control(tmp_path / "one.json")
    control.pause(True)
    control.keep_in(tmp_path / "two.json")
    assert Control(tmp_path / "two.json").paused
