"""The notes' example z = x·(a + b): five names with values, an Add and a Mul, however it is asked for."""

from __future__ import annotations

import warnings

import pytest

from tests.see.graph_cells import NOTES, fresh, names, operations, run, tensor_named, watched
from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.observe.graph import trace

VALUES = {"a": "2", "b": "3", "x": "4", "y": "5", "z": "20"}


def shown(record: GraphRecord) -> dict[str, str | None]:
    return {node.label: node.value_text for node in record.nodes if node.kind == "tensor"}


def operands(record: GraphRecord, operation: str) -> list[str]:
    (ident,) = [node.id for node in record.nodes if node.label == operation]
    label = {node.id: node.label for node in record.nodes}
    return [label[edge.source] for edge in record.edges if edge.target == ident]


@pytest.mark.parametrize("backward", ["", "z.backward()"])
def test_over_the_cell(backward: str) -> None:
    record = watched(NOTES + backward)
    assert shown(record) == VALUES
    assert operations(record) == ["Add", "Mul"]
    assert operands(record, "Add") == ["a", "b"]
    assert operands(record, "Mul") == ["x", "y"]
    assert [tensor_named(record, name).role for name in "abxyz"] == [
        "leaf",
        "leaf",
        "data",
        "intermediate",
        "result",
    ]
    assert record.notes == ()


def test_on_a_line_afterwards() -> None:
    namespace = fresh()
    run(NOTES, namespace)
    record = trace(namespace["z"], names=namespace)
    assert shown(record) == VALUES
    assert operations(record) == ["Add", "Mul"]
    assert operands(record, "Mul") == ["x", "y"]
    assert not record.backward_ran


def test_gradients_at_every_node_without_retain_grad() -> None:
    record = watched(NOTES + "z.backward()")
    gradients = {node.label: node.grad for node in record.nodes if node.kind == "tensor"}
    assert gradients == {"a": 4.0, "b": 4.0, "x": None, "y": 4.0, "z": 1.0}
    assert record.backward_ran
    assert {tensor_named(record, name).grad_of for name in "abyz"} == {"z"}


def test_backward_alone_under_the_watch() -> None:
    namespace = fresh()
    run(NOTES, namespace)
    record = watched("z.backward()", namespace)
    assert shown(record) == VALUES
    assert tensor_named(record, "y").grad == 4.0


def test_on_a_line_after_backward_freed_the_graph() -> None:
    namespace = fresh()
    run(NOTES + "z.backward()", namespace)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = trace(namespace["z"], names=namespace)
    assert {"a", "b", "y", "z"} <= set(names(record))
    assert tensor_named(record, "a").grad_text == "4"
    assert tensor_named(record, "y").grad_text is None
    assert not record.backward_ran
    assert any(".grad" in note for note in record.notes)


def test_the_gradient_of_the_second_note() -> None:
    record = watched(
        "x = torch.tensor(2.); W = torch.tensor(3., requires_grad=True)\n"
        "y = W * x\n"
        "loss = (y - 10) ** 2\n"
        "loss.backward()"
    )
    assert (tensor_named(record, "loss").value, tensor_named(record, "W").grad) == (16.0, -16.0)
    assert [node.detail for node in record.nodes if node.kind == "operation"] == ["", "- 10", "** 2"]


def test_a_tensor_without_a_graph_says_so() -> None:
    namespace = fresh()
    run("x = torch.tensor(4.); w = torch.tensor(1., requires_grad=True)", namespace)
    record = trace(namespace["x"], names=namespace)
    assert [(node.label, node.role) for node in record.nodes] == [("x", "data")]
    assert "x does not require gradients" in record.notes[0]
    assert "w is a leaf" in trace(namespace["w"], names=namespace).notes[0]


@pytest.mark.parametrize("given", [(), (3,), ("z",), ([],)])
def test_what_is_no_tensor_is_refused_with_a_hint(given: tuple[object, ...]) -> None:
    with pytest.raises(TorchmagicError) as caught:
        trace(*given, names={})
    assert "%gradtrace" in caught.value.hint
