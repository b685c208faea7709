"""The JSON of DL Streamer's gvametaconvert (jsonconverter.cpp, release 2026)."""

from __future__ import annotations

from dataclasses import replace

from agent.feedback.mqtt.dlstreamer import as_dlstreamer
from agent.types import Box
from tests.brokers.publisher import numbered

EVENT = numbered(57)


def test_an_event_has_the_form_of_gvametaconvert() -> None:
    assert as_dlstreamer(EVENT) == {
        "objects": [
            {
                "x": 10,
                "y": 20,
                "w": 100,
                "h": 100,
                "id": 1,
                "region_id": 1,
                "roi_type": "face",
                "emotion": {
                    "label": "happy",
                    "confidence": 0.93,
                    "model": {"name": "fer-compact@1.0.0"},
                    "label_id": 1,
                },
                "detection": {
                    "bounding_box": {
                        "x_min": 0.0156,
                        "x_max": 0.1719,
                        "y_min": 0.0417,
                        "y_max": 0.25,
                    },
                    "label": "face",
                },
            }
        ],
        "source": "film",
        "timestamp": 1_777_889_472_000_000_000,
        "tags": {"id": "event-57", "type": "changed", "device": "hall", "frame": 57},
        "resolution": {"width": 640, "height": 480},
    }


def test_an_emotion_that_the_zoo_does_not_have_keeps_its_name() -> None:
    message = as_dlstreamer(replace(EVENT, emotion="contempt"))
    assert message is not None
    assert message["objects"][0]["emotion"]["label"] == "contempt"
    assert "label_id" not in message["objects"][0]["emotion"]


def test_a_box_beyond_the_picture_is_cut_in_shares() -> None:
    message = as_dlstreamer(replace(EVENT, box=Box(-10, 400, 700, 100)))
    assert message is not None
    assert message["objects"][0]["detection"]["bounding_box"] == {
        "x_min": 0.0,
        "x_max": 1.0,
        "y_min": 0.8333,
        "y_max": 1.0,
    }


def test_the_end_of_a_track_is_no_message() -> None:
    assert as_dlstreamer(replace(EVENT, type="ended")) is None
