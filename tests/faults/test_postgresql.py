"""A class graded into PostgreSQL by the real command, whose server is killed meanwhile."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from tests.plugin.conftest import School
from tests.postgres import Postgres

from .conftest import STUDENTS, grade, left_in, start

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox, pytest.mark.thorough]


def test_the_server_is_killed_while_a_class_is_graded(
    handed_in: Path, tmp_path: Path, undisturbed: list[tuple[Any, ...]], postgres: Postgres
) -> None:
    """The grader waits for it to come back; what is there in the end is what SQLite holds after an undisturbed run."""
    course = tmp_path / "course"
    shutil.copytree(handed_in, course)
    (course / "gradebook.db").unlink()
    postgres.do("CREATE DATABASE faults")
    url = postgres.url("faults")
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(f"c.CourseDirectory.db_url = {url!r}\n")
    done = School(course).nbgrader("generate_assignment", "ps1", "--force")
    assert done.returncode == 0, done.stderr
    with Gradebook(url, "abc") as gradebook:
        gradebook.update_or_create_assignment("ps1", duedate="2026-01-01 12:00:00 UTC")
    chance = random.Random(5)
    process = start(course, "--fresh")
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(3):
        time.sleep(chance.uniform(0.0, 0.5))
        postgres.kill()
        time.sleep(chance.uniform(0.0, 0.5))
        postgres.start()
    said, _ = process.communicate(timeout=250)
    assert process.returncode == 0, said
    assert left_in(course, db_url=url) == undisturbed
    last = grade(course).stdout.splitlines()[-1]
    assert f"(0 run, {len(STUDENTS)} unchanged)" in last
