"""Run a step of nbgrader's, and say why it failed: its exceptions only say that it did, the reason is in its log."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
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
    with last_error() as reasons:
        try:
            yield
        except (NbGraderException, ExchangeError) as error:
            said = reasons[-1] if reasons else str(error)
            raise TorchmagicError(
                f"nbgrader could not {what} in {folder}: {said.rstrip('.')}.",
                hint=f"Mend what it names; the settings are in {CONFIG_NAME}.",
            ) from error


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
def last_error() -> Iterator[list[str]]:
    """Collect the last line of each error that nbgrader logs."""
    reasons: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines = [line for line in record.getMessage().splitlines() if line.strip()]
            if lines:
                reasons.append(lines[-1].strip()[:300])

    handler = Keep(logging.ERROR)
    logger = _logger()
    logger.addHandler(handler)
    try:
        yield reasons
    finally:
        logger.removeHandler(handler)


def _logger() -> logging.Logger:
    logger = get_logger()
    return logger if isinstance(logger, logging.Logger) else logger.logger
