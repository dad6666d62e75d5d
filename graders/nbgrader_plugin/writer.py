"""Write the results of many submissions into the gradebook at once: one transaction and a handful of statements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType

from nbgrader import api
from nbgrader.utils import parse_utc
from sqlalchemy import Connection
from traitlets.config import Config

from graders.nbgrader_plugin.database import Database
from graders.nbgrader_plugin.gradebook_rows import (
    Changes,
    Entry,
    KnownAssignment,
    KnownSubmission,
    Late,
    Stale,
    changes,
)
from graders.nbgrader_plugin.gradebook_sql import (
    Points,
    apply,
    notebook_scores,
    read_assignment,
    read_auto_scores,
    read_points,
    read_students,
    read_submissions,
)
from graders.nbgrader_plugin.gradebooks import demand_assignment, open_gradebooks
from graders.nbgrader_plugin.late import LatePenalties
from graders.nbgrader_plugin.written import NotWritten, Refusal, Written
from torchmagic.errors import TorchmagicError

#: Submissions of one pass over the tables; databases limit the parameters of a statement.
_AT_ONCE = 200
_GENERATE_AGAIN = "Run `nbgrader generate_assignment NAME` and grade again."


class GradebookWriter:
    """Writes results of one assignment's submissions; a context manager.

    Args:
        db_url: nbgrader's address of the database.
        course_id: nbgrader's course id.
        assignment: its name.
        create_students: enter students whom the gradebook does not know; else they are refused.
        config: the course's configuration, for ``AssignLatePenalties`` and its plugin.
        patience: for how many seconds a database that is locked or out of reach is tried again.
        on_wait: told when that begins, in one sentence.

    Raises:
        TorchmagicError: the gradebook cannot be opened or knows no such assignment, or the plugin cannot be loaded.
    """

    def __init__(
        self,
        db_url: str,
        course_id: str,
        assignment: str,
        *,
        create_students: bool = True,
        config: Config | None = None,
        patience: float = 60.0,
        on_wait: Callable[[str], None] = lambda message: None,
    ) -> None:
        self._penalties = LatePenalties(config)
        gradebooks = open_gradebooks(db_url, course_id)
        try:
            with gradebooks.open() as gradebook:
                demand_assignment(gradebook, assignment)
        finally:
            gradebooks.close()
        self._assignment = assignment
        self._create_students = create_students
        self._database = Database(db_url, patience=patience, on_wait=on_wait)

    def __enter__(self) -> GradebookWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def write(self, entries: Iterable[Entry]) -> list[Written]:
        """Write all of these results, or none; what a killed writer or a lost answer left open is just written again.

        Scores, comments and extra credit that were given by hand stay. A score by hand asks for another look, as in
        nbgrader. Of several entries of one student the later counts, as if they were written one after the other.

        Returns:
            what the gradebook holds now, in the order of the entries.

        Raises:
            NotWritten: the gradebook cannot take some of them; the others are written.
            TorchmagicError: the database takes nothing, or did not come back in time; nothing of the batch is written.
        """
        batch = list(entries)
        touched: set[str] = set()  # also by a commit whose answer got lost
        results = self._database.write(lambda connection: self._write(connection, batch, touched))
        written = [result for result in results if isinstance(result, Written)]
        refusals = [result for result in results if isinstance(result, Refusal)]
        if refusals:
            raise NotWritten(refusals, written)
        return written

    def scores(self) -> dict[str, Written]:
        """What the gradebook holds of all submissions, by student.

        Raises:
            TorchmagicError: as for :meth:`write`.
        """

        def read(connection: Connection) -> dict[str, Written]:
            assignment = self._read_assignment(connection)
            points = read_points(connection, assignment)
            return {student: _written(assignment, student, had, changed=False) for student, had in points.items()}

        return self._database.read(read)

    def grades(self) -> dict[str, dict[tuple[str, str], float | None]]:
        """The automatic scores that the gradebook holds, by student, and by notebook and grade_id.

        Raises:
            TorchmagicError: as for :meth:`write`.
        """
        return self._database.read(lambda connection: read_auto_scores(connection, self._read_assignment(connection)))

    def _read_assignment(self, connection: Connection, *, lock: bool = False) -> KnownAssignment:
        found = read_assignment(connection, self._assignment, lock=lock)
        if found is None:
            raise TorchmagicError(
                f"The gradebook {self._database.name} has lost its assignment {self._assignment!r}.",
                hint=_GENERATE_AGAIN,
            )
        return found

    def _write(self, connection: Connection, batch: Sequence[Entry], touched: set[str]) -> list[Written | Refusal]:
        assignment = self._read_assignment(connection, lock=True)
        results: dict[int, Written | Refusal] = {}
        for group in _groups(batch):
            refused = self._refused(connection, list(group.values()))
            results |= {place: refused[entry.student] for place, entry in group.items() if entry.student in refused}
            taken = {place: entry for place, entry in group.items() if entry.student not in refused}
            done = self._write_group(connection, assignment, list(taken.values()), touched)
            results |= {place: done[entry.student] for place, entry in taken.items()}
        return [results[place] for place in sorted(results)]

    def _write_group(
        self, connection: Connection, assignment: KnownAssignment, group: Sequence[Entry], touched: set[str]
    ) -> dict[str, Written | Refusal]:
        refused: dict[str, Refusal] = {}
        known = read_submissions(connection, assignment, [entry.student for entry in group])
        found: dict[str, Changes] = {}
        for entry in group:
            wanted = _changes(assignment, known.get(entry.student), entry)
            if isinstance(wanted, Changes):
                found[entry.student] = wanted
            else:
                refused[entry.student] = wanted
        self._enter_students(connection, found)
        apply(connection, found.values())
        touched |= {student for student, of in found.items() if of}
        late = [one for of in found.values() for one in of.late]
        if late:
            penalties = self._find_penalties(connection, assignment, late, refused)
            apply(connection, penalties.values())
            touched |= penalties.keys()
        points = read_points(connection, assignment, found)
        written = {s: _written(assignment, s, points[s], changed=s in touched) for s in found if s not in refused}
        return {**written, **refused}

    def _refused(self, connection: Connection, group: Sequence[Entry]) -> dict[str, Refusal]:
        """Those whose names the database cannot hold, and those who are unknown where that is refused."""
        longest = api.Student.__table__.c.id.type.length if connection.dialect.name != "sqlite" else math.inf
        refused = {}
        for entry in group:
            reason = _unfit(entry.student, longest)
            if reason:
                refused[entry.student] = Refusal(entry.student, reason, "Rename the folder of the submission.")
        if not self._create_students:
            named = [entry.student for entry in group if entry.student not in refused]
            for student in sorted(set(named) - read_students(connection, named)):
                refused[student] = Refusal(
                    student,
                    f"the gradebook has no student {student!r}",
                    f"Enter the student with `nbgrader db student add {student}`, or let "
                    "`Autograde.create_student` be True.",
                )
        return refused

    def _enter_students(self, connection: Connection, found: Mapping[str, Changes]) -> None:
        if self._create_students:
            missing = sorted(found.keys() - read_students(connection, found))  # sorted: no deadlock with another writer
            apply(connection, [Changes(new=[("student", {"id": student}) for student in missing])])

    def _find_penalties(
        self, connection: Connection, assignment: KnownAssignment, late: Sequence[Late], refused: dict[str, Refusal]
    ) -> dict[str, Changes]:
        """The penalties that are others than before, by student; who has a plugin that fails keeps what there is."""
        scores = notebook_scores(connection, assignment, [one.notebook for one in late])
        found: dict[str, Changes] = {}
        for one in late:
            try:
                penalty = self._penalties.find(one.student, scores.get(one.notebook, 0.0), one.seconds)
            except Exception as error:  # the plugin is the instructor's and may raise anything
                refused[one.student] = Refusal(
                    one.student,
                    f"the scores are, but its late penalty could not be found ({type(error).__name__}: {error})",
                    "Mend the plugin that `AssignLatePenalties.plugin_class` names in nbgrader_config.py.",
                )
                continue
            if penalty != one.penalty:
                row = {"id": one.notebook, "late_submission_penalty": penalty}
                found.setdefault(one.student, Changes()).changed.append(("submitted_notebook", row))
        return found


def _groups(batch: Sequence[Entry]) -> Iterator[dict[int, Entry]]:
    """The entries in groups that hold no student twice, each with its place; earlier ones of a student come first."""
    group: dict[int, Entry] = {}
    students: set[str] = set()
    for place, entry in enumerate(batch):
        if entry.student in students or len(group) == _AT_ONCE:
            yield group
            group, students = {}, set()
        group[place] = Entry(entry.student, parse_utc(entry.timestamp), entry.graded, entry.present)
        students.add(entry.student)
    if group:
        yield group


def _changes(assignment: KnownAssignment, known: KnownSubmission | None, entry: Entry) -> Changes | Refusal:
    try:
        return changes(assignment, known, entry)
    except Stale as error:
        return Refusal(entry.student, str(error), _GENERATE_AGAIN)


def _unfit(student: str, longest: float) -> str:
    try:
        student.encode()
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    if not student or "\0" in student:
        return "the name is empty or holds a NUL character"
    return f"the name has more than {longest:.0f} characters" if len(student) > longest else ""


def _written(assignment: KnownAssignment, student: str, points: Points, *, changed: bool) -> Written:
    seconds = assignment.seconds_late(points.timestamp, points.extension)
    score = max(0.0, points.score - points.penalty)
    return Written(student, score, assignment.max_score, seconds, points.needs_manual_grade, changed)
