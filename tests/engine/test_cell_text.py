"""Quicker than IPython, and never otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from graders.engine.cell_text import QuickTransformer

_LINES = (
    "x = 1", "y = x % 2", "%matplotlib inline", "a = %time x", "!ls", "files = !ls", "x?", "?x", "f'{x}?'", "'what?'", "f'{x!r}'",
    "def f():", "    return '%d' % x", "  bad indent", "for i in y:", "    pass", "\\", "(", ")", "[1,", ", 2]", ";f x", ",f x y", "/f x",
    "x = 3; y", "await x", "# !no", "'''", "%%time", "@f", "lambda: 0", ">>> x = 2", "In [1]: y = 2", "", "\t", "x = (1 +", "%d", "$", "\x0c",
)  # fmt: skip


def _outcome(manager: Any, cell: str) -> str:
    try:
        return str(manager.transform_cell(cell))
    except SyntaxError as error:
        return f"SyntaxError {error.msg}"


@given(st.lists(st.sampled_from(_LINES), max_size=7))
@example(["x = (1 +", "%d", ")"])
@example(["'''", "!ls", "'''"])
@example(["x = [1,", "/f x", "]"])
@settings(max_examples=300, deadline=None)
def test_as_ipython_does(lines: list[str]) -> None:
    cell = "\n".join(lines)
    assert _outcome(QuickTransformer(), cell) == _outcome(TransformerManager(), cell)


def test_what_is_python_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, lines: list[str]) -> list[str]:
        raise AssertionError(lines)

    monkeypatch.setattr(TransformerManager, "do_token_transforms", fail)
    assert QuickTransformer().transform_cell("x = y % 2") == "x = y % 2\n"
    with pytest.raises(AssertionError):
        QuickTransformer().transform_cell("%time x")


def test_transformations_of_ones_own_are_made() -> None:
    quick = QuickTransformer()
    kind: Any = type(quick.token_transformers[0])

    class Shout(quick.token_transformers[0]):  # type: ignore[name-defined, misc]
        @classmethod
        def find(cls, tokens_by_line: Any) -> Any:
            found = [t for line in tokens_by_line for t in line if t.string == "quiet"]
            return cls(found[0].start) if found else None

        def transform(self, lines: list[str]) -> list[str]:
            return [line.replace("quiet", "LOUD") for line in lines]

    assert kind is type
    quick.token_transformers.append(Shout)
    assert quick.transform_cell("quiet = 1") == "LOUD = 1\n"
