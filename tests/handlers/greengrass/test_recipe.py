"""The recipe: its fields, both of its forms, and that its settings are the agent's."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from agent import __version__
from agent.feedback.greengrass.sink import GreengrassSink
from handlers.greengrass.recipe import as_json, as_yaml, recipe
from tests.nuclei.recipe_fields import RECIPE

_DIGEST = "0" * 64


@pytest.fixture
def written() -> dict[str, Any]:
    return recipe(_DIGEST, "s3://bucket/folder/")


def test_it_has_the_published_fields_and_no_others(written: dict[str, Any]) -> None:
    jsonschema.validate(written, RECIPE)
    assert written["ComponentVersion"] == __version__


@pytest.mark.parametrize("place", ["ComponentVersion", "Manifests"])
def test_the_fields_are_looked_at(written: dict[str, Any], place: str) -> None:
    del written[place]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, RECIPE)


def test_json_and_yaml_say_the_same(written: dict[str, Any]) -> None:
    assert yaml.safe_load(as_yaml(written)) == json.loads(as_json(written)) == written


def test_jetson_and_x86_get_the_same_artifact(written: dict[str, Any]) -> None:
    manifests = written["Manifests"]
    assert [manifest["Platform"]["architecture"] for manifest in manifests] == ["aarch64", "amd64"]
    assert {manifest["Artifacts"][0]["URI"] for manifest in manifests} == {
        f"s3://bucket/folder/emotion-agent-{__version__}.zip"
    }


def test_it_may_publish_where_its_settings_say(written: dict[str, Any]) -> None:
    given = written["ComponentConfiguration"]["DefaultConfiguration"]
    [policy] = given["accessControl"]["aws.greengrass.ipc.mqttproxy"].values()
    topic = given["settings"]["feedback"][GreengrassSink.name]["topic"]
    assert policy["operations"] == ["aws.greengrass#PublishToIoTCore"]
    assert topic.startswith(policy["resources"][0].removesuffix("*"))
