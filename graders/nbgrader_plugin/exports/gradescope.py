"""Gradescope's results.json, one for each submission.

The format is that of https://gradescope-autograders.readthedocs.io/en/latest/specs/, kept in
https://github.com/gradescope/autograder_samples/blob/master/docs/specs.md. Gradescope takes such a file from an
autograder alone, so one can be had that looks the submitter up (``autograder = True``), by the email that
submission_metadata.json names (submission_metadata.md in the same folder).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from traitlets import Bool, Enum

from graders.nbgrader_plugin.exports.files import file_name, write_export
from graders.nbgrader_plugin.exports.graded_outputs import read_outputs
from graders.nbgrader_plugin.exports.plugin import Exported, PlatformExport, Rendered, identified
from graders.nbgrader_plugin.exports.rows import ExportRow, Question
from torchmagic.errors import TorchmagicError

_RESULTS = "results.json"

#: For an autograder: both programs that Gradescope calls. Neither runs anything of a student's.
_SETUP = "#!/bin/sh\n# nothing to install: the results are here already\n"
_RUN = '''#!/usr/bin/env python3
"""Hands out the results that were exported for whoever submitted; runs nothing."""
import json
from pathlib import Path

here = Path("/autograder")
users = json.loads((here / "submission_metadata.json").read_text(encoding="utf-8"))["users"]
known = json.loads((here / "source" / "students.json").read_text(encoding="utf-8"))
emails = [str(user.get("email", "")).strip().casefold() for user in users]
found = [known[email] for email in emails if email in known]
if found:
    text = (here / "source" / found[0]).read_text(encoding="utf-8")
else:
    text = json.dumps({"score": 0, "output": "No grade was exported for " + ", ".join(emails), "output_format": "text"})
(here / "results").mkdir(exist_ok=True)
(here / "results" / "results.json").write_text(text, encoding="utf-8")
'''


class GradescopeExport(PlatformExport):
    """Writes ASSIGNMENT/STUDENT/results.json into a folder or, where ``to`` ends in .zip, an archive.

    Tests are the cells that are worth points. What a test cell said when it failed comes from the autograded notebook
    where there is one, and never from a cell that still holds hidden tests.
    """

    default_name = "gradescope.zip"
    on_blank = "There is no file for it"

    combined = Bool(False, help="One JSON file instead, {assignment: {student: results}}.").tag(config=True)
    autograder = Bool(
        False,
        help="An autograder to upload to Gradescope, of one assignment: it gives each submitter the exported results, "
        "found by email. Needs `to` to end in .zip.",
    ).tag(config=True)
    outputs = Bool(True, help="Say what failing tests said, from the autograded notebooks.").tag(config=True)
    visibility: Any = Enum(
        ("visible", "hidden", "after_due_date", "after_published"), "visible", help="When students see the tests."
    ).tag(config=True)
    leaderboard = Bool(False, help="Enter scores into Gradescope's leaderboard.").tag(config=True)

    def write(self, gradebook: Gradebook) -> Exported:
        """As any, where the options agree with each other."""
        if self.combined and self.autograder:
            raise TorchmagicError(
                "A Gradescope export is either combined or an autograder.", hint="Set one of the two options."
            )
        path = self.target()
        if self.autograder and path.suffix.lower() != ".zip":
            raise TorchmagicError(
                f"An autograder for Gradescope is a .zip file, and {path} is none.", hint="Name one with `--to`."
            )
        return super().write(gradebook)

    def target(self) -> Path:
        """A combined export's own name ends in .json."""
        return Path("gradescope.json") if self.combined and not self.to else super().target()

    def render(self, rows: Sequence[ExportRow]) -> Rendered:
        """The files by their paths, or the bytes of the combined one."""
        notes: tuple[str, ...] = ()
        left_out: tuple[str, ...] = ()
        kept = list(rows)
        if self.autograder:
            _demand_one(rows)
            kept, notes, left_out = identified(rows, lambda row: row.email.casefold(), "email")
        scored = [(row, score) for row in kept if (score := self.score_of(row)) is not None]
        course = CourseDirectory(config=self.config)
        results = [(row, self._results(row, score, course)) for row, score in scored]
        notes = (*notes, *self.notes_on(kept))
        students = len({row.student_id for row, _ in results})
        if self.combined:
            tree: dict[str, dict[str, Any]] = {}
            for row, result in results:
                tree.setdefault(row.assignment, {})[row.student_id] = result
            return Rendered(_json(tree), students, notes, left_out)
        files = {_path(row): _json(result) for row, result in results}
        if self.autograder:
            known = {row.email.strip().casefold(): _path(row) for row, _ in results}
            files |= {"setup.sh": _SETUP.encode(), "run_autograder": _RUN.encode(), "students.json": _json(known)}
        return Rendered(files, students, notes, left_out)

    def save(self, content: bytes | dict[str, bytes], path: Path) -> None:
        """Write one file, an archive, or a folder; other files of that folder stay."""
        if isinstance(content, bytes):
            write_export(path, content)
        elif path.suffix.lower() == ".zip":
            write_export(path, _zip(content))
        else:
            for name, text in content.items():
                _make(path / name)
                write_export(path / name, text)
            _make(path / _RESULTS)

    def _results(self, row: ExportRow, score: float, course: CourseDirectory) -> dict[str, Any]:
        said = read_outputs(course, row) if self.outputs and row.submitted else {}
        order = {key: place for place, key in enumerate(said)}
        questions = sorted(row.questions, key=lambda q: order.get((q.notebook, q.name), len(order)))
        results: dict[str, Any] = {
            "score": score,
            "output": _summary(row),
            "output_format": "text",
            "test_output_format": "text",
            "test_name_format": "text",
            "visibility": self.visibility,
            "stdout_visibility": "hidden",
            "extra_data": {
                "student_id": row.student_id,
                "assignment": row.assignment,
                "submitted": row.submitted,
                "submitted_at": row.timestamp.isoformat() if row.timestamp else None,
                "raw_score": row.raw_score,
                "late_penalty": row.late_penalty,
                "late_seconds": row.late_seconds,
                "max_score": row.max_score,
                "needs_manual_grade": row.needs_manual_grade,
            },
            "tests": [
                _test(question, place, said.get((question.notebook, question.name), ""), row)
                for place, question in enumerate(questions, 1)
            ],
        }
        if self.leaderboard:
            results["leaderboard"] = [{"name": "Score", "value": score, "order": "desc"}]
        return results


def _test(question: Question, place: int, said: str, row: ExportRow) -> dict[str, Any]:
    several = len({q.notebook for q in row.questions}) > 1
    waits = question.needs_manual_grade and question.manual_score is None
    test: dict[str, Any] = {
        "name": f"{question.notebook}/{question.name}" if several else question.name,
        "number": str(place),
        "max_score": question.max_score,
        "output": "\n".join(part for part in (question.comment, said, "Not graded yet." if waits else "") if part),
        "output_format": "text",
        "tags": ["manual" if question.manual_score is not None or waits else "auto", question.cell_type],
        "extra_data": {
            "notebook": question.notebook,
            "auto_score": question.auto_score,
            "manual_score": question.manual_score,
            "extra_credit": question.extra_credit,
        },
    }
    if not waits:  # without a score it counts neither as passed nor as failed
        test["score"] = question.score
        test["status"] = "passed" if question.score >= question.max_score else "failed"
    return test


def _summary(row: ExportRow) -> str:
    """What there is to say of a whole submission, as text: whatever a comment holds, it is not rendered."""
    if not row.submitted:
        return "No submission."
    lines = []
    if row.late_penalty:
        lines.append(f"Late by {row.late_seconds:.0f} seconds: {row.late_penalty:g} points less.")
    if row.needs_manual_grade:
        lines.append("Parts of it wait for grading by hand.")
    shown = {(question.notebook, question.name) for question in row.questions}
    lines += [f"{said.cell}: {said.text}" for said in row.comments if (said.notebook, said.cell) not in shown]
    return "\n".join(lines)


def _path(row: ExportRow) -> str:
    return f"{file_name(row.assignment)}/{file_name(row.student_id)}/{_RESULTS}"


def _json(data: Any) -> bytes:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)
    return f"{text}\n".encode("utf-8", "replace")


def _zip(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # without a time: the same grades give the same archive
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if name in ("setup.sh", "run_autograder") else 0o100644) << 16
            out.writestr(entry, content)
    return archive.getvalue()


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TorchmagicError(
            f"The folder {path.parent} cannot be made ({error.strerror or error}).",
            hint="Name another folder with `--to`, or an archive that ends in .zip.",
        ) from error


def _demand_one(rows: Sequence[ExportRow]) -> None:
    names = list(dict.fromkeys(row.assignment for row in rows))
    if len(names) != 1:
        raise TorchmagicError(
            f"An autograder for Gradescope is of one assignment, and these are {len(names)}: {', '.join(names)}.",
            hint="Name one, as in `torchmagic export gradescope NAME`.",
        )
