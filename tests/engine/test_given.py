"""Whose a name is: the instructor's text decides, never a student's claim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graders.engine.given import bound_names, parse_cell, read_given
from graders.engine.namespace import JudgeNamespace
from graders.engine.report import Cell


def namespace(cells: list[Cell], student: dict[str, Any]) -> JudgeNamespace:
    return JudgeNamespace(read_given(cells, cells), student.__getitem__)


def test_every_way_to_bind_a_name() -> None:
    source = """
import a.b, c as d
from e import f as g
h = i[0] = 1
j, (k, *l) = m
n += 1
o: int = 2
for p in q: r = 1
with s as t: pass
try: pass
except E as u: pass
def v(w): x = 1
class y: z = 1
print((A := 2), [B for B in C], [D := E for F in G])
match H:
    case {"k": I, **J}: pass
    case [K, *L]: pass
"""
    wanted = {"a", "d", "g", "h", "j", "k", "l", "n", "o", "p", "r", "t", "u", "v", "y", "A", "D", "I", "J", "K", "L"}
    assert bound_names(parse_cell(source)) == wanted


def test_magics_and_broken_cells_are_read_without_harm() -> None:
    assert bound_names(parse_cell("%matplotlib inline\n!ls\nx = 1")) == {"x"}
    assert parse_cell("def f(:") == ()


def test_an_instructors_import_and_function_are_made_anew() -> None:
    cells = [Cell(0, "import numpy as np\ndef close(a, b):\n    return bool(np.isclose(a, b))", "provided")]
    found = namespace(cells, {"np": "fake", "close": lambda a, b: True})
    assert found["np"] is np
    assert found["close"](1, 2) is False


def test_a_star_import_of_the_instructors_counts() -> None:
    assert namespace([Cell(0, "from math import *", "provided")], {"sqrt": "fake"})["sqrt"](4) == 2.0


def test_what_a_solution_cell_binds_is_the_students() -> None:
    cells = [
        Cell(0, "def f(x):\n    raise NotImplementedError", "provided"),
        Cell(1, "def f(x):\n    return 1\nsum = 2", "student"),
    ]
    found = namespace(cells, {"f": "theirs", "sum": "theirs"})
    assert found["f"] == "theirs"
    assert found["sum"] == "theirs"


def test_builtins_are_builtins() -> None:
    found = namespace([Cell(0, "y = 1", "student")], {"all": "fake", "y": 1})
    with pytest.raises(KeyError):
        found["all"]
    assert eval("all([0])", found) is False


def test_functions_of_a_test_cell_see_the_students_names() -> None:
    found = namespace([Cell(0, "y = 1", "student")], {"y": 41})
    exec("def helper():\n    return y + 1", found)
    assert eval("helper()", found) == 42


def test_what_a_test_binds_stays_unless_a_solution_cell_may_bind_it() -> None:
    cells = [Cell(0, "answer = 1", "student")]
    found = namespace(cells, {"answer": "theirs", "expected": "theirs"})
    found["expected"] = found["answer"] = "the judge's"
    found.release({"expected", "answer"})
    assert found["expected"] == "the judge's"
    assert found["answer"] == "theirs"
