"""What the watch sees: every way of building a graph and running backward through it."""

from __future__ import annotations

import pytest
import torch

from tests.see.gradtrace_cells import CUBE
from tests.see.graph_cells import fresh, names, operations, run, tensor_named, watched, watched_or_none
from torchmagic.observe.graph import trace
from torchmagic.render.graph_html import graph_html
from torchmagic.render.graph_text import graph_text


def test_no_graph_no_record() -> None:
    assert watched_or_none("x = 3") is None
    assert watched_or_none("x = torch.ones(3) * 2") is None


def test_printing_and_reading_add_no_nodes() -> None:
    plain = watched("w = torch.ones(2, requires_grad=True)\ny = (w * 2).sum()")
    noisy = watched(
        "w = torch.ones(2, requires_grad=True)\n"
        "y = (w * 2).sum()\n"
        "repr(y); y.item(); f'{y}'; y.shape; y.detach().numpy(); (w * 3).mean().item(); y.grad_fn"
    )
    assert plain == noisy


def test_names_survive_being_bound_anew() -> None:
    record = watched(
        "a = torch.tensor(2., requires_grad=True)\ny = a * 3\nz = y.exp()\ny = None\nz.backward()\nz = 'gone'"
    )
    assert names(record) == ["a", "y", "z"]
    assert tensor_named(record, "z").value == pytest.approx(torch.tensor(6.0).exp().item())


def test_a_name_bound_in_a_loop_goes_to_the_last() -> None:
    record = watched("t = torch.tensor(1., requires_grad=True)\ns = t\nfor i in range(4):\n    s = s * 2\n")
    assert names(record) == ["s", "t"]
    assert tensor_named(record, "s").value == 16.0


def test_locals_of_functions_and_methods() -> None:
    record = watched(
        "class Model:\n"
        "    def __init__(self):\n"
        "        self.w = torch.tensor([1., 2.], requires_grad=True)\n"
        "    def loss(self, x):\n"
        "        h = self.w * x\n"
        "        return h.sum()\n"
        "def train():\n"
        "    model = Model()\n"
        "    loss = model.loss(torch.tensor([3., 4.]))\n"
        "    loss.backward()\n"
        "train()"
    )
    assert {"h", "loss", "model.w"} <= set(names(record))
    assert tensor_named(record, "model.w").grad_text == "[3, 4]"


def test_names_in_modules_and_containers() -> None:
    record = watched(
        "net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())\n"
        "params = {'w': torch.ones(2, requires_grad=True)}\n"
        "batch = [torch.ones(1, 2)]\n"
        "loss = (net(batch[0]) * params['w']).sum()\n"
        "loss.backward()"
    )
    assert names(record) == ["batch[0]", "loss", "net.0.bias", "net.0.weight", "params['w']"]
    assert tensor_named(record, "net.0.weight").role == "parameter"
    assert tensor_named(record, "batch[0]").role == "data"
    assert operations(record) == ["Linear", "Relu", "Mul", "Sum"]


def test_a_parameter_keeps_its_name_in_its_module() -> None:
    record = watched(
        "net = nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for p in net.parameters():\n    p.data.zero_()\n"
        "_own = nn.Parameter(torch.ones(1))\n"
        "loss = (net(torch.ones(1, 2)) * _own).sum()\nloss.backward()"
    )
    assert names(record) == ["_own", "loss", "net.bias", "net.weight"]


def test_several_losses_are_drawn_beside_each_other() -> None:
    record = watched(
        "w = torch.tensor(2., requires_grad=True)\n"
        "l1 = w ** 2\nl2 = w * 5\n"
        "l1.backward()\nl2.backward()"
    )  # fmt: skip
    gradients = {node.grad_of: node.grad for node in record.nodes if node.label == "w"}
    assert gradients == {"l1": 4.0, "l2": 5.0}
    assert any("already held a gradient" in note for note in record.notes)


def test_a_training_loop_keeps_the_last_pass() -> None:
    record = watched(
        "w = torch.tensor(0., requires_grad=True); x = torch.tensor(3.)\n"
        "for step in range(1000):\n"
        "    loss = (w * x - 6) ** 2\n"
        "    w.grad = None\n"
        "    loss.backward()\n"
        "    with torch.no_grad():\n"
        "        w -= 0.01 * w.grad\n"
    )
    assert len(record.nodes) == 8
    assert "1,000 backward passes" in record.notes[0]
    assert tensor_named(record, "w").value == pytest.approx(2.0, abs=1e-3)


def test_autograd_grad_gives_what_it_returned() -> None:
    namespace = fresh()
    record = watched(
        "a = torch.tensor(2., requires_grad=True); b = torch.tensor(3., requires_grad=True)\n"
        "y = a * b\nz = y * y\n"
        "ga, gy = torch.autograd.grad(z, [a, y])",
        namespace,
    )
    assert tensor_named(record, "a").grad == namespace["ga"].item() == 36.0
    assert tensor_named(record, "y").grad == namespace["gy"].item() == 12.0
    assert namespace["a"].grad is None


def test_higher_order() -> None:
    record = watched(
        "a = torch.tensor(2., requires_grad=True)\n"
        "z = a ** 3\n"
        "(g,) = torch.autograd.grad(z, a, create_graph=True)\n"
        "(h,) = torch.autograd.grad(g, a)"
    )
    gradients = {node.grad_of: node.grad for node in record.nodes if node.label == "a"}
    assert gradients == {"z": 12.0, "g": 12.0}


def test_retain_graph_and_passing_a_gradient() -> None:
    record = watched(
        "a = torch.ones(2, requires_grad=True)\ny = a * 3\n"
        "y.backward(torch.tensor([1., 2.]), retain_graph=True)\na.grad = None\n"
        "torch.autograd.backward([y], [torch.tensor([5., 5.])])"
    )
    assert tensor_named(record, "a").grad_text == "[15, 15]"
    assert any("2 backward passes" in note for note in record.notes)


def test_in_place_operations_and_views() -> None:
    record = watched(
        "a = torch.ones(3, requires_grad=True)\n"
        "y = a * 2\ny[0] = 5.\ny += 1\nv = y.view(3, 1)\n"
        "s = v.sum()\ns.backward()"
    )
    assert operations(record) == ["Mul", "CopySlices", "Add", "View", "Sum"]
    assert tensor_named(record, "y").value_text == "[6, 3, 3]"
    assert tensor_named(record, "a").grad_text == "[0, 2, 2]"


def test_custom_function_and_checkpoint() -> None:
    record = watched(
        "from torch.utils.checkpoint import checkpoint\n"
        f"{CUBE}"
        "a = torch.tensor(2., requires_grad=True)\n"
        "c = Cube.apply(a)\n"
        "for reentrant in (False, True):\n"
        "    c = checkpoint(torch.sin, c, use_reentrant=reentrant)\n"
        "c.backward()"
    )
    assert operations(record) == ["Cube", "Sin", "CheckpointFunction"]
    expected = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (expected**3).sin().sin().backward()
    assert expected.grad is not None
    assert tensor_named(record, "a").grad == pytest.approx(expected.grad.item(), rel=1e-4)


def test_what_a_user_packed_is_not_unpacked() -> None:
    namespace = fresh()
    run(
        "log = []\n"
        "a = torch.tensor(2., requires_grad=True); x = torch.tensor(3.)\n"
        "with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: (log.append(t), t)[1]):\n"
        "    z = a * x\n",
        namespace,
    )
    trace(namespace["z"], names=namespace)
    assert namespace["log"] == []
    watched("z.backward()", namespace)
    assert len(namespace["log"]) == 1


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("y.backward()", "grad can be implicitly created only for scalar outputs"),
        ("y.register_hook(lambda g: 1 / 0); y.sum().backward()", "ZeroDivisionError"),
    ],
)
def test_a_backward_pass_that_raises(source: str, error: str) -> None:
    record = watched("a = torch.ones(3, requires_grad=True)\ny = a * 2\n" + source)
    assert any(error in note for note in record.notes)
    assert {"a", "y"} <= set(names(record))


def test_a_second_pass_through_a_freed_graph_leaves_the_first_drawn() -> None:
    record = watched("a = torch.ones(2, requires_grad=True)\ns = (a * a).sum()\ns.backward()\ns.backward()")
    assert tensor_named(record, "a").grad_text == "[2, 2]"
    assert any("second time" in note for note in record.notes)


@pytest.mark.parametrize("stop", ["a @ torch.ones(7)", "raise KeyboardInterrupt", "raise SystemError('x')"])
def test_facts_up_to_an_exception(stop: str) -> None:
    record = watched(f"a = torch.ones(3, requires_grad=True)\ny = a * 2\n{stop}\nz = y + 1")
    assert names(record) == ["a", "y"]


def test_sparse_complex_jagged_and_half() -> None:
    record = watched(
        "e = nn.Embedding(10, 3, sparse=True); i = torch.tensor([1, 2])\n"
        "c = torch.tensor([1 + 2j], requires_grad=True)\n"
        "n = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged, requires_grad=True)\n"
        "h = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)\n"
        "loss = e(i).sum() + (c * c.conj()).real.sum() + (n * 2).values().sum() + h.float().sum()\n"
        "loss.backward()"
    )
    assert tensor_named(record, "e.weight").grad_norm == pytest.approx(6**0.5)
    assert tensor_named(record, "c").grad_text == "[2+4j]"
    assert tensor_named(record, "n").shape is None
    assert tensor_named(record, "h").grad_text == "[1, 1]"
    graph_html(record)


def test_functional_transforms_are_left_alone() -> None:
    namespace = fresh()
    assert watched_or_none(
        "from torch.func import grad, vmap\ng = vmap(grad(lambda x: (x ** 2).sum()))(torch.ones(3, 2))", namespace
    ) is None  # fmt: skip
    assert torch.equal(namespace["g"], torch.full((3, 2), 2.0))


@pytest.mark.slow
def test_torch_compile_compiles_as_without() -> None:
    namespace = fresh()
    record = watched(
        "graphs = []\n"
        "def backend(graph, inputs):\n"
        "    graphs.append(graph)\n"
        "    return graph\n"
        "f = torch.compile(lambda x: (x * 2).sin().sum(), backend=backend, fullgraph=True)\n"
        "x = torch.ones(3, requires_grad=True)\n"
        "loss = f(x)\nloss.backward()",
        namespace,
    )
    assert len(namespace["graphs"]) == 1
    assert tensor_named(record, "x").grad_norm == pytest.approx(namespace["x"].grad.norm().item())


@pytest.mark.slow
def test_a_chain_of_ten_thousand_operations() -> None:
    source = "t = torch.tensor(1., requires_grad=True)\ns = t\nfor _ in range(10_000):\n    s = s * 1.0001\n"
    record = watched(source + "s.backward()")
    assert len(operations(record)) == 10_000
    assert tensor_named(record, "t").grad == pytest.approx(1.0001**10_000, rel=1e-2)
    html = graph_html(record)
    assert "Mul × 10,000" in html
    assert len(html) < 100_000
    assert len(graph_text(record).splitlines()) < 100
    namespace = fresh()
    run(source, namespace)
    assert len(operations(trace(namespace["s"], names=namespace))) == 10_000


def test_operands_of_calls_that_are_several_nodes() -> None:
    record = watched(
        "cell = nn.LSTMCell(3, 4); x = torch.randn(2, 3); h0 = torch.zeros(2, 4); c0 = torch.ones(2, 4)\n"
        "h, c = cell(x, (h0, c0))\n"
        "labels = torch.tensor([0, 1])\n"
        "loss = F.cross_entropy(h, labels) + c.mean()"
    )
    label = {node.id: node.label for node in record.nodes}
    users = {name: [label[e.target] for e in record.edges if label[e.source] == name] for name in names(record)}
    assert users["labels"] == ["NLLLoss"]
    assert users["x"] == users["h0"] == ["Linear"]
    assert users["c0"] == ["Mul"]
