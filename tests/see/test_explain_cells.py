"""Every failing cell of the corpus is explained, through each door; and the remedies work when they are written."""

from __future__ import annotations

import linecache
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import torchmagic
from tests.see.failing_cells import PRELUDE, Cell, cells, changed, complaints
from torchmagic.records import Explanation, Remedy

CORPUS = cells()
SCRIPTS = [cell for cell in CORPUS if not cell.awaits]


def failing(source: str, name: str) -> Exception:
    """The exception that a source raises, run as a file of that name."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(PRELUDE, names)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    torch.manual_seed(0)
    try:
        exec(compile(source, name, "exec"), names)
    except Exception as error:
        return error
    raise AssertionError("the cell did not fail")


def explained(cell: Cell) -> Explanation:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cells do what torch warns of, before they fail
        return torchmagic.explain(failing(cell.source, f"<{cell}>"))


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert len(CORPUS) >= 200
    assert len({str(cell) for cell in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("cell", SCRIPTS, ids=str)
def test_expression_operands_reason_and_remedies(cell: Cell) -> None:
    found = explained(cell)
    assert not complaints(cell, found)
    assert found.expression
    assert found.source
    assert bool(found.kind) == bool(found.why) == (cell.says("rule") != "none"), (
        "the general card is for the unforeseen"
    )
    assert max(map(len, str(found).splitlines())) <= 80
    for remedy in found.remedies:
        check_remedy(cell, found, remedy)


def check_remedy(cell: Cell, found: Explanation, remedy: Remedy) -> None:
    """The remedy is Python, and the cell runs when it is written in the place of what failed."""
    compile(remedy.code, "<remedy>", "exec")
    elsewhere = remedy.text.startswith(
        ("for ", "to fit", "a first state", "before", "in the place", "as the first line")
    )
    if not remedy.checked or elsewhere or cell.says("run") == "no":
        return
    source = changed(cell, found, remedy.code)
    if source is None:
        return  # in a format string of old Pythons only the whole string can be marked
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(PRELUDE, names)
        exec(compile(source, "<changed>", "exec"), names)


def test_remedies_are_written_and_run() -> None:
    """What the tests above leave out is little."""
    run = 0
    for cell in SCRIPTS[::7]:
        found = explained(cell)
        run += any(remedy.checked and changed(cell, found, remedy.code) for remedy in found.remedies)
    assert run > 15


# -- in IPython ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    made = InteractiveShell.instance()
    made.run_cell(
        "%xmode Minimal\n%load_ext torchmagic\n" + PRELUDE, silent=True
    )  # colouring torch's sources takes long
    yield made
    made.run_cell("%unload_ext torchmagic", silent=True)
    InteractiveShell.clear_instance()


def run(shell: Any, source: str) -> tuple[Any, list[str]]:
    """The result of a cell, and the texts that it displayed."""
    from IPython.utils.capture import capture_output

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        with capture_output() as captured:
            result = shell.run_cell(source, store_history=False)
    return result, [output.data.get("text/plain", "") for output in captured.outputs]


def cards(texts: list[str]) -> list[str]:
    return [text[text.index("Why ") :] for text in texts if re.search(r"Why .* failed\s+·", text, re.S)]


@pytest.mark.slow
@pytest.mark.parametrize("magic", ["", "%%tensorinfo\n"], ids=["ordinary", "tensorinfo"])
@pytest.mark.parametrize("topic", sorted({cell.topic for cell in CORPUS}))
def test_in_a_cell(shell: Any, topic: str, magic: str) -> None:
    for cell in (each for each in CORPUS if each.topic == topic):
        result, texts = run(shell, magic + cell.source)
        assert result.error_in_exec is not None, cell
        shown = cards(texts)
        assert len(shown) == 1, (cell, texts)
        assert cell.says("expression") in shown[0].replace("\n", " ") or "\n" in cell.source, (cell, shown[0])
        if cell.awaits:
            continue
        wanted = str(explained(cell)).splitlines()[1:]
        if not magic and "memory" not in cell.name:
            assert [line for line in shown[0].splitlines()[1:] if line] == [line for line in wanted if line], cell
