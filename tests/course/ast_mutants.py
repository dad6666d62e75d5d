"""Small mistakes, made in a solution by rule: what a slip of the hand or of the mind would change in its syntax tree.

The rules are those of the usual mutation tools (constants, operators, comparisons, conditions, statements, arguments),
and PyTorch's own slips: another dim, a sum for a mean, a minimum for a maximum, another dtype.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_BEGIN, _END = "BEGIN SOLUTION", "END SOLUTION"
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_NAMES = {
    one: other
    for pair in (
        ("sum", "mean"),
        ("max", "min"),
        ("amax", "amin"),
        ("argmax", "argmin"),
        ("zeros", "ones"),
        ("zeros_like", "ones_like"),
        ("float32", "float64"),
        ("int64", "int32"),
        ("rand", "randn"),
        ("exp", "log"),
        ("sin", "cos"),
        ("rows", "columns"),
    )
    for one, other in (pair, pair[::-1])
}


@dataclass(frozen=True)
class AstMutant:
    """One change: what it is called, and the cell's new text."""

    name: str
    source: str


def solution_lines(source: str) -> set[int]:
    """The numbers (from 1) of the lines between nbgrader's markers of a solution."""
    found: set[int] = set()
    inside = False
    for number, line in enumerate(source.splitlines(), 1):
        if _END in line:
            inside = False
        if inside:
            found.add(number)
        inside = inside or _BEGIN in line
    return found


def ast_mutants(source: str, label: str) -> list[AstMutant]:
    r"""Every variant of a solution cell that differs by one change inside its solution.

    A mutant's name is ``label | the statement as it was -> as it became``; the same change twice has a number.

    >>> for mutant in ast_mutants("### BEGIN SOLUTION\ny = x.sum(dim=0)\n### END SOLUTION", "q1"):
    ...     print(mutant.name)
    q1 | y = x.sum(dim=0) -> (nothing)
    q1 | y = x.sum(dim=0) -> y = x.sum()
    q1 | y = x.sum(dim=0) -> y = x.mean(dim=0)
    q1 | y = x.sum(dim=0) -> y = x.sum(dim=1)
    """
    lines = [line if not line.lstrip().startswith(("%", "!")) else "" for line in source.splitlines()]
    tree = ast.parse("\n".join(lines))
    places = solution_lines(source)
    found: dict[str, AstMutant] = {}
    counts: Counter[str] = Counter()
    original = ast.unparse(tree)
    places -= _not_run_here(tree)
    for statement, mutated, changed in _changes(tree, places):
        text = ast.unparse(mutated)
        if text == original:
            continue
        name = f"{label} | {_head(statement)} -> {_head(changed) if changed else '(nothing)'}"
        counts[name] += 1
        if counts[name] > 1:
            name += f" #{counts[name]}"
        if all(text != other.source for other in found.values()):
            found[name] = AstMutant(name, text)
    return list(found.values())


def _head(statement: ast.stmt) -> str:
    """A statement's own line, without the body below it."""
    text = ast.unparse(statement)
    return text.splitlines()[0] if hasattr(statement, "body") else " ".join(text.split())


def _changes(tree: ast.Module, places: set[int]) -> Iterator[tuple[ast.stmt, ast.Module, ast.stmt | None]]:
    """(the statement, a changed copy of the tree, the statement in it or None where it is gone)."""
    for index, statement in enumerate(_statements(tree)):
        if statement.lineno not in places:
            continue
        if _can_go(statement):
            changed = copy.deepcopy(tree)
            _drop(changed, _statements(changed)[index])
            yield statement, changed, None
        count = sum(1 for _ in _edits(copy.deepcopy(statement)))
        for number in range(count):
            changed = copy.deepcopy(tree)
            target = _statements(changed)[index]
            for place, _ in enumerate(_edits(target)):  # each step applies one edit and takes the one before back
                if place == number:
                    break
            yield statement, ast.fix_missing_locations(changed), target


def _not_run_here(tree: ast.Module) -> set[int]:
    """The lines of functions that import what is not installed: no test can run them."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            imported = [
                alias.name for inner in ast.walk(node) if isinstance(inner, ast.Import) for alias in inner.names
            ]
            if any(importlib.util.find_spec(name.partition(".")[0]) is None for name in imported):
                found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return found


def _statements(tree: ast.AST) -> list[ast.stmt]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def _can_go(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return not isinstance(statement.value, ast.Constant)  # a docstring does nothing
    kinds = (ast.Assign, ast.AugAssign, ast.Return, ast.If, ast.For, ast.While, ast.With, ast.Raise, ast.Delete)
    return isinstance(statement, kinds)


def _drop(tree: ast.Module, statement: ast.stmt) -> None:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and statement in block:
                block[block.index(statement)] = ast.copy_location(ast.Pass(), statement)


def _edits(statement: ast.stmt) -> Iterator[None]:
    """Change one place of a statement after the other, each time with the change before taken back."""
    for node in _own_nodes(statement):
        yield from _edit_node(node)


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The statement and its expressions, not the statements in its body."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _edit_node(node: ast.AST) -> Iterator[None]:
    yield from _without_a_call(node)
    if isinstance(node, ast.Constant):
        for value in _other_constants(node.value):
            yield from _set(node, "value", value)
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _BINARY:
        yield from _set(node, "op", _BINARY[type(node.op)]())
    elif isinstance(node, ast.Compare):
        for kind in _COMPARE.get(type(node.ops[0]), ()):
            yield from _set(node, "ops", [kind(), *node.ops[1:]])
    elif isinstance(node, ast.BoolOp):
        yield from _set(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield from _set(node, "op", ast.UAdd())  # + of a truth value is as true as it
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        yield from _set(node, "attr", _NAMES[node.attr])
    elif isinstance(node, ast.Call):
        yield from _edit_call(node)
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield from _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
    if isinstance(node, ast.Return) and node.value is not None:
        yield from _set(node, "value", ast.Constant(None))
    if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.ctx, ast.Load):
        yield from _set(node, "elts", node.elts[::-1])


def _without_a_call(node: ast.AST) -> Iterator[None]:
    """Leave out one call of a method without arguments below the node: ``x.detach()`` becomes ``x``."""
    for name, value in ast.iter_fields(node):
        if _is_plain_call(value):
            yield from _set(node, name, value.func.value)
        elif isinstance(value, list):
            for place, each in enumerate(value):
                if _is_plain_call(each):
                    yield from _set(node, name, [*value[:place], each.func.value, *value[place + 1 :]])


def _is_plain_call(value: object) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and not (value.args or value.keywords)


def _edit_call(node: ast.Call) -> Iterator[None]:
    if len(node.args) > 1 and not any(isinstance(arg, ast.Starred) for arg in node.args[:2]):
        yield from _set(node, "args", [node.args[1], node.args[0], *node.args[2:]])
    if isinstance(node.func, ast.Name) and node.func.id in _NAMES:
        yield from _set(node.func, "id", _NAMES[node.func.id])
    for place in range(len(node.keywords)):
        yield from _set(node, "keywords", [*node.keywords[:place], *node.keywords[place + 1 :]])


def _other_constants(value: object) -> tuple[object, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1) if value > 0 else (value + 1,)
    if isinstance(value, float):
        return (value + 1.0, value / 2) if value else (1.0,)
    if isinstance(value, str):
        return (f"{value}x",)
    return ()


def _set(node: ast.AST, name: str, value: object) -> Iterator[None]:
    before = getattr(node, name)
    setattr(node, name, value)
    yield
    setattr(node, name, before)
