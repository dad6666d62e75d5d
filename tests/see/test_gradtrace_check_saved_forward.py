"""What ``--check``, ``--saved`` and ``--forward`` say besides the picture: true, bounded, and without a second run."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.see.gradtrace_cells import CUBE
from tests.see.shell_run import graph

pytestmark = pytest.mark.slow


def test_what_a_hook_does_to_a_gradient_is_found(shell: Any) -> None:
    (check,) = graph(
        shell,
        "w = torch.ones((), requires_grad=True)\nw.register_hook(lambda g: g * 2)\n(w ** 2).backward()",
        "--check",
    ).checks
    assert check.agrees is False
    assert "autograd gives 4, finite differences 2 (it has a hook" in check.text


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
    shell.run_cell(CUBE.replace("g * 3 * x ** 2", "g * 2 * x"))
    (check,) = graph(
        shell, "w = torch.tensor([1., 2.], requires_grad=True)\nCube.apply(w).sum().backward()", "--check"
    ).checks
    assert check.agrees is False
    assert check.text == "at [1] autograd gives 4, finite differences 12 (look at the backward of Cube)"


def test_a_function_outside_torch_is_not_judged(shell: Any) -> None:
    shell.run_cell(CUBE.replace("return x ** 3", "return torch.from_numpy(x.detach().numpy() ** 3)"))
    (check,) = graph(
        shell, "w = torch.tensor([1., 2.], requires_grad=True)\nCube.apply(w).sum().backward()", "--check"
    ).checks
    assert check.agrees is None
    assert "Cube computes outside torch, and your code is not run a second time" in check.text
