"""The table of leaves: the status of each gradient and why; few words on ordinary cells; the step of a rate."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.see.graph_cells import fresh, watched
from tests.see.graph_corpus import Cell, cells
from torchmagic.graph_records import GraphRecord, LeafGradient
from torchmagic.observe.graph_leaves import with_step

#: in a GAN the discriminator's gradients are the sum of both passes until its optimizer clears them
_SUMS = {"gan"}


def leaf(record: GraphRecord, name: str) -> LeafGradient:
    (found,) = [each for each in record.leaves if each.name == name]
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cell", cells("wrong"), ids=str)
def test_status_why_and_line(cell: Cell) -> None:
    torch.manual_seed(0)
    record = watched(cell.source)
    assert cell.expected
    for head in cell.says("leaf"):
        name, status, why, *line = (part.strip() for part in head.split(" |"))
        found = leaf(record, name)
        assert (found.status, why in found.why) == (status, True), found
        if line:
            assert found.line == int(line[0])
        assert bool(found.why) == (status not in ("fine", "no pass"))
    for words in cell.says("note"):
        assert any(words in note for note in record.notes), record.notes


@pytest.mark.parametrize("cell", cells("ordinary"), ids=str)
def test_ordinary_cells_are_fine(cell: Cell) -> None:
    torch.manual_seed(0)
    record = watched(cell.source)
    assert record.leaves
    said = {(each.name, each.status, each.why) for each in record.leaves if each.status != "fine"}
    if cell.name in _SUMS:
        assert {status for _, status, _ in said} == {"accumulated"}
    else:
        assert not said
    assert all(each.why == "" and each.line is None for each in record.leaves if each.status == "fine")


def test_a_row_says_what_the_leaf_and_its_gradient_are() -> None:
    namespace = fresh()
    record = watched(
        "w = torch.tensor([3., 4.], requires_grad=True)\nbig = nn.Parameter(torch.ones(4, 4))\n"
        "loss = (w ** 2).sum() + big.sum()\nloss.backward()",
        namespace,
    )
    small, large = leaf(record, "w"), leaf(record, "big")
    assert (small.value_text, small.norm, small.grad_text, small.grad_norm) == ("[3, 4]", 5.0, "[6, 8]", 10.0)
    assert (small.values, small.grads, small.grad_of) == ((3.0, 4.0), (6.0, 8.0), "loss")
    assert (large.value_text, large.norm, large.grad_norm, large.parameter) == (None, 4.0, 4.0, True)
    assert large.values == large.grads == ()
    assert {each.node for each in record.leaves} <= {node.id for node in record.nodes}


@pytest.mark.parametrize(
    ("zero", "passes"),
    [
        ("w.grad = None", 1),
        ("w.grad.zero_()", 1),
        ("w.grad.data.zero_()", 1),
        ("w.grad.detach_().zero_()", 1),
        ("w.grad.fill_(0)", 1),
        ("w.grad *= 0", 1),
        ("w.grad = torch.zeros_like(w)", 1),
        ("opt.zero_grad()", 1),
        ("opt.zero_grad(set_to_none=False)", 1),
        ("pass", 4),
        ("w.grad /= 2", 4),
        ("w.grad.clamp_(-1, 1)", 4),
        ("w.grad = w.grad.clone()", 4),
    ],
)
def test_passes_are_counted_until_the_gradient_is_zeroed(zero: str, passes: int) -> None:
    record = watched(
        "w = torch.ones(3, requires_grad=True)\nopt = torch.optim.SGD([w], 0.1, foreach=True)\n"
        f"for step in range(4):\n    loss = (w ** 2).sum()\n    loss.backward()\n    if step < 3:\n        {zero}\n"
    )
    assert leaf(record, "w").passes == passes
    assert leaf(record, "w").status == ("fine" if passes == 1 else "accumulated")


def test_a_gradient_from_before_the_cell_counts() -> None:
    namespace = fresh()
    exec("w = torch.ones(3, requires_grad=True)\n(w ** 2).sum().backward()", namespace)
    found = leaf(watched("loss = (w ** 2).sum()\nloss.backward()", namespace), "w")
    assert (found.status, found.passes) == ("accumulated", 2)
    assert "before this cell" in found.why


def test_a_pass_that_a_leaf_took_no_part_in_does_not_count() -> None:
    record = watched(
        "w = torch.ones(2, requires_grad=True); v = torch.ones(2, requires_grad=True)\n"
        "a = (w * v).sum()\na.backward()\nw.grad = None; v.grad = None\n"
        "for _ in range(2):\n    b = (v * 2).sum()\n    b.backward()\n"
    )
    assert {each.name: each.passes for each in record.leaves} == {"w": 1, "v": 2}


def test_zeroing_a_gradient_from_outside_torch_is_seen() -> None:
    record = watched(
        "w = torch.ones(2, requires_grad=True)\n"
        "for _ in range(2):\n    loss = w.sum()\n    loss.backward()\n    if _ == 0:\n        w.grad.numpy()[:] = 0\n"
    )
    assert leaf(record, "w").passes in (1, 2)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8).flatmap(
        lambda old: st.tuples(st.just(old), st.lists(st.floats(-1e6, 1e6), min_size=len(old), max_size=len(old)))
    ),
    st.floats(0, 10),
)
def test_a_step_is_old_minus_rate_times_gradient(pair: tuple[list[float], list[float]], lr: float) -> None:
    old, grad = pair
    row = LeafGradient("w", shape=(len(old),), values=tuple(old), grads=tuple(grad), grad_norm=2.0)
    (stepped,) = with_step(GraphRecord((), (), leaves=(row,)), lr).leaves
    expected = torch.tensor(old, dtype=torch.float64) - lr * torch.tensor(grad, dtype=torch.float64)
    assert stepped.step_norm == lr * 2.0
    assert stepped.new == (expected.item() if len(old) == 1 else None)
    assert stepped.new_text is not None
    assert stepped.new_text.count(",") == len(old) - 1


def test_a_step_of_a_matrix_keeps_its_shape() -> None:
    record = watched("w = torch.ones(2, 2, requires_grad=True)\nloss = (w * 3).sum()\nloss.backward()")
    assert leaf(with_step(record, 0.5), "w").new_text == "[[-0.5, -0.5], [-0.5, -0.5]]"
    assert with_step(record, 0.5).lr == 0.5


def test_leaves_survive_json() -> None:
    record = with_step(watched("w = torch.ones(2, requires_grad=True)\nloss = (w * 3).sum()\nloss.backward()"), 0.1)
    assert GraphRecord.from_json(record.to_json()) == record
