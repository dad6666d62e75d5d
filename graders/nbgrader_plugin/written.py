"""What became of results that were to be written into the gradebook: what it holds of them, and what it refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchmagic.errors import TorchmagicError


@dataclass(frozen=True, slots=True)
class Written:
    """What the gradebook holds of one submission.

    Attributes:
        score: points less the late penalty, at least 0.
        changed: False where every value was there already.
    """

    student: str
    score: float
    max_score: float
    late_seconds: float
    needs_manual_grade: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one submission is not in the gradebook as it was graded, and what to do about it."""

    student: str
    reason: str
    hint: str


class NotWritten(TorchmagicError):
    """Some submissions of a batch could not be written; all others were.

    Args:
        refusals: one for each that was not, at least one.
        written: the others.

    >>> error = NotWritten([Refusal("eve", "the gradebook has no student 'eve'", "Enter the student.")], [])
    >>> error.student, error.message
    ('eve', "The result of 'eve' was not written: the gradebook has no student 'eve'.")
    """

    def __init__(self, refusals: Sequence[Refusal], written: Sequence[Written]) -> None:
        self.refusals = tuple(refusals)
        self.written = tuple(written)
        first = refusals[0]
        more = f" (and of {len(refusals) - 1} more)" if len(refusals) > 1 else ""
        super().__init__(f"The result of {first.student!r}{more} was not written: {first.reason}.", hint=first.hint)

    @property
    def student(self) -> str:
        """The first student whose result was not written."""
        return self.refusals[0].student
