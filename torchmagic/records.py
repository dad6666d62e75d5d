"""The frozen records: facts about tensors and graphs as plain data that saves, reloads and compares.

Nothing here touches torch: a record is made by :mod:`torchmagic.observe`, drawn by :mod:`torchmagic.render`
and judged by ``graders``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

NodeKind = Literal["tensor", "operation"]
Role = Literal["data", "leaf", "parameter", "intermediate", "result"]


@dataclass(frozen=True, slots=True)
class Stats:
    """One pass over a tensor's elements; NaN and infinities are counted, and left out of the rest.

    Attributes:
        count: elements looked at (all of them, unless ``sampled``).
        minimum, maximum, mean, std: over the finite elements; None where undefined (std is the sample
            standard deviation, n - 1, as ``torch.std`` gives).
        zeros, nans, infs: how many elements are exactly zero, NaN, plus or minus infinity.
        sampled: True when only a part of a large tensor was read.
    """

    count: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None
    zeros: int
    nans: int
    infs: int
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """What one tensor was at one moment.

    Attributes:
        name: the variable or expression that the user wrote (``"x"``, ``"model.weight"``).
        kind: the class as users write it (``"Tensor"``, ``"Parameter"``, ``"ndarray"``).
        shape: sizes, outermost first; ``()`` for a 0-dim tensor.
        dtype, device, layout: as torch prints them, without ``torch.`` (``"float32"``, ``"cpu"``, ``"strided"``).
        requires_grad, is_leaf: autograd's flags; ``grad_fn`` is the node's class name without address.
        grad: the gradient as ``value_text`` when small, else its shape; None when there is none.
        stats: None where the kind of tensor has no readable elements (meta) or statistics were not asked.
        value_text: the elements of a small tensor as text (``"[[1., 2.], [3., 4.]]"``), else None.
        change: what changed since before the cell (``"new"``, ``"shape (3,) → (3, 1)"``), or "".
        trouble: why part of the facts could not be read, or "".
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    device: str
    layout: str = "strided"
    requires_grad: bool = False
    is_leaf: bool = True
    grad_fn: str | None = None
    grad: str | None = None
    stats: Stats | None = None
    value_text: str | None = None
    change: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A tensor (box) or an operation (diamond) of the autograd graph.

    Attributes:
        id: unique in its graph.
        label: a tensor's own name ("" where no variable holds it), or the operation's plain name
            (``"Add"``, ``"Mul"``, ``"MatMul"``).
        role: how the tensor takes part; operations are "intermediate".
        grad_fn: the class name of the autograd node (``"MulBackward0"``), None for leaves and data.
        shape, dtype, value_text: of the tensor, where known.
        grad_text: the gradient that arrived there in a backward pass (value when small, else its norm).
        detail: an operation's plain arguments (``"dim 1"``), or "".
        value, grad: the number itself, for a real tensor of one element.
        grad_norm: the 2-norm of that gradient.
        grad_of: name of the scalar that ``grad_text`` is the gradient of, or "" where that is not known.
    """

    id: str
    kind: NodeKind
    label: str
    role: Role = "intermediate"
    grad_fn: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    value_text: str | None = None
    grad_text: str | None = None
    detail: str = ""
    value: float | None = None
    grad: float | None = None
    grad_norm: float | None = None
    grad_of: str = ""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """Data flows from ``source`` to ``target`` (node ids); ``label`` is written on it, if anything."""

    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class GraphRecord:
    """An autograd graph, in the direction of the computation (inputs first).

    Attributes:
        nodes, edges: inputs before what is computed from them.
        roots: ids of the tensors that were traced (a loss, an output).
        backward_ran: True when gradients on the nodes come from a backward pass that was seen.
        notes: short sentences for the reader (what was left out, and why).
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    roots: tuple[str, ...] = ()
    backward_ran: bool = False
    notes: tuple[str, ...] = field(default=())
