"""Runs over a class: killed and begun again, manual scores kept, late work, several notebooks, files, risks accepted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.stamp import read_stamp
from torchmagic.errors import TorchmagicError

from .conftest import RIGHT, WRONG, School, check, notebook, solution

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]


def _gradebook(school: School) -> Gradebook:
    return Gradebook(f"sqlite:///{school.folder}/gradebook.db", "abc")


def test_a_killed_run_is_taken_up_where_it_was(school: School) -> None:
    students = [f"s{number:02}" for number in range(14)]
    for student in students:
        slow = {"squares": "import time\ntime.sleep(0.3)\n" + RIGHT["squares"], "words": f"Because {student} says so."}
        school.hand_in(student, school.answers({**RIGHT, **slow}))
    command = [sys.executable, "-c", "from graders.cli import main; main()", "grade", "ps1", "--jobs", "2"]
    process = subprocess.Popen(command, cwd=school.folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    time.sleep(0.5)
    finished = [s for s in students if (school.folder / "autograded" / s / "ps1" / "ps1.ipynb").exists()]
    times = {s: (school.folder / "autograded" / s / "ps1" / "ps1.ipynb").stat().st_mtime_ns for s in finished}
    assert 1 <= len(finished) < len(students)
    rows = grade_assignment(school.folder, "ps1", jobs=2)
    assert {row.student: row.score for row in rows} == dict.fromkeys(students, 6.0)
    kept = [
        student
        for student in finished
        if (school.folder / "autograded" / student / "ps1" / "ps1.ipynb").stat().st_mtime_ns == times[student]
    ]
    assert len(kept) >= len(finished) - 3, "at the most what was being written is run again"


def test_what_a_killed_nbgrader_command_leaves_half_graded_is_never_taken_for_graded(school: School) -> None:
    slow = {**RIGHT, "squares": "import time\ntime.sleep(20)\n" + RIGHT["squares"]}
    school.hand_in("ada", school.answers(RIGHT))
    school.hand_in("bob", school.answers(slow))
    command = [sys.executable, "-m", "nbgrader", "autograde", "ps1"]
    process = subprocess.Popen(command, cwd=school.folder, stderr=subprocess.DEVNULL)
    half = school.folder / "autograded" / "bob" / "ps1" / "ps1.ipynb"
    deadline = time.monotonic() + 60
    while not half.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert half.exists(), "nbgrader writes the submission before it runs it"
    assert read_stamp(half) is None
    done = school.nbgrader("generate_feedback", "ps1")
    assert done.returncode != 0
    assert "was not graded to its end" in done.stderr
    assert [path.parent.parent.name for path in school.folder.glob("feedback/*/ps1/*.html")] == ["ada"]
    finished = (school.folder / "autograded" / "ada" / "ps1" / "ps1.ipynb").stat().st_mtime_ns
    school.hand_in("bob", school.answers(RIGHT))
    done = school.nbgrader("autograde", "ps1")
    assert done.returncode == 0, done.stderr
    assert "left half graded" in done.stderr
    assert school.scores() == {"ada": 6.0, "bob": 6.0}
    assert read_stamp(half) is not None
    assert (school.folder / "autograded" / "ada" / "ps1" / "ps1.ipynb").stat().st_mtime_ns == finished


def test_what_may_still_be_graded_by_another_process_is_left_alone(school: School) -> None:
    """One grader is gone for certain; of the others one is alive, and one was on a machine that cannot be asked."""
    for student, host, process in (
        ("gone", socket.gethostname(), 0),
        ("alive", socket.gethostname(), 1),
        ("far", "x", 1),
    ):
        school.hand_in(student, school.answers(RIGHT))
        nb = school.answers(RIGHT)
        nb["metadata"]["torchmagic"] = {"outcome": "unfinished", "host": host, "process": process or _ended_process()}
        half = school.folder / "autograded" / student / "ps1"
        half.mkdir(parents=True)
        (half / "ps1.ipynb").write_text(json.dumps(nb))
    done = school.nbgrader("autograde", "ps1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("its grader may still run") == 2
    assert {student: score for student, score in school.scores().items() if score} == {"gone": 6.0}
    assert school.nbgrader("autograde", "ps1", "--force").returncode == 0
    assert school.scores() == {"gone": 6.0, "alive": 6.0, "far": 6.0}


def _ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_same_submission_gives_the_same_autograded_notebook(school: School) -> None:
    """No time and no chance is in it, so that two runs can be compared; nbgrader's own tests do that."""
    school.hand_in("ada", school.answers(WRONG))
    texts = []
    for _ in range(2):
        grade_assignment(school.folder, "ps1", fresh=True)
        graded = school.autograded("ada")
        assert graded.metadata["torchmagic"]["outcome"] == "failed"
        texts.append((school.folder / "autograded" / "ada" / "ps1" / "ps1.ipynb").read_text())
    assert texts[0] == texts[1]


def test_a_manual_score_and_a_comment_stay(school: School) -> None:
    school.hand_in("ada", school.answers(WRONG))
    grade_assignment(school.folder, "ps1")
    with _gradebook(school) as gradebook:
        entry = gradebook.find_submission("ps1", "ada").notebooks[0]
        for grade in entry.grades:
            if grade.name == "words":
                grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 2.5, 0.5, False
        for comment in entry.comments:
            if comment.name == "words":
                comment.manual_comment = "Well said."
        gradebook.db.commit()
    school.hand_in("ada", school.answers(RIGHT))
    (row,) = grade_assignment(school.folder, "ps1", fresh=True)
    assert row.score == 9.0
    with _gradebook(school) as gradebook:
        entry = gradebook.find_submission("ps1", "ada").notebooks[0]
        words = next(grade for grade in entry.grades if grade.name == "words")
        assert (words.manual_score, words.extra_credit) == (2.5, 0.5)
        assert "Well said." in [comment.manual_comment for comment in entry.comments]


def test_late_work_by_nbgraders_own_setting(school: School) -> None:
    with (school.folder / "nbgrader_config.py").open("a") as config:
        config.write("c.AssignLatePenalties.plugin_class = 'nbgrader.plugins.LateSubmissionPlugin'\n")
        config.write("c.LateSubmissionPlugin.penalty_method = 'zero'\n")
    with _gradebook(school) as gradebook:
        gradebook.update_or_create_assignment("ps1", duedate="2026-01-01 12:00:00 UTC")
    for student, when in {"ada": "2026-01-01 11:00:00 UTC", "bob": "2026-01-01 13:00:00 UTC"}.items():
        path = school.hand_in(student, school.answers(RIGHT))
        (path.parent / "timestamp.txt").write_text(when)
    assert {row.student: row.score for row in grade_assignment(school.folder, "ps1")} == {"ada": 6.0, "bob": 0.0}


def test_an_assignment_of_two_notebooks_one_of_them_missing(school: School) -> None:
    folder = school.folder / "source" / "two"
    folder.mkdir()
    for name in ("one", "other"):
        cells = [solution("q", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), check("t", 2, "assert x == 1")]
        nbformat.write(notebook(cells), folder / f"{name}.ipynb")
    assert school.nbgrader("generate_assignment", "two").returncode == 0
    for name in ("one", "other"):
        nb = school.released("two", name)
        nb["cells"][0]["source"] = "x = 1"
        school.hand_in("ada", nb, "two", name)
    nb = school.released("two", "one")
    nb["cells"][0]["source"] = "x = 1"
    school.hand_in("bob", nb, "two", "one")
    school.hand_in("bob", nb, "two", "a-copy-under-another-name")
    rows = {row.student: row for row in grade_assignment(school.folder, "two", jobs=2)}
    assert {student: (row.score, row.max_score) for student, row in rows.items()} == {
        "ada": (4.0, 4.0),
        "bob": (2.0, 4.0),
    }


def test_files_beside_the_notebook(school: School) -> None:
    """The instructor's data wins over a student's copy; a student's own module can be imported; a link is not followed."""
    given = {**RIGHT, "squares": "from helpers import squares"}
    path = school.hand_in("ada", school.answers(given))
    (path.parent / "helpers.py").write_text("def squares(n):\n    return [i * i for i in range(n)]\n")
    (path.parent / "table.csv").write_text("100,100\n100,100\n")
    path = school.hand_in("bob", school.answers({**RIGHT, "mean": "m = 2.5 if 'secret' in open('link').read() else 0"}))
    (school.folder / "secret.txt").write_text("secret")
    (path.parent / "link").symlink_to(school.folder / "secret.txt")
    (path.parent / "folder").symlink_to(school.folder / "source")
    path = school.hand_in("eve", None)
    path.symlink_to(school.folder / "source" / "ps1" / "ps1.ipynb")
    rows = {row.student: row for row in grade_assignment(school.folder, "ps1")}
    assert rows["ada"].score == 6.0
    assert rows["bob"].score == 2.0, "the link is left out"
    assert not (school.folder / "autograded" / "bob" / "ps1" / "folder").exists()
    assert rows["eve"].outcome == "unreadable"
    assert "link" in rows["eve"].message
    assert school.nbgrader("autograde", "ps1", "--student", "eve").returncode != 0
    assert school.scores().get("eve", 0.0) == 0.0


def test_without_walls_when_the_risk_is_accepted_by_name(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT))
    school.hand_in("bob", school.answers(WRONG))
    command = [sys.executable, "-c", "from graders.cli import main; main()"]
    options = ["grade", "ps1", "--isolation", "process"]
    done = subprocess.run([*command, *options], cwd=school.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert school.scores() == {"ada": 6.0, "bob": 1.0}


def test_work_for_a_notebook_that_the_assignment_does_not_have(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT), name="something-else")
    (row,) = grade_assignment(school.folder, "ps1")
    assert (row.outcome, row.score) == ("missing", None)
    assert "ps1.ipynb" in row.message


def test_nothing_of_a_run_is_left_behind(school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    school.hand_in("ada", school.answers(RIGHT))
    grade_assignment(school.folder, "ps1")
    deadline = time.monotonic() + 60
    while os.listdir(scratch) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert os.listdir(scratch) == []
    assert [p.name for p in school.folder.rglob(".*")] == [".torchmagic"], "what is kept for the next run"


def test_a_gradebook_that_is_none(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT))
    (school.folder / "gradebook.db").write_text("this is no database, but it is long enough to look at\n" * 20)
    with pytest.raises(TorchmagicError, match="gradebook"):
        grade_assignment(school.folder, "ps1")
    assert json.loads((school.folder / "submitted" / "ada" / "ps1" / "ps1.ipynb").read_text())["cells"]


def test_a_module_of_the_instructors_in_a_test_cell(school: School) -> None:
    """The judge imports the instructor's file, whatever the student handed in under that name."""
    folder = school.folder / "source" / "mods"
    folder.mkdir()
    (folder / "helper.py").write_text("def wanted():\n    return 7\n")
    cells = [
        solution("q", "### BEGIN SOLUTION\nfrom helper import wanted\nx = wanted()\n### END SOLUTION"),
        check("t", 2, "import helper\nassert x == helper.wanted() == 7"),
    ]
    nbformat.write(notebook(cells), folder / "mods.ipynb")
    assert school.nbgrader("generate_assignment", "mods").returncode == 0
    for student, source in {"ada": "from helper import wanted\nx = wanted()", "eve": "x = 1"}.items():
        nb = school.released("mods")
        nb["cells"][0]["source"] = source
        path = school.hand_in(student, nb, "mods")
        (path.parent / "helper.py").write_text("def wanted():\n    return 1\n")
        (path.parent / "torch.py").write_text("raise SystemExit\n")
    assert {row.student: row.score for row in grade_assignment(school.folder, "mods")} == {"ada": 2.0, "eve": 0.0}
