"""Every record survives JSON, whatever is in it; what is no record is refused in words."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchmagic
from torchmagic import graph_records, records
from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.records import Comparison, Explanation, GroupRecord, Inspection, Stats, TensorRecord
from torchmagic.shown import Shown

SHOWN = [TensorRecord, GroupRecord, Inspection, Comparison, Explanation, GraphRecord]

_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**70), 2**70),
    str: st.text(st.characters(), max_size=8) | st.just("\ud800</script>\x00"),
    float: st.floats(),
    bool: st.booleans(),
    type(None): st.none(),
}


def values(hint: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Anything that a field of that type may hold; trees are three levels deep at the most."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.just(()) if depth > 3 else st.lists(values(arguments[0], depth + 1), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(argument, depth) for argument in arguments))
    if arguments:
        return st.one_of(*(values(argument, depth) for argument in arguments))
    hints = get_type_hints(hint)
    return st.builds(hint, **{name: values(each, depth) for name, each in hints.items()})


def same(one: Any, two: Any) -> bool:
    """Equality by which NaN equals itself."""
    if isinstance(one, float) and isinstance(two, float):
        return one == two or (math.isnan(one) and math.isnan(two))
    if isinstance(one, tuple):
        return isinstance(two, tuple) and len(one) == len(two) and all(map(same, one, two))
    if dataclasses.is_dataclass(one):
        return type(one) is type(two) and all(
            same(getattr(one, each.name), getattr(two, each.name)) for each in dataclasses.fields(one)
        )
    return type(one) is type(two) and bool(one == two)


def strictly(text: str) -> Any:
    """JSON as others read it: without Python's NaN."""

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.slow
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(record=st.one_of(*map(values, SHOWN)))
def test_any_record_comes_back(record: Any) -> None:
    text = record.to_json()
    strictly(text)
    text.encode("utf-8")
    assert same(type(record).from_json(text), record)
    assert same(torchmagic.load(text), record)


def test_the_comparison_can_fail() -> None:
    x = TensorRecord("x", "Tensor", (2,), "float32", "cpu", stats=Stats(2, 0.0, 1.0, math.nan, None, 0, 0, 0))
    assert same(x, TensorRecord.from_json(x.to_json()))
    assert not same(x, dataclasses.replace(x, shape=(3,)))
    assert not same(x, dataclasses.replace(x, stats=None))


def test_every_record_that_shows_itself_is_meant() -> None:
    found = {
        kind
        for kind in {**vars(records), **vars(graph_records)}.values()
        if isinstance(kind, type) and issubclass(kind, Shown)
    } - {Shown}
    assert found == set(SHOWN)


def test_a_real_tree_and_a_file(tmp_path: Path) -> None:
    record = torchmagic.inspect({"model": torch.nn.Linear(2, 3), "x": torch.tensor([math.nan, math.inf])}, "all")
    path = tmp_path / "record.json"
    path.write_text(record.to_json(), encoding="utf-8")
    assert torchmagic.load(path) == record
    assert torchmagic.load(str(path)) == record


GOOD = json.loads(TensorRecord("x", "Tensor", (2,), "float32", "cpu").to_json())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "no record"),
        ('{"a": 1}', "no record"),
        ('{"torchmagic": []}', "no record"),
        ('{"torchmagic": "Shown"}', "no record"),
        ('{"torchmagic": "Stats", "count": 1}', "no record"),
        ('{"torchmagic": "GroupRecord", "name": "a", "kind": "b"}', "is a GroupRecord, not a TensorRecord"),
        (json.dumps({key: value for key, value in GOOD.items() if key != "dtype"}), "TensorRecord.dtype is missing"),
        (json.dumps({**GOOD, "evil": 1}), "has no field 'evil'"),
        (json.dumps({**GOOD, "shape": "ab"}), "TensorRecord.shape should be a list"),
        (json.dumps({**GOOD, "shape": [1, "2"]}), "TensorRecord.shape[1] should be of type int"),
        (json.dumps({**GOOD, "shape": [True]}), "TensorRecord.shape[0] should be of type int"),
        (json.dumps({**GOOD, "is_leaf": 1}), "TensorRecord.is_leaf should be of type bool"),
        (json.dumps({**GOOD, "name": None}), "TensorRecord.name should be of type str"),
        (json.dumps({**GOOD, "grad_norm": "nan"}), "TensorRecord.grad_norm should be of type float"),
        (json.dumps({**GOOD, "grad_norm": 10**400}), "TensorRecord.grad_norm is too large"),
        (json.dumps({**GOOD, "stats": []}), "TensorRecord.stats should be an object"),
        (json.dumps({**GOOD, "picture": {"kind": "video"}}), "TensorRecord.picture.kind should be one of heatmap, rgb"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused(text: str, said: str) -> None:
    with pytest.raises(TorchmagicError) as caught:
        TensorRecord.from_json(text)
    assert said in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    for source in (tmp_path / "none.json", "no\0path", str(tmp_path)):
        with pytest.raises(TorchmagicError, match="No record can be read"):
            torchmagic.load(source)
