"""Remedies: the failing expression with one thing changed, kept where it succeeds on stand-ins of the operands."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pure_eval import CannotEval

from torchmagic.observe.errors.evaluate import Failed, World
from torchmagic.observe.errors.failure import Arg, Failure
from torchmagic.observe.errors.words import shape_text
from torchmagic.records import Remedy

_IT = "__it__"
_MOST = 2


@dataclass(frozen=True)
class Candidate:
    """A change to try.

    Attributes:
        node: the changed code; None where there is nothing to change.
        text: what it does, in words; "" says what shape it gives.
        shape: the shape that it must give to make sense; None for any.
        trusted: whether to offer it, marked as not checked, where stand-ins cannot tell.
    """

    node: ast.AST | None
    text: str = ""
    shape: tuple[int, ...] | None = None
    trusted: bool = False


def with_args(failure: Failure, changes: Mapping[Arg, str], text: str = "", **options: Any) -> Candidate:
    """The failing code with arguments changed by templates in which ``{}`` is the argument."""
    swaps: dict[int, ast.AST] = {}
    for arg, template in changes.items():
        if arg.node is None:
            return Candidate(None)
        swaps[id(arg.node)] = fill(template, arg.node)
    if failure.site.node is None:
        return Candidate(None)
    changed = rebuilt(failure.site.node, swaps)
    return Candidate(None if changed is failure.site.node else changed, text, **options)


def with_method(failure: Failure, name: str, text: str = "", **options: Any) -> Candidate:
    """The failing call with another function of the same object: ``x.view(…)`` as ``x.reshape(…)``."""
    node = failure.site.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return Candidate(None)
    function = ast.Attribute(value=node.func.value, attr=name, ctx=ast.Load())
    return Candidate(ast.Call(func=function, args=node.args, keywords=node.keywords), text, **options)


def with_keyword(failure: Failure, name: str, value: ast.expr | str, text: str = "", **options: Any) -> Candidate:
    """The failing call with a keyword argument set."""
    node = failure.site.node
    if not isinstance(node, ast.Call):
        return Candidate(None)
    new = ast.parse(value, mode="eval").body if isinstance(value, str) else value
    keywords = [each for each in node.keywords if each.arg != name]
    keywords.append(ast.keyword(arg=name, value=new))
    return Candidate(ast.Call(func=node.func, args=node.args, keywords=keywords), text, **options)


def as_code(template: str, *nodes: ast.expr | None, text: str = "", **options: Any) -> Candidate:
    """New code in which ``{0}``, ``{1}`` … are the given nodes."""
    if any(node is None for node in nodes):
        return Candidate(None)
    names = [f"__it{i}__" for i in range(len(nodes))]
    tree = ast.parse(template.format(*names)).body[0]
    root: ast.AST = tree.value if isinstance(tree, ast.Expr) else tree
    by_name = dict(zip(names, nodes, strict=True))
    swaps = {id(each): by_name[each.id] for each in ast.walk(root) if isinstance(each, ast.Name) and each.id in by_name}
    return Candidate(rebuilt(root, swaps), text, **options)  # type: ignore[arg-type]


def offered(failure: Failure, candidates: Iterable[Candidate], most: int = _MOST) -> tuple[Remedy, ...]:
    """The first candidates that succeed where the failing code fails, on stand-ins."""
    given = [each for each in candidates if each.node is not None]
    world = _reproducing(failure) if given else None
    found: list[Remedy] = []
    for each in given:
        if len(found) == most:
            break
        assert each.node is not None
        code = code_of(each.node)
        if any(code == remedy.code for remedy in found):
            continue
        if world is None:
            if each.trusted:
                found.append(Remedy(code, each.text))
            continue
        try:
            result = world.run(each.node)
        except CannotEval:
            if each.trusted:
                found.append(Remedy(code, each.text))
            continue
        except Failed:
            continue
        if each.shape is not None and getattr(result, "shape", None) != each.shape:
            continue
        found.append(Remedy(code, each.text or _gives(result), checked=True))
    return tuple(found)


def code_of(node: ast.AST) -> str:
    """The code of a node on one line."""
    return " ".join(ast.unparse(ast.fix_missing_locations(node)).split("\n"))


def changed_code(template: str, arg: Arg) -> str:
    """The code of one argument changed by a template; "" where it stands nowhere."""
    return "" if arg.node is None else code_of(fill(template, arg.node))


def _gives(result: Any) -> str:
    return f"gives shape {shape_text(result.shape)}" if isinstance(result, torch.Tensor) else ""


def _reproducing(failure: Failure) -> World | None:
    """A world of stand-ins in which the failing code fails too; None where there is none."""
    if failure.site.node is None:
        return None
    for where in ("cpu", "meta"):
        world = failure.world.twin(where)
        try:
            world.run(failure.site.node)
        except CannotEval:
            continue
        except Failed:
            return world
        except Exception:  # pure_eval's own, on objects of any kind
            return None
    return None


def fill(template: str, node: ast.AST) -> ast.AST:
    """The template's code with the node in the place of ``{}``.

    >>> ast.unparse(fill("{}.T", ast.parse("a + b", mode="eval").body))
    '(a + b).T'
    """
    root = ast.parse(template.replace("{}", _IT), mode="eval").body
    swaps = {id(each): node for each in ast.walk(root) if isinstance(each, ast.Name) and each.id == _IT}
    return rebuilt(root, swaps)


def rebuilt(node: ast.AST, swaps: Mapping[int, ast.AST]) -> ast.AST:
    """The node with parts swapped; parts without a swap are the very same nodes."""
    if id(node) in swaps:
        return swaps[id(node)]
    changed = False
    fields: dict[str, Any] = {}
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            new: Any = rebuilt(value, swaps)
            changed |= new is not value
        elif isinstance(value, list):
            new = [rebuilt(item, swaps) if isinstance(item, ast.AST) else item for item in value]
            changed |= any(one is not other for one, other in zip(new, value, strict=True))
        else:
            new = value
        fields[name] = new
    return type(node)(**fields) if changed else node
