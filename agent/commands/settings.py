"""`emotion-agent check` and `emotion-agent settings`: what is set, whence, and what is wrong."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent.contradictions import missing_files
from agent.layers import KEYS, SECRETS, Loaded, SettingsError, load_with_origins, shown, told
from agent.setting_words import words
from agent.settings import Settings

_WIDTH: Final = 96
_HEAD: Final = """\
# Settings of emotion-agent. Every line that begins with # and a name shows a default; take the #
# away to change it. `emotion-agent check` tells every mistake in this file, and a running agent
# takes up what is saved here by itself.
"""


def add_to(
    commands: Any,
    loaded: Callable[[argparse.Namespace], Loaded],
    with_settings: Callable[[argparse.ArgumentParser], None],
    default_file: Path,
) -> None:
    """Add both commands; `loaded` gives the settings that the arguments describe."""
    what = "tell every problem of a settings file"
    check = commands.add_parser("check", help=what, description=what)
    check.add_argument("file", type=Path, nargs="?", default=default_file, metavar="FILE")
    check.set_defaults(command=_check)

    what = "show the settings in use and where each comes from"
    settings = commands.add_parser("settings", help=what, description=what)
    with_settings(settings)
    settings.add_argument("--json", action="store_true", help="print JSON")
    settings.add_argument(
        "--default", action="store_true", help="print a settings file with every default"
    )
    settings.set_defaults(command=lambda arguments: _settings(arguments, loaded))


def _check(arguments: argparse.Namespace) -> int:
    file: Path = arguments.file
    settings, origins = load_with_origins(file)
    missing = missing_files(settings)
    if missing:
        raise SettingsError(told(key, what, origins) for key, what in missing)
    print(f"{file}: fine")
    return 0


def _settings(arguments: argparse.Namespace, loaded: Callable[[argparse.Namespace], Loaded]) -> int:
    if arguments.default:
        print(default_file(), end="")
        return 0
    settings, origins = loaded(arguments)
    rows = [
        (key, _value(settings, key), origins.get(key, "default"))
        for key in sorted(KEYS, key=lambda key: ("." in key, key))
    ]
    if arguments.json:
        objects = [{"key": k, "value": _as_json(k, v), "origin": o} for k, v, o in rows]
        print(json.dumps(objects, indent=2))
        return 0
    texts = [f"{key} = {shown(key, value)}" for key, value, _ in rows]
    width = min(max(map(len, texts)), 60)
    for text, (_, _, origin) in zip(texts, rows, strict=True):
        print(f"{text:{width}}  # {origin}")
    return 0


def _value(settings: Settings, key: str) -> Any:
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _as_json(key: str, value: Any) -> Any:
    if key in SECRETS and value is not None:
        return "***"
    return shown(key, value)[1:-1] if isinstance(value, str) and "://" in value else value


def default_file() -> str:
    """A settings file in which every setting stands as a comment: what it does, and its default."""
    return _HEAD + "\n".join(_lines(Settings, ""))


def _lines(model: type[BaseModel], section: str) -> Iterator[str]:
    fields = model.model_fields.items()
    for name, info in fields:
        if not _is_section(info):
            yield ""
            yield from _comment(words(model, name))
            yield _assignment(name, info)
    for name, info in fields:
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            full = f"{section}{name}"
            yield ""
            yield from _comment(words(model, name) or kind.__doc__ or "")
            yield f"[{full}]"
            yield from _lines(kind, f"{full}.")
    if not section:
        yield ""


def _is_section(info: FieldInfo) -> bool:
    return isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)


def _assignment(name: str, info: FieldInfo) -> str:
    if info.default_factory is not None or info.default is None:
        return f"#{name} ="
    return f"#{name} = {_as_toml(info.default)}"


def _as_toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> Iterator[str]:
    for paragraph in textwrap.wrap(" ".join(text.split()), _WIDTH):
        yield f"# {paragraph}"
