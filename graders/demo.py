"""The demo's parts: a course and its exchange in one folder, a class that submits, and scores to compare."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from graders.courses import make_course
from graders.mutants import KINDS, build_submission, load_mutants
from graders.nbgrader_plugin.course import Course, GradebookEntry
from graders.nbgrader_plugin.exchange import StudentExchange
from graders.simulation import Handin, cast, students
from graders.variation import own_words
from torchmagic.errors import TorchmagicError

LOG = "demo.log"
TOLERANCE = 1e-6

_CONFIG = """# A demo: its students share this machine and account, so exchange and homes lie in the course's folder.
import importlib.util
from pathlib import Path

c.Exchange.root = str(Path(__file__).resolve().parent / "exchange")
c.Exchange.cache = str(Path(__file__).resolve().parent / "students" / ".cache")
c.ExchangeCollect.check_owner = False

# Some of them submit endless loops: ten seconds a cell are plenty here (nbgrader's default is thirty).
# Others fill the memory: half a GiB is plenty too, unless TensorFlow is there to be asked for.
c.Execute.timeout = 10
c.EngineExecute.memory_mib = 2048 if importlib.util.find_spec("tensorflow") else 512
"""


@dataclass(frozen=True)
class Mismatch:
    """A submission whose score is not the one that its mutant must get."""

    handin: Handin
    got: float | None

    def __str__(self) -> str:
        got = "nothing" if self.got is None else f"{self.got:g}"
        where = f"{self.handin.student}'s {self.handin.assignment} ({self.handin.mutant.name})"
        return f"{where} got {got}, expected {self.handin.mutant.score:g}"


def make_demo(folder: Path, assignments: Path, *, force: bool = False) -> Course:
    """Make the demo's course folder afresh.

    Args:
        folder: must not exist, or be empty; an earlier demo is removed if ``force`` is set.
        assignments: the folder of source notebooks, one folder for each assignment.

    Raises:
        TorchmagicError: the folder holds something.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        demo = (folder / LOG).is_file()
        if not (force and demo):
            what = "an earlier demo" if demo else "other files" if folder.is_dir() else "a file"
            hint = "Add `--force` to replace it, or name another folder." if demo else "Name another folder."
            raise TorchmagicError(f"{folder} is there already: {what}.", hint=hint)
        shutil.rmtree(folder)
    (folder / "exchange").mkdir(parents=True)
    (folder / "exchange").chmod(0o777)  # as nbgrader asks of every exchange
    (folder / LOG).touch()
    make_course(folder, assignments, extra_config=_CONFIG)
    return Course(folder)


def make_class(
    folder: Path,
    assignments: Path,
    names: Sequence[str] | None,
    count: int,
    seed: int = 0,
    *,
    kinds: Collection[str] = KINDS,
    force: bool = False,
    on_step: Callable[[], None] = lambda: None,
) -> tuple[Course, list[Handin]]:
    """A course whose simulated class has handed in: generated, released, submitted and collected, nothing graded.

    Args:
        folder: the new course; see :func:`make_demo`.
        assignments: the folder of source notebooks, with its ``mutants`` beside it.
        names: the assignments that are handed in; None for all.
        count: how many students.
        seed: deals the solutions; the same for the same seed, but for the times of day.
        kinds: which kinds of solutions; ``("right", "partial")`` for honest ones that end in good time.
        force: replace an earlier demo.
        on_step: called after each submission.

    Raises:
        TorchmagicError: the folder holds something, there is no such assignment, or it has no solutions of these kinds.
    """
    handins = deal(assignments, names, count, seed, kinds=kinds)
    course = make_demo(folder, assignments, force=force)
    release(course, list(dict.fromkeys(handin.assignment for handin in handins)))
    submit_all(course, handins, on_step)
    return course, handins


def deal(
    assignments: Path, names: Sequence[str] | None, count: int, seed: int, *, kinds: Collection[str] = KINDS
) -> list[Handin]:
    """Who of a class hands in what; see :func:`make_class`.

    Raises:
        TorchmagicError: there is no such assignment, or it has no solutions of these kinds.
    """
    known = sorted(path.parent.name for path in assignments.glob("*/*.ipynb") if path.stem == path.parent.name)
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise TorchmagicError(
            f"There is no assignment {', '.join(map(repr, unknown))} in {assignments}.",
            hint=f"There are: {', '.join(known)}.",
        )
    folder = assignments.parent / "mutants"
    mutants = {name: [m for m in load_mutants(folder, name) if m.kind in kinds] for name in names or known}
    return cast(students(count), mutants, seed)


def release(course: Course, names: Sequence[str]) -> None:
    """Generate and release the assignments."""
    for name in names:
        course.generate(name)
        course.release(name)


def submit_all(course: Course, handins: Sequence[Handin], on_step: Callable[[], None] = lambda: None) -> None:
    """All students hand in, the last of them just now, and everything is collected.

    Args:
        on_step: called after each submission.
    """
    due = datetime.now(timezone.utc) - timedelta(hours=max(0.0, *(handin.hours for handin in handins)))
    for name in dict.fromkeys(handin.assignment for handin in handins):
        course.set_due(name, due)
        exchange = course.student_exchange(name)
        for handin in handins:
            if handin.assignment == name:
                hand_in(course, handin, exchange, due + timedelta(hours=handin.hours))
                on_step()
        course.collect(name)


def hand_in(
    course: Course, handin: Handin, exchange: StudentExchange | None = None, when: datetime | None = None
) -> None:
    """One student fetches an assignment, works on it as the mutant says, and submits.

    Args:
        exchange: the assignment's; one is made if not given.
        when: the time of the submission; now if not given.
    """
    exchange = exchange or course.student_exchange(handin.assignment)
    home = course.folder / "students" / handin.student
    home.mkdir(parents=True, exist_ok=True)
    fetched = exchange.fetch(handin.student, home)
    notebook = fetched / f"{handin.assignment}.ipynb"
    content = build_submission(notebook.read_bytes(), handin.mutant, own_words(handin))
    notebook.unlink()
    if content is not None:
        notebook.write_bytes(content)
    exchange.submit(handin.student, home, when)


def compare(handins: Sequence[Handin], scores: dict[str, dict[str, GradebookEntry]]) -> list[Mismatch]:
    """The submissions whose score is not as expected.

    Args:
        handins: who handed in what.
        scores: the gradebook's entries, by assignment and student; where there is none, nothing is what was got.
    """
    wrong = []
    for handin in handins:
        entry = scores[handin.assignment].get(handin.student)
        got = None if entry is None else entry.score
        if not abs((got or 0.0) - handin.mutant.score) <= TOLERANCE:
            wrong.append(Mismatch(handin, got))
    return wrong
