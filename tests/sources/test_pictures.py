"""Still pictures: every kind as BGR, upright, of bearable size, whole or refused."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.errors import SourceError
from agent.sources.pictures import Stills, pictures_in, read_picture
from agent.types import Box

KINDS = ["jpg", "png", "bmp", "webp", "gif"]


@pytest.fixture
def scene() -> npt.NDArray[np.uint8]:
    """A picture in which no row or column is like another; blue on the left, red on the right."""
    noise = np.random.default_rng(7).integers(0, 60, (12, 16, 3), dtype=np.uint8)
    picture = np.asarray(cv2.resize(noise, (160, 120)), np.uint8)
    picture[:, :80, 0] += 180
    picture[:, 80:, 2] += 180
    return picture


def _write(
    path: Path, picture: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], *options: int
) -> Path:
    assert cv2.imwrite(str(path), picture, options)
    return path


def _png_chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def _png_of_size(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _with_orientation(jpeg: bytes, orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_as_bgr(tmp_path: Path, scene: npt.NDArray[np.uint8], kind: str) -> None:
    picture = read_picture(_write(tmp_path / f"scene.{kind}", scene))
    assert (picture.width, picture.height, picture.scale) == (160, 120, 1.0)
    assert picture.image.dtype == np.uint8
    difference = np.abs(picture.image.astype(int) - scene.astype(int))
    assert difference.mean() < 25
    assert picture.image[:, :70, 0].mean() > picture.image[:, :70, 2].mean() + 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_one_pixel_can_be_read(tmp_path: Path, kind: str) -> None:
    picture = read_picture(_write(tmp_path / f"dot.{kind}", np.full((1, 1, 3), 200, np.uint8)))
    assert picture.image.shape == (1, 1, 3)


def test_grey_transparent_and_deep_pictures_come_as_8_bit_bgr(
    tmp_path: Path, scene: npt.NDArray[np.uint8]
) -> None:
    grey = _write(tmp_path / "grey.png", scene[..., 0])
    transparent = _write(tmp_path / "transparent.png", np.dstack([scene, scene[..., 0]]))
    deep = _write(tmp_path / "deep.png", scene.astype(np.uint16) * 257)
    assert np.array_equal(read_picture(grey).image, np.repeat(scene[..., :1], 3, axis=2))
    assert np.array_equal(read_picture(transparent).image, scene)
    assert np.array_equal(read_picture(deep).image, scene)


def test_a_picture_is_turned_upright_by_its_exif_orientation(
    tmp_path: Path, scene: npt.NDArray[np.uint8]
) -> None:
    path = _write(tmp_path / "phone.jpg", scene)
    path.write_bytes(_with_orientation(path.read_bytes(), 6))
    picture = read_picture(path)
    assert (picture.width, picture.height) == (120, 160)
    assert picture.image.shape == (160, 120, 3)
    assert picture.image[:70, :, 0].mean() > picture.image[:70, :, 2].mean() + 100
    small = read_picture(path, max_pixels=30 * 40)
    assert (small.width, small.height, small.image.shape) == (120, 160, (40, 30, 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [160 * 120 - 1, 5000, 1200, 50, 1])
def test_a_large_picture_is_reduced_and_its_boxes_scale_back(
    tmp_path: Path, scene: npt.NDArray[np.uint8], kind: str, most: int
) -> None:
    picture = read_picture(_write(tmp_path / f"scene.{kind}", scene), max_pixels=most)
    height, width = picture.image.shape[:2]
    assert width * height <= most
    assert picture.scale == pytest.approx(width / 160)
    box = picture.in_file(Box(0, 0, width, height))
    assert (box.x, box.y, box.width, box.height) == pytest.approx((0, 0, 160, 120))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.98])
def test_a_picture_cut_off_anywhere_is_refused(
    tmp_path: Path, scene: npt.NDArray[np.uint8], kind: str, share: float
) -> None:
    path = _write(tmp_path / f"half.{kind}", scene)
    content = path.read_bytes()
    path.write_bytes(content[: max(12, int(len(content) * share))])
    with pytest.raises(SourceError) as refusal:
        read_picture(path)
    assert str(refusal.value) == f"{path}: the picture is cut off"


def test_what_follows_the_end_of_a_jpeg_does_not_matter(
    tmp_path: Path, scene: npt.NDArray[np.uint8]
) -> None:
    path = _write(tmp_path / "motion.jpg", scene)
    path.write_bytes(path.read_bytes() + bytes(5000))
    assert read_picture(path).image.shape == scene.shape


def test_progressive_jpegs_and_embedded_previews_are_understood(
    tmp_path: Path, scene: npt.NDArray[np.uint8]
) -> None:
    path = _write(tmp_path / "p.jpg", scene, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    jpeg = path.read_bytes()
    preview = b"preview\0" + jpeg
    path.write_bytes(
        jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(preview) + 2) + preview + jpeg[2:]
    )
    assert read_picture(path).width == 160
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(SourceError, match="cut off"):
        read_picture(path)


def test_a_wrong_checksum_in_a_png_is_refused(tmp_path: Path, scene: npt.NDArray[np.uint8]) -> None:
    path = _write(tmp_path / "flipped.png", scene)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"flipped\.png: the picture is damaged$"):
        read_picture(path)


@pytest.mark.parametrize("size", [(30_000, 30_000), (200_000, 200_000)])
def test_a_decompression_bomb_is_refused_by_its_header(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_of_size(*size))
    with pytest.raises(SourceError, match=rf"bomb\.png: {size[0]} x {size[1]} pixels is too large"):
        read_picture(path)


def test_a_header_of_zero_pixels_or_an_empty_body_is_refused(tmp_path: Path) -> None:
    for size in [(0, 10), (10, 10)]:
        path = tmp_path / "hollow.png"
        path.write_bytes(_png_of_size(*size))
        with pytest.raises(SourceError, match="damaged"):
            read_picture(path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("notes.jpg", b"no picture at all\n", "a text file, not a picture"),
        ("empty.png", b"", "the file is empty"),
        ("noise.png", bytes(range(256)) * 9, "of unknown kind, not a picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as refusal:
        read_picture(path)
    assert str(refusal.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(refusal.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.jpg: No such file"):
        read_picture(tmp_path / "gone.jpg")
    with pytest.raises(SourceError, match="a folder, not a picture"):
        read_picture(tmp_path)


def test_pictures_of_a_folder_come_in_natural_order(write_picture: Callable[..., Path]) -> None:
    for name in ["face10.png", "face2.png", "Face1.png", "a.jpg"]:
        folder = write_picture(name).parent
    (folder / "notes.txt").write_text("not a picture")
    names = [path.name for path in pictures_in(folder)]
    assert names == ["a.jpg", "Face1.png", "face2.png", "face10.png"]


def test_a_broken_picture_among_others_is_left_out_and_logged_once(
    write_picture: Callable[..., Path],
    number: Callable[[npt.NDArray[np.uint8]], int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    paths = [write_picture(f"{index}.png", index) for index in range(4)]
    paths[1].write_bytes(paths[1].read_bytes()[:50])
    stills = Stills(paths, rate=2)
    passes = [list(stills.play()) for _ in range(3)]
    for shots in passes:
        assert [number(shot.image) for shot in shots] == [0, 2, 3]
        assert [shot.time for shot in shots] == [0, 0.5, 1.0]
    assert len(caplog.records) == 1
    assert "1.png" in caplog.text


def test_drawing_on_a_still_picture_does_not_stay_for_the_next_pass(
    write_picture: Callable[..., Path],
) -> None:
    stills = Stills([write_picture("one.png", 3)], rate=1)
    for _ in range(2):
        (shot,) = stills.play()
        assert shot.image.max() == 15
        shot.image[:] = 255
