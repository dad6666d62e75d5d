"""What a rubric tells of a lost part: everything of a visible line, and of a hidden one only what gives no answer away."""

from __future__ import annotations

import linecache

import pytest

from graders.checks import rubric
from graders.failure import CheckFailed

CELL = """
with points.part(1, "seen"):
    fail()
with points.part(1, "unseen"):
    pass
    ### BEGIN HIDDEN TESTS
    fail()
    ### END HIDDEN TESTS
"""
WHOLE, PARTLY = "it is 3, expected 42", "it is 3, and that is not right"


def _run(filename: str, *, known: bool = True) -> list[str]:
    def fail() -> None:
        raise CheckFailed(WHOLE, redacted=PARTLY)

    points = rubric(2)
    if known:
        linecache.cache[filename] = (len(CELL), None, CELL.splitlines(keepends=True), filename)
    try:
        exec(compile(CELL, filename, "exec"), {"points": points, "fail": fail})
    finally:
        linecache.cache.pop(filename, None)
    return [lost.reason for lost in points.lost]


@pytest.mark.parametrize("filename", ["<test cell t1>", "/tmp/ipykernel_17/42.py", "<ipython-input-3-0a1b>"])
def test_only_a_visible_line_tells_what_was_expected(filename: str) -> None:
    assert _run(filename) == [WHOLE, PARTLY]


@pytest.mark.parametrize(("filename", "known"), [("<test cell t1>", False), ("module.py", True), ("<string>", True)])
def test_where_it_cannot_be_known_nothing_is_told(filename: str, known: bool) -> None:
    assert _run(filename, known=known) == [PARTLY, PARTLY]
