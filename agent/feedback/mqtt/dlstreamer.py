"""Events in the JSON of Intel DL Streamer's `gvametaconvert`, for consumers made for that.

One message for each event, with the one face it is about, as a pipeline of `gvadetect`,
`gvatrack` and `gvaclassify` with the Open Model Zoo's emotion model would send it. The event's own
fields travel in `tags`.
"""

from __future__ import annotations

from typing import Any, Final

from agent.types import EmotionEvent

_LABELS: Final = ("neutral", "happy", "sad", "surprise", "anger")
"""What emotions-recognition-retail-0003 of the Open Model Zoo can say, in its order."""
_RENAMED: Final = {"happiness": "happy", "sadness": "sad"}


def as_dlstreamer(event: EmotionEvent) -> dict[str, Any] | None:
    """The event's JSON; None for the end of a track, which DL Streamer has no message for."""
    if event.type == "ended":
        return None
    message: dict[str, Any] = {
        "objects": [_object(event)],
        "source": event.source,
        # Nanoseconds; DL Streamer counts from the start of the stream, this from 1970 (UTC).
        "timestamp": round(event.time.timestamp() * 1000) * 1_000_000,
        "tags": {"id": event.id, "type": event.type, "device": event.device, "frame": event.frame},
    }
    if event.picture is not None:
        message["resolution"] = {"width": event.picture[0], "height": event.picture[1]}
    return message


def _object(event: EmotionEvent) -> dict[str, Any]:
    x, y, width, height = event.box.rounded()
    label = _RENAMED.get(event.emotion, event.emotion)
    emotion: dict[str, Any] = {
        "label": label,
        "confidence": round(event.confidence, 4),
        "model": {"name": event.model},
    }
    if label in _LABELS:
        emotion["label_id"] = _LABELS.index(label)
    found: dict[str, Any] = {
        "x": x,
        "y": y,
        "w": width,
        "h": height,
        "id": event.track,
        "region_id": event.track,
        "roi_type": "face",
        "emotion": emotion,
    }
    if event.picture is not None:
        found["detection"] = {"bounding_box": _relative(event), "label": "face"}
    return found


def _relative(event: EmotionEvent) -> dict[str, float]:
    """The box in shares of the picture, cut at its edges."""
    across, down = event.picture or (1, 1)
    box = event.box
    edges = {
        "x_min": box.x / across,
        "x_max": (box.x + box.width) / across,
        "y_min": box.y / down,
        "y_max": (box.y + box.height) / down,
    }
    return {edge: round(min(1.0, max(0.0, place)), 4) for edge, place in edges.items()}
