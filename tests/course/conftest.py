"""One real course in which every mutant of every assignment is handed in and graded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from graders.courses import clone_assignments
from graders.demo import make_demo
from graders.mutants import Mutant, build_submission, load_mutants
from graders.nbgrader_plugin.autograde import grading_session
from graders.nbgrader_plugin.course import Course
from graders.nbgrader_plugin.rows import SubmissionRow

from .courseware import SOURCES, TOPICS

MUTANTS = {topic: load_mutants(clone_assignments() / "mutants", topic) for topic in TOPICS}


@dataclass(frozen=True)
class Graded:
    """The course, and the rows that grading gave."""

    folder: Path
    rows: Mapping[tuple[str, str], SubmissionRow]

    def outputs(self, topic: str, name: str) -> dict[str, str]:
        """What a student reads below each test cell, on one line, by grade_id; nothing where no notebook was graded."""
        path = self.folder / "autograded" / name / topic / f"{topic}.ipynb"
        if not path.exists():
            return {}
        shown = {}
        for cell in nbformat.read(path, as_version=4).cells:
            meta = cell.metadata.get("nbgrader", {})
            if meta.get("grade") and cell.cell_type == "code":
                shown[meta["grade_id"]] = " ".join(" ".join(_texts(cell.outputs)).split())
        return shown


def _texts(outputs: list[Any]) -> Iterator[str]:
    for output in outputs:
        yield from (output.get("text", ""), output.get("evalue", ""), *output.get("traceback", ()))
        yield str(output.get("data", ""))


def hand_all_in(folder: Path, chosen: Mapping[str, list[Mutant]]) -> Course:
    """A course in which a student of each mutant's name has handed it in."""
    course = make_demo(folder, SOURCES)
    for topic, mutants in chosen.items():
        course.generate(topic)
        release = (folder / "release" / topic / f"{topic}.ipynb").read_bytes()
        for mutant in mutants:
            target = folder / "submitted" / mutant.name / topic
            target.mkdir(parents=True)
            content = build_submission(release, mutant)
            if content is not None:
                (target / f"{topic}.ipynb").write_bytes(content)
    return course


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """Those that never end have the course's time for a cell; for the others a machine may be slow."""
    folder = tmp_path_factory.mktemp("mutants") / "course"
    hand_all_in(folder, MUTANTS)
    config = folder / "nbgrader_config.py"
    brief = config.read_text()
    ample = brief.replace("c.Execute.timeout = 10", "c.Execute.timeout = 60")
    assert ample != brief
    rows = {}
    for text, endless in ((ample, False), (brief, True)):
        config.write_text(text)
        rows |= _grade(
            folder, {t: [m.name for m in MUTANTS[t] if (m.outcome == "timeout") is endless] for t in MUTANTS}
        )
    return Graded(folder, rows)


def _grade(folder: Path, wanted: Mapping[str, list[str]]) -> dict[tuple[str, str], SubmissionRow]:
    with grading_session(folder, jobs=2) as session:
        packages = [session.package(topic) for topic, students in wanted.items() if students]
        for package in packages:
            session.prepare(package)
        graded = [(p.assignment, session.grade(p, wanted[p.assignment])) for p in packages]
        return {(topic, row.student): row for topic, found in graded for row in found}
