"""Run one test cell in the judge: its score, what it printed, and its failure in words that leak no hidden test."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import linecache
import math
import signal
import sys
import textwrap
import time
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from graders.engine.given import plain_python
from graders.engine.hidden import TEST_CELL, hidden_lines
from graders.engine.namespace import JudgeNamespace
from graders.engine.remote_object import CannotSend
from graders.engine.report import Cell, CellReport, Outcome
from graders.engine.wire import WireError, WireTimeout
from graders.failure import CheckFailed
from graders.failure_view import comparison_of
from graders.rubric import Credit, Lost

_WIDTH = 96
_LONGEST = 300
_LARGEST = 1 << 62
_HIDDEN = "a hidden test failed"
_OURS = "this test cell fails by itself, whatever the answer: it costs no points"


class CellTimeout(BaseException):
    """The test cell's time is over; no ``except Exception`` of the cell's stops it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a test cell did not pass; ``hidden`` where a hidden line took part in it, ``shown`` an output beside it."""

    outcome: Outcome
    name: str
    text: str
    line: int | None
    hidden: bool
    shown: Mapping[str, Any] | None = None
    misconception: str = ""


class _Streams:
    """Keeps what a test cell prints and shows, as nbformat outputs in order."""

    def __init__(self, limit: int) -> None:
        self.outputs: list[dict[str, Any]] = []
        self._room = limit

    def add(self, stream: str, text: str) -> None:
        kept, self._room = text[: self._room], self._room - min(len(text), self._room)
        if not kept:
            return
        if self.outputs and self.outputs[-1].get("name") == stream:
            self.outputs[-1]["text"] += kept
        else:
            self.outputs.append({"output_type": "stream", "name": stream, "text": kept})

    def show(self, record: Any) -> None:
        """Keep a record as a card; as text where there is no more room for that."""
        output = _shown_record(record)
        size = sum(map(len, output["data"].values()))
        if size > self._room:
            self.add("stdout", f"{record}\n")
            return
        self._room -= size
        self.outputs.append(output)


class _Writer(io.TextIOBase):
    def __init__(self, streams: _Streams, name: str, cell: Cell) -> None:
        self._streams = streams
        self._name = name
        self._filename = file_name(cell)
        self._secret = hidden_lines(cell.source)

    def write(self, text: str) -> int:
        if not _is_secret(_lines_under_way(self._filename), self._secret):
            self._streams.add(self._name, str(text))
        return len(text)

    def show_record(self, record: Any) -> None:
        """For :func:`graders.failure_view.display`."""
        if not _is_secret(_lines_under_way(self._filename), self._secret):
            self._streams.show(record)


def run_test_cell(cell: Cell, namespace: JudgeNamespace, *, seconds: float, output_bytes: int) -> CellReport:
    """Run ``cell`` in ``namespace`` within ``seconds`` of wall time.

    The score is all the points when nothing is raised, unless the last expression gives a number: then that
    many, within [0, points]; nan gives nothing. What is printed never costs points.

    Of a hidden line nothing is told but that it failed, and a check's own redacted reason: neither its text, nor
    what it, or the student's function that it calls, prints or says.
    """
    start = time.monotonic()
    streams = _Streams(output_bytes)
    value: object = None
    failure: Failure | None = None
    with (
        contextlib.redirect_stdout(_Writer(streams, "stdout", cell)),
        contextlib.redirect_stderr(_Writer(streams, "stderr", cell)),
    ):
        try:
            with _alarm(seconds):
                value = _execute(cell, namespace)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a test cell may raise anything; each has a named outcome
            failure = _explain(error, cell)
    outputs: list[Mapping[str, Any]] = list(streams.outputs)
    if failure is not None:
        if failure.shown is not None:
            outputs.append(failure.shown)
        outputs.append(_error_output(failure, cell))
        score = None if failure.outcome is Outcome.GRADER_ERROR else 0.0
        return CellReport(
            cell.key,
            failure.outcome,
            tuple(outputs),
            score,
            _one_line(failure),
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
        message = f"{message}. {_one_part(lost)}"[:_LONGEST]
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


def file_name(cell: Cell) -> str:
    """What tracebacks call the file of a test cell."""
    return f"{TEST_CELL}{cell.name or cell.key}>"


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise CellTimeout

    previous = signal.signal(signal.SIGALRM, ring)
    # rings again, should the cell have caught the first one
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01), 0.5)
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
    return _is_secret(range(last.lineno, (last.end_lineno or last.lineno) + 1), hidden_lines(cell.source))


def _is_secret(lines: Sequence[int | None], secret: set[int]) -> bool:
    """True where one of the lines is hidden, or, in a cell with hidden lines, where it cannot be told."""
    return bool(secret) and (not lines or any(line in secret for line in lines))


def _lines_under_way(filename: str) -> list[int | None]:
    """The lines of the test cell that are being run now, one for each of its frames."""
    lines = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == filename:
            lines.append(frame.f_lineno)
        frame = frame.f_back
    return lines


def _explain(error: BaseException, cell: Cell) -> Failure:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in frames if frame.filename == file_name(cell)]
    line = own[-1] if own else None
    secret = hidden_lines(cell.source)
    hidden = _is_secret(own, secret)
    name = type(error).__name__
    text = _safe_str(error)
    if isinstance(error, CellTimeout | WireTimeout):
        return Failure(Outcome.TIMEOUT, "Timeout", "the check did not end in time", line, hidden)
    if isinstance(error, WireError):
        return Failure(Outcome.CRASHED, "NoAnswer", _HIDDEN if hidden else text, line, hidden)
    if isinstance(error, SyntaxError) and not own:
        why = f"the test cell does not parse: {text}"
        return Failure(Outcome.GRADER_ERROR, name, why, error.lineno, _is_secret([error.lineno], secret))
    if isinstance(error, ImportError) and not _came_from_student(error):
        return Failure(Outcome.GRADER_ERROR, name, f"the test cell cannot import what it needs: {text}", line, hidden)
    if isinstance(error, CannotSend):
        return Failure(Outcome.GRADER_ERROR, name, text, line, hidden)
    if isinstance(error, MemoryError) and not _came_from_student(error):
        return Failure(Outcome.MEMORY, name, "the check ran out of memory on what it was given", line, hidden)
    if hidden:
        name, text = (name, error.redacted) if isinstance(error, CheckFailed) else (_builtin_name(error), _HIDDEN)
    outcome = Outcome.FAILED if isinstance(error, AssertionError) else Outcome.ERROR
    return Failure(outcome, name, text, line, hidden, None if hidden else _card(error), _misconception(error))


def _misconception(error: BaseException) -> str:
    """For the instructor's report alone, so of a hidden test too: no student's page holds it."""
    try:
        return error.misconception[:_LONGEST] if isinstance(error, CheckFailed) else ""
    except Exception:  # a finding about an exotic tensor: the words have to do
        return ""


def _card(error: BaseException) -> dict[str, Any] | None:
    """What was expected beside what was given, where a check compared tensors."""
    record = comparison_of(error)
    if record is None:
        return None
    return _shown_record(record)


def _shown_record(record: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": record._repr_mimebundle_(None, None), "metadata": {}}


def _builtin_name(error: BaseException) -> str:
    """The nearest name among Python's own: a student chooses the names of their own exceptions."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def _came_from_student(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return any(
        frame.filename.endswith(("engine/remote.py", "engine/remote_object.py", "engine/link.py")) for frame in frames
    )


def _error_output(failure: Failure, cell: Cell) -> dict[str, Any]:
    lines = cell.source.splitlines()
    text = failure.text
    where = ["In a hidden test:"] if failure.hidden else ["In this cell:"]
    if failure.hidden and failure.outcome is Outcome.GRADER_ERROR:
        text = _OURS  # the report's message tells the instructor
    elif not failure.hidden and failure.line is not None and failure.line <= len(lines):
        where = [f"Line {failure.line} of this cell:", f"----> {lines[failure.line - 1].strip()}"]
    return {
        "output_type": "error",
        "ename": failure.name,
        "evalue": text,
        "traceback": [*where, "", f"\x1b[0;31m{failure.name}\x1b[0m: {_wrapped(text)}"],
    }


def _wrapped(text: str) -> str:
    """Long lines broken: feedback pages do not do it."""
    return "\n".join(textwrap.fill(line, _WIDTH, replace_whitespace=False) for line in text.splitlines())


def _one_line(failure: Failure) -> str:
    text = " ".join(failure.text.split())
    return f"{failure.name}: {text}"[:_LONGEST] if text else failure.name


def _safe_repr(value: object) -> str:
    try:
        return repr(value)[:10_000]
    except Exception as error:  # a remote object's repr may fail in any way; the score does not hang on it
        return f"<no text: {type(error).__name__}>"


def _safe_str(error: BaseException) -> str:
    try:
        return str(error)[:8000]
    except Exception:
        return ""
