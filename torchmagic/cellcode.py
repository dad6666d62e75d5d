"""What a cell's code names, read from the code itself: which names it loads, and which it takes away.

Nothing runs and nothing is traced: the cell is compiled once more, and its instructions are read.
"""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

_LOADS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})
_INNER = frozenset({"run_cell_magic"})


@dataclass(frozen=True, slots=True)
class CellNames:
    """The global names of a cell, each once, in the order of the code.

    Attributes:
        loaded: those that it reads, in functions, classes and comprehensions too.
        deleted: those in a ``del`` statement at its top level.
    """

    loaded: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


def cell_names(source: str) -> CellNames:
    """The names in a cell that IPython has already transformed into Python; none where it does not compile.

    >>> cell_names("y = [w * x for x in data]\\ndel z").loaded
    ('data', 'w')
    >>> cell_names("del a, b").deleted
    ('a', 'b')
    """
    tree = _parsed(source)
    if tree is None:
        return CellNames()
    trees = [tree, *_below_magics(tree)]
    loaded: dict[str, None] = {}
    for each in trees:
        for code in _codes(each):
            names = (i.argval for i in dis.get_instructions(code) if i.opname in _LOADS)
            loaded.update((name, None) for name in names if not name.startswith("__"))
    deleted = [
        target.id
        for each in trees
        for node in ast.walk(each)
        if isinstance(node, ast.Delete)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    return CellNames(tuple(loaded), tuple(dict.fromkeys(deleted)))


def imports_first(source: str, module: str) -> bool:
    """Whether a cell begins by importing a module, with nothing but other imports before that.

    >>> imports_first("import os\\nimport torch", "torch"), imports_first("x = 1\\nimport torch", "torch")
    (True, False)
    """
    tree = _parsed(source)
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.Import):
            if any(alias.name.partition(".")[0] == module for alias in node.names):
                return True
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] == module and not node.level:
                return True
        else:
            return False
    return False


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _below_magics(tree: ast.Module) -> list[ast.Module]:
    """The cells below other magics such as ``%%time``, where they are Python."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _INNER:
            body = node.args[-1] if node.args else None
            if isinstance(body, ast.Constant) and isinstance(body.value, str):
                inner = _parsed(body.value)
                if inner is not None:
                    found.append(inner)
    return found


def _codes(tree: ast.Module) -> Iterator[CodeType]:
    try:
        stack = [compile(tree, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError):
        return
    while stack:
        code = stack.pop()
        yield code
        stack += [constant for constant in reversed(code.co_consts) if isinstance(constant, CodeType)]
