"""Argument lines: which expressions, and which magics above a cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchmagic.expressions import magics_above, split_expressions


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("x", ["x"]),
        ("x y", ["x", "y"]),
        ("x[0, :]  f(a, key='b c')", ["x[0, :]", "f(a, key='b c')"]),
        ("(a + b) {'k': 1}['k'] [i for i in x]", ["(a + b)", "{'k': 1}['k']", "[i for i in x]"]),
        ("a + b", ["a + b"]),
        ("x @ y.T", ["x @ y.T"]),
        ("x if y else z", ["x if y else z"]),
        ("not x", ["not x"]),
        ("f(", ["f("]),
        ("model.layers[0].weight", ["model.layers[0].weight"]),
    ],
)
def test_split(line: str, wanted: list[str]) -> None:
    assert split_expressions(line) == wanted


@given(names=st.lists(st.sampled_from(["x", "y.T", "f(1, 2)", "w[0, :]", "(a + b)"]), min_size=1, max_size=5))
def test_expressions_joined_by_spaces_are_found_again(names: list[str]) -> None:
    assert split_expressions("  ".join(names)) == names


@pytest.mark.parametrize(
    ("source", "magics", "lines"),
    [
        ("%%tensorinfo\nx = 1", (("tensorinfo", ""),), 1),
        ("\n%%tensorinfo  --no-stats x \nx = 1", (("tensorinfo", "--no-stats x"),), 1),
        ("%%time\n%%tensorinfo", (), 0),
        ("x = 1\n%%tensorinfo", (), 0),
        ("%tensorinfo x", (), 0),
        ("%%tensorinfos\n", (), 0),
        ("%%tensorinfo?", (), 0),
        ("%%tensorinfo??\n", (), 0),
    ],
)
def test_magics_above(source: str, magics: tuple[tuple[str, str], ...], lines: int) -> None:
    above = magics_above(source, ("tensorinfo", "gradtrace"))
    assert (above.magics, above.lines) == (magics, lines)
