"""Finds the modules that a program needs of this project, by reading its imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path


def needed(start: Path, root: Path, *packages: str) -> list[str]:
    """The files of `packages` below `root` that the program `start` imports, directly or through
    others, with the `__init__.py` on their way: relative paths, sorted.

    Imports inside functions count, those for type checkers alone do not. Raises
    `FileNotFoundError` for a module that is not there.
    """
    found: set[str] = set()
    waiting = [start]
    while waiting:
        file = waiting.pop()
        for name in _imported(file, packages):
            for path in _files(root, name):
                if path.relative_to(root).as_posix() not in found:
                    found.add(path.relative_to(root).as_posix())
                    waiting.append(path)
    return sorted(found)


def _imported(file: Path, packages: Sequence[str]) -> Iterator[str]:
    """Dotted names of what a file imports of the packages; the last part may be no module."""
    for node in _running(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in packages)


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every part of a program but what is under `if TYPE_CHECKING:`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def _files(root: Path, name: str) -> Iterator[Path]:
    """The file of a module, and those of the packages round it."""
    parts = name.split(".")
    module = root.joinpath(*parts).with_suffix(".py")
    if module.is_file():
        yield module
        parts = parts[:-1]
    elif not root.joinpath(*parts, "__init__.py").is_file():
        parts = parts[:-1]  # a name inside a module or package
        module = root.joinpath(*parts).with_suffix(".py")
        if module.is_file():
            yield module
            parts = parts[:-1]
    for length in range(1, len(parts) + 1):
        file = root.joinpath(*parts[:length], "__init__.py")
        if not file.is_file():
            raise FileNotFoundError(f"{name}: no module of that name below {root}")
        yield file
