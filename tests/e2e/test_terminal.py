"""Journey: both magics, hints and error cards in real IPython in a terminal, of several widths and colours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pexpect")
pytest.importorskip("pyte")
from tests.e2e.terminal import IPythonTerminal

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TENSORS = "%%tensorinfo\nx = torch.randn(64, 3, 28, 28, requires_grad=True)\nW = torch.ones(4, 5) / torch.zeros(5)"
MODEL = "%tensorinfo torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))"
GRAPH = (
    "%%gradtrace --lr 0.1 --saved --forward --check\nV = torch.tensor(3., requires_grad=True)\n"
    "prediction = V * torch.tensor(2.)\nloss = (prediction - 10) ** 2\nloss.backward()"
)
CELLS = {"tensors": TENSORS, "model": MODEL, "graph": GRAPH, "line": "%gradtrace loss", "error": "x @ W"}
_STARTS = {"tensors": "x  ", "model": "torch.nn.Seq", "graph": "Autograd", "line": "Autograd", "error": "Why x @ W"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with hints."""
    hints = {"q1": ["Look at the shape of the weights: which of its two sizes counts the features? " * 2, "Transpose."]}
    (tmp_path / "hints.json").write_text(json.dumps(hints))
    return tmp_path


@pytest.fixture(params=[80, 200, 48])
def terminal(request: pytest.FixtureRequest, folder: Path) -> Iterator[IPythonTerminal]:
    """A terminal of some width."""
    made = IPythonTerminal(folder, request.param)
    yield made
    made.close()


def test_what_is_shown_fits_and_no_word_is_broken(terminal: IPythonTerminal) -> None:
    columns = terminal.columns
    shown, printed = {}, {}
    for name, cell in CELLS.items():
        shown[name] = terminal.cell(cell)
        printed[name] = terminal.longest_line(_STARTS[name])
    shown["hint"] = terminal.cell("%hint q1")
    printed["hint"] = terminal.longest_line("q1, hint")
    terminal.cell("%tensorinfo --on")
    shown["on"] = terminal.cell("total = V.detach() * 2")
    printed["on"] = terminal.longest_line("total  Tensor")
    shown["off"] = terminal.cell("%tensorinfo --off")
    shown["wrong option"] = terminal.cell("%tensorinfo --bogus")
    terminal.shot(f"terminal-{columns}")
    assert shown["tensors"][0].startswith("x  Tensor (64, 3, 28, 28) float32")
    assert any(line.startswith("Note (line 3): inf first appeared here") for line in shown["tensors"])
    assert any(".weight  Parameter (8, 4)" in line for line in shown["model"])
    assert {"Leaves: what a gradient step would move", "Operations as they ran"} <= set(shown["graph"])
    assert shown["line"][0].startswith("Autograd graph of loss")
    assert any(line.startswith("Why x @ W failed · RuntimeError") for line in shown["error"])
    assert shown["hint"][0].startswith("q1, hint 1 of 2: Look at the shape")
    assert shown["on"][0].startswith("total  Tensor () float32")
    assert shown["off"] == [""]
    assert shown["wrong option"][:1] == ["UsageError: unrecognized arguments: --bogus"]
    assert {name: longest for name, longest in printed.items() if longest > min(columns, 120)} == {}


def test_a_window_that_changes_its_size_is_noticed_at_the_next_cell(folder: Path) -> None:
    terminal = IPythonTerminal(folder, 120)
    try:
        wide = terminal.cell(MODEL)
        terminal.resize(60)
        terminal.wait_for("In [3]:")
        narrow = terminal.cell(MODEL)
        terminal.shot("terminal-resized")
    finally:
        terminal.close()
    assert max(map(len, wide)) > 80
    assert max(map(len, narrow)) <= 60
    assert len(narrow) > len(wide)


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
    ids=["colours", "NO_COLOR", "dumb", "both"],
)
def test_colours_are_for_terminals_that_want_them(folder: Path, env: dict[str, str], coloured: bool) -> None:
    terminal = IPythonTerminal(folder, 80, env)
    try:
        lines = terminal.cell(GRAPH)
        assert "V  leaf (requires_grad)  value 3  ∂loss/∂V = -16" in lines
        ours = terminal.sent[terminal.sent.rindex(b"Autograd graph of loss") :]
        ours = ours[: ours.rindex(b"agrees in its")]
        assert (b"\x1b[" in ours) is coloured, ours
        terminal.shot(f"terminal-{'-'.join(env) or 'colours'}")
    finally:
        terminal.close()


def test_colours_can_be_switched_off_in_ipython(folder: Path) -> None:
    terminal = IPythonTerminal(folder, 80)
    try:
        terminal.cell("%colors nocolor")
        terminal.cell(GRAPH)
        assert b"\x1b[35m" not in terminal.sent
    finally:
        terminal.close()


def test_the_failure_of_a_check_fits_the_terminal(folder: Path) -> None:
    terminal = IPythonTerminal(folder, 60)
    try:
        terminal.cell("from graders.checks import check_tensor\nanswer = torch.ones(3, 4)")
        shown = terminal.cell("check_tensor(answer, 'answer', values=torch.arange(12.).reshape(3, 4))")
        terminal.shot("terminal-check")
    finally:
        terminal.close()
    assert shown[0].startswith("answer: "), shown
    assert any(line.startswith("CheckFailed: ") for line in shown)
    assert max(map(len, shown)) <= 60
