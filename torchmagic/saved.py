"""Records to JSON and back: a small loader that checks every value against the field's type.

Written here because what torchmagic already depends on has none, and a general one would be the larger part.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import types
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from torchmagic.errors import TorchmagicError

_KIND = "torchmagic"
_ODD_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class _Misfit(Exception):
    """A value that does not fit its field; says where and what was expected."""


def to_json(record: Any) -> str:
    """A record as JSON text, with NaN and infinities as the strings "NaN", "Infinity" and "-Infinity".

    >>> from torchmagic.graph_records import GraphEdge, GraphRecord
    >>> to_json(GraphRecord((), (GraphEdge("a", "b"),)))[:34]
    '{"torchmagic": "GraphRecord", "nod'
    """
    return json.dumps({_KIND: type(record).__name__, **_fields(record)}, allow_nan=False)


def from_json(text: str | bytes, wanted: str = "") -> Any:
    """The record that :func:`to_json` wrote.

    Args:
        text: JSON.
        wanted: the name of the kind of record that it must be, or "" for any.

    Raises:
        TorchmagicError: the text is no JSON, no record, a record of another kind, or broken.

    >>> from torchmagic.records import TensorRecord
    >>> from_json(to_json(TensorRecord("x", "Tensor", (2,), "float32", "cpu"))).shape
    (2,)
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError, TypeError) as error:
        raise TorchmagicError(f"This is no JSON: {error}.", hint="Give what a record's to_json() returned.") from None
    kind = data.get(_KIND) if isinstance(data, dict) else None
    known = _kinds()
    if not isinstance(kind, str) or kind not in known:
        raise TorchmagicError("This JSON is no record of torchmagic.", hint="Give what a record's to_json() returned.")
    if wanted and kind != wanted:
        raise TorchmagicError(f"This is a {kind}, not a {wanted}.", hint=f"Use {kind}.from_json, or torchmagic.load.")
    try:
        return _record(known[kind], {key: value for key, value in data.items() if key != _KIND}, kind)
    except (_Misfit, RecursionError) as error:
        raise TorchmagicError(
            f"This {kind} is broken: {error}.", hint="It was changed, or written by another version of torchmagic."
        ) from None


def read_source(source: str | os.PathLike[str]) -> str | bytes:
    """JSON text itself, or what the file at a path holds.

    Raises:
        TorchmagicError: there is no such file.
    """
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return source
    try:
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:
        raise TorchmagicError(
            f"No record can be read from {str(source)[:80]!r}: {error}.", hint="Give a path, or the JSON itself."
        ) from None


@cache
def _kinds() -> dict[str, type]:
    """The records that stand by themselves."""
    from torchmagic import graph_records, live_records, records
    from torchmagic.shown import Shown

    found = {**vars(records), **vars(graph_records), **vars(live_records)}
    return {name: kind for name, kind in found.items() if type(kind) is type and Shown in kind.__bases__}


def _fields(record: Any) -> dict[str, Any]:
    return {each.name: _plain(getattr(record, each.name)) for each in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _fields(value) if dataclasses.is_dataclass(value) else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _record(kind: Any, data: Any, place: str) -> Any:
    if not isinstance(data, dict):
        raise _Misfit(f"{place} should be an object")
    hints = _hints(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise _Misfit(f"{place} has no field {unknown[0]!r}")
    values = {name: _value(hints[name], value, f"{place}.{name}") for name, value in data.items()}
    for each in dataclasses.fields(kind):
        if each.default is dataclasses.MISSING and each.name not in values:
            raise _Misfit(f"{place}.{each.name} is missing")
    return kind(**values)


def _value(hint: Any, value: Any, place: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (hint,) = (argument for argument in arguments if argument is not type(None))
        return _value(hint, value, place)
    if origin is tuple:
        return _tuple(arguments, value, place)
    if origin is Literal:
        if value in arguments and isinstance(value, str):
            return value
        raise _Misfit(f"{place} should be one of {', '.join(map(str, arguments))}")
    if dataclasses.is_dataclass(hint):
        return _record(hint, value, place)
    if hint is float:
        if isinstance(value, str) and value in _ODD_NUMBERS:
            return _ODD_NUMBERS[value]
        if type(value) in (int, float):
            return _float(value, place)
    elif type(value) is hint:
        return value
    raise _Misfit(f"{place} should be of type {hint.__name__}")


def _float(value: float, place: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _Misfit(f"{place} is too large") from None


def _tuple(arguments: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _Misfit(f"{place} should be a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(arguments[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if len(value) != len(arguments):
        raise _Misfit(f"{place} should have {len(arguments)} entries")
    return tuple(
        _value(hint, item, f"{place}[{i}]") for i, (hint, item) in enumerate(zip(arguments, value, strict=True))
    )
