"""Where the graph was cut: drawn where what came out takes part, quiet where that is ordinary."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from tests.see.graph_cells import fresh, watched, watched_or_none
from tests.see.graph_corpus import Cell, cells
from torchmagic.graph_records import GraphNode, GraphRecord

#: ordinary cells in which something meant to be cut is part of the picture
_MEANT = {
    "lstm with truncated backpropagation",
    "deep q-learning",
    "gan",
    "fine-tuning a head",
    "straight-through estimator",
}


def cuts(record: GraphRecord) -> list[GraphNode]:
    return [node for node in record.nodes if node.kind == "cut"]


def sides(record: GraphRecord, cut: GraphNode) -> tuple[list[str], list[str]]:
    """The labels of what a cut cut off, and of what came out."""
    label = {node.id: node.label for node in record.nodes}
    return (
        [label[edge.source] for edge in record.edges if edge.target == cut.id],
        [label[edge.target] for edge in record.edges if edge.source == cut.id],
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cell", [each for each in cells("wrong") if each.says("cut")], ids=str)
def test_a_cut_is_drawn_with_its_line(cell: Cell) -> None:
    torch.manual_seed(0)
    record = watched(cell.source)
    found = [(node.label, str(node.line)) for node in cuts(record)]
    assert found == [tuple(each.split(" | ")) for each in cell.says("cut")]
    place = {node.id: i for i, node in enumerate(record.nodes)}
    assert len(place) == len(record.nodes)
    for node in cuts(record):
        sources, results = sides(record, node)
        assert sources
        assert results
        assert node.detail
        assert all(place[e.source] < place[node.id] for e in record.edges if e.target == node.id)
        assert all(place[node.id] < place[e.target] for e in record.edges if e.source == node.id)


@pytest.mark.slow
@pytest.mark.parametrize("cell", cells("ordinary"), ids=str)
def test_ordinary_cells_have_no_cuts_but_those_that_are_meant(cell: Cell) -> None:
    torch.manual_seed(0)
    record = watched(cell.source)
    assert bool(cuts(record)) == (cell.name in _MEANT)
    assert not any("cut" in note or "has no graph" in note for note in record.notes)


def test_what_is_derived_from_a_cut_result_is_followed() -> None:
    record = watched(
        "w = torch.ones(2, requires_grad=True); v = torch.tensor(2., requires_grad=True)\n"
        "y = (w * 3).detach()\n"
        "z = (y + 1).abs()\n"
        "loss = (z * v).mean()\n"
        "loss.backward()"
    )
    (cut,) = cuts(record)
    assert sides(record, cut)[1] == ["z"]


def test_the_source_that_is_in_the_graph_is_the_graphs_own() -> None:
    record = watched("w = torch.tensor(3., requires_grad=True)\ny = w * 2\nloss = y * y.detach()\nloss.backward()")
    (cut,) = cuts(record)
    assert sides(record, cut)[0] == ["y"]
    assert [node.label for node in record.nodes].count("y") == 1


def test_what_led_to_a_result_without_a_graph() -> None:
    record = watched("w = torch.ones(3, requires_grad=True)\nloss = (w * 2).sum().detach()\nloss.backward()")
    (cut,) = cuts(record)
    assert [node.label for node in record.nodes if node.kind == "operation"] == ["Mul", "Sum"]
    assert sides(record, cut)[1] == ["loss"]
    assert [node.role for node in record.nodes if node.label == "loss"] == ["result"]
    (leaf,) = record.leaves
    assert (leaf.name, leaf.status, leaf.line) == ("w", "none", 2)


def test_a_result_that_was_cut_off_and_never_used() -> None:
    record = watched("model = nn.Linear(2, 1)\ny = model(torch.rand(3, 2)).detach()")
    assert [node.label for node in cuts(record)] == ["detach()"]
    assert record.notes == ("y has no graph: it was cut off by detach() on line 2.",)


@pytest.mark.parametrize("source", ["x = w.shape[0]", "x = torch.zeros_like(w)", "x = (w > 0).sum().item()", "w.grad"])
def test_reading_cuts_nothing(source: str) -> None:
    assert watched_or_none(f"w = torch.ones(3, requires_grad=True)\n{source}") is None


def test_nothing_is_kept_alive() -> None:
    namespace = fresh()
    watched(
        "w = torch.ones(3, requires_grad=True)\ny = (w * 2).detach()\nn = y.numpy()\nloss = (y * w).sum()", namespace
    )
    refs = [weakref.ref(namespace[name]) for name in ("w", "y", "loss")]
    namespace.clear()
    gc.collect()
    assert [ref() for ref in refs] == [None, None, None]
