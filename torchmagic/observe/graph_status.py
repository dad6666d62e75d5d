"""What is to be said of a gradient: where it became zero, NaN, tiny or huge, from the numbers on a graph's record.

Thresholds: a gradient has vanished or exploded where its norm falls or grows by five orders of magnitude between the
loss and the operation that uses the leaf, over at least four operations and without counting the single largest
step (a mean over a batch, a change of units), or where one saturated operation alone takes so much. What is judged
is the gradient that arrives at the operation, not the leaf's own: in a bias before a normalisation, or of attention's
keys, large gradients cancel, and that is ordinary. A gradient a million times its weight's norm has exploded, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torchmagic.graph_records import GraphNode, GraphRecord, LeafStatus
from torchmagic.observe.graph_flow import Flow, called, not_finite_text
from torchmagic.observe.graph_zeros import SATURATING, Zeros
from torchmagic.observe.values import number_text

_HINTS = {
    "Sqrt": ": its derivative at 0 is infinite",
    "Div": ": it divides by zero, or by something tiny",
    "Log": ": its derivative at 0 is infinite",
    "Pow": ": its derivative is infinite at 0 for such an exponent",
    "LinalgVectorNorm": ": a norm has no derivative at 0",
    "Norm": ": a norm has no derivative at 0",
    "Exp": ": its result is too large",
    "Std": ": a standard deviation of 0 has no derivative",
    "Acos": ": its derivative at 1 is infinite",
    "Asin": ": its derivative at 1 is infinite",
    "Where": ": the branch that was not taken is not finite, and zero times infinity is NaN",
}
_FALL = 1e-5
_GROWTH = 1e5
_RATIO = 1e6
_GROWN = 1e8
_FEWEST = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status, the sentence on it, and the line that it speaks of."""

    status: LeafStatus = "fine"
    why: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """How a gradient's norm changed from the root to an operation.

    Attributes:
        start: what it was at the root.
        count: over how many operations.
        least, least_by: the smallest factor of one operation, and which that was.
        most: the largest factor.
    """

    start: float
    count: int = 0
    least: float = 1.0
    least_by: str = ""
    most: float = 1.0


class Judge:
    """Follows gradients through a record's graph.

    >>> from torchmagic.graph_records import GraphEdge
    >>> a = GraphNode("1", "tensor", "a", role="leaf", grad_norm=0.0)
    >>> y = GraphNode("3", "tensor", "y", role="result", grad_norm=1.0)
    >>> relu = GraphNode("2", "operation", "Relu", grad_fn="ReluBackward0", line=4)
    >>> judge = Judge(GraphRecord((a, relu, y), (GraphEdge("1", "2"), GraphEdge("2", "3")), ("3",), True))
    >>> judge.of("1").why
    'Relu on line 4 passed back only zeros: all its inputs were negative or zero (a dead ReLU).'
    """

    def __init__(self, record: GraphRecord) -> None:
        self._flow = Flow(record)
        self._zeros = Zeros(self._flow)
        self._ways: dict[str, _Way] = {}
        self._next: dict[str, str | None] = {}

    def of(self, leaf: str, norm: float | None = None, forward: str = "") -> Verdict:
        """The verdict on the gradient of a leaf.

        Args:
            leaf: the id of its node.
            norm: the 2-norm of its value.
            forward: id of the operation whose result was the first that is not finite, where that is known.
        """
        grad = self._flow.nodes[leaf].grad_norm
        if grad is None:
            return Verdict()
        if not math.isfinite(grad):
            return self._not_finite(leaf, grad, forward)
        if grad == 0:
            why, line = self._zeros.of(leaf)
            return Verdict("zero", why, line)
        return self._size(leaf, grad, norm)

    def gave_none(self, leaf: str) -> GraphNode | None:
        """The operation that got a gradient and gave none to the leaf."""
        users = [each for each in self._flow.users.get(leaf, ()) if self._flow.nodes[each].kind == "operation"]
        return next((self._flow.nodes[each] for each in users if self._flow.arriving(each) is not None), None)

    # -- not finite -----------------------------------------------------------------------------------------

    def _not_finite(self, leaf: str, grad: float, forward: str) -> Verdict:
        status: LeafStatus = "nan" if math.isnan(grad) else "inf"
        word = "NaN" if status == "nan" else "infinite"
        node = self._flow.nodes.get(forward) or self._flow.forward_origin()
        if node is not None:
            out = [self._flow.nodes[each] for each in self._flow.users.get(node.id, ())]
            given = next((each.label for each in out if each.label), "")
            became = f": its result{f' {given}' if given else ''} is not finite" if forward != node.id or given else ""
            return Verdict(
                status, f"Already in the forward pass {called(node)} gave NaN or infinity{became}.", node.line
            )
        for data in self._flow.record.nodes:
            if (
                data.role in ("data", "leaf", "parameter")
                and data.kind == "tensor"
                and not_finite_text(data.value_text)
            ):
                return Verdict(status, f"{data.label or 'An operand'} itself holds NaN or infinity.")
        above = set(self._flow.above(leaf))
        for node in reversed(self._flow.record.nodes):
            if node.kind != "operation" or node.id not in above:
                continue
            arriving = self._flow.arriving(node.id)
            if arriving is None or not math.isfinite(arriving):
                continue
            bad = [
                p for each in self._flow.inputs.get(node.id, ()) if (p := self._flow.passed(each, node.id)) is not None
            ]
            bad = [each for each in bad if not math.isfinite(each)]
            if bad:
                first = "NaN" if math.isnan(bad[0]) else "infinity"
                hint = _HINTS.get(node.label, "")
                text = f"It first appeared in the backward pass of {called(node)}, which gave {first}{hint}."
                return Verdict(status, text, node.line)
        return Verdict(status, f"The gradient is {word}.")

    # -- size -----------------------------------------------------------------------------------------------

    def _size(self, leaf: str, grad: float, norm: float | None) -> Verdict:
        first = self._flow.onward(leaf)
        if first is None:
            return Verdict()
        way = self._way(first)
        arriving = self._flow.arriving(first) or 0.0
        root = next(
            (self._flow.nodes[each].label for each in self._flow.record.roots if self._flow.nodes[each].label),
            "the loss",
        )
        small = norm is None or norm == 0 or grad / norm < 1e-3
        least, by = way.least, way.least_by
        if self._flow.nodes[first].label in SATURATING and grad < least * arriving:
            least, by = grad / arriving, first  # it changes each element for itself: nothing cancels
        if least < _FALL and small and self._flow.nodes[by].label in SATURATING:
            node = self._flow.nodes[by]
            why = f"{called(node)} is saturated: little of the gradient comes through ({number_text(least)} of it)."
            return Verdict("vanishing", why, node.line)
        if way.count >= _FEWEST and way.start > 0:
            whole = arriving / way.start
            if small and whole / way.least < _FALL:
                return Verdict("vanishing", _told("falls", way, arriving, root))
            if whole / way.most > _GROWTH and (not norm or grad / norm > 10):
                return Verdict("exploding", _told("grows", way, arriving, root))
        if grad / max(norm or 0, 1) > _RATIO:
            beside = f", the leaf's is {number_text(norm)}" if norm else ""
            why = (
                f"The norm of the gradient is {number_text(grad)}{beside}: scale the inputs and targets, or step less."
            )
            return Verdict("exploding", why)
        if norm is not None and norm > _GROWN and grad > norm:
            why = f"The leaf itself has grown to a norm of {number_text(norm)}: the steps were too large."
            return Verdict("exploding", why)
        return Verdict()

    def _way(self, operation: str) -> _Way:
        """From the root to an operation: how the norm of the gradient changed; each part is worked out once."""
        stack: list[str] = []
        each: str | None = operation
        while each is not None and each not in self._ways:
            stack.append(each)
            self._ways[each] = _Way(self._flow.arriving(each) or 0.0)  # also ends a ring
            outputs = [out for out in self._flow.users.get(each, ()) if self._flow.nodes[out].grad_norm]
            best = max(outputs, key=lambda out: self._flow.nodes[out].grad_norm or 0.0, default=None)
            following = None if best is None else self._flow.onward(best)
            self._next[each] = following
            each = following
        for each in reversed(stack):
            following = self._next[each]
            before = self._flow.arriving(following) if following is not None else None
            if following is None or not before:
                continue
            way, factor = self._ways[following], (self._flow.arriving(each) or 0.0) / before
            least, by = (factor, following) if factor < way.least else (way.least, way.least_by)
            self._ways[each] = _Way(way.start, way.count + 1, least, by, max(way.most, factor))
        return self._ways[operation]


def _told(verb: str, way: _Way, end: float, root: str) -> str:
    return (
        f"The norm of the gradient {verb} from {number_text(way.start)} at {root} to {number_text(end)} here, "
        f"over {way.count} operations."
    )
