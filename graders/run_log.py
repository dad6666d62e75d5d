"""A log of a grading run as JSON lines: what became of each submission, and how long it and each of its cells took."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from torchmagic.errors import TorchmagicError

if TYPE_CHECKING:
    from graders.graded import Graded
    from graders.nbgrader_plugin.rows import SubmissionRow


class RunLog:
    """Appends to a file; each line is a JSON object with a ``time`` (UTC) and an ``event``. A context manager.

    Events: ``start`` (assignments, total), ``submission`` (assignment, student, outcome, score, max_score, seconds,
    how, message, cells), ``end`` (outcomes, whether it was interrupted, the error that ended it).

    Args:
        path: the file; it is made where it is missing.

    Raises:
        TorchmagicError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: Counter[str] = Counter()
        try:
            self._file: TextIO = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            why = f"The log {path} cannot be written ({error.strerror})."
            raise TorchmagicError(why, hint="Name another file.") from error

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        outcomes = dict(sorted(self._outcomes.items()))
        self._write("end", outcomes=outcomes, interrupted=isinstance(error, KeyboardInterrupt), error=str(error or ""))
        self._file.close()

    def start(self, assignments: Sequence[str], total: int) -> None:
        """So many submissions will be graded."""
        self._write("start", assignments=list(assignments), total=total)

    def row(self, assignment: str, row: SubmissionRow) -> None:
        """One submission is finished."""
        self._outcomes[row.outcome] += 1
        self._write(
            "submission",
            assignment=assignment,
            student=row.student,
            outcome=row.outcome,
            score=row.score,
            max_score=row.max_score,
            seconds=round(row.seconds, 4),
            how=row.how,
            message=row.message,
            cells=list(_cells(row.result)) if row.result is not None else [],
        )

    def _write(self, event: str, **facts: Any) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._file.write(json.dumps({"time": now, "event": event, **facts}) + "\n")


def _cells(graded: Graded) -> Iterator[Mapping[str, Any]]:
    for notebook in graded.notebooks:
        for cell in notebook.cells:
            yield {
                "notebook": notebook.name,
                "place": cell.key,
                "name": cell.name,
                "role": cell.role,
                "outcome": cell.outcome,
                "score": cell.score,
                "points": cell.points,
                "seconds": round(cell.seconds, 4),
            }
