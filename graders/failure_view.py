"""How a failed check looks to a student: the line of their notebook, the reason, both sides; no line of the grader."""

from __future__ import annotations

import linecache
import sys
import textwrap
import traceback
from pathlib import Path
from typing import Any

from graders.engine.hidden import failed_in_hidden_line
from graders.failure import CheckFailed
from torchmagic.records import Comparison
from torchmagic.terminal import Terminal

_OWN = str(Path(__file__).parent)
_WIDTH = 96


def show_failure(error: CheckFailed, *, compared: bool = True) -> list[str]:
    """The lines to show for a failure; in a notebook the comparison is displayed before them, if it is wanted.

    Of a hidden test only the redacted reason is shown.
    """
    if failed_in_hidden_line(error):
        return ["In a hidden test:", "", *_reason(error, error.redacted)]
    record = comparison_of(error) if compared else None
    if record is not None:
        display(record)
    return [*_place(error), "", *_reason(error, str(error)), *_cause(error)]


def comparison_of(error: BaseException) -> Comparison | None:
    """The record of the two sides of a failure; None where nothing was compared."""
    if not isinstance(error, CheckFailed) or error.compared is None:
        return None
    if error.compared.expected.numel() == error.compared.got.numel() == 1:  # the sentence says it all
        return None
    try:
        from graders.diagnose import choose

        chosen = choose(error.findings)
        return error.compared.record(chosen.sentence if chosen else "")
    except Exception:  # an exotic tensor: the words alone have to do
        return None


def display(record: Any) -> None:
    """Show a record: as a notebook shows it, or else as text.

    Where standard output has a ``show_record``, as in the judge, that does it.
    """
    if _shell() is None:
        getattr(sys.stdout, "show_record", print)(record)
        return
    from IPython.display import display as show

    show(record)


def _shell() -> Any:
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def _place(error: BaseException) -> list[str]:
    """The line that asked, of the notebook or of whoever called the check."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_OWN):
            line = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return [f"Line {frame.lineno}:", f"----> {line}"] if line else []
    return []


def _reason(error: BaseException, text: str) -> list[str]:
    terminal = Terminal.of(_shell())  # where there is no shell, whoever asks makes a page of this
    width = min(_WIDTH, terminal.width) if terminal is not None else _WIDTH
    kind = type(error).__name__
    lines = [textwrap.fill(line, width, replace_whitespace=False) for line in f"{kind}: {text}".splitlines()]
    red = f"\x1b[0;31m{kind}\x1b[0m" if terminal is None or terminal.colours else kind
    return ["\n".join(lines).replace(kind, red, 1)]


def _cause(error: BaseException) -> list[str]:
    """Where the student's own function went wrong."""
    cause = error.__cause__
    if cause is None:
        return []
    frames = [frame for frame in traceback.extract_tb(cause.__traceback__) if not frame.filename.startswith(_OWN)]
    return ["", *(line.rstrip() for line in traceback.format_list(frames[-5:]))]
