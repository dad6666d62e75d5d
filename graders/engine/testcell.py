"""Run one test cell in the judge within its time, and report its score, what it showed, and why it failed if it did."""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import math
import signal
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from graders.engine.deadline import Deadline
from graders.engine.given import plain_python
from graders.engine.hidden import file_name, hidden_lines, is_secret
from graders.engine.namespace import JudgeNamespace
from graders.engine.report import Cell, CellReport, Outcome
from graders.engine.testcell_failure import LONGEST, CellTimeout, Failure, error_output, explain, one_line
from graders.engine.testcell_outputs import Streams, Writer
from graders.rubric import Credit, Lost

_LARGEST = 1 << 62


def run_test_cell(cell: Cell, namespace: JudgeNamespace, *, deadline: Deadline, output_bytes: int) -> CellReport:
    """Run ``cell`` in ``namespace`` until ``deadline`` at the latest.

    The score is all the points when nothing is raised, unless the last expression gives a number: then that
    many, within [0, points]; nan gives nothing. What is printed never costs points.

    Of a hidden line nothing is told but that it failed, and a check's own redacted reason: neither its text, nor
    what it, or the student's function that it calls, prints or says.
    """
    start = time.monotonic()
    streams = Streams(output_bytes)
    value: object = None
    failure: Failure | None = None
    with (
        contextlib.redirect_stdout(Writer(streams, "stdout", cell)),
        contextlib.redirect_stderr(Writer(streams, "stderr", cell)),
    ):
        try:
            with _alarm(deadline):
                value = _execute(cell, namespace)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a test cell may raise anything; each has a named outcome
            failure = explain(error, cell)
    outputs: list[Mapping[str, Any]] = list(streams.outputs)
    if failure is not None:
        if failure.shown is not None:
            outputs.append(failure.shown)
        outputs.append(error_output(failure, cell))
        score = None if failure.outcome is Outcome.GRADER_ERROR else 0.0
        return CellReport(
            cell.key,
            failure.outcome,
            tuple(outputs),
            score,
            one_line(failure),
            time.monotonic() - start,
            misconception=failure.misconception,
        )
    score = credit(value, cell.points)
    shown = None if value is None else _shown(value, score, cell)
    if shown is not None:
        data = {"text/plain": shown}
        outputs.append({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": None})
    outcome = Outcome.PASSED if score >= cell.points else Outcome.FAILED
    message = "" if outcome is Outcome.PASSED else f"partial credit: {score:g} of {cell.points:g}"
    lost = value.lost if isinstance(value, Credit) else ()
    if lost and not _ends_hidden(cell):
        message = f"{message}. {_one_part(lost)}"[:LONGEST]
    return CellReport(
        cell.key,
        outcome,
        tuple(outputs),
        score,
        message,
        time.monotonic() - start,
        misconception="\n".join(dict.fromkeys(part.misconception for part in lost if part.misconception)),
    )


def _one_part(lost: Sequence[Lost]) -> str:
    """The first part of a rubric that was lost, and how many more were."""
    first, more = lost[0], len(lost) - 1
    said = " ".join(f"{first.label}: {first.reason}".split())
    return f"{said} ({more} more part{'s' * (more > 1)} lost)" if more else said


def credit(value: object, points: float) -> float:
    """The points for a test cell that ended with ``value``.

    >>> credit(None, 3.0), credit(1.5, 3.0), credit(10**400, 3.0), credit(-1, 3.0), credit(float("nan"), 3.0)
    (3.0, 1.5, 3.0, 0.0, 0.0)
    >>> credit(True, 3.0), credit("0.5", 3.0)
    (3.0, 3.0)
    """
    number = _as_number(value)
    if number is None:
        return points
    if math.isnan(number):
        return 0.0
    return min(max(number, 0.0), points)


def _as_number(value: object) -> float | None:
    import numpy as np
    import torch

    if isinstance(value, bool | np.bool_):
        return None
    if isinstance(value, int):
        return float(max(min(value, _LARGEST), -_LARGEST))  # a float holds no integer of any size
    if isinstance(value, float | np.integer | np.floating):
        return float(value)
    if type(value) is torch.Tensor and value.numel() == 1 and value.dim() == 0 and not value.is_complex():
        return None if value.dtype == torch.bool else float(value)
    return None


def _execute(cell: Cell, namespace: JudgeNamespace) -> object:
    filename = file_name(cell)
    code = compile_test(cell.source, filename)
    linecache.cache[filename] = (len(code.text), None, code.text.splitlines(keepends=True), filename)
    exec(code.statements, namespace)
    if code.last is None:
        return None
    value = eval(code.last, namespace)
    return value if code.shown else None


@dataclass(frozen=True, slots=True)
class _Code:
    """A test cell's text as Python, its statements, and its last expression, whose value is shown or is not."""

    text: str
    statements: types.CodeType
    last: types.CodeType | None
    shown: bool


@functools.lru_cache(maxsize=256)
def compile_test(source: str, filename: str) -> _Code:
    """The code of a test cell; kept, for a class shares its test cells.

    Raises:
        SyntaxError: it does not parse.

    >>> compile_test("x = 1\\n2 * x", "<test cell a>").shown
    True
    """
    text = plain_python(source)
    tree = ast.parse(text, filename)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value = compile(ast.Expression(last.value), filename, "eval") if isinstance(last, ast.Expr) else None
    shown = last is not None and not text.rstrip().endswith(";")
    return _Code(text, compile(tree, filename, "exec"), value, shown)


@contextlib.contextmanager
def _alarm(deadline: Deadline) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        if deadline.left() <= 0:
            raise CellTimeout

    previous = signal.signal(signal.SIGALRM, ring)
    # rings again, where it was too early, or should the cell have caught the first one
    signal.setitimer(signal.ITIMER_REAL, max(deadline.left(), 0.01), 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _shown(value: object, score: float, cell: Cell) -> str | None:
    """How a test cell's value is displayed; from a hidden line only what it gives, where it is a number."""
    if not _ends_hidden(cell):
        return _safe_repr(value)
    return None if _as_number(value) is None else f"{score:g}"


def _ends_hidden(cell: Cell) -> bool:
    """Whether the last statement of a test cell is hidden."""
    last = ast.parse(plain_python(cell.source)).body[-1]
    return is_secret(range(last.lineno, (last.end_lineno or last.lineno) + 1), hidden_lines(cell.source))


def _safe_repr(value: object) -> str:
    try:
        return repr(value)[:10_000]
    except Exception as error:  # a remote object's repr may fail in any way; the score does not hang on it
        return f"<no text: {type(error).__name__}>"
