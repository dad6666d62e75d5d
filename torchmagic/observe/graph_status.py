"""What is to be said of a gradient: where it became zero, NaN, tiny or huge, from the numbers on a graph's record.

Thresholds: a gradient has vanished or exploded where its norm falls or grows by five orders of magnitude between the
loss and the operation that uses the leaf, over at least four operations and without counting the single largest
step (a mean over a batch, a change of units), or where one saturated operation alone takes so much. What is judged
is the gradient that arrives at the operation, not the leaf's own: in a bias before a normalisation, or of attention's
keys, large gradients cancel, and that is ordinary. A gradient a million times its weight's norm has exploded, too.
"""

from __future__ import annotations

import itertools
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
_MOST_STEPS = 100_000

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
        self._blown: dict[str, str] = {}

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
        found = [self._nodes[each].grad_norm for each in self._users.get(operation, ())]
        known = [each for each in found if each is not None]
        return math.hypot(*known) if known else None

    def _passed(self, tensor: str, operation: str) -> float | None:
        """The norm of what an operation passed back to an input; of all that came there, where no more is known."""
        found = self._edge.get((tensor, operation))
        return self._nodes[tensor].grad_norm if found is None else found

    def _above(self, leaf: str) -> Iterable[str]:
        """The operations between a leaf and the roots, nearest first."""
        level, seen = [leaf], {leaf}
        while level and len(seen) < _MOST_STEPS:
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
        for operation in self._above(leaf):
            arriving = self._arriving(operation)
            if arriving:
                given = [each for each in self._inputs.get(operation, ()) if self._leads(leaf, each)]
                if any(self._passed(each, operation) == 0 for each in given):
                    node = self._nodes[operation]
                    return Verdict("zero", self._why_zero(node, leaf), node.line)
        return Verdict("zero", "The gradient that the backward pass began with is zero.")

    def _leads(self, leaf: str, tensor: str) -> bool:
        if leaf == tensor:
            return True
        stack, seen = [tensor], {tensor}
        while stack:
            for each in self._inputs.get(stack.pop(), ()):
                if each == leaf:
                    return True
                if each not in seen:
                    seen.add(each)
                    stack.append(each)
        return False

    def _why_zero(self, node: GraphNode, leaf: str) -> str:
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
            other = self._zero_operand(node, leaf)
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

    def _zero_operand(self, node: GraphNode, leaf: str) -> str:
        """An operand other than that which leads to the leaf, and that is known to be zero."""
        if node.detail.strip("* ") in ("0", "0.0"):
            return "the other operand"
        for each in self._inputs.get(node.id, ()):
            if self._leads(leaf, each) and not (self._is_dead(each) and each != leaf):
                continue
            tensor = self._nodes[each]
            if node.label in ("Linear", "Addmm") and tensor.shape is not None and len(tensor.shape) == 1:
                continue  # the bias is added
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
        for node in reversed(self._record.nodes):
            if node.kind != "operation" or not self._between(leaf, node.id):
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

    def _between(self, leaf: str, operation: str) -> bool:
        if not self._blown.get(leaf):
            self._blown[leaf] = " ".join(self._above(leaf))
        return f" {operation} " in f" {self._blown[leaf]} "

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
        path = self._path(leaf)
        if not path:
            return Verdict()
        arriving, start = path[0][1], path[-1][1]
        root = next((self._nodes[each].label for each in self._record.roots if self._nodes[each].label), "the loss")
        ratio = grad / norm if norm else None
        factors = [(one[1] / other[1], one[0]) for one, other in itertools.pairwise(path) if other[1] > 0]
        first = self._nodes[next(iter(self._users.get(leaf, ())), leaf)]
        if first.label in _SATURATING and arriving > 0:  # it changes each element for itself: nothing cancels
            factors.append((grad / arriving, first.id))
        if factors:
            least, by = min(factors, key=lambda each: each[0])
            node = self._nodes[by]
            if least < _FALL and node.label in _SATURATING and (ratio is None or ratio < 1e-3):
                why = (
                    f"{_called(node)} is saturated: little of the gradient comes through ({number_text(least)} of it)."
                )
                return Verdict("vanishing", why, node.line)
            whole = math.prod(each for each, _ in factors)
            if len(factors) >= _FEWEST and whole / least < _FALL and (ratio is None or ratio < 1e-3):
                return Verdict("vanishing", self._way("falls", start, arriving, root, len(factors)))
            most = max(each for each, _ in factors)
            if len(factors) >= _FEWEST and whole / most > _GROWTH and (ratio is None or ratio > 10):
                return Verdict("exploding", self._way("grows", start, arriving, root, len(factors)))
        if grad / max(norm or 0, 1) > _RATIO:
            beside = f", the leaf's is {number_text(norm)}" if norm else ""
            why = (
                f"The norm of the gradient is {number_text(grad)}{beside}: scale the inputs and targets, or step less."
            )
            return Verdict("exploding", why)
        if norm is not None and norm > _GROWN and grad > norm:
            return Verdict(
                "exploding", f"The leaf itself has grown to a norm of {number_text(norm)}: the steps were too large."
            )
        return Verdict()

    def _way(self, verb: str, start: float, end: float, root: str, count: int) -> str:
        return (
            f"The norm of the gradient {verb} from {number_text(start)} at {root} to {number_text(end)} here, "
            f"over {count} operations."
        )

    def _path(self, leaf: str) -> list[tuple[str, float]]:
        """From the operation that uses the leaf towards the root: each operation and the norm that arrived there.

        Where ways part, the one on which most arrives is taken; the norm of an operation is that at its results.
        """
        found: list[tuple[str, float]] = []
        tensor = leaf
        seen: set[str] = set()
        while tensor not in seen and len(found) < _MOST_STEPS:
            seen.add(tensor)
            users = [(self._arriving(each) or 0.0, each) for each in self._users.get(tensor, ())]
            users = [each for each in users if each[0] > 0 and self._nodes[each[1]].kind == "operation"]
            if not users:
                break
            arriving, operation = max(users, key=lambda each: each[0])
            # the factor of an operation is what it passed on, over what came to it: it belongs to the tensor below
            found.append((operation, arriving))
            outputs = [each for each in self._users[operation] if self._nodes[each].grad_norm]
            if not outputs:
                break
            tensor = max(outputs, key=lambda each: self._nodes[each].grad_norm or 0)
        # an operation's own factor is (arriving at the one below) / (arriving at it)
        return [(found[i + 1][0] if i + 1 < len(found) else each[0], each[1]) for i, each in enumerate(found)]


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
