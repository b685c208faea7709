"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    part: str
    level: Level
    words: str
    """What was found."""
    advice: str | None = None
    """What to do; None where all is well."""

    def as_text(self) -> str:
        """The line, with what to do after an arrow."""
        advice = f" -> {self.advice}" if self.advice else ""
        return f"{self.level:8} {self.part:12} {self.words}{advice}"

    def as_dict(self) -> dict[str, str | None]:
        return {
            "part": self.part,
            "level": self.level,
            "words": self.words,
            "advice": self.advice,
        }
