"""Multipart streams as cameras send them, in pieces of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from agent.errors import SourceError
from agent.sources.multipart import MOST, Parts

ONE, TWO = b"\xff\xd8 one\r\n-- \n--fra \xff\xd9", b"\xff\xd8 two \xff\xd9"


def told(content: bytes, mark: bytes = b"--frame") -> bytes:
    return mark + b"\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (
        len(content),
        content,
    )


def untold(content: bytes, mark: bytes = b"--frame") -> bytes:
    return mark + b"\r\nContent-Type: image/jpeg\r\n\r\n" + content + b"\r\n"


def pieces(content: bytes, size: int) -> Callable[[int], bytes]:
    rest = bytearray(content)

    def read(most: int) -> bytes:
        piece = bytes(rest[: min(size, most)])
        del rest[: len(piece)]
        return piece

    return read


def parts(content: bytes, boundary: str = "frame", size: int = 1000) -> list[bytes]:
    stream = Parts(pieces(content, size), boundary)
    found: Iterator[bytes] = iter(stream.next, None)
    return list(islice(found, 10))


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("part", [told, untold])
def test_every_part_comes_whole_in_pieces_of_any_size(
    part: Callable[[bytes], bytes], size: int
) -> None:
    content = part(ONE) + part(TWO) + part(ONE) + b"--frame--\r\n"
    assert parts(content, size=size) == [ONE, TWO, ONE]


@pytest.mark.parametrize(
    ("boundary", "mark"),
    [
        ("frame", b"--frame"),
        ("--frame", b"--frame"),
        ("--frame", b"----frame"),
        ("", b"--whatever"),
        ("-", b"--"),
    ],
)
def test_delimiters_are_known_however_they_are_announced(boundary: str, mark: bytes) -> None:
    for part in (told, untold):
        assert parts(part(TWO, mark) + part(TWO, mark) + mark + b"\r\n", boundary) == [TWO, TWO]


def test_line_feeds_alone_none_at_all_and_other_spellings_will_do() -> None:
    head = b"--frame\ncontent-length:%d\nX: y\n\n" % len(TWO)
    assert parts(head + TWO + head + TWO + b"\n--frame\n\n" + TWO + b"\n--frame\n") == 3 * [TWO]


def test_after_a_wrong_length_the_next_delimiter_is_found() -> None:
    short = told(TWO).replace(b"Length: %d" % len(TWO), b"Length: 4")
    unknown = told(TWO).replace(b"Length: %d" % len(TWO), b"Length: many")
    assert parts(short + told(ONE) + unknown + told(ONE)) == [TWO[:4], ONE, TWO, ONE]


def test_a_part_that_is_cut_off_is_none() -> None:
    for part in (told(TWO), untold(TWO)):
        for end in (3, 20, len(part) - 5):
            assert parts(part[:end]) == []


@pytest.mark.parametrize(
    ("begin", "piece", "problem"),
    [
        (b"--frame\r\nContent-Length: 10000000000\r\n\r\n", b"x", "a picture of 10000 MB"),
        (b"--frame\r\nContent-Length: %b\r\n\r\n" % (400 * b"9"), b"x", "announces a picture"),
        (b"--frame\r\nContent-Length: %b\r\n\r\n" % (5000 * b"9"), b"x", "announces a picture"),
        (b"--frame\r\n\r\n", b"x" * 60_000, "more than 16 MB"),
        (b"--frame\r\nX: ", b"x" * 60_000, "lines without end"),
        (b"--frame\r\n", b"X: y\r\n" * 9000, "lines without end"),
        (b"", b"x\n--y" * 12_000, "without end"),
    ],
)
def test_what_has_no_end_is_told_before_it_fills_the_memory(
    begin: bytes, piece: bytes, problem: str
) -> None:
    sent = 0

    def read(most: int) -> bytes:
        nonlocal sent
        sent += len(piece)
        return begin if sent == len(piece) and begin else piece

    with pytest.raises(SourceError, match=problem):
        Parts(read, "frame").next()
    assert sent <= MOST + 200_000
