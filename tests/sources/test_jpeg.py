"""A camera's JPEG is decoded late, and what is wrong with it is told early where it can be."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.errors import SourceError
from agent.sources.jpeg import Jpeg
from agent.types import Image


def scene(width: int, height: int) -> Image:
    """Soft shapes in colour, as a camera shows them."""
    coarse = np.random.default_rng(3).integers(0, 255, (6, 8, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def encoded(image: Image, *parameters: int) -> bytes:
    return bytes(cv2.imencode(".jpg", image, parameters)[1])


def test_the_whole_picture_is_that_of_opencv() -> None:
    content = encoded(scene(640, 480))
    jpeg = Jpeg(content)
    assert jpeg.size == (640, 480)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(jpeg.image, np.asarray(expected))
    assert jpeg.image is jpeg.image


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((640, 480), (160, 120)),
        ((480, 640), (120, 160)),
        ((1283, 717), (161, 90)),
        ((320, 240), (160, 120)),
        ((90, 51), (90, 51)),
    ],
)
def test_a_glimpse_is_the_same_however_far_the_picture_was_decoded(
    size: tuple[int, int], small: tuple[int, int]
) -> None:
    content = encoded(scene(*size))
    early, late = Jpeg(content), Jpeg(content)
    assert late.image.ndim == 3
    assert early.glimpse.shape == late.glimpse.shape == small[::-1]
    difference = np.abs(early.glimpse.astype(int) - late.glimpse)
    assert difference[:-1, :-1].max() <= 4  # at the edge, an odd side is rounded differently


def test_a_picture_is_no_larger_than_asked_for_and_is_not_decoded_again_for_less() -> None:
    content = encoded(scene(640, 480))
    for share, factor in ((1.0, 1), (0.51, 1), (0.5, 2), (0.3, 2), (0.25, 4), (0.0, 8), (9.0, 1)):
        image, found = Jpeg(content).reduced(share)
        assert (found, image.shape) == (factor, (480 // factor, 640 // factor, 3))
    jpeg = Jpeg(content)
    half, _ = jpeg.reduced(0.4)
    assert jpeg.reduced(0.1)[0] is half
    assert jpeg.glimpse.shape == (120, 160)
    whole, _ = jpeg.reduced(0.6)
    assert jpeg.reduced(0.4)[0] is whole is jpeg.image
    near = cv2.resize(whole, (320, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(near.astype(int) - half).mean() < 1


def test_a_thread_that_asks_for_less_takes_nothing_from_one_that_asks_for_all() -> None:
    class Overtaken(Jpeg):
        """Another thread stores its smaller copy right after each."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if name == "_finest" and value is not None:
                super().__setattr__(name, (np.zeros((60, 80, 3), np.uint8), 8))

    assert Overtaken(encoded(scene(640, 480))).image.shape == (480, 640, 3)


def test_a_grey_jpeg_has_three_channels_and_a_glimpse() -> None:
    jpeg = Jpeg(encoded(scene(640, 480)[..., 1]))
    assert jpeg.image.shape == (480, 640, 3)
    assert jpeg.glimpse.shape == (120, 160)


def test_what_is_no_whole_jpeg_is_refused() -> None:
    whole = encoded(scene(64, 48))
    huge = whole.replace(b"\x00\x30\x00\x40", b"\xff\xff\xff\xff", 1)
    for content, problem in (
        (b"", "no JPEG"),
        (bytes(cv2.imencode(".png", scene(8, 8))[1]), "no JPEG"),
        (whole[:-200], "cut off"),
        (whole[:3], "cut off"),
        (huge, "65535 x 65535"),
    ):
        with pytest.raises(SourceError, match=problem):
            Jpeg(content)


def test_what_cannot_be_decoded_is_flat_and_says_so() -> None:
    whole = encoded(scene(640, 480))
    at = whole.index(b"\xff\xc4")
    broken = whole[: at + 5] + bytes([255] * 16) + whole[at + 21 :]  # no such Huffman table
    for look in ("glimpse", "image"):
        jpeg = Jpeg(broken)
        before = jpeg.damaged
        assert getattr(jpeg, look).std() == 0
        assert (before, jpeg.damaged) == (False, True)
        assert jpeg.image.shape == (480, 640, 3)
        assert jpeg.glimpse.shape == (120, 160)
