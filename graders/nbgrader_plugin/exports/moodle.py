"""Moodle's gradebook CSV: Grades, Import, CSV file.

Its format is described in https://docs.moodle.org/311/en/Grade_import: a line of column names, then one line for each
student, with a column that Moodle finds the user by (email address, ID number or username) and one for each grade item,
mapped by whoever imports. The importer,
https://github.com/moodle/moodle/blob/main/grade/import/csv/classes/load_data.php, gives up where it does not know a
user, and takes the grades of a line without one for those of the line before: no such line is written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from traitlets import Bool, Dict, Enum

from graders.nbgrader_plugin.exports.cells import csv_text, guard, number, one_line
from graders.nbgrader_plugin.exports.plugin import PlatformExport, Rendered, by_student, identified
from graders.nbgrader_plugin.exports.rows import ExportRow
from torchmagic.errors import TorchmagicError

_EMAIL, _NUMBER, _USERNAME = "Email address", "ID number", "Username"
_DELIMITERS = {"comma": ",", "semicolon": ";", "colon": ":", "tab": "\t"}


class MoodleExport(PlatformExport):
    """Writes a CSV file for Moodle's gradebook."""

    default_name = "moodle.csv"
    on_blank = "Moodle takes a blank for no grade, also where it holds one already"
    on_above = "Moodle takes it only where its settings 'unlimitedgrades' and 'gradepointmax' allow"

    identifier: Any = Enum(
        (_EMAIL, _NUMBER, _USERNAME),
        _EMAIL,
        help="What Moodle finds a student by. 'Email address' is the gradebook's email; nbgrader's student id goes "
        "into 'Username', and into 'ID number' unless the gradebook has an lms_user_id.",
    ).tag(config=True)
    assignments = Dict(help="The name of Moodle's grade item for one of nbgrader's assignments.").tag(config=True)
    feedback = Bool(False, help="A column of comments after each assignment's.").tag(config=True)
    delimiter: Any = Enum(tuple(_DELIMITERS), "comma", help="Between columns, in Moodle's words.").tag(config=True)
    decimal: Any = Enum((".", ","), ".", help="The decimal separator of the language that is set in Moodle.").tag(
        config=True
    )

    def render(self, rows: Sequence[ExportRow]) -> Rendered:
        """The CSV file."""
        kept, missing, left_out = identified(rows, self._identity, self._what())
        kept = self.chosen(kept)
        names = list(dict.fromkeys(row.assignment for row in rows))
        lines = [[self.identifier, "First name", "Last name", *self._headers(names)]]
        people = by_student(kept)
        lines += [self._line(list(found.values())) for found in people.values()]
        content = csv_text(lines, _DELIMITERS[self.delimiter])
        return Rendered(content, len(people), (*missing, *self.notes_on(kept)), left_out)

    def _headers(self, names: Sequence[str]) -> list[str]:
        items = [one_line(str(self.assignments.get(name) or name)) for name in names]
        if len(set(items)) < len(items):
            raise TorchmagicError(
                f"Two assignments go into the same column of Moodle's: {', '.join(sorted(items))}.",
                hint="Give each a name of its own in MoodleExport.assignments.",
            )
        return [header for item in items for header in ([item, f"{item} (Feedback)"] if self.feedback else [item])]

    def _line(self, rows: Sequence[ExportRow]) -> list[str]:
        first = rows[0]
        line = [self._identity(first).strip(), guard(one_line(first.first_name)), guard(one_line(first.last_name))]
        for row in rows:
            line.append(number(self.score_of(row), self.decimal))
            if self.feedback:
                line.append(feedback_html(row))
        return [line[0], *map(no_escape, line[1:])]

    def _identity(self, row: ExportRow) -> str:
        if self.identifier == _EMAIL:
            return row.email
        return (row.lms_user_id or row.student_id) if self.identifier == _NUMBER else row.student_id

    def _what(self) -> str:
        return "email" if self.identifier == _EMAIL else "student id"


def feedback_html(row: ExportRow) -> str:
    """A submission's comments as Moodle shows feedback, which is HTML: a line for each, behind the name of its cell.

    >>> from graders.nbgrader_plugin.exports.rows import Remark
    >>> from types import SimpleNamespace
    >>> feedback_html(SimpleNamespace(comments=[Remark("ps1", "q1", "x < y"), Remark("ps1", "q2", "well\\ndone")]))
    'q1: x &lt; y<br>q2: well<br>done'
    """
    several = len({remark.notebook for remark in row.comments}) > 1
    said = [
        f"{remark.notebook}/{remark.cell}: {remark.text}" if several else f"{remark.cell}: {remark.text}"
        for remark in row.comments
    ]
    lines = [one_line(line) for text in said for line in text.splitlines()]
    return guard("<br>".join(html.escape(line, quote=False) for line in lines))


def no_escape(text: str) -> str:
    r"""A text whose backslashes Moodle's reader does not take for escapes: PHP's fgetcsv does so before a quote.

    >>> no_escape('print("\\"")'), no_escape("a\\b")
    ('print("\\ "")', 'a\\b')
    """
    return re.sub(r'\\(?="|$)', r"\\ ", text)
