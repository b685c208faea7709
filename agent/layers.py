"""The effective settings, from their layers; later ones win.

Defaults, a TOML file, the environment (`EMOTION_AGENT__FACES__DETECTOR=yunet`), the command line
(`--set faces.detector=yunet`).
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from agent.contradictions import contradictions
from agent.errors import AgentError
from agent.settings import Settings
from agent.toml_lines import key_lines

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


class Loaded(NamedTuple):
    """Settings and where they come from."""

    settings: Settings
    origins: dict[str, str]
    """For each key that is no default: `FILE:LINE`, `environment` or `command line`."""


class _Layer(NamedTuple):
    """The values of one origin, by dotted key."""

    name: str
    values: dict[str, Any]
    lines: dict[str, int]

    def origin(self, key: str) -> str:
        line = self.lines.get(key)
        return self.name if line is None else f"{self.name}:{line}"


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
    return load_with_origins(file, overrides, environment).settings


def load_with_origins(
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Loaded:
    """As `load`, with the origin of every setting that is no default."""
    layers = [
        *([_from_file(file)] if file is not None else []),
        _Layer("environment", _from_environment(environment), {}),
        _Layer("command line", dict(overrides or {}), {}),
    ]
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for key, value in layer.values.items():
            if key not in KEYS:
                problems.append(f"{layer.origin(key)}: unknown setting '{key}'{_nearest(key)}")
                continue
            values[key], origins[key] = value, layer.origin(key)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(nested(values))
    except ValidationError as error:
        problems += _told(error, values, origins)
    if settings is not None:
        problems += [told(key, what, origins) for key, what in contradictions(settings)]
    if problems or settings is None:
        raise SettingsError(problems)
    return Loaded(settings, origins)


def told(key: str, problem: str, origins: Mapping[str, str]) -> str:
    """A problem with a setting as a line that says where it comes from."""
    return f"{origins.get(key, 'default')}: '{key}': {problem}"


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


def _secret_keys(model: type[BaseModel], prefix: str = "") -> frozenset[str]:
    keys: set[str] = set()
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= _secret_keys(kind, f"{prefix}{name}.")
        elif kind is SecretStr or SecretStr in get_args(kind):
            keys.add(prefix + name)
    return frozenset(keys)


SECRETS: Final = _secret_keys(Settings)
"""The settings that are never shown."""

_LOGIN: Final = re.compile(r"(?<=://).*@", re.DOTALL)
"""Name and password in an address; a password may hold any character."""


def shown(key: str, value: Any) -> str:
    """A value as it may be shown: secrets, and those in addresses, stay hidden.

    >>> shown("source.uri", "rtsp://me:s3cret@camera/1")
    "'rtsp://***@camera/1'"
    """
    if key in SECRETS and value is not None:
        return "***"
    return repr(_LOGIN.sub("***@", value) if isinstance(value, str) else value)


def _told(
    error: ValidationError, values: Mapping[str, Any], origin: Mapping[str, str]
) -> list[str]:
    """One line for each wrong setting: where it comes from, its value, and what is allowed."""
    told: dict[str, list[str]] = {}
    between: dict[str, str] = {}
    for item in error.errors():
        parts = [str(part) for part in item["loc"]]
        # Below a setting's own name the location only names the branch of a union.
        depth = next(n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in values)
        key = ".".join(parts[:depth])
        told.setdefault(key, []).append(item["msg"].removeprefix("Input "))
        if "".join(parts[depth:]).startswith("literal["):
            between[key] = ", or it "
    return [
        f"{origin[key]}: '{key}' is {shown(key, values[key])}: "
        f"{between.get(key, '; ').join(dict.fromkeys(messages))}"
        for key, messages in sorted(told.items())
    ]


def _from_file(path: Path) -> _Layer:
    try:
        text = path.read_bytes().decode()
        return _Layer(str(path), _flat(tomllib.loads(text)), key_lines(text))
    except OSError as error:
        raise SettingsError([f"{path}: {error.strerror or error}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: not valid TOML: {error}"]) from None
    except RecursionError:
        raise SettingsError([f"{path}: tables or lists in it are nested too deeply"]) from None


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


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by their full names (`mqtt.host`) as tables in tables."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        table = tree
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return tree


def _nearest(key: str) -> str:
    """The known key that is meant, if one is like it: in its section, by its name, or at all."""
    section, _, name = key.rpartition(".")
    beside = [known.rpartition(".")[2] for known in KEYS if known.rpartition(".")[0] == section]
    sections = {known.rpartition(".")[0] for known in KEYS} - {""}
    near = (
        [f"{section}.{like}".lstrip(".") for like in difflib.get_close_matches(name, beside, n=1)]
        or sorted(known for known in KEYS if known.rpartition(".")[2] == name)
        or difflib.get_close_matches(key, KEYS, n=1)
        or difflib.get_close_matches(key, sections, n=1)
    )
    return f"; did you mean '{near[0]}'?" if near else ""
