"""What a path is played as, and what is said of one that cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.errors import SourceError
from agent.sources.files import open_reel
from agent.sources.film import Film
from agent.sources.pictures import Stills

Number = Callable[[npt.NDArray[np.uint8]], int]


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may read everything, so it steps down for the test."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_content_decides_not_the_suffix(
    write_film: Callable[..., Path],
    write_gif: Callable[[list[int]], Path],
    write_picture: Callable[..., Path],
) -> None:
    film = write_film("film.avi", 3)
    assert isinstance(open_reel(film.rename(film.with_suffix(".jpg")), None), Film)
    assert isinstance(open_reel(write_gif([100, 100]), None), Film)
    picture = write_picture("one.png")
    assert isinstance(open_reel(picture.rename(picture.with_suffix(".mp4")), None), Stills)


def test_pictures_play_one_a_second_unless_told_otherwise(
    write_picture: Callable[..., Path],
) -> None:
    folder = write_picture("1.png").parent
    write_picture("2.png")
    assert [shot.time for shot in open_reel(folder, None).play()] == [0, 1]
    assert [shot.time for shot in open_reel(folder, 4).play()] == [0, 0.25]


def test_a_pattern_plays_what_it_matches(
    write_picture: Callable[..., Path], number: Number
) -> None:
    for index in [10, 9, 1]:
        folder = write_picture(f"face{index}.png", index).parent
    write_picture("other1.png", 40)
    shots = open_reel(folder / "face*.png", None).play()
    assert [number(shot.image) for shot in shots] == [1, 9, 10]


def test_a_name_with_brackets_is_a_name_where_it_exists(
    write_picture: Callable[..., Path], number: Number
) -> None:
    shots = list(open_reel(write_picture("copy [1].png", 7), None).play())
    assert [number(shot.image) for shot in shots] == [7]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("notes.txt", b"line\n" * 50, "a text file, not a film or picture"),
        ("noise.mp4", bytes(range(256)) * 9, "not a film, or damaged or cut off"),
        ("cut.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "the picture is cut off"),
    ],
)
def test_an_unplayable_file_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as refusal:
        next(open_reel(path, None).play())
    assert str(refusal.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(refusal.value)


def test_missing_paths_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.mp4: No such file"):
        open_reel(tmp_path / "gone.mp4", None)
    with pytest.raises(SourceError, match="no pictures there"):
        open_reel(tmp_path, None)
    with pytest.raises(SourceError, match=r"\*\.jpg: no pictures there"):
        open_reel(tmp_path / "*.jpg", None)


def test_a_file_that_may_not_be_read_is_named(
    write_picture: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    path = write_picture("private.png")
    path.chmod(0)
    request.getfixturevalue("unprivileged")
    with pytest.raises(SourceError, match=rf"^{path}: Permission denied$"):
        open_reel(path, None)
