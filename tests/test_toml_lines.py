"""Lines of keys in TOML of every shape, held against what the parser itself finds."""

from __future__ import annotations

import sys

import pytest

from agent.toml_lines import key_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHAPES = {
    "plain": ("a = 1\nb = 2\n", {"a": 1, "b": 2}),
    "tables": ("[s]\na = 1\n[s.t]\nb = 2\n", {"s": 1, "s.a": 2, "s.t": 3, "s.t.b": 4}),
    "dots and quotes": ('s."a b".c = 1\n[ "x" . y ]\nz=1', {"s.a b.c": 1, "x.y": 2, "x.y.z": 3}),
    "list over lines": ('a = [\n "]", # [\n 1,\n]\nb = 2\n', {"a": 1, "b": 5}),
    "text over lines": ('a = """\nb = 1\n[c]\n"""\nd = 2\n', {"a": 1, "d": 5}),
    "raw text over lines": ("a = '''\nb = 1'''\nd = 2\n", {"a": 1, "d": 3}),
    "inline table": ("a = {b = 1, c = 2}\nd = 3\n", {"a": 1, "a.b": 1, "a.c": 1, "d": 2}),
    "comments": ("# a = 1\n\n  b = 2 # [x]\n#[c]\nd = 3", {"b": 3, "d": 5}),
    "windows": ("a = 1\r\n[s]\r\nb = 2\r\n", {"a": 1, "s": 2, "s.b": 3}),
    "brackets in text": ('a = "[{"\nb = \'"[\'\nc = 1', {"a": 1, "b": 2, "c": 3}),
    "escaped quote": ('a = "\\"["\nb = 1', {"a": 1, "b": 2}),
}


@pytest.mark.parametrize(("text", "lines"), SHAPES.values(), ids=SHAPES)
def test_each_key_is_found_where_it_stands(text: str, lines: dict[str, int]) -> None:
    tomllib.loads(text)
    assert key_lines(text) == lines
