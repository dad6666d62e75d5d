"""What a cell assigned, changed and took away: seen from states alone, in few words, with nothing kept alive."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from torchmagic.cellcode import cell_names, imports_first
from torchmagic.cellrun import CellWatch, View
from torchmagic.observe.changes import changes, deleted, states
from torchmagic.observe.names import user_variables

CHANGES: dict[str, tuple[str, dict[str, str]]] = {
    "new": ("y = x + 1", {"y": "new"}),
    "nothing": ("x.sum(); y = 3", {}),
    "another of the same kind": ("x = x + 1", {"x": "assigned anew"}),
    "reshaped": ("x = x.unsqueeze(1)", {"x": "(2,) → (2, 1)"}),
    "another dtype": ("x = x.double()", {"x": "float32 → float64"}),
    "another device": ("x = x.to('meta')", {"x": "device cpu → meta"}),
    "all at once": ("x = torch.ones(3, dtype=torch.int64)", {"x": "(2,) → (3,), float32 → int64"}),
    "in place": ("x += 1", {"x": "in place, version 0 → 1"}),
    "in place twice": ("x[0] = 1; x.mul_(2)", {"x": "in place, version 0 → 2"}),
    "flag set": ("x.requires_grad_()", {"x": "now requires grad"}),
    "flag lost": ("w = w.detach()", {"w": "requires_grad lost"}),
    "data swapped": ("x.data = torch.ones(3)", {"x": "(2,) → (3,)"}),
    "grad": ("(w * 2).sum().backward()", {"w": "grad set"}),
    "accumulated": ("(w * 2).sum().backward(); (w * 2).sum().backward()", {"w": "grad set"}),
    "grad changed": ("(v * 2).sum().backward()", {"v": "grad changed"}),
    "grad zeroed": ("v.grad.zero_()", {"v": "grad changed"}),
    "grad cleared": ("v.grad = None", {"v": "grad cleared"}),
    "in a container": ("d['k'] = x * 2", {"d['k']": "new"}),
    "deep in containers": ("n = {'k': [1, (x * 2,)]}", {"n['k'][1][0]": "new"}),
    "in a list": ("l[0] = l[0] * 2", {"l[0]": "assigned anew"}),
    "in a module": (
        "for p in m.parameters(): p.grad = torch.ones_like(p)\ntorch.optim.SGD(m.parameters(), 1.0).step()",
        {
            "m.weight": "in place, version 1 → 2, grad set",
            "m.bias": "in place, version 1 → 2, grad set",
            "p": "new",
        },
    ),
    "a view": ("u = x[:1]; u += 1", {"x": "in place, version 0 → 1", "u": "new"}),
    "an array": ("a = a + 1; b = a.astype('float32')", {"a": "assigned anew", "b": "new"}),
    "an array in place": ("a[1] = 7; b = a[:1]", {"a": "in place", "b": "new"}),
    "an array through its tensor": ("t = torch.from_numpy(a); t.mul_(2)", {"a": "in place", "t": "new"}),
    "an array only read": ("s = a.sum() + a[0]", {}),
    "an array's dtype": ("a = a.astype('float32')", {"a": "float64 → float32"}),
    "deleted": ("del x", {}),
    "deleted and made again": ("del x\nx = torch.ones(4)", {"x": "(2,) → (4,)"}),
    "a class": ("class C:\n    w = torch.ones(1)\nc = C()\nc.z = torch.ones(2)", {"c.z": "new"}),
    "a generator": ("g = (i * x for i in range(2))\nfirst = next(g)", {"first": "new"}),
    "a comprehension": ("out = [x * i for i in range(2)]", {"out[0]": "new", "out[1]": "new"}),
}


def fresh() -> dict[str, Any]:
    leaf = torch.ones(2, requires_grad=True)
    leaf.grad = torch.ones(2)
    return {
        "__name__": "__main__",
        "torch": torch,
        "x": torch.ones(2),
        "w": torch.ones(2, requires_grad=True),
        "v": leaf,
        "d": {},
        "l": [torch.ones(1)],
        "m": torch.nn.Linear(1, 1),
        "a": numpy.ones(3),
    }


@pytest.mark.parametrize("name", CHANGES)
def test_changes_in_words(name: str) -> None:
    source, wanted = CHANGES[name]
    namespace = fresh()
    before = states(namespace)
    exec(source, namespace)
    assert {name: what for name, _, what in changes(before, namespace)} == wanted


def test_what_was_deleted() -> None:
    namespace = fresh()
    before = states(namespace)
    exec("del x, l\nd = 3\nw = 'text'", namespace)
    assert deleted(before, namespace) == ["x"]


def test_inference_tensors_have_no_version() -> None:
    with torch.inference_mode():
        namespace: dict[str, Any] = {"x": torch.ones(2)}
    before = states(namespace)
    with torch.inference_mode():
        namespace["x"].add_(1)
    assert changes(before, namespace) == []


def test_looking_keeps_nothing_alive() -> None:
    namespace = fresh()
    watch = CellWatch(namespace)
    gone = weakref.ref(namespace["x"])
    watch.begin()
    exec("del x\ny = w * 2\nloss = y.sum()\nloss.backward()", namespace)
    assert gone() is None
    watch.end()
    assert watch.inspection() is not None
    watch.release()
    of = [weakref.ref(namespace.pop(name)) for name in ("y", "loss", "w")]
    gc.collect()
    assert [each() for each in of] == [None] * 3


def test_nothing_of_the_users_runs_because_we_look() -> None:
    ran: list[str] = []

    class Loud:
        def __getattr__(self, name: str) -> Any:
            ran.append(name)
            raise AttributeError(name)

        def __len__(self) -> int:
            ran.append("len")
            return 0

        def __eq__(self, other: object) -> bool:
            ran.append("eq")
            return True

        __hash__ = None  # type: ignore[assignment]

        @property
        def shape(self) -> Any:
            ran.append("shape")
            return ()

    class LoudDict(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            ran.append("items")
            return super().items()

        def __iter__(self) -> Any:
            ran.append("iter")
            return super().__iter__()

    class LoudTensor(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            ran.append("torch function")
            return super().__torch_function__(func, types, args, kwargs or {})

    subclass = torch.ones(2).as_subclass(LoudTensor)
    namespace: dict[str, Any] = {"loud": Loud(), "entries": LoudDict(t=torch.ones(1)), "sub": subclass}
    ran.clear()
    watch = CellWatch(namespace)
    watch.begin()
    namespace["other"] = Loud()
    namespace["again"] = namespace["sub"]
    watch.end()
    watch.inspection(View(all=True))
    assert ran == []


@pytest.mark.parametrize(
    ("source", "loaded"),
    [
        ("y = x + w", {"x", "w"}),
        ("def f(a):\n    return a * w\nf(x)", {"w", "f", "x"}),
        ("[i * x for i in data]", {"x", "data"}),
        ("lambda q: (q, r)", {"r"}),
        ("class C(Base):\n    def m(self): return t", {"Base", "t"}),
        ("await later(x)", {"later", "x"}),
        ("async def g():\n    async for v in source: yield v * s", {"source", "s"}),
        ("from math import *", set()),
        ("get_ipython().run_cell_magic('time', '', 'z = x + 1\\n')", {"get_ipython", "x"}),
        ("def f(:", set()),
    ],
)
def test_the_names_that_a_cell_loads(source: str, loaded: set[str]) -> None:
    assert set(cell_names(source).loaded) - {"range"} == loaded


@given(st.text(max_size=60))
def test_any_text_has_names_or_none(source: str) -> None:
    cell_names(source)
    imports_first(source, "torch")


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=8))
def test_hidden_variables_are_those_of_ipython(namespace: dict[str, int]) -> None:
    seen = {name for name, _ in user_variables({**namespace, "_": 1, "_i12": 2, "In": [], "x_": 3, "Input": 4})}
    assert {"x_", "Input"} <= seen
    assert not seen & {"_", "_i12", "In"}


def test_all_shows_what_was_only_read() -> None:
    namespace = fresh()
    watch = CellWatch(namespace, "y = x + w.sum()")
    watch.begin()
    exec("y = x + w.sum()", namespace)
    watch.end()
    touched, every = watch.inspection(), watch.inspection(View(all=True))
    assert touched is not None
    assert every is not None
    assert [record.name for record in touched.tensors] == ["y"]
    assert [record.name for record in every.tensors] == ["y", "x", "w"]


@pytest.mark.parametrize(
    ("sort", "names"),
    [("order", ["b", "c", "a"]), ("name", ["a", "b", "c"]), ("size", ["c", "a", "b"]), ("change", ["a", "b", "c"])],
)
def test_sorting(sort: Any, names: list[str]) -> None:
    namespace: dict[str, Any] = {"b": torch.ones(1), "c": torch.ones(1), "a": torch.ones(2)}
    watch = CellWatch(namespace, calls=False)
    watch.begin()
    namespace["b"] = torch.ones(1).double()[:0]
    namespace["c"] = torch.ones(9).double()
    namespace["a"] = namespace["a"] + 1
    watch.end()
    found = watch.inspection(View(sort=sort))
    assert found is not None
    if sort == "change":
        assert {record.name for record in found.tensors} == set(names)
        texts = [record.change for record in found.tensors]
        assert texts == sorted(texts)
    else:
        assert [record.name for record in found.tensors] == names


def test_a_namespace_of_thousands_is_seen_whole() -> None:
    namespace: dict[str, Any] = {f"v{i}": torch.ones(1) for i in range(6_000)}
    before = states(namespace)
    assert len(before) == 6_000
    namespace["v5999"].add_(1)
    namespace["new"] = torch.ones(1)
    assert [(name, what) for name, _, what in changes(before, namespace)] == [
        ("v5999", "in place, version 0 → 1"),
        ("new", "new"),
    ]


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_changed_in_place_is_seen(order: Any) -> None:
    a = numpy.zeros((400, 300), order=order)
    before = states({"a": a})
    assert changes(before, {"a": a}) == []
    a += 1
    assert [what for _, _, what in changes(before, {"a": a})] == ["in place"]


def test_arrays_that_cannot_be_read_are_let_be() -> None:
    class Odd(numpy.ndarray):
        def tobytes(self, *_: object) -> bytes:
            raise AssertionError("the user's code ran")

    values = {
        "o": numpy.array([1, None], dtype=object),
        "s": numpy.zeros(2).view(Odd),
        "r": numpy.zeros(2, dtype=[("x", "f4")]),
        "e": numpy.zeros((0, 3)),
        "z": numpy.array(3.0),
        "t": numpy.array(["a", "bc"]),
        "d": numpy.array(["2026-11-23"], dtype="datetime64[D]"),
    }
    assert changes(states(values), values) == []
