from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.emotion.manifest import Crop
from agent.emotion.preprocess import Preprocessing
from agent.faces.crop import face_crop
from agent.reading import cropped
from agent.settings import FacesSettings
from agent.sources.jpeg import Jpeg
from agent.types import Box, Face, Image, Landmarks

MODEL = Preprocessing(side=48)
PLAIN = Crop(margin=0)

Grey = npt.NDArray[np.uint8]


def slopes(height: int = 300, width: int = 400) -> Grey:
    """Grey rises by 0.4 a pixel to the right and by 0.2 a pixel down."""
    y, x = np.mgrid[:height, :width]
    return np.asarray(np.round(0.4 * x + 0.2 * y), np.uint8)


def tilted(box: Box, degrees: float) -> Face:
    """A face with landmarks whose eyes slope by an angle."""
    (x, y), angle = box.centre, math.radians(degrees)
    along, down = np.array([math.cos(angle), math.sin(angle)]), np.array([0.0, 0.0])
    down[:] = -along[1], along[0]
    middle, unit = np.array([x, y]), box.side
    points = [
        middle - 0.2 * unit * along - 0.2 * unit * down,
        middle + 0.2 * unit * along - 0.2 * unit * down,
        middle,
        middle + 0.25 * unit * down,
    ]
    left, right, nose, mouth = ((float(px), float(py)) for px, py in points)
    return Face(box, 0.9, Landmarks(left, right, nose, mouth))


def spots(image: Grey) -> list[tuple[float, float]]:
    """Centres of the three bright spots of a crop, from left to right."""
    _, _, _, centres = cv2.connectedComponentsWithStats((image > 128).astype(np.uint8))
    return sorted((float(x), float(y)) for x, y in centres[1:])


def test_a_picture_at_half_the_size_gives_the_same_crop(astronaut: Image) -> None:
    face = tilted(Box(160, 60, 120, 120), 10)
    content = bytes(cv2.imencode(".jpg", astronaut, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])
    settings = FacesSettings()
    ((whole, one),) = cropped(Jpeg(content).image, [face], PLAIN, MODEL, settings)
    picture, scale = Jpeg(content).reduced(0.5)
    ((half, other),) = cropped(picture, [face], PLAIN, MODEL, settings, scale)
    assert scale == 2
    assert (one, other) == (None, None)
    assert np.abs(whole.astype(int) - half).mean() < 4
    moved = np.abs(whole[:, 1:].astype(int) - half[:, :-1]).mean()
    assert np.abs(whole.astype(int) - half).mean() < moved / 2  # not by half a pixel


def test_a_box_of_the_models_side_is_cut_out_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)

    crop = face_crop(image, Face(Box(70, 30, 48, 48), 0.9), PLAIN, MODEL)

    assert np.array_equal(crop, image[30:78, 70:118])


def test_a_larger_box_is_averaged() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)

    crop = face_crop(image, Face(Box(40, 10, 144, 144), 0.9), PLAIN, MODEL)

    assert np.array_equal(crop, MODEL.resize(image[10:154, 40:184]))


@pytest.mark.parametrize("side", [20.0, 48.0, 61.7, 150.3, 205.0])
@pytest.mark.parametrize("margin", [-0.1, 0.0, 0.25])
@pytest.mark.parametrize("drop", [-0.1, 0.0, 0.1])
def test_the_crop_shows_the_square_of_the_manifest(side: float, margin: float, drop: float) -> None:
    """At the corner pixels the slopes give the place in the picture."""
    box = Box(200 - side / 2, 150 - side / 2, side, side)

    crop = face_crop(slopes(), Face(box, 0.9), Crop(margin=margin, drop=drop), MODEL)

    reach = side * (1 + margin) / 2 * 47 / 48  # from the middle to a corner pixel's centre
    for row, column, x, y in ((0, 0, -1, -1), (0, 47, 1, -1), (47, 0, -1, 1), (47, 47, 1, 1)):
        place_x, place_y = 200 + x * reach - 0.5, 150 + drop * side + y * reach - 0.5
        assert int(crop[row, column]) == pytest.approx(0.4 * place_x + 0.2 * place_y, abs=1.5)


def test_the_longer_side_of_a_box_counts() -> None:
    tall, square = Face(Box(160, 100, 40, 90), 0.9), Face(Box(135, 100, 90, 90), 0.9)

    assert np.array_equal(
        face_crop(slopes(), tall, PLAIN, MODEL), face_crop(slopes(), square, PLAIN, MODEL)
    )


@pytest.mark.parametrize("degrees", [-45, -10, 10, 30, 60])
def test_eyes_come_out_level(degrees: float) -> None:
    face = tilted(Box(100, 80, 120, 120), degrees)
    image = np.zeros((300, 400), np.uint8)
    assert face.landmarks is not None
    for point in (face.landmarks.left_eye, face.landmarks.right_eye, face.landmarks.mouth):
        cv2.circle(image, (round(point[0]), round(point[1])), 6, 255, -1)

    left, mouth, right = spots(face_crop(image, face, PLAIN, MODEL))

    assert left[1] == pytest.approx(right[1], abs=0.7)
    assert mouth[0] == pytest.approx(23.5, abs=0.7)
    assert right[0] - left[0] == pytest.approx(0.4 * 48, abs=0.7)
    assert mouth[1] - left[1] == pytest.approx(0.45 * 48, abs=0.7)


def test_the_drop_turns_with_the_face() -> None:
    face = tilted(Box(100, 80, 120, 120), 60)
    image = np.zeros((300, 400), np.uint8)
    assert face.landmarks is not None
    x, y = face.landmarks.mouth  # a quarter of the side below the middle
    cv2.circle(image, (round(x), round(y)), 6, 255, -1)

    ((mouth_x, mouth_y),) = spots(face_crop(image, face, Crop(margin=0, drop=0.25), MODEL))

    assert (mouth_x, mouth_y) == pytest.approx((23.5, 23.5), abs=0.7)


def test_a_tilt_within_the_noise_of_the_landmarks_turns_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)

    crop = face_crop(image, tilted(Box(70, 30, 48, 48), 3), PLAIN, MODEL)

    assert np.array_equal(crop, image[30:78, 70:118])


def test_edges_of_the_picture_are_repeated() -> None:
    image = slopes(60, 80)

    crop = face_crop(image, Face(Box(-24, 20, 48, 48), 0.9), PLAIN, MODEL)

    assert np.array_equal(crop[:40, 24:], image[20:, :24])
    assert (crop[:, :24] == crop[:, 24:25]).all()
    assert (crop[40:] == crop[39]).all()


@pytest.mark.parametrize(
    "box",
    [Box(500, 500, 40, 40), Box(-300, 10, 20, 20), Box(5, 5, 0, 0), Box(-9e3, -9e3, 2e4, 2e4)],
)
def test_any_box_gives_a_crop(box: Box) -> None:
    for image in (slopes(), np.full((1, 1), 7, np.uint8)):
        crop = face_crop(image, Face(box, 0.9), Crop(margin=0.2), MODEL)

        assert crop.shape == (48, 48)
        assert crop.dtype == np.uint8


def test_a_large_face_has_no_moire() -> None:
    """A chessboard finer than the crop's pixels is an even grey."""
    y, x = np.mgrid[:600, :600]
    board = np.where((x + y) % 2, 255, 0).astype(np.uint8)

    for degrees in (0, 20):
        crop = face_crop(board, tilted(Box(77.3, 61.8, 431, 431), degrees), PLAIN, MODEL)
        assert crop.mean() == pytest.approx(127.5, abs=2)
        assert crop.std() < 12
