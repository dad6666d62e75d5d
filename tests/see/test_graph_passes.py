"""Backward passes with what users put into them: hooks, optimizers inside, interrupts, create_graph, odd gradients."""

from __future__ import annotations

import gc
import traceback
import tracemalloc
import weakref

import pytest
import torch

from tests.see.graph_cells import fresh, operations, run, tensor_named, watched
from torchmagic.observe.graph import GraphWatch, hide_own_frames

NET = "torch.manual_seed(0)\nnet = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))\nx = torch.randn(5, 4)\n"


def expected(source: str) -> dict[str, torch.Tensor]:
    namespace = fresh()
    run(NET + source, namespace)
    return {name: p.grad for name, p in namespace["net"].named_parameters() if p.grad is not None}


def test_an_optimizer_inside_the_backward_pass() -> None:
    source = "loss = net(x).pow(2).mean()\nloss.backward()"
    found = expected(source)
    record = watched(
        NET
        + "def step(p):\n    with torch.no_grad():\n        p.grad.mul_(1000)\n        p -= 0.001 * p.grad\n    p.grad = None\n"
        "for p in net.parameters():\n    p.register_post_accumulate_grad_hook(step)\n" + source
    )
    for name, grad in found.items():
        assert tensor_named(record, f"net.{name}").grad_norm == pytest.approx(grad.norm().item(), rel=1e-5)


def test_a_second_pass_shows_its_own_gradient() -> None:
    once = expected("loss = net(x).pow(2).mean()\nloss.backward()")
    record = watched(NET + "for _ in range(3):\n    loss = net(x).pow(2).mean()\n    loss.backward()")
    for name, grad in once.items():
        assert tensor_named(record, f"net.{name}").grad_norm == pytest.approx(grad.norm().item(), rel=1e-5)
    assert any("already held a gradient" in note for note in record.notes)


def test_clipping_afterwards_changes_no_record() -> None:
    source = "loss = net(x).pow(2).sum()\nloss.backward()\n"
    record = watched(NET + source + "norm = nn.utils.clip_grad_norm_(net.parameters(), 1e-3)")
    for name, grad in expected(source).items():
        assert tensor_named(record, f"net.{name}").grad_norm == pytest.approx(grad.norm().item(), rel=1e-5)


def test_only_the_inputs_that_were_asked_for() -> None:
    record = watched(NET + "loss = net(x).sum()\nloss.backward(inputs=[net[2].weight])")
    assert tensor_named(record, "net.2.weight").grad_norm is not None
    assert tensor_named(record, "net.0.weight").grad_norm is None


def test_a_hook_of_the_users_is_seen_as_it_left_the_gradient() -> None:
    record = watched(
        "a = torch.ones(3, requires_grad=True)\ny = a * 2\ny.register_hook(lambda g: g * 10)\n"
        "a.register_hook(lambda g: g + 1)\nz = y.sum()\nz.backward()"
    )
    assert tensor_named(record, "y").grad_text == "[10, 10, 10]"
    assert tensor_named(record, "a").grad_text == "[21, 21, 21]"


def test_a_gradient_that_arrives_twice_is_not_doubled_by_watching() -> None:
    plain, seen = fresh(), fresh()
    source = NET + "y = net(x)\nz = (y * y + y).sum() + y.mean()\nz.backward()"
    run(source, plain)
    record = watched(source, seen)
    for one, other in zip(plain["net"].parameters(), seen["net"].parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    assert tensor_named(record, "y").grad_norm is not None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("place", ["y.register_hook(stop)", "net[0].weight.register_hook(stop)", "Stop.apply"])
def test_no_hook_stays_when_a_pass_is_broken_off(error: type[BaseException], place: str) -> None:
    namespace = fresh() | {"error": error}
    source = (
        NET + "class Stop(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x):\n        return x.clone()\n"
        "    @staticmethod\n    def backward(ctx, g):\n        return stop(g)\n"
        "broken = True\n"
        "def stop(grad):\n    if broken:\n        raise error\n    return grad\n"
        "y = net(x)\n"
    )
    source += "y = Stop.apply(y)\n" if place == "Stop.apply" else place + "\n"
    watch = GraphWatch()
    with pytest.raises(error), watch:
        run(source + "w = y * 1\nz = (w * w).sum()\nz.backward(retain_graph=True)", namespace)
    assert torch._C._len_torch_function_stack() == 0
    assert gc.isenabled()
    seen: list[str] = []
    namespace["broken"] = False
    record = watch.record(namespace, [])
    assert record is not None
    before = tensor_named(record, "w").grad_norm
    namespace["z"].register_hook(lambda grad: seen.append("z"))
    namespace["z"].backward(torch.tensor(100.0))
    assert seen == ["z"]
    assert watch.record(namespace, []) == record
    assert tensor_named(record, "w").grad_norm == before


def test_an_interrupt_in_our_own_hook_reads_as_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(grad: torch.Tensor) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("torchmagic.observe.values.read_gradient", stop)
    namespace = fresh()
    watch = GraphWatch()
    with pytest.raises(KeyboardInterrupt) as caught, watch:
        run(
            "a = torch.ones(2, requires_grad=True)\na.grad = torch.ones(2)\ny = a * 2\nz = y.sum()\n"
            "z.backward(retain_graph=True)",
            namespace,
        )
    hide_own_frames(caught.value)
    files = [entry.filename for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert not any("observe" in name for name in files)
    monkeypatch.undo()
    namespace["z"].backward()
    assert namespace["a"].grad.tolist() == [3.0, 3.0]


@pytest.mark.slow
def test_no_storage_outlives_the_cell() -> None:
    namespace = fresh()
    run(NET, namespace)
    code = compile("h = net(x)\nloss = h.pow(2).mean()\nloss.backward()", "<cell>", "exec")

    def once() -> list[weakref.ref[torch.UntypedStorage]]:
        with GraphWatch() as watch:
            exec(code, namespace)
        record = watch.record(namespace, ["h", "loss"])
        assert record is not None
        found = [weakref.ref(namespace[name].untyped_storage()) for name in ("h", "loss")]
        found += [weakref.ref(p.grad.untyped_storage()) for p in namespace["net"].parameters()]
        return found

    storages = once()
    for name in ("h", "loss"):
        del namespace[name]
    for parameter in namespace["net"].parameters():
        parameter.grad = None
    assert [storage() for storage in storages] == [None] * len(storages)  # without a garbage collection
    tracemalloc.start()
    try:
        for _ in range(3):
            once()
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
        once()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


def test_large_gradients_are_not_held_during_the_pass() -> None:
    namespace = fresh() | {"weakref": weakref, "alive": []}
    record = watched(
        "class Look(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x):\n        return x.clone()\n"
        "    @staticmethod\n    def backward(ctx, g):\n"
        "        alive.append(sum(r() is not None for r in seen))\n"
        "        seen.append(weakref.ref(g.untyped_storage()))\n        return g * 1\n"
        "seen = []\nx = torch.ones(1000, requires_grad=True)\ny = x\n"
        "for _ in range(6):\n    y = Look.apply(y) * 2\n"
        "y.sum().backward()",
        namespace,
    )
    assert len(operations(record)) == 13
    assert max(namespace["alive"]) <= 1


def test_gradients_of_a_graph_too_large_to_hold_are_the_same() -> None:
    source = (
        "torch.manual_seed(0)\na = torch.randn(1200, 1200, requires_grad=True)\n"
        "b = a.sin()\nc = b * 2\nd = c + a\nloss = d.pow(2).sum()\nfor t in (b, c, d): t.retain_grad()\nloss.backward()"
    )
    namespace = fresh()
    record = watched(source, namespace)
    for name in "abcd":
        norm = namespace[name].grad.norm().item()
        assert tensor_named(record, name).grad_norm == pytest.approx(norm, rel=1e-4)


def test_sparse_jagged_and_complex_gradients_on_edges() -> None:
    record = watched(
        "e = nn.Embedding(10, 30, sparse=True)\n"
        "n = torch.nested.nested_tensor([torch.ones(20), torch.ones(30)], layout=torch.jagged, requires_grad=True)\n"
        "m = n * 3\nc = torch.full((20,), 1 + 2j, requires_grad=True)\n"
        "loss = e(torch.tensor([1, 1, 2])).sum() + m.values().sum() + (c * c.conj()).real.sum()\nloss.backward()"
    )
    assert tensor_named(record, "e.weight").grad_norm == pytest.approx((30 * (4 + 1)) ** 0.5)
    assert tensor_named(record, "m").grad_norm == pytest.approx(50**0.5)
    assert tensor_named(record, "n").grad_norm == pytest.approx(450**0.5)
    assert tensor_named(record, "c").grad_norm == pytest.approx((20 * 20) ** 0.5)
    assert not any("could not" in note for note in record.notes)


@pytest.mark.parametrize("kind", ["no_grad", "inference_mode"])
def test_sections_without_gradients(kind: str) -> None:
    record = watched(NET + f"with torch.{kind}():\n    y = net(x)\n    w = y * 2\nz = net(x + 1).sum()\nz.backward()")
    assert operations(record) == ["Linear", "Tanh", "Linear", "Sum"]


def test_transforms_beside_a_graph() -> None:
    namespace = fresh()
    record = watched(
        NET + "from torch.func import functional_call, grad, vmap\n"
        "params = dict(net.named_parameters())\n"
        "def f(p, row):\n    return functional_call(net, p, (row,)).sum()\n"
        "rows = vmap(grad(f), (None, 0))({k: v.detach() for k, v in params.items()}, x)\n"
        "loss = functional_call(net, params, (x,)).sum()\nloss.backward()",
        namespace,
    )
    assert operations(record) == ["Linear", "Tanh", "Linear", "Sum"]
    assert torch.allclose(namespace["rows"]["2.bias"].sum(0), namespace["net"][2].bias.grad)
    assert not any("could not" in note for note in record.notes)


def test_a_gradient_penalty() -> None:
    record = watched(
        "x = torch.tensor([1., 2.], requires_grad=True)\ny = (x ** 3).sum()\n"
        "(g,) = torch.autograd.grad(y, x, create_graph=True)\npenalty = g.pow(2).sum()\npenalty.backward()"
    )
    grads = {(node.label, node.grad_of): node.grad_text for node in record.nodes}
    assert grads["x", "y"] == "[3, 12]"
    assert grads["x", "penalty"] == "[36, 288]"
    assert grads["g", "penalty"] == "[6, 24]"


def test_a_pass_of_several_roots_that_raises_and_one_after_it() -> None:
    """torch.autograd.backward, which an older torch announces to nobody."""
    source = (
        "w = torch.tensor(3., requires_grad=True)\ny, z = w * 2, w * w\n"
        "try:\n    torch.autograd.backward([y, torch.stack([y, z])])\nexcept RuntimeError:\n    pass\n"
        "torch.autograd.backward([y, z])"
    )
    record = watched(source)
    assert {node.label: node.grad for node in record.nodes if node.role == "leaf"} == {"w": 8.0}


def test_a_pass_of_several_roots_that_raises_within() -> None:
    source = (
        "w = torch.tensor(3., requires_grad=True)\ny = w.exp()\nz = y * 1\nwith torch.no_grad():\n    y.add_(1)\n"
        "torch.autograd.backward([z, y], retain_graph=True)"
    )
    namespace = fresh()
    watch = GraphWatch()
    with pytest.raises(RuntimeError, match="modified by an inplace") as caught, watch:
        exec(source, namespace)
    assert watch.recorded(caught.value).saved_changed is not None
    record = watch.record(namespace, ["w", "y", "z"])
    assert record is not None
    assert any("stopped with RuntimeError" in note for note in record.notes)
    assert {node.label: node.grad for node in record.nodes if node.role == "leaf"} == {"w": None}
