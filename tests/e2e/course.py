"""A real course for the journeys: an instructor's folder, an exchange, and students each with a home of their own."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import nbformat

from graders.mutants import Mutant, build_submission, load_mutants
from graders.nbgrader_plugin.course import Course
from tests.e2e.programs import Home

TOPIC = "operations"
MUTANTS = Path(__file__).parents[2] / "assignments" / "mutants"
COURSE_ID = "pytorch101"
_EXCHANGE = "c = get_config()\nc.Exchange.root = {root!r}\nc.Exchange.cache = {cache!r}\n"


@dataclasses.dataclass(frozen=True)
class School:
    """One course, the exchange that it releases to, and the homes of all who take part."""

    root: Path

    @property
    def instructor(self) -> Home:
        return Home(self.root / "instructor")

    @property
    def folder(self) -> Path:
        """The course's folder, as `torchmagic course init` laid it out."""
        return self.instructor.folder / COURSE_ID

    @property
    def exchange(self) -> Path:
        return self.root / "exchange"

    @property
    def course(self) -> Course:
        return Course(self.folder)

    def torchmagic(self, *arguments: str, folder: Path | None = None) -> str:
        """What the real command prints in the course's folder; it must succeed."""
        command = [sys.executable, "-c", "from graders.cli import main; main()", *arguments]
        done = subprocess.run(
            command,
            cwd=folder or self.folder,
            env=self.instructor.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def found(self) -> None:
        """Lay the course out, and make the exchange."""
        self.exchange.mkdir(parents=True)
        self.exchange.chmod(0o777)
        self.instructor.folder.mkdir()
        self.torchmagic("course", "init", COURSE_ID, folder=self.instructor.folder)
        config = self.folder / "nbgrader_config.py"
        settings = _EXCHANGE.format(root=str(self.exchange), cache=str(self.instructor.folder / "cache"))
        config.write_text(config.read_text() + settings.partition("\n")[2])

    def student(self, name: str) -> Home:
        """A student's home, whose settings name the course, the exchange and themselves.

        All run as one user of the system here; nbgrader tells them apart by the name in their settings.
        """
        home = Home(self.root / "homes" / name)
        settings = home.folder / ".jupyter" / "nbgrader_config.py"
        if not settings.exists():
            settings.parent.mkdir(parents=True)
            text = _EXCHANGE.format(root=str(self.exchange), cache=str(home.folder / ".nbgrader-cache"))
            names = f"c.CourseDirectory.course_id = {COURSE_ID!r}\nc.CourseDirectory.student_id = {name!r}\n"
            settings.write_text(text + names)
        return home

    def hand_in(self, student: str, mutant: Mutant, topic: str = TOPIC) -> None:
        """Fetch, answer as a known solution does, and submit, as nbgrader's own commands do."""
        exchange = self.course.student_exchange(topic)
        notebook = exchange.fetch(student, self.student(student).folder) / f"{topic}.ipynb"
        content = build_submission(notebook.read_bytes(), mutant)
        assert content is not None
        notebook.write_bytes(content)
        exchange.submit(student, self.student(student).folder)

    def stamp(self, student: str, topic: str = TOPIC) -> dict[str, str]:
        """How the engine says that grading a submission ended."""
        path = self.folder / "autograded" / student / topic / f"{topic}.ipynb"
        return dict(nbformat.read(path, as_version=4).metadata.torchmagic)


def known(name: str, topic: str = TOPIC) -> Mutant:
    """A known solution of the assignment."""
    return next(mutant for mutant in load_mutants(MUTANTS, topic) if mutant.name == name)
