"""`torchmagic grade --watch` on a real exchange: what arrives is collected, graded and answered."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graders.courses import clone_assignments
from graders.demo import hand_in, make_demo, release
from graders.mutants import Mutant, load_mutants
from graders.nbgrader_plugin.course import Course
from graders.simulation import Handin

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]

TOPIC = "backward_pass"
_SECONDS = 90


def _mutants() -> dict[str, Mutant]:
    return {mutant.name: mutant for mutant in load_mutants(clone_assignments() / "mutants", TOPIC)}


def _submit(course: Course, student: str, mutant: Mutant) -> None:
    shutil.rmtree(course.folder / "students" / student / TOPIC, ignore_errors=True)
    hand_in(course, Handin(student, TOPIC, mutant))


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_what_arrives_is_graded_and_answered_and_nobody_holds_up_the_others(tmp_path: Path) -> None:
    course = make_demo(tmp_path / "course", clone_assignments() / "source")
    release(course, [TOPIC])
    known = _mutants()
    right, blank = known["right"], next(mutant for mutant in known.values() if mutant.kind == "blank")
    log = tmp_path / "said"
    command = [sys.executable, "-c", "from graders.cli import main; main()"]
    options = ["grade", TOPIC, "--watch", "--every", "0.5", "--pause", "600"]
    with log.open("w") as file:
        process = subprocess.Popen(
            [*command, *options],
            cwd=course.folder,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        _wait_for(lambda: "Watching" in log.read_text(), "it begins to watch before anybody has handed in")
        _submit(course, "ada", right)
        _wait_for(lambda: "ada: passed" in log.read_text(), "ada's work is graded")
        _submit(course, "ada", blank)
        _submit(course, "bob", blank)
        _wait_for(lambda: "bob: not attempted" in log.read_text(), "bob's work is graded")
        pages = course.folder / "exchange"
        _wait_for(lambda: len(list(pages.rglob("*.html"))) >= 2, "both have their feedback")
        assert log.read_text().count("ada: ") == 1, "who hands in again waits"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    said = log.read_text()
    assert process.returncode == 0, said
    assert "Stopped watching. Graded: 1 passed, 1 not attempted." in said
    assert "Traceback" not in said
    assert {name: entry.score for name, entry in course.scores(TOPIC).items()} == {"ada": right.score, "bob": 0.0}
