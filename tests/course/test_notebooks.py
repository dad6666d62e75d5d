"""The source notebooks are sound: schema, ids, points, hidden and visible tests; solved they pass, released they give nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from graders.engine.hidden import hidden_lines

from .conftest import SOURCES, TOPICS

POINTS = {
    "backward_pass": (14, 3),
    "computation_graph": (14, 3),
    "forward_pass": (17, 3),
    "reductions": (19, 3),
    "selecting_data": (18, 3),
}


def _path(topic: str) -> Path:
    return SOURCES / topic / f"{topic}.ipynb"


def _cells(topic: str) -> list[Any]:
    return list(nbformat.read(_path(topic), as_version=4).cells)


def _meta(cell: Any) -> dict[str, Any]:
    return dict(cell.metadata.get("nbgrader", {}))


@pytest.mark.parametrize("topic", TOPICS)
def test_stored_in_one_canonical_form_without_outputs(topic: str) -> None:
    text = _path(topic).read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    nbformat.validate(nbformat.reads(text, as_version=4))
    for cell in _cells(topic):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("topic", TOPICS)
def test_ids_and_points(topic: str) -> None:
    cells = _cells(topic)
    assert len({cell.id for cell in cells}) == len(cells)
    names = [_meta(cell)["grade_id"] for cell in cells if _meta(cell)]
    assert len(set(names)) == len(names)
    automatic = sum(_meta(c)["points"] for c in cells if _meta(c).get("grade") and not _meta(c)["solution"])
    manual = sum(_meta(c)["points"] for c in cells if _meta(c).get("grade") and _meta(c)["solution"])
    assert (automatic, manual) == POINTS[topic]
    assert {_meta(cell)["schema_version"] for cell in cells if _meta(cell)} == {3}


@pytest.mark.parametrize("topic", TOPICS)
def test_each_question_has_visible_and_hidden_tests(topic: str) -> None:
    tests = [cell for cell in _cells(topic) if _meta(cell).get("grade") and cell.cell_type == "code"]
    assert 5 <= len(tests) <= 8
    for cell in tests:
        hidden = hidden_lines(cell.source)
        visible = [line for number, line in enumerate(cell.source.splitlines(), 1) if number not in hidden]
        for lines in (visible, [line for line in cell.source.splitlines() if line not in visible]):
            assert any("assert" in line or "check_" in line for line in lines), _meta(cell)["grade_id"]


@pytest.mark.slow
@pytest.mark.e2e
def test_solved_as_the_instructor_does_all_pass() -> None:
    command = [sys.executable, "-m", "nbgrader", "validate", *(str(_path(topic)) for topic in TOPICS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    assert done.stdout.count("Success") == len(TOPICS), done.stdout
