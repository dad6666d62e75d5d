"""Why a test cell did not pass: its outcome, and words and an output that leak no hidden test."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graders.engine.hidden import file_name, hidden_lines, is_secret
from graders.engine.remote_object import CannotSend
from graders.engine.report import Cell, Outcome
from graders.engine.testcell_outputs import shown_record
from graders.engine.wire import WireError, WireTimeout
from graders.failure import CheckFailed
from graders.failure_view import comparison_of

#: Characters of a message that stands in one line.
LONGEST = 300
_WIDTH = 96
_HIDDEN = "a hidden test failed"
_OURS = "this test cell fails by itself, whatever the answer: it costs no points"
#: Where what the student's code raised comes in.
_FROM_STUDENT = tuple(f"engine/{name}.py" for name in ("remote", "remote_object", "judge_link", "link"))


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


def explain(error: BaseException, cell: Cell) -> Failure:
    """What a test cell raised, as a failure."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in frames if frame.filename == file_name(cell)]
    line = own[-1] if own else None
    secret = hidden_lines(cell.source)
    hidden = is_secret(own, secret)
    name = type(error).__name__
    text = _safe_str(error)
    if isinstance(error, CellTimeout | WireTimeout):
        return Failure(Outcome.TIMEOUT, "Timeout", "the check did not end in time", line, hidden)
    if isinstance(error, WireError):
        return Failure(Outcome.CRASHED, "NoAnswer", _HIDDEN if hidden else text, line, hidden)
    if isinstance(error, SyntaxError) and not own:
        why = f"the test cell does not parse: {text}"
        return Failure(Outcome.GRADER_ERROR, name, why, error.lineno, is_secret([error.lineno], secret))
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
        return error.misconception[:LONGEST] if isinstance(error, CheckFailed) else ""
    except Exception:  # a finding about an exotic tensor: the words have to do
        return ""


def _card(error: BaseException) -> dict[str, Any] | None:
    """What was expected beside what was given, where a check compared tensors."""
    record = comparison_of(error)
    if record is None:
        return None
    return shown_record(record)


def _builtin_name(error: BaseException) -> str:
    """The nearest name among Python's own: a student chooses the names of their own exceptions."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def _came_from_student(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.filename.endswith(_FROM_STUDENT) for frame in frames)


def error_output(failure: Failure, cell: Cell) -> dict[str, Any]:
    """The output that shows a failure in the student's page."""
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


def one_line(failure: Failure) -> str:
    """A failure as a report's message."""
    text = " ".join(failure.text.split())
    return f"{failure.name}: {text}"[:LONGEST] if text else failure.name


def _safe_str(error: BaseException) -> str:
    try:
        return str(error)[:8000]
    except Exception:
        return ""
