"""How films and pictures are played: order, time, pace and repetition."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from agent.errors import SourceError
from agent.sources.film import Film
from agent.sources.playback import Playback, Shot
from agent.sources.source import SourceState
from agent.types import Frame

WriteFilm = Callable[..., Path]


class HandTurnedClock:
    """A clock that goes on only when someone sleeps or works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


class SlowReel:
    """A reel of 10 pictures a second, each of which takes long to decode."""

    interval = 0.1

    def __init__(self, clock: HandTurnedClock, decoding: float) -> None:
        self._clock = clock
        self._decoding = decoding

    def play(self) -> Generator[Shot, None, None]:
        for index in range(1000):
            self._clock.sleep(self._decoding)
            yield Shot(index / 10, np.zeros((4, 4, 3), np.uint8))


def _all(source: Playback) -> list[Frame]:
    frames = []
    while source.state is not SourceState.ENDED:
        frame = source.read(1.0)
        if frame is not None:
            frames.append(frame)
    return frames


def test_without_pace_every_frame_comes_in_order_and_alike_at_each_run(
    write_film: WriteFilm, number: Callable[[npt.NDArray[np.uint8]], int]
) -> None:
    path = write_film("film.avi", 12)
    runs = []
    for _ in range(2):
        with Playback("film", lambda: Film(path), pace="none", loop=False) as source:
            frames = _all(source)
        runs.append([(frame.index, frame.time, number(frame.image)) for frame in frames])
        assert source.dropped == 0
    assert runs[0] == runs[1]
    assert [index for index, _, _ in runs[0]] == list(range(12))
    assert [image for _, _, image in runs[0]] == list(range(12))
    assert [time for _, time, _ in runs[0]] == pytest.approx([index / 10 for index in range(12)])


def test_time_and_index_go_on_when_a_film_begins_again(
    write_film: WriteFilm, number: Callable[[npt.NDArray[np.uint8]], int]
) -> None:
    path = write_film("film.avi", 4)
    with Playback("film", lambda: Film(path), pace="none", loop=True) as source:
        frames = [source.read(1.0) for _ in range(10)]
        assert source.state is SourceState.LIVE
    seen = [frame for frame in frames if frame is not None]
    assert [frame.index for frame in seen] == list(range(10))
    assert [frame.time for frame in seen] == pytest.approx([index / 10 for index in range(10)])
    assert [number(frame.image) for frame in seen] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_real_pace_shows_each_frame_when_it_is_due(write_film: WriteFilm) -> None:
    path, clock = write_film("film.avi", 5), HandTurnedClock()
    with Playback("film", lambda: Film(path), pace="real", loop=False, clock=clock) as source:
        frames = _all(source)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.captured for frame in frames] == pytest.approx(
        [1000.0, 1000.1, 1000.2, 1000.3, 1000.4]
    )
    assert clock.now == pytest.approx(1000.4)


def test_real_pace_waits_no_longer_than_asked(write_film: WriteFilm) -> None:
    path, clock = write_film("film.avi", 5, rate=1), HandTurnedClock()
    with Playback("film", lambda: Film(path), pace="real", loop=False, clock=clock) as source:
        assert source.read(0.0) is not None
        assert source.read(0.25) is None
        assert clock.now == pytest.approx(1000.25)
        assert source.state is SourceState.LIVE


def test_real_pace_drops_and_counts_what_a_slow_reader_misses(write_film: WriteFilm) -> None:
    path, clock = write_film("film.avi", 20), HandTurnedClock()
    seen = []
    with Playback("film", lambda: Film(path), pace="real", loop=False, clock=clock) as source:
        while source.state is not SourceState.ENDED:
            frame = source.read(1.0)
            assert frame is not None
            seen.append(frame.index)
            clock.sleep(0.35)
        assert source.dropped == 20 - len(seen)
    assert seen == [0, 3, 7, 10, 14, 17, 19]


def test_a_machine_too_slow_to_decode_plays_slower_instead_of_falling_behind() -> None:
    clock = HandTurnedClock()
    reel = SlowReel(clock, decoding=0.15)
    with Playback("film", lambda: reel, pace="real", loop=False, clock=clock) as source:
        for _ in range(50):
            began = clock.now
            frame = source.read(1.0)
            assert frame is not None
            assert clock.now - began < 1.0
            assert clock.now - frame.captured < 1.0


def test_a_film_that_is_gone_when_it_begins_again_is_an_error(write_film: WriteFilm) -> None:
    path = write_film("film.avi", 3)
    with Playback("film", lambda: Film(path), pace="none", loop=True) as source:
        path.unlink()
        frames = [source.read(1.0) for _ in range(3)]
        assert None not in frames
        with pytest.raises(SourceError, match=str(path)):
            source.read(1.0)
        assert source.read(1.0) is None
        assert source.state is SourceState.ENDED


def test_entering_tells_that_nothing_can_be_played() -> None:
    class Empty(SlowReel):
        def play(self) -> Generator[Shot, None, None]:
            yield from ()

    empty = Empty(HandTurnedClock(), 0)
    with (
        pytest.raises(SourceError, match=r"^folder: no picture could be read$"),
        Playback("folder", lambda: empty, pace="none", loop=True),
    ):
        pass
