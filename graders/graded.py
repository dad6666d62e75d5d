"""What grading one submission gives: plain data that is stored, written into the gradebook, and reported on.

The same bytes give the same result, whoever handed them in: nothing here names a student.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from graders.engine.report import Outcome, Role

#: Outcomes of submissions that hold nothing that can be graded: their scores in the gradebook stay what they were.
UNREADABLE, MISSING = "unreadable", "missing"
_RANK = {outcome.value: rank for rank, outcome in enumerate(Outcome)} | {UNREADABLE: 100}


@dataclass(frozen=True, slots=True)
class GradedCell:
    """One code cell of a graded notebook.

    Attributes:
        key: where it stands in the graded notebook (whose cell holds its outputs).
        name: nbgrader's grade_id; "" for a cell of the student's own.
        role: ``student``, ``provided`` or ``test``.
        points: what a test cell is worth.
        score: points got, for a test cell; None for others and where the test failed by itself.
        outcome: in the words of :class:`graders.engine.report.Outcome`.
        seconds: wall time.
        message: why, in one line.
        misconception: the kind of the misconception that explains the wrong answer ("transposed"), or "". Where several
            parts of a rubric were lost, one a line.
        tamper_proof: False for a test that ran beside the student's code.
    """

    key: int
    name: str
    role: Role
    points: float
    score: float | None
    outcome: str
    seconds: float
    message: str = ""
    misconception: str = ""
    tamper_proof: bool = True


@dataclass(frozen=True, slots=True)
class GradedNotebook:
    """One graded notebook.

    Attributes:
        name: without ``.ipynb``.
        text: the autograded notebook, as JSON; "" where nothing could be graded.
        outcome, message: how it ended, and why.
        seconds: wall time of running and judging it.
        cells: its code cells in order.
        scores: by grade_id, the automatic score of each cell that is worth points; None asks for grading by hand.
        kept: the grade_ids of tests that failed by themselves: their scores stay what they were, and ask for a look.
        comments: by grade_id of each solution or task cell, the automatic comment.
        mended: what of the instructor's was restored, in words.
    """

    name: str
    text: str
    outcome: str
    message: str
    seconds: float
    cells: tuple[GradedCell, ...] = ()
    scores: Mapping[str, float | None] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    comments: Mapping[str, str | None] = field(default_factory=dict)
    mended: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graded:
    """What became of one submission: its notebooks that are the assignment's.

    Attributes:
        lasting: False where the machine was at fault, so that trying again may end otherwise: not to be stored.
    """

    notebooks: tuple[GradedNotebook, ...]
    lasting: bool = True

    @property
    def refused(self) -> bool:
        """Whether a notebook could not be graded at all: then nothing of the submission is written anywhere."""
        return not all(notebook.text for notebook in self.notebooks)

    @property
    def outcome(self) -> str:
        """That of the notebook that ended worst; "missing" where there is none."""
        return self._worst.outcome if self.notebooks else MISSING

    @property
    def message(self) -> str:
        """Why, of the notebook that ended worst."""
        return self._worst.message if self.notebooks else ""

    @property
    def seconds(self) -> float:
        """Wall time of running and judging all of them."""
        return sum(notebook.seconds for notebook in self.notebooks)

    @property
    def not_tamper_proof(self) -> tuple[str, ...]:
        """The names of tests that ran beside the student's code."""
        return tuple(cell.name for notebook in self.notebooks for cell in notebook.cells if not cell.tamper_proof)

    @property
    def _worst(self) -> GradedNotebook:
        return max(self.notebooks, key=lambda notebook: _RANK[notebook.outcome])


def to_json(graded: Graded) -> bytes:
    """A result as JSON text, for the store.

    >>> from_json(to_json(Graded((GradedNotebook("hw", "{}", "passed", "", 0.1),)))).outcome
    'passed'
    """
    return json.dumps(asdict(graded)).encode()


def from_json(text: bytes) -> Graded:
    """A result from its JSON text.

    Raises:
        ValueError: it is no such text.
    """
    try:
        data: Mapping[str, Any] = json.loads(text)
        return Graded(tuple(_notebook(entry) for entry in data["notebooks"]), data["lasting"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"no stored result: {type(error).__name__}: {error}") from error


def _notebook(entry: Mapping[str, Any]) -> GradedNotebook:
    cells: Sequence[Mapping[str, Any]] = entry["cells"]
    lists = {"kept": tuple(entry["kept"]), "mended": tuple(entry["mended"])}
    return GradedNotebook(**{**entry, **lists, "cells": tuple(GradedCell(**cell) for cell in cells)})
