"""A course while it is being graded: its gradebook, its store, and a run over each assignment that is asked for."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from graders.engine.client import Engine
from graders.executing import Executor
from graders.nbgrader_plugin.by_converter import ConverterRun
from graders.nbgrader_plugin.disk import demand_writable
from graders.nbgrader_plugin.finished import Notes
from graders.nbgrader_plugin.finishing import Finisher
from graders.nbgrader_plugin.gradebooks import demand_assignment, open_gradebooks
from graders.nbgrader_plugin.grading import ClassRun
from graders.nbgrader_plugin.package import Package, read_package, why_not_here
from graders.nbgrader_plugin.places import notes_folder, store_folder
from graders.nbgrader_plugin.reading import Reader
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.submissions import submitted
from graders.nbgrader_plugin.writer import GradebookWriter
from graders.store import Store
from torchmagic.errors import TorchmagicError


class Session:
    """Grades the assignments of one course.

    Args:
        config: the course's.
        executor: what grades submissions.
        engine: for what only nbgrader's own converter can do; None where that is not to be had.
        jobs: how many submissions that one runs at a time.
        notice: called with what the user should know while the work goes on.
    """

    def __init__(
        self, config: Config, executor: Executor, engine: Engine | None, jobs: int, notice: Callable[[str], None]
    ) -> None:
        self._notice = notice
        self._config = config
        self._executor = executor
        self._engine = engine
        self._jobs = jobs
        self._coursedir = CourseDirectory(config=config)
        self._store = Store(store_folder(Path(self._coursedir.root)))
        self._gradebooks = open_gradebooks(self._coursedir.db_url, self._coursedir.course_id)

    def close(self) -> None:
        """Close the gradebook."""
        self._gradebooks.close()

    def package(self, assignment: str) -> Package:
        """An assignment as its submissions are graded.

        Raises:
            TorchmagicError: the gradebook does not know it.
        """
        with self._gradebooks.open() as gradebook:
            demand_assignment(gradebook, assignment)
            return read_package(self._config, self._coursedir, gradebook, assignment)

    def students(self, assignment: str, named: Sequence[str] | None) -> list[str]:
        """Whose work there is: those named, or all that submitted.

        Raises:
            TorchmagicError: nobody submitted, or one of those named did not.
        """
        return submitted(self._coursedir, assignment, named)

    def prepare(self, package: Package) -> None:
        """Get ready for an assignment before any other's submissions run, which getting ready would hold up."""
        if not why_not_here(self._config, package):
            self._executor.prepare(package)

    def grade(self, package: Package, students: Sequence[str], *, fresh: bool = False) -> Iterator[SubmissionRow]:
        """Grade these students' submissions; a row for each as it is finished.

        Raises:
            TorchmagicError: nothing can be graded here; what was finished is kept.
        """
        demand_writable(self._store.folder)
        reason = why_not_here(self._config, package)
        if not reason:
            with self._writer(package.assignment) as writer:
                yield from self._run(package, writer, fresh).rows(students)
        elif self._engine is None:
            raise TorchmagicError(
                f"{package.assignment!r} is not for a cluster: {reason}, which takes nbgrader's own converter.",
                hint="Grade it without `--scheduler`.",
            )
        else:
            yield from self._converted(package.assignment, students, self._engine, fresh)

    def _writer(self, assignment: str) -> GradebookWriter:
        return GradebookWriter(
            self._coursedir.db_url,
            self._coursedir.course_id,
            assignment,
            config=self._config,
            create_students=self._converter().create_student,
            on_wait=self._notice,
        )

    def _run(self, package: Package, writer: GradebookWriter, fresh: bool) -> ClassRun:
        reader = Reader(
            coursedir=self._coursedir,
            package=package,
            settings=_digest(self._config),
            notes=Notes(notes_folder(Path(self._coursedir.root), package.assignment)),
            known=writer.scores(),
            scores=writer.grades(),
            fresh=fresh,
        )
        return ClassRun(reader, self._executor, self._store, Finisher(self._converter(), reader, writer))

    def _converter(self) -> Autograde:
        return Autograde(coursedir=self._coursedir, config=self._config)

    def _converted(
        self, assignment: str, students: Sequence[str], engine: Engine, fresh: bool
    ) -> Iterator[SubmissionRow]:
        run = ConverterRun(self._config, self._coursedir, engine, self._gradebooks, assignment, fresh)
        pool = ThreadPoolExecutor(max_workers=self._jobs + 1)  # one writes scores while others run
        waiting: set[Future[SubmissionRow]] = {pool.submit(run.grade, student) for student in students}
        try:
            engine.wait_until_ready()
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            engine.close()
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextlib.contextmanager
def open_session(
    config: Config, executor: Executor, engine: Engine | None, jobs: int, notice: Callable[[str], None]
) -> Iterator[Session]:
    """A session that is closed at the end.

    Raises:
        TorchmagicError: the gradebook cannot be opened.
    """
    session = Session(config, executor, engine, jobs, notice)
    try:
        yield session
    finally:
        session.close()


def _digest(config: Config) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()
