"""Times as people write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final

from agent.errors import AgentError

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(text: str, now: datetime) -> datetime:
    """A duration before `now` (`90s`, `30m`, `1h`, `2d`, `1w`), or an ISO time.

    An ISO time without a zone is local. Raises `AgentError` for anything else.
    """
    try:
        if match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text):
            return now - timedelta(**{_UNITS[match[2]]: float(match[1])})
        return datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise AgentError(
            f"'{text}' is no time: give how long ago (30m, 1h, 2d), or one as in 2026-05-04T10:11"
        ) from None
