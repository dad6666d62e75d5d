"""Find the user's expression behind a place in the code, and write the same expression with one part changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from torchmagic.observe.events import Place

_LONGEST = 60
_LONGEST_REMEDY = 120
_APART = frozenset({"unsqueeze", "expand", "expand_as", "meshgrid"})
_SHAPED = frozenset({"view", "reshape"})


@dataclass(frozen=True, slots=True)
class Code:
    """The expression of one call, with the statement and the file around it.

    Attributes:
        node: the expression, or None where it was not found.
        tree: the whole file or cell.
        operands: the expressions that went in.
    """

    node: Any
    tree: Any
    operands: tuple[Any, ...] = field(default=())


def code_at(place: Place | None) -> Code:
    """The expression that stands at a place; what cannot be found is empty.

    The library ``executing`` finds it, from the compiled code alone, also after the frame has gone.
    """
    if place is None:
        return Code(None, None)
    from executing import Source

    frame: Any = SimpleNamespace(f_code=place.code, f_lasti=place.lasti, f_lineno=place.line, f_globals={})
    try:
        found: Any = Source.executing(frame)
    except Exception:  # a library's own trouble with unusual code costs a note its names, and no more
        return Code(None, None)
    tree = found.source.tree
    node = found.node
    if node is None and len(found.statements) == 1:
        (node,) = found.statements
    return Code(node, tree, tuple(_operands(node)))


def _operands(node: Any) -> Iterator[Any]:
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.AugAssign):
        yield from (node.target, node.value)
    elif isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
            yield node.func.value
        yield from node.args
        yield from (keyword.value for keyword in node.keywords if keyword.arg in ("input", "other", "target"))
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, (ast.Attribute, ast.Subscript)):
        yield node.value
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        yield node.targets[0]


def _is_module(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "nn", "np", "numpy", "functional")


def text(node: Any, longest: int = _LONGEST) -> str:
    """An expression as the user would write it, on one line; "" for None, and where it is too long."""
    if node is None:
        return ""
    written = " ".join(ast.unparse(node).split())
    return written if len(written) <= longest else ""


def remedy_text(node: Any) -> str:
    """Code that is to be shown on a line of its own."""
    return text(node, _LONGEST_REMEDY)


def replaced(whole: Any, part: Any, code: str) -> str:
    """``whole`` with ``part`` written as ``code``, or "" where that is no expression."""
    if whole is None or part is None:
        return ""
    try:
        new = ast.parse(code, mode="eval").body
    except SyntaxError:
        return ""
    position = next((n for n, node in enumerate(ast.walk(whole)) if node is part), None)
    if position is None:
        return ""
    changed = copy.deepcopy(whole)
    target = next(node for n, node in enumerate(ast.walk(changed)) if n == position)

    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return new if node is target else super().visit(node)

    return remedy_text(ast.fix_missing_locations(Swap().visit(changed)))


def called(node: Any, method: str) -> str:
    """``node`` with a method called on it: ``y.unsqueeze(1)``, ``(a + b).float()``."""
    inner = remedy_text(node)
    if not inner:
        return ""
    return (
        f"{inner}.{method}"
        if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call))
        else f"({inner}).{method}"
    )


def set_apart(node: Any, *, reshaped: bool) -> bool:
    """Whether an expression says itself that it wants a dimension more: by ``None``, ``unsqueeze``, ``keepdim``.

    Args:
        node: the expression.
        reshaped: whether ``view`` and ``reshape`` say so, too.
    """
    names = _APART | _SHAPED if reshaped else _APART
    for each in ast.walk(node) if node is not None else ():
        if isinstance(each, ast.Subscript) and any(
            isinstance(inner, ast.Constant) and inner.value is None for inner in ast.walk(each.slice)
        ):
            return True
        if isinstance(each, ast.Attribute) and each.attr in names:
            return True
        if isinstance(each, ast.keyword) and each.arg == "keepdim":
            return True
    return False


def definition(tree: Any, name: Any, before: int) -> Any:
    """What was last assigned to a name before a line; None where that is not seen.

    >>> tree = ast.parse("x = 1\\nx = 2\\ny = x")
    >>> definition(tree, ast.Name("x"), 3).value
    2
    """
    statement = assignment(tree, name, before)
    return None if statement is None else statement.value


def assignment(tree: Any, name: Any, before: int, *, at_or_before: bool = False) -> Any:
    """The last plain assignment of a name before a line (or in it)."""
    if tree is None or not isinstance(name, ast.Name):
        return None
    found = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (node.lineno < before or (at_or_before and node.lineno == before)):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if name.id in targets and (found is None or node.lineno >= found.lineno):
                found = node
    return found


def calls(tree: Any, matches: Callable[[str], bool]) -> list[Any]:
    """The calls of methods or functions whose plain name matches, in the order of the lines."""
    found = []
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if matches(name):
                found.append(node)
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def statement_at(tree: Any, line: int) -> Any:
    """The innermost simple statement that covers a line."""
    found = None
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found = node if found is None or node.lineno >= found.lineno else found
    return found
