"""Gradients in a record are those that ``retain_grad`` gives, on random expression graphs."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.see.graph_cells import fresh, run, tensor_named, watched
from torchmagic.graph_records import GraphRecord
from torchmagic.observe.graph import GraphWatch
from torchmagic.observe.values import number_text, read_gradient, read_gradients

UNARY = ("{0}.sin()", "{0}.tanh()", "{0} * 0.5", "1 - {0}", "{0} ** 2", "{0}.exp()", "{0}.clone()", "{0}.abs()")
BINARY = ("{0} + {1}", "{0} * {1}", "{0} - {1}", "torch.where({0} > 0, {0}, {1})", "torch.maximum({0}, {1})")
KINDS = {torch.float32: 1e-4, torch.float64: 1e-9, torch.bfloat16: 2e-2}
COMPLEX = {torch.complex64: 1e-4, torch.complex128: 1e-9}
ONLY_REAL = ("torch.where({0} > 0, {0}, {1})", "torch.maximum({0}, {1})")


@st.composite
def programs(draw: st.DrawFn, kinds: tuple[torch.dtype, ...] = tuple(KINDS)) -> tuple[str, int]:
    """Code that computes t0, t1, … from one another, and how many there are; broadcasting included."""
    dtype = draw(st.sampled_from(kinds))
    patterns = [p for p in UNARY + BINARY if not dtype.is_complex or p not in ONLY_REAL]
    shapes = draw(st.sampled_from([[(), (3,)], [(2, 1), (1, 3)], [(4, 5), (5,)], [(), ()]]))
    lines = [
        f"t{i} = (torch.arange({max(1, torch.Size(shape).numel())}).to({dtype}) / 7 + {i + 1} / 3)"
        f".reshape({shape}).requires_grad_({i == 0 or draw(st.booleans())})"
        for i, shape in enumerate(shapes)
    ]
    count = len(shapes)
    for _ in range(draw(st.integers(1, 8))):
        pattern = draw(st.sampled_from(patterns))
        chosen = [f"t{draw(st.integers(0, count - 1))}" for _ in range(2)]
        lines.append(f"t{count} = " + pattern.format(*chosen))
        count += 1
    loss = f"t0.sum() + t{count - 1}.mean() * t{draw(st.integers(0, count - 1))}.sum()"
    lines.append(f"loss = ({loss}).abs()" if dtype.is_complex else f"loss = {loss}")
    return "\n".join(lines), count


def norm_of(grad: torch.Tensor) -> float:
    return float(grad.to(torch.complex128).norm().item())


@settings(max_examples=60, deadline=None)
@given(programs(tuple({**KINDS, **COMPLEX})))
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
        if grad.numel() <= 8:
            assert node.grad_text == reading.brief()
        assert node.grad_norm == pytest.approx(norm_of(grad), rel={**KINDS, **COMPLEX}[grad.dtype])
        if expected[name].is_leaf:
            assert torch.equal(namespace[name].grad, grad)


def test_a_law_that_compares_can_fail() -> None:
    record = watched("t0 = torch.tensor(2., requires_grad=True)\nloss = t0 * 3\nloss.backward()")
    assert tensor_named(record, "t0").grad != 2.0


def flat(value: Any) -> list[complex]:
    return [number for item in value for number in flat(item)] if isinstance(value, list) else [value]


def into_and_out(record: GraphRecord, ident: str) -> tuple[list[Any], list[Any]]:
    """The gradients on the edges from an operation to the tensor, and on those to the tensor's users."""
    arrived = [(edge.grad_text, edge.grad_norm) for edge in record.edges if edge.target == ident]
    sent = [(edge.grad_text, edge.grad_norm) for edge in record.edges if edge.source == ident]
    return arrived, sent


@settings(max_examples=60, deadline=None)
@given(programs(tuple({**KINDS, **COMPLEX})))
def test_the_gradients_of_the_edges_sum_to_those_of_the_tensors(program: tuple[str, int]) -> None:
    source, _ = program
    with GraphWatch() as watch:
        run(source + "\nloss.backward()", fresh())
    (seen,) = watch._mode.passes.values()
    skeleton = seen.skeleton
    for number, op in enumerate(skeleton.ops):
        for output, fact in op.outputs.items():
            if fact.grad is None or fact.grad.is_norm or (number, output) in skeleton.roots:
                continue
            sums = [0j] * len(flat(fact.grad.items()))
            for user in skeleton.ops:
                for index, place in enumerate(user.inputs):
                    if place == (number, output):
                        reading = (user.edge_grads or {}).get(index, fact.grad)  # as the record has it
                        if reading is not None:
                            sums = [a + b for a, b in zip(sums, flat(reading.items()), strict=True)]
            limit = 20 * {**KINDS, **COMPLEX}[getattr(torch, fact.dtype or "")]
            scale = max(1.0, *map(abs, sums))
            if math.isfinite(scale):
                assert flat(fact.grad.items()) == pytest.approx(sums, rel=limit, abs=limit * scale)


def test_an_edge_carries_its_own_part() -> None:
    record = watched(
        "x = torch.tensor([1., 2.], requires_grad=True)\ny = x * 2\n"
        "z = y.sum() + (y * y).sum()\nz.backward()"
    )  # fmt: skip
    y = tensor_named(record, "y")
    arrived, sent = into_and_out(record, y.id)
    assert y.grad_text == "[5, 9]"
    assert arrived == [("[5, 9]", pytest.approx(106**0.5))]
    assert sent == [("[1, 1]", pytest.approx(2**0.5)), *[("[2, 4]", pytest.approx(20**0.5))] * 2]


def test_a_shared_weight_gets_its_gradient_in_parts() -> None:
    record = watched(
        "layer = nn.Linear(2, 2, bias=False); nn.init.constant_(layer.weight, 1.)\n"
        "x = torch.ones(1, 2)\nloss = layer(layer(x)).sum()\nloss.backward()"
    )
    weight = tensor_named(record, "layer.weight")
    _, sent = into_and_out(record, weight.id)
    assert weight.grad_text == "[[4, 4], [4, 4]]"
    assert sent == [("[[2, 2], [2, 2]]", 4.0)] * 2


def test_a_root_inside_the_graph_of_another() -> None:
    record = watched(
        "a = torch.tensor(3., requires_grad=True)\ny = a * 2\nz = y * y\n"
        "torch.autograd.backward([y, z], retain_graph=True)"
    )
    y = tensor_named(record, "y")
    assert y.grad == 13.0
    assert into_and_out(record, y.id)[1] == [("6", 6.0)] * 2


def test_edges_without_a_gradient() -> None:
    record = watched(
        "a = torch.tensor(3., requires_grad=True); b = torch.tensor(2., requires_grad=True); x = torch.tensor(1.)\n"
        "y = a * b\nz = y * x + b\n(g,) = torch.autograd.grad(z, y)"
    )
    label = {node.id: node.label for node in record.nodes}
    grads = {(label[e.source], label[e.target]): e.grad_text for e in record.edges}
    assert grads["x", "Mul"] is None
    assert grads["a", "Mul"] is None
    assert grads["Mul", "y"] == "1"


@pytest.mark.parametrize(
    ("size", "dtype"),
    [(1e25, "float32"), (1e-30, "float32"), (1e-42, "float32"), (6e4, "float16"), (1e200, "float64"), (0.0, "float32")],
)
def test_norms_neither_overflow_nor_vanish(size: float, dtype: str) -> None:
    kind = getattr(torch, dtype)
    grads = [torch.full((40, 40), size, dtype=kind), torch.full((40, 40), size, dtype=kind), torch.ones(100)]
    expected = grads[0].double()[0, 0].item() * 40
    for reading in [*read_gradients(grads)[:2], read_gradient(grads[0])]:
        assert reading is not None
        assert reading.norm() == pytest.approx(expected, rel=1e-3)
    whole = read_gradients(grads)[2]
    assert whole is not None
    assert whole.norm() == 10.0


@pytest.mark.parametrize("worst", [float("nan"), float("inf")])
def test_what_is_no_number_stays_so(worst: float) -> None:
    grads = [torch.ones(100), torch.full((100,), worst), torch.full((100,), worst)]
    for reading in [*read_gradients(grads)[1:], read_gradient(grads[1])]:
        assert reading is not None
        assert number_text(reading.norm()) == str(worst)
    whole = read_gradients(grads)[0]
    assert whole is not None
    assert whole.norm() == 10.0
