"""One warm engine for all engine tests, and a short way to grade a few cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from graders.engine.client import Engine
from graders.engine.report import Cell, Limits, Report, Role, Submission

Grade = Callable[..., Report]


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


def _cells(items: tuple[tuple[object, ...], ...]) -> tuple[Cell, ...]:
    made = []
    for key, item in enumerate(items):
        role: Role = item[0]  # type: ignore[assignment]
        points = float(item[2]) if len(item) > 2 else (1.0 if role == "test" else 0.0)  # type: ignore[arg-type]
        made.append(Cell(key, str(item[1]), role, points, f"cell{key}"))
    return tuple(made)
