"""nbgrader's autograding converter for use by many: one engine and one pool of gradebook connections."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from nbconvert.writers import FilesWriter
from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, BaseConverter
from nbgrader.converters.base import NbGraderException

from graders.engine.client import Engine
from graders.engine.report import Outcome, Report
from graders.nbgrader_plugin.execute import links_astray
from graders.nbgrader_plugin.gradebooks import Gradebooks
from graders.nbgrader_plugin.kernel import KernelMissing
from graders.nbgrader_plugin.overlay import make_way
from graders.nbgrader_plugin.restore import AnotherNotebook


class EngineAutograde(Autograde):  # type: ignore[misc]
    """Does for one submission what nbgrader's converter does, in one gradebook session instead of five."""

    notebooks: Any
    engine: Engine
    gradebooks: Gradebooks
    #: Of the notebooks that this converter graded.
    reports: list[Report]
    #: Outcome and reason where the submission was refused as it is.
    refused: tuple[str, str] | None = None

    def start(self) -> None:
        """As nbgrader's, but the process's working folder stays: several converters run at a time."""
        self.reports = []
        self.init_notebooks()
        self.writer = FilesWriter(parent=self, config=self.config)
        self.exporter = self.exporter_class(parent=self, config=self.config, optimistic_validation=True)
        self.convert_notebooks()

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Sanitise, run and score in one pass: what a killed run leaves behind is never taken for graded."""
        self._init_preprocessors()
        for preprocessor in self.autograde_preprocessors:
            self.exporter.register_preprocessor(preprocessor)
        try:
            BaseConverter.convert_single_notebook(self, notebook_filename)
        except AnotherNotebook as error:
            self.refused = "unreadable", f"{error}: ask the student to submit it again"
            raise
        except KernelMissing as error:
            self.refused = Outcome.GRADER_ERROR.value, f"not graded: {error}"
            raise

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Copy the submission's files and the instructor's over them, and make its entries in the gradebook."""
        self._copy_submitted_files(assignment_id, student_id)
        with self.gradebooks.open() as gradebook:
            self._enter(gradebook, assignment_id, student_id)
            known = {notebook.name for notebook in gradebook.find_assignment(assignment_id).notebooks}
            self.notebooks = [path for path in self.notebooks if Path(path).stem in known]
            if not self.notebooks:
                raise NbGraderException(f"none of the submitted notebooks belongs to {assignment_id!r}")
            self._score_missing(gradebook, known, assignment_id, student_id)
        self._copy_instructors_files(assignment_id, student_id)

    def _copy_submitted_files(self, assignment_id: str, student_id: str) -> None:
        """As nbgrader does, but for links that lead nowhere, in a circle, or out of the submission."""
        source, destination = (
            self._format_source(assignment_id, student_id),
            self._format_dest(assignment_id, student_id),
        )
        astray = set(links_astray(Path(source)))
        for name in utils.find_all_files(source, [*self.coursedir.ignore, "*.ipynb"]):
            if not astray.isdisjoint((Path(name), *Path(name).parents)) or not Path(name).is_file():
                continue
            target = Path(destination, os.path.relpath(name, source))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy(name, target)

    def _enter(self, gradebook: Gradebook, assignment_id: str, student_id: str) -> None:
        if self.create_student:
            gradebook.update_or_create_student(student_id)
        else:
            try:
                gradebook.find_student(student_id)
            except MissingEntry:
                raise NbGraderException(f"the gradebook has no student {student_id!r}") from None
        timestamp = self.coursedir.get_existing_timestamp(self._format_source(assignment_id, student_id))
        extra: dict[str, Any] = {"timestamp": timestamp} if timestamp else {}
        submission = gradebook.update_or_create_submission(assignment_id, student_id, **extra)
        if timestamp and submission.total_seconds_late > 0:
            self.log.warning("%s is %s seconds late", submission, submission.total_seconds_late)

    def _score_missing(self, gradebook: Gradebook, known: set[str], assignment_id: str, student_id: str) -> None:
        """Notebooks of the assignment that were not submitted score nothing."""
        submitted = {Path(path).stem for path in self.notebooks}
        for name in sorted(known - submitted):
            self.log.warning("%s submitted no %s.ipynb", student_id, name)
            for grade in gradebook.find_submission_notebook(name, assignment_id, student_id).grades:
                grade.auto_score, grade.needs_manual_grade = 0, False
        gradebook.db.commit()

    def _copy_instructors_files(self, assignment_id: str, student_id: str) -> None:
        destination = self._format_dest(assignment_id, student_id)
        source = self.coursedir.format_path(self.coursedir.source_directory, ".", assignment_id)
        kept = {os.path.join(source, name) for name in self.exclude_overwriting.get(assignment_id, [])}
        for path in utils.find_all_files(source, [*self.coursedir.ignore, "*.ipynb"]):
            if path in kept:
                continue
            target = Path(destination) / os.path.relpath(path, source)
            make_way(Path(destination), target)
            shutil.copy(path, target)
