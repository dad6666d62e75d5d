"""Finish graded submissions: autograded notebooks, rows of the gradebook, and a note by which they are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nbgrader.converters import Autograde

from graders.engine.report import Outcome
from graders.graded import Graded
from graders.nbgrader_plugin.disk import writing
from graders.nbgrader_plugin.finished import Note, file_facts, write_autograded
from graders.nbgrader_plugin.gradebook_rows import Entry
from graders.nbgrader_plugin.reading import Read, Reader
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.writer import GradebookWriter
from graders.nbgrader_plugin.written import NotWritten, Refusal, Written


@dataclass(frozen=True, slots=True)
class Result:
    """A submission and what became of it; ``ran`` is False where that was stored already."""

    read: Read
    graded: Graded
    ran: bool


@dataclass(frozen=True)
class Finisher:
    """Finishes submissions of one assignment, some at a time.

    Attributes:
        converter: nbgrader's, for its settings.
        reader: what read them.
        writer: of the course's gradebook, for this assignment.
    """

    converter: Autograde
    reader: Reader
    writer: GradebookWriter

    def finish(self, results: Sequence[Result]) -> list[SubmissionRow]:
        """Write what belongs to these submissions; gives their rows.

        Raises:
            TorchmagicError: it cannot be written. What is finished only in part counts as not finished.
        """
        whole = [result for result in results if not result.graded.refused]
        entries = [self._write_files(result) for result in whole]
        written, refused = self._write_scores(entries)
        if self.converter.coursedir.groupshared:
            for result in whole:
                self.converter.set_permissions(self.reader.package.assignment, result.read.student)
        for result in whole:
            if result.read.student in written and result.graded.lasting:
                self._note(result, written[result.read.student])
        return [
            self._row(result, written.get(result.read.student), refused.get(result.read.student)) for result in results
        ]

    def _write_files(self, result: Result) -> Entry:
        read = result.read
        folder = self.reader.autograded(read.student)
        with writing(folder, "The results are stored"):
            write_autograded(self.converter, folder, self.reader.package, read.handed, result.graded, read.slips)
        when = self.reader.coursedir.get_existing_timestamp(str(folder)) if read.time else None
        return Entry(read.student, when, result.graded, tuple(read.handed.notebooks))

    def _write_scores(self, entries: Sequence[Entry]) -> tuple[dict[str, Written], dict[str, Refusal]]:
        """What the gradebook holds now, and what it refused to take, by student."""
        if not entries:
            return {}, {}
        try:
            return {entry.student: entry for entry in self.writer.write(entries)}, {}
        except NotWritten as error:
            written = {entry.student: entry for entry in error.written}
            return written, {refusal.student: refusal for refusal in error.refusals}

    def _note(self, result: Result, written: Written) -> None:
        read, graded = result.read, result.graded
        scores = {
            f"{notebook.name}/{name}": score for notebook in graded.notebooks for name, score in notebook.scores.items()
        }
        note = Note(
            student=read.student,
            key=read.key,
            settings=self.reader.settings,
            timestamp=read.time,
            late=written.late_seconds,
            scores=scores,
            files=file_facts(self.reader.autograded(read.student), read.handed.notebooks),
            outcome=graded.outcome,
            message=graded.message,
            not_tamper_proof=graded.not_tamper_proof,
        )
        with writing(self.reader.autograded(read.student), "The scores are in the gradebook"):
            self.reader.notes.put(note)

    def _row(self, result: Result, written: Written | None, refusal: Refusal | None) -> SubmissionRow:
        read, graded = result.read, result.graded
        seconds = graded.seconds if result.ran else 0.0
        if refusal is not None:
            why = f"not graded: {refusal.reason}. {refusal.hint}".strip()
            row = self.reader.ungraded(read.student, Outcome.GRADER_ERROR.value, why, seconds)
        elif written is None:
            row = self.reader.ungraded(read.student, graded.outcome, graded.message, seconds)
        else:
            row = SubmissionRow(
                student=read.student,
                score=written.score,
                max_score=written.max_score,
                outcome=graded.outcome,
                seconds=seconds,
                message=graded.message,
                not_tamper_proof=graded.not_tamper_proof,
                how="run" if result.ran else "stored",
            )
        return replace(row, result=graded)
