"""The effective settings, from their layers; later ones win.

Defaults, a TOML file, the environment (`EMOTION_AGENT__FACES__DETECTOR=yunet`), the command line
(`--set faces.detector=yunet`).
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from agent.errors import AgentError
from agent.settings import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENVIRONMENT_PREFIX: Final = "EMOTION_AGENT__"


class SettingsError(AgentError):
    """Settings that cannot be used; one line of the message for each problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


def load(
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The effective settings; raises `SettingsError` with every problem of every layer at once.

    `overrides` holds the command line's values by dotted key (`{"source.uri": "demo"}`).

    >>> load(overrides={"faces.detector": "haar"}, environment={}).faces.detector
    'haar'
    """
    layers = [
        *([(str(file), _from_file(file))] if file is not None else []),
        ("environment", _from_environment(environment)),
        ("command line", dict(overrides or {})),
    ]
    problems: list[str] = []
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, layer in layers:
        for key, value in layer.items():
            if key not in KEYS:
                problems.append(f"{name}: unknown setting '{key}'{_nearest(key)}")
                continue
            values[key], origin[key] = value, name
    try:
        settings = Settings.model_validate(_nested(values))
    except ValidationError as error:
        problems += _told(error, values, origin)
    if problems:
        raise SettingsError(problems)
    return settings


def parse_override(text: str) -> tuple[str, str]:
    """`KEY=VALUE` of `--set`, split; raises `SettingsError` where there is no `=`."""
    key, equals, value = text.partition("=")
    if not equals:
        raise SettingsError([f"--set {text}: expected KEY=VALUE, as in faces.detector=yunet"])
    return key.strip(), value.strip()


def _known_keys(model: type[BaseModel], prefix: str = "") -> frozenset[str]:
    keys: set[str] = set()
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            keys |= _known_keys(info.annotation, f"{prefix}{name}.")
        else:
            keys.add(prefix + name)
    return frozenset(keys)


KEYS: Final = _known_keys(Settings)
"""Every setting by its full dotted name."""


def _told(
    error: ValidationError, values: Mapping[str, Any], origin: Mapping[str, str]
) -> list[str]:
    """One line for each wrong setting: where it comes from, its value, and what is allowed."""
    told: dict[str, list[str]] = {}
    for item in error.errors():
        parts = [str(part) for part in item["loc"]]
        # Below a setting's own name the location only names the branch of a union.
        key = next(k for n in range(len(parts), 0, -1) if (k := ".".join(parts[:n])) in values)
        told.setdefault(key, []).append(item["msg"].removeprefix("Input "))
    return [
        f"{origin[key]}: '{key}' is {_shown(key, values[key])}: "
        f"{'; '.join(dict.fromkeys(messages))}"
        for key, messages in sorted(told.items())
    ]


def _shown(key: str, value: Any) -> str:
    """A value as a message may show it: secrets stay hidden."""
    return "***" if key.endswith((".password", ".token", ".url")) else repr(value)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            return _flat(tomllib.load(stream))
    except OSError as error:
        raise SettingsError([f"{path}: {error.strerror or error}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: not valid TOML: {error}"]) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        name[len(ENVIRONMENT_PREFIX) :].lower().replace("__", "."): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and key not in KEYS:
            section = any(known.startswith(key + ".") for known in KEYS)
            flat |= _flat(value, key + ".") if value or section else {key: value}
        else:
            flat[key] = value
    return flat


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return tree


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""
