"""The frozen records: facts about tensors, graphs and errors as plain data that saves, reloads and compares.

Nothing here touches torch: a record is made by :mod:`torchmagic.observe`, drawn by :mod:`torchmagic.render`
and judged by ``graders``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torchmagic.shown import Shown

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
        of: what was read, where it is not just the tensor's elements (``"magnitudes"``, ``"stored elements"``), or "".
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
    of: str = ""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often the finite elements fall into equal bins.

    Attributes:
        low, high: the outer edges, in the elements' own unit.
        counts: one for each bin, lowest first.
        sampled: True when an even part of a large tensor was counted.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    sampled: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A 2-D or image-like tensor made small enough to draw.

    Attributes:
        kind: "heatmap" has one number a pixel, "rgb" three.
        width, height: in pixels.
        pixels: row by row, each number scaled to 0..255; None where the element is NaN or infinite.
        low, high: what 0 and 255 stand for.
        text: what of the tensor it shows, in words (``"every 4th row"``), or "" where it shows all.
    """

    kind: Literal["heatmap", "rgb"]
    width: int
    height: int
    pixels: tuple[int | None, ...]
    low: float
    high: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Shapes that were broadcast, to be drawn dimension by dimension.

    Attributes:
        operands: name and shape of each.
        result: the shape that came out, or None where they do not fit.
    """

    operands: tuple[tuple[str, tuple[int, ...]], ...]
    result: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Note:
    """What a beginner needs to know about a tensor or an operation that was seen.

    Attributes:
        kind: a stable word for it (``"broadcast"``, ``"integer"``, ``"detached"``).
        text: one sentence on what is so and why it matters.
        remedy: what to write instead, or "".
        names: the tensors that it is about.
        line: the line of the cell where it happened, counted from 1; None where that is not known.
        broadcast: the shapes, for a note on broadcasting.
    """

    kind: str
    text: str
    remedy: str = ""
    names: tuple[str, ...] = ()
    line: int | None = None
    broadcast: Broadcast | None = None


@dataclass(frozen=True, slots=True)
class TensorRecord(Shown):
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
        nbytes: bytes of its elements; None where they are not known.
        strides: in elements, outermost first; None for kinds that have none.
        contiguous: whether its elements lie in memory in the order of its indices; None where that means nothing.
        is_view: whether it is a view of another tensor, as autograd sees it.
        shares: the other names whose storage it shares.
        version: autograd's count of changes in place; None where it is not counted.
        grad_norm: the 2-norm of ``.grad``.
        histogram, picture: of the elements; None where not asked, not useful or not readable.
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
    nbytes: int | None = None
    strides: tuple[int, ...] | None = None
    contiguous: bool | None = None
    is_view: bool = False
    shares: tuple[str, ...] = ()
    version: int | None = None
    grad_norm: float | None = None
    histogram: Histogram | None = None
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class GroupRecord(Shown):
    """A container, module or optimizer: a tree whose leaves are tensors.

    Attributes:
        name: the expression that reaches it (``"model"``, ``"model.0"``, ``"batch['x']"``).
        kind: the class, for a module as it prints itself without its children (``"Linear(in_features=3, ...)"``).
        facts: what else is worth showing, as (what, value): an optimizer's learning rate, a module's mode.
        tensors: those directly in it.
        groups: containers and modules within it.
        numel, trainable, nbytes: elements of all tensors below it, those that require gradients, and bytes; a
            tensor that is reached twice counts once.
        more: how many entries were left out.
    """

    name: str
    kind: str
    facts: tuple[tuple[str, str], ...] = ()
    tensors: tuple[TensorRecord, ...] = ()
    groups: tuple[GroupRecord, ...] = ()
    numel: int = 0
    trainable: int = 0
    nbytes: int = 0
    more: int = 0


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of the user's with the part of it that failed.

    Attributes:
        number: counted from 1, as tracebacks do.
        text: the line without its end.
        start, end: columns, counted in characters from 0, of the marked part; both 0 where nothing is marked.
    """

    number: int
    text: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Operand:
    """An argument that a failed operation really had.

    Attributes:
        name: the user's expression for it (``"W"``, ``"x[0]"``), or the argument's own name where there is none.
        role: what it is to the operation (``"input"``, ``"weight"``, ``"dim"``), or "".
        tensor: its facts; None where it is no tensor.
        value: of what is no tensor, as text.
    """

    name: str
    role: str = ""
    tensor: TensorRecord | None = None
    value: str = ""


@dataclass(frozen=True, slots=True)
class Clash:
    """Sizes of operands set under each other, to show those that do not fit.

    Attributes:
        rows: for each operand its name and its sizes as text, padded with "" so that columns line up.
        bad: the columns that clash.
        labels: a word under each column (``"rows"``, ``"must match"``), or "".
    """

    rows: tuple[tuple[str, tuple[str, ...]], ...]
    bad: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remedy:
    """What the user could write instead.

    Attributes:
        code: the changed expression (``"x @ W.T"``).
        text: what it does or gives, in words (``"gives (4, 3)"``).
        checked: whether shapes, dtypes and devices were found to fit without computing anything.
    """

    code: str
    text: str = ""
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Explanation(Shown):
    """Why an operation failed, from the arguments that it really had.

    Attributes:
        error: the exception's class name; ``message`` its text, shortened.
        kind: a stable word for the kind of failure (``"matmul"``, ``"broadcast"``, ``"index"``), or "".
        operation: what failed, as the user knows it (``"@"``, ``"torch.cat"``, ``"nn.Linear"``).
        expression: the failing sub-expression, or "" where it is not known.
        source: the user's lines with the marked part; ``filename`` where they stand, "" for a cell.
        layer: the module inside which it failed (``"model.layers.2: Linear(4, 8)"``), or "".
        operands: the arguments, in their order.
        clash: the sizes that do not fit, aligned.
        why: one sentence.
        remedies: none, one or two.
    """

    error: str
    message: str
    kind: str = ""
    operation: str = ""
    expression: str = ""
    filename: str = ""
    source: tuple[SourceLine, ...] = ()
    layer: str = ""
    operands: tuple[Operand, ...] = ()
    clash: Clash | None = None
    why: str = ""
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection(Shown):
    """Everything that ``tensorinfo`` shows for a cell or for expressions.

    Attributes:
        tensors: what is to be shown, each once.
        groups: containers, modules and optimizers that were named.
        notes: about them.
        explanation: of the error that ended the cell.
        more: how many tensors were left out.
        deleted: variables that held a tensor and that the cell took away.
    """

    tensors: tuple[TensorRecord, ...] = ()
    groups: tuple[GroupRecord, ...] = ()
    notes: tuple[Note, ...] = ()
    explanation: Explanation | None = None
    more: int = 0
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison(Shown):
    """An answer beside what it should be.

    Attributes:
        expected, got: the facts of both; the name of ``got`` is what the student calls it.
        expected_rows, got_rows: the elements of small tensors of two dims at most, as text; () for others.
        wrong: the places (row, column) in ``got_rows`` that differ.
        count: how many elements differ; None where the shapes do not let them be compared.
        why: the misconception that explains it, or "".
    """

    expected: TensorRecord
    got: TensorRecord
    expected_rows: tuple[tuple[str, ...], ...] = ()
    got_rows: tuple[tuple[str, ...], ...] = ()
    wrong: tuple[tuple[int, int], ...] = ()
    count: int | None = None
    why: str = ""


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
class GraphRecord(Shown):
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
