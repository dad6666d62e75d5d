"""Watch a training loop at little cost: the loss, the gradients and the updates at each of its backward passes."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter, thread_time
from types import FrameType, TracebackType

import torch

from torchmagic.live_records import LiveRecord
from torchmagic.observe import values
from torchmagic.observe.graph_watch import hide_own_frames
from torchmagic.observe.live_leaves import MOST_LEAVES, Leaves, loss_name, place_of
from torchmagic.observe.live_mode import LiveMode
from torchmagic.observe.live_numbers import Numbers, Then
from torchmagic.observe.live_seen import Marks, SeenLeaf, SeenLoss
from torchmagic.observe.live_story import Counts, Followed, tell
from torchmagic.observe.live_weights import SAMPLE, Before, compared, copied, first_small
from torchmagic.observe.quiet import Quiet

_FREE = 0.005
_PER_STEP = 1.2e-4
_SHARE = 0.005
"""Seconds that looking may take: some in all, and some for each step or a share of the loop's time.

Both are times of this thread on the processor, so that other programs do not matter."""

_MOST_LOSSES = 12


class LiveWatch:
    """A context manager around a training loop; nothing of the user's is kept alive beyond it.

    Args:
        step: called after each pass that was seen, with this watch; what it raises is noted.

    >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> with LiveWatch() as watch:
    ...     for _ in range(2):
    ...         loss = (w * w).sum()
    ...         w.grad = None
    ...         loss.backward()
    ...         with torch.no_grad():
    ...             w -= 0.1 * w.grad
    >>> record = watch.record()
    >>> record.steps, record.losses[0].means, record.parameters[0].norms, record.parameters[0].ratios
    (2, (25.0, 16.0), (10.0, 8.0), (0.2, 0.2))
    """

    def __init__(self, step: Callable[[LiveWatch], None] | None = None) -> None:
        self._step = step
        self._mode = LiveMode(self)
        self._leaves = Leaves()
        self._numbers = Numbers()
        self._losses: dict[object, SeenLoss] = {}
        self._parameters: dict[str, SeenLeaf] = {}
        self._marks = Marks()
        self._more: set[str] = set()
        self._before: Before | None = None
        self._dirty: dict[str, weakref.ref[torch.Tensor]] = {}  # moved by a gradient that they still hold
        self._updates = self._moved = self._unzeroed = 0
        self.steps = self._looked = 0
        self._begun, self._busy = perf_counter(), thread_time()
        self._ended: float | None = None
        self._spent = 0.0
        self._trouble = ""

    def __enter__(self) -> LiveWatch:
        self._begun, self._busy = perf_counter(), thread_time()
        self._mode.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._mode.leave()
        self._ended = perf_counter()
        try:
            with Quiet():
                self._settle()
                self._numbers.fetch()
        except Exception as failure:
            self.failed(failure)
        self._before = None
        if error is not None:
            hide_own_frames(error)

    # -- what the mode tells ----------------------------------------------------------------------------

    def before(self) -> None:
        """A pass is about to run."""
        if self._before is None:
            return
        start = thread_time()
        with Quiet():
            self._look_for_unzeroed()
        self._spent += thread_time() - start

    def after(
        self,
        roots: Sequence[torch.Tensor],
        asked: Sequence[torch.Tensor] | None,
        grads: Sequence[torch.Tensor | None] | None,
        frame: FrameType | None,
    ) -> None:
        """A pass has run."""
        self.steps += 1
        place = self._look_at_losses(roots, frame)
        if self._spent < _FREE + max(_PER_STEP * self.steps, _SHARE * (thread_time() - self._busy)):
            start = thread_time()
            with Quiet():
                leaves = self._leaves.of(place, roots) if asked is None else [leaf for leaf in asked if leaf.is_leaf]
                given = None if grads is None or asked is None else dict(zip(map(id, asked), grads, strict=False))
                self._look_at_leaves(leaves, given, frame)
            self._spent += thread_time() - start
        else:
            self._before = None  # what changes until a later pass is not the work of one step
        if self._step is not None:
            self._step(self)

    def failed(self, error: Exception) -> None:
        """Looking itself failed."""
        self._trouble = self._trouble or f"{type(error).__name__}: {values.first_line(error)}"
        self._before = None

    # -- what it sees -----------------------------------------------------------------------------------

    def _look_at_losses(self, roots: Sequence[torch.Tensor], frame: FrameType | None) -> object:
        place: object = None
        for root in roots:
            place = place_of(frame)
            if root.numel() != 1 or root.is_complex() or not values.readable(root):
                continue
            seen = self._losses.get(place) if len(roots) == 1 else None
            if seen is None:
                name, line = loss_name(root, frame)
                seen = self._losses.setdefault(place if len(roots) == 1 else (place, name), SeenLoss(name, line))
            if len(self._losses) > _MOST_LOSSES:
                self._losses.popitem()
            else:
                self._numbers.value(root, partial(self._put_loss, self.steps, seen))
        return place

    def _put_loss(self, step: int, seen: SeenLoss, found: list[float]) -> None:
        seen.curve.add(step, found[0])
        self._marks.look(step, "loss", seen.name, found[0])

    def _look_at_leaves(
        self,
        leaves: Sequence[torch.Tensor],
        given: Mapping[int, torch.Tensor | None] | None,
        frame: FrameType | None,
    ) -> None:
        named = self._leaves.named(leaves, frame)
        then, tensors = self._compared(dict(named))
        seen: list[SeenLeaf] = []
        held: list[tuple[str, torch.Tensor]] = []
        for name, leaf in named:
            followed = self._parameter(name, leaf)
            if followed is None:
                continue
            grad = leaf.grad if given is None else given.get(id(leaf))
            if grad is None:
                followed.without += 1
            else:
                seen.append(followed)
                held.append((name, leaf))
                tensors.append(grad)
        self._numbers.norms(tensors, partial(self._put_looked, self.steps, then, seen))
        self._before = copied(self.steps, held)
        self._looked += 1

    def _put_looked(self, step: int, then: Then | None, leaves: Sequence[SeenLeaf], norms: list[float]) -> None:
        """Norms of changes and of what changed, then of gradients."""
        if then is not None:
            then(norms)
        self._put_norms(step, leaves, norms[len(norms) - len(leaves) :])

    def _put_norms(self, step: int, leaves: Sequence[SeenLeaf], norms: list[float]) -> None:
        for seen, norm in zip(leaves, norms, strict=True):
            seen.norms.add(step, norm)
            self._marks.look(step, "gradient", seen.name, norm)

    def _parameter(self, name: str, leaf: torch.Tensor) -> SeenLeaf | None:
        seen = self._parameters.get(name)
        if seen is None:
            if len(self._parameters) >= MOST_LEAVES:
                self._more.add(name)
                return None
            seen = self._parameters[name] = SeenLeaf(name, values.sizes(leaf.shape), leaf.numel())
        return seen

    def _settle(self) -> None:
        """See how much the leaves of the last pass have changed since."""
        then, tensors = self._compared({})
        if then is not None:
            self._numbers.norms(tensors, then)

    def _compared(self, now: dict[str, torch.Tensor]) -> tuple[Then | None, list[torch.Tensor]]:
        """What became of the leaves of the last pass: tensors, and what to do with their norms."""
        before, self._before = self._before, None
        names, found = ([], []) if before is None else compared(before, now)
        if before is None or not names:
            return None, []
        return partial(self._put_changes, before.step, [self._parameters[name] for name in names]), found

    def _put_changes(self, step: int, leaves: Sequence[SeenLeaf], norms: list[float]) -> None:
        updated = False
        for seen, changed, norm in zip(leaves, norms, norms[len(leaves) : 2 * len(leaves)], strict=False):
            seen.weight_norm = norm * math.sqrt(max(1.0, seen.numel / SAMPLE))
            seen.compared += 1
            if changed == 0:
                continue
            updated = True
            seen.changed += 1
            if norm > 0:
                seen.ratios.add(step, changed / norm)
        self._updates += updated

    def _look_for_unzeroed(self) -> None:
        """Whether a leaf goes into this pass with the gradient by which it was already moved, as one did before."""
        for name, reference in list(self._dirty.items()):
            if not _holds_gradient(reference()):
                del self._dirty[name]
        witness = None if self._before is None else first_small(self._before)
        if witness is None:
            return
        name, leaf, moved = witness
        if moved:
            self._moved += 1
            self._unzeroed += name in self._dirty
            if _holds_gradient(leaf):
                self._dirty[name] = weakref.ref(leaf)

    # -- what it gives ----------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """How long the loop has run."""
        return (perf_counter() if self._ended is None else self._ended) - self._begun

    def record(self, ended: str = "") -> LiveRecord:
        """What was seen up to now.

        Args:
            ended: the error that ended the loop, or "".
        """
        with Quiet():
            self._numbers.fetch()
        curves = [seen.curve for seen in self._losses.values()]
        curves += [curve for seen in self._parameters.values() for curve in (seen.norms, seen.ratios)]
        width = max((curve.width for curve in curves), default=1)
        for curve in curves:
            curve.widen(width)
        record = LiveRecord(
            steps=self.steps,
            looked=self._looked,
            width=width,
            seconds=self.seconds,
            losses=tuple(seen.recorded() for seen in self._losses.values()),
            parameters=tuple(seen.recorded() for seen in self._parameters.values()),
            marks=self._marks.recorded(),
            running=self._ended is None,
            ended=ended,
            more=len(self._more),
        )
        followed = {
            seen.name: Followed(seen.changed, seen.compared, seen.without) for seen in self._parameters.values()
        }
        return tell(record, Counts(self._updates, self._moved, self._unzeroed, followed, self._trouble))


def _holds_gradient(leaf: torch.Tensor | None) -> bool:
    grad = None if leaf is None else leaf.grad
    return grad is not None and values.readable(grad) and bool(grad.any())
