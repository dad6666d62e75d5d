"""Test cells that run beside the student's code, as in plain nbgrader, because their author marked them so.

Some things cannot be asked of an object in another process. A line ``# in-student-process`` in a test cell (or that tag
on the instructor's own cell) runs it in the student's process instead. Its score is then no better than plain
nbgrader's: the student's code could have given it to itself, and the report says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from graders.engine.given import bound_names, parse_cell
from graders.engine.hidden import hidden_lines
from graders.engine.report import Cell, CellReport, Outcome
from graders.engine.testcell import credit


def helpers_for(cell: Cell, earlier: Iterable[Cell]) -> str:
    """What earlier test cells import and define that a cell uses: it has to be there when the cell runs over there.

    >>> before = [Cell(0, "import math; near = math.isclose", "test")]
    >>> print(helpers_for(Cell(1, "assert near(x, 1)", "test"), before))
    import math
    near = math.isclose
    """
    known: dict[str, ast.stmt] = {}
    for other in earlier:
        for statement in parse_cell(other.source):
            if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign):
                known.update(dict.fromkeys(bound_names([statement]), statement))
    needed: dict[int, ast.stmt] = {}
    waiting: list[ast.stmt] = list(parse_cell(cell.source))
    while waiting:
        for node in ast.walk(waiting.pop()):
            found = known.get(node.id) if isinstance(node, ast.Name) else None
            if found is not None and id(found) not in needed:
                needed[id(found)] = found
                waiting.append(found)
    ordered = [statement for statement in dict.fromkeys(known.values()) if id(statement) in needed]
    return "\n".join(ast.unparse(statement) for statement in ordered)


def report_of(
    cell: Cell, result: Mapping[str, Any], outputs: tuple[Mapping[str, Any], ...], seconds: float
) -> CellReport:
    """The report of a test cell that ran beside the student's code, from how it ended and what it showed."""
    report = CellReport(cell.key, Outcome.PASSED, outputs, seconds=seconds, tamper_proof=False)
    if result.get("status") != "ok":
        name = str(result.get("ename"))[:100]
        failed = Outcome.FAILED if name in ("AssertionError", "CheckFailed") else Outcome.ERROR
        outcome = Outcome.MEMORY if result.get("memory") is True else failed
        text = "" if hidden_lines(cell.source) else " ".join(str(result.get("evalue")).split())[:200]
        kept = tuple(output for output in outputs if output.get("output_type") != "error")
        shown = {
            "output_type": "error",
            "ename": name,
            "evalue": text,
            "traceback": [f"{name}: {text}" if text else name],
        }
        if text:
            return replace(report, outcome=outcome, score=0.0, message=f"{name}: {text}")
        return replace(report, outcome=outcome, outputs=(*kept, shown), score=0.0, message=f"{name} in a test")
    results = [output for output in outputs if output.get("output_type") == "execute_result"]
    score = credit(_number(results[-1]) if results else None, cell.points)
    return replace(report, outcome=Outcome.PASSED if score >= cell.points else Outcome.FAILED, score=score)


def _number(result: Mapping[str, Any]) -> float | None:
    """A result's text as a number, as nbgrader reads partial credit; None where it is none."""
    text = str(result.get("data", {}).get("text/plain", ""))
    try:
        return None if text in ("True", "False") else float(text)
    except ValueError:
        return None
