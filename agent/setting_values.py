"""Kinds of values that settings have."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

Seconds = Annotated[float, Field(ge=0, le=3600)]
Share = Annotated[float, Field(ge=0, le=1)]
Emotion = Literal[
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"
]


def split_words(value: Any) -> Any:
    """A list out of words with commas or spaces between; a list stays as it is."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


Emotions = Annotated[tuple[Emotion, ...], BeforeValidator(split_words)]
"""A list, or words with commas between."""
Names = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")], ...], BeforeValidator(split_words)
]
"""Names of hosts: a list, or words with commas between."""

_CLOCK: Final = r"([01]\d|2[0-3]):[0-5]\d"
QUIET_HOURS: Final = rf"^{_CLOCK}-{_CLOCK}(, *{_CLOCK}-{_CLOCK})*$"
"""Times of day, as in `12:30-14:00, 22:00-07:00`."""

Text = Annotated[str, Field(pattern=r"^[^\x00]+$")]
"""Something written: not empty, and no null character, which no path can hold."""

Program = Annotated[
    tuple[Text, ...],
    Field(min_length=1),
    BeforeValidator(lambda v: shlex.split(v) if isinstance(v, str) else v),
]
"""A program and its arguments: a list, or words as one types them into a shell."""


def server_address(text: str) -> str:
    """An address of a model server, without a slash at its end."""
    if text.startswith("unix:/") and "\x00" not in text:
        return text
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, or none that exists
        usable = False
    if not usable or "@" in text or "?" in text or "#" in text:
        raise PydanticCustomError("address", "should be http://host:port or unix:/path")
    return text.rstrip("/")
