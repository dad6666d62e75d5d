"""Graph records made by hand, without torch: models with modules, cuts, higher order, long chains; and random ones."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from torchmagic.graph_records import (
    ForwardCall,
    GradientCheck,
    GraphEdge,
    GraphModule,
    GraphNode,
    GraphRecord,
    LeafGradient,
    SavedTensor,
)
from torchmagic.render.graph_look import Look


class Maker:
    """Puts together a record, operation by operation."""

    def __init__(self) -> None:
        self.nodes: list[GraphNode] = []
        self.edges: list[GraphEdge] = []
        self.modules: list[GraphModule] = []

    def tensor(self, name: str, role: str = "data", shape: tuple[int, ...] = (2, 8), grad: float | None = None) -> str:
        ident = f"n{len(self.nodes)}"
        text = None if grad is None else f"norm {grad:.4g}"
        self.nodes.append(GraphNode(ident, "tensor", name, role, None, shape, "float32", None, text, grad_norm=grad))  # type: ignore[arg-type]
        return ident

    def op(
        self,
        label: str,
        inputs: Sequence[str],
        name: str = "",
        module: str = "",
        role: str = "intermediate",
        shape: tuple[int, ...] = (2, 8),
        grad: float | None = 0.5,
        order: int = 0,
    ) -> str:
        operation, result = f"n{len(self.nodes)}", f"n{len(self.nodes) + 1}"
        text = None if grad is None else f"norm {grad:.4g}"
        grad_fn = f"{label}Backward0"
        self.nodes.append(GraphNode(operation, "operation", label, grad_fn=grad_fn, module=module, line=3, order=order))
        self.nodes.append(
            GraphNode(
                result, "tensor", name, role, grad_fn, shape, "float32", None, text, grad_norm=grad, module=module, order=order, nbytes=64,
            )  # type: ignore[arg-type]
        )  # fmt: skip
        self.edges += [GraphEdge(each, operation, grad_text=text, grad_norm=grad) for each in inputs]
        self.edges.append(GraphEdge(operation, result))
        return result

    def module(self, path: str, kind: str, parent: str = "", call: int = 1, numel: int = 72) -> str:
        ident = f"m{len(self.modules)}"
        self.modules.append(GraphModule(ident, path, kind, parent, call, numel, numel))
        return ident

    def record(self, root: str, **fields: object) -> GraphRecord:
        given = {edge.target for edge in self.edges}
        first = [node for node in self.nodes if node.role in ("leaf", "parameter") and node.id not in given]
        before = {node.id for node in first}
        rest = [node for node in self.nodes if node.id not in before]
        return GraphRecord((*first, *rest), tuple(self.edges), (root,), True, modules=tuple(self.modules), **fields)  # type: ignore[arg-type]


def encoder(layers: int = 12) -> GraphRecord:
    """A stack of like layers between an embedding and a head; about 36 nodes a layer."""
    make = Maker()
    x = make.tensor("X")
    model = make.module("model", "Net", numel=5000)
    stack = make.module("model.encoder", "TransformerEncoder", model, numel=400 * layers)
    for i in range(layers):
        path = f"model.encoder.layers.{i}"
        layer = make.module(path, "TransformerEncoderLayer", stack, numel=400)
        inner = make.module(f"{path}.self_attn", "MultiheadAttention", layer, numel=200)
        weight = make.tensor(f"{path}.self_attn.in_proj_weight", "parameter", (24, 8), 0.1)
        start = x
        projected = make.op("MatMul", [x, weight], module=inner, grad=0.5 / 2**i)
        parts = [make.op("Select", [projected], module=inner) for _ in range(3)]
        scores = make.op("Softmax", [make.op("MatMul", parts[:2], module=inner)], module=inner)
        attended = make.op("MatMul", [scores, parts[2]], module=inner)
        x = make.op("Add", [start, attended], module=layer)
        for name in ("linear1", "linear2"):
            linear = make.module(f"{path}.{name}", "Linear", layer)
            own = [make.tensor(f"{path}.{name}.{what}", "parameter", (8, 8), 0.2) for what in ("weight", "bias")]
            x = make.op("Linear", [x, *own], module=linear)
            if name == "linear1":
                x = make.op("Relu", [x], module=layer)
        x = make.op("Add", [start, x], module=layer, grad=0.5 / 2**i)
    head = make.module("model.head", "Linear", model)
    x = make.op("Linear", [x, make.tensor("model.head.weight", "parameter", (1, 8), 0.3)], "out", head)
    return make.record(make.op("Mean", [x], "loss", role="result", shape=()))


def flat(layers: int = 200) -> GraphRecord:
    """A ``Sequential`` of (Linear, ReLU), many times."""
    make = Maker()
    x = make.tensor("X")
    model = make.module("model", "Sequential")
    for i in range(layers):
        linear = make.module(f"model.{2 * i}", "Linear", model)
        x = make.op("Linear", [x, make.tensor(f"model.{2 * i}.weight", "parameter", (8, 8), 0.2)], module=linear)
        x = make.op("Relu", [x], module=make.module(f"model.{2 * i + 1}", "ReLU", model, numel=0), grad=2.0**-i)
    return make.record(make.op("Sum", [x], "loss", role="result", shape=()))


def chain(length: int) -> GraphRecord:
    """Operations one after the other, without modules."""
    make = Maker()
    x = make.tensor("w", "leaf", (), 1.0)
    for _ in range(length - 1):
        x = make.op("Mul", [x])
    return make.record(make.op("Mul", [x], "y", role="result"))


def recurrent(steps: int = 30) -> GraphRecord:
    """One cell called again and again, with the same parameters and another slice of data each time."""
    make = Maker()
    h = make.tensor("h0")
    weight = make.tensor("cell.weight", "parameter", (8, 8), 0.2)
    for step in range(steps):
        cell = make.module("cell", "RNNCell", call=step + 1)
        h = make.op("Tanh", [make.op("Linear", [make.tensor(f"x[{step}]"), h, weight], module=cell)], module=cell)
    return make.record(make.op("Sum", [h], "loss", role="result", shape=()))


def woven() -> GraphRecord:
    """A module whose output comes back into it: no box may stand for all of it."""
    make = Maker()
    odd = make.module("odd", "Odd")
    x = make.tensor("x", "leaf")
    inside = make.op("Exp", [x], module=odd)
    outside = make.op("Sin", [inside])
    return make.record(make.op("Mul", [inside, outside], "y", odd, role="result"))


def everything() -> GraphRecord:
    """Cuts, a second order, every status, and all tables."""
    make = Maker()
    x, w = make.tensor("x"), make.tensor("W", "leaf", (), 16.0)
    h = make.op("Mul", [x, w], "h")
    make.nodes.append(GraphNode("cut1", "cut", "detach()", line=3, detail="No gradient reaches h through it."))
    target = make.tensor("target")
    make.nodes.append(GraphNode("cut2", "cut", "no_grad", line=5, filename="/home/me/net.py"))
    make.edges += [GraphEdge(h, "cut1"), GraphEdge("cut1", target), GraphEdge(h, "cut2")]
    loss = make.op("Mean", [make.op("Sub", [h, target])], "loss", role="result", shape=())
    make.op("Mul", [loss, w], "g", order=1)
    statuses = ("fine", "none", "zero", "vanishing", "exploding", "nan", "inf", "accumulated", "no pass")
    leaves = [
        LeafGradient(f"leaf_{status.replace(' ', '_')}", "", (3,), "float32", True, "[1, 2, 3]", None, 3.7, "norm 2", None, 2.0, "loss", status,
                     "" if status == "fine" else f"Why it is {status}.", 7 if status == "nan" else None)  # type: ignore[arg-type]
        for status in statuses
    ]  # fmt: skip
    leaves.append(LeafGradient("W", w, (), "float32", False, "3", 3.0, 3.0, "-16", -16.0, 16.0, "loss", new=4.6))
    return make.record(
        loss,
        notes=("h was detached in line 3.",),
        leaves=tuple(leaves),
        lr=0.1,
        saved=(
            SavedTensor("n2", "self", "x", (2, 8), "float32", 64, "x"),
            SavedTensor("n2", "other", "", (9, 9), "int64", 648),
        ),
        forward=(
            ForwardCall("linear", (("X", (2, 8)), ("W", (8, 8))), (((2, 8), "float32"),), 4.2e-5, 64, "model.0", 3),
            ForwardCall("mul", (("", (2, 8)),), (((2, 8), "float32"),), 1e-3, 64, count=200),
        ),
        checks=(
            GradientCheck("W", True, "They agree to 1e-7.", 1e-7),
            GradientCheck("b", False, "Element 2: 1 against 0.5.", 0.5),
            GradientCheck("c", None, "An integer tensor has no gradient."),
        ),
    )


MODELS = {
    "encoder": encoder(),
    "encoder_small": encoder(1),
    "flat": flat(),
    "chain": chain(500),
    "recurrent": recurrent(),
    "woven": woven(),
    "everything": everything(),
}

LOOKS = st.builds(
    Look,
    depth=st.none() | st.integers(0, 4),
    expand=st.lists(st.sampled_from(["a", "a.b", "b.*", "A", "*", "nothing", "["]), max_size=2).map(tuple),
    theme=st.sampled_from(["auto", "light", "dark"]),
)


@st.composite
def records(draw: st.DrawFn) -> GraphRecord:
    """Any record, also a broken one: ids that lead nowhere or occur twice, modules inside each other, odd names."""
    names = st.text(max_size=12) | st.sampled_from(["", "x", "a.weight", "损失", "<b>", 'q"', "\n", "a" * 90])
    count = draw(st.integers(0, 24))
    idents = [f"m{i}" for i in range(draw(st.integers(0, 5)))]
    modules = [
        GraphModule(ident, draw(st.sampled_from(["a", "a.b", "b.0", "b.1"])), draw(st.sampled_from(["A", "B"])), draw(st.sampled_from(["", "gone", *idents])))
        for ident in idents
    ]  # fmt: skip
    nodes = [
        GraphNode(
            f"n{draw(st.integers(0, 3)) if draw(st.integers(0, 30)) == 0 else i}",
            draw(st.sampled_from(["tensor", "operation", "operation", "cut"])),
            draw(names),
            draw(st.sampled_from(["data", "leaf", "parameter", "intermediate", "result"])),
            shape=draw(st.none() | st.just((2, -1)) | st.just(())),
            value_text=draw(st.none() | names),
            grad_text=draw(st.none() | st.just("4") | names),
            module=draw(st.sampled_from(["", "gone", *idents])),
            line=draw(st.none() | st.just(3)),
            order=draw(st.integers(0, 1)),
        )
        for i in range(count)
    ]
    ends = st.integers(0, count)
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=40))
    edges = [GraphEdge(f"n{min(a, b)}", f"n{max(a, b)}", grad_text=draw(st.none() | st.just("4"))) for a, b in pairs]
    leaves = [LeafGradient(draw(names), grad_text="4", status=draw(st.sampled_from(["fine", "nan"])), why=draw(names))]
    return GraphRecord(
        tuple(nodes),
        tuple(edges),
        tuple(draw(st.lists(st.sampled_from([node.id for node in nodes]), max_size=2))) if nodes else (),
        notes=tuple(draw(st.lists(names, max_size=1))),
        modules=tuple(modules),
        leaves=tuple(leaves) if draw(st.booleans()) else (),
    )
