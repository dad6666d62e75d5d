"""Nothing of a hidden test is in what a student may get back, and grading goes on from the gradebook as ever."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from graders.engine.report import Outcome
from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.feedback import hide_tests

from .conftest import School, check, meta, notebook, solution

commands = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]


def _hidden(source: str) -> str:
    return f"### BEGIN HIDDEN TESTS\n{source}\n### END HIDDEN TESTS"


CHECKS = {
    "message": "assert f(2) == 4, 'f(2) must be 4'\n" + _hidden("assert f(31337) == 982007569, 'f(31337) must be 982007569'"),
    "printed": _hidden("print('SECRET-PRINT', f(4711))\nimport warnings; warnings.warn('SECRET-WARNING')\n'SECRET-VALUE'"),
    "helper": "def same(x, want):\n    assert f(x) == want, f'f({x}) is not {want}'\nsame(3, 9)\n" + _hidden("same(8642, 74684164)"),
    "raises": _hidden("assert f(5150) == 26522500"),
    "number": _hidden("f(5551) + 1.5 - f(5551)"),
    "library": _hidden("import numpy as np\nnp.testing.assert_array_equal([f(6464)], [41783296])"),
    "rubric": "from graders.checks import rubric\nr = rubric(2)\nwith r.part(1, 'seen'):\n    assert f(1) == 1\n"
    "with r.part(1, 'unseen'):\n    ### BEGIN HIDDEN TESTS\n    assert f(7331) == 53743561, f'f(7331) is {f(7331)}'\n    ### END HIDDEN TESTS\nr.score()",
    "check": "from graders.checks import check_that\n" + _hidden("check_that(f(9119) == 83156161, 'mind large numbers')"),
    "syntax of the student's": _hidden("assert undefined_but_SECRET"),
}  # fmt: skip
SECRETS = (
    "31337", "982007569", "SECRET", "4711", "8642", "74684164", "5150", "26522500", "5551", "6464", "41783296", "7331", "53743561", "9119",
    "83156161", "BEGIN HIDDEN",
)  # fmt: skip
RIGHT = "def f(n):\n    return n * n"
NOISY = """import sys
def f(n):
    print('called with', n)
    print('and again', n, file=sys.stderr)
    if 5100 < n < 5200:
        raise type(f'Told{n}', (ValueError,), {})(f'I was called with {n}')
    return n * n if n < 10 else n"""


def _course(school: School, tests: dict[str, str]) -> None:
    cells = [solution("q", f"### BEGIN SOLUTION\n{RIGHT}\n### END SOLUTION")]
    cells += [check(name.replace(" ", "-").replace("'", ""), 2, source) for name, source in tests.items()]
    folder = school.folder / "source" / "hid"
    folder.mkdir()
    nbformat.write(notebook(cells), folder / "hid.ipynb")
    done = school.nbgrader("generate_assignment", "hid")
    assert done.returncode == 0, done.stderr


def _hand_in(school: School, student: str, answer: str) -> None:
    school.hand_in(student, school.answers({"q": answer}, "hid"), "hid")


def _given_back(school: School, student: str) -> dict[str, str]:
    """What may go back to a student, as text."""
    paths = (Path(folder, student, "hid") for folder in ("autograded", "feedback"))
    return {
        f"{path.parent.parent.parent.name}/{path.name}": path.read_text()
        for folder in paths
        for path in (school.folder / folder).rglob("*")
        if path.is_file()
    }


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_no_text_output_traceback_or_message_of_a_hidden_test_goes_back(school: School) -> None:
    _course(school, CHECKS)
    for student, answer in {"ada": RIGHT, "bob": NOISY}.items():
        _hand_in(school, student, answer)
    for force in ([], ["--force"]):
        done = school.nbgrader("autograde", "hid", *force)
        assert done.returncode == 0, done.stderr
        # of nine cells of 2 points "number" gives 1.5, and "syntax" fails for everybody
        assert school.scores("hid") == {"ada": 15.5, "bob": 4.5}
        done = school.nbgrader("generate_feedback", "hid", *force)
        assert done.returncode == 0, done.stderr
        for student in ("ada", "bob"):
            texts = _given_back(school, student)
            assert set(texts) == {"autograded/hid.ipynb", "feedback/hid.html"}
            for name, text in texts.items():
                assert [secret for secret in SECRETS if secret in text] == [], (student, name)
                assert "# (hidden tests)" in text
        assert "a hidden test failed" in texts["feedback/hid.html"]
        assert "unseen: 0 of 1 points. a hidden test failed" in texts["feedback/hid.html"]
        assert "mind large numbers" in texts["feedback/hid.html"], "a check's reason is written to be read"
        assert "called with 3" in texts["feedback/hid.html"], "what a visible line prints is shown"
    assert school.nbgrader("validate", str(school.folder / "autograded" / "ada" / "hid" / "hid.ipynb")).stdout


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_a_course_may_keep_hidden_tests_for_its_graders_and_feedback_is_clean_all_the_same(school: School) -> None:
    with (school.folder / "nbgrader_config.py").open("a") as config:
        config.write("c.LeaveHiddenTestsOutOfGraded.enabled = False\n")
    _course(school, CHECKS)
    _hand_in(school, "bob", NOISY)
    assert school.nbgrader("autograde", "hid").returncode == 0
    assert school.nbgrader("generate_feedback", "hid").returncode == 0
    texts = _given_back(school, "bob")
    assert "assert f(31337)" in texts["autograded/hid.ipynb"]
    assert [secret for secret in SECRETS if secret in texts["feedback/hid.html"]] == []


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_only_the_instructor_reads_why_a_hidden_test_cell_cannot_run(school: School) -> None:
    _course(school, {"broken": _hidden("import no_such_SECRET"), "unparsed": "x = 1\n" + _hidden("def SECRET(:")})
    _hand_in(school, "ada", RIGHT)
    (row,) = grade_assignment(school.folder, "hid")
    assert row.outcome == Outcome.GRADER_ERROR.value
    assert "no_such_SECRET" in row.message or "does not parse" in row.message
    assert school.nbgrader("generate_feedback", "hid").returncode == 0
    texts = _given_back(school, "ada")
    assert set(texts) == {"autograded/hid.ipynb", "feedback/hid.html"}
    for name, text in texts.items():
        assert "SECRET" not in text, name
        assert "costs no points" in text


def test_of_a_cell_that_a_kernel_ran_with_hidden_tests_no_output_is_kept_but_that_it_failed() -> None:
    outputs = [
        new_output("stream", name="stdout", text="SECRET"),
        new_output("error", ename="simpleError", evalue="SECRET", traceback=["SECRET"]),
        new_output("execute_result", data={"text/plain": "SECRET"}, execution_count=1),
    ]
    metadata = meta("t", grade=True, locked=True, points=1)
    cell = new_code_cell("y\n" + _hidden("SECRET"), metadata=metadata, outputs=outputs)
    hide_tests(cell, judged=False)
    assert "SECRET" not in json.dumps(cell)
    assert [output.ename for output in cell.outputs] == ["simpleError"]
    visible = new_code_cell("y", metadata=metadata, outputs=outputs)
    hide_tests(visible, judged=False)
    assert visible.outputs == outputs


def test_a_students_own_text_between_such_markers_is_not_taken_away() -> None:
    """A cell that a person grades holds the student's words, markers or not: see the step's use of hide_tests."""
    from graders.nbgrader_plugin.feedback import LeaveHiddenTestsOut

    cell = new_code_cell(_hidden("mine"), metadata=meta("w", grade=True, solution=True, points=1))
    nb, _ = LeaveHiddenTestsOut().preprocess(notebook([cell]), {})
    assert "mine" in nb.cells[0].source
