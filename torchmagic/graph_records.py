"""The frozen records of autograd graphs: nodes, edges, modules, leaves with their gradients, what autograd keeps.

Nothing here touches torch: a record is made by :mod:`torchmagic.observe` and drawn by :mod:`torchmagic.render`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from torchmagic.shown import Shown

NodeKind = Literal["tensor", "operation", "cut"]
Role = Literal["data", "leaf", "parameter", "intermediate", "result"]
LeafStatus = Literal["fine", "none", "zero", "vanishing", "exploding", "nan", "inf", "accumulated", "no pass"]


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A tensor (box), an operation (diamond) or a cut of the autograd graph.

    Attributes:
        id: unique in its graph.
        kind: "cut" is a place where the graph ends because of the user's call (``detach()``, ``torch.no_grad``);
            edges lead into it from the tensor that was cut off, and out of it to the tensor that came out, where that
            takes part in the graph.
        label: a tensor's own name ("" where no variable holds it), the operation's plain name
            (``"Add"``, ``"Mul"``, ``"MatMul"``), or what cut (``"detach()"``, ``"no_grad"``, ``"to int64"``).
        role: how the tensor takes part; operations and cuts are "intermediate".
        grad_fn: the class name of the autograd node (``"MulBackward0"``), None for leaves, data and cuts.
        shape, dtype, value_text: of the tensor, where known.
        grad_text: the gradient that arrived there in a backward pass (value when small, else its norm).
        detail: an operation's plain arguments (``"dim 1"``), why a cut is one, or "".
        value, grad: the number itself, for a real tensor of one element.
        grad_norm: the 2-norm of that gradient.
        grad_of: name of the scalar that ``grad_text`` is the gradient of, or "" where that is not known.
        module: id of the innermost call of a module in which it was computed, or "".
        filename, line: where the user's code called the operation or made the cut, counted from 1 ("" for a cell's
            own code); None where that is not known.
        order: 0 in the graph of the computation, 1 in that of its backward pass (``create_graph=True``), and so on.
        nbytes: bytes of a tensor's elements, where known.
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
    module: str = ""
    filename: str = ""
    line: int | None = None
    order: int = 0
    nbytes: int | None = None


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """Data flows from ``source`` to ``target`` (node ids); the gradient flows back.

    Attributes:
        label: written on it, if anything.
        grad_text, grad_norm: the gradient that flowed along it in a backward pass, as a node's; None where not known.
    """

    source: str
    target: str
    label: str = ""
    grad_text: str | None = None
    grad_norm: float | None = None


@dataclass(frozen=True, slots=True)
class GraphModule:
    """One call of an ``nn.Module``: a group of operations.

    Attributes:
        id: unique in its graph.
        path: how the user reaches the module (``"model.layers.0"``), or its class name.
        kind: the module's class name.
        parent: id of the call in which this one was made, or "".
        call: how manieth call of this module it was, from 1.
        numel, trainable: elements of the module's own parameters and those of its children; how many require gradients.
    """

    id: str
    path: str
    kind: str
    parent: str = ""
    call: int = 1
    numel: int = 0
    trainable: int = 0


@dataclass(frozen=True, slots=True)
class LeafGradient:
    """A leaf or parameter, the gradient that it got, and what is to be said of it.

    Attributes:
        name: as in the graph.
        node: id of its node, or "" for a parameter that the graph does not contain.
        shape, dtype: of the leaf.
        parameter: whether it is an ``nn.Parameter``.
        value_text, value, norm: its elements when small, the number of a single one, its 2-norm.
        grad_text, grad, grad_norm: the same of its gradient; None where it has none.
        grad_of: name of the scalar that it is the gradient of, or "".
        status: one word; "no pass" where no backward pass was seen.
        why: one sentence on a status that is not "fine", or "".
        line: the line that ``why`` speaks of.
        passes: how many backward passes its ``.grad`` is the sum of; 0 where not known.
        new_text, new: what a step ``old - lr * grad`` would make of it, for small ones and where a rate was given.
        step_norm: the 2-norm of that step.
        values, grads: the elements of a small real leaf and of its gradient, row by row; empty for others.
    """

    name: str
    node: str = ""
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    parameter: bool = False
    value_text: str | None = None
    value: float | None = None
    norm: float | None = None
    grad_text: str | None = None
    grad: float | None = None
    grad_norm: float | None = None
    grad_of: str = ""
    status: LeafStatus = "fine"
    why: str = ""
    line: int | None = None
    passes: int = 0
    new_text: str | None = None
    new: float | None = None
    step_norm: float | None = None
    values: tuple[float, ...] = ()
    grads: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedTensor:
    """A tensor that autograd keeps for the backward pass.

    Attributes:
        operation: id of the operation's node.
        what: which of the operation's tensors it is (``"self"``, ``"result"``).
        name: the user's name for it, or "".
        shape, dtype, nbytes: of the tensor.
        held: what else holds the same memory, so that it costs nothing more (``"parameter W"``, or ``"Relu (result)"``
            for what another operation keeps), or "".
    """

    operation: str
    what: str
    name: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    nbytes: int = 0
    held: str = ""


@dataclass(frozen=True, slots=True)
class ForwardCall:
    """An operation as it ran, without regard to autograd.

    Attributes:
        label: the function as users know it (``"matmul"``, ``"linear"``).
        inputs: name or "" and shape of each tensor given.
        outputs: shape and dtype of each tensor that came out.
        seconds: how long it took, all equal calls together (on a device other than the CPU: only to launch it).
        nbytes: bytes of the outputs that are memory of their own (a view has none), all equal calls together.
        module: path of the innermost module, or "".
        line: of the cell.
        count: how many equal calls of the same place it stands for.
    """

    label: str
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    outputs: tuple[tuple[tuple[int, ...], str], ...] = ()
    seconds: float = 0.0
    nbytes: int = 0
    module: str = ""
    line: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """A leaf's gradient beside finite differences of the recorded computation.

    Attributes:
        name: of the leaf.
        agrees: None where it could not be checked.
        text: what was found, in a sentence.
        worst: largest difference between an element of autograd's gradient and the finite difference.
    """

    name: str
    agrees: bool | None
    text: str
    worst: float | None = None


@dataclass(frozen=True, slots=True)
class GraphRecord(Shown):
    """An autograd graph, in the direction of the computation (inputs first).

    Attributes:
        nodes, edges: inputs before what is computed from them.
        roots: ids of the tensors that were traced (a loss, an output).
        backward_ran: True when gradients on the nodes come from a backward pass that was seen.
        notes: short sentences for the reader (what was left out, and why).
        modules: the calls of modules that its operations were made in, outer before inner.
        leaves: the leaves of the graph, and parameters of the same modules that it does not contain.
        lr: the learning rate that ``leaves`` show a step with.
        saved, forward, checks: what ``--saved``, ``--forward`` and ``--check`` found; empty where not asked.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    roots: tuple[str, ...] = ()
    backward_ran: bool = False
    notes: tuple[str, ...] = ()
    modules: tuple[GraphModule, ...] = ()
    leaves: tuple[LeafGradient, ...] = ()
    lr: float | None = None
    saved: tuple[SavedTensor, ...] = ()
    forward: tuple[ForwardCall, ...] = ()
    checks: tuple[GradientCheck, ...] = ()

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        depth: int | None = None,
        expand: tuple[str, ...] = (),
        theme: Literal["auto", "light", "dark"] = "auto",
    ) -> Path:
        """Write the graph to a file, in the form that its suffix names: ``.svg``, ``.json``, ``.dot`` or ``.mmd``.

        Args:
            path: the file.
            depth: how many levels of modules to open; as many as stay readable, where not given.
            expand: names of modules to open, too.
            theme: "auto" takes the colours of the page that shows it.

        Returns: the path.

        Raises:
            TorchmagicError: the suffix is not known, or the file cannot be written.

        >>> import tempfile
        >>> GraphRecord((), ()).save(tempfile.mkdtemp() + "/graph.json").name
        'graph.json'
        """
        look = import_module("torchmagic.render.graph_look").Look(depth, tuple(expand), theme)
        written: Path = import_module("torchmagic.graph_files").save(self, path, look)
        return written

    def widget(
        self,
        *,
        depth: int | None = None,
        expand: tuple[str, ...] = (),
        theme: Literal["auto", "light", "dark"] = "auto",
    ) -> object:
        """The graph to pan, zoom, open and click on, in a notebook: the last value of a cell, or ``display(...)``.

        Args:
            depth: how many levels of modules to open at first; as many as stay readable, where not given.
            expand: names of modules to open, too.
            theme: "auto" takes the colours of the page.

        Raises:
            TorchmagicError: anywidget is not installed, or the graph is empty.

        >>> node = GraphNode("n1", "tensor", "W", "leaf", shape=())
        >>> type(GraphRecord((node,), ()).widget()).__name__
        'GraphWidget'
        """
        look = import_module("torchmagic.render.graph_look").Look(depth, tuple(expand), theme)
        made: object = import_module("torchmagic.widget").graph_widget(self, look)
        return made
