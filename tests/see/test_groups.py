"""Containers, modules and optimizers as trees: names, totals, limits, and no code of the user's."""

from __future__ import annotations

from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from torchmagic.observe.groups import observe_group
from torchmagic.records import GroupRecord


def tree(value: object, **options: Any) -> GroupRecord:
    record = observe_group(value, "v", **options)
    assert record is not None
    assert GroupRecord.from_json(record.to_json()) == record
    return record


def names(record: GroupRecord) -> list[str]:
    """The tensors of the whole tree, in order."""
    return [tensor.name for tensor in record.tensors] + [name for group in record.groups for name in names(group)]


class Ran(BaseException):
    """Code of the user's has run."""


def raise_ran(*_: Any, **__: Any) -> Any:
    raise Ran


class Hostile:
    __len__ = __iter__ = __getattr__ = __repr__ = __str__ = __eq__ = __bool__ = raise_ran
    __class__ = property(raise_ran)  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class HostileDict(dict[Any, Any]):
    __len__ = __iter__ = __getitem__ = items = keys = values = __repr__ = __contains__ = get = raise_ran  # type: ignore[assignment]


class HostileList(list[Any]):
    __len__ = __iter__ = __getitem__ = __repr__ = __bool__ = raise_ran  # type: ignore[assignment]


class HostileModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    __len__ = __iter__ = __repr__ = extra_repr = _get_name = parameters = named_parameters = children = raise_ran


class HostileKey:
    __repr__ = __str__ = raise_ran

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise Ran


@dataclass
class Batch:
    x: Any
    y: Any = None
    step: int = 3
    notes: list[str] = field(default_factory=list)

    @property
    def lazy(self) -> Any:
        raise Ran

    def __getattribute__(self, name: str) -> Any:
        raise Ran


@dataclass(slots=True)
class Slots:
    x: Any
    missing: Any = field(init=False)


class Plain:
    __slots__ = ("__dict__", "held")

    def __init__(self) -> None:
        self.held = torch.ones(1)
        self.also = [torch.ones(2)]


Pair = namedtuple("Pair", "first second")
ONE, TWO = torch.ones(1), torch.ones(2)

CONTAINERS: dict[str, tuple[Any, str, list[str]]] = {
    "list": ([ONE, 3, TWO], "list of 3", ["v[0]", "v[2]"]),
    "tuple": ((ONE, (TWO,)), "tuple of 2", ["v[0]", "v[1][0]"]),
    "dict": ({"x": ONE, 3: TWO, ("a", 1): [ONE]}, "dict", ["v['x']", "v[3]", "v[('a', 1)][0]"]),
    "ordered dict": (OrderedDict(a=ONE), "OrderedDict", ["v['a']"]),
    "state dict": (nn.Linear(1, 1).state_dict(), "OrderedDict", ["v['weight']", "v['bias']"]),
    "named tuple": (Pair(ONE, 5), "Pair", ["v.first"]),
    "dataclass": (Batch(ONE, TWO), "Batch", ["v.x", "v.y"]),
    "dataclass with slots": (Slots(ONE), "Slots", ["v.x"]),
    "plain object": (Plain(), "Plain", ["v.held", "v.also[0]"]),
    "deque": (deque([ONE]), "deque of 1", ["v[0]"]),
    "set": ({ONE}, "set of 1", ["v element 0"]),
    "arrays": ({"a": np.ones(3)}, "dict", ["v['a']"]),
    "distribution": (torch.distributions.Normal(ONE, TWO), "Normal", ["v.loc", "v.scale"]),
    "packed sequence": (nn.utils.rnn.pack_sequence([torch.ones(2)]), "PackedSequence", ["v.data", "v.batch_sizes"]),
    "hostile dict": (HostileDict(x=ONE), "HostileDict", ["v['x']"]),
    "hostile list": (HostileList([ONE, Hostile()]), "HostileList of 2", ["v[0]"]),
    "hostile module": (HostileModule(), "HostileModule()", ["v.layer.weight", "v.layer.bias"]),
    "hostile key": ({HostileKey(): ONE}, "dict", ["v[…]"]),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers(kind: str) -> None:
    value, wanted, reached = CONTAINERS[kind]
    record = tree(value)
    assert record.kind == wanted
    assert sorted(names(record)) == sorted(reached)


def test_where_there_is_no_tensor() -> None:
    for value in ([], {}, (1, 2), Hostile(), HostileDict(), 3, None, int, torch, lambda: 3, Batch(3)):
        assert observe_group(value, "v") is None


def test_plain_values_are_facts() -> None:
    record = tree({"x": ONE, "epoch": 3, "lr": 0.1, "name": "a" * 99, "skip": [1, 2], "none": None})
    facts = dict(record.facts)
    assert (facts["epoch"], facts["lr"], facts["none"]) == ("3", "0.1", "None")
    assert len(facts["name"]) <= 48
    assert "skip" not in facts


def test_a_module() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.LazyLinear(4))
    model[0].bias.requires_grad_(False)
    model[2].eval()
    record = tree(model)
    assert record.kind == "Sequential()"
    assert record.facts == (("mode", "training"),)
    assert [group.kind.partition("(")[0] for group in record.groups] == ["Linear", "ReLU", "BatchNorm1d", "LazyLinear"]
    assert record.groups[0].kind == "Linear(in_features=2, out_features=3, bias=True)"
    assert record.groups[2].facts == (("mode", "evaluation"),)
    assert (record.numel, record.trainable) == (6 + 3 + 6 + 7, 6 + 6)
    assert record.nbytes == 4 * 21 + 8
    assert record.groups[3].tensors[0].trouble.startswith("not initialised yet")
    assert names(record)[:2] == ["v.0.weight", "v.0.bias"]


def test_tied_parameters_and_modules_count_once() -> None:
    model = nn.Module()
    model.embed, model.out = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    model.out.weight = model.embed.weight
    model.again = model.embed
    record = tree(model)
    assert (record.numel, record.trainable) == (15, 15)
    assert record.groups[0].tensors[0].shares == ("v.out.weight",)
    assert record.groups[2].facts == (("same as", "v.embed"),)


def test_an_optimizer() -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.5)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    record = tree(optimizer, names={id(model.weight): "model.weight", id(model.bias): "model.bias"})
    assert record.kind == "AdamW"
    assert dict(record.facts)["lr"] == "0.5"
    assert dict(record.facts)["betas"] == "(0.9, 0.999)"
    assert [tensor.name for tensor in record.tensors] == ["model.weight", "model.bias"]
    assert [group.name for group in record.groups] == ["model.weight state", "model.bias state"]
    assert {"model.weight state['exp_avg']", "model.bias state['step']"} <= set(names(record))
    two = torch.optim.SGD([{"params": [model.weight], "lr": 0.1}, {"params": [model.bias]}], lr=0.2, momentum=0.9)
    groups = tree(two).groups
    assert [dict(group.facts)["lr"] for group in groups] == ["0.1", "0.2"]
    assert groups[1].tensors[0].name == "v.param_groups[1]['params'][0]"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_scripted_module() -> None:
    record = tree(torch.jit.script(nn.Sequential(nn.Linear(2, 2))))
    assert (record.numel, names(record)) == (6, ["v.0.weight", "v.0.bias"])


def test_what_is_private_to_an_object_is_not_opened() -> None:
    class Frame:
        def __init__(self) -> None:
            self._blocks, self._index = [np.ones(3)], torch.ones(2)

    assert names(tree(Frame())) == ["v._index"]


def test_cycles_end() -> None:
    loop: list[Any] = [ONE]
    loop.append(loop)
    assert tree(loop).groups[0].facts == (("same as", "v"),)
    one, two = Batch(ONE), Batch(TWO)
    object.__setattr__(one, "y", two)
    object.__setattr__(two, "y", one)
    assert names(tree(one)) == ["v.x", "v.y.x"]


@pytest.mark.parametrize(
    "wrap", [lambda x: [x], lambda x: {"a": x}, lambda x: (x,), Batch], ids=["list", "dict", "tuple", "dataclass"]
)
def test_depth_is_limited_and_what_is_below_counts(wrap: Any) -> None:
    value: Any = [torch.ones(7), torch.ones(7)]
    for _ in range(3000):
        value = wrap(value)
    record = tree(value, depth=3)
    assert record.numel == 14
    for _ in range(2):
        (record,) = record.groups
    assert (record.groups, record.more, record.numel) == ((), 2, 14)


@pytest.mark.parametrize(
    "value",
    [[ONE] * 30_000, {i: [ONE.clone()] for i in range(20_000)}, [[i] for i in range(60_000)] + [ONE], nn.ModuleList(nn.Linear(1, 1) for _ in range(2000))],
    ids=["list", "dict of lists", "no tensors", "modules"],
)  # fmt: skip
def test_thousands_of_entries_are_bounded(value: Any) -> None:
    record = tree(value, max_rows=20)
    assert len(names(record)) <= 20
    assert record.more >= 1


@settings(deadline=None)
@given(
    st.recursive(
        st.integers(0, 9).map(torch.zeros) | st.integers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
        max_leaves=20,
    ),
    st.integers(1, 4),
    st.integers(1, 9),
)
def test_totals_do_not_depend_on_what_is_shown(value: Any, depth: int, rows: int) -> None:
    whole = observe_group(value, "v", depth=99, max_rows=99, stats=False)
    part = observe_group(value, "v", depth=depth, max_rows=rows, stats=False)
    if not isinstance(value, (list, dict)) or whole is None:
        assert part is None
        return
    assert part is not None
    assert (part.numel, part.nbytes) == (whole.numel, whole.nbytes)
    assert len(names(part)) <= rows

    def hidden(record: GroupRecord) -> int:
        return record.more + sum(map(hidden, record.groups))

    assert len(names(part)) + hidden(part) == len(names(whole))
