"""Films and pictures, written when a test wants them. A picture's grey level tells its number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

GREY_STEP = 5

GreyPicture = Callable[..., npt.NDArray[np.uint8]]
WriteFilm = Callable[..., Path]


@pytest.fixture
def grey() -> GreyPicture:
    """`grey(number, width=64, height=48)`: picture number `number`."""

    def make(number: int, width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
        return np.full((height, width, 3), number * GREY_STEP, np.uint8)

    return make


@pytest.fixture
def number() -> Callable[[npt.NDArray[np.uint8]], int]:
    """The number that a picture was made with."""
    return lambda image: round(float(image.mean()) / GREY_STEP)


@pytest.fixture
def write_film(tmp_path: Path, grey: GreyPicture) -> WriteFilm:
    """`write_film(name, frames, rate=10)`: a film of pictures 0, 1, 2 ..."""

    def write(name: str, frames: int, rate: float = 10.0) -> Path:
        path = tmp_path / name
        code = "mp4v" if path.suffix == ".mp4" else "MJPG"
        writer = cv2.VideoWriter(
            str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), rate, (64, 48)
        )
        assert writer.isOpened()
        for index in range(frames):
            writer.write(grey(index))
        writer.release()
        return path

    return write


@pytest.fixture
def write_gif(tmp_path: Path, grey: GreyPicture) -> Callable[[list[int]], Path]:
    """`write_gif(durations)`: an animated GIF whose pictures stay for these milliseconds."""

    def write(durations: list[int]) -> Path:
        path = tmp_path / "animated.gif"
        animation = cv2.Animation()
        animation.frames = [grey(index) for index in range(len(durations))]
        animation.durations = durations
        assert cv2.imwriteanimation(str(path), animation)
        return path

    return write


@pytest.fixture
def write_picture(tmp_path: Path, grey: GreyPicture) -> Callable[..., Path]:
    """`write_picture(name, number=0)`, in a folder `pictures`."""

    def write(name: str, number: int = 0) -> Path:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(path), grey(number))
        return path

    return write


@pytest.fixture(scope="session")
def demo_material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and films of plain shades under the names and in the sizes of the real ones."""
    folder = tmp_path_factory.mktemp("demo")
    for name, width, height, shade in [
        ("astronaut.png", 512, 512, 60),
        ("grace_hopper.jpg", 512, 600, 180),
    ]:
        cv2.imwrite(str(folder / name), np.full((height, width, 3), shade, np.uint8))
    for name, width, height, rate, frames in [
        ("single_face.mp4", 640, 360, 30.0, 24),
        ("no_face.mp4", 960, 540, 24.0, 24),
    ]:
        code, size = cv2.VideoWriter.fourcc(*"mp4v"), (width, height)
        writer = cv2.VideoWriter(str(folder / name), cv2.CAP_FFMPEG, code, rate, size)
        for index in range(frames):
            writer.write(np.full((height, width, 3), 100 + index, np.uint8))
        writer.release()
    return folder
