"""The project's code as Python 3.7 runs it.

The agent is written for Python 3.10. What it takes from later versions, in the modules that the
board needs, has no effect when it runs: types. So they are left out of the packed copy, rather than
written in an older way everywhere:

- `if TYPE_CHECKING:` blocks, imports of `typing` and `numpy.typing`; annotations stay, and
  `from __future__ import annotations`, which goes where it is missing, keeps them unread;
- an alias of a type (`Point = tuple[float, float]`) becomes `object`;
- `set[int]()` becomes `set()`, `zip(a, b, strict=True)` becomes `zip(a, b)`, and a `Protocol` a
  plain class.

Comments go too. What else is too new is refused by name, so that the zip cannot be broken unseen.
"""

from __future__ import annotations

import ast
from typing import Final

from agent.errors import AgentError

OLDEST: Final = (3, 7)
"""The newest Python that a DeepLens has."""

_FROM_TYPING: Final = ("typing", "numpy.typing")


def lowered(source: bytes, name: str) -> bytes:
    r"""The same program for Python 3.7; raises `AgentError` where there is syntax that it has not.

    >>> lowered(b"for a, b in zip(x, y, strict=True): print(a)", "m.py").decode()
    'from __future__ import annotations\nfor a, b in zip(x, y):\n    print(a)\n'
    """
    tree = _Lowering().visit(ast.parse(source, name))
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    try:
        ast.parse(text, name, feature_version=OLDEST)
    except SyntaxError as error:
        raise AgentError(f"{name}: Python 3.7 cannot run it: {error.msg}: {error.text}") from None
    return text.encode()


class _Lowering(ast.NodeTransformer):
    def visit_Module(self, node: ast.Module) -> ast.AST:
        documented = ast.get_docstring(node) is not None
        self.generic_visit(node)
        future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
        node.body.insert(int(documented), future)
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return None
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        node.names = [alias for alias in node.names if alias.name not in _FROM_TYPING]
        return node if node.names else None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module in (*_FROM_TYPING, "__future__") else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if isinstance(node.value, ast.Subscript) and _is_type(node.value.value):
            node.value = ast.Name("object", ast.Load())
            return node
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Subscript) and _is_type(node.func.value):
            node.func = node.func.value
        if isinstance(node.func, ast.Name) and node.func.id == "zip":
            node.keywords = [word for word in node.keywords if word.arg != "strict"]
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.bases = [b for b in node.bases if not (isinstance(b, ast.Name) and b.id == "Protocol")]
        return self.generic_visit(node)


_TYPES: Final = frozenset(
    ("tuple", "list", "dict", "set", "deque", "Literal", "Callable", "Mapping", "Sequence")
)


def _is_type(node: ast.expr) -> bool:
    """Whether it names what only a type is made of by a subscript."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "npt"
    return isinstance(node, ast.Name) and node.id in _TYPES
