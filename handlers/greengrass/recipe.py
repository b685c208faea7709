"""The recipe: what a Greengrass nucleus reads to install, configure and run the agent.

Fields as in the developer guide's "component recipe reference", format 2020-01-25.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from agent import __version__, layers

FORMAT: Final = "2020-01-25"
NAME: Final = "EmotionAgent"
TOPICS: Final = "emotion-agent/*"
"""Topics of IoT Core that the component may publish to."""
ARCHITECTURES: Final = ("aarch64", "amd64")
"""Jetson and other 64-bit ARM boards, and x86-64, by the names that the nucleus uses."""

SETTINGS: Final[dict[str, Any]] = {
    "source.uri": "/dev/video0",
    "feedback.greengrass.topic": "emotion-agent/{device}/events",
}
"""The settings that differ from the agent's own defaults. No more stand in the recipe: a core keeps
the values of the version before when a component is upgraded, so that defaults written here would
never change again."""

_INSTALL: Final = 1800
"""Seconds that installing may take: a slow board, and a package index far away."""


def archive_name() -> str:
    """The artifact's file name, without its ending; the nucleus unpacks into a folder of it."""
    return f"emotion-agent-{__version__}"


def recipe(digest: str, bucket: str, name: str = NAME) -> dict[str, Any]:
    """The recipe of an artifact whose `SHA256SUMS` has the SHA-256 `digest`.

    `bucket` is the folder in S3 that the artifact is put into (`s3://...`). Raises `SettingsError`
    where the settings would not be taken.
    """
    layers.load(overrides=SETTINGS, environment={})
    return {
        "RecipeFormatVersion": FORMAT,
        "ComponentName": name,
        "ComponentVersion": __version__,
        "ComponentType": "aws.greengrass.generic",
        "ComponentDescription": "Reads facial expressions from a camera and tells them as events",
        "ComponentPublisher": "emotion-agent",
        "ComponentConfiguration": {
            "DefaultConfiguration": {
                "settings": layers.nested(SETTINGS),
                "accessControl": _access(name),
            }
        },
        "ComponentDependencies": {
            "aws.greengrass.Nucleus": {"VersionRequirement": ">=2.5.0", "DependencyType": "SOFT"}
        },
        "Manifests": [
            {
                "Name": f"Linux on {architecture}",
                "Platform": {"os": "linux", "architecture": architecture},
                "Artifacts": [
                    {"URI": f"{bucket.rstrip('/')}/{archive_name()}.zip", "Unarchive": "ZIP"}
                ],
                "Lifecycle": _lifecycle(digest),
            }
            for architecture in ARCHITECTURES
        ],
    }


def _lifecycle(digest: str) -> dict[str, Any]:
    """Install checks what was unpacked against the recipe before anything of it is run."""
    return {
        "Setenv": {"PYTHONUNBUFFERED": "1"},
        "Install": {
            "Timeout": _INSTALL,
            "Script": (
                f'cd "{{artifacts:decompressedPath}}/{archive_name()}"\n'
                f"echo '{digest}  SHA256SUMS' | sha256sum --check --quiet || exit 1\n"
                'exec sh install.sh "{work:path}"'
            ),
        },
        "Run": {
            "Script": 'exec "{work:path}/venv/bin/python" -m handlers.greengrass run "{work:path}"'
        },
    }


def _access(name: str) -> dict[str, Any]:
    """The leave to publish, which the nucleus gives by the component's configuration."""
    return {
        "aws.greengrass.ipc.mqttproxy": {
            f"{name}:mqttproxy:1": {
                "policyDescription": "Publish events",
                "operations": ["aws.greengrass#PublishToIoTCore"],
                "resources": [TOPICS],
            }
        }
    }


def as_json(value: Any) -> str:
    """A recipe as JSON."""
    return json.dumps(value, indent=2) + "\n"


def as_yaml(value: dict[str, Any]) -> str:
    """A recipe as YAML; scripts stand as they are read."""
    return "---\n" + "\n".join(_yaml_lines(value)) + "\n"


def _yaml_lines(value: Any) -> Iterator[str]:
    """Strings as JSON writes them, which YAML 1.2 reads; those of several lines as blocks."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{json.dumps(key) if ':' in key else key}:", item)
    else:
        for item in value:
            first, *rest = _yaml_lines(item) if isinstance(item, dict) else [json.dumps(item)]
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)


def _entry(head: str, item: Any) -> Iterator[str]:
    if isinstance(item, str) and "\n" in item:
        yield f"{head} |-"
        yield from (f"  {line}" for line in item.splitlines())
    elif isinstance(item, (dict, list)) and item:
        yield head
        yield from (f"  {line}" for line in _yaml_lines(item))
    else:
        yield f"{head} {json.dumps(item)}"
