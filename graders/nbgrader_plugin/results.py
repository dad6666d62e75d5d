"""What is known of one assignment's class: from the store, the gradebook and the course's folders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nbgrader.coursedir import CourseDirectory
from sqlalchemy import Connection

from graders.graded import Graded
from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.database import Database
from graders.nbgrader_plugin.finished import Note, Notes
from graders.nbgrader_plugin.gradebook_sql import Points, read_assignment, read_given_scores, read_points
from graders.nbgrader_plugin.gradebooks import demand_assignment, open_gradebooks
from graders.nbgrader_plugin.package import Package, read_package
from graders.nbgrader_plugin.places import notes_folder, store_folder
from graders.nbgrader_plugin.reading import Read, Reader
from graders.nbgrader_plugin.stamp import read_stamp
from graders.nbgrader_plugin.submissions import students_with
from graders.reporting.data import ClassResults, Question, StudentResult, source_key
from graders.store import Store
from torchmagic.errors import TorchmagicError

NOT_GRADED = "not graded"


def class_results(course: Path, assignment: str) -> ClassResults:
    """All that is known of an assignment's class.

    Raises:
        TorchmagicError: no course there, its gradebook does not know the assignment, or nobody has handed it in.
    """
    course = course.resolve()
    config = course_config(course)
    coursedir = CourseDirectory(config=config)
    gradebooks = open_gradebooks(coursedir.db_url, coursedir.course_id)
    try:
        with gradebooks.open() as gradebook:
            demand_assignment(gradebook, assignment)
            package = read_package(config, coursedir, gradebook, assignment)
    finally:
        gradebooks.close()
    points, given = _points(coursedir.db_url, assignment)
    notes = Notes(notes_folder(course, assignment))
    known = {note.student: note for note in notes}
    reader = Reader(coursedir, package, "", notes, {}, {}, fresh=True)
    handed_in = students_with(coursedir, coursedir.submitted_directory, assignment)
    store = Store(store_folder(course))
    everybody = sorted({*points, *known, *handed_in})
    if not everybody:
        raise TorchmagicError(
            f"Nobody has handed in {assignment!r}: there is nothing to report.",
            hint=f"Collect with `nbgrader collect {assignment}` and grade with `torchmagic grade {assignment}`.",
        )
    return ClassResults(
        course=coursedir.course_id or course.name,
        assignment=assignment,
        students=tuple(
            _student(student, points.get(student), given.get(student, {}), known.get(student), reader, store)
            for student in everybody
        ),
        questions=tuple(_questions(package)),
        released={
            source_key(notebook.name, cell.name): cell.source
            for notebook in package.notebooks
            for cell in notebook.cells.values()
            if cell.solution and cell.cell_type == "code"
        },
    )


_Given = Mapping[tuple[str, str], float | None]


def _points(db_url: str, assignment: str) -> tuple[Mapping[str, Points], Mapping[str, _Given]]:
    """What the gradebook holds of each student: points in all, and for each cell those that a person gave."""

    def read(connection: Connection) -> tuple[Mapping[str, Points], Mapping[str, _Given]]:
        found = read_assignment(connection, assignment)
        if found is None:  # taken away meanwhile
            return {}, {}
        return read_points(connection, found), read_given_scores(connection, found)

    database = Database(db_url)
    try:
        return database.read(read)
    finally:
        database.close()


def _student(
    student: str, points: Points | None, given: _Given, note: Note | None, reader: Reader, store: Store
) -> StudentResult:
    graded, outcome, message = _result(student, note, reader, store)
    texts = {notebook.name: notebook.text for notebook in graded.notebooks if notebook.text} if graded else {}
    if not texts:
        texts = dict(_autograded(reader.autograded(student), reader.package))
    return StudentResult(
        student=student,
        score=max(0.0, points.score - points.penalty) if points is not None else None,
        max_score=reader.package.max_score,
        late_penalty=points.penalty if points is not None else 0.0,
        needs_manual_grade=points is not None and points.needs_manual_grade,
        outcome=outcome,
        message=message,
        graded=graded,
        sources={key: text for name, whole in texts.items() for key, text in _sources(name, whole)},
        given={cell: score for cell, score in given.items() if score is not None},
    )


def _result(student: str, note: Note | None, reader: Reader, store: Store) -> tuple[Graded | None, str, str]:
    """The stored result of a student's work, its outcome and why."""
    if note is not None:
        return store.get(note.key), note.outcome, note.message
    read = reader.read(student)
    if isinstance(read, Read):
        graded = store.get(read.key)
        if graded is not None and graded.refused:  # nothing of it was written; others' results are not this student's
            return graded, graded.outcome, graded.message
    stamps = [
        read_stamp(reader.autograded(student) / f"{notebook.name}.ipynb") for notebook in reader.package.notebooks
    ]
    for stamp in filter(None, stamps):  # graded by nbgrader's own commands
        return None, str(stamp["outcome"]), str(stamp.get("message", ""))
    return (None, NOT_GRADED, "") if isinstance(read, Read) else (None, read.outcome, read.message)


def _autograded(folder: Path, package: Package) -> Iterator[tuple[str, str]]:
    for notebook in package.notebooks:
        path = folder / f"{notebook.name}.ipynb"
        if path.is_file():
            yield notebook.name, path.read_text(encoding="utf-8", errors="replace")


def _sources(notebook: str, text: str) -> Iterator[tuple[str, str]]:
    """The student's own code in an autograded notebook, by :func:`source_key`."""
    try:
        cells: Iterable[Mapping[str, Any]] = json.loads(text)["cells"]
        for place, cell in enumerate(cells):
            meta = cell["metadata"].get("nbgrader", {})
            own = meta.get("solution") or not (meta.get("grade") or meta.get("locked") or meta.get("task"))
            if cell["cell_type"] == "code" and own:
                source = cell["source"]
                name = str(meta.get("grade_id", "")) if meta.get("solution") else ""
                yield source_key(notebook, name, place), "".join(source) if isinstance(source, list) else str(source)
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def _questions(package: Package) -> Iterator[Question]:
    for notebook in package.notebooks:
        for cell in notebook.cells.values():
            if cell.points is not None:
                manual = cell.task or cell.solution or cell.cell_type != "code"
                yield Question(notebook.name, cell.name, cell.points, manual)
