"""What a report is made from, out of a course: the gradebook, the stored results of grading, and what was handed in."""

from __future__ import annotations

from pathlib import Path

from graders.reporting.data import ClassResults
from torchmagic.errors import TorchmagicError


def class_results(course: Path, assignment: str) -> ClassResults:
    """All that is known of one assignment's class.

    Raises:
        TorchmagicError: there is no such course or assignment, or nobody's work was graded yet.
    """
    raise TorchmagicError(f"The results of {assignment!r} in {course} cannot be read yet.", hint="")
