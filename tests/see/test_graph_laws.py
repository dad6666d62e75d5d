"""Laws of what ``%%gradtrace`` finds besides the picture, on random computations."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.graph import saved_tensors_hooks

from torchmagic.graph_options import Wanted
from torchmagic.graph_records import GraphRecord
from torchmagic.observe.graph_session import GraphSession

_UNARY = ["{}.exp()", "{}.sin()", "{}.tanh()", "{} ** 2", "{} * 3", "{}.t()", "{}.sum(0, keepdim=True)", "{}.softmax(1)",
          "{}.abs()", "torch.relu({})", "{}.reshape(-1, 2)[:2, :2]", "F.dropout({}, 0.5)", "{}.clone().mul_(2)", "-{}"]  # fmt: skip
_BINARY = ["{} + {}", "{} * {}", "{} - {}", "({}.t() @ {})", "torch.where(c, {}, {})", "torch.maximum({}, {})"]


@st.composite
def computations(draw: Any) -> str:
    """Lines that compute square matrices ``t0``, ``t1``, … from the leaves ``a`` and ``b``, then a loss."""
    names = ["a", "b"]
    lines = []
    for number in range(draw(st.integers(1, 6))):
        form = draw(st.sampled_from(_UNARY + _BINARY))
        given = [draw(st.sampled_from(names)) for _ in range(form.count("{}"))]
        lines.append(f"t{number} = fit({form.format(*given)})")
        names.append(f"t{number}")
    lines.append(f"loss = ({' + '.join(draw(st.permutations(names))[:3])}).sin().mean()")
    return "\n".join(lines)


def fresh(dtype: torch.dtype) -> dict[str, Any]:
    torch.manual_seed(2)
    a, b = (torch.randn(2, 2, dtype=dtype, requires_grad=True) for _ in range(2))
    fit = lambda t: t.expand(2, 2) if t.shape != (2, 2) else t  # noqa: E731
    return {
        "a": a,
        "b": b,
        "c": torch.tensor([[True, False], [False, True]]),
        "torch": torch,
        "fit": fit,
        "F": torch.nn.functional,
    }


def observed(source: str, names: dict[str, Any], wanted: Wanted) -> GraphRecord:
    with GraphSession(wanted) as session:
        exec(compile(source, "<cell>", "exec"), names)
    record = session.record(names, ["loss"])
    assert record is not None
    return record


@settings(max_examples=40, deadline=None)
@given(computations(), st.sampled_from([torch.float32, torch.float64]))
def test_autograd_agrees_with_finite_differences(source: str, dtype: torch.dtype) -> None:
    names = fresh(dtype)
    record = observed(f"{source}\nloss.backward()", names, Wanted(check=True))
    used = {name for name in "ab" if names[name].grad is not None}
    assert {(check.name, check.agrees) for check in record.checks} == {(name, True) for name in used}, record.checks


@settings(max_examples=25, deadline=None)
@given(computations(), st.sampled_from([0.0, 0.5, -1.0, 1.1]))
def test_a_gradient_that_was_changed_differs(source: str, factor: float) -> None:
    names = fresh(torch.float64)
    names["a"].register_hook(lambda g: g * factor)
    record = observed(f"{source}\nloss = loss + (a * b).sum()\nloss.backward()", names, Wanted(check=True))
    found = {check.name: check.agrees for check in record.checks}
    torch.manual_seed(2)
    assert found["b"] is True
    plain = fresh(torch.float64)
    exec(f"{source}\nloss = loss + (a * b).sum()\nloss.backward()", plain)
    assert found["a"] is (not plain["a"].grad.abs().max() > 1e-6)


@settings(max_examples=40, deadline=None)
@given(computations(), st.booleans())
def test_what_is_kept_is_what_hooks_are_given(source: str, backward: bool) -> None:
    packed: list[tuple[Any, ...]] = []
    with saved_tensors_hooks(lambda t: packed.append((tuple(t.shape), t.untyped_storage().nbytes())) or t, lambda t: t):
        exec(source, plain := fresh(torch.float32))
    del plain
    record = observed(source + ("\nloss.backward()" if backward else ""), fresh(torch.float32), Wanted(saved=True))
    # a hook is given every tensor that is kept at all; some operations before the loss may not be part of its graph
    shapes = sorted(shape for shape, _ in packed)
    for each in record.saved:
        assert each.shape in shapes
        shapes.remove(each.shape)
    alone = [each for each in record.saved if not each.held]
    assert sum(each.nbytes for each in alone) <= sum(nbytes for _, nbytes in packed)


@settings(max_examples=25, deadline=None)
@given(computations())
def test_every_call_is_listed_with_what_came_out(source: str) -> None:
    names = fresh(torch.float32)
    record = observed(source, names, Wanted(forward=True))
    assert sum(call.count for call in record.forward) >= len(source.splitlines())
    assert record.forward[-1].label == "mean"
    assert all(call.line is not None and 1 <= call.line <= len(source.splitlines()) for call in record.forward)
    assert all(call.seconds >= 0 and call.nbytes >= 0 for call in record.forward)
