"""Run a step of nbgrader's, and say why it failed: its exceptions only say that it did, the reason is in its log."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbgrader.converters.base import NbGraderException
from nbgrader.exchange import ExchangeError
from traitlets.log import get_logger

from graders.nbgrader_plugin.config import CONFIG_NAME
from torchmagic.errors import TorchmagicError


@contextlib.contextmanager
def saying_why(what: str, folder: Path) -> Iterator[None]:
    """Turn what nbgrader raises while the context lasts into an error that says what it logged.

    Args:
        what: what is being done, as in "nbgrader could not WHAT".
        folder: the course.

    Raises:
        TorchmagicError: nbgrader failed.
    """
    with logged_errors() as logged:
        try:
            yield
        except (NbGraderException, ExchangeError) as error:
            raise TorchmagicError(
                f"nbgrader could not {what} in {folder}: {reason(logged, error).rstrip('.')}.",
                hint=f"Mend what it names; the settings are in {CONFIG_NAME}.",
            ) from error


def reason(logged: Sequence[str], error: Exception) -> str:
    """Why nbgrader failed, in one line: what its last traceback ends with, else the last error that it logged.

    >>> reason(["Traceback:\\n  ...\\nKeyError: 'x'", "Please see the traceback"], ValueError("failed"))
    "KeyError: 'x'"
    >>> reason([], ValueError("failed"))
    'failed'
    """
    texts = [text.strip() for text in logged if text.strip()]
    tracebacks = [text for text in texts if text.startswith("Traceback")]
    return [str(error), *texts, *tracebacks][-1].splitlines()[-1].strip()[:300]


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write what nbgrader logs to a file, and nothing of it to the terminal, while the context lasts."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = _logger()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(before[0])
        logger.propagate = before[1]


@contextlib.contextmanager
def logged_errors() -> Iterator[list[str]]:
    """Collect what nbgrader logs of errors while the context lasts."""
    logged: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record.getMessage())

    handler = Keep(logging.ERROR)
    logger = _logger()
    logger.addHandler(handler)
    try:
        yield logged
    finally:
        logger.removeHandler(handler)


def _logger() -> logging.Logger:
    logger = get_logger()
    return logger if isinstance(logger, logging.Logger) else logger.logger
