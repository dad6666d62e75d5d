"""What a test binds of the student's own names, the student's functions see; nothing else of the test's."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Grade

pytestmark = pytest.mark.sandbox

_SQUARES = """
def squares(n):
    return [i * i for i in range(n)]
def sum_of_squares(n):
    return sum(squares(n))
rate = 1
def scaled(x):
    return rate * x
"""
_BY_ITSELF = _SQUARES.replace("sum(squares(n))", "sum(i * i for i in range(n))").replace("rate * x", "1 * x")

TESTS = {
    "the function that it should use is taken away": (
        "kept = squares\ndel squares\ntry:\n    sum_of_squares(3)\nexcept NameError:\n    pass\nelse:\n"
        "    raise AssertionError('sum_of_squares does not use squares')\nfinally:\n    squares = kept\nassert sum_of_squares(3) == 5"
    ),
    "and replaced": "kept = squares\nsquares = lambda n: [n]\nassert sum_of_squares(3) == 3\nsquares = kept\nassert sum_of_squares(3) == 5",
    "a number replaced": "rate = 5\nassert scaled(2) == 10\nrate = 1\nassert scaled(2) == 2",
    "by a mock": (
        "from unittest.mock import Mock\nkept, squares = squares, Mock(return_value=[7])\n"
        "assert sum_of_squares(3) == 7\nsquares.assert_called_once_with(3)\nsquares = kept"
    ),
}


@pytest.mark.parametrize("name", TESTS)
def test_as_in_one_process(grade: Grade, name: str) -> None:
    template = (("student", _SQUARES), ("test", TESTS[name]))
    assert grade(("student", _SQUARES), ("test", TESTS[name]), template=template).of(1).score == 1.0  # type: ignore[union-attr]
    assert grade(("student", _BY_ITSELF), ("test", TESTS[name]), template=template).of(1).score == 0.0  # type: ignore[union-attr]


def test_taking_away_needs_no_source(grade: Grade) -> None:
    test = TESTS["the function that it should use is taken away"]
    assert grade(("student", _SQUARES), ("test", test)).of(1).score == 1.0  # type: ignore[union-attr]
    assert grade(("student", _BY_ITSELF), ("test", test)).of(1).score == 0.0  # type: ignore[union-attr]


@pytest.mark.parametrize("known", [True, False])
def test_a_submission_cannot_have_the_tests_values_by_binding_their_names(grade: Grade, known: bool) -> None:
    test = "expected = 1234\nx = y = 77\nassert answer() == expected"
    thief = "expected = x = y = 0\ndef answer():\n    return expected or y"
    template = (("student", "y = 3\ndef answer():\n    return 1234"), ("test", test)) if known else ()
    report = grade(("student", thief), ("test", test), template=template)
    assert report.of(1).score == 0.0  # type: ignore[union-attr]
