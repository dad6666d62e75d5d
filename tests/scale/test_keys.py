"""What a result's key hangs on: everything that grading sees, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graders.engine.report import Cell, Limits
from graders.nbgrader_plugin.package import Handed, NotebookPackage, Package
from graders.nbgrader_plugin.restore import KnownCell

CELL = KnownCell("q", "x = 1", "code", False, "", True, False, False, 2.0)
NOTEBOOK = NotebookPackage("hw", {"q": CELL}, (Cell(0, "x = 1", "test", 2.0, "q"),), {"name": "python3"})
PACKAGE = Package("hw", (NOTEBOOK,), {"table.csv": b"1"}, {"m.py": b""}, Limits(), "namespaces", {"A": {"b": 1}}, "env")
HANDED = Handed({"hw": b"{}"}, {"mine.txt": b"2"})

OTHER_PACKAGES: dict[str, dict[str, Any]] = {
    "assignment": {"assignment": "hw2"},
    "cell": {"notebooks": (replace(NOTEBOOK, cells={"q": replace(CELL, source="x = 2")}),)},
    "points": {"notebooks": (replace(NOTEBOOK, cells={"q": replace(CELL, points=3.0)}),)},
    "template": {"notebooks": (replace(NOTEBOOK, template=()),)},
    "kernel": {"notebooks": (replace(NOTEBOOK, kernelspec=None),)},
    "file": {"files": {"table.csv": b"2"}},
    "file's name": {"files": {"other.csv": b"1"}},
    "module": {"modules": {"m.py": b"x"}},
    "limits": {"limits": Limits(cell_seconds=1.0)},
    "isolation": {"isolation": "process"},
    "settings": {"settings": {"A": {"b": 2}}},
    "environment": {"environment": "another"},
}
OTHER_WORK = {
    "notebook": Handed({"hw": b"{ }"}, HANDED.files),
    "notebook's name": Handed({"hw2": b"{}"}, HANDED.files),
    "file": Handed(HANDED.notebooks, {"mine.txt": b"3"}),
    "no file": Handed(HANDED.notebooks, {}),
    "file that holds the other's bytes": Handed(HANDED.notebooks, {"mine": b".txt2"}),
}


@pytest.mark.parametrize("change", OTHER_PACKAGES.values(), ids=OTHER_PACKAGES)
def test_another_assignment_environment_or_setting_is_another_key(change: dict[str, Any]) -> None:
    assert HANDED.key(replace(PACKAGE, **change)) != HANDED.key(PACKAGE)


@pytest.mark.parametrize("other", OTHER_WORK.values(), ids=OTHER_WORK)
def test_other_work_is_another_key(other: Handed) -> None:
    assert other.key(PACKAGE) != HANDED.key(PACKAGE)


def test_the_same_is_the_same_key_whatever_the_order() -> None:
    files = {"b": b"2", "a": b"1"}
    one = Handed({"hw": b"{}", "extra": b"[]"}, files)
    other = Handed({"extra": b"[]", "hw": b"{}"}, dict(reversed(files.items())))
    assert one.key(PACKAGE) == other.key(replace(PACKAGE))
    settings = {"A": {"mask": {"b", "a"}}}, {"A": {"mask": {"a", "b"}}}
    assert len({replace(PACKAGE, settings=found).digest for found in settings}) == 1


def test_the_points_there_are() -> None:
    assert PACKAGE.max_score == 2.0
