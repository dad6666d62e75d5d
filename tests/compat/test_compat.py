"""A part of nbgrader's own tests, and the proof that they fail to prove anything without the plugin. All: make compat."""

from __future__ import annotations

import pytest

from .__main__ import run

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox, pytest.mark.thorough]

_CLASS = "apps/test_nbgrader_autograde.py::TestNbGraderAutograde"
_GRADE = f"{_CLASS}::test_grade"


def test_nbgraders_own_tests_pass_with_the_plugin() -> None:
    """Grading, a late penalty, a notebook that is refused, one that is exempt, and feedback."""
    names = (
        "test_grade",
        "test_late_submission_penalty_zero",
        "test_handle_failure_single_notebook",
        "test_side_effects",
    )
    feedback = "apps/test_nbgrader_generate_feedback.py::TestNbGraderFeedback::test_single_file"
    done = run(*(f"{_CLASS}::{name}" for name in names), feedback, quiet=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed, 1 xfailed" in done.stdout


def test_without_the_plugin_the_run_says_that_it_proves_nothing() -> None:
    done = run(_GRADE, configuration="", quiet=True)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode != 0
    assert "no notebook was graded by the engine" in done.stdout
    assert (
        "graded without the plugin: test_nbgrader_autograde::TestNbGraderAutograde::test_grade: foo/p1.ipynb"
        in done.stdout
    )


def test_an_exception_that_passes_after_all_is_a_failure() -> None:
    """Without the plugin the notebook's own file is written, as that test wants it."""
    done = run(f"{_CLASS}::test_side_effects", configuration="", quiet=True)
    assert done.returncode != 0
    assert "[XPASS(strict)] what a submission writes stays behind its walls" in done.stdout, done.stdout + done.stderr
