"""The vocabulary of explanations: shapes, dtypes and sizes as a beginner reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from torchmagic.records import Clash, Remedy

_DTYPES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "char": "int8",
    "byte": "uint8",
    "bool": "bool",
    "bfloat16": "bfloat16",
    "complexfloat": "complex64",
    "complexdouble": "complex128",
    "c10::half": "float16",
    "c10::bfloat16": "bfloat16",
    "unsigned char": "uint8",
    "signed char": "int8",
    "c10::complex<float>": "complex64",
    "c10::complex<double>": "complex128",
}


@dataclass(frozen=True)
class Finding:
    """What a rule says of a failure.

    Attributes:
        kind: a stable word.
        why: one sentence.
        clash: the sizes that do not fit.
        remedies: those that were found to fit.
        extra: further operands to show, as (name, role, value).
    """

    kind: str
    why: str
    clash: Clash | None = None
    remedies: tuple[Remedy, ...] = ()
    extra: tuple[tuple[str, str, object], ...] = field(default=())


def named(arg: Any, otherwise: str = "The tensor") -> str:
    """How the user wrote an argument; something else where there is none.

    >>> named(None)
    'The tensor'
    """
    return otherwise if arg is None else str(arg.text)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as Python writes it.

    >>> shape_text((3,)), shape_text(torch.Size([2, 3]))
    ('(3,)', '(2, 3)')
    """
    return str(tuple(shape))


def dtype_word(word: str) -> str:
    """The dtype's name as users write it, from the names that torch's messages use.

    >>> dtype_word("Long"), dtype_word("torch.float64"), dtype_word("unsigned char"), dtype_word("c10::Half")
    ('int64', 'float64', 'uint8', 'float16')
    """
    plain = word.strip().removeprefix("torch.")
    return _DTYPES.get(plain.lower(), _DTYPES.get(plain.lower().removesuffix("tensor"), plain))


def short_dtype(dtype: torch.dtype) -> str:
    """``float32`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def cast(dtype: torch.dtype | str) -> str:
    """The template of the method that gives a dtype.

    >>> cast(torch.float32), cast("int64"), cast("float16")
    ('{}.float()', '{}.long()', '{}.half()')
    """
    name = dtype if isinstance(dtype, str) else short_dtype(dtype)
    methods = {"float32": "float", "float64": "double", "int64": "long", "float16": "half", "bool": "bool"}
    return f"{{}}.{methods[name]}()" if name in methods else f"{{}}.to(torch.{name})"


def count(number: int, word: str) -> str:
    """A number with its noun.

    >>> count(1, "row"), count(3, "dimension")
    ('1 row', '3 dimensions')
    """
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def aligned(
    rows: Sequence[tuple[str, Sequence[int | str]]], bad: Sequence[int] = (), labels: Sequence[str] = ()
) -> Clash:
    """Sizes set under each other from the right, as broadcasting does; ``bad`` counts from the right, from -1.

    >>> aligned([("a", (5, 3)), ("b", (5,))], bad=[-1])
    Clash(rows=(('a', ('5', '3')), ('b', ('', '5'))), bad=(1,), labels=())
    """
    width = max((len(sizes) for _, sizes in rows), default=0)
    padded = tuple((name, (*("" for _ in range(width - len(sizes))), *map(str, sizes))) for name, sizes in rows)
    return Clash(padded, tuple(sorted(width + each for each in bad)), tuple(labels))


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...] | None:
    """The shape that shapes broadcast to, or None. (torch's own function would import its compiler.)

    >>> broadcast_shape((5, 1), (3,)), broadcast_shape((5, 3), (5,))
    ((5, 3), None)
    """
    if mismatches(*shapes):
        return None
    width = max(map(len, shapes), default=0)
    padded = [(*([1] * (width - len(shape))), *shape) for shape in shapes]
    return tuple(next((size for size in sizes if size != 1), 1) for sizes in zip(*padded, strict=True))


def mismatches(*shapes: Sequence[int]) -> list[int]:
    """The dimensions, counted from the right, in which shapes do not broadcast.

    >>> mismatches((5, 3), (5,)), mismatches((2, 1), (4,))
    ([-1], [])
    """
    width = max(map(len, shapes), default=0)
    found = []
    for place in range(-1, -width - 1, -1):
        sizes = {shape[place] for shape in shapes if len(shape) >= -place} - {1}
        if len(sizes) > 1:
            found.append(place)
    return found
