"""Worker processes that write feedback pages: one that is killed costs the page that killed it, and no other."""

from __future__ import annotations

import functools
import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graders.nbgrader_plugin.feedback_page import FeedbackWriter, Page

_START = "forkserver"  # imports once for all workers
_WRITER = "graders.nbgrader_plugin.feedback_page"
_FOR_ONE = 10  # pages for which a worker of their own is worth its start
_KILLED = "the process that wrote it was killed: is there enough memory?"


def start_early() -> None:
    """Let the workers' parent import what they need, on another core while this process imports it too."""
    multiprocessing.get_context(_START).set_forkserver_preload([_WRITER])
    forkserver.ensure_running()


def write_pages(course: Path, pages: Sequence[Page], jobs: int) -> Generator[tuple[Page, str], None, None]:
    """Write pages; gives each as it is finished, with why it could not be written, or "".

    Args:
        jobs: worker processes at the most; 1 for none, in this process.
    """
    jobs = min(jobs, len(pages) // _FOR_ONE)
    if jobs < 2:
        for page in pages:
            yield page, _write(course, page)
        return
    left = deque(pages)
    while left:
        for page in (yield from _until_killed(course, left, jobs)):  # one of these did it
            if (yield from _until_killed(course, deque([page]), 1)):
                yield page, _KILLED


def _until_killed(course: Path, left: deque[Page], workers: int) -> Generator[tuple[Page, str], None, list[Page]]:
    """Write pages, taking them from the left; ends when none is left, or a worker was killed.

    Returns:
        the pages that were under way when a worker was killed.
    """
    running: dict[Future[str], Page] = {}
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context(_START), _let_parent_decide)
    try:
        while left or running:
            while left and len(running) < 2 * workers:
                running[pool.submit(_write, course, left[0])] = left[0]
                left.popleft()
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in [future for future in finished if not isinstance(future.exception(), BrokenProcessPool)]:
                yield running.pop(future), future.result()
            if any(future.done() for future in running):
                return list(running.values())
        return []
    except BrokenProcessPool:  # it was killed between two pages
        return list(running.values())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _let_parent_decide() -> None:
    """Ctrl-C reaches all processes of a terminal: workers finish their page, and the parent ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@functools.lru_cache(maxsize=1)
def _writer(course: Path) -> FeedbackWriter:
    from graders.nbgrader_plugin.feedback_page import FeedbackWriter  # takes a second: not before start_early

    return FeedbackWriter(course)


def _write(course: Path, page: Page) -> str:
    return _writer(course).write(page)
