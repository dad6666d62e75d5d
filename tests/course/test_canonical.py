"""The form in which notebooks are committed: what it keeps, what it takes away, and the command that makes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from graders.notebooks import canonical, main

_NBGRADER = {"grade": False, "grade_id": "q1", "locked": False, "schema_version": 3, "solution": True, "task": False}


def _notebook(*cells: dict[str, Any], **more: Any) -> str:
    metadata = {
        "kernelspec": {"display_name": "P", "name": "python3"},
        "language_info": {"name": "python", "version": "3.11.7"},
        "toc": {},
    }
    return json.dumps({"nbformat_minor": 4, "nbformat": 4, "metadata": metadata, "cells": cells, **more})


def _code(source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": 3, **more}


def _made(*cells: dict[str, Any]) -> Any:
    text = canonical(_notebook(*cells))
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert canonical(text) == text
    return json.loads(text)


def test_outputs_counts_and_what_editors_keep_are_taken_away() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "42"}
    (cell,) = _made(_code("x\ny", id="a", outputs=[output], metadata={"scrolled": True, "tags": []}))["cells"]
    assert cell == {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {},
        "outputs": [],
        "source": ["x\n", "y"],
    }


def test_what_matters_is_kept() -> None:
    made = _made(
        _code(["x = 1\n", "x"], id="b", metadata={"nbgrader": _NBGRADER, "tags": ["in-student-process"]}),
        {
            "cell_type": "markdown",
            "id": "c",
            "metadata": {},
            "source": "![a](attachment:a.png)",
            "attachments": {"a.png": {}},
        },
    )
    first, second = made["cells"]
    assert first["metadata"] == {"nbgrader": _NBGRADER, "tags": ["in-student-process"]}
    assert second["attachments"] == {"a.png": {}}
    assert made["metadata"] == {
        "kernelspec": {"display_name": "P", "name": "python3"},
        "language_info": {"name": "python"},
    }


def test_cells_without_an_id_get_one_that_stays() -> None:
    cells = _made(_code("1", metadata={"nbgrader": _NBGRADER}), _code("2"), _code("3", id="cell-3"), _code("4"))[
        "cells"
    ]
    assert [cell["id"] for cell in cells] == ["q1", "cell-1", "cell-3", "cell-3-"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nbformat": 3, "worksheets": []}', '{"nbformat": 4}'])
def test_what_is_no_notebook(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"notebook|Expecting"):
        canonical(text)
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    assert main([str(path)]) == 2
    assert "a.ipynb is no notebook" in capsys.readouterr().err
    assert path.read_text() == text


def test_the_command_rewrites_or_only_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x" / "a.ipynb"
    (tmp_path / "x" / ".ipynb_checkpoints").mkdir(parents=True)
    (tmp_path / "x" / ".ipynb_checkpoints" / "b.ipynb").write_text("no notebook")
    path.write_text(_notebook(_code("1")))
    assert main(["--check", str(tmp_path)]) == 1
    assert capsys.readouterr().out == f"{path} is not in canonical form\n"
    assert path.read_text() == _notebook(_code("1"))
    assert main([str(tmp_path)]) == 1, "as pre-commit wants it: something was changed"
    assert path.read_text() == canonical(_notebook(_code("1")))
    assert (main([str(path)]), main(["--check", str(tmp_path)])) == (0, 0)
    capsys.readouterr()
    assert main([]) == main(["--chek", "x"]) == 2
    assert main([str(tmp_path / "none")]) == 2
    assert "There is no" in capsys.readouterr().err
