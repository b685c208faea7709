"""Pictures to calibrate the detector with, out of films of any length."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import ModelError
from converters.yunet_pictures import read_all

FRAMES = 240
SIZE = (320, 240)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey, and lighter from frame to frame."""
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, SIZE)
    for level in range(FRAMES):
        writer.write(np.full((SIZE[1], SIZE[0], 3), level, np.uint8))
    writer.release()
    return path


def test_a_film_gives_some_pictures_evenly_and_is_not_kept_whole(film: Path) -> None:
    tracemalloc.start()
    try:
        images = read_all([film])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    levels = [float(image.mean()) for image in images]
    expected = np.linspace(0, FRAMES - 1, 12).astype(int)
    np.testing.assert_allclose(levels, expected, atol=2)
    one = SIZE[0] * SIZE[1] * 3
    assert len(images) * one < most < 20 * one


def test_a_file_that_is_no_film_gives_none(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(ModelError, match=r"no picture or film that can be read"):
        read_all([tmp_path])
