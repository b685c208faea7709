"""Where in a TOML file each key stands; `tomllib` does not tell."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY: Final = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_TABLE: Final = re.compile(rf"\s*\[\[?\s*({_KEY})\s*\]\]?")
_PAIR: Final = re.compile(rf"\s*({_KEY})\s*=\s*(.*)", re.DOTALL)
_QUOTES: Final = re.compile(r'"""|\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]')


def key_lines(text: str) -> dict[str, int]:
    r"""The line, from 1, of every key and every table of a valid TOML text, by dotted name.

    >>> key_lines('device = "hall"\n[source]\nuri = "demo"')
    {'device': 1, 'source': 2, 'source.uri': 3}
    """
    lines = text.splitlines()
    found: dict[str, int] = {}
    prefix, at = "", 0
    while at < len(lines):
        table, pair = _TABLE.match(lines[at]), _PAIR.match(lines[at])
        number = at + 1
        at += 1
        if table is not None:
            prefix = _dotted(table[1])
            found.setdefault(prefix, number)
            prefix += "."
        elif pair is not None:
            key = prefix + _dotted(pair[1])
            found.setdefault(key, number)
            value = pair[2]
            while _is_open(value) and at < len(lines):
                value += "\n" + lines[at]
                at += 1
            for inner in re.finditer(rf"(?<=[{{,])\s*({_KEY})\s*=", value):
                found.setdefault(f"{key}.{_dotted(inner[1])}", number)
    return found


def _dotted(key: str) -> str:
    return ".".join(part.strip("\"'") for part in re.findall(_NAME, key))


def _is_open(value: str) -> bool:
    """Whether a value goes on in the next line: a bracket or a long string is not closed."""
    depth, at = 0, 0
    while (token := _QUOTES.search(value, at)) is not None:
        mark, at = token[0], token.end()
        if mark in ('"""', "'''"):
            end = value.find(mark, at)
            if end < 0:
                return True
            at = end + 3
        elif mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
    return depth > 0
