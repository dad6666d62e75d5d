"""`torchmagic grade` and `torchmagic store` on a real course: what is kept, what is said, what is logged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graders.commands import app
from tests.plugin.conftest import RIGHT, WRONG, School

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]


def _run(school: School, *words: str) -> Result:
    command, *rest = words
    return CliRunner().invoke(app, [command, "--course", str(school.folder), *rest])


def _own(school: School, student: str, given: dict[str, str]) -> Path:
    return school.hand_in(student, school.answers({**given, "words": f"Because {student} says so."}))


@pytest.fixture
def graded(school: School) -> School:
    """A class of three that is graded, of which two handed in the same."""
    _own(school, "ada", RIGHT)
    for student in ("bob", "cy"):
        school.hand_in(student, school.answers(WRONG))
    done = _run(school, "grade", "ps1", "--log", str(school.folder / "first.jsonl"))
    assert done.exit_code == 0, done.output
    return school


def test_store_shows_and_prunes(graded: School) -> None:
    assert "2 results" in _run(graded, "store").output, "the same bytes are one result"
    assert "0 results" in _run(graded, "store", "prune").output
    _own(graded, "ada", WRONG)
    assert _run(graded, "grade", "ps1").exit_code == 0
    shown = _run(graded, "store").output
    assert re.search(r"ps1\s+2", shown)
    assert re.search(r"no longer referred to\)\s+1", shown)
    assert "0 results" in _run(graded, "store", "prune", "--older-than", "1").output
    assert "Would remove 1 result" in _run(graded, "store", "prune", "--dry-run").output
    assert "Removed 1 result" in _run(graded, "store", "prune").output
    assert "Removed 2 results" in _run(graded, "store", "prune", "--all").output
    last = _run(graded, "grade", "ps1").output.splitlines()[-1]
    assert "(0 run, 3 unchanged)" in last, "what is finished needs no store"


def test_a_folder_that_is_no_course(tmp_path: Path) -> None:
    for words in (["store", "--course", str(tmp_path)], ["store", "--course", str(tmp_path), "prune"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2
        assert "is no nbgrader course" in done.stderr


def test_the_log_has_times_for_each_submission_and_cell(graded: School) -> None:
    entries = [json.loads(line) for line in (graded.folder / "first.jsonl").read_text().splitlines()]
    assert [entry["event"] for entry in entries] == ["start", *["submission"] * 3, "end"]
    assert entries[0]["total"] == 3
    ada = next(entry for entry in entries if entry.get("student") == "ada")
    assert (ada["outcome"], ada["score"], ada["max_score"], ada["how"]) == ("passed", 6.0, 9.0, "run")
    assert ada["seconds"] > 0
    assert [cell["name"] for cell in ada["cells"]] == ["setup", "squares", "check-squares", "mean", "check-mean"]
    assert all(cell["seconds"] > 0 for cell in ada["cells"])
    assert entries[-1]["outcomes"] == {"failed": 2, "passed": 1}
    assert entries[-1]["interrupted"] is False


@pytest.mark.parametrize("what", ["gradebook", "autograded", "note", "settings"])
def test_what_was_finished_and_is_gone_is_finished_again(graded: School, what: str) -> None:
    """Nothing is run again for it: the store has it."""
    folder = graded.folder
    if what == "gradebook":
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{folder}/gradebook.db", "abc") as gradebook:
            gradebook.find_grade("check-mean", "ps1", "ps1", "ada").auto_score = 0.5
            gradebook.db.commit()
    elif what == "autograded":
        path = folder / "autograded" / "ada" / "ps1" / "ps1.ipynb"
        path.chmod(0o644)
        path.write_text("{}")
    elif what == "note":
        for path in (folder / ".torchmagic" / "finished").rglob("*.json"):
            path.write_text("damaged")
    else:
        with (folder / "nbgrader_config.py").open("a") as config:
            config.write("c.LateSubmissionPlugin.penalty_method = 'zero'\n")
    before = graded.scores()
    again = 1 if what in ("gradebook", "autograded") else 3
    last = _run(graded, "grade", "ps1").output.splitlines()[-1]
    assert f"(0 run, {again} from the store{', 2 unchanged' if again == 1 else ''})" in last
    assert graded.scores() == {**before, "ada": 6.0}
    assert graded.autograded("ada").metadata["torchmagic"]["outcome"] == "passed"
    assert f"(0 run, {3} unchanged)" in _run(graded, "grade", "ps1").output.splitlines()[-1]


def test_a_changed_test_runs_all_and_a_score_by_hand_runs_none(graded: School) -> None:
    source = graded.folder / "source" / "ps1" / "ps1.ipynb"
    source.write_text(source.read_text().replace("1.0 if abs(m)", "1.5 if abs(m)"))
    graded.course.generate("ps1")
    last = _run(graded, "grade", "ps1").output.splitlines()[-1]
    assert last == "Graded 3 of 3 submissions: 2 failed, 1 passed."
    assert graded.scores()["bob"] == 1.5


def test_several_assignments_and_wrong_usage(graded: School) -> None:
    wrong = _run(graded, "grade", "ps1", "no-such")
    assert wrong.exit_code == 2
    assert "no assignment 'no-such'" in wrong.stderr
    twice = _run(graded, "grade", "ps1", "ps1")
    assert twice.output.splitlines()[-1].startswith("Graded 3 of 3 submissions (0 run, 3 unchanged)")
    both = _run(graded, "grade", "ps1", "--watch", "--fresh")
    assert both.exit_code == 2
    assert "--watch" in both.stderr
    nowhere = _run(graded, "grade", "ps1", "--log", str(graded.folder / "no" / "log"))
    assert nowhere.exit_code == 2
    assert "cannot be written" in nowhere.stderr
    away = _run(graded, "grade", "ps1", "--scheduler", "tcp://127.0.0.1:9")
    assert away.exit_code == 2
    assert "127.0.0.1:9" in away.stderr
