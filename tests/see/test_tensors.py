"""Every kind of tensor has a record; reading it changes nothing; statistics are those that torch computes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchmagic.observe import statistics as statistics_module
from torchmagic.observe.changes import changes, states
from torchmagic.observe.containers import observe_all
from torchmagic.observe.statistics import statistics
from torchmagic.observe.tensors import observe_tensor

_FLOAT8 = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]
_INTEGERS = [torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64]


def _quantized() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


def _sparse(layout: torch.layout) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.eye(4).to_sparse(layout=layout, **({"blocksize": (2, 2)} if "bs" in str(layout) else {}))


def _nested(layout: torch.layout) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=layout)


class _Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("do not look at me")


KINDS: dict[str, Callable[[], torch.Tensor]] = {
    "0-dim": lambda: torch.tensor(1.0),
    "empty": lambda: torch.empty(0),
    "empty 2-D": lambda: torch.empty(3, 0),
    "bool": lambda: torch.tensor([True, False]),
    **{str(dtype): (lambda dtype=dtype: torch.ones(3).to(dtype)) for dtype in [*_INTEGERS, *_FLOAT8]},  # type: ignore[misc]
    "half": lambda: torch.ones(3).half(),
    "bfloat16": lambda: torch.ones(3).bfloat16(),
    "complex": lambda: torch.tensor([1 + 2j]),
    "conj view": lambda: torch.tensor([1 + 2j]).conj(),
    "neg view": lambda: torch.tensor([1 + 2j]).conj().imag,
    "expanded": lambda: torch.ones(1).expand(10**6),
    "sliced": lambda: torch.ones(10, 10)[::3, 1:],
    "quantized": _quantized,
    "sparse coo": lambda: _sparse(torch.sparse_coo),
    "sparse csr": lambda: _sparse(torch.sparse_csr),
    "sparse csc": lambda: _sparse(torch.sparse_csc),
    "sparse bsr": lambda: _sparse(torch.sparse_bsr),
    "mkldnn": lambda: torch.ones(3).to_mkldnn(),
    "nested strided": lambda: _nested(torch.strided),
    "nested jagged": lambda: _nested(torch.jagged),
    "meta": lambda: torch.empty(3, device="meta"),
    "parameter": lambda: torch.nn.Parameter(torch.ones(2)),
    "uninitialized parameter": lambda: torch.nn.UninitializedParameter(),
    "uninitialized buffer": lambda: torch.nn.UninitializedBuffer(),
    "lying subclass": lambda: torch.ones(2).as_subclass(_Liar),
    "all NaN": lambda: torch.full((3,), math.nan),
    "all inf": lambda: torch.full((3,), math.inf),
    "requires grad": lambda: torch.ones(2, requires_grad=True) * 2,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_record(kind: str) -> None:
    record = observe_tensor(KINDS[kind](), "x")
    assert record.name == "x"
    assert record.dtype != "unknown"
    assert record.stats is not None or record.trouble or "complex" in record.dtype


def test_inference_mode_vmap_and_fake_tensors_have_records() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with torch.inference_mode():
        assert observe_tensor(torch.ones(2), "x").value_text == "[1, 1]"
    with FakeTensorMode():
        assert "no elements" in observe_tensor(torch.ones(2), "x").trouble
    seen = []
    torch.vmap(lambda row: seen.append(observe_tensor(row, "row")) or row)(torch.ones(2, 3))
    assert seen[0].shape == (3,)


def test_numpy_arrays() -> None:
    record = observe_tensor(np.array([[1.0, np.nan]]), "a")
    assert (record.kind, record.shape, record.dtype, record.stats.nans) == ("ndarray", (1, 2), "float64", 1)  # type: ignore[union-attr]
    assert observe_tensor(np.array(["x"]), "s").trouble


_shapes = st.lists(st.integers(0, 6), max_size=3)


@given(shape=_shapes, seed=st.integers(0, 99), odd=st.sampled_from([None, math.nan, math.inf, -math.inf]))
def test_statistics_are_torch_s(shape: list[int], seed: int, odd: float | None) -> None:
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if odd is not None and tensor.numel():
        tensor.view(-1)[0] = odd
    stats = statistics(tensor)
    usual = tensor[tensor.isfinite()]
    assert stats is not None
    assert (stats.count, stats.nans, stats.infs) == (
        tensor.numel(),
        int(tensor.isnan().sum()),
        int(tensor.isinf().sum()),
    )
    if usual.numel():
        wanted = (usual.min(), usual.max(), usual.mean())
        assert (stats.minimum, stats.maximum, stats.mean) == pytest.approx([float(x) for x in wanted])
    else:
        assert stats.minimum is stats.maximum is stats.mean is None
    if usual.numel() > 1:
        assert stats.std == pytest.approx(float(usual.std()))


@settings(max_examples=30)
@given(size=st.integers(1, 300), seed=st.integers(0, 99))
def test_chunks_add_up(size: int, seed: int) -> None:
    tensor = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_module, "CHUNK", 7)
        stats = statistics(tensor)
    assert stats is not None
    assert stats.mean == pytest.approx(float(tensor.mean()))
    if size > 1:
        assert stats.std == pytest.approx(float(tensor.std()))


@pytest.mark.parametrize("view", [lambda t: t, lambda t: t.T, lambda t: t[::2]], ids=["plain", "transposed", "strided"])
def test_large_tensors_are_sampled_and_say_so(view: Callable[[torch.Tensor], torch.Tensor], monkeypatch: Any) -> None:
    monkeypatch.setattr(statistics_module, "FULL", 1000)
    stats = statistics(view(torch.ones(300, 200)))
    assert stats is not None
    assert stats.sampled
    assert 500 <= stats.count <= 2100
    assert stats.mean == 1.0


def test_reading_changes_nothing() -> None:
    weight = torch.ones(3, requires_grad=True)
    (weight * 2).sum().backward()
    result = weight * 2
    before = (torch.get_rng_state(), weight._version, result._version, weight.grad.clone())  # type: ignore[union-attr]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for tensor in (weight, result):
            observe_tensor(tensor, "x")
    assert torch.equal(before[0], torch.get_rng_state())
    assert (weight._version, result._version) == before[1:3]
    assert torch.equal(before[3], weight.grad)  # type: ignore[arg-type]
    assert weight.requires_grad
    assert result.grad_fn is not None


def test_containers_modules_and_optimizers() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    names = {
        record.name for record in observe_all({"model": model, "batch": [torch.ones(1), (torch.ones(2),)]}).records
    }
    assert {"model.0.weight", "model.1.running_mean", "batch[0]", "batch[1][0]"} <= names
    assert any("momentum_buffer" in record.name for record in observe_all({"opt": optimizer}).records)


CHANGES: dict[str, tuple[str, dict[str, str]]] = {
    "new": ("y = x + 1", {"y": "new"}),
    "nothing": ("x.sum(); y = 3", {}),
    "another of the same kind": ("x = x + 1", {"x": "assigned anew"}),
    "reshaped": ("x = x.unsqueeze(1)", {"x": "shape (2,) → (2, 1)"}),
    "another dtype": ("x = x.double()", {"x": "float32 → float64"}),
    "in place": ("x += 1", {"x": "changed in place"}),
    "flag set": ("x.requires_grad_()", {"x": "now requires grad"}),
    "flag lost": ("w = w.detach()", {"w": "no longer requires grad"}),
    "grad": ("(w * 2).sum().backward()", {"w": "grad set"}),
    "accumulated": ("(w * 2).sum().backward(); (w * 2).sum().backward()", {"w": "grad set"}),
    "in a container": ("d['k'] = x * 2", {"d['k']": "new"}),
    "in a module": (
        "import torch\nfor p in m.parameters(): p.grad = torch.ones_like(p)\ntorch.optim.SGD(m.parameters(), 1.0).step()",
        {"m.weight": "changed in place, grad set", "m.bias": "changed in place, grad set", "p": "new"},
    ),
    "deleted": ("del x", {}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_in_words(name: str) -> None:
    source, wanted = CHANGES[name]
    namespace: dict[str, Any] = {
        "x": torch.ones(2),
        "w": torch.ones(2, requires_grad=True),
        "d": {},
        "m": torch.nn.Linear(1, 1),
    }
    before = states(namespace)
    exec(source, namespace)
    assert {name: what for name, _, what in changes(before, namespace)} == wanted


def test_looking_keeps_nothing_alive() -> None:
    import gc
    import weakref

    namespace: dict[str, Any] = {"x": torch.ones(5)}
    gone = weakref.ref(namespace["x"])
    before = states(namespace)
    del namespace["x"]
    gc.collect()
    assert gone() is None
    assert before["x"].tensor() is None
