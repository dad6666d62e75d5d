"""pandas objects as data: frames, series and indexes, column by column."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graders.engine.wire import WireError

Json = Any
_Code = Callable[[Any], Any]

#: pandas' own dtypes whose values are copied one by one.
_EXTENSION = re.compile(r"str|string|boolean|U?Int(8|16|32|64)|Float(32|64)|datetime64\[(s|ms|us|ns), [\w/+:-]{1,60}\]")

FRAME_KINDS = ("frame", "series", "index", "timestamp", "timedelta", "na")


class NotCopied(TypeError):
    """A pandas object with something in it that does not cross as data."""


def is_frame(value: object) -> bool:
    """Whether a value is a pandas object of exactly one of the kinds that are copied."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and type(value) in _kinds(pandas)


def encode_frame_data(value: Any, encode: _Code) -> Json:
    """The JSON for a pandas object; ``encode`` is for its parts.

    Raises:
        NotCopied: a column is of a dtype that the other side would not take.

    >>> import pandas
    >>> encode_frame_data(pandas.Index(["a", "b"], name="k"), lambda part: part)["t"]
    'index'
    """
    pandas = sys.modules["pandas"]
    if value is pandas.NA or value is pandas.NaT:
        return {"t": "na", "v": "NA" if value is pandas.NA else "NaT"}
    if type(value) is pandas.Timestamp:
        return {"t": "timestamp", "v": value.isoformat(), "tz": None if value.tz is None else str(value.tz)}
    if type(value) is pandas.Timedelta:
        return {"t": "timedelta", "v": value.isoformat()}
    if type(value) is pandas.DataFrame:
        columns = [_column(value.iloc[:, place].array, encode) for place in range(value.shape[1])]
        return {
            "t": "frame",
            "v": columns,
            "index": _index(value.index, encode),
            "names": _index(value.columns, encode),
        }
    if type(value) is pandas.Series:
        named = encode(value.name)
        return {"t": "series", "v": _column(value.array, encode), "index": _index(value.index, encode), "name": named}
    return {"t": "index", "v": _index(value, encode)}


def decode_frame_data(node: Mapping[str, Json], decode: _Code) -> Any:
    """The pandas object that JSON stands for.

    Raises:
        WireError: pandas is not to be had here, or the parts do not fit together.
    """
    try:
        import pandas
    except ImportError:
        raise WireError("a pandas object came, and the judge does not have pandas") from None
    kind = node["t"]
    if kind == "na":
        return {"NA": pandas.NA, "NaT": pandas.NaT}[node["v"]]
    if kind == "timestamp":
        stamp = pandas.Timestamp(str(node["v"]))
        return stamp if node.get("tz") is None or stamp.tz is None else stamp.tz_convert(str(node["tz"]))
    if kind == "timedelta":
        return pandas.Timedelta(str(node["v"]))
    if kind == "index":
        return _index_of(node["v"], decode)
    index = _index_of(node["index"], decode)
    if kind == "series":
        return pandas.Series(_column_of(node["v"], decode), index=index, name=decode(node["name"]))
    columns = [pandas.Series(_column_of(column, decode), index=index) for column in node["v"]]
    frame = pandas.concat(columns, axis=1) if columns else pandas.DataFrame(index=index)
    frame.columns = _index_of(node["names"], decode)
    return frame


def _kinds(pandas: Any) -> tuple[type, ...]:
    indexes = (pandas.Index, pandas.RangeIndex, pandas.MultiIndex, pandas.DatetimeIndex, pandas.TimedeltaIndex)
    single = (pandas.Timestamp, pandas.Timedelta, type(pandas.NaT), type(pandas.NA))
    return (pandas.DataFrame, pandas.Series, pandas.CategoricalIndex, *indexes, *single)


def _index(index: Any, encode: _Code) -> Json:
    pandas = sys.modules["pandas"]
    names = encode(list(index.names))
    if type(index) is pandas.RangeIndex:
        return {"k": "range", "v": [index.start, index.stop, index.step], "n": names}
    if type(index) is pandas.MultiIndex:
        return {
            "k": "multi",
            "v": [_column(index.get_level_values(i).array, encode) for i in range(index.nlevels)],
            "n": names,
        }
    return {"k": "plain", "v": _column(index.array, encode), "n": names}


def _index_of(node: Mapping[str, Json], decode: _Code) -> Any:
    import pandas

    names = decode(node["n"])
    if node["k"] == "range":
        start, stop, step = (int(part) for part in node["v"])
        return pandas.RangeIndex(start, stop, step, name=names[0])
    if node["k"] == "multi":
        return pandas.MultiIndex.from_arrays([_column_of(level, decode) for level in node["v"]], names=names)
    return pandas.Index(_column_of(node["v"], decode), name=names[0])


def _column(array: Any, encode: _Code) -> Json:
    """One column's values: as an array where NumPy has the dtype, else one by one."""
    pandas = sys.modules["pandas"]
    wrapped = getattr(pandas.arrays, "NumpyExtensionArray", None) or pandas.arrays.PandasArray  # before pandas 2.1
    array = np.asarray(array) if isinstance(array, wrapped) else array
    dtype = array.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        categories = _index(dtype.categories, encode)
        return {"k": "category", "v": encode(np.asarray(array.codes)), "c": categories, "o": bool(dtype.ordered)}
    if isinstance(dtype, np.dtype) and dtype.kind in "biufc":
        return {"k": "numpy", "v": encode(np.asarray(array))}
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        return {"k": "time", "v": encode(np.asarray(array).view(np.int64)), "d": dtype.str}
    if str(dtype) != "object" and not _EXTENSION.fullmatch(str(dtype)):
        raise NotCopied(f"columns of dtype {dtype} are not copied")
    return {"k": "values", "v": [encode(item) for item in array], "d": str(dtype)}


def _column_of(node: Mapping[str, Json], decode: _Code) -> Any:
    import pandas

    kind = node["k"]
    if kind == "category":
        return pandas.Categorical.from_codes(decode(node["v"]), _index_of(node["c"], decode), ordered=bool(node["o"]))
    if kind == "numpy":
        return decode(node["v"])
    if kind == "time":
        dtype = np.dtype(str(node["d"]))
        if dtype.kind not in "mM":
            raise WireError("a time that is none")
        return decode(node["v"]).view(dtype)
    values, name = [decode(item) for item in node["v"]], str(node["d"])
    if name == "object":
        return np.array([*values, None], object)[:-1]  # or NumPy would make a table of values that are sequences
    if not _EXTENSION.fullmatch(name):
        raise WireError(f"columns of dtype {name[:40]!r} are not copied")
    return pandas.array(values, dtype=name)
