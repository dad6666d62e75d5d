"""A full disk, a folder that cannot be written to, work that vanishes, clocks that jump, and a second grader."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from graders.nbgrader_plugin.autograde import grade_assignments
from graders.nbgrader_plugin.rows import SubmissionRow

from .conftest import COMMAND, STUDENTS, grade, left_in, start

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]

#: A shell whose mounts nobody else sees; as an ordinary user, by a user namespace.
MOUNTS = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
GRADE = f"{COMMAND[0]} -c '{COMMAND[2]}' grade ps1 --jobs 2"


def _shell(script: str, **names: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **{name: str(path) for name, path in names.items()}}
    return subprocess.run(
        [*MOUNTS, "sh", "-euc", script], env=env, capture_output=True, text=True, timeout=250, check=False
    )


def test_a_full_disk(course: Path, tmp_path: Path, undisturbed: list[tuple[Any, ...]]) -> None:
    """The run ends and says what to do; with some room made it goes on, and nothing is lost."""
    disk, out = tmp_path / "disk", tmp_path / "out"
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size=16m tmpfs "$disk"
        cp -r "$course/." "$disk"
        cd "$disk"
        free=$(df --output=avail -k . | tail -n 1)
        head -c $((free - 150))k /dev/zero > ballast
        {GRADE} > "$out.first" 2>&1 && exit 9
        test $? = 2
        rm ballast
        {GRADE} > "$out.second" 2>&1
        rm -rf "$course"
        cp -r "$disk" "$course"
    """
    done = _shell(script, course=course, disk=disk, out=out)
    first = Path(f"{out}.first").read_text()
    assert done.returncode == 0, done.stderr + first
    last = first.splitlines()[-1]
    assert "No space left on device" in last or "disk is full" in last
    assert "run the same command again" in last or "grade again" in last
    assert "Traceback" not in first
    assert left_in(course) == undisturbed


def test_a_course_that_cannot_be_written_to(course: Path, tmp_path: Path) -> None:
    before = left_in(course)
    script = f"""
        mount --bind "$course" "$course"
        mount -o remount,ro,bind "$course"
        cd "$course"
        {GRADE} > "$out" 2>&1 && exit 9
        test $? = 2
    """
    out = tmp_path / "out"
    done = _shell(script, course=course, out=out)
    said = out.read_text()
    assert done.returncode == 0, done.stderr + said
    last = said.splitlines()[-1]
    assert last.startswith("torchmagic: Cannot write")
    assert "Read-only file system" in last
    assert "Make the folder writable" in last
    assert "Traceback" not in said
    assert left_in(course) == before


def test_a_submission_that_vanishes_while_the_class_is_graded(course: Path, undisturbed: list[tuple[Any, ...]]) -> None:
    away = course.parent / "away"
    gone = STUDENTS[-1]

    def vanish(assignment: str, row: SubmissionRow) -> None:
        if not away.exists():
            shutil.move(course / "submitted" / gone, away)

    rows = {row.student: row for row in grade_assignments(course, ["ps1"], on_result=vanish)["ps1"]}
    assert len(rows) == len(STUDENTS)
    assert rows[gone].outcome == "missing"
    assert str(course / "submitted" / gone) in rows[gone].message
    assert {row.outcome for student, row in rows.items() if student != gone} <= {"passed", "failed"}
    shutil.move(away, course / "submitted" / gone)
    assert grade(course).returncode == 0
    assert left_in(course) == undisturbed


def test_clocks_that_jump(course: Path, undisturbed: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Wall clocks go forwards and backwards by years, and files bear times of any kind: no decision hangs on them."""
    chance = random.Random(3)
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + chance.uniform(-3e8, 3e8))
    grade_assignments(course, ["ps1"], students=STUDENTS[:8])
    for path in course.rglob("*"):
        if path.suffix in (".z", ".json", ".txt") and chance.random() < 0.5:
            os.utime(path, (true() + 1e8, true() + chance.uniform(-3e8, 3e8)))
    rows = grade_assignments(course, ["ps1"])["ps1"]
    assert sum(row.how == "unchanged" for row in rows) == 8
    assert left_in(course) == undisturbed


def test_a_second_grader_at_the_same_time(course: Path, undisturbed: list[tuple[Any, ...]]) -> None:
    graders = [start(course, *options) for options in ([], [], ["--fresh"])]
    said = [process.communicate(timeout=250)[0] for process in graders]
    assert [process.returncode for process in graders] == [0, 0, 0], said
    assert left_in(course) == undisturbed
    assert list((course / "autograded").glob("*/.*")) == [], "no drafts are left"
