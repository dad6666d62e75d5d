"""The item that a comprehension had reached is found again where the interpreter has lost it (Python 3.12 and later)."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch
from executing import Source

from torchmagic.observe.errors.comprehensions import rebound
from torchmagic.observe.errors.evaluate import World


def failing_node(source: str, text: str) -> ast.AST:
    tree = Source("<test>", source.splitlines(keepends=True)).tree  # its nodes know their parents
    return next(node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and ast.unparse(node) == text)


NAMES: dict[str, Any] = {
    "x": torch.ones(2, 3),
    "ws": [torch.ones(3, 4), torch.ones(4, 5)],
    "table": {"a": torch.ones(3, 1), "b": torch.ones(7, 1)},
    "w": "another w, of outside",
    "zip": zip,
    "enumerate": enumerate,
    "range": range,
}


@pytest.mark.parametrize(
    ("source", "text", "shape"),
    [
        ("[x @ w for w in ws]", "x @ w", (4, 5)),
        ("{x @ w for w in ws}", "x @ w", (4, 5)),
        ("{k: x @ w for k, w in table.items()}", "x @ w", (7, 1)),
        ("[x @ w for i, w in enumerate(ws)]", "x @ w", (4, 5)),
        ("[y @ w for y, w in zip([x, x], ws)]", "y @ w", (4, 5)),
        ("[[x @ w for w in each] for each in [ws[:1], ws]]", "x @ w", (4, 5)),
        ("[x @ w for each in [ws[:1], ws] for w in each]", "x @ w", (4, 5)),
    ],
)
def test_the_item_is_found(source: str, text: str, shape: tuple[int, ...]) -> None:
    node = failing_node(source, text)
    assert isinstance(node, ast.BinOp)
    found = rebound(node, World(NAMES))
    assert tuple(found[node.right].shape) == shape


def test_a_variable_of_outside_is_not_taken_for_the_item() -> None:
    node = failing_node("[x @ w for w in somewhere()]", "x @ w")
    assert "w" not in rebound(node, World(NAMES)).names


def test_outside_a_comprehension_nothing_changes() -> None:
    world = World(NAMES)
    assert rebound(failing_node("x @ w", "x @ w"), world) is world
    assert rebound(failing_node("(x @ w for w in ws)", "x @ w"), world) is world, "a generator has a frame of its own"
