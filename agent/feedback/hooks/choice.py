"""Which events a hook is told of."""

from __future__ import annotations

from agent.emotion.labels import UNKNOWN
from agent.settings import CommandSettings, GreengrassSettings, WebhookSettings
from agent.types import EmotionEvent


def is_chosen(
    event: EmotionEvent, hook: CommandSettings | GreengrassSettings | WebhookSettings
) -> bool:
    """Whether the settings of a hook want this event."""
    return (
        event.type in hook.events
        and event.emotion in hook.emotions
        and (event.emotion == UNKNOWN or event.confidence >= hook.min_confidence)
    )
