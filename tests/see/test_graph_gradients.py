"""Gradients in a record are those that ``retain_grad`` gives, on random expression graphs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.see.graph_cells import fresh, run, tensor_named, watched
from torchmagic.observe.values import read_gradient

UNARY = ("{0}.sin()", "{0}.tanh()", "{0} * 0.5", "1 - {0}", "{0} ** 2", "{0}.exp()", "{0}.clone()", "{0}.abs()")
BINARY = ("{0} + {1}", "{0} * {1}", "{0} - {1}", "torch.where({0} > 0, {0}, {1})", "torch.maximum({0}, {1})")
KINDS = {torch.float32: 1e-4, torch.float64: 1e-9, torch.bfloat16: 2e-2}


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, int]:
    """Code that computes t0, t1, … from one another, and how many there are; broadcasting included."""
    dtype = draw(st.sampled_from(sorted(KINDS, key=str)))
    shapes = draw(st.sampled_from([[(), (3,)], [(2, 1), (1, 3)], [(4, 5), (5,)], [(), ()]]))
    lines = [
        f"t{i} = (torch.arange({max(1, torch.Size(shape).numel())}, dtype={dtype}) / 7 + {i + 1} / 3)"
        f".reshape({shape}).requires_grad_({i == 0 or draw(st.booleans())})"
        for i, shape in enumerate(shapes)
    ]
    count = len(shapes)
    for _ in range(draw(st.integers(1, 8))):
        pattern = draw(st.sampled_from(UNARY + BINARY))
        chosen = [f"t{draw(st.integers(0, count - 1))}" for _ in range(2)]
        lines.append(f"t{count} = " + pattern.format(*chosen))
        count += 1
    lines.append(f"loss = t0.sum() + t{count - 1}.mean() * t{draw(st.integers(0, count - 1))}.sum()")
    return "\n".join(lines), count


@settings(max_examples=60, deadline=None)
@given(programs())
def test_every_gradient_is_that_of_retain_grad(program: tuple[str, int]) -> None:
    source, count = program
    expected = fresh()
    run(source, expected)
    tensors = [expected["loss"], *(expected[f"t{i}"] for i in range(count))]
    for tensor in tensors:
        if tensor.requires_grad:
            tensor.retain_grad()
    expected["loss"].backward()

    namespace = fresh()
    record = watched(source + "\nloss.backward()", namespace)
    drawn = {node.label for node in record.nodes if node.kind == "tensor"}
    for i in range(count):
        name = f"t{i}"
        grad = expected[name].grad
        assert namespace[name].is_leaf == expected[name].is_leaf
        assert not namespace[name].retains_grad
        if grad is None:
            if name in drawn:
                assert tensor_named(record, name).grad_text is None
            continue
        node = tensor_named(record, name)
        reading = read_gradient(grad)
        assert reading is not None
        assert node.grad_text == reading.brief()
        assert node.grad_norm == pytest.approx(grad.double().norm().item(), rel=KINDS[grad.dtype])
        if expected[name].is_leaf:
            assert torch.equal(namespace[name].grad, grad)


def test_a_law_that_compares_can_fail() -> None:
    record = watched("t0 = torch.tensor(2., requires_grad=True)\nloss = t0 * 3\nloss.backward()")
    assert tensor_named(record, "t0").grad != 2.0
