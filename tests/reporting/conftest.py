"""One warm engine for the tests that need what the judge says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graders.engine.client import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with Engine() as running:
        yield running
