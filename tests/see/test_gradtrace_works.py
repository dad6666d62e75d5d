"""Every item of 'works with' through the real door: the same with and without ``%%gradtrace``, and a true record."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import torch

from tests.see.gradtrace_cells import ALL, CELLS
from tests.see.shell_run import graph, text
from torchmagic.graph_records import GraphRecord

pytestmark = pytest.mark.slow


def _marked(names: Iterable[str]) -> list[Any]:
    """As parameters; the longest chain, under every option, takes half a minute and more."""
    return [pytest.param(name, marks=[pytest.mark.thorough] if "10,000" in name else []) for name in names]


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


@pytest.mark.parametrize("name", _marked(CELLS))
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


@pytest.mark.parametrize("name", _marked(CELLS))
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


@pytest.mark.parametrize("name", _marked(CHECKED))
def test_gradients_agree_with_finite_differences(shell: Any, name: str) -> None:
    before, cell, _ = CELLS[name]
    from IPython.utils.capture import capture_output

    with capture_output():
        shell.run_cell(before)
    torch.manual_seed(7)
    checks = graph(shell, cell, "--check").checks
    assert checks
    assert {check.agrees for check in checks} == {True}, checks


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
