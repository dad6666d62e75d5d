"""Explanations as text and as HTML, from stored records: golden files, escaping, width, screen readers."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.golden import assert_golden
from torchmagic.records import Clash, Explanation, Operand, Remedy, SourceLine, TensorRecord
from torchmagic.render.explanation_html import explanation_html
from torchmagic.render.explanation_text import explanation_text
from torchmagic.render.wrapping import cells


def tensor(name: str, *shape: int, **facts: object) -> TensorRecord:
    return TensorRecord(name, "Tensor", shape, "float32", "cpu", **facts)  # type: ignore[arg-type]


RECORDS = {
    "matmul": Explanation(
        error="RuntimeError",
        message="mat1 and mat2 shapes cannot be multiplied (3x4 and 5x4)",
        kind="matmul",
        operation="@",
        expression="x @ W",
        source=(SourceLine(3, "y = x @ W", 4, 9),),
        operands=(Operand("x", "", tensor("x", 3, 4)), Operand("W", "", tensor("W", 5, 4, requires_grad=True))),
        clash=Clash((("x", ("3", "4", "")), ("W", ("", "5", "4"))), (1,), ("", "must match", "")),
        why="A matrix product needs as many columns (its last size) in x as rows in W: here 4 and 5.",
        remedies=(Remedy("x @ W.T", "gives shape (3, 5)", True),),
    ),
    "layer": Explanation(
        error="RuntimeError",
        message="mat1 and mat2 shapes cannot be multiplied",
        kind="linear",
        operation="nn.Linear",
        expression="self.classifier(features.mean(dim=[2, 3]), temperature=0.5, normalise=True)",
        filename="/home/someone/project/models/classifier.py",
        source=(
            SourceLine(107, "        return self.classifier(", 15, 31),
            SourceLine(108, "            features.mean(dim=[2, 3]), temperature=0.5, normalise=True", 12, 71),
            SourceLine(109, "        )", 8, 9),
        ),
        layer="model.classifier[4].projection: Linear(in_features=512, out_features=10, bias=True)",
        operands=(
            Operand(
                "features.mean(dim=[2, 3])", "input", tensor("", 32, 2048, requires_grad=True, grad_fn="MeanBackward1")
            ),
            Operand("temperature", "", None, "0.5"),
        ),
        clash=Clash(
            (("features.mean(dim=[2, 3])", ("32", "2048")), ("model.classifier[4].projection in", ("", "512"))), (1,)
        ),
        why="model.classifier[4].projection takes in_features=512 values in the last dimension; the input has 2048.",
        remedies=(Remedy("nn.Linear(2048, 10)", "for model.classifier[4].projection, to fit this input", True),),
    ),
    "general": Explanation(
        error="RuntimeError",
        message="something that no rule knows",
        operation="torch.mystery",
        expression="torch.mystery(x)",
        source=(SourceLine(1, "torch.mystery(x)", 0, 16),),
        operands=(Operand("x", "", tensor("x", 2)),),
    ),
    "nothing known": Explanation(error="RuntimeError", message="mat1 and mat2 shapes cannot be multiplied"),
    "hostile": Explanation(
        error="Run<b>time",
        message="<script>alert(1)</script>",
        expression="损失 @ '<script>\x1b[31m'",
        source=(SourceLine(1, "损失 @ '<script>\x1b[31m'", 0, 18),),
        layer="<img src=x onerror=alert(1)>",
        operands=(Operand("<script>", "<i>", tensor("<script>", 2), ""), Operand("n", "", None, "'</td><script>'")),
        clash=Clash((("<script>", ("<b>",)),), (0,), ("<u>",)),
        why="<script>",
        remedies=(Remedy("'<script>'", "<b>", True),),
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_golden(name: str) -> None:
    file = name.replace(" ", "-")
    assert_golden(explanation_text(RECORDS[name]) + "\n", f"explanation/{file}.txt")
    assert_golden(explanation_html(RECORDS[name]), f"explanation/{file}.html")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
def test_the_html_is_whole_and_holds_no_tag_of_the_users(record: Explanation) -> None:
    page = explanation_html(record)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "img", "i", "b", "u"}
    assert "\x1b" not in page
    assert "aria-label=" in page


def test_headers_are_headers_and_marks_are_not_colour_alone() -> None:
    page = explanation_html(RECORDS["matmul"])
    assert page.count('scope="col"') == 5
    assert page.count('scope="row"') == 4
    assert "✗" in page
    assert "underline" in page


TEXT = st.text(min_size=0, max_size=120)
NAMES = st.text(min_size=1, max_size=90)


@given(NAMES, TEXT, TEXT, st.lists(st.lists(st.integers(0, 10**9), max_size=12), min_size=1, max_size=4))
def test_it_fits_80_columns_whatever_it_holds(name: str, why: str, code: str, shapes: list[list[int]]) -> None:
    width = max(map(len, shapes))
    rows = tuple((name, (*map(str, shape), *("" for _ in range(width - len(shape))))) for shape in shapes)
    record = replace(
        RECORDS["layer"],
        expression=code,
        why=why,
        clash=Clash(rows, tuple(range(width))),
        operands=tuple(Operand(name, "", tensor(name, *shape)) for shape in shapes),
        source=(SourceLine(12, code, 0, len(code)),),
        remedies=(Remedy(code, why),),
    )
    for line in explanation_text(record).split("\n"):
        assert cells(line) <= 80 or not re.search(r"\s", line.strip()), line
    assert explanation_html(record)
