"""Where the graph was cut: calls that took a tensor requiring gradients and gave something that does not.

What comes out of such a call is followed through later calls without gradients, until it enters a graph as data.
Only plain facts and weak references are kept.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import CodeType, FrameType, MethodWrapperType
from typing import Any

import torch

from torchmagic.observe import cut_words, values
from torchmagic.observe.cut_facts import MOST_SOURCES, SKIP, Cut, note_sources
from torchmagic.observe.graph_facts import Call

_OPTIMIZERS = str(Path(torch.__file__).parent / "optim")
_DISTRIBUTIONS = str(Path(torch.__file__).parent / "distributions")
_GRAD = torch.Tensor.grad
_PLAIN = frozenset({torch.Tensor, torch.nn.Parameter})  # a subclass of the user's is not to notice
_MOST_CUTS = 200
_MOST_FOLLOWED = 4_000
_MOST_TOGETHER = 4
_DATA_FREE = frozenset({"zero_", "fill_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_"})


class Cuts:
    """Sees the calls of a cell, and knows afterwards what was cut off where.

    Args:
        calls: what the watch keeps of calls, by sequence number: for the values in a cut-off graph.

    >>> cuts = Cuts()
    >>> w = torch.ones(2, requires_grad=True)
    >>> y = w.detach()
    >>> cuts.saw(torch.Tensor.detach, (w,), {}, y, None)
    >>> [cut.what for cut in cuts.of_tensor(y)]
    ['detach()']
    """

    def __init__(self, calls: Mapping[int, Call] | None = None) -> None:
        self._calls = calls if calls is not None else {}
        self._cuts: dict[tuple[CodeType | None, int, str], Cut] = {}
        self._followed: dict[int, tuple[Any, tuple[Cut, ...]]] = {}
        self._numbers: list[tuple[object, tuple[Cut, ...]]] = []

    def all(self) -> list[Cut]:
        """Every cut, in the order in which they first ran."""
        return list(self._cuts.values())

    def by_reference(self) -> dict[int, tuple[Cut, ...]]:
        """The cuts that tensors came out of, by ``id`` of the weak reference to them; also of those that are gone."""
        return {id(ref): cuts for ref, cuts in self._followed.values()}

    def of_tensor(self, tensor: object) -> tuple[Cut, ...]:
        """The cuts that a tensor came out of."""
        found = self._followed.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else ()

    def alive(self) -> list[tuple[int, tuple[Cut, ...]]]:
        """What came out of cuts and is still there, by ``id``."""
        return [(ident, cuts) for ident, (ref, cuts) in self._followed.items() if ref() is not None]

    def numbers(self) -> list[tuple[object, tuple[Cut, ...]]]:
        """The last numbers that came out of cuts."""
        return list(self._numbers)

    def left_torch(self) -> list[Cut]:
        """Cuts that gave Python numbers or NumPy arrays: what is computed from those cannot be followed."""
        return [cut for cut in self._cuts.values() if cut.what in cut_words.LEAVE]

    def saw(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any, frame: FrameType | None
    ) -> None:
        """Look at a call that has ended. It raises nothing of the user's, and keeps no tensor."""
        if type(out) in _PLAIN:
            if out.requires_grad and out.grad_fn is not None:
                if self._followed or self._numbers:
                    self._entered(args, kwargs, out)
                return
        elif out is None:
            if getattr(func, "__name__", "") == "__setitem__" and len(args) > 2:
                self._cut("__setitem__", args[2:], args[0], frame)
            return
        elif type(out) in (bool, torch.Size, torch.dtype, torch.device, torch.layout):
            return
        name = getattr(func, "__name__", "")
        if type(func) is MethodWrapperType:
            if func.__self__ is _GRAD or type(out) not in _PLAIN:
                return
            name = "data" if func.__self__ is torch.Tensor.data else name
        if name in cut_words.SHAPE_ONLY or (name.startswith("new_") and name != "new_tensor"):
            return
        if frame is not None and frame.f_code.co_filename.startswith(_OPTIMIZERS):
            return
        if isinstance(out, (tuple, list)):
            if cut_words.is_numbers(name):
                self._cut(name, args, out, frame)
                return
            tensors = [each for each in out if type(each) in _PLAIN]
            if any(each.requires_grad for each in tensors):
                return
            for each in tensors[:MOST_SOURCES]:
                self._cut(name, [*args, *kwargs.values()], each, frame)
        elif type(out) in _PLAIN or cut_words.is_numbers(name):
            self._cut(name, [*args, *kwargs.values()], out, frame)

    def gave_gradients(self, inputs: Any, results: Any, frame: FrameType | None) -> None:
        """``torch.autograd.grad`` returned gradients without a graph of their own."""
        asked = [each for each in _flat([inputs]) if type(each) in _PLAIN and each.requires_grad]
        cut = self._site("autograd.grad", None, frame)
        cut.count += 1
        note_sources(cut, asked, frame, self._calls)
        for each in _flat([results]):
            if type(each) in _PLAIN and not each.requires_grad:
                self._follow(each, (cut,))

    # -- one call -------------------------------------------------------------------------------------------

    def _cut(self, name: str, given: Iterable[Any], out: Any, frame: FrameType | None) -> None:
        is_tensor = type(out) in _PLAIN
        if is_tensor and (out.requires_grad and out.grad_fn is not None):
            return  # assigned into a tensor of the graph
        sources: list[torch.Tensor] = []
        cuts: list[Cut] = []
        for each in _flat(given):
            if type(each) in _PLAIN and each.requires_grad and each is not out:
                if not values.wrapped(each):
                    sources.append(each)
            elif (self._followed or self._numbers) and each is not out:
                cuts.extend(self._known(each))
        if name == "detach_":
            sources = []
            cuts.append(self._site(name, out, frame))
        if is_tensor and out.requires_grad and not out.is_leaf:
            return
        if sources:
            cut = self._site(name, out, frame)
            cut.count += 1
            note_sources(cut, sources, frame, self._calls)
            cuts.append(cut)
        elif cuts and cut_words.is_numbers(name):
            cut = self._site(name, out, frame)
            cut.count += 1
            cut.leaves.update(item for each in cuts for item in list(each.leaves.items())[:MOST_SOURCES])
            cuts.append(cut)
        if cuts:
            self._follow(out, tuple(dict.fromkeys(cuts))[-_MOST_TOGETHER:])
        elif is_tensor and name in _DATA_FREE:
            self._followed.pop(id(out), None)

    def _known(self, value: Any) -> tuple[Cut, ...]:
        if type(value) in (float, int, complex):
            return next((cuts for number, cuts in self._numbers if number is value), ())
        found = self._followed.get(id(value))
        return found[1] if found is not None and found[0]() is value else ()

    def _entered(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: torch.Tensor) -> None:
        """What was cut off takes part in a graph: which operation was given it."""
        node = out.grad_fn
        if node is None:
            return
        for each in _flat((*args, *kwargs.values())):
            kind = type(each)
            if kind in (float, complex) or (kind in _PLAIN and not each.requires_grad):
                for cut in self._known(each):
                    if kind in (float, complex) or not cut.quiet:
                        cut.reached.add(node._sequence_nr())

    def _follow(self, out: Any, cuts: tuple[Cut, ...]) -> None:
        if isinstance(out, (float, complex)) or (type(out) is int and not -5 <= out <= 256):  # those are shared
            self._numbers = [*self._numbers[-31:], (out, cuts)]
            return
        if isinstance(out, list):
            for each in list(_flat([out]))[:32]:
                self._follow(each, cuts)
            return
        try:
            ref = weakref.ref(out)
        except TypeError:
            return
        if len(self._followed) >= _MOST_FOLLOWED:
            self._forget()
        known = self._followed.get(id(out))
        if known is not None and known[0]() is out:
            cuts = tuple(dict.fromkeys([*known[1], *cuts]))[-_MOST_TOGETHER:]
        self._followed[id(out)] = (ref, cuts)

    def _forget(self) -> None:
        """Drop what is gone; if all live on, the oldest half."""
        kept = [(key, item) for key, item in self._followed.items() if item[0]() is not None]
        self._followed = dict(kept[-_MOST_FOLLOWED // 2 :])

    def _site(self, name: str, out: Any, frame: FrameType | None) -> Cut:
        user, how = _users(frame)
        words = cut_words.words(how or name, out)
        key = (None if user is None else user.f_code, -1 if user is None else user.f_lineno, words.what)
        cut = self._cuts.get(key)
        if cut is None:
            filename, line = ("", 0) if user is None else (user.f_code.co_filename, user.f_lineno)
            cut = Cut(words.what, words.why, filename, line, words.quiet, words.what in cut_words.MEANT)
            if len(self._cuts) < _MOST_CUTS:
                self._cuts[key] = cut
        return cut


def _users(frame: FrameType | None) -> tuple[FrameType | None, str]:
    """The user's frame around a call, and the method of a distribution that it was made in, or ""."""
    how = ""
    frame = frame if frame is not None else sys._getframe(1)
    each: FrameType | None = frame
    while each is not None and each.f_code.co_filename.startswith(SKIP):
        if each.f_code.co_filename.startswith(_DISTRIBUTIONS) and each.f_code.co_name == "sample":
            how = "sample"
        each = each.f_back
    return each, how


def _flat(given: Iterable[Any]) -> Iterable[Any]:
    """The values, and those in lists and tuples, two deep."""
    for each in given:
        if type(each) in (list, tuple):
            for item in each:
                if type(item) in (list, tuple):
                    yield from item
                else:
                    yield item
        else:
            yield each
