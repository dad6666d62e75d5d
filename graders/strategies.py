"""Hypothesis strategies for the inputs of a student's function: shapes, tensors, and pairs that broadcast or multiply.

Give tuples of them to ``check_function``: ``inputs=arguments("n d", "d")``. The same name means the same size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from hypothesis import strategies as st

from graders.dims import Shape, parse_shape

Strategy = st.SearchStrategy[Any]

#: Tensors larger than this come from a seeded generator, all at once: an element each is slow to draw and to shrink.
_DRAWN = 64


def shapes(
    min_dims: int = 0, max_dims: int = 3, *, min_side: int = 1, max_side: int = 5
) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes, as tuples of sizes.

    >>> from hypothesis import find
    >>> find(shapes(1), lambda shape: len(shape) == 2)
    (1, 1)
    """
    side = st.integers(min_side, max_side)
    return st.lists(side, min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def tensors(
    draw: Any,
    shape: Shape | Strategy | None = None,
    dtype: torch.dtype | Sequence[torch.dtype] = torch.float32,
    elements: Strategy | None = None,
    *,
    requires_grad: bool = False,
    sizes: Mapping[str, int] | None = None,
    max_side: int = 5,
) -> torch.Tensor:
    """Tensors.

    Args:
        shape: sizes with None for any, text with named dims (``"n 3"``), or a strategy of shapes; None for any shape.
        dtype: one, or several of which each example has one.
        elements: a strategy of numbers; by default small ones that every operation keeps exact enough to compare.
        sizes: what the names in ``shape`` stand for; others are drawn.
        max_side: the largest size drawn.

    >>> from hypothesis import find
    >>> find(tensors("n 2"), lambda x: bool((x > 0).any()))
    tensor([[0., 1.]])
    """
    kind = dtype if isinstance(dtype, torch.dtype) else draw(st.sampled_from(list(dtype)))
    if shape is None:
        chosen = draw(shapes(max_side=max_side))
    elif isinstance(shape, st.SearchStrategy):
        chosen = tuple(draw(shape))
    else:
        chosen = _sizes(draw, shape, dict(sizes or {}), max_side)
    return _filled(draw, chosen, kind, elements).requires_grad_(requires_grad)


@st.composite
def arguments(draw: Any, *parts: Any, sizes: Mapping[str, int] | None = None, max_side: int = 5) -> tuple[Any, ...]:
    """Tuples of arguments, in which names of dims mean the same size.

    Args:
        parts: for each argument a shape as text (``"n d"``: a float32 tensor), a (shape, dtype) or (shape, dtype,
            elements), a strategy, or any other value, that is given as it is.
        sizes: what some names stand for.

    >>> from hypothesis import find
    >>> x, w = find(arguments("n d", "d"), lambda pair: pair[0].shape == (2, 3))
    >>> w.shape
    torch.Size([3])
    """
    bound = dict(sizes or {})
    made: list[Any] = []
    for part in parts:
        if isinstance(part, st.SearchStrategy):
            made.append(draw(part))
        elif isinstance(part, str):
            made.append(_filled(draw, _sizes(draw, part, bound, max_side), torch.float32, None))
        elif isinstance(part, tuple) and part and isinstance(part[0], str):
            elements = part[2] if len(part) > 2 else None
            made.append(_filled(draw, _sizes(draw, part[0], bound, max_side), part[1], elements))
        else:
            made.append(part)
    return tuple(made)


@st.composite
def broadcastable_pairs(
    draw: Any, dtype: torch.dtype = torch.float32, *, max_dims: int = 3, max_side: int = 4
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tensors whose shapes broadcast: dims of size 1 and missing dims on either side.

    >>> from hypothesis import find
    >>> a, b = find(broadcastable_pairs(), lambda pair: pair[0].shape != pair[1].shape)
    >>> (a + b).dim()
    1
    """
    whole = draw(shapes(0, max_dims, max_side=max_side))
    pair = []
    for _ in range(2):
        ones = draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole)))
        missing = draw(st.integers(0, len(whole)))
        shape = tuple(1 if one else size for size, one in zip(whole, ones, strict=True))[missing:]
        pair.append(_filled(draw, shape, dtype, None))
    return pair[0], pair[1]


@st.composite
def matmul_pairs(
    draw: Any, dtype: torch.dtype = torch.float32, *, batched: bool = False, max_side: int = 4
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tensors that ``@`` takes: (n, k) and (k, m); with ``batched`` also with dims in front that broadcast.

    >>> from hypothesis import find
    >>> a, b = find(matmul_pairs(), lambda pair: pair[0].shape[0] == 2)
    >>> (a @ b).shape
    torch.Size([2, 1])
    """
    n, k, m = (draw(st.integers(1, max_side)) for _ in range(3))
    front = draw(shapes(0, 2, max_side=3)) if batched else ()
    second = front[draw(st.integers(0, len(front))) :] if front else ()
    return _filled(draw, (*front, n, k), dtype, None), _filled(draw, (*second, k, m), dtype, None)


def _sizes(draw: Any, shape: Shape, bound: dict[str, int], max_side: int) -> tuple[int, ...]:
    """A shape with sizes for its names; new names are bound on the way."""
    found: list[int] = []
    for part in parse_shape(shape):
        if isinstance(part, int):
            found.append(part)
        elif part is None:
            found.append(draw(st.integers(1, max_side)))
        elif part == "..." or part.startswith("*"):
            found += draw(shapes(0, 2, max_side=max_side))
        else:
            if part not in bound:
                bound[part] = draw(st.integers(1, max_side))
            found.append(bound[part])
    return tuple(found)


def _filled(draw: Any, shape: tuple[int, ...], dtype: torch.dtype, elements: Strategy | None) -> torch.Tensor:
    count = 1
    for size in shape:
        count *= size
    if elements is None and count > _DRAWN:
        generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31 - 1)))
        whole = torch.randint(-20, 21, shape, generator=generator)
        return (whole / 4).to(dtype) if dtype.is_floating_point or dtype.is_complex else whole.to(dtype)
    numbers = draw(st.lists(_elements(dtype) if elements is None else elements, min_size=count, max_size=count))
    return torch.tensor(numbers, dtype=dtype).reshape(shape)


def _elements(dtype: torch.dtype) -> Strategy:
    """Numbers that shrink to small whole ones: quarters, which sums and products keep exact."""
    if dtype is torch.bool:
        return st.booleans()
    if not (dtype.is_floating_point or dtype.is_complex):
        return st.integers(0 if dtype is torch.uint8 else -20, 20)
    return st.one_of(st.integers(-5, 5).map(float), st.integers(-20, 20).map(lambda quarters: quarters / 4))
