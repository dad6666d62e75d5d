"""A test cell's score and message, without a student's process."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from graders.engine.deadline import Deadline
from graders.engine.given import Given
from graders.engine.namespace import JudgeNamespace
from graders.engine.report import Cell, CellReport, Outcome
from graders.engine.testcell import credit, run_test_cell


def run(
    source: str, points: float = 2.0, *, seconds: float = 20.0, output_bytes: int = 1000, **student: Any
) -> CellReport:
    namespace = JudgeNamespace(Given(), student.__getitem__)
    cell = Cell(0, source, "test", points, "q1")
    return run_test_cell(cell, namespace, deadline=Deadline.after(seconds), output_bytes=output_bytes)


def text(report: CellReport) -> str:
    return str(report.outputs) + report.message


@for_all(value=st.floats() | st.integers() | st.booleans() | st.text() | st.none(), points=st.floats(0, 100))
def test_credit_is_finite_and_within_the_points(value: object, points: float) -> None:
    score = credit(value, points)
    assert math.isfinite(score)
    assert 0.0 <= score <= points


@pytest.mark.parametrize(
    ("source", "score", "outcome"),
    [
        ("assert True", 2.0, Outcome.PASSED),
        ("assert False, 'why'", 0.0, Outcome.FAILED),
        ("0.5", 0.5, Outcome.FAILED),
        ("0.5;", 2.0, Outcome.PASSED),
        ("import torch\ntorch.tensor(1.25)", 1.25, Outcome.FAILED),
        ("import numpy as np\nnp.float64(1.0)", 1.0, Outcome.FAILED),
        ("float('nan')", 0.0, Outcome.FAILED),
        ("float('inf')", 2.0, Outcome.PASSED),
        ("-1", 0.0, Outcome.FAILED),
        ("'text'", 2.0, Outcome.PASSED),
        ("import sys\nprint('x', file=sys.stderr)", 2.0, Outcome.PASSED),
        ("1 / 0", 0.0, Outcome.ERROR),
        ("undefined", 0.0, Outcome.ERROR),
        ("raise SystemExit", 0.0, Outcome.ERROR),
        ("def f(:", None, Outcome.GRADER_ERROR),
        ("import no_such_module", None, Outcome.GRADER_ERROR),
    ],
)
def test_scores_and_outcomes(source: str, score: float | None, outcome: Outcome) -> None:
    report = run(source)
    assert report.outcome is outcome
    assert report.score == score


def test_an_endless_check_ends() -> None:
    report = run("while True:\n    try:\n        while True: pass\n    except Exception: pass", seconds=0.3)
    assert report.outcome is Outcome.TIMEOUT
    assert report.score == 0.0


def test_a_visible_failure_shows_its_line_and_a_hidden_one_does_not() -> None:
    source = "assert x == 1\n### BEGIN HIDDEN TESTS\nassert x == 12345\n### END HIDDEN TESTS"
    assert "assert x == 1" in text(run(source, x=0))
    hidden = run(source, x=1)
    assert hidden.score == 0.0
    assert "12345" not in text(hidden)
    assert "hidden test" in text(hidden)


def test_a_library_s_message_in_a_hidden_test_does_not_tell_the_expected_values() -> None:
    source = (
        "from numpy.testing import assert_allclose\n### BEGIN HIDDEN TESTS\n"
        "assert_allclose(x, 12345.5)\n### END HIDDEN TESTS"
    )
    assert "12345" not in text(run(source, x=1.0))


def test_what_a_cell_prints_is_kept_in_order_and_within_its_limit() -> None:
    report = run("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c' * 5000)")
    streams = [(o["name"], o["text"][:2]) for o in report.outputs]
    assert streams == [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "cc")]
    assert sum(len(o["text"]) for o in report.outputs) <= 1000


TWO_PARTS = """\
import torch
from graders.checks import check_tensor, rubric
points = rubric(2)
with points.part(1, "seen"):
    check_tensor(torch.ones(2), "y", values=[1.0, 2.0])
with points.part(1, "unseen"):
    ### BEGIN HIDDEN TESTS
    check_tensor(torch.ones(2), "z", values=[1.0, 77.5])
    ### END HIDDEN TESTS
points.score()
"""


def test_a_rubric_shows_a_part_s_card_where_its_words_stand_and_none_of_a_hidden_part() -> None:
    report = run(TWO_PARTS, output_bytes=1 << 16)
    words, card, more, score = report.outputs
    assert (words["text"], score["data"]) == (
        "seen: 0 of 1 points. `y` at [1] is 1, expected 2 (1 of 2 values differ)\n",
        {"text/plain": "0.0"},
    )
    assert 'class="tm-wrong"' in card["data"]["text/html"]
    assert "expected" in card["data"]["text/plain"]
    assert more["text"].startswith("unseen: 0 of 1 points. `z` has 1 of 2 values wrong")
    assert "77.5" not in text(report)


def test_a_card_that_the_outputs_have_no_room_for_is_text() -> None:
    report = run(TWO_PARTS, output_bytes=1000)
    assert {output["output_type"] for output in report.outputs} == {"stream", "execute_result"}
    assert "\nexpected    y\n 1  2        1 [1]\n" in report.outputs[0]["text"]
