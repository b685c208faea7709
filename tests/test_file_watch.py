"""A settings file that a person edits: each change is told once, when it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.file_watch import FileWatch


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "agent.toml"
    file.write_text("old")
    return file


def looks(watch: FileWatch, count: int = 4) -> list[bool]:
    return [watch.has_changed() for _ in range(count)]


def test_a_file_that_stays_as_it_is_tells_nothing(file: Path) -> None:
    assert not any(looks(FileWatch(file, 0)))


def test_a_change_is_told_once(file: Path) -> None:
    watch = FileWatch(file, 0)
    file.write_text("newer")
    assert sum(looks(watch)) == 1
    file.write_text("newest")
    assert sum(looks(watch)) == 1


def test_a_file_put_in_place_of_the_old_one_is_a_change(file: Path, tmp_path: Path) -> None:
    watch = FileWatch(file, 0)
    fresh = tmp_path / "fresh"
    fresh.write_text("new")
    fresh.replace(file)
    assert sum(looks(watch)) == 1


def test_a_file_still_being_written_is_waited_for(file: Path) -> None:
    watch = FileWatch(file, 0)
    for length in range(1, 6):
        file.write_text("x" * 10 * length)
        assert not watch.has_changed()
    assert sum(looks(watch)) == 1


def test_a_file_that_goes_away_is_told_when_another_comes(file: Path) -> None:
    watch = FileWatch(file, 0)
    file.unlink()
    assert not any(looks(watch))
    file.write_text("another")
    assert sum(looks(watch)) == 1


def test_a_file_that_was_not_there_at_first_is_told(tmp_path: Path) -> None:
    watch = FileWatch(tmp_path / "later.toml", 0)
    assert not any(looks(watch))
    (tmp_path / "later.toml").write_text("")
    assert sum(looks(watch)) == 1


def test_what_has_been_read_is_no_change_any_more(file: Path) -> None:
    watch = FileWatch(file, 0)
    file.write_text("newer")
    watch.take_note()
    assert not any(looks(watch))
    file.write_text("newest")
    assert sum(looks(watch)) == 1


def test_without_a_file_there_is_nothing_to_tell() -> None:
    assert not any(looks(FileWatch(None, 0)))


def test_between_two_looks_the_file_is_left_alone(file: Path) -> None:
    watch = FileWatch(file, 3600)
    file.write_text("newer")
    assert not any(looks(watch))
