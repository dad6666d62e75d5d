"""Values as data: copies equal their originals, and no JSON from the other side does more than raise WireError."""

from __future__ import annotations

import contextlib
import datetime
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.engine.decoding import Decoder
from graders.engine.values import Encoder, NotData
from graders.engine.wire import WireError


def _refuse(value: object) -> dict[str, Any]:
    raise NotData(type(value).__name__)


def _elements(node: Mapping[str, Any], decoder: Decoder) -> torch.Tensor:
    return decoder.elements(node)


def round_trip(value: object) -> Any:
    encoder = Encoder(_refuse, lambda tensor, encoder: encoder.plain(tensor))
    node = encoder.encode(value)
    return Decoder(encoder.tensors, lambda node: node["h"], _elements).decode(node)


_plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.booleans(), inner, max_size=4)
        | st.sets(st.integers() | st.text(), max_size=4)
    ),
    max_leaves=25,
)


@given(value=_plain)
def test_plain_values_come_back_equal_and_of_the_same_type(value: object) -> None:
    copy = round_trip(value)
    assert copy == value
    assert type(copy) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        pd.Timestamp("2024-02-29 12:00:00.123456789"),
        pd.Timedelta(days=2, nanoseconds=5),
        range(2, 9, 3),
        slice(None, 4),
        Ellipsis,
        torch.float16,
        torch.device("cpu"),
        torch.Size([2, 3]),
        Fraction(2, 3),
        datetime.date(2026, 1, 2),
        Counter("aab"),
        OrderedDict(b=1, a=2),
        deque([1, 2]),
        frozenset({1}),
        10**400,
        -(10**400),
    ],
)
def test_other_plain_kinds(value: object) -> None:
    copy = round_trip(value)
    assert copy == value
    assert type(copy) is type(value)


def test_floats_that_json_lacks() -> None:
    nan, inf = round_trip([float("nan"), -math.inf])
    assert math.isnan(nan)
    assert inf == -math.inf


_DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.complex128, torch.int8,
    torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool,
    torch.float8_e4m3fn,
]  # fmt: skip


@pytest.mark.parametrize("dtype", _DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (2, 0, 4)], ids=str)
def test_tensors_keep_shape_dtype_and_elements(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    copy = round_trip(tensor)
    assert copy.dtype == dtype
    assert copy.shape == tensor.shape
    assert torch.equal(copy.to(torch.complex128), tensor.to(torch.complex128))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(6.0)[::2],
        torch.tensor([1 + 2j]).conj(),
        torch.ones(1).expand(4),
        torch.nn.Parameter(torch.ones(2)),
    ],
)
def test_views_are_copied_by_value(tensor: torch.Tensor) -> None:
    assert torch.equal(round_trip(tensor), tensor.detach())


def test_a_lying_subclass_is_only_its_elements() -> None:
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return True

    copy = round_trip(torch.zeros(2).as_subclass(Liar))
    assert type(copy) is torch.Tensor
    assert copy.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "array",
    [np.arange(6).reshape(2, 3), np.array([1.5, np.inf]), np.array(["a", "bc"]), np.array([True]), np.zeros((0, 2))],
)
def test_arrays(array: np.ndarray) -> None:  # type: ignore[type-arg]
    copy = round_trip(array)
    assert copy.dtype == array.dtype
    assert np.array_equal(copy, array)


def test_numpy_scalars() -> None:
    copy = round_trip(np.float32(1.5))
    assert type(copy) is np.float32
    assert copy == 1.5


def test_subclasses_of_plain_types_are_no_data() -> None:
    class AlwaysEqual(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    for value in (AlwaysEqual(3), type("L", (list,), {})(), type("S", (str,), {})("x")):
        with pytest.raises(NotData):
            round_trip(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(NotData, match="contain itself"):
        round_trip(loop)


_tags = st.sampled_from(
    [
        "list",
        "tuple",
        "set",
        "dict",
        "odict",
        "counter",
        "int",
        "float",
        "complex",
        "bytes",
        "range",
        "slice",
        "constant",
        "torch",
        "text",
        "tensor",
        "array",
        "scalar",
        "objects",
        "namedtuple",
        "ref",
        "size",
        "deque",
        "fraction",
        "frame",
        "series",
        "index",
        "timestamp",
        "na",
        "nonsense",
    ]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("tvidsknfh") | st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)
_nodes = st.recursive(
    _json,
    lambda inner: st.builds(
        lambda t, rest: {**rest, "t": t}, _tags, st.dictionaries(st.sampled_from("vidsknf"), inner, max_size=6)
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=400)
@given(node=_nodes)
def test_whatever_is_sent_is_decoded_or_a_wire_error(node: Any) -> None:
    decoder = Decoder({"0": torch.zeros(3)}, lambda node: object(), _elements)
    with contextlib.suppress(WireError):
        decoder.decode(node)


def test_a_tensor_whose_bytes_are_of_another_dtype_is_refused() -> None:
    decoder = Decoder({"0": torch.zeros(3)}, lambda node: None, _elements)
    with pytest.raises(WireError, match="dtype"):
        decoder.decode({"t": "tensor", "i": "0", "d": "torch.int64"})
