"""The watch leaves no trace: same results bit for bit, nothing kept alive, no hook and no mode left behind."""

from __future__ import annotations

import gc
import traceback
import warnings
import weakref
from contextlib import nullcontext
from typing import Any

import pytest
import torch

from tests.see.graph_cells import fresh, run, tensor_named
from torchmagic.observe.graph import GraphWatch, hide_own_frames, trace

CELLS = {
    "training": (
        "net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 1))\n"
        "opt = torch.optim.Adam(net.parameters())\n"
        "for _ in range(5):\n"
        "    opt.zero_grad()\n"
        "    loss = net(torch.randn(6, 4)).pow(2).mean()\n"
        "    loss.backward()\n"
        "    opt.step()\n"
        "state = list(net.parameters()) + [p.grad for p in net.parameters()] + [loss]"
    ),
    "in place": (
        "a = torch.randn(3, requires_grad=True)\n"
        "y = a * 2\ny[0] = 1.\ny.mul_(3)\nv = y[1:]\nv.add_(1)\n"
        "y.sum().backward()\n"
        "state = [a, a.grad, y, v]"
    ),
    "hooks": (
        "a = torch.randn(3, requires_grad=True)\n"
        "y = a.exp()\ny.register_hook(lambda g: g * 2)\ny.retain_grad()\n"
        "log = []\na.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.clone()))\n"
        "y.sum().backward(retain_graph=True)\ny.mean().backward()\n"
        "state = [a, a.grad, y, y.grad, *log]"
    ),
    "rnn": (
        "rnn = nn.LSTM(3, 4, 2, dropout=0.3)\n"
        "out, (h, c) = rnn(torch.randn(5, 2, 3))\n"
        "(out.mean() + h.sum() * c.sum()).backward()\n"
        "state = [p.grad for p in rnn.parameters()] + [out, h, c]"
    ),
    "attention": (
        "layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)\n"
        "out = layer(torch.randn(2, 5, 8))\nout.pow(2).mean().backward()\n"
        "state = [p.grad for p in layer.parameters()] + [out]"
    ),
    "double backward": (
        "a = torch.randn(3, requires_grad=True)\n"
        "(g,) = torch.autograd.grad((a ** 3).sum(), a, create_graph=True)\n"
        "g.pow(2).sum().backward()\n"
        "state = [a.grad, g]"
    ),
    "random": "x = torch.rand(3, requires_grad=True)\nd = F.dropout(x, 0.5)\nd.sum().backward()\nstate = [x.grad, d]",
}


def facts(source: str, watch: bool) -> list[Any]:
    torch.manual_seed(1)
    namespace = fresh()
    if watch:
        with GraphWatch() as watching:
            run(source, namespace)
        watching.record(namespace, list(namespace))
    else:
        run(source, namespace)
    state = namespace["state"]
    described = [
        (tensor.detach().clone(), tensor.requires_grad, tensor.is_leaf, tensor._version, tensor.retains_grad)
        for tensor in state
    ]
    return [described, torch.get_rng_state()]


@pytest.mark.parametrize("source", CELLS.values(), ids=CELLS)
def test_same_bits_with_and_without(source: str) -> None:
    (plain, plain_rng), (seen, seen_rng) = facts(source, watch=False), facts(source, watch=True)
    assert torch.equal(plain_rng, seen_rng)
    assert len(plain) == len(seen)
    for (value, *flags), (seen_value, *seen_flags) in zip(plain, seen, strict=True):
        assert torch.equal(value, seen_value)
        assert flags == seen_flags


def test_tracing_afterwards_changes_nothing() -> None:
    namespace = fresh()
    run(CELLS["in place"].replace("y.sum().backward()", "a.grad = a.detach().clone()"), namespace)
    before = [(tensor._version, tensor.detach().clone()) for tensor in namespace["state"]]
    state = torch.get_rng_state()
    trace(namespace["y"], names=namespace)
    assert torch.equal(state, torch.get_rng_state())
    for tensor, (version, value) in zip(namespace["state"], before, strict=True):
        assert tensor._version == version
        assert torch.equal(tensor, value)


@pytest.mark.slow
@pytest.mark.parametrize("backward", ["", "z.backward()", "z.backward(retain_graph=True)"])
def test_nothing_is_kept_alive(backward: str) -> None:
    namespace = fresh()
    with GraphWatch() as watch:
        run(
            f"x = torch.randn(50, 50)\nw = torch.randn(50, 50, requires_grad=True)\nh = x @ w\nz = h.sum()\n{backward}",
            namespace,
        )
    record = watch.record(namespace, ["x", "w", "h", "z"])
    references = [weakref.ref(namespace[name]) for name in "xwhz"]
    storages = [weakref.ref(namespace[name].untyped_storage()) for name in "xwhz"]
    for name in "xwhz":
        del namespace[name]
    gc.collect()
    assert [reference() for reference in references] == [None] * 4
    assert [storage() for storage in storages] == [None] * 4
    assert record is not None


def test_the_graph_dies_inside_the_cell_as_without() -> None:
    namespace = fresh()
    namespace["weakref"] = weakref
    with GraphWatch():
        run(
            "def step():\n"
            "    w = torch.ones(20, requires_grad=True)\n"
            "    h = w * 2\n"
            "    loss = h.sum()\n"
            "    loss.backward()\n"
            "    return weakref.ref(h), weakref.ref(w)\n"
            "alive = [r() is not None for r in step()]\n"
            "def early():\n"
            "    w = torch.ones(20, requires_grad=True)\n"
            "    h = w * 2\n"
            "    h.sum().backward()\n"
            "    seen = weakref.ref(h)\n"
            "    del h\n"
            "    return seen() is not None\n"
            "alive.append(early())",
            namespace,
        )
    assert namespace["alive"] == [False, False, False]


def test_a_long_loop_keeps_a_bounded_number_of_facts() -> None:
    namespace = fresh()
    with GraphWatch() as watch:
        run(
            "w = torch.ones(3, requires_grad=True)\n"
            "for _ in range(400):\n"
            "    w.grad = None\n"
            "    ((w * 2).exp() + torch.ones(3)).sum().backward()",
            namespace,
        )
    assert len(watch._mode.calls) < 10
    assert len(watch._mode.passes) == 1


def test_no_hook_is_left_behind() -> None:
    namespace = fresh()
    source = "a = torch.tensor(2., requires_grad=True)\ny = a * 3\nz = y * y\nz.backward(retain_graph=True)"
    with GraphWatch() as watch:
        run(source, namespace)
    namespace["z"].backward(torch.tensor(100.0))
    record = watch.record(namespace, [])
    assert record is not None
    assert tensor_named(record, "y").grad == 12.0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_mode_and_hooks_go_when_a_backward_raises(error: type[BaseException]) -> None:
    namespace = fresh() | {"error": error}
    depth = torch._C._len_torch_function_stack()
    watch = GraphWatch()
    with pytest.raises(error), watch:
        run(
            "a = torch.ones(2, requires_grad=True)\ny = a * 3\n"
            "def stop(grad):\n    raise error\n"
            "handle = y.register_hook(stop)\ns = y.sum()\ns.backward(retain_graph=True)",
            namespace,
        )
    assert torch._C._len_torch_function_stack() == depth
    namespace["handle"].remove()
    namespace["s"].backward(torch.tensor(7.0))
    record = watch.record(namespace, [])
    assert record is not None
    assert tensor_named(record, "s").grad == 1.0


@pytest.mark.parametrize("source", ["torch.ones(2) @ torch.ones(3)", "y = w * 1\ny.backward()", "F.relu('x')"])
def test_a_traceback_reads_as_without(source: str) -> None:
    def frames(watch: bool) -> list[tuple[str, int | None]]:
        namespace = fresh() | {"w": torch.ones(2, requires_grad=True)}
        try:
            if watch:
                with GraphWatch():
                    run(source, namespace)
            else:
                run(source, namespace)
        except Exception as error:
            found = traceback.extract_tb(error.__traceback__)
            return [(frame.filename, frame.lineno) for frame in found if frame.filename != __file__]
        raise AssertionError("the cell should have raised")

    assert frames(watch=True) == frames(watch=False)


def test_hiding_frames_leaves_a_foreign_traceback_alone() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run("1 / 0", fresh())
    before = [entry.lineno for entry in traceback.extract_tb(caught.value.__traceback__)]
    hide_own_frames(caught.value)
    assert [entry.lineno for entry in traceback.extract_tb(caught.value.__traceback__)] == before


@pytest.mark.parametrize(
    "source",
    [
        "torch.ones(2, 2, 2).T",
        "F.mse_loss(torch.ones(3, 1), torch.ones(3))",
        "F.softmax(torch.ones(3))",
        "nn.L1Loss()(torch.ones(3, 1, requires_grad=True), torch.ones(3)).backward()",
        "w = torch.ones(1, requires_grad=True)\n(w * 2).backward(create_graph=True)",
        "w = torch.ones(1, requires_grad=True)\n(w * 2).grad",
    ],
)
def test_warnings_point_to_the_same_line(source: str) -> None:
    def warned(watch: bool) -> list[tuple[str, int, str]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.set_warn_always(True)
            try:
                with GraphWatch() if watch else nullcontext():
                    run("\n\n" + source, fresh())
            finally:
                torch.set_warn_always(False)
        return [(each.filename, each.lineno, str(each.message)) for each in caught]

    assert warned(watch=True) == warned(watch=False) != []
