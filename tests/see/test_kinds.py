"""Every kind of tensor is shown without an exception, with facts that make sense."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import torchmagic
from tests.see.tensor_kinds import KINDS, Dispatched, Ran, Subclass, nested, sparse
from torchmagic.observe.tensors import observe_tensor
from torchmagic.records import TensorRecord

warnings_off = pytest.mark.filterwarnings("ignore")  # torch's own, where a test makes a sparse or quantized tensor


def facts(record: TensorRecord) -> dict[str, Any]:
    found = {name: getattr(record, name) for name in TensorRecord.__dataclass_fields__}
    for part in (record.stats, record.histogram):
        found.update({name: getattr(part, name) for name in part.__dataclass_fields__} if part else {})
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind: str) -> None:
    make, wanted = KINDS[kind]
    record = observe_tensor(make(), "x")
    found = facts(record)
    assert {name: found[name] for name in wanted} == wanted
    assert record.dtype != "unknown"
    assert record.stats is not None or record.trouble
    assert TensorRecord.from_json(record.to_json()) == record or (record.stats and math.isnan(record.stats.mean or 0))


def test_symbols_stay_symbols_for_whoever_traces() -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    seen: list[TensorRecord] = []

    def step(x: torch.Tensor) -> torch.Tensor:
        seen.append(observe_tensor(x, "x"))
        assert torchmagic.inspect([x], "xs") is not None
        return x * 2

    traced = make_fx(step, tracing_mode="symbolic")(torch.ones(3, 4))
    assert (seen[0].shape, seen[0].nbytes, seen[0].contiguous) == ((-1, -1), None, None)
    assert traced(torch.ones(5, 2)).shape == (5, 2)
    assert len(traced.graph.nodes) == 3


def test_what_fails_for_one_tensor_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchmagic.observe import tensors, transfer

    def broken(*_: Any) -> Any:
        raise RuntimeError("CUDA error: device-side assert triggered\nmore")

    monkeypatch.setattr(tensors, "items_text", broken)
    record = observe_tensor(torch.ones(3), "x")
    assert record.trouble == "not read: CUDA error: device-side assert triggered"
    assert record.stats is not None
    monkeypatch.setattr(transfer, "fetch", broken)
    record = observe_tensor(torch.ones(30, 30), "x")
    assert record.trouble == "not read: CUDA error: device-side assert triggered"
    assert (record.picture, record.shape) == (None, (30, 30))


def test_every_dtype_that_torch_has_is_shown() -> None:
    for name in dir(torch):
        dtype = getattr(torch, name)
        if isinstance(dtype, torch.dtype) and not name.startswith(("q", "float6")):
            tensor = torch.zeros(64, dtype=torch.uint8).view(dtype)
            record = observe_tensor(tensor, name)
            assert (record.stats is None) == record.trouble.startswith("torch cannot read elements")
            assert record.nbytes == 64


@pytest.mark.slow
def test_a_hundred_million_elements() -> None:
    tensor = torch.ones(10**8)
    tensor[-1] = 3
    record = observe_tensor(tensor, "x")
    assert record.stats is not None
    assert record.stats.count == 10**8
    assert not record.stats.sampled
    assert (record.stats.minimum, record.stats.maximum) == (1.0, 3.0)
    assert record.stats.mean == pytest.approx(1 + 2e-8, abs=1e-9)
    assert record.histogram is not None
    assert record.histogram.sampled


@warnings_off
def test_inside_vmap_grad_and_jvp() -> None:
    seen: list[TensorRecord] = []

    def look(row: torch.Tensor) -> torch.Tensor:
        seen.append(torchmagic.inspect(row, "row"))  # type: ignore[arg-type]
        seen.append(torchmagic.inspect(row * 2, "twice"))  # type: ignore[arg-type]
        return (row * row).sum()

    rows = torch.arange(6.0).view(2, 3)
    plain = torch.vmap(lambda row: (row * row).sum())(rows)
    assert torch.equal(torch.vmap(look)(rows), plain)
    assert (seen[0].shape, seen[0].stats.count, seen[0].stats.of) == ((3,), 6, "the whole batch")  # type: ignore[union-attr]
    assert seen[1].stats.maximum == 10.0  # type: ignore[union-attr]
    seen.clear()
    assert torch.equal(torch.func.grad(look)(rows[0]), 2 * rows[0])
    assert (seen[0].value_text, seen[1].value_text) == ("[0, 1, 2]", "[0, 2, 4]")
    seen.clear()
    assert torch.equal(torch.vmap(torch.func.grad(look))(rows), 2 * rows)
    assert seen[0].stats.count == 6  # type: ignore[union-attr]
    seen.clear()
    torch.func.jvp(look, (rows[0],), (torch.ones(3),))
    assert seen[0].value_text == "[0, 1, 2]"
    seen.clear()
    torch.func.functionalize(look)(rows[0])
    assert "functionalize" in seen[0].trouble


@pytest.mark.slow
@warnings_off
@pytest.mark.skipif(torch.__version__ < "2.7", reason="the compiler of a torch older than 2.7 takes no slotted records")
def test_inside_a_compiled_function() -> None:
    seen: list[Any] = []

    def step(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        seen.append(torchmagic.inspect(y, "y"))
        return y + 1

    compiled = torch.compile(step, backend="eager")
    assert compiled(torch.ones(3)).tolist() == [3, 3, 3]
    assert compiled(torch.zeros(3)).tolist() == [1, 1, 1]
    assert [record.value_text for record in seen] == ["[2, 2, 2]", "[0, 0, 0]"]


@warnings_off
def test_while_tracing_nothing_of_ours_is_recorded() -> None:
    def step(x: torch.Tensor) -> torch.Tensor:
        assert observe_tensor(x, "x").value_text == "[1, 1, 1]"
        return x * 2

    traced = torch.jit.trace(step, torch.ones(3))
    assert sum(node.kind().startswith("aten::") for node in traced.graph.nodes()) == 1


def test_no_mode_of_the_users_sees_us() -> None:
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    class Dispatch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise Ran

    class Function(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            raise Ran

    tensors = [torch.ones(30, 30), nested(torch.jagged), sparse(torch.sparse_coo), torch.ones(3).as_subclass(Subclass)]
    with Function(), Dispatch():
        for tensor in tensors:
            assert observe_tensor(tensor, "x").stats is not None
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        assert observe_tensor(torch.tensor([1.0009765625] * 40), "x").stats.mean == 1.0009765625  # type: ignore[union-attr]


def test_the_code_of_a_subclass_would_be_noticed() -> None:
    with pytest.raises(Ran):
        torch.ones(3).as_subclass(Subclass).tolist()
    with pytest.raises(Ran):
        torch.ones(3).as_subclass(Dispatched) + 1
