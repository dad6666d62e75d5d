"""What is to be said of a gradient: where it became zero, NaN, tiny or huge, from the numbers on a graph's record.

Thresholds: a gradient has vanished or exploded where its norm falls or grows by five orders of magnitude between the
loss and the operation that uses the leaf, over at least four operations and without counting the single largest
step (a mean over a batch, a change of units), or where one saturated operation alone takes so much. What is judged
is the gradient that arrives at the operation, not the leaf's own: in a bias before a normalisation, or of attention's
keys, large gradients cancel, and that is ordinary. A gradient a million times its weight's norm has exploded, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torchmagic.graph_records import GraphNode, GraphRecord, LeafStatus
from torchmagic.observe.values import number_text

_FALL = 1e-5
_GROWTH = 1e5
_RATIO = 1e6
_GROWN = 1e8
_FEWEST = 4

_GATES = frozenset({"Relu", "Relu6", "Threshold", "Hardtanh", "Clamp", "ClampMin", "ClampMax", "Hardsigmoid"})
_SATURATING = frozenset(
    {"Sigmoid", "Tanh", "Softmax", "LogSoftmax", "LogSigmoid", "Erf", "Hardswish", "Silu", "Elu", "Gelu", "Softplus"}
)
_FLAT = frozenset({"Round", "Floor", "Ceil", "Trunc", "Sign", "Sgn", "Heaviside", "Bernoulli", "Normal", "FloorDivide"})
_PRODUCTS = frozenset({"Mul", "Div", "MatMul", "Linear", "Addmm", "Baddbmm", "Conv", "Prod", "Dot", "Embedding"})
_PICKS = frozenset(
    {"MaskedFill", "Where", "Index", "Select", "Slice", "MaskedSelect", "IndexSelect", "Gather", "Tril", "Triu"}
)
_DIFFERENCES = frozenset({"MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"})
_NORMS = frozenset({"BatchNorm", "LayerNorm", "GroupNorm", "Std", "Var", "LinalgVectorNorm", "Norm"})


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
        self._record = record
        self._nodes = {node.id: node for node in record.nodes}
        self._place = {node.id: i for i, node in enumerate(record.nodes)}
        self._users: dict[str, list[str]] = {}
        self._inputs: dict[str, list[str]] = {}
        self._edge: dict[tuple[str, str], float] = {}
        for edge in record.edges:
            if edge.source in self._nodes and edge.target in self._nodes:
                self._users.setdefault(edge.source, []).append(edge.target)
                self._inputs.setdefault(edge.target, []).append(edge.source)
                if edge.grad_norm is not None and self._nodes[edge.target].kind == "operation":
                    self._edge[edge.source, edge.target] = edge.grad_norm
        self._arrived: dict[str, float | None] = {}
        self._ways: dict[str, _Way] = {}
        self._next: dict[str, str | None] = {}
        self._culprits: dict[str, tuple[str, str] | None] = {}

    def of(self, leaf: str, norm: float | None = None, forward: str = "") -> Verdict:
        """The verdict on the gradient of a leaf.

        Args:
            leaf: the id of its node.
            norm: the 2-norm of its value.
            forward: id of the operation whose result was the first that is not finite, where that is known.
        """
        grad = self._nodes[leaf].grad_norm
        if grad is None:
            return Verdict()
        if not math.isfinite(grad):
            return self._not_finite(leaf, grad, forward)
        if grad == 0:
            return self._zero(leaf)
        return self._size(leaf, grad, norm)

    def gave_none(self, leaf: str) -> GraphNode | None:
        """The operation that got a gradient and gave none to the leaf."""
        users = [each for each in self._users.get(leaf, ()) if self._nodes[each].kind == "operation"]
        return next((self._nodes[each] for each in users if self._arriving(each) is not None), None)

    # -- arriving and passed back ---------------------------------------------------------------------------

    def _arriving(self, operation: str) -> float | None:
        """The norm of the gradient that came to an operation's outputs."""
        if operation not in self._arrived:
            found = [self._nodes[each].grad_norm for each in self._users.get(operation, ())]
            known = [each for each in found if each is not None]
            self._arrived[operation] = math.hypot(*known) if known else None
        return self._arrived[operation]

    def _passed(self, tensor: str, operation: str) -> float | None:
        """The norm of what an operation passed back to an input; of all that came there, where no more is known."""
        found = self._edge.get((tensor, operation))
        return self._nodes[tensor].grad_norm if found is None else found

    def _above(self, leaf: str) -> Iterable[str]:
        """The operations between a leaf and the roots, nearest first."""
        level, seen = [leaf], {leaf}
        while level:
            following: list[str] = []
            for each in level:
                if self._nodes[each].kind == "operation":
                    yield each
                for user in self._users.get(each, ()):
                    if user not in seen:
                        seen.add(user)
                        following.append(user)
            level = following

    # -- zero -----------------------------------------------------------------------------------------------

    def _zero(self, leaf: str) -> Verdict:
        found = self._culprit(leaf)
        if found is None:
            return Verdict("zero", "The gradient that the backward pass began with is zero.")
        node = self._nodes[found[1]]
        return Verdict("zero", self._why_zero(node, found[0]), node.line)

    def _culprit(self, tensor: str) -> tuple[str, str] | None:
        """The input and the operation that got a gradient and passed back zeros to it; each is worked out once."""
        stack = [tensor]
        seen: list[str] = []
        found: tuple[str, str] | None = None
        marked = {tensor}
        while stack and found is None:
            each = stack.pop()
            seen.append(each)
            if each in self._culprits:
                found = self._culprits[each]
                continue
            for operation in self._users.get(each, ()):
                if self._nodes[operation].kind != "operation":
                    continue
                if self._arriving(operation):
                    if self._passed(each, operation) == 0:
                        found = (each, operation)
                        break
                    continue
                for output in self._users.get(operation, ()):
                    if output not in marked:
                        marked.add(output)
                        stack.append(output)
        self._culprits[tensor] = found
        if found is not None:
            self._culprits.update(dict.fromkeys(seen, found))
        return found

    def _why_zero(self, node: GraphNode, given: str) -> str:
        begin = f"{_called(node)} passed back only zeros"
        kind = node.label
        if kind in ("Relu", "Relu6", "Threshold"):
            return f"{begin}: all its inputs were negative or zero (a dead ReLU)."
        if kind in _GATES:
            return f"{begin}: all its inputs were outside its limits, where it is flat."
        if kind in ("Softmax", "LogSoftmax") and self._of_one(node):
            return f"{begin}: it is taken over a dimension of size 1, so its result is always the same."
        if kind in _SATURATING:
            return f"{begin}: it is saturated, its inputs are so large that it is flat there."
        if kind in _FLAT:
            return f"{begin}: its derivative is zero everywhere."
        if kind in _DIFFERENCES:
            return f"{begin}: the two things it compares are equal."
        if kind in _PICKS:
            return f"{begin}: none of what it picked came from here."
        if kind in _PRODUCTS:
            other = self._zero_operand(node, given)
            return f"{begin}: {other} is all zeros." if other else f"{begin}: what it multiplies by is zero there."
        if kind in ("Pow", "Abs"):
            return f"{begin}: its inputs are zero, where it is flat."
        if kind == "Dropout":
            return f"{begin}: everything was dropped."
        if kind in _NORMS:
            return f"{begin}: it subtracts the mean, and there is one value to take it of or all are equal."
        return f"{begin}."

    def _of_one(self, node: GraphNode) -> bool:
        shapes = [self._nodes[each].shape for each in self._inputs.get(node.id, ())]
        found = next((int(each) for each in node.detail.replace(",", " ").split() if each.lstrip("-").isdigit()), None)
        return any(
            shape and found is not None and -len(shape) <= found < len(shape) and shape[found] == 1 for shape in shapes
        )

    def _zero_operand(self, node: GraphNode, given: str) -> str:
        """An operand other than that which got the zeros, and that is known to be zero itself."""
        if node.detail.strip("* ") in ("0", "0.0"):
            return "the other operand"
        for each in self._inputs.get(node.id, ()):
            tensor = self._nodes[each]
            if each == given or (node.label in ("Linear", "Addmm") and tensor.shape and len(tensor.shape) == 1):
                continue  # a bias is added
            if self._is_dead(each):
                made = next(iter(self._inputs.get(each, ())), "")
                return tensor.label or f"the result of {_called(self._nodes[made])}"
            if tensor.value_text is not None and _all_zero(tensor.value_text):
                return tensor.label or "an operand"
        return ""

    def _is_dead(self, tensor: str) -> bool:
        """Whether a tensor is the result of a ReLU that passed back only zeros of what it got."""
        made = next((each for each in self._inputs.get(tensor, ()) if self._nodes[each].kind == "operation"), None)
        if made is None or self._nodes[made].label != "Relu" or not self._arriving(made):
            return False
        return all(self._passed(each, made) == 0 for each in self._inputs.get(made, ()))

    # -- not finite -----------------------------------------------------------------------------------------

    def _not_finite(self, leaf: str, grad: float, forward: str) -> Verdict:
        status: LeafStatus = "nan" if math.isnan(grad) else "inf"
        word = "NaN" if status == "nan" else "infinite"
        node = self._nodes.get(forward) or self._forward()
        if node is not None:
            out = [self._nodes[each] for each in self._users.get(node.id, ())]
            given = next((each.label for each in out if each.label), "")
            became = f": its result{f' {given}' if given else ''} is not finite" if forward != node.id or given else ""
            return Verdict(
                status, f"Already in the forward pass {_called(node)} gave NaN or infinity{became}.", node.line
            )
        for data in self._record.nodes:
            if (
                data.role in ("data", "leaf", "parameter")
                and data.kind == "tensor"
                and _not_finite_text(data.value_text)
            ):
                return Verdict(status, f"{data.label or 'An operand'} itself holds NaN or infinity.")
        above = set(self._above(leaf))
        for node in reversed(self._record.nodes):
            if node.kind != "operation" or node.id not in above:
                continue
            arriving = self._arriving(node.id)
            if arriving is None or not math.isfinite(arriving):
                continue
            bad = [p for each in self._inputs.get(node.id, ()) if (p := self._passed(each, node.id)) is not None]
            bad = [each for each in bad if not math.isfinite(each)]
            if bad:
                first = "NaN" if math.isnan(bad[0]) else "infinity"
                text = (
                    f"It first appeared in the backward pass of {_called(node)}, which gave {first}{_hint(node.label)}."
                )
                return Verdict(status, text, node.line)
        return Verdict(status, f"The gradient is {word}.")

    def _forward(self) -> GraphNode | None:
        """The first operation whose result is known not to be finite, of operands that are not known to be so."""
        for node in self._record.nodes:
            if node.kind == "operation":
                out = [self._nodes[each].value_text for each in self._users.get(node.id, ())]
                given = [self._nodes[each].value_text for each in self._inputs.get(node.id, ())]
                if any(map(_not_finite_text, out)) and not any(map(_not_finite_text, given)):
                    return node
        return None

    # -- size -----------------------------------------------------------------------------------------------

    def _size(self, leaf: str, grad: float, norm: float | None) -> Verdict:
        first = self._onward(leaf)
        if first is None:
            return Verdict()
        way = self._way(first)
        arriving = self._arriving(first) or 0.0
        root = next((self._nodes[each].label for each in self._record.roots if self._nodes[each].label), "the loss")
        small = norm is None or norm == 0 or grad / norm < 1e-3
        least, by = way.least, way.least_by
        if self._nodes[first].label in _SATURATING and grad < least * arriving:
            least, by = grad / arriving, first  # it changes each element for itself: nothing cancels
        if least < _FALL and small and self._nodes[by].label in _SATURATING:
            called = _called(self._nodes[by])
            why = f"{called} is saturated: little of the gradient comes through ({number_text(least)} of it)."
            return Verdict("vanishing", why, self._nodes[by].line)
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

    def _onward(self, tensor: str) -> str | None:
        """The operation to which a tensor goes on; where there are several, that at which most of the gradient came."""
        found, most = None, 0.0
        for each in self._users.get(tensor, ()):
            arriving = self._arriving(each) if self._nodes[each].kind == "operation" else None
            if arriving is not None and arriving > most:
                found, most = each, arriving
        return found

    def _way(self, operation: str) -> _Way:
        """From the root to an operation: how the norm of the gradient changed; each part is worked out once."""
        stack: list[str] = []
        each: str | None = operation
        while each is not None and each not in self._ways:
            stack.append(each)
            self._ways[each] = _Way(self._arriving(each) or 0.0)  # also ends a ring
            outputs = [out for out in self._users.get(each, ()) if self._nodes[out].grad_norm]
            best = max(outputs, key=lambda out: self._nodes[out].grad_norm or 0.0, default=None)
            following = None if best is None else self._onward(best)
            self._next[each] = following
            each = following
        for each in reversed(stack):
            following = self._next[each]
            before = self._arriving(following) if following is not None else None
            if following is None or not before:
                continue
            way, factor = self._ways[following], (self._arriving(each) or 0.0) / before
            least, by = (factor, following) if factor < way.least else (way.least, way.least_by)
            self._ways[each] = _Way(way.start, way.count + 1, least, by, max(way.most, factor))
        return self._ways[operation]


def _told(verb: str, way: _Way, end: float, root: str) -> str:
    return (
        f"The norm of the gradient {verb} from {number_text(way.start)} at {root} to {number_text(end)} here, "
        f"over {way.count} operations."
    )


def _called(node: GraphNode) -> str:
    return f"{node.label} on line {node.line}" if node.line else node.label


def _all_zero(text: str) -> bool:
    return bool(text) and not any(each in "123456789naif" for each in text)


def _not_finite_text(text: str | None) -> bool:
    return text is not None and ("nan" in text or "inf" in text)


def _hint(label: str) -> str:
    hints: dict[str, Callable[[], str] | str] = {
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
    return str(hints.get(label, ""))
