"""Why a gradient is zero: which operation got one and passed back only zeros, and what is known of it."""

from __future__ import annotations

import re

from torchmagic.graph_records import GraphNode
from torchmagic.observe.graph_flow import Flow, all_zero, called

_GATES = frozenset({"Relu", "Relu6", "Threshold", "Hardtanh", "Clamp", "ClampMin", "ClampMax", "Hardsigmoid"})
SATURATING = frozenset(
    {"Sigmoid", "Tanh", "Softmax", "LogSoftmax", "LogSigmoid", "Erf", "Hardswish", "Silu", "Elu", "Gelu", "Softplus"}
)
_FLAT = frozenset({"Round", "Floor", "Ceil", "Trunc", "Sign", "Sgn", "Heaviside", "Bernoulli", "Normal", "FloorDivide"})
_PRODUCTS = frozenset({"Mul", "Div", "MatMul", "Linear", "Addmm", "Baddbmm", "Conv", "Prod", "Dot", "Embedding"})
_PICKS = frozenset(
    {"MaskedFill", "Where", "Index", "Select", "Slice", "MaskedSelect", "IndexSelect", "Gather", "Tril", "Triu"}
)
_DIFFERENCES = frozenset({"MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"})
_NORMS = frozenset({"BatchNorm", "LayerNorm", "GroupNorm", "Std", "Var", "LinalgVectorNorm", "Norm"})
_NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf)")


class Zeros:
    """Follows zeros back to where they came from.

    Args:
        flow: the graph.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._culprits: dict[str, tuple[str, str] | None] = {}

    def of(self, leaf: str) -> tuple[str, int | None]:
        """Why the gradient of a leaf is zero, and the line where it became so."""
        found = self._culprit(leaf)
        if found is None:
            return "The gradient that the backward pass began with is zero.", None
        node = self._flow.nodes[found[1]]
        return self._why(node, found[0]), node.line

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
            for operation in self._flow.users.get(each, ()):
                if self._flow.nodes[operation].kind != "operation":
                    continue
                if self._flow.arriving(operation):
                    if self._flow.passed(each, operation) == 0:
                        found = (each, operation)
                        break
                    continue
                for output in self._flow.users.get(operation, ()):
                    if output not in marked:
                        marked.add(output)
                        stack.append(output)
        self._culprits[tensor] = found
        if found is not None:
            self._culprits.update(dict.fromkeys(seen, found))
        return found

    def _why(self, node: GraphNode, given: str) -> str:
        begin = f"{called(node)} passed back only zeros"
        kind = node.label
        if self._belied(node, given):
            if self._summed(node, given):
                return f"{begin}: the parts of the gradient that its elements gave add up to zero."
            return f"Zeros came from {called(node)}, and its operands do not explain them: a hook may have changed it."
        if kind in ("Relu", "Relu6", "Threshold"):
            return f"{begin}: all its inputs were negative or zero (a dead ReLU)."
        if kind in _GATES:
            return f"{begin}: all its inputs were outside its limits, where it is flat."
        if kind in ("Softmax", "LogSoftmax") and self._of_one(node):
            return f"{begin}: it is taken over a dimension of size 1, so its result is always the same."
        if kind in SATURATING:
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

    def _belied(self, node: GraphNode, given: str) -> bool:
        """Whether what is known of the operands says that the operation itself did not make the zeros."""
        own = _numbers(self._flow.nodes[given].value_text)
        if node.label in ("Relu", "Threshold"):
            return any(each > 0 for each in own)
        if node.label in ("Pow", "Abs"):
            return any(own)
        if node.label not in ("Mul", "Div"):
            return False
        constant = _numbers(node.detail)
        others = [each for each in self._flow.inputs.get(node.id, ()) if each != given]
        known = [_numbers(self._flow.nodes[each].value_text) for each in others]
        return (not others and len(constant) == 1 and all(constant)) or any(each and all(each) for each in known)

    def _summed(self, node: GraphNode, given: str) -> bool:
        """Whether an operand was broadcast, so that its gradient is a sum."""
        shape = self._flow.nodes[given].shape
        made = [self._flow.nodes[each].shape for each in self._flow.users.get(node.id, ())]
        return shape is not None and any(each is not None and each != shape for each in made)

    def _of_one(self, node: GraphNode) -> bool:
        shapes = [self._flow.nodes[each].shape for each in self._flow.inputs.get(node.id, ())]
        found = next((int(each) for each in node.detail.replace(",", " ").split() if each.lstrip("-").isdigit()), None)
        return any(
            shape and found is not None and -len(shape) <= found < len(shape) and shape[found] == 1 for shape in shapes
        )

    def _zero_operand(self, node: GraphNode, given: str) -> str:
        """An operand other than that which got the zeros, and that is known to be zero itself."""
        if node.detail.strip("* ") in ("0", "0.0"):
            return "the other operand"
        for each in self._flow.inputs.get(node.id, ()):
            tensor = self._flow.nodes[each]
            if each == given or (node.label in ("Linear", "Addmm") and tensor.shape and len(tensor.shape) == 1):
                continue  # a bias is added
            if self._is_dead(each):
                made = next(iter(self._flow.inputs.get(each, ())), "")
                return tensor.label or f"the result of {called(self._flow.nodes[made])}"
            if tensor.value_text is not None and all_zero(tensor.value_text):
                return tensor.label or "an operand"
        return ""

    def _is_dead(self, tensor: str) -> bool:
        """Whether a tensor is the result of a ReLU that passed back only zeros of what it got."""
        made = next(
            (each for each in self._flow.inputs.get(tensor, ()) if self._flow.nodes[each].kind == "operation"), None
        )
        if made is None or self._flow.nodes[made].label != "Relu" or not self._flow.arriving(made):
            return False
        return all(self._flow.passed(each, made) == 0 for each in self._flow.inputs.get(made, ()))


def _numbers(text: str | None) -> list[float]:
    """The numbers in a value's text; none where it is not known.

    >>> _numbers("[[1, -2.5], [0, 1e-09]]")
    [1.0, -2.5, 0.0, 1e-09]
    """
    return [float(each) for each in _NUMBER.findall(text or "")]
