"""What Home Assistant is told: one device, with its entities and triggers.

Device discovery (one retained message for all components) is known to Home Assistant since 2024.11.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from agent import __version__
from agent.emotion.labels import EMOTIONS, UNKNOWN
from agent.feedback.mqtt.topics import ROOT, Topics
from agent.status import NOBODY, State

BIRTH: Final = b"online"
"""What Home Assistant sends when it has started."""

Component = dict[str, Any]


def discovery_message(device: str, topics: Topics, triggers: bool = True) -> dict[str, Any]:
    """The announcement of a device; the same each time for the same device and version.

    Without `triggers` where the events are not in our own JSON.
    """
    components = {**_sensors(), **_switches(topics), **_diagnostics(topics)}
    for key, component in components.items():
        component["unique_id"] = f"{topics.identifier}_{key}"
        component["qos"] = 1  # not all versions take it over from the device
    return {
        "device": {
            "identifiers": [topics.identifier],
            "name": device,
            "manufacturer": ROOT,
            "model": "Emotion camera",
            "sw_version": __version__,
        },
        "origin": {"name": ROOT, "sw_version": __version__},
        "availability_topic": topics.availability,
        "state_topic": topics.state,
        "components": components | (_triggers(topics) if triggers else {}),
    }


def _sensors() -> dict[str, Component]:
    return {
        "emotion": {
            "platform": "sensor",
            "name": "Emotion",
            "icon": "mdi:emoticon-outline",
            "device_class": "enum",
            "options": [*EMOTIONS, UNKNOWN, NOBODY],
            "value_template": "{{ value_json.emotion }}",
        },
        "confidence": {
            "platform": "sensor",
            "name": "Confidence",
            "icon": "mdi:percent-outline",
            "unit_of_measurement": "%",
            "state_class": "measurement",
            "value_template": "{{ (100 * value_json.confidence) | round(0) }}",
        },
        "faces": {
            "platform": "sensor",
            "name": "Faces",
            "icon": "mdi:face-recognition",
            "state_class": "measurement",
            "value_template": "{{ value_json.faces }}",
        },
        "occupancy": {
            "platform": "binary_sensor",
            "name": "Occupancy",
            "device_class": "occupancy",
            "value_template": "{{ 'ON' if value_json.faces > 0 else 'OFF' }}",
        },
    }


def _switches(topics: Topics) -> dict[str, Component]:
    return {
        "mute": {
            "platform": "switch",
            "name": "Mute",
            "icon": "mdi:volume-off",
            "command_topic": topics.command("mute"),
            "value_template": "{{ 'ON' if value_json.muted else 'OFF' }}",
        },
        "pause": {
            "platform": "switch",
            "name": "Pause",
            "icon": "mdi:camera-off",
            "command_topic": topics.command("pause"),
            "value_template": "{{ 'ON' if value_json.paused else 'OFF' }}",
        },
    }


def _diagnostics(topics: Topics) -> dict[str, Component]:
    components: dict[str, Component] = {
        "problem": {
            "platform": "binary_sensor",
            "name": "Problem",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.health.values() | reject('eq', 'ok')"
            " | list else 'OFF' }}",
            "json_attributes_topic": topics.state,
            "json_attributes_template": "{{ value_json.health | tojson }}",
        },
        "state": {
            "platform": "sensor",
            "name": "State",
            "icon": "mdi:cctv",
            "device_class": "enum",
            "options": list(get_args(State)),
            "value_template": "{{ value_json.state }}",
        },
        "fps": {
            "platform": "sensor",
            "name": "Frame rate",
            "icon": "mdi:speedometer",
            "unit_of_measurement": "fps",
            "state_class": "measurement",
            "value_template": "{{ value_json.fps }}",
        },
        "waiting": {
            "platform": "sensor",
            "name": "Events waiting",
            "icon": "mdi:tray-full",
            "state_class": "measurement",
            "value_template": "{{ value_json.outbox.waiting }}",
        },
    }
    for component in components.values():
        component["entity_category"] = "diagnostic"
    return components


def _triggers(topics: Topics) -> dict[str, Component]:
    return {
        f"shows_{emotion}": {
            "platform": "device_automation",
            "automation_type": "trigger",
            "type": "emotion",
            "subtype": emotion,
            "topic": topics.events,
            "value_template": "{{ value_json.emotion if value_json.type != 'ended' else '' }}",
            "payload": emotion,
            "qos": 1,
        }
        for emotion in EMOTIONS
    }
