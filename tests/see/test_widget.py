"""The graph that one can explore: what is open, what its spots are, and what is said where there is no anywidget."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

import torchmagic
from tests.see.graph_models import MODELS
from tests.see.shell_run import shown
from torchmagic import widget
from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.render.graph_board import Board, Drawn
from torchmagic.render.graph_look import Look

VIEW = "application/vnd.jupyter.widget-view+json"
CELL = (
    "net = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Linear(3, 1))\n"
    "loss = net(torch.ones(4, 2)).sum()\nloss.backward()"
)


@pytest.fixture(scope="module")
def record() -> GraphRecord:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    with torchmagic.gradtrace() as traced:
        loss = model(torch.randn(2, 3, 8)).mean()
        loss.backward()
    return traced.record


def kinds(drawn: Drawn, kind: str) -> list[str]:
    return [spot.id for spot in drawn.spots if spot.kind == kind]


def test_a_group_opens_and_closes_again(record: GraphRecord) -> None:
    board = Board(record)
    closed = board.draw(board.nothing)
    assert not kinds(closed, "open")
    for ident in kinds(closed, "closed"):
        opened = board.toggled(board.nothing, ident)
        assert len(opened) == 2
        assert len(board.draw(opened).spots) > len(closed.spots)
        assert board.draw(board.toggled(opened, ident)) == closed
    everything = board.draw(board.everything)
    assert not everything.can_open
    outermost = kinds(everything, "open")[0]
    assert len(board.draw(board.toggled(board.everything, outermost)).spots) < len(everything.spots)


@pytest.mark.parametrize("ident", ["", "n1", "group", "group 0", "group -1", "group 99999", "group x"])
def test_what_is_no_group_changes_nothing(record: GraphRecord, ident: str) -> None:
    board = Board(record)
    assert board.toggled(board.start, ident) == board.start


@pytest.mark.parametrize("name", MODELS)
def test_spots_lie_on_the_picture_and_are_told_apart(name: str) -> None:
    board = Board(MODELS[name])
    for opened in (board.start, board.nothing, board.everything):
        drawn = board.draw(opened)
        ids = [spot.id for spot in drawn.spots]
        assert len(set(ids)) == len(ids)
        width, height = (float(each) for each in drawn.svg.partition('viewBox="0 0 ')[2].partition('"')[0].split())
        for spot in drawn.spots:
            assert spot.label
            assert spot.x >= 0
            assert spot.y >= 0
            assert spot.x + spot.width <= width
            assert spot.y + spot.height <= height
            assert (spot.kind == "node") == bool(spot.facts)


def test_a_look_says_what_is_open_at_first(record: GraphRecord) -> None:
    folded, opened = (Board(record, Look(depth=depth)) for depth in (0, 9))
    assert len(folded.draw(folded.start).spots) < len(opened.draw(opened.start).spots)
    chosen = Board(record, Look(depth=0, expand=("model.layers.2",)))
    assert any("model.layers.2" in spot.label for spot in chosen.draw(chosen.start).spots if spot.kind == "open")


def test_facts_of_a_leaf() -> None:
    w = torch.tensor(3.0, requires_grad=True)
    with torchmagic.gradtrace(lr=0.1) as traced:
        loss = (w * 2 - 10) ** 2
        loss.backward()
    board = Board(traced.record)
    (facts,) = [dict(spot.facts) for spot in board.draw(board.start).spots if dict(spot.facts).get("tensor") == "w"]
    assert facts["value"] == "3"
    assert facts["gradient of loss"] == "-16"
    assert facts["sign"] == "negative: raising w lowers loss"
    assert facts["status"] == "✓ fine"


def test_the_front_end_asks_and_is_told() -> None:
    made: Any = MODELS["everything"].widget()
    first = made.svg
    made._chosen(made, {"kind": "none"}, [])
    assert made.svg != first or not made.can_close
    made._chosen(made, {"kind": "start"}, [])
    assert made.svg == first
    count = made.drawn
    for message in ("x", None, {"kind": "nonsense"}, {"kind": ["toggle"]}, {}):
        made._chosen(made, message, [])
    assert (made.svg, made.drawn) == (first, count)
    assert {spot["kind"] for spot in made.spots} <= {"node", "open", "closed"}


@pytest.mark.parametrize(
    "cell", [f"%%gradtrace --widget\n{CELL}", "%gradtrace --widget loss", "torchmagic.trace(loss).widget()"]
)
def test_the_still_picture_is_an_output_of_its_own_above_the_widget(shell: Any, cell: str) -> None:
    """Of one output with both, JupyterLab would show the widget alone, and of that an error once its kernel is gone."""
    shell.run_cell(f"import torchmagic\n{CELL}")
    still, live = shown(shell, cell)
    assert set(still) == {"text/html", "text/plain"}
    assert "<svg" in still["text/html"]
    assert "Linear" in still["text/plain"]
    assert set(live) == {VIEW, "text/html", "text/plain"}
    assert live["text/plain"] == widget.AGAIN
    assert "<svg" not in live["text/html"], "who shows no widgets sees the picture once"


def test_who_asks_for_one_bundle_gets_widget_and_picture_in_it() -> None:
    data, _ = MODELS["everything"].widget()._repr_mimebundle_()  # type: ignore[attr-defined]
    assert set(data) == {VIEW, "text/html", "text/plain"}
    assert "<svg" in data["text/html"]


def test_without_anywidget_the_picture_is_shown_and_what_to_install_is_said(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)  # as Python notes what is not there
    widget._kind.cache_clear()
    picture, line = shown(shell, f"%%gradtrace --widget\n{CELL}")
    assert set(picture) == {"text/html", "text/plain"}
    assert line["text/plain"] == f"gradtrace: {widget.MISSING} {widget.HINT}"
    with pytest.raises(TorchmagicError, match=r'pip install "torchmagic\[widgets\]"'):
        MODELS["everything"].widget()
    widget._kind.cache_clear()


def test_an_empty_graph_has_no_widget() -> None:
    with pytest.raises(TorchmagicError, match="no graph to show"):
        GraphRecord((), ()).widget()


@pytest.mark.slow
def test_anywidget_is_imported_only_when_asked_for() -> None:
    code = (
        "import sys, torch, torchmagic\n"
        "record = torchmagic.trace(torch.ones(1, requires_grad=True) * 2)\nrecord._repr_mimebundle_()\n"
        "before = 'anywidget' in sys.modules\nrecord.widget()\nprint(before, 'anywidget' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
