"""Looking at tensors changes nothing about them, keeps nothing alive, and runs no code of the user's."""

from __future__ import annotations

import gc
import random
import warnings
import weakref
from typing import Any

import numpy as np
import pytest
import torch

import torchmagic
from torchmagic.errors import TorchmagicError
from torchmagic.observe.containers import observe_all, observe_found
from torchmagic.observe.tensors import observe_many, observe_tensor
from torchmagic.records import GroupRecord, TensorRecord


def test_reading_changes_nothing() -> None:
    weight = torch.ones(3, requires_grad=True)
    (weight * 2).sum().backward()
    result = weight * 2
    base = torch.randn(30, 30, dtype=torch.complex64)
    tensors = {"weight": weight, "result": result, "view": base[::2].conj(), "sparse": torch.eye(3).to_sparse()}
    node, grad = result.grad_fn, weight.grad
    assert grad is not None

    def state() -> list[Any]:
        return [
            torch.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state()[1].tolist(),
            [tensor._version for tensor in (*tensors.values(), grad, base)],
            [tensor.requires_grad for tensor in tensors.values()],
            [tensor.to_dense().resolve_conj().tolist() for tensor in tensors.values()],
            (weight.grad is grad, grad.tolist(), result.grad_fn is node, result.retains_grad),
            (
                torch.is_grad_enabled(),
                torch.get_num_threads(),
                torch.get_default_dtype(),
                torch.is_inference_mode_enabled(),
            ),
        ]

    before = state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = observe_many([(name, tensor, "") for name, tensor in tensors.items()])
    assert state() == before
    result.sum().backward()
    assert records[1].grad_fn == "MulBackward0"
    assert records[0].grad == "[2, 2, 2]"
    assert records[0].grad_norm == pytest.approx(12**0.5)


@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_user_s_own_guards_stay_as_they_are(guard: Any) -> None:
    with guard():
        before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        x = torch.ones(30, 30)
        assert observe_tensor(x, "x").stats is not None
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before
        assert (torch.ones(1, requires_grad=True) * 2).requires_grad == (guard is torch.enable_grad)


def test_looking_keeps_nothing_alive() -> None:
    x = torch.ones(1000, requires_grad=True)
    y = x * 2
    array = np.ones(1000)
    gone = [weakref.ref(x), weakref.ref(y), weakref.ref(array)]
    kept = observe_all({"x": x, "y": y, "list": [y, x], "array": array})
    del x, y, array
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3
    assert kept.tensors[0].name == "x"


def test_gradients_are_named_where_they_are_retained() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.sum().backward()
    assert observe_tensor(y, "y").grad == "[1, 1, 1]"


def test_what_is_asked_for_is_read_and_no_more() -> None:
    x = torch.rand(30, 30)
    plain = observe_tensor(x, "x", stats=False, plot=False)
    assert (plain.stats, plain.histogram, plain.picture) == (None, None, None)
    assert observe_tensor(x, "x", plot=False).stats is not None
    assert observe_tensor(x, "x", plot=False).histogram is None
    assert observe_tensor(x, "x", stats=False).picture is not None


def test_names_that_share_storage() -> None:
    x = torch.zeros(4, 4)
    records = observe_many([("x", x, ""), ("row", x[0], ""), ("y", x.clone(), "")], others=[("column", x[:, 0])])
    assert [record.shares for record in records] == [("row", "column"), ("x", "column"), ()]


def test_inspect_gives_a_record_or_a_tree() -> None:
    assert isinstance(torchmagic.inspect(torch.ones(2)), TensorRecord)
    assert isinstance(torchmagic.inspect(np.ones(2)), TensorRecord)
    tree = torchmagic.inspect([torch.ones(2)], "batch")
    assert isinstance(tree, GroupRecord)
    assert tree.tensors[0].name == "batch[0]"
    for nothing in (3, "x", None, [1, 2], {}, object(), torch, torch.float32):
        with pytest.raises(TorchmagicError) as caught:
            torchmagic.inspect(nothing, "nothing")
        assert "nothing is of type" in caught.value.message
        assert "Give a tensor" in caught.value.hint


def test_what_was_named_and_what_was_found() -> None:
    x = torch.ones(2)
    named = observe_all({"x": x, "3": 3, "batch": [x]})
    assert [record.name for record in named.tensors] == ["x"]
    assert [group.name for group in named.groups] == ["batch"]
    with pytest.raises(TorchmagicError, match="n is of type int, s is of type str"):
        observe_all({"n": 3, "s": "x"})
    found = observe_found(
        [("x", x, "new"), ("d['k']", x, "new"), ("y", x, "new"), ("z", torch.ones(1), "")], max_rows=2
    )
    assert [(record.name, record.change) for record in found.tensors] == [("x", "new"), ("y", "new")]
    assert found.more == 1
    assert found.tensors[0].shares == ("y",)
