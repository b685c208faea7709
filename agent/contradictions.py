"""Settings that are each right and cannot be right together, and files that they name in vain."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from agent.settings import (
    AudioSettings,
    EmotionSettings,
    MqttSettings,
    Settings,
    WebhookSettings,
)

Problem = tuple[str, str]
"""A setting by its full name, and what is wrong with it."""


def contradictions(settings: Settings) -> list[Problem]:
    """Every setting that another one rules out."""
    return [
        *_in_emotion(settings.emotion),
        *_in_mqtt(settings.mqtt),
        *_in_webhook(settings.feedback.webhook),
    ]


def missing_files(settings: Settings) -> list[Problem]:
    """Every file that the settings name and that cannot be read on this machine, now."""
    named = {
        "faces.yunet_model": settings.faces.yunet_model,
        "mqtt.ca_file": settings.mqtt.ca_file,
        "mqtt.cert_file": settings.mqtt.cert_file,
        "mqtt.key_file": settings.mqtt.key_file,
        "feedback.webhook.ca_file": settings.feedback.webhook.ca_file,
        **_sounds(settings.audio),
    }
    secrets = {
        "mqtt.password_file": settings.mqtt.password_file,
        "feedback.webhook.token_file": settings.feedback.webhook.token_file,
    }
    # A name without a slash is a credential, which only the service can see.
    named |= {key: file for key, file in secrets.items() if file is not None and "/" in file}
    model = settings.runtime.model
    if "/" in model:
        named["runtime.model"] = f"{model}/manifest.json"
    return [
        (key, f"cannot read {file}")
        for key, file in named.items()
        if file is not None and not os.access(Path(file).expanduser(), os.R_OK)
    ]


def _sounds(audio: AudioSettings) -> dict[str, str | None]:
    return {f"audio.files.{name}": file for name, file in audio.files if audio.enabled}


def _in_emotion(emotion: EmotionSettings) -> Iterator[Problem]:
    if emotion.stay > emotion.enter:
        limit = f"emotion.enter ({emotion.enter:g})"
        yield "emotion.stay", f"must not be above {limit}: an emotion would be left at once"


def _in_mqtt(mqtt: MqttSettings) -> Iterator[Problem]:
    if mqtt.password is not None and mqtt.password_file is not None:
        yield "mqtt.password_file", "mqtt.password is set too; give only one of them"
    elif mqtt.username is None:
        for key in ("password", "password_file"):
            if getattr(mqtt, key) is not None:
                yield f"mqtt.{key}", "mqtt.username is missing: there is no password without a name"
    if mqtt.key_file is not None and mqtt.cert_file is None:
        yield "mqtt.key_file", "mqtt.cert_file is missing: a key needs its certificate"
    if not mqtt.tls:
        for key in ("ca_file", "cert_file", "key_file"):
            if getattr(mqtt, key) is not None:
                yield f"mqtt.{key}", "mqtt.tls is not set: set it to true"


def _in_webhook(webhook: WebhookSettings) -> Iterator[Problem]:
    if webhook.token is not None and webhook.token_file is not None:
        yield (
            "feedback.webhook.token_file",
            "feedback.webhook.token is set too; give only one of them",
        )
