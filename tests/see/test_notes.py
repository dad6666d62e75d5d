"""Few notes, and right ones: none on ordinary cells, and exactly the right one where a beginner needs it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from torchmagic.records import Inspection, Note

HERE = Path(__file__).parent / "note_cells"
PRELUDE = (
    "import numpy as np\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\ntorch.manual_seed(0)"
)


@dataclass(frozen=True)
class Case:
    """A cell, what ran before it, and the note that it must give (None: none at all)."""

    name: str
    before: str
    cell: str
    wanted: tuple[str, ...] | None = None


def cases(file: str) -> Iterator[Case]:
    """The cells of a corpus file: ``#--- name``, code that runs before ``#>``, the cell, the wanted note after ``#=``."""
    for block in re.split(r"^#--- ", (HERE / file).read_text(encoding="utf-8"), flags=re.M)[1:]:
        name, _, text = block.partition("\n")
        code, _, wanted = text.partition("#= ")
        before, marked, cell = code.partition("#>\n")
        fields = tuple(field.strip() for field in wanted.strip().split("|")) if wanted else None
        yield Case(name, before if marked else "", cell if marked else before, fields)


ORDINARY = list(cases("ordinary.txt"))
WANTED = list(cases("wanted.txt"))


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    made: Any = InteractiveShell.instance()
    made.run_cell("%load_ext torchmagic\n%torchmagic explain off")
    yield made
    made.run_cell("%unload_ext torchmagic")
    made.history_manager.end_session()
    InteractiveShell.clear_instance()


def inspected(shell: Any, case: Case) -> Inspection:
    """What ``%%tensorinfo`` shows for a case's cell, in a namespace of its own."""
    from IPython.utils.capture import capture_output

    for name in [name for name in shell.user_ns if not name.startswith("_")]:
        del shell.user_ns[name]
    assert shell.run_cell(f"{PRELUDE}\n{case.before}").success, case.before
    with capture_output() as captured:
        shell.run_cell(f"%%tensorinfo --json\n{case.cell}")
    found = [o.data["application/json"] for o in captured.outputs if "application/json" in (o.data or {})]
    if not found:
        return Inspection()
    return Inspection.from_json(json.dumps(found[-1]))


def notes(shell: Any, case: Case) -> tuple[Note, ...]:
    return inspected(shell, case).notes


def test_the_corpora_are_large_enough() -> None:
    assert len(ORDINARY) >= 40
    assert len(WANTED) >= 40


@pytest.mark.parametrize("case", ORDINARY, ids=lambda case: case.name)
def test_no_note_on_ordinary_code(shell: Any, case: Case) -> None:
    assert notes(shell, case) == ()


@pytest.mark.parametrize("case", WANTED, ids=lambda case: case.name)
def test_the_note_a_beginner_needs(shell: Any, case: Case) -> None:
    assert case.wanted is not None
    kind, names, line, remedy = case.wanted
    found = notes(shell, case)
    assert [note.kind for note in found] == [kind], found
    (note,) = found
    assert names in ("*", ", ".join(note.names)), note
    assert line in ("*", str(note.line)), note
    assert not remedy or note.remedy == remedy, note
    for code in note.remedy.splitlines():
        if not code.startswith("%"):
            ast.parse(code)


def test_an_explanation_is_not_repeated_but_what_detached_is_said(shell: Any) -> None:
    shell.run_cell("%torchmagic explain on")
    try:
        by_name = {
            case.name: inspected(shell, case)
            for case in WANTED
            if "device" in case.name or "backward after" in case.name
        }
    finally:
        shell.run_cell("%torchmagic explain off")
    assert len(by_name) >= 6
    for name, inspection in by_name.items():
        assert inspection.explanation is not None, name
        assert [note.kind for note in inspection.notes] == (["detached"] if "backward after" in name else []), name
