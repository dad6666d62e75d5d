"""Random generators that both processes share: what one seeds or draws, the other goes on from, as one process would.

torch's, NumPy's and Python's default generators are the same Mersenne twister. The judge lets a student's process say
how far it has drawn, never what comes next: a state is taken over only where the judge's own twister reaches it by
drawing from the state that both had, or from a seed that the instructor's own cells set. So no submission can choose
the random inputs that it is tested with.
"""

from __future__ import annotations

import _random
import ast
import ctypes
import functools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from graders.engine.given import parse_cell
from graders.engine.twister import (
    WORDS,
    Twister,
    numpy_state,
    python_state,
    reached,
    set_numpy,
    set_python,
    set_torch,
    steps_between,
    torch_state,
)
from graders.engine.values import Json
from graders.engine.wire import WireError

#: The generators behind random.random and np.random.rand and their like, whatever a submission puts in their places.
_PYTHON: Any = vars(random)["_inst"]
_NUMPY: Any = np.random.mtrand._rand
_SEEDING = {"seed", "manual_seed", "set_seed", "seed_everything", "seed_all", "manual_seed_all", "fix_seed"}


#: Places that the student's side was in without being believed, as many as are kept, less one.
_STRANGE = 3
#: What a fresh interpreter's torch starts with.
FRESH_TORCH_SEED = 67280421310721


@functools.lru_cache(maxsize=1024)
def declared_seeds(source: str) -> frozenset[int]:
    """The seeds that a cell sets, as far as they are written as numbers, there or where a name like ``seed`` gets one.

    >>> sorted(declared_seeds("torch.manual_seed(7); np.random.seed(3)"))
    [3, 7]
    >>> sorted(declared_seeds("data_seed = 11; SEED: int = 5; lines = 3"))
    [5, 11]
    """
    found: set[int] = set()
    if "seed" not in source.lower():
        return frozenset()
    for node in (inner for statement in parse_cell(source) for inner in ast.walk(statement)):
        if isinstance(node, ast.Call) and _name(node.func) in _SEEDING:
            found |= _numbers([*node.args, *(keyword.value for keyword in node.keywords)])
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any("seed" in _name(target).lower() for target in targets):
                found |= _numbers([node.value])
    return frozenset(found)


def _name(expression: ast.expr) -> str:
    return expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")


def _numbers(values: list[ast.expr]) -> set[int]:
    return {v.value for v in values if isinstance(v, ast.Constant) and type(v.value) is int}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A default generator: how to read it (``raw``: cheaply, to compare), set it, and what a seed makes of it."""

    raw: Callable[[], object]
    read: Callable[[], Twister]
    write: Callable[[Twister], None]
    seeded: Callable[[int], Twister]


def _seeded_torch(seed: int) -> Twister:
    return torch_state(torch.Generator().manual_seed(seed))


def _raw_numpy() -> object:
    """NumPy's words and how many were drawn, where they lie: copying the whole state takes twenty times as long.

    It does not say whether a normal number is kept for later.
    """
    return ctypes.string_at(_NUMPY._bit_generator.ctypes.state_address, 4 * WORDS + 4)


def _raw_python() -> object:
    """The bytes of Python's default generator, where they lie, and the normal number that is kept for later.

    Asking for its state makes 625 integers, and takes as long as all else that is done for a message's generators.
    """
    ours = object.__basicsize__
    return ctypes.string_at(id(_PYTHON) + ours, _random.Random.__basicsize__ - ours), _PYTHON.gauss_next


_KINDS: Mapping[str, _Kind] = {
    "torch": _Kind(
        lambda: torch.default_generator.get_state().numpy().tobytes(),
        lambda: torch_state(torch.default_generator),
        lambda s: set_torch(torch.default_generator, s),
        _seeded_torch,
    ),
    "numpy": _Kind(
        _raw_numpy,
        lambda: numpy_state(_NUMPY),
        lambda s: set_numpy(_NUMPY, s),
        lambda seed: numpy_state(np.random.RandomState(seed % 2**32)),
    ),
    "python": _Kind(
        _raw_python,
        lambda: python_state(_PYTHON),
        lambda s: set_python(_PYTHON, s),
        lambda seed: python_state(random.Random(seed)),
    ),
}


class Generators:
    """One side's default generators, and what the other side knows of them.

    The student's side tells whenever one has moved, and takes what it is told. The judge's side (``strict``) tells only
    of a generator that a test has seeded, or that it goes on with together with the student's, and takes only what
    drawing explains. ``text`` is what the instructor wrote: where it sets no state, none is looked for.
    """

    def __init__(self, *, strict: bool, seeds: frozenset[int] = frozenset(), text: str = "") -> None:
        self.strict = strict
        self.seeds = seeds
        self._sets_states = any(word in text for word in ("seed", "setstate", "set_state", "set_rng_state"))
        self._torch_seed = torch.initial_seed()
        self._raw: dict[str, object] = {name: kind.raw() for name, kind in _KINDS.items()}
        self._known = {name: kind.read() for name, kind in _KINDS.items()}
        self._shared: set[str] = set()
        #: Where the student's side was without being believed: what it draws from there is not looked at for long.
        self._strange: dict[str, list[Twister]] = {name: [] for name in _KINDS}
        if strict:
            self._strange["torch"].append(_start_of(_seeded_torch(FRESH_TORCH_SEED)))
        self._patience = 4  # looking for an explanation takes a second where there is none

    def send(self, header: dict[str, Json], put: Callable[[torch.Tensor], str]) -> None:
        """Add to a message the state of each generator that the other side has to know."""
        moved: dict[str, Json] = {}
        for name, kind in _KINDS.items():
            if self.strict and name not in self._shared and not self._may_be_seeded(name):
                continue
            raw, known = kind.raw(), self._known[name]
            if raw == self._raw[name] and (known.cached is None or kind.read() == known):
                continue
            self._raw[name] = raw
            now = self._known[name] = kind.read()
            if self.strict and name not in self._shared:
                if not self._reseeded(name, known, now):
                    continue
                self._shared.add(name)
            moved[name] = _packed(now, put)
        if moved:
            header["rng"] = moved

    def _reseeded(self, name: str, known: Twister, now: Twister) -> bool:
        """Whether the test has done something else to one of its generators than drawing from it."""
        if name == "torch" and torch.initial_seed() != self._torch_seed:
            return True
        return self._sets_states and not steps_between(known, now)

    def _may_be_seeded(self, name: str) -> bool:
        """Whether it is worth looking at one of the test's generators; what is drawn from it is nobody's business."""
        return self._sets_states or (name == "torch" and torch.initial_seed() != self._torch_seed)

    def take(self, header: Mapping[str, Json], elements: Mapping[str, torch.Tensor]) -> None:
        """Go on from where the other side is; WireError where what it says is no state at all."""
        moved = header.get("rng")
        if moved is None:
            return
        try:
            for name, kind in _KINDS.items():
                if name in moved:
                    self._go_on(name, kind, _told(moved[name], elements))
        except (KeyError, TypeError, ValueError) as error:
            raise WireError(f"the state of a random generator is malformed ({error})") from None

    def _go_on(self, name: str, kind: _Kind, told: Twister) -> None:
        believed = self._believed(name, kind, told) if self.strict else told
        if believed is None:
            self._shared.discard(name)
            return
        kind.write(believed)
        self._known[name] = believed
        self._raw[name] = kind.raw() if believed is told else None  # the other side has to know, too
        self._shared.add(name)

    def _believed(self, name: str, kind: _Kind, told: Twister) -> Twister | None:
        """The part of it that drawing explains: all, all but the normal number that was kept long ago, or nothing."""
        if self._patience <= 0:
            return None
        starts = [self._known[name]] if name in self._shared else []
        starts += [kind.seeded(seed) for seed in sorted(self.seeds) if seed >= 0]
        if not starts:
            return None
        way = reached([*starts, *self._strange[name]], told)
        if way is not None and any(way.start is start for start in starts):
            return told if way.kept else replace(told, cached=None)
        self._patience -= way is None
        if way is None or way.start.words != told.words:
            self._strange[name] = [*self._strange[name][-_STRANGE:], _start_of(told)]
        return None


def _start_of(state: Twister) -> Twister:
    """Where the words were of which some are drawn now."""
    return replace(state, drawn=0, cached=None)


class LentGenerators:
    """Generators of a test's own that the student's functions draw from: each side has one of the same state."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.by_number: dict[int, torch.Generator] = {}
        self._known: dict[int, Twister] = {}

    def describe(self, generator: torch.Generator, number: int, put: Callable[[torch.Tensor], str]) -> dict[str, Json]:
        """The JSON for a generator."""
        state = self._known[number] = torch_state(generator)
        self.by_number[number] = generator
        return {"t": "ref", "k": number, "generator": _packed(state, put)}

    def build(self, node: Mapping[str, Json], elements: Mapping[str, torch.Tensor]) -> torch.Generator:
        """The generator that JSON stands for."""
        number = node["k"]
        generator = self.by_number.setdefault(number, torch.Generator())
        self._known[number] = _told(node["generator"], elements)
        set_torch(generator, self._known[number])
        return generator

    def send(self, header: dict[str, Json], put: Callable[[torch.Tensor], str]) -> None:
        """Add to a message the generators that have moved."""
        moved = []
        for number, generator in self.by_number.items():
            state = torch_state(generator)
            if state != self._known[number]:
                self._known[number] = state
                moved.append([number, _packed(state, put)])
        if moved:
            header["generators"] = moved

    def take(self, header: Mapping[str, Json], elements: Mapping[str, torch.Tensor]) -> None:
        """Draw as far as the other side has; WireError where what it says is no state at all."""
        try:
            for number, packed in header.get("generators", ()):
                state = _told(packed, elements)
                if number in self.by_number and (not self.strict or steps_between(self._known[number], state)):
                    set_torch(self.by_number[number], state)
                    self._known[number] = state
        except (KeyError, TypeError, ValueError) as error:
            raise WireError(f"the state of a random generator is malformed ({error})") from None


def _packed(state: Twister, put: Callable[[torch.Tensor], str]) -> Json:
    return [put(torch.frombuffer(bytearray(state.words), dtype=torch.uint8)), state.drawn, state.cached]


def _told(packed: Json, elements: Mapping[str, torch.Tensor]) -> Twister:
    key, drawn, cached = packed
    words = elements[key].numpy().tobytes()
    if len(words) != 4 * WORDS:
        raise ValueError("it has another number of words")
    return Twister(words, int(drawn), None if cached is None else float(cached))
