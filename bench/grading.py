"""Seconds for one submission: `torchmagic grade` against plain `nbgrader autograde`, on copies of one course."""

from __future__ import annotations

import itertools
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure
from graders.commands.grade import cores
from graders.courses import clone_assignments
from graders.demo import hand_in, make_demo
from graders.mutants import load_mutants
from graders.nbgrader_plugin.course import Course
from graders.simulation import Handin, students

ASSIGNMENT = "backward_pass"
SUBMISSIONS = 40
GOAL = 30.0
_PLUGIN = "from graders.nbgrader_plugin import configure; configure(c)\n"
_SECONDS = 900


class UnequalScoresError(AssertionError):
    """An honest submission got another score than plain nbgrader gives it."""


def measure(folder: Path) -> list[Figure]:
    """Grade the same submissions, each time by the real command and with its start-up: plainly, and here with the jobs
    that it chooses itself and with one.

    Raises:
        UnequalScoresError: scores differ; the times mean nothing then.
    """
    ours = _class(folder / "ours")
    plain = folder / "plain"
    shutil.copytree(ours.folder, plain)
    config = plain / "nbgrader_config.py"
    text = config.read_text(encoding="utf-8")
    assert _PLUGIN in text, "the plain course must do without the plugin"
    config.write_text(text.replace(_PLUGIN, ""), encoding="utf-8")
    programs = Path(sys.executable).parent
    grade = [str(programs / "torchmagic"), "grade", ASSIGNMENT, "--force"]
    ways: dict[str, list[str]] = {f"{cores()} jobs, one a core": [], "one job": ["--jobs", "1"]}
    seconds: dict[str, list[float]] = {jobs: [] for jobs in ways}

    def ours_twice() -> None:
        for jobs, options in [*ways.items()] * 2:
            seconds[jobs].append(run(ours.folder, *grade, *options))

    ours_twice()  # before and after the peer's long run: machines get faster and slower
    plain_seconds = run(plain, sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT)
    ours_twice()
    _demand_equal(_scores(ours.folder), _scores(plain))
    return [
        Figure(
            f"a submission, {SUBMISSIONS} of {ASSIGNMENT}, {jobs}, start-up included",
            statistics.median(measured) / SUBMISSIONS,
            plain_seconds / SUBMISSIONS,
            "nbgrader autograde",
            "s",
            GOAL,
            "faster",
        )
        for jobs, measured in seconds.items()
    ]


def _class(folder: Path) -> Course:
    assignments = clone_assignments()
    course = make_demo(folder, assignments / "source")
    course.generate(ASSIGNMENT)
    course.release(ASSIGNMENT)
    mutants = load_mutants(assignments / "mutants", ASSIGNMENT)
    honest = [mutant for mutant in mutants if mutant.honest]
    for student, mutant in zip(students(SUBMISSIONS), itertools.cycle(honest), strict=False):
        hand_in(course, Handin(student, ASSIGNMENT, mutant))
    course.collect(ASSIGNMENT)
    return course


def run(course: Path, *command: str) -> float:
    """Seconds that a command takes in a course's folder.

    Raises:
        RuntimeError: it ended badly.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = {**os.environ, "PATH": path}
    start = time.monotonic()
    done = subprocess.run(command, cwd=course, env=env, capture_output=True, text=True, timeout=_SECONDS, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return seconds


def _scores(folder: Path) -> dict[str, float]:
    return {entry.student: entry.score for entry in Course(folder).scores(ASSIGNMENT).values()}


def _demand_equal(ours: dict[str, float], plain: dict[str, float]) -> None:
    unequal = {s: (ours.get(s), plain.get(s)) for s in ours.keys() | plain.keys() if ours.get(s) != plain.get(s)}
    if unequal or len(ours) != SUBMISSIONS:
        raise UnequalScoresError(f"{len(ours)} submissions; scores (ours, plain nbgrader's) that differ: {unequal}")
