"""Canvas's gradebook CSV.

The columns are those that Canvas's gradebook exports and imports, as described in
https://teaching.resources.osu.edu/toolsets/carmencanvas/guides/calculating-final-grades/import-csv-file-carmen-grades
and demanded by its importer, https://github.com/instructure/canvas-lms/blob/master/lib/gradebook_importer.rb: Student,
ID, SIS User ID, SIS Login ID, Section, then the assignments; a row "Points Possible"; then a row for each student.
Columns that Canvas computes (Current Score, Final Grade and so on) are read-only there, and left out here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from traitlets import Dict, Enum, Unicode

from graders.nbgrader_plugin.exports.cells import csv_text, guard, number, one_line
from graders.nbgrader_plugin.exports.plugin import PlatformExport, Rendered, by_student, identified
from graders.nbgrader_plugin.exports.rows import ExportRow
from torchmagic.errors import TorchmagicError

_COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_POINTS = "Points Possible"
_COMPUTED = re.compile(r"(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
_ENDS_IN_AN_ID = re.compile(r"\s\([0-9]+\)$")


class CanvasExport(PlatformExport):
    """Writes a CSV file for Canvas: Gradebook, Import."""

    default_name = "canvas.csv"
    on_blank = "Where Canvas holds a score already, importing a blank removes it: its preview marks which"

    identifier: Any = Enum(
        ("SIS User ID", "SIS Login ID", "ID"),
        "SIS User ID",
        help="The column that tells Canvas who a student is. nbgrader's student id goes into 'SIS User ID' or "
        "'SIS Login ID'; 'ID' is Canvas's own number, which the gradebook keeps as lms_user_id.",
    ).tag(config=True)
    section = Unicode("", help="What stands in the column Section; Canvas does not read it.").tag(config=True)
    assignments = Dict(
        help="Canvas's assignment for one of nbgrader's: its number, as the address of its page shows it, or its whole "
        "name. Those not in here are known to Canvas by nbgrader's name."
    ).tag(config=True)

    def render(self, rows: Sequence[ExportRow]) -> Rendered:
        """The CSV file."""
        kept, missing, left_out = identified(rows, self._identity, self._what())
        kept = self.chosen(kept)
        names = list(dict.fromkeys(row.assignment for row in rows))
        points = {row.assignment: row.max_score for row in rows}
        lines = [[*_COLUMNS, *headers(names, self.assignments)]]
        lines.append([f"    {_POINTS}", "", "", "", "", *(number(points[name]) for name in names)])
        people = by_student(kept)
        lines += [self._line(list(found.values())) for found in people.values()]
        return Rendered(csv_text(lines), len(people), (*missing, *self.notes_on(kept)), left_out)

    def _line(self, rows: Sequence[ExportRow]) -> list[str]:
        identity = {self.identifier: self._identity(rows[0]).strip()}
        who = [identity.get(column, "") for column in _COLUMNS[1:4]]
        return [student_name(rows[0]), *who, self.section, *(number(self.score_of(row)) for row in rows)]

    def _identity(self, row: ExportRow) -> str:
        if self.identifier != "ID":
            return row.student_id
        given = row.lms_user_id.strip()
        if given and not (given.isascii() and given.isdigit()):
            raise TorchmagicError(
                f"Canvas's ID is a number, and the lms_user_id of student {row.student_id!r} is {given!r}.",
                hint="Mend it in the gradebook, or set CanvasExport.identifier = 'SIS User ID'.",
            )
        return given

    def _what(self) -> str:
        return "lms_user_id" if self.identifier == "ID" else "student id"


def student_name(row: ExportRow) -> str:
    """A student as Canvas sorts them, "Last, First"; the id where the gradebook has no name.

    Canvas takes any line whose first cell says "Points Possible" for that row, so no student's may.
    """
    name = one_line(", ".join(part for part in (row.last_name, row.first_name) if part.strip()))
    if not name or _POINTS in name:
        name = one_line(row.student_id).replace(_POINTS, _POINTS.replace(" ", "_")) or "student"
    return guard(name)


def headers(names: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """The assignments' columns: the name, with Canvas's number in parentheses where it is known.

    >>> headers(["ps1", "ps2", "ps3"], {"ps1": "1234", "ps2": "Homework 2"})
    ['ps1 (1234)', 'Homework 2', 'ps3']

    Raises:
        TorchmagicError: Canvas would take one for something else, or two for the same.
    """
    found: dict[str, str] = {}
    for name in names:
        given = str(known.get(name, "")).strip()
        header = f"{name} ({given})" if given.isascii() and given.isdigit() else one_line(given or name)
        if _COMPUTED.search(header):
            trouble = f"takes the column {header!r} for one that it computes, and ignores it"
        elif not given and _ENDS_IN_AN_ID.search(header):
            trouble = f"takes the number at the end of {header!r} for that of an assignment"
        elif header in found:
            trouble = f"cannot tell {name!r} from {found[header]!r}: both go into the column {header!r}"
        else:
            found[header] = name
            continue
        raise TorchmagicError(
            f"Canvas {trouble}.", hint=f"Set the assignment's number: CanvasExport.assignments = {{{name!r}: '1234'}}."
        )
    return list(found)
