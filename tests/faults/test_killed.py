"""The grader, and what it has started, are killed at random moments: in the end nothing is missing, nothing is there twice."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.kills import KILLS

from .conftest import STUDENTS, grade, left_in, start

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox, pytest.mark.timeout(600)]


@pytest.mark.thorough
def test_the_grader_is_killed_at_random_moments(
    course: Path, handed_in: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    """Each time it goes on from where it was; when the whole class is graded, another one is begun."""
    chance = random.Random(7)
    kills = 0
    while kills < KILLS:
        process = start(course)
        killed = _kill(process, chance)
        kills += killed
        if not killed:
            assert left_in(course) == undisturbed
            shutil.rmtree(course)
            shutil.copytree(handed_in, course)
    done = grade(course)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_in(course) == undisturbed
    again = grade(course)
    assert f"(0 run, {len(STUDENTS)} unchanged)" in again.stdout.splitlines()[-1], "nothing is run twice"


def _kill(process: subprocess.Popen[str], chance: random.Random) -> bool:
    """Kill it after a random number of lines and a random time; False where it was faster."""
    assert process.stdout is not None
    lines = chance.randrange(0, len(STUDENTS))
    for _ in range(lines):
        if not process.stdout.readline():
            break
    time.sleep(chance.uniform(0.0, 0.6 if lines else 2.5))
    over = process.poll() is not None
    if not over:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return not over


@pytest.mark.thorough
def test_what_grades_is_killed_at_random_moments(
    course: Path, handed_in: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    """Any process that the grader has started, the warm ones among them: it goes on by itself, or when it is run again."""
    chance = random.Random(11)
    kills = 0
    while kills < KILLS:
        process = start(course)
        assert process.stdout is not None
        while process.poll() is None and kills < KILLS:
            time.sleep(chance.uniform(0.02, 0.5))
            started = _descendants(process.pid)
            if started:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(started), signal.SIGKILL)
                    kills += 1
        said, _ = process.communicate(timeout=250)
        assert process.returncode in (0, 1, 2), said
        assert "Traceback" not in said
        if process.returncode == 0 and kills < KILLS:
            shutil.rmtree(course)
            shutil.copytree(handed_in, course)
    done = grade(course)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_in(course) == undisturbed


def _descendants(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def test_what_is_stored_is_not_run_again(course: Path) -> None:
    """Every result that a killed run has had is taken from the store."""
    process = start(course, "--log", "first.jsonl")
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    stored = len(list((course / ".torchmagic" / "store").glob("??/*.json.z")))
    assert stored >= 3
    done = grade(course)
    assert done.returncode == 0, done.stdout
    assert f"({len(STUDENTS) - stored} run, " in done.stdout.splitlines()[-1]


def test_one_changed_submission_of_a_class_is_one_run(course: Path) -> None:
    assert grade(course).returncode == 0
    path = course / "submitted" / "s05" / "ps1" / "ps1.ipynb"
    path.write_text(path.read_text().replace("Because s05", "Since s05"))
    last = grade(course).stdout.splitlines()[-1]
    assert f"(1 run, {len(STUDENTS) - 1} unchanged)" in last
    path.write_text(path.read_text().replace("Since s05", "Because s05"))
    last = grade(course).stdout.splitlines()[-1]
    assert f"(0 run, 1 from the store, {len(STUDENTS) - 1} unchanged)" in last, "what it was before is stored"


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_by_the_user(course: Path, undisturbed: list[tuple[Any, ...]], kind: signal.Signals) -> None:
    process = start(course)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(kind)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"of {len(STUDENTS)} submissions. What was finished is kept: run the same command again to go on." in said
    assert grade(course).returncode == 0
    assert left_in(course) == undisturbed
