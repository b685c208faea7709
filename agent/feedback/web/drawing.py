"""The picture as the page shows it: smaller, with boxes, names and bars, faces blurred or not."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from agent.status import TrackStatus, View
from agent.types import Box, Image

COLOURS: Final = {
    "neutral": "#7d8aa0",
    "happiness": "#e0a100",
    "surprise": "#d9629f",
    "sadness": "#3b7dd8",
    "anger": "#d64545",
    "disgust": "#4f9a4a",
    "fear": "#8a5bd1",
    "contempt": "#1c9aa0",
    "unknown": "#9a948c",
}
"""Of the emotions, here and on the page."""

_WIDEST: Final = 960  # pixels; what is wider is shrunk before it is drawn on
_QUALITY: Final = 78
_FONT: Final = cv2.FONT_HERSHEY_DUPLEX
_PATCHES: Final = 7  # a blurred face is this many patches wide: no features are left
_BEYOND: Final = 0.25  # of the box, blurred round it: hair and chin


def as_jpeg(view: View, blur: bool) -> bytes:
    """The drawn picture as a JPEG."""
    scale = min(1.0, _WIDEST / view.frame.image.shape[1])
    image = _shrunk(view.frame.image, scale)
    tracks = [(track, _scaled(track.box, scale)) for track in view.tracks]
    if blur:
        for _, box in tracks:
            _blur(image, box)
    for track, box in tracks:
        _mark(image, track, box)
    done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes() if done else b""


def _shrunk(image: Image, scale: float) -> Image:
    """A copy; the frame itself belongs to others too."""
    if scale == 1.0:
        return np.array(image)
    shrunk = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8)


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale)


def _blur(image: Image, box: Box) -> None:
    left, top, right, bottom = _within(image, box, _BEYOND)
    if right - left < 1 or bottom - top < 1:
        return
    face = image[top:bottom, left:right]
    rows = max(1, round(_PATCHES * face.shape[0] / face.shape[1]))
    few = cv2.resize(face, (_PATCHES, rows), interpolation=cv2.INTER_AREA)
    image[top:bottom, left:right] = cv2.resize(few, (face.shape[1], face.shape[0]))


def _mark(image: Image, track: TrackStatus, box: Box) -> None:
    """Box, name and a bar of how sure the agent is."""
    colour = _bgr(COLOURS[track.emotion])
    left, top, right, bottom = _within(image, box)
    if right - left < 8 or bottom - top < 8:
        return
    cv2.rectangle(image, (left, top), (right, bottom), colour, 2, cv2.LINE_AA)
    size = min(0.9, max(0.42, image.shape[1] / 1100))
    sure = f" {100 * track.confidence:.0f}%" if track.confidence else ""
    text = f"{track.id} {track.emotion}{sure}"
    (width, height), _ = cv2.getTextSize(text, _FONT, size, 1)
    pad = height // 2
    label = height + 2 * pad
    above = top - label if top >= label else top
    start = max(0, min(left - 1, image.shape[1] - width - 2 * pad))
    cv2.rectangle(image, (start, above), (start + width + 2 * pad, above + label), colour, -1)
    origin = (start + pad, above + pad + height - 1)
    cv2.putText(image, text, origin, _FONT, size, _readable_on(colour), 1, cv2.LINE_AA)
    thick = max(4, pad)
    cv2.rectangle(image, (left, bottom - thick), (right, bottom), (40, 40, 40), -1)
    filled = left + round(track.confidence * (right - left))
    cv2.rectangle(image, (left, bottom - thick), (filled, bottom), colour, -1)


def _within(image: Image, box: Box, beyond: float = 0.0) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what of the box lies in the picture."""
    height, width = image.shape[:2]
    more_x, more_y = beyond * box.width, beyond * box.height
    return (
        max(0, round(box.x - more_x)),
        max(0, round(box.y - more_y)),
        min(width - 1, round(box.x + box.width + more_x)),
        min(height - 1, round(box.y + box.height + more_y)),
    )


def _readable_on(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Black or white, by the luma of the ground (ITU-R BT.601)."""
    blue, green, red = colour
    light = 0.114 * blue + 0.587 * green + 0.299 * red > 140
    return (20, 20, 20) if light else (255, 255, 255)


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return blue, green, red
