"""One warm engine for all engine tests, and a short way to grade a few cells."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graders.engine.client import Engine
from graders.engine.report import Cell, Limits, Outcome, Report, Role, Submission

Grade = Callable[..., Report]

#: A right solution, and a test cell for it.
Idiom = tuple[str, str]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running


@pytest.fixture
def grade(engine: Engine) -> Grade:
    """Grade cells given as (role, source) or (role, source, points); ``template`` likewise."""

    def run(*cells: tuple[object, ...], template: tuple[tuple[object, ...], ...] = (), **limits: float) -> Report:
        return engine.grade(
            Submission(
                cells=_cells(cells),
                template=_cells(template),
                limits=Limits(**{"cell_seconds": 20.0, "total_seconds": 60.0, **limits}),  # type: ignore[arg-type]
            )
        )

    return run


def answer(grade: Grade, source: str, **limits: float) -> Any:
    """What a student's cell leaves in the variable ``answer``."""
    report = grade(("student", source), ("test", "print(repr(answer))"), **limits)
    assert report.of(0).outcome is Outcome.PASSED, report.of(0)  # type: ignore[union-attr]
    return ast.literal_eval("".join(output["text"] for output in report.of(1).outputs))  # type: ignore[union-attr]


def outcome(grade: Grade, source: str, **limits: float) -> Outcome:
    """How a student's cell ends."""
    cell = grade(("student", source), **limits).of(0)
    assert cell is not None
    return cell.outcome


def assert_right_and_wrong(grade: Grade, idiom: Idiom) -> None:
    """The solution gets all the points of its test cell, and an empty one none."""
    solution, test = idiom
    report = grade(("student", solution), ("test", test))
    assert report.outcome is Outcome.PASSED, [(cell.message, cell.outputs) for cell in report.cells]
    assert grade(("student", "pass"), ("test", test)).of(1).score == 0.0  # type: ignore[union-attr]


def _cells(items: tuple[tuple[object, ...], ...]) -> tuple[Cell, ...]:
    made = []
    for key, item in enumerate(items):
        role: Role = item[0]  # type: ignore[assignment]
        points = float(item[2]) if len(item) > 2 else (1.0 if role == "test" else 0.0)  # type: ignore[arg-type]
        made.append(Cell(key, str(item[1]), role, points, f"cell{key}"))
    return tuple(made)
