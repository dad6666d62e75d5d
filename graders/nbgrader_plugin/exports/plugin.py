"""What all export plugins share: nbgrader's options, the rows, what stays blank, and how the file is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Enum

from graders.nbgrader_plugin.exports.files import write_export
from graders.nbgrader_plugin.exports.rows import ExportRow, read_rows
from torchmagic.errors import TorchmagicError


@dataclass(frozen=True, slots=True)
class Rendered:
    """An export before it is written.

    Attributes:
        content: the bytes of the file; or, for a folder, of each file by its path within.
        students: how many students are in it.
        notes: what whoever imports it should know, a sentence each.
        left_out: students that could not be exported, each with the reason in the notes.
    """

    content: bytes | dict[str, bytes]
    students: int
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and where."""

    path: Path
    students: int
    assignments: int
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class RowsExport(ExportPlugin):  # type: ignore[misc]
    """A plugin that writes a gradebook's rows; ``to``, ``student`` and ``assignment`` are nbgrader's own options."""

    #: Where it goes unless ``to`` says.
    default_name: ClassVar[str]

    def export(self, gradebook: Gradebook) -> None:
        """For `nbgrader export`: write, and log what :meth:`write` tells; an error ends the program with status 1."""
        try:
            exported = self.write(gradebook)
        except TorchmagicError as error:
            self.log.error("%s", error)
            raise SystemExit(1) from error
        self.log.info("Exported %d students to %s", exported.students, exported.path)
        for note in exported.notes:
            self.log.warning("%s", note)

    def write(self, gradebook: Gradebook) -> Exported:
        """Read the rows and write them.

        Raises:
            TorchmagicError: no such assignment or student, nothing to export, or the place cannot be written.
        """
        rows = read_rows(gradebook, [str(name) for name in self.assignment], [str(name) for name in self.student])
        if not rows:
            raise TorchmagicError(
                "The gradebook holds nothing to export: it knows no assignment or no student.",
                hint="Make them known: `nbgrader generate_assignment NAME`, `nbgrader db student add ID`.",
            )
        rendered = self.render(rows)
        path = self.target()
        self.save(rendered.content, path)
        return Exported(
            path, rendered.students, len({row.assignment for row in rows}), rendered.notes, rendered.left_out
        )

    def target(self) -> Path:
        """Where the export goes."""
        return Path(str(self.to) or self.default_name)

    def render(self, rows: Sequence[ExportRow]) -> Rendered:
        """The export of these rows; nothing is written."""
        raise NotImplementedError

    def save(self, content: bytes | dict[str, bytes], path: Path) -> None:
        """Write what was rendered."""
        assert isinstance(content, bytes)
        write_export(path, content)


class PlatformExport(RowsExport):
    """An export to a learning platform, where a blank and a zero are not the same."""

    missing: Any = Enum(
        ("blank", "zero", "omit"),
        "blank",
        help="For a student without a submission: 'blank' leaves the score empty, 'zero' writes 0, and 'omit' leaves a "
        "student without any score out of the file.",
    ).tag(config=True)
    blank_until_graded = Bool(
        False, help="Treat a score like one that is missing while a part waits for grading by hand."
    ).tag(config=True)

    def score_of(self, row: ExportRow) -> float | None:
        """The score to write; None for a blank."""
        if self.blank_until_graded and row.needs_manual_grade:
            return None
        if not row.submitted:
            return 0.0 if self.missing == "zero" else None
        return row.score

    def chosen(self, rows: Sequence[ExportRow]) -> list[ExportRow]:
        """The rows of the students who are to be in the file."""
        if self.missing != "omit":
            return list(rows)
        scored = {row.student_id for row in rows if self.score_of(row) is not None}
        return [row for row in rows if row.student_id in scored]

    #: What the platform makes of a blank, and of a score above the maximum; "" for nothing that one should know.
    on_blank: ClassVar[str] = ""
    on_above: ClassVar[str] = ""

    def notes_on(self, rows: Sequence[ExportRow]) -> tuple[str, ...]:
        """What is incomplete in these rows: parts not graded yet, blanks, and scores above the maximum."""
        waiting = sum(row.needs_manual_grade for row in rows)
        blank = sum(self.score_of(row) is None for row in rows)
        over = sum((self.score_of(row) or 0.0) > row.max_score for row in rows)
        notes = []
        if waiting and not self.blank_until_graded:
            option = f"{type(self).__name__}.blank_until_graded = True"
            notes.append(
                f"{count(waiting, 'score')} lacks parts that wait for grading by hand ({option} leaves it blank)."
            )
        if blank:
            why = "not submitted, or waiting for grading by hand" if self.blank_until_graded else "not submitted"
            told = f" {self.on_blank}." if self.on_blank else ""
            notes.append(f"{count(blank, 'score')} is blank: {why}.{told}")
        if over and self.on_above:
            notes.append(f"{count(over, 'score')} is above the maximum. {self.on_above}.")
        return tuple(notes)


def by_student(rows: Sequence[ExportRow]) -> dict[str, dict[str, ExportRow]]:
    """Rows by student and, within, by assignment; both in the order of the rows."""
    found: dict[str, dict[str, ExportRow]] = {}
    for row in rows:
        found.setdefault(row.student_id, {})[row.assignment] = row
    return found


def identified(
    rows: Sequence[ExportRow], key: Callable[[ExportRow], str], what: str
) -> tuple[list[ExportRow], tuple[str, ...], tuple[str, ...]]:
    """The rows of students whom the platform can tell, the notes on the others, and their ids.

    Args:
        key: what the platform knows a student by; "" where it is not known.
        what: its name, for the notes.

    Raises:
        TorchmagicError: two students have the same.
    """
    keys = {row.student_id: key(row).strip() for row in rows}
    unknown = tuple(student for student, value in keys.items() if not value)
    twice = [value for value, times in Counter(filter(None, keys.values())).items() if times > 1]
    if twice:
        same = [student for student, value in keys.items() if value == twice[0]]
        raise TorchmagicError(
            f"Students {', '.join(same)} have the same {what} in the gradebook: {twice[0]!r}.",
            hint="Set it right with `nbgrader db student add ID ...`, which updates a student who is there.",
        )
    notes: tuple[str, ...] = ()
    if unknown:
        notes = (f"Left out, for the gradebook has no {what} of them: {', '.join(unknown)}.",)
    return [row for row in rows if keys[row.student_id]], notes, unknown


def count(number: int, noun: str) -> str:
    """A number of things, to stand before a verb in the singular.

    >>> count(1, "score"), count(3, "score")
    ('1 score', 'Each of 3 scores')
    """
    return f"1 {noun}" if number == 1 else f"Each of {number} {noun}s"
