"""The tables under a graph: leaves with status, strength and step, what is kept, forward calls, checks."""

from __future__ import annotations

import math
import re

import pytest

from tests.see.graph_models import MODELS, chain
from torchmagic.graph_records import GraphNode, GraphRecord, LeafGradient, LeafStatus, SavedTensor
from torchmagic.render.graph_html import graph_html
from torchmagic.render.graph_tables import Table, make_tables, step_text
from torchmagic.render.graph_text import graph_text


def leaves_table(*leaves: LeafGradient, lr: float | None = None) -> Table:
    return make_tables(GraphRecord((), (), leaves=leaves, lr=lr))[0]


def column(table: Table, head: str) -> list[str]:
    place = table.heads.index(head) - 1
    return [row.cells[place].text for row in table.rows]


def test_problems_come_first_and_say_why_and_where() -> None:
    table = make_tables(MODELS["everything"])[0]
    statuses = column(table, "status")
    assert statuses[:3] == ["✗ NaN", "✗ infinite", "○ None"]
    assert statuses[-2:] == ["✓ fine", "✓ fine"]
    assert table.rows[0].more == "Why it is nan. (line 7)"
    assert "7 of 10 need a look." in table.foot


def test_every_status_differs_in_words_and_sign() -> None:
    table = make_tables(MODELS["everything"])[0]
    words = set(column(table, "status"))
    assert len(words) == 9
    assert all(re.fullmatch(r"\S \S.*", word) for word in words)


@pytest.mark.parametrize(
    ("leaf", "text"),
    [
        (LeafGradient("W", value=3.0, grad=-16.0, new=4.6), "3 − 0.1 × (−16) = 4.6"),
        (LeafGradient("W", value=-3.0, grad=1e-9, new=-3.0), "−3 − 0.1 × 1e−09 = −3"),
        (LeafGradient("W", new_text="[1, 2]"), "→ [1, 2]"),
        (LeafGradient("W", step_norm=0.25), "moves by norm 0.25"),
        (LeafGradient("W"), ""),
    ],
)
def test_steps(leaf: LeafGradient, text: str) -> None:
    assert step_text(leaf, 0.1) == text
    assert step_text(leaf, None) == ""


@pytest.mark.parametrize(
    ("norm", "grad", "text", "bar"),
    [(2.0, 1.0, "0.5", True), (0.0, 1.0, "", False), (1.0, math.nan, "", False), (1.0, math.inf, "", False),
     (None, 1.0, "", False), (1.0, None, "", False), (1.0, 0.0, "0", True), (1e-30, 1e30, "1e+60", True)],
)  # fmt: skip
def test_strength_is_the_ratio_of_norms(norm: float | None, grad: float | None, text: str, bar: bool) -> None:
    leaves = (LeafGradient("W", norm=norm, grad_norm=grad), LeafGradient("b", norm=1.0, grad_norm=1.0))
    table = leaves_table(*leaves)
    cell = table.rows[0].cells[table.heads.index("strength") - 1]
    assert cell.text == text
    assert (cell.bar is not None) == bar
    assert cell.bar is None or 0 <= cell.bar <= 1


def test_without_told_leaves_the_nodes_are_listed_and_no_status_is_claimed() -> None:
    table = make_tables(chain(3))[0]
    assert table.heads == ("leaf", "value", "gradient")
    assert [row.name for row in table.rows] == ["w"]
    assert make_tables(GraphRecord((GraphNode("n", "tensor", "w", "leaf"),), ())) == []


def test_a_scalar_with_a_sign_and_no_status_known_to_us() -> None:
    odd: LeafStatus = "new word"  # type: ignore[assignment]
    table = leaves_table(LeafGradient("W", grad=2.0, grad_text="2", grad_of="loss", status=odd))
    assert column(table, "sign") == ["positive: raising W raises loss"]
    assert column(table, "status") == ["new word"]


def test_saved_memory_is_counted_once_for_all_and_once_for_what_nothing_else_holds() -> None:
    table = make_tables(MODELS["everything"])[1]
    assert column(table, "memory") == ["648 B", "64 B"]
    assert column(table, "held") == ["only for backward", "held by x"]
    assert table.foot == "Total 712 B, of which 648 B are held by nothing else."


def test_forward_calls_are_listed_in_order_with_totals() -> None:
    table = make_tables(MODELS["everything"])[2]
    assert [row.name for row in table.rows] == ["linear", "mul × 200"]
    assert column(table, "inputs") == ["X (2, 8), W (8, 8)", "(2, 8)"]
    assert table.foot == "201 operations, 1.04 ms, 128 B of new memory."


def test_checks_that_differ_come_first() -> None:
    assert column(make_tables(MODELS["everything"])[3], "verdict") == ["✗ differs", "– not checked", "✓ agrees"]


def test_long_tables_are_folded_and_escaped() -> None:
    saved = tuple(SavedTensor("gone", "<b>", "", (i,), "float32", i) for i in range(500))
    html = graph_html(GraphRecord((), (), saved=saved))
    assert "<summary" in html
    assert "486 more</summary>" in html
    assert "350 more are not listed." in html
    assert "<b>" not in html
    assert "… 470 more …" in graph_text(GraphRecord((), (), saved=saved))


def test_text_holds_the_same_tables() -> None:
    text = graph_text(MODELS["everything"])
    for words in (
        "3 − 0.1 × (−16) = 4.6",
        "✗ NaN",
        "Why it is vanishing.",
        "only for backward",
        "✗ differs",
        "time 42 µs",
    ):
        assert words in text
