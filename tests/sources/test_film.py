"""Films and animated GIFs: their times, and what is done about broken ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.errors import SourceError
from agent.sources import ffmpeg
from agent.sources.files import open_reel
from agent.sources.film import Film
from agent.sources.playback import Shot

WriteFilm = Callable[..., Path]
Number = Callable[[npt.NDArray[np.uint8]], int]


def _played(path: Path) -> list[Shot]:
    return list(Film(path).play())


@pytest.mark.parametrize("name", ["film.mp4", "film.avi", "film.mkv"])
def test_every_frame_of_a_film_comes_with_its_time(write_film: WriteFilm, name: str) -> None:
    shots = _played(write_film(name, 30, rate=25))
    assert [shot.time for shot in shots] == pytest.approx(
        [index / 25 for index in range(30)], abs=0.001
    )
    assert {shot.image.shape for shot in shots} == {(48, 64, 3)}


def test_a_gif_keeps_the_duration_of_each_picture(
    write_gif: Callable[[list[int]], Path], number: Number
) -> None:
    film = Film(write_gif([50, 200, 100, 70]))
    shots = list(film.play())
    assert [shot.time for shot in shots] == pytest.approx([0, 0.05, 0.25, 0.35])
    assert [number(shot.image) for shot in shots] == [0, 1, 2, 3]


def test_real_gifs_play_at_their_own_speed(shared: Path) -> None:
    shots = _played(shared / "footage/intel_classroom.gif")
    assert len(shots) == 45
    assert shots[-1].time == pytest.approx(2.93)


def test_a_film_is_whole_after_a_camera_was_opened(
    write_gif: Callable[[list[int]], Path],
) -> None:
    path = write_gif([50] * 12)
    # The options that keep a camera's delay short would leave nothing of this film.
    assert not ffmpeg.open_camera("http://127.0.0.1:1/", 0.5, 0.5).isOpened()
    assert len(_played(path)) == 12


def test_a_damaged_picture_is_left_out_and_the_times_stay(
    write_film: WriteFilm, number: Number
) -> None:
    path = write_film("film.avi", 12)
    film = bytearray(path.read_bytes())
    starts = [at for at in range(len(film)) if film.startswith(b"\xff\xd8\xff", at)]
    film[starts[5] : starts[6] - 8] = bytes(starts[6] - 8 - starts[5])
    path.write_bytes(film)
    shots = _played(path)
    assert [number(shot.image) for shot in shots] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert shots[5].time == pytest.approx(0.6)


def test_a_film_cut_off_plays_as_far_as_it_goes(write_film: WriteFilm) -> None:
    path = write_film("film.avi", 30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
    shots = _played(path)
    assert 10 < len(shots) < 30
    assert all(first.time < second.time for first, second in pairwise(shots))


def test_raw_films_without_times_play_at_a_steady_rate(
    write_picture: Callable[..., Path], tmp_path: Path
) -> None:
    raw = tmp_path / "camera.mjpeg"
    raw.write_bytes(b"".join(write_picture(f"{n}.jpg", n).read_bytes() for n in range(5)))
    assert [shot.time for shot in _played(raw)] == pytest.approx([n / 25 for n in range(5)])


def test_a_film_with_a_header_in_plain_text_is_a_film(tmp_path: Path) -> None:
    film = tmp_path / "black.y4m"
    picture = b"FRAME\n" + b"\x10" * 64 * 48 + b"\x80" * 64 * 24
    film.write_bytes(b"YUV4MPEG2 W64 H48 F10:1\n" + 3 * picture)
    reel = open_reel(film, None)
    assert isinstance(reel, Film)
    assert len(list(reel.play())) == 3


@pytest.mark.parametrize("kept", [40, 1000])
def test_a_film_without_a_single_whole_frame_is_refused_by_name(
    write_film: WriteFilm, kept: int
) -> None:
    path = write_film("film.mp4", 30)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SourceError, match=r"film\.mp4: .*(cut off|decoded)"):
        _played(path)


def test_a_film_is_whole_in_a_program_started_by_an_agent_that_reads_a_camera(
    demo_file: Callable[[str], Path],
) -> None:
    count = (
        "import sys; from agent.sources import ffmpeg; film = ffmpeg.open_film(sys.argv[1])\n"
        "while film.read()[0]: print('frame')"
    )
    inherited = os.environ | {"OPENCV_FFMPEG_CAPTURE_OPTIONS": ffmpeg._NO_DELAY}
    done = subprocess.run(
        [sys.executable, "-c", count, str(demo_file("single_face.mp4"))],
        env=inherited,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("frame") == 72
