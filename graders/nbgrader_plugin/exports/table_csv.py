"""The rows as a CSV table, in nbgrader's own columns and some more, safe to open in a spreadsheet program."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from traitlets import Bool

from graders.nbgrader_plugin.exports.cells import csv_text, guard, unguard
from graders.nbgrader_plugin.exports.plugin import Rendered, RowsExport
from graders.nbgrader_plugin.exports.rows import ExportRow, Question, Remark

#: The table's columns, each with the field it shows: nbgrader's in its order, then those it has not.
COLUMNS = {
    "assignment": "assignment",
    "duedate": "due",
    "timestamp": "timestamp",
    "student_id": "student_id",
    "last_name": "last_name",
    "first_name": "first_name",
    "email": "email",
    "raw_score": "raw_score",
    "late_submission_penalty": "late_penalty",
    "score": "score",
    "max_score": "max_score",
    "lms_user_id": "lms_user_id",
    "submitted": "submitted",
    "late_seconds": "late_seconds",
    "needs_manual_grade": "needs_manual_grade",
}
_DETAILS = ("questions", "comments")


class TableExport(RowsExport):
    """Writes one line for each assignment and student."""

    default_name = "grades.csv"

    details = Bool(False, help="Two columns more: each question's scores and all comments, as JSON.").tag(config=True)
    bom = Bool(False, help="Begin with a byte order mark, which Excel needs to see that it is UTF-8.").tag(config=True)

    def render(self, rows: Sequence[ExportRow]) -> Rendered:
        """The CSV file."""
        content = to_csv(rows, details=self.details)
        return Rendered((b"\xef\xbb\xbf" if self.bom else b"") + content, len({row.student_id for row in rows}))


def to_csv(rows: Sequence[ExportRow], *, details: bool = False) -> bytes:
    """Rows as CSV: moments in ISO 8601, numbers so that they read back exactly, texts guarded against formulas.

    >>> to_csv([]).decode().splitlines()[0][:29]
    'assignment,duedate,timestamp,'
    """
    lines = [[*COLUMNS, *(_DETAILS if details else ())]]
    for row in rows:
        line = [_cell(getattr(row, field)) for field in COLUMNS.values()]
        if details:
            line += [json.dumps([asdict(part) for part in getattr(row, name)], ensure_ascii=False) for name in _DETAILS]
        lines.append(line)
    return csv_text(lines)


def from_csv(content: bytes) -> list[ExportRow]:
    """The rows that :func:`to_csv` was given; without their questions and comments where it wrote no details.

    >>> from_csv(to_csv([]))
    []
    """
    lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [_row(line) for line in lines]


def _row(line: dict[str, str]) -> ExportRow:
    values: dict[str, Any] = {field: _READ.get(field, unguard)(line[column]) for column, field in COLUMNS.items()}
    questions = tuple(Question(**entry) for entry in json.loads(line.get("questions", "[]")))
    comments = tuple(Remark(**entry) for entry in json.loads(line.get("comments", "[]")))
    return ExportRow(**values, questions=questions, comments=comments)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guard(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("raw_score", "late_penalty", "score", "max_score", "late_seconds"), float),
    **dict.fromkeys(("submitted", "needs_manual_grade"), "True".__eq__),
    **dict.fromkeys(("due", "timestamp"), _moment),
}
