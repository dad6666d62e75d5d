"""Arrays of NumPy, and of JAX and TensorFlow where those are imported: the same facts, and nothing imported for them."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchmagic.observe.sharing import sharing
from torchmagic.observe.tensors import is_observable, observe_tensor

ROOT = Path(__file__).parents[2]


class Ran(BaseException):
    """Code of the user's has run."""


class Ours(np.ndarray):
    @property
    def shape(self) -> Any:  # type: ignore[override]
        raise Ran

    def __array_finalize__(self, obj: Any) -> None: ...

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise Ran

    def __repr__(self) -> str:
        raise Ran


class Speaks:
    def __repr__(self) -> str:
        raise Ran


def frozen() -> Any:
    array = np.arange(30.0).reshape(5, 6)
    array.flags.writeable = False
    return array


#: how to make it, and what of its record is known
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "2-D": (lambda: np.array([[1.0, np.nan]]), {"kind": "ndarray", "shape": (1, 2), "dtype": "float64", "value_text": "[[1, nan]]", "nbytes": 16, "strides": (2, 1)}),
    "0-dim": (lambda: np.array(3), {"shape": (), "value_text": "3"}),
    "empty": (lambda: np.zeros((0, 3)), {"shape": (0, 3), "value_text": None}),
    "bool": (lambda: np.array([True, False]), {"value_text": "[True, False]"}),
    "uint16": (lambda: np.ones(3, np.uint16), {"dtype": "uint16", "trouble": ""}),
    "half": (lambda: np.full(300, 6e4, np.float16), {"dtype": "float16"}),
    "long double": (lambda: np.ones(30, np.longdouble), {"trouble": ""}),
    "complex": (lambda: np.array([3 + 4j]), {"value_text": "[3+4j]"}),
    "many complex": (lambda: np.full((30, 30), 3 + 4j, np.complex64), {"picture": None, "trouble": ""}),
    "reversed": (lambda: np.arange(30.0).reshape(5, 6)[::-1], {"strides": (-6, 1), "contiguous": False, "is_view": True}),
    "read-only": (frozen, {"trouble": ""}),
    "big-endian": (lambda: np.arange(30, dtype=">f4").reshape(5, 6), {"dtype": ">f4", "trouble": ""}),
    "fields": (lambda: np.zeros(3, [("a", "i4"), ("b", "f8")]), {"shape": (3,), "value_text": "[(0, 0.), (0, 0.), (0, 0.)]"}),
    "a field": (lambda: np.zeros(30, [("a", "i1"), ("b", "f8")])["b"], {"strides": None, "trouble": ""}),
    "text": (lambda: np.array(["x", "<b>"]), {"dtype": "<U3", "value_text": "['x', '<b>']"}),
    "bytes": (lambda: np.array([b"x"]), {"dtype": "|S1"}),
    "dates": (lambda: np.array(["2024-02-01"], "datetime64[D]"), {"value_text": "['2024-02-01']"}),
    "durations": (lambda: np.array([3], "timedelta64[s]"), {"dtype": "timedelta64[s]"}),
    "objects": (lambda: np.array([Speaks(), None], object), {"dtype": "object", "value_text": None}),
    "subclass": (lambda: np.ones(3).view(Ours), {"kind": "Ours", "shape": (3,), "value_text": "[1, 1, 1]"}),
    "masked": (lambda: np.ma.array([1.0, 9.0, 3.0], mask=[0, 1, 0]), {"kind": "MaskedArray", "shape": (3,), "trouble": "1 elements are masked"}),
    "matrix": (lambda: quietly(lambda: np.matrix([[1, 2]])), {"kind": "matrix", "shape": (1, 2)}),
    "broadcast": (lambda: np.broadcast_to(np.float32(2.0), (10**6, 10**6)), {"shape": (10**6, 10**6), "strides": (0, 0)}),
}  # fmt: skip


def quietly(make: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array(kind: str) -> None:
    make, wanted = KINDS[kind]
    record = observe_tensor(make(), "a")
    assert {name: getattr(record, name) for name in wanted} == wanted
    assert record.device == "cpu"
    assert record.stats is not None or record.trouble


@settings(deadline=None)
@given(
    shape=st.lists(st.integers(0, 6), max_size=3),
    dtype=st.sampled_from(["f4", "f8", "f2", "i8", "u2", "?", "c8", ">f4", ">i2"]),
    way=st.sampled_from(["plain", "reversed", "transposed", "stepped", "frozen"]),
    seed=st.integers(0, 99),
)
def test_statistics_are_numpy_s(shape: list[int], dtype: str, way: str, seed: int) -> None:
    array = (np.random.default_rng(seed).standard_normal(shape) * 3).clip(0 if dtype == "u2" else -99).astype(dtype)
    if way == "reversed" and array.ndim:
        array = array[::-1]
    array = array.T if way == "transposed" else array[..., ::2] if way == "stepped" and array.ndim else array
    array = np.asarray(array)
    array.flags.writeable = way != "frozen"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record = observe_tensor(array, "a")
    stats = record.stats
    assert stats is not None
    wide = np.abs(array).astype("f8") if dtype == "c8" else array.astype("f8")
    assert stats.count == array.size
    assert stats.zeros == int((wide == 0).sum())
    if array.size:
        assert (stats.minimum, stats.maximum) == (pytest.approx(wide.min()), pytest.approx(wide.max()))
        assert stats.mean == pytest.approx(wide.mean(), rel=1e-5, abs=1e-5)
    if array.size > 1:
        assert stats.std == pytest.approx(wide.std(ddof=1), rel=1e-3, abs=1e-5)
    if record.picture is not None and record.picture.kind == "heatmap" and record.picture.low != record.picture.high:
        assert record.picture.pixels[int(wide.argmax())] == 255


def test_a_picture_of_a_reversed_array_is_not_reversed() -> None:
    picture = observe_tensor(np.arange(30.0).reshape(5, 6)[::-1], "a").picture
    assert picture is not None
    assert picture.pixels.index(255) == 5


@pytest.mark.parametrize("way", ["plain", "reversed", "frozen", "big-endian"])
def test_a_large_array_is_not_copied(way: str) -> None:
    array = np.ones(10**7, ">f4" if way == "big-endian" else "f4")
    array = array[::-1] if way == "reversed" else array
    array.flags.writeable = way != "frozen"
    observe_tensor(array[:10], "a")
    tracemalloc.start()
    record = observe_tensor(array, "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert record.stats is not None
    assert record.stats.mean == 1.0
    assert peak < array.nbytes / 4
    assert array.flags.writeable == (way != "frozen")


def test_arrays_and_tensors_that_share_memory() -> None:
    import torch

    array = np.zeros((4, 4))
    tensor = torch.from_numpy(array[1:])
    pairs: list[tuple[str, object]] = [("a", array), ("row", array[2]), ("back", array[::-1]), ("t", tensor)]
    pairs += [
        ("n", tensor[0].numpy()),
        ("other", np.zeros(4)),
        ("copy", array.copy()),
        ("m", torch.empty(3, device="meta")),
    ]
    found = sharing(pairs)
    assert found["a"] == ("row", "back", "t", "n")
    assert found["n"] == ("a", "row", "back", "t")
    assert set(found) == {"a", "row", "back", "t", "n"}
    weight = torch.nn.Parameter(torch.ones(3))
    assert sharing([("w", weight), ("tied", weight), ("d", weight.detach())])["w"] == ("tied", "d")
    meta = torch.empty(3, device="meta")
    assert sharing([("m", meta), ("v", meta[1:]), ("e", torch.empty(0)), ("f", torch.empty(0))]) == {
        "m": ("v",),
        "v": ("m",),
    }


@pytest.mark.parametrize("value", [[1.0], 3, None, "x", np.float32(3), object(), np, int])
def test_what_is_no_array(value: object) -> None:
    assert not is_observable(value)
    with pytest.raises(TypeError, match="x is of type"):
        observe_tensor(value, "x")


_JAX = """
import sys, types, numpy
jax, jaxlib = types.ModuleType("jax"), types.ModuleType("jaxlib")
class Array: pass
class Tracer(Array): __module__ = "jax._src"; shape, dtype = (2, 3), numpy.dtype("float32")
class ArrayImpl(Array):
    __module__ = "jaxlib._jax"
    def __init__(self, array, device="TFRT_CPU_0", deleted=False, addressable=True):
        self._array, self._device, self._deleted, self.is_fully_addressable = array, device, deleted, addressable
    shape, dtype, nbytes = (property(lambda self, name=name: getattr(self._array, name)) for name in ("shape", "dtype", "nbytes"))
    def devices(self):
        if self._deleted: raise RuntimeError("Array has been deleted")
        return {self._device}
    def is_deleted(self): return self._deleted
    def __array__(self, *args, **kwargs):
        assert not self._deleted and self.is_fully_addressable
        return self._array
jax.Array, jax.core = Array, types.SimpleNamespace(Tracer=Tracer)
sys.modules.update(jax=jax, jaxlib=jaxlib)
"""
_TENSORFLOW = """
import sys, types, numpy
tensorflow = types.ModuleType("tensorflow")
class Shape(list):
    rank = property(lambda self: None if self == [None] else len(self))
    def as_list(self): return list(self)
class Tensor: __module__ = "tensorflow.python.framework.ops"
class Symbolic(Tensor):
    __module__ = "tensorflow.python.framework.ops"
    shape, dtype, device = Shape([None, 3]), types.SimpleNamespace(name="float32", size=4), ""
class EagerTensor(Tensor):
    __module__ = "tensorflow.python.framework.ops"
    device = "/job:localhost/replica:0/task:0/device:CPU:0"
    def __init__(self, array): self._array = array
    shape = property(lambda self: Shape(self._array.shape))
    dtype = property(lambda self: types.SimpleNamespace(name=str(self._array.dtype), size=self._array.dtype.itemsize))
    def numpy(self): return self._array
class Variable:
    __module__ = "tensorflow.python.ops.resource_variable_ops"
    device, shape, dtype, trainable = "/device:GPU:0", Shape([2]), types.SimpleNamespace(name="float32", size=4), True
    def numpy(self): return numpy.ones(2, "float32")
tensorflow.Tensor, tensorflow.Variable = Tensor, Variable
sys.modules["tensorflow"] = tensorflow
"""
_SHOW = """
import sys
from torchmagic import inspect
def show(value):
    r = inspect(value, "x")
    print(r.kind, r.shape, r.dtype, r.device, r.nbytes, r.value_text, r.stats and r.stats.mean, r.trouble, sep="|")
"""
_CASES = """
import torch
inspect(torch.ones(3))
print("jax" in sys.modules, "tensorflow" in sys.modules)
{jax}
show(ArrayImpl(numpy.arange(3, dtype="float32")))
show(ArrayImpl(numpy.ones((40, 2), "int32"), "cuda:0"))
show(ArrayImpl(numpy.ones(3), deleted=True))
show(ArrayImpl(numpy.ones(3), addressable=False))
show(ArrayImpl(numpy.broadcast_to(numpy.float32(1), (10**9,)), "cuda:0"))
show(Tracer())
{tensorflow}
show(EagerTensor(numpy.ones((2, 2), "float32")))
show(EagerTensor(numpy.array([b"a"], object)))
show(Variable())
show(Symbolic())
"""


@pytest.mark.slow
def test_arrays_of_jax_and_tensorflow_and_nothing_imported_for_them() -> None:
    code = _SHOW + _CASES.format(jax=_JAX, tensorflow=_TENSORFLOW)
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "False False",
        "Array|(3,)|float32|TFRT_CPU_0|12|[0, 1, 2]|1.0|",
        "Array|(40, 2)|int32|cuda:0|320|None|1.0|",
        "Array|(3,)|float64|unknown|None|None|None|its memory was freed",
        "Array|(3,)|float64|TFRT_CPU_0|24|None|None|part of it is on other machines",
        "Array|(1000000000,)|float32|cuda:0|4000000000|None|None|its elements stay on cuda:0: too many to copy for a look",
        "Tracer|(2, 3)|float32|unknown|None|None|None|stands for a value that is not computed yet",
        "EagerTensor|(2, 2)|float32|CPU:0|16|[[1, 1], [1, 1]]|1.0|",
        "EagerTensor|(1,)|object|CPU:0|8|None|None|no statistics of object elements",
        "Variable|(2,)|float32|GPU:0|8|[1, 1]|1.0|",
        "Symbolic|(-1, 3)|float32|unknown|None|None|None|stands for a value that is not computed yet",
    ]
