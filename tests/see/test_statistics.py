"""Statistics, histograms and pictures are those that plain torch computes, however they are computed here."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from torchmagic.observe import device_statistics, pieces, reductions, statistics, tensors
from torchmagic.observe.device_statistics import launch_summary
from torchmagic.observe.pictures import launch_picture
from torchmagic.observe.statistics import summarize
from torchmagic.observe.tensors import observe_many, observe_tensor
from torchmagic.observe.transfer import Reading, fetch, finish_all
from torchmagic.records import Histogram, Picture, Stats

DTYPES = [
    torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32,
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e5m2, torch.complex64, torch.complex128,
]  # fmt: skip
ODD = [math.nan, math.inf, -math.inf, 0.0, -0.0]


@st.composite
def strided(draw: st.DrawFn) -> torch.Tensor:
    """A tensor of any dtype, shape and strides, with odd numbers among its elements."""
    shape = draw(st.lists(st.integers(0, 7), max_size=4))
    dtype = draw(st.sampled_from(DTYPES))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    offset, spread = draw(st.sampled_from([(0, 1), (0, 40), (3, 0), (100, 1), (20, 0.01), (0, 1e-6)]))
    tensor = torch.randn(shape, generator=generator, dtype=torch.float64) * spread + offset
    if dtype.is_floating_point or dtype.is_complex:
        flat = tensor.view(-1)
        for place in draw(st.lists(st.integers(0, max(flat.numel() - 1, 0)), max_size=3)) if flat.numel() else []:
            flat[place] = draw(st.sampled_from(ODD))
    tensor = (tensor.abs() if "uint" in str(dtype) else tensor).to(dtype)
    for way in draw(st.lists(st.sampled_from(["transpose", "step", "narrow", "expand", "conj"]), max_size=3)):
        tensor = _view(tensor, way)
    return tensor


def _view(tensor: torch.Tensor, way: str) -> torch.Tensor:
    if way == "conj" and tensor.is_complex():
        return tensor.conj().resolve_conj()
    if not tensor.dim():
        return tensor
    if way == "transpose":
        return tensor.transpose(0, -1)
    if way == "step":
        return tensor[::2]
    if way == "narrow":
        return tensor[..., 1:]
    return tensor.unsqueeze(0).expand(3, *tensor.shape) if way == "expand" else tensor


def exact(tensor: torch.Tensor) -> torch.Tensor:
    """All elements (magnitudes, for complex ones) as flat float64."""
    return (tensor.abs() if tensor.is_complex() else tensor).to(torch.float64).reshape(-1)


def assert_is(stats: Stats, tensor: torch.Tensor) -> None:
    wide = exact(tensor)
    usual = wide[wide.isfinite()]
    assert stats.count == tensor.numel()
    assert stats.zeros == int((wide == 0).sum())
    assert stats.nans == int(wide.isnan().sum())
    assert stats.infs == int(wide.isinf().sum())
    if not usual.numel():
        assert stats.minimum is stats.maximum is stats.mean is stats.std is None
        return
    assert (stats.minimum, stats.maximum) == (usual.min().item(), usual.max().item())
    largest = usual.abs().max().item()
    assert stats.mean == pytest.approx(usual.mean().item(), rel=1e-6, abs=1e-6 * largest)
    if usual.numel() > 1:
        assert stats.std == pytest.approx(usual.std().item(), rel=1e-4, abs=2e-7 * largest)
    else:
        assert stats.std is None


def assert_counts(histogram: Histogram | None, stats: Stats, tensor: torch.Tensor) -> None:
    if stats.minimum is None or stats.minimum == stats.maximum:
        assert histogram is None
        return
    assert histogram is not None
    assert histogram.low <= stats.minimum
    assert histogram.high >= stats.maximum  # type: ignore[operator]
    assert sum(histogram.counts) == stats.count - stats.nans - stats.infs
    assert 1 <= len(histogram.counts) <= 24
    edges = np.linspace(histogram.low, histogram.high, len(histogram.counts) + 1)
    wide = exact(tensor)
    wanted = np.histogram(wide[wide.isfinite()].numpy(), edges)[0].cumsum()
    near = 1e-5 * (abs(histogram.high) + abs(histogram.low))  # an element on an edge may fall either way
    for got, most, edge in zip(itertools.accumulate(histogram.counts), wanted, edges[1:], strict=True):
        slack = int(((wide - edge).abs() <= near).sum())
        assert abs(got - int(most)) <= slack


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(tensor=strided(), chunk=st.sampled_from([1, 5, 1 << 19]), alone=st.sampled_from([0, 1 << 16]))
def test_statistics_and_histogram_are_torch_s(tensor: torch.Tensor, chunk: int, alone: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in (pieces, statistics):
            patch.setattr(module, "CHUNK", chunk)
        patch.setattr(statistics, "ALONE", 2)  # the second chunk is taken in parts
        patch.setattr(reductions, "ALONE", alone)
        stats, histogram = summarize(tensor)
    assert_is(stats, tensor)
    if chunk > 5:
        assert_counts(histogram, stats, tensor)


@settings(deadline=None, max_examples=100)
@given(tensor=strided(), chunk=st.sampled_from([7, 1 << 24]))
def test_what_a_device_computes_is_the_same(tensor: torch.Tensor, chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device_statistics, "CHUNK", chunk)
        launched = launch_summary(tensor)
        ((stats, histogram),) = finish_all([launched])
    assert_is(stats, tensor)
    if chunk > 7:
        assert_counts(histogram, stats, tensor)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.full((5000,), 1e30),
        torch.tensor([1e38, -1e38, 3e38, -3e38] * 50),
        torch.tensor([1e200, 2e200, -1e200], dtype=torch.float64),
        torch.tensor([1e140, 2e140, -1e140], dtype=torch.float64),
        torch.tensor([6e4, -6e4] * 3000, dtype=torch.float16),
        torch.full((6 * 10**5,), 2**62, dtype=torch.int64),
        torch.cat([torch.zeros(10**5), torch.tensor([1e6])]),
        torch.arange(6 * 10**5) + 10**9,
        torch.randn(6 * 10**5) * 1e-3 + 1e4,
        torch.tensor([1e-44, 3e-45, 7e-45]),
        torch.tensor([1.0, 1.0 + 2**-23]),
        torch.linspace(-1e-30, 1e-30, 999),
    ],
    ids=lambda tensor: f"{tensor.dtype} {tensor.numel()} {tensor[0]:.3g}",
)
def test_extremes_neither_overflow_nor_cancel(tensor: torch.Tensor) -> None:
    for stats, histogram in (summarize(tensor), *finish_all([launch_summary(tensor)])[:1]):
        wide = tensor.double()
        assert stats.mean == pytest.approx(wide.mean().item(), rel=1e-6)
        scale = wide.abs().max()
        if scale > 1e154:
            assert stats.std == math.inf == tensor.std().item()
        else:
            assert stats.std == pytest.approx(((wide / scale).std() * scale).item(), rel=1e-3, abs=1e-9 * scale.item())
        assert histogram is None or sum(histogram.counts) in (
            tensor.numel(),
            len(tensor[:: max(1, -(-len(tensor) // (1 << 17)) | 1)]),
        )


def test_a_large_tensor_is_read_whole_and_its_histogram_is_sampled() -> None:
    tensor = torch.arange(3 * 10**6, dtype=torch.float32)
    stats, histogram = summarize(tensor)
    assert_is(stats, tensor)
    assert not stats.sampled
    assert histogram is not None
    assert histogram.sampled
    assert 10**5 < sum(histogram.counts) < 2 * 10**5
    assert max(histogram.counts) < 1.1 * min(histogram.counts)


@pytest.mark.parametrize(
    "way", [lambda t: t, lambda t: t.T, lambda t: t[:, ::2]], ids=["plain", "transposed", "strided"]
)
def test_beyond_a_size_a_part_is_read_and_the_record_says_so(way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "FULL", 10**4)
    monkeypatch.setattr(statistics, "CHUNK", 500)
    monkeypatch.setattr(pieces, "CHUNK", 500)
    stats, histogram = summarize(way(torch.ones(300, 200)))
    assert stats.sampled
    assert 4000 <= stats.count <= 16000
    assert stats.mean == 1.0
    assert histogram is None


def test_repetition_by_expand_costs_nothing_and_counts() -> None:
    stats, histogram = summarize(torch.tensor([[1.0], [4.0]]).expand(2, 10**12))
    assert (stats.count, stats.mean, stats.std) == (2 * 10**12, 2.5, pytest.approx(1.5))
    assert histogram is not None
    assert sum(histogram.counts) == 2 * 10**12


class Synchronisations(TorchDispatchMode):
    """Counts what would make the computer wait for a device: numbers taken out, and copies to the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).partition(".")[0] + "." + str(func).split(".")[1]
        to_cpu = name == "aten._to_copy" and str((kwargs or {}).get("device")) == "cpu"
        if name in ("aten._local_scalar_dense", "aten.nonzero", "aten.masked_select", "aten.index") or to_cpu:
            self.waits.append(name)
        return func(*args, **(kwargs or {}))


def test_a_device_is_waited_for_once_however_many_tensors() -> None:
    given = [torch.randn(300), torch.randn(40, 40).to(torch.bfloat16), torch.arange(99), torch.rand(3) > 0.5]
    given += [torch.tensor([1 + 1j] * 20), torch.zeros(0), torch.tensor([[math.nan, 2.0]]), torch.ones(1).expand(9, 9)]
    with Synchronisations() as counted:
        readings: list[Reading[Any]] = [launch_summary(tensor) for tensor in given]
        readings += [picture for tensor in given if (picture := launch_picture(tensor)) is not None]
        wanted = [tensor for reading in readings for tensor in reading.wanted]
        assert counted.waits == []
        arrived = iter(fetch(wanted, home="nowhere"))
        assert counted.waits == ["aten._to_copy"]
    results = [reading.finish(*(next(arrived) for _ in reading.wanted)) for reading in readings]
    for (stats, histogram), tensor in zip(results[: len(given)], given, strict=True):
        assert_is(stats, tensor)
        assert_counts(histogram, stats, tensor)


def test_the_count_of_waits_can_fail() -> None:
    with Synchronisations() as counted:
        torch.ones(3).sum().item()
        torch.ones(3).to("cpu", copy=True)
        torch.ones(3)[torch.ones(3) > 0]
    assert len(counted.waits) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_one_synchronisation_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [(f"x{i}", torch.randn(500, 500, device="cuda"), "") for i in range(5)]
    given += [("i", torch.arange(10**6, device="cuda"), ""), ("s", torch.ones(3, device="cuda"), "")]
    weight = torch.ones(100, device="cuda", requires_grad=True)
    (weight * 2).sum().backward()
    given.append(("w", weight, ""))
    observe_many(given)  # what torch loads at first may wait
    copies: list[int] = []
    real = tensors.finish_all

    def counted(readings: Any) -> Any:
        torch.cuda.set_sync_debug_mode("default")  # the one transfer is here
        copies.append(1)
        return real(readings)

    monkeypatch.setattr(tensors, "finish_all", counted)
    torch.cuda.set_sync_debug_mode("error")
    try:
        records = observe_many(given)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert copies == [1]
    for record, (_, tensor, _) in zip(records, given, strict=True):
        assert record.stats is not None
        assert_is(record.stats, tensor.detach().cpu())


def test_fetched_tensors_keep_shape_and_dtype() -> None:
    given = [
        torch.ones(3, dtype=torch.bool),
        torch.randn(2, 3),
        torch.arange(3),
        torch.tensor(1.5).double(),
        torch.empty(0),
    ]
    for before, after in zip(given, fetch(given, home="nowhere"), strict=True):
        assert before.dtype == after.dtype
        assert torch.equal(before, after)


def picture_of(tensor: torch.Tensor) -> Picture | None:
    return observe_tensor(tensor, "x").picture


def test_pictures() -> None:
    heat = picture_of(torch.arange(20.0).view(4, 5))
    assert heat is not None
    assert (heat.kind, heat.width, heat.height, heat.low, heat.high, heat.text) == ("heatmap", 5, 4, 0.0, 19.0, "")
    assert (heat.pixels[0], heat.pixels[-1]) == (0, 255)
    wide = picture_of(torch.ones(2, 1000))
    assert wide is not None
    assert (wide.width, wide.height, wide.text) == (48, 2, "every 21st column")
    large = picture_of(torch.rand(3, 224, 100))
    assert large is not None
    assert (large.kind, large.width, large.height, large.low, large.high) == ("rgb", 34, 45, 0.0, 1.0)
    assert large.text == "every 5th row and every 3rd column"
    last = picture_of(torch.randint(0, 256, (20, 20, 3), dtype=torch.uint8))
    assert last is not None
    assert (last.kind, last.high, len(last.pixels)) == ("rgb", 255.0, 1200)
    four = picture_of(torch.rand(4, 9, 9))
    assert four is not None
    assert four.text == "the first 3 of 4 channels"
    odd = picture_of(torch.tensor([[math.nan, 1.0], [2.0, math.inf]]).repeat(4, 4))
    assert odd is not None
    assert odd.pixels[:2] == (None, 0)
    for none in (torch.ones(50), torch.ones(1, 50), torch.ones(2, 3, 4), torch.ones(2, 2), torch.ones(3, 4, 5, 6)):
        assert picture_of(none) is None


@settings(deadline=None, max_examples=60)
@given(tensor=strided())
def test_any_picture_is_well_formed(tensor: torch.Tensor) -> None:
    picture = picture_of(tensor)
    if picture is not None:
        assert max(picture.width, picture.height) <= 48
        assert len(picture.pixels) == picture.width * picture.height * (1 if picture.kind == "heatmap" else 3)
        assert all(pixel is None or 0 <= pixel <= 255 for pixel in picture.pixels)
