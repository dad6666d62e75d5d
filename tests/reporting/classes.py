"""Small classes of made-up results: one notebook, two questions with an answer and a test each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graders.graded import Graded, GradedCell, GradedNotebook
from graders.reporting.data import ClassResults, Question, StudentResult

QUESTIONS = (Question("hw", "test-mean", 2.0), Question("hw", "test-sum", 4.0))
BLANK = "# YOUR CODE HERE\nraise NotImplementedError()"
RELEASED = {"hw/mean": BLANK, "hw/sum": BLANK}
RIGHT = ("passed", "", "")
WRONG_DIM = (
    "failed",
    "CheckFailed: `m` is 3, expected 4. It is the mean of `x` over dim 0, where dim 1 is asked.",
    "wrong dim",
)
WRONG_SHAPE = ("failed", "CheckFailed: `m` has shape (3,), expected (3, 1)", "")
LACKING = ("error", "NameError: name 'm' is not defined", "")
STOPPED = ("timeout", "it did not end in 10 s", "")
FAULT = ("grader error", "NameError: name 'expcted' is not defined", "")

#: How a test ended: its outcome, its message and the misconception that it names.
End = tuple[str, str, str]


def student(
    name: str,
    mean: End = RIGHT,
    total: End = RIGHT,
    *,
    answers: Sequence[str] = ("m = x.mean(1)", "s = x.sum()"),
    cards: Sequence[str] = ("", ""),
    broken: str = "",
    **more: Any,
) -> StudentResult:
    """One student's result, from how their two tests ended."""
    cells = [
        _answer(0, "mean", broken),
        _test(1, QUESTIONS[0], mean),
        _answer(2, "sum", ""),
        _test(3, QUESTIONS[1], total),
    ]
    scores = {cell.name: cell.score for cell in cells if cell.role == "test"}
    worst = next((end[0] for end in (mean, total) if end[0] != "passed"), "passed")
    notebook = GradedNotebook("hw", _text(cards), worst, "", 0.5, tuple(cells), scores)
    got = sum(score or 0.0 for score in scores.values())
    sources = dict(zip(RELEASED, answers, strict=True))
    made = StudentResult(name, got, 6.0, 0.0, False, worst, "", Graded((notebook,)), sources)
    return replace(made, **more)


def class_of(*students: StudentResult) -> ClassResults:
    """A class of these."""
    return ClassResults("abc", "hw", students, QUESTIONS, RELEASED)


def lacking(name: str, outcome: str = "missing") -> StudentResult:
    """A student of whom there is nothing to grade."""
    return StudentResult(name, None, 6.0, 0.0, False, outcome, f"submitted/{name}/hw holds no hw.ipynb", None, {})


def _answer(key: int, name: str, broken: str) -> GradedCell:
    return GradedCell(key, name, "student", 0.0, None, "error" if broken else "passed", 0.25, broken)


def _test(key: int, question: Question, end: End) -> GradedCell:
    outcome, message, kind = end
    score = {"passed": question.points, "grader error": None}.get(outcome, 0.0)
    return GradedCell(key, question.name, "test", question.points, score, outcome, 0.5, message, kind)


def _text(cards: Sequence[str]) -> str:
    cells: list[dict[str, Any]] = [{"outputs": []} for _ in range(4)]
    for place, card in zip((1, 3), cards, strict=True):
        if card:
            shown = {"output_type": "display_data", "data": {"text/html": card, "text/plain": "card"}, "metadata": {}}
            error = {"output_type": "error", "traceback": ["Line 2 of this cell:", "----> check_tensor(m, 'm')", ""]}
            cells[place]["outputs"] = [shown, error]
    return json.dumps({"cells": cells})
