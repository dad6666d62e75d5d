"""Read what students handed in, and tell what was graded before and is as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbgrader.coursedir import CourseDirectory

from graders.graded import MISSING
from graders.nbgrader_plugin.finished import Notes, file_facts
from graders.nbgrader_plugin.package import SLIPS, TIMESTAMP, Handed, Package, read_handed
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.submissions import why_not_read
from graders.nbgrader_plugin.written import Written


@dataclass(frozen=True, slots=True)
class Read:
    """One submission as it was read: its bytes, the key of its result, and what the exchange put beside it."""

    student: str
    handed: Handed
    key: str
    slips: Mapping[str, bytes]

    @property
    def time(self) -> str:
        """When it was handed in, as text; "" where nobody knows."""
        return self.slips.get(TIMESTAMP, b"").decode("utf-8", "replace").strip()


@dataclass(frozen=True)
class Reader:
    """Reads the submissions of one assignment.

    Attributes:
        settings: a word that changes with the course's configuration.
        notes: what was finished before.
        known: what the gradebook held at the start, by student.
        scores: its automatic scores, by student, notebook and grade_id.
        fresh: whether everything counts as changed.
    """

    coursedir: CourseDirectory
    package: Package
    settings: str
    notes: Notes
    known: Mapping[str, Written]
    scores: Mapping[str, Mapping[tuple[str, str], float | None]]
    fresh: bool = False

    def read(self, student: str) -> Read | SubmissionRow:
        """One submission; or its row, where it cannot be read, or was graded before and is as it was."""
        folder = Path(self.coursedir.format_path(self.coursedir.submitted_directory, student, self.package.assignment))
        trouble = why_not_read(folder, [notebook.name for notebook in self.package.notebooks])
        if trouble is not None:
            return self.ungraded(student, *trouble)
        try:
            handed = read_handed(folder, self.package, self.coursedir.ignore)
            slips = {name: (folder / name).read_bytes() for name in SLIPS if (folder / name).is_file()}
        except OSError as error:  # it vanished meanwhile, for one
            what = f"cannot be read ({error.strerror}): {error.filename or folder}"
            return self.ungraded(student, MISSING, f"the submission {what}; grade again when it is back")
        read = Read(student, handed, handed.key(self.package), slips)
        return (None if self.fresh else self._unchanged(read)) or read

    def ungraded(self, student: str, outcome: str, message: str, seconds: float = 0.0) -> SubmissionRow:
        """The row of a submission that is not graded: its score is what the gradebook holds."""
        known = self.known.get(student)
        score = known.score if known is not None else None
        return SubmissionRow(student, score, self.package.max_score, outcome, seconds, message, how="not graded")

    def autograded(self, student: str) -> Path:
        """Where its autograded notebooks belong."""
        coursedir = self.coursedir
        return Path(coursedir.format_path(coursedir.autograded_directory, student, self.package.assignment))

    def _unchanged(self, read: Read) -> SubmissionRow | None:
        """The row of a submission that was finished before, where nothing has changed since; else None."""
        note, known = self.notes.get(read.student), self.known.get(read.student)
        if note is None or known is None:
            return None
        scores = self.scores.get(read.student, {})
        files = file_facts(self.autograded(read.student), read.handed.notebooks)
        same = (
            (note.key, note.settings, note.timestamp) == (read.key, self.settings, read.time)
            and note.late == known.late_seconds
            and len(files) == len(read.handed.notebooks)
            and dict(note.files) == files
            and all(name in scores and scores[name] == score for name, score in note.by_cell())
        )
        if not same:
            return None
        return SubmissionRow(
            student=read.student,
            score=known.score,
            max_score=known.max_score,
            outcome=note.outcome,
            seconds=0.0,
            message=note.message,
            not_tamper_proof=note.not_tamper_proof,
            how="unchanged",
        )
