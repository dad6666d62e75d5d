"""Write the feedback of one submission: nbgrader's converter, for use again and again in one process."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbconvert.writers import FilesWriter
from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades
from nbgrader.utils import chdir, rmtree
from traitlets.utils.importstring import import_item

from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.given_grades import GivenGrades, NotebookGrades
from graders.nbgrader_plugin.harmless import FeedbackExporter, HarmlessCells
from graders.nbgrader_plugin.pages import RepeatedExporter, RepeatedHarmless
from graders.nbgrader_plugin.said import logged_errors, reason


@dataclass(frozen=True)
class Page:
    """What is to be written: one student's feedback, with the grades that it shows, by notebook."""

    student: str
    assignment: str
    grades: Mapping[str, NotebookGrades]


class FeedbackWriter:
    """Writes feedback folders of one course, each whole or not at all.

    Args:
        course: its root folder.

    Raises:
        TorchmagicError: it is no course, or its configuration does not load.
    """

    def __init__(self, course: Path) -> None:
        config = course_config(course)
        self._coursedir = CourseDirectory(config=config)
        self._converter = _Converter(coursedir=self._coursedir, config=config)
        self._converter.prepare()

    def write(self, page: Page) -> str:
        """Write one student's feedback; gives why it could not be written, "" where it was."""
        self._coursedir.student_id, self._coursedir.assignment_id = map(glob.escape, (page.student, page.assignment))
        with logged_errors() as logged, chdir(self._coursedir.root):
            try:
                self._converter.write(page)
            except NbGraderException as error:
                return reason(logged, error)
            except OSError as error:
                return f"{type(error).__name__}: {error}"
        return ""


#: In the place of what the plugin or nbgrader has there; what a course has configured itself stays.
_QUICK: dict[Any, Any] = {
    FeedbackExporter: RepeatedExporter,
    GetGrades: GivenGrades,
    HarmlessCells: RepeatedHarmless,
}


def _quick(kind: Any) -> Any:
    return _QUICK.get(kind, kind) if isinstance(kind, type) else kind


def _resolved(named: Any) -> Any:
    return import_item(named) if isinstance(named, str) else named


class _Converter(GenerateFeedback):  # type: ignore[misc]
    """nbgrader's own, with what is the same for all submissions made once, and a folder of its own until it is done."""

    def prepare(self) -> None:
        self.writer = FilesWriter(parent=self, config=self.config)
        self.exporter = _quick(self.exporter_class)(parent=self, config=self.config)
        made = [_quick(_resolved(named)) for named in self.preprocessors]
        made = [kind(parent=self.exporter) if kind in _QUICK.values() else kind for kind in made]
        for preprocessor in made:
            self.exporter.register_preprocessor(preprocessor)
        self._given = [preprocessor for preprocessor in made if isinstance(preprocessor, GivenGrades)]

    def write(self, page: Page) -> None:
        for preprocessor in self._given:
            preprocessor.grades = page.grades
        finished = Path(super()._format_dest(page.assignment, page.student))
        unfinished = Path(self._format_dest(page.assignment, page.student))
        self.init_notebooks()
        try:
            self.convert_notebooks()
        finally:  # as nbgrader does: no page rather than one that is out of date
            if unfinished != finished and finished.exists():
                rmtree(str(finished))
        if unfinished != finished:
            unfinished.rename(finished)

    def init_destination(self, assignment_id: str, student_id: str) -> bool:
        """Whether it must be written was decided before."""
        unfinished = self._format_dest(assignment_id, student_id)
        if self.coursedir.notebook_id == "*" and os.path.lexists(unfinished):
            rmtree(unfinished)
        return True

    def _format_dest(self, assignment_id: str, student_id: str, escape: bool = False) -> str:
        """A hidden folder beside the one where the pages will be, so that a killed run leaves none half written."""
        finished = str(super()._format_dest(assignment_id, student_id, escape))
        if escape or self.coursedir.notebook_id != "*":
            return finished
        folder, name = os.path.split(os.path.normpath(finished))
        return os.path.join(folder, f".{name}.unfinished")
