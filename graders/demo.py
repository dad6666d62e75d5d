"""The demo's parts: a course and its exchange in one folder, a class that submits, and scores to compare."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graders.courses import make_course
from graders.mutants import build_submission
from graders.nbgrader_plugin.course import Course, GradebookEntry
from graders.simulation import Handin
from torchmagic.errors import TorchmagicError

LOG = "demo.log"
TOLERANCE = 1e-6

_CONFIG = """# A demo: its students share this machine and account, so exchange and homes lie in the course's folder.
from pathlib import Path

c.Exchange.root = str(Path(__file__).resolve().parent / "exchange")
c.Exchange.cache = str(Path(__file__).resolve().parent / "students" / ".cache")
c.ExchangeCollect.check_owner = False

# Some of them submit endless loops: ten seconds a cell are plenty here (nbgrader's default is thirty).
# Others fill the memory: half a GiB is plenty too.
c.Execute.timeout = 10
c.EngineExecute.memory_mib = 512
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
    (folder / LOG).touch()
    make_course(folder, assignments, extra_config=_CONFIG)
    return Course(folder)


def hand_in(course: Course, handin: Handin) -> None:
    """One student fetches an assignment, works on it as the mutant says, and submits."""
    home = course.folder / "students" / handin.student
    home.mkdir(parents=True, exist_ok=True)
    fetched = course.fetch(handin.student, handin.assignment, home)
    notebook = fetched / f"{handin.assignment}.ipynb"
    content = build_submission(notebook.read_bytes(), handin.mutant)
    notebook.unlink()
    if content is not None:
        notebook.write_bytes(content)
    course.submit(handin.student, handin.assignment, home)


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
