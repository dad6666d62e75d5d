"""The offline grading worksheet of one Moodle assignment.

Moodle's assignments offer and take it where their feedback type "Offline grading worksheet" is on
(https://docs.moodle.org/401/en/Assignment_settings). The columns are those of
https://github.com/moodle/moodle/blob/main/mod/assign/gradingtable.php; the importer beside it,
feedback/offline/importgradeslib.php, reads Identifier, Grade, Last modified (grade) and Feedback comments. The number
in "Participant 123" is Moodle's, of this assignment alone: give the downloaded worksheet to be filled in, or keep the
numbers as lms_user_id.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from traitlets import Bool, Enum, Unicode

from graders.nbgrader_plugin.exports.cells import csv_text, guard, number, one_line
from graders.nbgrader_plugin.exports.moodle import feedback_html, no_escape
from graders.nbgrader_plugin.exports.plugin import PlatformExport, Rendered, identified
from graders.nbgrader_plugin.exports.rows import ExportRow
from torchmagic.errors import TorchmagicError

_ID, _EMAIL, _GRADE, _FEEDBACK = "Identifier", "Email address", "Grade", "Feedback comments"
_COLUMNS = (
    _ID,
    "Full name",
    _EMAIL,
    "Status",
    _GRADE,
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
)


class MoodleWorksheetExport(PlatformExport):
    """Writes the grading worksheet of one assignment."""

    default_name = "moodle-worksheet.csv"
    on_blank = "Moodle skips it: a grade that it holds stays"
    on_above = "Moodle skips a grade above its assignment's maximum"

    worksheet = Unicode(
        "",
        help="The worksheet as downloaded from Moodle: its grades and feedback are filled in, and all else stays. "
        "Students are found by Email address; where it has no such column, by Identifier (lms_user_id).",
    ).tag(config=True)
    feedback = Bool(True, help="Fill in the column Feedback comments.").tag(config=True)
    decimal: Any = Enum((".", ","), ".", help="The decimal separator of the language that is set in Moodle.").tag(
        config=True
    )

    def render(self, rows: Sequence[ExportRow]) -> Rendered:
        """The CSV file."""
        names = list(dict.fromkeys(row.assignment for row in rows))
        if len(names) != 1:
            raise TorchmagicError(
                f"A grading worksheet is of one assignment, and these are {len(names)}: {', '.join(names)}.",
                hint="Name one, as in `torchmagic export moodle-worksheet NAME`.",
            )
        return self._fill(self.chosen(rows)) if self.worksheet else self._make(rows)

    def _make(self, rows: Sequence[ExportRow]) -> Rendered:
        kept, missing, left_out = identified(rows, lambda row: row.lms_user_id, "lms_user_id (Moodle's participant)")
        kept = self.chosen(kept)
        lines = [[*_COLUMNS, *([_FEEDBACK] if self.feedback else [])]]
        lines += [[no_escape(cell) for cell in self._line(row)] for row in kept]
        return Rendered(csv_text(lines), len(kept), (*missing, *self.notes_on(kept)), left_out)

    def _line(self, row: ExportRow) -> list[str]:
        moment = row.timestamp
        line = [
            participant(row.lms_user_id),
            guard(one_line(f"{row.first_name} {row.last_name}")),
            row.email.strip(),
            "Submitted for grading" if row.submitted else "No submission",
            number(self.score_of(row), self.decimal),
            number(row.max_score, self.decimal),
            "Yes",
            "-" if moment is None else f"{moment:%A}, {moment.day} {moment:%B %Y, %I:%M %p}",
            "-",
        ]
        return [*line, feedback_html(row)] if self.feedback else line

    def _fill(self, rows: Sequence[ExportRow]) -> Rendered:
        lines = read_worksheet(Path(self.worksheet))
        place = {name: index for index, name in enumerate(lines[0])}
        # an lms_user_id may be another number of Moodle's: it counts only where there is no email to go by
        column, key = (_EMAIL, _email) if _EMAIL in place else (_ID, _participant)
        known, _, _ = identified(rows, key, "email" if column == _EMAIL else "lms_user_id")
        people = {key(row): row for row in known}
        waiting = {row.student_id: row for row in rows}
        for line in lines[1:]:
            found = people.get(line[place[column]].strip().casefold())
            if found is None:
                continue
            waiting.pop(found.student_id, None)
            score = self.score_of(found)
            if score is not None:
                line[place[_GRADE]] = number(score, self.decimal)
            said = feedback_html(found)
            if self.feedback and said and _FEEDBACK in place:
                line[place[_FEEDBACK]] = no_escape(said)
        lost = tuple(student for student, row in waiting.items() if row.submitted)
        notes = (f"The worksheet has no line of: {', '.join(lost)}.",) if lost else ()
        return Rendered(csv_text(lines), len(rows) - len(waiting), (*notes, *self.notes_on(rows)), lost)


def _email(row: ExportRow) -> str:
    return row.email.strip().casefold()


def _participant(row: ExportRow) -> str:
    return participant(row.lms_user_id).casefold() if row.lms_user_id.strip() else ""


def participant(number_in_moodle: str) -> str:
    """Moodle's identifier for a number, or for itself.

    >>> participant("123"), participant("Participant 123")
    ('Participant 123', 'Participant 123')
    """
    return f"Participant {re.sub('^Participant ', '', number_in_moodle.strip())}"


def read_worksheet(path: Path) -> list[list[str]]:
    """The lines of a worksheet that was downloaded from Moodle, its column names first.

    Raises:
        TorchmagicError: it cannot be read, or is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    except (OSError, UnicodeError, csv.Error) as error:
        raise TorchmagicError(
            f"The worksheet {path} cannot be read ({error}).", hint="Download it from Moodle once more, as CSV."
        ) from error
    missing = [name for name in (_ID, _GRADE) if not lines or name not in lines[0]]
    ragged = [index for index, line in enumerate(lines, 1) if len(line) != len(lines[0])]
    if missing or ragged:
        what = f"has no column {missing[0]!r}" if missing else f"has too few or too many cells in line {ragged[0]}"
        raise TorchmagicError(
            f"{path} is no grading worksheet: it {what}.",
            hint="Download it in English: the assignment's page, Download grading worksheet.",
        )
    return lines
