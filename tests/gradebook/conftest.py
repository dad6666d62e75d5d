"""The course of two notebooks on each kind of database: made once, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.postgres import Postgres

from .books import Book, make_course


@pytest.fixture(scope="session")
def sqlite_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose gradebook is an SQLite file."""
    folder = tmp_path_factory.mktemp("sqlite") / "course"
    make_course(folder, f"sqlite:///{folder}/gradebook.db")
    return folder


@pytest.fixture(scope="session")
def postgresql_made(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose gradebook is the server's database ``made``."""
    folder = tmp_path_factory.mktemp("postgresql") / "course"
    postgres.do("CREATE DATABASE made")
    make_course(folder, postgres.url("made"))
    return folder


@pytest.fixture
def sqlite_book(sqlite_made: Path, tmp_path: Path) -> Book:
    """A fresh course on SQLite."""
    shutil.copytree(sqlite_made, tmp_path / "sqlite")
    return Book(tmp_path / "sqlite", f"sqlite:///{tmp_path}/sqlite/gradebook.db")


@pytest.fixture
def postgresql_book(postgres: Postgres, postgresql_made: Path, tmp_path: Path) -> Iterator[Book]:
    """A fresh course on PostgreSQL."""
    shutil.copytree(postgresql_made, tmp_path / "postgresql")
    name = f"book{uuid4().hex}"
    postgres.do(f"CREATE DATABASE {name} TEMPLATE made")
    yield Book(tmp_path / "postgresql", postgres.url(name))
    postgres.do(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def book(request: pytest.FixtureRequest) -> Book:
    """A fresh course, on each kind of database."""
    found: Book = request.getfixturevalue(f"{request.param}_book")
    return found


@pytest.fixture
def reference(sqlite_made: Path, tmp_path: Path) -> Book:
    """Another fresh course, for nbgrader's own way."""
    shutil.copytree(sqlite_made, tmp_path / "reference")
    return Book(tmp_path / "reference", f"sqlite:///{tmp_path}/reference/gradebook.db")
