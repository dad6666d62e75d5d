"""Shapes as a test cell asks for them: sizes, wildcards, and named dims that mean the same size in every check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: What a check takes for a shape: sizes with None for any, or text such as ``"batch 3"``.
Shape = Sequence[int | None] | str


class Dims:
    """The sizes that named dims have been bound to; give one object to several checks and names mean the same size.

    Args:
        sizes: what is known beforehand, by name.

    >>> dims = Dims(batch=4)
    >>> dims.problem("batch features", (4, 3)), dims["features"]
    ('', 3)
    >>> dims.problem("batch features", (4, 2))
    'has shape (4, 2), expected (batch = 4, features = 3)'
    """

    def __init__(self, **sizes: int | tuple[int, ...]) -> None:
        self._sizes: dict[str, int | tuple[int, ...]] = dict(sizes)

    def __getitem__(self, name: str) -> int | tuple[int, ...]:
        return self._sizes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._sizes

    def problem(self, wanted: Shape, shape: tuple[int, ...]) -> str:
        """Why a shape is not as wanted, or "": then its sizes are bound to the names.

        Raises:
            ValueError: ``wanted`` is no shape (the instructor's mistake).
        """
        parts = parse_shape(wanted)
        bound = _match(parts, shape, self._sizes)
        if bound is not None:
            self._sizes.update(bound)
            return ""
        return f"has shape {shape}, expected {self._text(parts)}"

    def _text(self, parts: Sequence[str | int | None]) -> str:
        texts = [self._part(part) for part in parts]
        return "(" + ", ".join(texts) + ("," if len(texts) == 1 and not texts[0].startswith("*") else "") + ")"

    def _part(self, part: str | int | None) -> str:
        if part is None:
            return "any"
        if isinstance(part, str) and part in ("...", "*"):
            return "..."
        if isinstance(part, str) and part.lstrip("*") in self._sizes:
            size = self._sizes[part.lstrip("*")]
            return f"{part} = {size}"
        return str(part)


def parse_shape(wanted: Shape) -> tuple[str | int | None, ...]:
    """The parts of a shape: sizes, None for any, names, and at most one ``*name`` or ``...`` for any number of dims.

    Raises:
        ValueError: it is no shape.

    >>> parse_shape("batch 3 _"), parse_shape((None, 2)), parse_shape("")
    (('batch', 3, None), (None, 2), ())
    """
    if not isinstance(wanted, str):
        return tuple(None if size is None else int(size) for size in wanted)
    parts = tuple(_parsed(word) for word in wanted.replace(",", " ").strip(" ()").split())
    if sum(_is_many(part) for part in parts) > 1:
        raise ValueError(f"a shape has at most one part of any length: {wanted!r}")
    return parts


def _parsed(word: str) -> str | int | None:
    if word == "_":
        return None
    if word.isdecimal():
        return int(word)
    if word in ("...", "*") or word.lstrip("*").isidentifier():
        return word
    raise ValueError(f"{word!r} is neither a size nor a name")


def _is_many(part: str | int | None) -> bool:
    return isinstance(part, str) and (part == "..." or part.startswith("*"))


def _match(
    parts: Sequence[str | int | None], shape: tuple[int, ...], known: Mapping[str, int | tuple[int, ...]]
) -> dict[str, int | tuple[int, ...]] | None:
    """What the names stand for in ``shape``; None where it does not fit."""
    many = next((place for place, part in enumerate(parts) if _is_many(part)), None)
    bound: dict[str, int | tuple[int, ...]] = {}
    if many is None:
        if len(parts) != len(shape):
            return None
        pairs: list[tuple[str | int | None, int]] = list(zip(parts, shape, strict=True))
    else:
        after = len(parts) - many - 1
        if len(shape) < many + after:
            return None
        middle = shape[many : len(shape) - after]
        name = str(parts[many]).lstrip("*.")
        if name and known.get(name, middle) != middle:
            return None
        if name:
            bound[name] = middle
        pairs = list(
            zip((*parts[:many], *parts[many + 1 :]), (*shape[:many], *shape[len(shape) - after :]), strict=True)
        )
    for part, size in pairs:
        if isinstance(part, str):
            if bound.get(part, known.get(part, size)) != size:
                return None
            bound[part] = size
        elif part not in (None, size):
            return None
    return bound
