"""Which errors are explained: those of any kind of tensor and of all shapes that do not fit; and which get no card."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import torchmagic
from tests.see.raised import error_of
from torchmagic.errors import TorchmagicError
from torchmagic.observe.errors import explain_error
from torchmagic.observe.errors.site import node_text
from torchmagic.observe.errors.words import mismatches


def fake() -> torch.Tensor:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.ones(3, 4)


EXOTIC: dict[str, Callable[[], torch.Tensor]] = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "csr": lambda: torch.eye(3).to_sparse_csr(),
    "conj": lambda: torch.ones(3, 4, dtype=torch.complex64).conj(),
    "bfloat16": lambda: torch.ones(3, 4, dtype=torch.bfloat16),
    "float8": lambda: torch.ones(3, 4).to(torch.float8_e4m3fn),
    "empty": lambda: torch.ones(0, 4),
    "meta": lambda: torch.ones(3, 4, device="meta"),
    "nested": lambda: torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged),
    "fake": fake,
}


@pytest.mark.filterwarnings("ignore:Sparse", "ignore:.*prototype")
@pytest.mark.parametrize("make", EXOTIC.values(), ids=list(EXOTIC))
def test_every_kind_of_tensor_is_explained_without_an_error(make: Callable[[], torch.Tensor]) -> None:
    tensor = make()
    runs: list[Callable[[], object]] = [
        lambda: tensor @ torch.ones(7, 7),
        lambda: torch.cat([tensor, torch.ones(1, 2, 3)]),
        lambda: tensor.view(11, 13),
        lambda: tensor.sum(dim=9),
        lambda: nn.Linear(50, 1)(tensor),
        lambda: tensor.backward(),
    ]
    for run in runs:
        found = explain_error(error_of(run))
        assert found is not None
        assert str(found)
        assert found._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    "run",
    [
        lambda: 1 / 0,
        lambda: {}["key"],
        lambda: [1][3],
        lambda: int("x"),
        lambda: undefined_name,  # type: ignore[name-defined]  # noqa: F821
        lambda: (_ for _ in ()).throw(ValueError("mine")),
        lambda: open("/no/such/file"),  # noqa: SIM115
        lambda: torch.no_such_function,
        lambda: [][0],
        lambda: None.anything,  # type: ignore[attr-defined]
        lambda: "a" + 1,  # type: ignore[operator]
    ],
)
def test_errors_that_have_nothing_to_do_with_tensors_get_no_card(run: Callable[[], object]) -> None:
    assert explain_error(error_of(run)) is None


def test_errors_of_the_users_own_get_no_card() -> None:
    x = torch.ones(3)

    def check(x: torch.Tensor) -> None:
        if x.shape != (4,):
            raise ValueError("wrong shape")

    def asserts(x: torch.Tensor) -> None:
        assert x.dim() == 2

    for run in (lambda: check(x), lambda: asserts(x), lambda: check(x, 2)):  # type: ignore[call-arg]
        assert explain_error(error_of(run)) is None


def test_explain_wants_an_error() -> None:
    with pytest.raises(TorchmagicError, match="not an object of type str"):
        torchmagic.explain("an error")  # type: ignore[arg-type]
    with pytest.raises(TorchmagicError, match="did not come from an operation on tensors"):
        torchmagic.explain(error_of(lambda: 1 / 0))


def test_the_last_error_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("last_exc", "last_value"):
        monkeypatch.setattr(sys, name, None, raising=False)
    with pytest.raises(TorchmagicError, match="no error yet"):
        torchmagic.explain()
    monkeypatch.setattr(sys, "last_value", error_of(lambda: torch.ones(2) + torch.ones(3)))
    assert torchmagic.explain().kind == "broadcast"


def test_without_source_the_message_stays() -> None:
    names: dict[str, Any] = {"x": torch.ones(2), "y": torch.ones(3)}
    error = error_of(lambda: exec("x + y", names))
    linecache.clearcache()
    found = explain_error(error)
    assert found is None or found.message


SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


@settings(max_examples=150, deadline=None)
@given(SHAPES, SHAPES)
def test_whatever_does_not_broadcast_is_explained_and_what_is_offered_fits(
    a: tuple[int, ...], b: tuple[int, ...]
) -> None:
    x, y = torch.ones(a), torch.ones(b)
    try:
        x * y
    except RuntimeError as error:
        found = explain_error(error)
        assert found is not None
        assert found.kind == "broadcast"
        assert found.clash is not None
        assert [place - len(found.clash.rows[0][1]) for place in found.clash.bad] == sorted(mismatches(a, b))
        for remedy in found.remedies:
            assert remedy.checked
            eval(remedy.code, {"x": x, "y": y})
    else:
        assert not mismatches(a, b)


@settings(max_examples=150, deadline=None)
@given(SHAPES, SHAPES)
def test_whatever_does_not_multiply_is_explained_and_what_is_offered_fits(
    a: tuple[int, ...], b: tuple[int, ...]
) -> None:
    x, w = torch.ones(a), torch.ones(b)
    try:
        x @ w
    except RuntimeError as error:
        found = explain_error(error)
        assert found is not None
        assert found.kind == "matmul"
        for remedy in found.remedies:
            eval(remedy.code, {"x": x, "w": w})


@settings(max_examples=100, deadline=None)
@given(st.lists(SHAPES, min_size=2, max_size=3), st.integers(0, 2))
def test_whatever_does_not_join_is_explained_and_what_is_offered_fits(shapes: list[tuple[int, ...]], dim: int) -> None:
    tensors = [torch.ones(shape) for shape in shapes]
    try:
        torch.cat(tensors, dim)
    except (RuntimeError, IndexError) as error:
        found = explain_error(error)
        assert found is not None
        assert found.kind in ("cat", "dim")
        for remedy in found.remedies:
            eval(remedy.code, {"torch": torch, "tensors": tensors, "dim": dim})


def test_the_text_of_a_node_is_one_line() -> None:
    import ast

    tree = ast.parse("f(\n  a,\n  b,\n)", mode="eval")
    assert node_text(tree.body, "f(\n  a,\n  b,\n)") == "f(a, b)"
