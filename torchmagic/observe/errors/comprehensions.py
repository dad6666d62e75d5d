"""Which item a comprehension had reached when it failed.

From Python 3.12 on a comprehension runs inside its function's frame, and its variables are gone (or are again what
they were outside) when the error arrives. The item is then
the first for which the operation fails on stand-ins.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from pure_eval import CannotEval

from torchmagic.observe.errors.evaluate import Failed, World

_MOST_ITEMS = 200
_KINDS = (ast.ListComp, ast.SetComp, ast.DictComp)


def rebound(node: ast.AST, world: World) -> World:
    """The world in which the variables of the comprehensions around a node are what they were when it failed.

    The node must know its parents, as nodes of ``executing`` do.
    """
    loops = list(_around(node))
    if not loops:
        return world
    targets = {each.id for loop in loops for each in ast.walk(loop.target) if isinstance(each, ast.Name)}
    outer = {name: value for name, value in world.names.items() if name not in targets}
    for names in itertools.islice(_bindings(loops, {}, World(outer)), _MOST_ITEMS):
        tried = World({**outer, **names})
        try:
            tried.run(node)
        except CannotEval:
            continue
        except Failed:
            return World({**outer, **names})
        except Exception:  # pure_eval's own, on objects of any kind
            break
    return World(outer)


def _around(node: ast.AST) -> Iterator[ast.comprehension]:
    """The loops whose items the node sees, outermost first."""
    found: list[ast.comprehension] = []
    child, parent = node, getattr(node, "parent", None)
    while parent is not None and not isinstance(parent, (ast.stmt, ast.Lambda, ast.GeneratorExp)):
        if isinstance(parent, _KINDS):
            loops = parent.generators
            if isinstance(child, ast.comprehension):
                loops = loops[: loops.index(child)]
            found = [*loops, *found]
        child, parent = parent, getattr(parent, "parent", None)
    yield from found


def _bindings(loops: list[ast.comprehension], names: Mapping[str, Any], world: World) -> Iterator[dict[str, Any]]:
    if not loops:
        yield dict(names)
        return
    inner = World({**world.names, **names})
    for item in _items(loops[0].iter, inner):
        bound = dict(names)
        if _bind(loops[0].target, item, bound):
            yield from _bindings(loops[1:], bound, world)


def _bind(target: ast.expr, value: Any, names: dict[str, Any]) -> bool:
    if isinstance(target, ast.Name):
        names[target.id] = value
        return True
    if isinstance(target, (ast.Tuple, ast.List)) and type(value) in (tuple, list) and len(value) == len(target.elts):
        return all(_bind(one, item, names) for one, item in zip(target.elts, value, strict=True))
    return False


def _items(node: ast.expr, world: World) -> Iterator[Any]:
    """What a loop goes through, where that needs no code of the user's."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        parts = [_items(each, world) for each in node.args]
        if node.func.id == "zip":
            yield from zip(*parts, strict=False)
            return
        if node.func.id == "enumerate" and len(parts) == 1:
            yield from enumerate(parts[0])
            return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        value = _value(node.func.value, world)
        if type(value) is dict and node.func.attr in ("items", "keys", "values"):
            yield from list(getattr(value, node.func.attr)())[:_MOST_ITEMS]
            return
    value = _value(node, world)
    if type(value) in (list, tuple, range):
        yield from value[:_MOST_ITEMS]
    elif type(value) is dict:
        yield from list(value)[:_MOST_ITEMS]
    elif isinstance(value, torch.Tensor) and value.dim():
        for i in range(min(value.size(0), _MOST_ITEMS)):
            yield world.apply(torch.select, [value, 0, i])


def _value(node: ast.expr, world: World) -> Any:
    try:
        return world[node]
    except (CannotEval, Failed):
        return None
    except Exception:  # pure_eval's own, on objects of any kind
        return None
