"""Mutant folders: what can be said in one, what a submission is built of, and what is said about a bad one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graders.mutants import build_submission, load_mutants
from torchmagic.errors import TorchmagicError

SAID = {"title": "One.", "kind": "partial", "score": 1, "outcome": "failed"}


def _cell(name: str, source: str) -> dict[str, Any]:
    meta = {"nbgrader": {"grade_id": name, "points": 1}} if name else {}
    return {"cell_type": "code", "id": name or "none", "metadata": meta, "source": source, "outputs": []}


RELEASE = json.dumps({"cells": [_cell("", "0"), _cell("q1", "blank"), _cell("t1", "assert one"), _cell("q2", "blank")]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _write(tmp_path, "right", {**SAID, "kind": "right"}, q1="one = 1", q2="two = 2")
    return tmp_path


def _write(root: Path, name: str, said: object, **files: str) -> None:
    target = root / "topic" / name
    target.mkdir(parents=True)
    (target / "mutant.json").write_text(said if isinstance(said, str) else json.dumps(said))
    for stem, text in files.items():
        (target / (f"{stem}.txt" if stem == "notebook" else f"{stem}.py")).write_text(text + "\n")


def _sources(folder: Path, name: str) -> list[tuple[str, str]]:
    mutant = next(m for m in load_mutants(folder, "topic") if m.name == name)
    content = build_submission(RELEASE.encode(), mutant)
    assert content is not None
    return [
        (cell["metadata"].get("nbgrader", {}).get("grade_id", ""), cell["source"])
        for cell in json.loads(content)["cells"]
    ]


def test_what_is_not_said_is_as_in_the_right_one(folder: Path) -> None:
    _write(folder, "wrong", SAID, q1="one = 3")
    assert _sources(folder, "wrong") == [("", "0"), ("q1", "one = 3"), ("t1", "assert one"), ("q2", "two = 2")]


def test_another_base_or_none(folder: Path) -> None:
    _write(folder, "wrong", SAID, q1="one = 3")
    _write(folder, "worse", {**SAID, "base": "wrong"}, q2="two = 4")
    _write(folder, "lazy", {**SAID, "base": None}, q2="two = 5")
    assert [source for _, source in _sources(folder, "worse")] == ["0", "one = 3", "assert one", "two = 4"]
    assert [source for _, source in _sources(folder, "lazy")] == ["0", "blank", "assert one", "two = 5"]


def test_own_cells_deleted_copied_forged_and_edited_ones(folder: Path) -> None:
    said = {**SAID, "delete": ["q2"], "duplicate": ["q1"], "edit": {"t1": "pass"}, "metadata": {"t1": {"points": 9}}}
    _write(folder, "odd", said, first="before = 1", last="after = 1")
    found = _sources(folder, "odd")
    assert found == [
        ("", "before = 1"),
        ("", "0"),
        ("q1", "one = 1"),
        ("t1", "pass"),
        ("q1", "one = 1"),
        ("", "after = 1"),
    ]


def test_files_as_they_are_parts_of_them_and_none(folder: Path) -> None:
    _write(folder, "script", SAID, notebook="print(1)")
    _write(folder, "cut", {**SAID, "truncate": 7})
    _write(folder, "gone", {**SAID, "absent": True})
    built = {m.name: build_submission(RELEASE.encode(), m) for m in load_mutants(folder, "topic")}
    assert (built["script"], built["cut"], built["gone"]) == (b"print(1)\n", b'{\n "cel', None)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{", "JSON"),
        ("[]", "no JSON object"),
        ({**SAID, "kind": "odd"}, "kind"),
        ({**SAID, "score": "1"}, "score"),
        ({**SAID, "sore": 1}, "sore"),
        ({"title": "x"}, "kind, outcome, score missing"),
        ({**SAID, "base": "nobody"}, "nobody"),
    ],
)
def test_a_bad_one_is_named(folder: Path, said: object, why: str) -> None:
    _write(folder, "bad", said)
    with pytest.raises(TorchmagicError, match=why):
        load_mutants(folder, "topic")


def test_an_answer_to_no_cell(folder: Path) -> None:
    _write(folder, "stray", SAID, q9="x = 1")
    with pytest.raises(TorchmagicError, match="no cell q9"):
        _sources(folder, "stray")


def test_no_mutants_there(tmp_path: Path) -> None:
    with pytest.raises(TorchmagicError, match="no mutants of 'topic'"):
        load_mutants(tmp_path, "topic")
