"""The error that a piece of code raises, to be explained."""

from __future__ import annotations

from collections.abc import Callable


def error_of(run: Callable[[], object]) -> Exception:
    """What ``run`` raises, with its traceback."""
    try:
        run()
    except Exception as error:
        return error
    raise AssertionError("nothing failed")
