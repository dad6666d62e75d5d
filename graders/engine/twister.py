"""The Mersenne twister behind torch's, NumPy's and Python's generators, and whether drawing leads from here to there.

Algorithm: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998); layouts: ``at::mt19937`` in PyTorch's
``MT19937RNGEngine.h`` and ``CPUGeneratorImpl.cpp``, ``numpy.random.RandomState.get_state``, ``random.getstate``.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

WORDS = 624
_MOST_BLOCKS = 10_000
_FEWEST_BLOCKS = 500
_CACHED_WITHIN = 64
#: at::CPUGeneratorImplState: seed, left, seeded, next, state, normal x, y, rho, is-valid, a float normal and its flag
_TORCH = struct.Struct(f"<Qii Q{WORDS}Q ddd i4x f?3x")


@dataclass(frozen=True, slots=True)
class Twister:
    """A Mersenne twister's state: its words, how many of them were drawn, and a normal number kept for later."""

    words: bytes
    drawn: int
    cached: float | None = None


def steps_between(start: Twister, end: Twister) -> bool:
    """Whether drawing from ``start`` leads to ``end``, within six million numbers or so.

    >>> generator = np.random.RandomState(1)
    >>> start = numpy_state(generator)
    >>> _ = generator.rand(1000)
    >>> steps_between(start, numpy_state(generator)), steps_between(numpy_state(generator), start)
    (True, False)
    """
    way = reached([start], end)
    return way is not None and way.kept


@dataclass(frozen=True, slots=True)
class Way:
    """How drawing leads to a state: from where, and whether it also leads to the normal number kept for later."""

    start: Twister
    kept: bool


def reached(starts: Sequence[Twister], end: Twister) -> Way | None:
    """From which of ``starts`` drawing leads to ``end``: within six million numbers or so from the first of them, and
    from all others together.

    All go on side by side, for the one that gets there mostly does so soon. To find that none does takes a second.

    >>> near = Twister(numpy_state(np.random.RandomState(1)).words, WORDS)
    >>> generator = np.random.RandomState(2)
    >>> far = numpy_state(generator)
    >>> _ = generator.rand(1000)
    >>> reached([near, far], numpy_state(generator)) == Way(far, True), reached([near], numpy_state(generator))
    (True, None)
    """
    if not 0 < end.drawn <= WORDS:
        return None
    for start in starts:
        if start.words == end.words and start.drawn <= end.drawn:
            return Way(start, end.cached == start.cached or _explained(end, b""))
    elsewhere = [start for start in starts if start.words != end.words]
    generators = [np.random.RandomState() for _ in elsewhere]
    for start, generator in zip(elsewhere, generators, strict=True):
        set_numpy(generator, replace(start, drawn=WORDS, cached=None))
    before = [start.words for start in elsewhere]
    enough = max(_MOST_BLOCKS // len(elsewhere), _FEWEST_BLOCKS) if elsewhere else 0
    for block in range(_MOST_BLOCKS if elsewhere else 0):
        for place, generator in enumerate(generators if block < enough else generators[:1]):
            generator.bytes(4 * WORDS)
            words = numpy_state(generator).words
            if words == end.words:
                start = elsewhere[place]
                return Way(start, end.cached == start.cached or _explained(end, before[place]))
            before[place] = words
    return None


def _explained(state: Twister, before: bytes) -> bool:
    """Whether a normal number kept for later is one that these words give, or they and those ``before`` them."""
    if state.cached is None:
        return True
    if not math.isfinite(state.cached):
        return False
    starts = [replace(state, drawn=drawn, cached=None) for drawn in range(state.drawn - 2, 0, -1)][:_CACHED_WITHIN]
    if before and state.drawn < _CACHED_WITHIN:
        starts += [Twister(before, WORDS - back) for back in range(4)]
    return any(draw(start) == state.cached for start in starts for draw in _NORMALS)


def _torch_normal(state: Twister) -> float | None:
    generator = torch.Generator()
    set_torch(generator, state)
    torch.randn((), generator=generator, dtype=torch.float64)
    return torch_state(generator).cached


def _numpy_normal(state: Twister) -> float | None:
    generator = np.random.RandomState()
    set_numpy(generator, state)
    generator.standard_normal()
    return numpy_state(generator).cached


def _python_normal(state: Twister) -> float | None:
    generator = random.Random()
    set_python(generator, state)
    generator.gauss(0.0, 1.0)
    return python_state(generator).cached


_NORMALS: tuple[Callable[[Twister], float | None], ...] = (_torch_normal, _numpy_normal, _python_normal)


def _words(values: Any) -> bytes:
    array: npt.NDArray[np.uint32] = np.asarray(values, dtype=np.uint32)
    return array.tobytes()


def torch_state(generator: torch.Generator) -> Twister:
    """Where a generator of torch's is."""
    fields = _TORCH.unpack(generator.get_state().numpy().tobytes())
    left, following, words, cached, valid = fields[1], fields[3], fields[4 : 4 + WORDS], fields[-5], fields[-3]
    return Twister(_words(words), WORDS if left == 1 else int(following), float(cached) if valid else None)


def set_torch(generator: torch.Generator, state: Twister) -> None:
    """Put a generator of torch's where ``state`` is; what seed it reports stays."""
    words = np.frombuffer(state.words, np.uint32).tolist()
    left, following = (1, 0) if state.drawn == WORDS else (WORDS + 1 - state.drawn, state.drawn)
    cached = state.cached or 0.0
    packed = _TORCH.pack(
        generator.initial_seed(),
        left,
        1,
        following,
        *words,
        0.0,
        cached,
        0.0,
        int(state.cached is not None),
        0.0,
        False,
    )
    generator.set_state(torch.frombuffer(bytearray(packed), dtype=torch.uint8))


def numpy_state(generator: Any) -> Twister:
    """Where a generator of NumPy's is."""
    _, words, drawn, has_cached, cached = generator.get_state()
    return Twister(_words(words), int(drawn), float(cached) if has_cached else None)


def set_numpy(generator: Any, state: Twister) -> None:
    """Put a generator of NumPy's where ``state`` is."""
    words = np.frombuffer(state.words, np.uint32)
    generator.set_state(("MT19937", words, state.drawn, int(state.cached is not None), state.cached or 0.0))


def python_state(generator: random.Random) -> Twister:
    """Where a generator of Python's is."""
    _, internal, cached = generator.getstate()
    return Twister(_words(internal[:-1]), int(internal[-1]), cached)


def set_python(generator: random.Random, state: Twister) -> None:
    """Put a generator of Python's where ``state`` is."""
    words = np.frombuffer(state.words, np.uint32).tolist()
    generator.setstate((3, (*words, state.drawn), state.cached))
