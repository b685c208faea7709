"""What Home Assistant is told, against what it documents (2026.11).

The message has also passed the validation of Home Assistant 2025.1.4 itself, which needs Python
3.13 and is no part of these tests.

https://www.home-assistant.io/integrations/mqtt/ and the pages of each platform below it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agent.emotion.labels import EMOTIONS
from agent.feedback.mqtt.discovery import discovery_message
from agent.feedback.mqtt.topics import Topics

# Options that the documentation names, as far as they are used here; R: required.
ROOT = {
    "device": "R",
    "origin": "R",
    "components": "R",
    "availability_topic": "",
    "state_topic": "",
}
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version"}
ENTITY = {
    "platform": "R",
    "unique_id": "R",
    "name": "",
    "icon": "",
    "entity_category": "",
    "value_template": "",
    "qos": "R",
    "json_attributes_topic": "",
    "json_attributes_template": "",
}
PLATFORMS: dict[str, dict[str, str]] = {
    "sensor": ENTITY
    | {"device_class": "", "options": "", "unit_of_measurement": "", "state_class": ""},
    "binary_sensor": ENTITY | {"device_class": ""},
    "switch": ENTITY | {"command_topic": "R"},
    "device_automation": {
        "platform": "R",
        "automation_type": "R",
        "type": "R",
        "subtype": "R",
        "topic": "R",
        "payload": "",
        "value_template": "",
        "qos": "",
    },
}
DEVICE_CLASSES: dict[str, set[str | None]] = {
    "sensor": {None, "enum"},
    "binary_sensor": {"occupancy", "problem"},
    "switch": {None},
}

TOPICS = Topics("hall")
MESSAGE: dict[str, Any] = discovery_message("hall", TOPICS)
COMPONENTS: dict[str, dict[str, Any]] = MESSAGE["components"]


def fits(options: dict[str, Any], schema: dict[str, str]) -> None:
    assert set(options) <= set(schema)
    assert {name for name, needed in schema.items() if needed} <= set(options)


def test_the_device_and_its_origin_are_as_documented() -> None:
    fits(MESSAGE, ROOT)
    assert set(MESSAGE["device"]) <= DEVICE
    assert MESSAGE["device"]["identifiers"] == ["emotion-agent-hall"]
    assert MESSAGE["origin"].keys() == {"name", "sw_version"}


@pytest.mark.parametrize("key", COMPONENTS)
def test_each_component_is_as_documented(key: str) -> None:
    component = COMPONENTS[key]
    platform = component["platform"]
    fits(component, PLATFORMS[platform])
    assert component["qos"] == 1
    if platform == "device_automation":
        assert component["automation_type"] == "trigger"
        return
    assert component.get("device_class") in DEVICE_CLASSES[platform]
    assert component.get("entity_category") in {None, "diagnostic"}
    assert component.get("icon", "mdi:x").startswith("mdi:")
    # An enum has options and no unit or state class (Home Assistant refuses those).
    is_enum = component.get("device_class") == "enum"
    assert is_enum == ("options" in component)
    assert not (is_enum and {"unit_of_measurement", "state_class"} & set(component))


def test_ids_are_not_given_twice() -> None:
    ids = [c["unique_id"] for c in COMPONENTS.values() if "unique_id" in c]
    assert len(set(ids)) == len(ids) == 10
    triggers = [(c["type"], c["subtype"]) for c in COMPONENTS.values() if "subtype" in c]
    assert len(set(triggers)) == len(triggers) == len(EMOTIONS)


def test_devices_do_not_share_ids() -> None:
    other = discovery_message("Hall", Topics("Hall"))["components"]
    ids = {c["unique_id"] for c in COMPONENTS.values() if "unique_id" in c}
    assert not ids & {c["unique_id"] for c in other.values() if "unique_id" in c}


@pytest.mark.parametrize("device", ["hall", "kitchen.local", "Küche 2/ # +", "居間"])
def test_names_of_any_kind_make_valid_topics(device: str) -> None:
    topics = Topics(device)
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topics.discovery)
    assert re.fullmatch(r"emotion-agent/[a-zA-Z0-9_-]+/state", topics.state)
    assert discovery_message(device, topics)["device"]["name"] == device


def test_names_that_look_alike_stay_apart() -> None:
    names = ["kitchen.1", "kitchen-1", "kitchen 1"]
    assert len({Topics(name).state for name in names}) == len(names)


def test_the_message_is_the_same_each_time() -> None:
    again = discovery_message("hall", Topics("hall"))
    assert json.dumps(again) == json.dumps(MESSAGE)
