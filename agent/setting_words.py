"""What each setting does, in the words below it in the source of `agent.settings`."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


def words(model: type[BaseModel], field: str) -> str:
    """The docstring below a field of a section; empty where there is none.

    >>> from agent.settings import HistorySettings
    >>> words(HistorySettings, "enabled").splitlines()[0][:7]
    'Keep ev'
    """
    for kind in model.__mro__:
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            found = _by_class(kind.__module__).get(kind.__name__, {}).get(field)
            if found is not None:
                return found
    return ""


@cache
def _by_class(module: str) -> dict[str, dict[str, str]]:
    """The docstring of each field by class; none where the source is not at hand."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    return {node.name: dict(_fields(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(node.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)
