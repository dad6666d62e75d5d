"""Where operations were computed: the call of a module, the line, the order; grouping them never makes a cycle."""

from __future__ import annotations

import gc
import graphlib
import sys
import weakref
from collections.abc import Iterable

import pytest
import torch

from tests.see.gradtrace_cells import CUBE
from tests.see.graph_cells import fresh, operations, run, tensor_named, watched
from torchmagic.graph_records import GraphModule, GraphRecord
from torchmagic.observe.graph import GraphWatch

NET = """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.act = nn.Sequential(nn.ReLU())
    def forward(self, x):
        h = self.act(self.fc(x))
        return h + x
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(4, 2)
    def forward(self, x, times=1):
        for _ in range(times):
            for block in self.blocks:
                x = block(x)
        return self.head(x * 2)
net = Net()
x = torch.randn(3, 4)
"""


def groups(record: GraphRecord) -> dict[str, GraphModule]:
    return {module.id: module for module in record.modules}


def calls(record: GraphRecord) -> list[tuple[str, int]]:
    return [(module.path, module.call) for module in record.modules]


def places(record: GraphRecord) -> list[tuple[str, str]]:
    """Each operation with the path of the module that it was computed in."""
    known = groups(record)
    return [
        (node.label, known[node.module].path if node.module else "")
        for node in record.nodes
        if node.kind == "operation"
    ]


def ancestors(module: str, known: dict[str, GraphModule]) -> Iterable[str]:
    while module:
        yield module
        module = known[module].parent


def assert_no_cycle_when_collapsed(record: GraphRecord) -> None:
    """Whatever calls are drawn as one node each, the graph stays without a cycle."""
    known = groups(record)
    depths = {ident: len(list(ancestors(ident, known))) for ident in known}
    chosen: list[set[str]] = [{ident} for ident in known]
    chosen += [{ident for ident in known if depths[ident] == depth} for depth in set(depths.values())]
    for closed in chosen:
        drawn = {}
        for node in record.nodes:
            inside = [ident for ident in ancestors(node.module, known) if ident in closed]
            drawn[node.id] = inside[-1] if inside else node.id
        sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
        for edge in record.edges:
            source, target = drawn[edge.source], drawn[edge.target]
            if source != target:
                sorter.add(target, source)
        sorter.prepare()  # raises CycleError


def test_operations_belong_to_the_innermost_call() -> None:
    record = watched(NET + "loss = net(x).sum()\nloss.backward()")
    assert places(record) == [
        *[("Linear", "net.blocks.0.fc"), ("Relu", "net.blocks.0.act.0"), ("Add", "net.blocks.0")],
        *[("Linear", "net.blocks.1.fc"), ("Relu", "net.blocks.1.act.0"), ("Add", "net.blocks.1")],
        *[("Mul", "net"), ("Linear", "net.head"), ("Sum", "")],
    ]
    known = {module.path: module for module in record.modules}
    assert [known[path].kind for path in ("net", "net.blocks.1", "net.blocks.1.fc")] == ["Net", "Block", "Linear"]
    assert groups(record)[known["net.blocks.1.fc"].parent].path == "net.blocks.1"
    assert (known["net"].parent, known["net"].numel, known["net"].trainable) == ("", 50, 50)
    order = [module.id for module in record.modules]
    assert all(not module.parent or order.index(module.parent) < order.index(module.id) for module in record.modules)


def test_calls_of_one_module_are_told_from_each_other() -> None:
    record = watched(NET + "loss = net(x, times=20).sum()\nloss.backward()")
    assert len([call for call in calls(record) if call[0] == "net.blocks.0"]) == 20
    assert ("net.blocks.1.act.0", 20) in calls(record)
    assert len({node.module for node in record.nodes if node.label == "Relu"}) == 40
    assert_no_cycle_when_collapsed(record)


@pytest.mark.parametrize(
    "source",
    [
        "cell = nn.LSTMCell(3, 4); h = c = torch.zeros(2, 4)\nfor t in range(5):\n    h, c = cell(torch.ones(2, 3), (h, c))\n"
        "loss = h.sum()",
        "rnn = nn.LSTM(3, 4, 2, bidirectional=True)\nout, (h, c) = rnn(torch.randn(5, 2, 3))\nloss = out.mean() + c.sum()",
        "layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)\n"
        "loss = layer(torch.randn(2, 5, 8)).pow(2).mean()",
        "mha = nn.MultiheadAttention(8, 2)\nq = torch.randn(4, 1, 8)\nout, w = mha(q, q, q)\nloss = out.sum() + w.sum()",
        NET + "from torch.func import functional_call\n"
        "loss = functional_call(net, dict(net.named_parameters()), (x,)).sum()",
        NET + "from torch.utils.checkpoint import checkpoint\n"
        "loss = sum(checkpoint(net, x.requires_grad_(), use_reentrant=kind).sum() for kind in (True, False))",
        NET + "shared = nn.Sequential(net.head, nn.Linear(2, 4), net.head)\nloss = shared(x).sum() + net(x).sum()",
        "script = torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))\nloss = script(torch.ones(1, 2)).sum()",
        "lazy = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())\nloss = lazy(torch.randn(4, 2)).sum()",
        "frozen = nn.Sequential(nn.Linear(2, 2), nn.Embedding(3, 2, sparse=True))\nfrozen[0].requires_grad_(False)\n"
        "loss = frozen[0](frozen[1](torch.tensor([1]))).sum()",
    ],
    ids=["cell", "lstm", "encoder", "attention", "functional", "checkpoint", "shared", "script", "lazy", "frozen"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Lazy modules", "ignore:enable_nested_tensor")
def test_collapsing_makes_no_cycle(source: str) -> None:
    record = watched(source + "\nloss.backward()")
    assert not any("could not be watched" in note for note in record.notes)
    assert record.backward_ran
    assert tensor_named(record, "loss").grad == 1.0
    known = groups(record)
    assert all(not node.module or node.module in known for node in record.nodes)
    assert_no_cycle_when_collapsed(record)


def test_the_law_of_collapsing_can_fail() -> None:
    record = watched("net = nn.ReLU()\nx = torch.ones(2, requires_grad=True)\nloss = (net(net(x) * 2)).sum()")
    first = record.modules[0].id
    wrong = [
        node if not node.module else type(node)(node.id, node.kind, node.label, module=first) for node in record.nodes
    ]
    with pytest.raises(graphlib.CycleError):
        assert_no_cycle_when_collapsed(GraphRecord(tuple(wrong), record.edges, modules=record.modules))


def test_sizes_of_modules() -> None:
    record = watched(
        "net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3), nn.LazyLinear(1))\nnet[1].weight = nn.Parameter(torch.ones(3, 3))\n"
        "net.append(net[1]); net[0].weight.requires_grad_(False)\n"
        "outer = nn.Sequential(net[1], net[1])\nloss = outer(net[0](torch.ones(1, 2))).sum()"
    )
    sizes = {module.path: (module.numel, module.trainable) for module in record.modules}
    assert sizes == {"net.0": (9, 3), "net.1": (12, 12), "outer": (12, 12)}


def test_a_module_of_a_function_has_the_path_that_it_has_there() -> None:
    record = watched(
        "def train():\n    model = nn.Sequential(nn.Linear(2, 2))\n    loss = model(torch.ones(1, 2)).sum()\n"
        "    loss.backward()\ntrain()"
    )
    assert calls(record) == [("model", 1), ("model.0", 1)]


def test_a_module_that_nothing_reaches_is_called_by_its_class() -> None:
    assert calls(watched("loss = nn.Linear(2, 2)(torch.ones(1, 2)).sum()")) == [("Linear", 1)]


def test_lines() -> None:
    record = watched(NET + "y = net(x)\n\nloss = (y * y).sum()\nloss.backward()")
    lines = [(node.label, node.line) for node in record.nodes if node.kind == "operation"]
    length = NET.count("\n")
    assert lines[0] == ("Linear", 8)  # self.fc(x), in a forward of the user's
    assert lines[-3:] == [("Linear", 19), ("Mul", length + 3), ("Sum", length + 3)]
    assert {node.filename for node in record.nodes} == {""}


def test_the_line_of_a_library_function_is_the_users() -> None:
    record = watched(
        "a = torch.randn(3, 4, requires_grad=True)\n\n"
        "loss = F.cross_entropy(a, torch.tensor([0, 1, 2]))\nnorm = torch.nn.utils.clip_grad_norm_([a], 1.)\n"
        "loss.backward()"
    )
    assert {node.line for node in record.nodes if node.kind == "operation"} == {3}


def test_a_file_of_the_users_is_named(tmp_path: object) -> None:
    name = f"{tmp_path}/helper.py"
    namespace = fresh()
    exec(compile("\n\ndef double(t):\n    return t * 2\n", name, "exec"), namespace)
    record = watched("a = torch.ones(2, requires_grad=True)\nb = double(a)\nc = b.sum()", namespace)
    assert [(n.label, n.filename, n.line) for n in record.nodes if n.kind == "operation"] == [
        ("Mul", name, 4),
        ("Sum", "", 3),
    ]


def test_the_line_of_a_custom_function_is_that_of_its_call() -> None:
    record = watched(
        f"{CUBE}"
        "class Layer(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return Cube.apply(x)\n"
        "layer = Layer(); a = torch.tensor(2., requires_grad=True)\n"
        "y = layer(a) * 2\ny.backward()"
    )
    assert [(n.label, n.line) for n in record.nodes if n.kind == "operation"] == [("Cube", 13), ("Mul", 15)]
    assert places(record) == [("Cube", "layer"), ("Mul", "")]
    assert tensor_named(record, "a").grad == 24.0


def test_orders_of_higher_derivatives() -> None:
    record = watched(
        "a = torch.tensor(2., requires_grad=True)\nz = a ** 4\n"
        "(g,) = torch.autograd.grad(z, a, create_graph=True)\nh = g * a\n"
        "(k,) = torch.autograd.grad(h, a, create_graph=True)\nk.backward()"
    )
    order = {node.label: node.order for node in record.nodes if node.label in ("z", "g", "h", "k")}
    assert order == {"z": 0, "g": 1, "h": 0, "k": 2}
    assert {node.order for node in record.nodes} == {0, 1, 2}


def test_bytes() -> None:
    record = watched(
        "w = torch.ones(30, 20, dtype=torch.float64, requires_grad=True)\nx = torch.ones(5, 30, dtype=torch.float64)\n"
        "y = x @ w\nz = y.float().sum()"
    )
    found = {node.label: node.nbytes for node in record.nodes if node.kind == "tensor" and node.label}
    assert found == {"w": 4800, "x": 1200, "y": 800, "z": 4}


def test_a_module_dies_as_without() -> None:
    namespace = fresh()
    with GraphWatch() as watch:
        run(NET + "loss = net(x).sum()\nloss.backward()", namespace)
        module = weakref.ref(namespace.pop("net"))
        del namespace["loss"]
        gc.collect()
        assert module() is None
    assert watch.record(namespace, ["x"]) is not None


def test_frames_keep_nothing_alive() -> None:
    namespace = fresh() | {"weakref": weakref, "alive": []}
    with GraphWatch():
        run(
            "class Net(nn.Module):\n"
            "    def forward(self, x):\n"
            "        h = x * 2\n"
            "        seen = weakref.ref(h)\n"
            "        h = h + 1\n"
            "        alive.append(seen() is not None)\n"
            "        return h\n"
            "net = Net(); x = torch.ones(4, requires_grad=True)\n"
            "with torch.no_grad():\n"
            "    net(x)\n"
            "y = net(x)",
            namespace,
        )
    assert namespace["alive"] == [False, False]


def test_a_tracer_of_the_users_sees_its_lines() -> None:
    def lines(watch: bool) -> list[tuple[str, int]]:
        seen: list[tuple[str, int]] = []

        def trace(frame: object, event: str, arg: object) -> object:
            code = frame.f_code  # type: ignore[attr-defined]
            if event == "line" and code.co_filename == "<cell>" and code.co_name != "_torchmagic_call":
                seen.append((code.co_name, frame.f_lineno))  # type: ignore[attr-defined]
            return trace

        namespace = fresh() | {"trace": trace, "sys": sys}
        source = NET + "old = sys.gettrace()\nsys.settrace(trace)\ny = net(x)\nsys.settrace(old)"
        if watch:
            with GraphWatch():
                run(source, namespace)
        else:
            run(source, namespace)
        return seen

    assert lines(watch=True) == lines(watch=False) != []


def test_operations_of_a_deep_stack() -> None:
    record = watched(
        "def deep(n, t):\n    return t * 2 if n == 0 else deep(n - 1, t)\n"
        "a = torch.tensor(1., requires_grad=True)\nb = deep(500, a)"
    )
    assert operations(record) == ["Mul"]
    assert tensor_named(record, "b").value == 2.0


@pytest.mark.slow
def test_torch_compiled_code_says_that_it_is() -> None:
    record = watched(
        "f = torch.compile(lambda x: (x * 2).sin().sum(), backend='aot_eager')\n"
        "x = torch.ones(3, requires_grad=True)\nloss = f(x)\nloss.backward()"
    )
    assert any("torch.compile" in note for note in record.notes)
    assert tensor_named(record, "x").grad_text is not None
    assert record.modules == ()
    torch._dynamo.reset()
