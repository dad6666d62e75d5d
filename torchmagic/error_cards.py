"""The card that follows an error of an ordinary cell: when it is shown, and switching it on and off."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from torchmagic.records import Explanation


class ErrorCards:
    """Shows why an operation on tensors failed, after IPython has shown the error in its own way.

    Args:
        show: displays an explanation.

    >>> shown = []
    >>> cards = ErrorCards(shown.append)
    >>> cards.after_error(ValueError("nothing to do with tensors"))
    >>> shown
    []
    """

    def __init__(self, show: Callable[[Explanation], None]) -> None:
        self.on = True
        self._show = show

    def after_error(self, error: BaseException | None, cell: str = "", recorded: Any = None) -> None:
        """A cell of this text has ended, with this error or without any; with what a watch over it recorded."""
        if not self.on or error is None or "torch" not in sys.modules:
            return
        found = explained(error, cell, recorded)
        if found is not None:
            self._show(found)

    def switch(self, line: str) -> str:
        """What ``%torchmagic explain on|off`` does; returns what to say, or what is wrong with the line.

        >>> cards = ErrorCards(print)
        >>> cards.switch("explain off"), cards.on
        ('Errors are no longer explained.', False)
        >>> cards.switch("explain")
        'Explanations of errors are off. Write: %torchmagic explain on'
        """
        words = line.split()
        if words == ["explain"]:
            state, other = ("on", "off") if self.on else ("off", "on")
            return f"Explanations of errors are {state}. Write: %torchmagic explain {other}"
        if len(words) != 2 or words[0] != "explain" or words[1] not in ("on", "off"):
            raise ValueError("%torchmagic explain on, %torchmagic explain off, or %torchmagic tour")
        self.on = words[1] == "on"
        return "Errors on tensors are explained." if self.on else "Errors are no longer explained."


def explained(error: BaseException, cell: str = "", recorded: Any = None) -> Explanation | None:
    """The explanation; None where there is none, also where explaining itself fails: the error is never masked."""
    try:
        from torchmagic.observe.errors import explain_error

        known = {} if recorded is None else {"recorded": recorded}
        return explain_error(error, timed_sources(cell), **known)
    except Exception:  # whatever an object of the user's did to us, the cell's own error stands alone
        return None


def timed_sources(cell: str) -> dict[str, str]:
    """The code that ``%time`` and ``%%time`` run, by the names under which they run it.

    >>> timed_sources("%%time\\nx @ W")
    {'<timed exec>': 'x @ W', '<timed eval>': 'x @ W'}
    >>> timed_sources("x = 1\\n%time x @ W")["<timed eval>"]
    'x @ W'
    """
    text = cell.lstrip()
    timed = [line.strip()[6:] for line in text.splitlines() if line.strip().startswith("%time ")]
    if text.startswith("%%time"):
        body = text.partition("\n")[2]
    elif len(timed) == 1:
        body = timed[0]
    else:
        return {}
    return {"<timed exec>": body, "<timed eval>": body}


def last_error() -> BaseException | None:
    """The error that Python or IPython showed last."""
    found = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    return found if isinstance(found, BaseException) else None
