"""Every item of 'works with' through the real door: the same with and without ``%%gradtrace``, and a true record."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.see.shell_run import graph, text
from torchmagic.graph_records import GraphRecord

pytestmark = pytest.mark.slow

ALL = "--forward --saved --check --lr 0.1"

#: name → (cells before, the cell, what of it is compared)
CELLS = {
    "custom function": (
        "class Cube(torch.autograd.Function):\n"
        "    @staticmethod\n"
        "    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n"
        "        return x ** 3\n"
        "    @staticmethod\n"
        "    def backward(ctx, g):\n"
        "        (x,) = ctx.saved_tensors\n"
        "        return g * 3 * x ** 2",
        "w = torch.tensor([1., 2.], requires_grad=True)\ny = Cube.apply(w)\ny.sum().backward()",
        "w.grad, y",
    ),
    "checkpoint": (
        "from torch.utils.checkpoint import checkpoint",
        "net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.3))\nx = torch.randn(2, 3)\n"
        "out = checkpoint(net, x, use_reentrant=False)\nout.sum().backward()",
        "*[p.grad for p in net.parameters()], out",
    ),
    "reentrant checkpoint": (
        "from torch.utils.checkpoint import checkpoint",
        "net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.3))\nx = torch.randn(2, 3, requires_grad=True)\n"
        "out = checkpoint(net, x, use_reentrant=True)\nout.sum().backward()",
        "*[p.grad for p in net.parameters()], out, x.grad",
    ),
    "hooks": (
        "log = []",
        "a = torch.randn(3, requires_grad=True)\ny = a.exp()\ny.register_hook(lambda g: g * 2)\ny.retain_grad()\n"
        "a.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.clone()))\n"
        "y.grad_fn.register_prehook(lambda g: log.append(g[0]))\n"
        "lin = nn.Linear(3, 2)\nlin.register_full_backward_hook(lambda m, i, o: log.append(o[0]))\n"
        "(y.sum() + lin(y).sum()).backward()",
        "a.grad, y.grad, *log",
    ),
    "autograd.grad": (
        "",
        "w = torch.randn(3, requires_grad=True)\nx = w.sin()\ny = (x * w).sum()\n"
        "gw, gx = torch.autograd.grad(y, (w, x), retain_graph=True)\n(again,) = torch.autograd.grad(y, w)",
        "gw, gx, again",
    ),
    "double backward": (
        "",
        "a = torch.randn(3, requires_grad=True)\n(g,) = torch.autograd.grad((a ** 3).sum(), a, create_graph=True)\n"
        "g.pow(2).sum().backward()",
        "a.grad, g",
    ),
    "several losses": (
        "",
        "w = torch.randn(3, requires_grad=True)\nh = w * 2\nl1 = h.sum()\nl2 = (h ** 2).mean()\n"
        "l1.backward(retain_graph=True)\nl2.backward()",
        "w.grad, l1, l2",
    ),
    "losses together": (
        "",
        "w = torch.randn(3, requires_grad=True)\nl1, l2 = w.sum(), (w ** 2).sum()\ntorch.autograd.backward([l1, l2])",
        "w.grad, l1, l2",
    ),
    "retain_graph": (
        "",
        "w = torch.randn(3, requires_grad=True)\nl = w.exp().sum()\nfor _ in range(3):\n    l.backward(retain_graph=True)",
        "w.grad, l",
    ),
    "list, dict and dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Out:\n    a: torch.Tensor\n    b: dict",
        "w = torch.randn(3, requires_grad=True)\nout = Out(w * 2, {'c': [w.sin(), w.cos()]})\n"
        "(out.a.sum() + sum(each.sum() for each in out.b['c'])).backward()",
        "w.grad, out.a, *out.b['c']",
    ),
    "lstm": (
        "",
        "rnn = nn.LSTM(3, 4, 2, dropout=0.3)\nout, (h, c) = rnn(torch.randn(5, 2, 3))\n(out.mean() + h.sum() * c.sum()).backward()",
        "*[p.grad for p in rnn.parameters()], out, h, c",
    ),
    "in place": (
        "",
        "a = torch.randn(3, requires_grad=True)\ny = a * 2\ny[0] = 1.\ny.mul_(3)\nb = torch.zeros(4)\nb[1:] = y\nb.sum().backward()",
        "a.grad, y, b",
    ),
    "views": (
        "",
        "a = torch.randn(4, requires_grad=True)\ny = a * 1\nv = y.view(2, 2)[0]\nv.add_(1)\nv.mul_(a[0])\n(y ** 2).sum().backward()",
        "a.grad, y, v",
    ),
    "no_grad and inference_mode": (
        "",
        "w = torch.randn(3, requires_grad=True)\nwith torch.no_grad():\n    m = w * 2\nwith torch.inference_mode():\n    i = w * 3\n"
        "l = (w * m).sum()\nl.backward()\nwith torch.no_grad():\n    w -= 0.1 * w.grad",
        "w, w.grad, m, i",
    ),
    "torch.func": (
        "from torch.func import functional_call, grad, vmap",
        "net = nn.Linear(3, 1)\nparams = dict(net.named_parameters())\nx = torch.randn(5, 3)\n"
        "per = vmap(grad(lambda p, r: functional_call(net, p, (r,)).sum()), (None, 0))(params, x)\n"
        "l = functional_call(net, params, (x,)).sum() + vmap(torch.sin)(params['bias']).sum()\nl.backward()",
        "*per.values(), *[p.grad for p in net.parameters()]",
    ),
    "a chain of 10,000 operations": (
        "",
        "w = torch.randn(3, requires_grad=True)\ny = w\nfor _ in range(10_000):\n    y = y * 1.0001\ny.sum().backward()",
        "w.grad, y",
    ),
    "complex": (
        "",
        "z = torch.randn(3, dtype=torch.complex64, requires_grad=True)\n(z * z.conj() + z ** 2).abs().sum().backward()",
        "z.grad",
    ),
    "sparse gradients": (
        "",
        "e = nn.Embedding(9, 3, sparse=True)\ne(torch.tensor([1, 2, 2])).pow(2).sum().backward()",
        "e.weight.grad.to_dense()",
    ),
    "jagged gradients": (
        "",
        "a, b = torch.randn(2, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)\n"
        "n = torch.nested.as_nested_tensor([a, b], layout=torch.jagged)\n(n * 2).sum().backward()",
        "a.grad, b.grad",
    ),
    "training": (
        "",
        "net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 1))\n"
        "opt = torch.optim.Adam(net.parameters())\n"
        "for _ in range(4):\n    opt.zero_grad()\n    loss = net(torch.randn(6, 4)).pow(2).mean()\n    loss.backward()\n    opt.step()",
        "*net.parameters(), *[p.grad for p in net.parameters()], *net.buffers(), loss",
    ),
    "data changed by hand": (
        "",
        "w = torch.ones(3, requires_grad=True)\nfor _ in range(3):\n    l = (w * torch.arange(3.)).pow(2).sum()\n"
        "    w.grad = None\n    l.backward()\n    w.data -= 0.1 * w.grad",
        "w, w.grad",
    ),
    "autocast": (
        "",
        "net = nn.Linear(3, 2)\nwith torch.autocast('cpu', dtype=torch.bfloat16):\n    y = net(torch.ones(4, 3))\ny.float().pow(2).sum().backward()",
        "*[p.grad for p in net.parameters()], y",
    ),
    "a generator of the user's": (
        "gen = torch.Generator().manual_seed(4)",
        "w = torch.rand(3, requires_grad=True)\ny = w * torch.rand(3, generator=gen)\ny.sum().backward()\nnext_one = torch.rand(2, generator=gen)",
        "w.grad, y, next_one",
    ),
    "modes of the user's": (
        "from torch.utils._python_dispatch import TorchDispatchMode\nfrom torch.overrides import TorchFunctionMode\n"
        "log = []\nclass Dispatched(TorchDispatchMode):\n    def __torch_dispatch__(self, func, types, args=(), kwargs=None):\n"
        "        log.append(str(func))\n        return func(*args, **(kwargs or {}))\n"
        "class Called(TorchFunctionMode):\n    def __torch_function__(self, func, types, args=(), kwargs=None):\n"
        "        log.append(getattr(func, '__name__', '?'))\n        return func(*args, **(kwargs or {}))",
        "w = torch.randn(3, requires_grad=True)\nwith Dispatched(), Called():\n    l = (F.dropout(w, 0.5) * 2).sum()\n    l.backward()\n"
        "with Dispatched():\n    m = w.exp()\n(m * w).sum().backward()",
        "w.grad, l, torch.tensor(len(log)), torch.tensor([hash(each) for each in log])",
    ),
    "an exception in the middle": (
        "",
        "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nu = (w * 3).sum()\nraise ValueError('mine')",
        "w.grad, u",
    ),
    "an interrupt in the middle": (
        "",
        "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nu = (w * 3).sum()\nraise KeyboardInterrupt",
        "w.grad, u",
    ),
    "an exception inside the pass": (
        "def fail(g):\n    raise ValueError('in a hook')",
        "w = torch.ones(2, requires_grad=True)\ny = w * 2\ny.register_hook(fail)\ntry:\n    y.sum().backward()\nexcept ValueError as e:\n    said = str(e)\n(w * 5).sum().backward()",
        "w.grad, y",
    ),
}


def facts(shell: Any, before: str, cell: str, compared: str, magic: str) -> list[Any]:
    """What is to be the same with and without the magic."""
    from IPython.utils.capture import capture_output

    for name in [name for name in shell.user_ns if not name.startswith("_") and name not in ("torch", "nn", "F")]:
        del shell.user_ns[name]
    with capture_output() as captured:
        shell.run_cell(before)
        torch.manual_seed(7)
        result = shell.run_cell(magic + cell)
        state = torch.get_rng_state()
        error = type(result.error_in_exec), str(result.error_in_exec)
        values = shell.run_cell(f"[{compared}]").result
    assert torch._C._len_torch_function_stack() == 0
    assert "could not be looked at" not in captured.stdout
    described = [
        (v.detach().clone(), v.requires_grad, v.is_leaf, v.is_inference() or v._version, v.retains_grad) for v in values
    ]
    hooks = [len(v._backward_hooks or ()) for v in values]
    return [described, hooks, state, error]


@pytest.mark.parametrize("name", CELLS)
def test_same_bits_with_and_without(shell: Any, name: str) -> None:
    plain = facts(shell, *CELLS[name], "")
    for magic in ("%%gradtrace\n", f"%%gradtrace {ALL}\n", f"%%tensorinfo\n%%gradtrace {ALL}\n"):
        seen = facts(shell, *CELLS[name], magic)
        assert torch.equal(plain[2], seen[2]), magic
        assert (plain[1], plain[3]) == (seen[1], seen[3]), magic
        assert len(plain[0]) == len(seen[0])
        for (value, *flags), (other, *other_flags) in zip(plain[0], seen[0], strict=True):
            assert torch.equal(value, other), magic
            assert flags == other_flags, magic


@pytest.mark.parametrize("name", CELLS)
def test_a_whole_record(shell: Any, name: str) -> None:
    before, cell, _ = CELLS[name]
    from IPython.utils.capture import capture_output

    with capture_output():
        shell.run_cell(before)
    torch.manual_seed(7)
    record = graph(shell, cell, ALL)
    assert record.backward_ran
    assert record.nodes
    assert record.forward
    assert record.lr == 0.1
    assert GraphRecord.from_json(record.to_json()) == record
    assert not [note for note in record.notes if "could not be" in note], record.notes
    assert not [check for check in record.checks if check.agrees is False and name != "hooks"], record.checks
    assert len({node.id for node in record.nodes}) == len(record.nodes)


#: what must have been checked, and found right
CHECKED = sorted(set(CELLS) - {"hooks", "modes of the user's", "jagged gradients", "double backward", "torch.func"})


@pytest.mark.parametrize("name", CHECKED)
def test_gradients_agree_with_finite_differences(shell: Any, name: str) -> None:
    before, cell, _ = CELLS[name]
    from IPython.utils.capture import capture_output

    with capture_output():
        shell.run_cell(before)
    torch.manual_seed(7)
    checks = graph(shell, cell, "--check").checks
    assert checks
    assert {check.agrees for check in checks} == {True}, checks


def test_what_a_hook_does_to_a_gradient_is_found(shell: Any) -> None:
    (check,) = graph(
        shell,
        "w = torch.ones((), requires_grad=True)\nw.register_hook(lambda g: g * 2)\n(w ** 2).backward()",
        "--check",
    ).checks
    assert check.agrees is False
    assert "autograd gives 4, finite differences 2 (it has a hook" in check.text


@pytest.fixture
def compiler() -> Iterator[None]:
    """What a compiler keeps in the user's namespace goes before the shell does."""
    yield
    import torch._dynamo

    torch._dynamo.reset()
    gc.collect()


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_torch_compile(shell: Any, backend: str) -> None:
    before = "import torch._dynamo\ntorch._dynamo.reset()"
    cell = (
        f"@torch.compile(backend='{backend}')\ndef f(a):\n    return (a * 2).sin().sum()\n"
        "w = torch.linspace(0, 1, 4).requires_grad_()\nl = f(w)\nl.backward()"
    )
    plain = facts(shell, before, cell, "w.grad, l", "")
    for magic in ("%%gradtrace\n", f"%%gradtrace {ALL}\n"):
        seen = facts(shell, before, cell, "w.grad, l", magic)
        assert all(torch.equal(one[0], other[0]) for one, other in zip(plain[0], seen[0], strict=True))
    shell.run_cell(before)
    record = graph(shell, cell, ALL)
    assert any(node.label == "w" and node.grad_text for node in record.nodes)
    assert not [check for check in record.checks if check.agrees is False]


@pytest.mark.gpu
def test_cuda_waits_for_nothing(shell: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    cell = (
        "torch.cuda.set_sync_debug_mode('error')\ntry:\n    l = net(x).pow(2).mean()\n    l.backward()\n"
        "finally:\n    torch.cuda.set_sync_debug_mode('default')"
    )
    before = "net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 1)).cuda()\nx = torch.randn(5, 4, device='cuda')"
    plain = facts(shell, before, cell, "*[p.grad for p in net.parameters()], l", "")
    seen = facts(shell, before, cell, "*[p.grad for p in net.parameters()], l", "%%gradtrace --forward --saved\n")
    assert all(torch.equal(one[0], other[0]) for one, other in zip(plain[0], seen[0], strict=True))
    checks = graph(shell, "net.zero_grad()\nnet(x).pow(2).mean().backward()", "--check").checks
    assert {check.agrees for check in checks} == {True}


def test_nothing_is_kept_alive(shell: Any) -> None:
    cell = "x = torch.randn(50, 50)\nw = torch.randn(50, 50, requires_grad=True)\nh = x @ w\nz = h.sum()\nz.backward()"
    text(shell, f"%%gradtrace {ALL}\n{cell}")
    references = [weakref.ref(shell.user_ns[name]) for name in "xwhz"]
    for name in "xwhz":
        del shell.user_ns[name]
    gc.collect()
    assert [reference() for reference in references] == [None] * 4


def test_graphs_that_the_user_keeps_stay_usable(shell: Any) -> None:
    text(shell, f"%%gradtrace {ALL}\nw = torch.ones(2, requires_grad=True)\nkept = [(w * i).sum() for i in range(4)]")
    text(shell, f"%%gradtrace {ALL}\nfor each in kept:\n    each.backward()")
    assert shell.user_ns["w"].grad.tolist() == [6.0, 6.0]


def test_a_graph_begun_in_an_earlier_cell_is_not_judged(shell: Any) -> None:
    shell.run_cell("w = torch.ones(2, requires_grad=True)\nh = w.exp()")
    (check,) = graph(shell, "u = torch.ones(2, requires_grad=True)\n(h * u).sum().backward()", "--check").checks[:1]
    found = {
        check.name: check.agrees
        for check in graph(shell, "h = w.exp()\nl = (h * u).sum()\nl.backward()", "--check").checks
    }
    assert found == {"w": True, "u": True}
    assert check.agrees in (None, True)


def test_leaves_behind_what_was_not_seen_are_named(shell: Any) -> None:
    shell.run_cell("w = torch.ones(2, requires_grad=True)\nh = w.exp()")
    record = graph(shell, "u = torch.ones(2, requires_grad=True)\n(h * u).sum().backward()", "--check")
    found = {check.name: (check.agrees, check.text) for check in record.checks}
    assert found["u"][0] is True
    assert found["w"][0] is None
    assert "before this cell" in found["w"][1]


def test_saved_memory_is_what_hooks_count(shell: Any) -> None:
    shell.run_cell(
        "from torch.autograd.graph import saved_tensors_hooks\nnet = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))\n"
        "x = torch.randn(5, 4)\ndef forward():\n    return (net(x).exp() ** 2).mean()\nsizes = []\n"
        "with saved_tensors_hooks(lambda t: sizes.append(t.nbytes) or t, lambda t: t):\n    forward()"
    )
    for ending in ("", "\nl.backward()"):
        saved = graph(shell, f"l = forward(){ending}", "--saved").saved
        assert sorted(each.nbytes for each in saved) == sorted(shell.user_ns["sizes"])
        held = [each for each in saved if each.held]
        assert {each.held for each in held} >= {"data x", "parameter net.2.weight"}
        free = sum(each.nbytes for each in saved if not each.held)
        assert free == 5 * 8 * 4 + 5 * 4  # tanh's result, exp's result; mean keeps none, and pow the same as exp


def test_saved_leaves_hooks_alone(shell: Any) -> None:
    shell.run_cell("log = []\nfrom torch.autograd.graph import saved_tensors_hooks")
    cell = "w = torch.ones(3, requires_grad=True)\nwith saved_tensors_hooks(lambda t: t, lambda t: log.append(1) or t):\n    y = w.exp()\nz = y * 2"
    record = graph(shell, cell, "--saved")
    assert shell.user_ns["log"] == []
    assert "1 tensor is kept behind hooks (a checkpoint, saved_tensors_hooks): not counted." in record.notes


def test_forward_times_are_of_each_operation(shell: Any) -> None:
    record = graph(
        shell, "a = torch.ones(200, 200)\nfor _ in range(3):\n    a = torch.linalg.matrix_exp(a * 1e-3)", "--forward"
    )
    calls = {call.label: call for call in record.forward}
    assert calls["linalg.matrix_exp"].count == 3
    assert calls["linalg.matrix_exp"].nbytes == 3 * 200 * 200 * 4
    assert all(call.seconds > 0 and math.isfinite(call.seconds) for call in record.forward)


def test_forward_is_bounded(shell: Any) -> None:
    record = graph(shell, "for i in range(700):\n    torch.ones(i)", "--forward")
    assert len(record.forward) == 500
    assert "The first 500 operations are listed; 200 more calls are not." in record.notes


def test_check_says_when_a_tensor_is_too_large(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchmagic.observe import graph_tape

    monkeypatch.setattr(graph_tape, "_MOST_BYTES", 100_000)
    record = graph(
        shell, "w = torch.ones(40_000, requires_grad=True)\n(w * 2).sum().backward()\nw.grad.sum()", "--check"
    )
    assert not any(check.agrees for check in record.checks)
    assert "MiB" in " ".join(check.text for check in record.checks) + " ".join(record.notes)


def test_no_user_code_runs_a_second_time(shell: Any) -> None:
    shell.run_cell(
        "count = []\nclass Mine(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x):\n        count.append('f')\n        return x * 2\n"
        "    @staticmethod\n    def backward(ctx, g):\n        count.append('b')\n        return g * 2\n"
        "class Net(nn.Module):\n    def forward(self, x):\n        count.append('m')\n        return Mine.apply(x)"
    )
    checks = graph(shell, "w = torch.ones(2, requires_grad=True)\nNet()(w).sum().backward()", "--check").checks
    assert [check.agrees for check in checks] == [True]
    assert shell.user_ns["count"] == ["m", "f", "b"]


def test_a_wrong_backward_is_found(shell: Any) -> None:
    shell.run_cell(CELLS["custom function"][0].replace("g * 3 * x ** 2", "g * 2 * x"))
    (check,) = graph(
        shell, "w = torch.tensor([1., 2.], requires_grad=True)\nCube.apply(w).sum().backward()", "--check"
    ).checks
    assert check.agrees is False
    assert check.text == "at [1] autograd gives 4, finite differences 12 (look at the backward of Cube)"


def test_a_function_outside_torch_is_not_judged(shell: Any) -> None:
    shell.run_cell(
        CELLS["custom function"][0].replace("return x ** 3", "return torch.from_numpy(x.detach().numpy() ** 3)")
    )
    (check,) = graph(
        shell, "w = torch.tensor([1., 2.], requires_grad=True)\nCube.apply(w).sum().backward()", "--check"
    ).checks
    assert check.agrees is None
    assert "Cube computes outside torch, and your code is not run a second time" in check.text
