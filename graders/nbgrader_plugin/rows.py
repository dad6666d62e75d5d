"""One line of a table: what became of one student's submission, or of the feedback for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from graders.engine.report import Outcome
from graders.graded import UNREADABLE, Graded

#: Outcomes of submissions that could not be graded: their students keep what the gradebook held before.
NOT_GRADED: Final = frozenset({UNREADABLE, Outcome.GRADER_ERROR.value})


@dataclass(frozen=True, slots=True)
class SubmissionRow:
    """What became of one submission.

    Attributes:
        student: nbgrader's student id.
        score: points in the gradebook after grading, None where nothing could be graded.
        max_score: points that the assignment's auto-graded and manually graded cells are worth.
        outcome: passed, failed, error, timeout, memory, crashed, not attempted, grader error, unreadable or missing.
        seconds: wall time that running and judging this submission took in this run; 0 where it was graded before.
        message: why, in one line; empty where the score says it all.
        not_tamper_proof: the test cells that ran beside the student's code, as their author wanted.
        how: whether it was run now, was in the store, or was graded before and has not changed; or was not graded.
        result: the result in detail, where it was run now or was in the store.
    """

    student: str
    score: float | None
    max_score: float
    outcome: str
    seconds: float
    message: str = ""
    not_tamper_proof: tuple[str, ...] = ()
    how: Literal["run", "stored", "unchanged", "not graded"] = "run"
    result: Graded | None = None

    @property
    def graded(self) -> bool:
        """True when this submission's score in the gradebook is the outcome of this run.

        >>> SubmissionRow("ada", 3.0, 5.0, "failed", 0.2).graded
        True
        >>> SubmissionRow("bob", None, 5.0, "unreadable", 0.0, "hw.ipynb is not JSON").graded
        False
        """
        return self.outcome not in NOT_GRADED


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """What became of one student's feedback.

    Attributes:
        outcome: ``unchanged`` where what is there is made from the same notebooks, scores and comments.
        message: why it failed, in one line; else "".
        files: its pages.
    """

    student: str
    outcome: Literal["written", "unchanged", "failed"]
    message: str = ""
    files: tuple[Path, ...] = ()
