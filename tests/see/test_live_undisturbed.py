"""A training loop that is watched goes as without: same bits, warnings and tracebacks, and nothing stays behind."""

from __future__ import annotations

import gc
import traceback
import warnings
import weakref
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import optimizer as optimizers

import torchmagic
from tests.see.watched_loops import seen
from torchmagic.observe.live_watch import LiveWatch

pytestmark = pytest.mark.usefixtures("unhurried")


LOOP = (
    "net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 1))\n"
    "opt = torch.optim.Adam(net.parameters())\n"
    "for _ in range(5):\n    opt.zero_grad()\n    loss = net(torch.randn(6, 4)).pow(2).mean()\n"
    "    loss.backward()\n    opt.step()\n"
    "state = [*net.parameters(), *(p.grad for p in net.parameters()), loss]"
)


def state_of(source: str, watch: bool) -> list[Any]:
    names: dict[str, Any] = {"torch": torch, "nn": nn}
    torch.manual_seed(1)
    if watch:
        with LiveWatch() as watching:
            exec(source, names)
        watching.record()
    else:
        exec(source, names)
    tensors = names["state"]
    facts = [(t.detach().clone(), t._version, t.requires_grad, t._backward_hooks) for t in tensors]
    hooks = [getattr(t, "_post_accumulate_grad_hooks", None) for t in tensors]
    return [facts, hooks, torch.get_rng_state()]


def test_same_bits_with_and_without() -> None:
    (plain, _, plain_rng), (watched, hooks, rng) = state_of(LOOP, False), state_of(LOOP, True)
    assert torch.equal(plain_rng, rng)
    assert all(hook is None for hook in hooks)
    for (value, *flags), (seen_value, *seen_flags) in zip(plain, watched, strict=True):
        assert torch.equal(value, seen_value)
        assert flags == seen_flags


def test_nothing_stays_behind() -> None:
    before = len(optimizers._global_optimizer_pre_hooks), len(optimizers._global_optimizer_post_hooks)
    watch = LiveWatch()
    names: dict[str, Any] = {"torch": torch, "nn": nn}
    with watch:
        exec(LOOP, names)
        assert torch._C._len_torch_function_stack() == 1
    assert torch._C._len_torch_function_stack() == 0
    assert (len(optimizers._global_optimizer_pre_hooks), len(optimizers._global_optimizer_post_hooks)) == before
    held = [weakref.ref(tensor) for tensor in names["state"]]
    names.clear()
    gc.collect()
    assert [reference() for reference in held if reference() is not None] == []
    assert watch.record().steps == 5


def test_an_optimizer_that_fails_leaves_no_mode() -> None:
    with LiveWatch() as watch:
        w = torch.ones(2, requires_grad=True)
        opt = torch.optim.SGD([w], lr=0.1)
        w.sum().backward()
        opt.param_groups[0]["lr"] = "much"
        with pytest.raises(TypeError):
            opt.step()
        opt.param_groups[0]["lr"] = 0.1
        opt.step()
        w.sum().backward()
    assert torch._C._len_torch_function_stack() == 0
    assert watch.steps == 2


def test_an_interrupt_while_drawing_is_the_loops_own() -> None:
    def draw(_: LiveWatch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        seen("w = torch.ones(2, requires_grad=True)\nw.sum().backward()", draw)
    ours = Path(torchmagic.__file__).parent
    assert [str(entry.path) for entry in caught.traceback if ours in Path(entry.path).parents] == []


def test_what_drawing_raises_is_not_the_loops(capsys: Any) -> None:
    def draw(_: LiveWatch) -> None:
        raise ValueError("of ours")

    record = seen("w = torch.ones(2, requires_grad=True)\nfor _ in range(3):\n    w.sum().backward()", draw)
    assert record.steps == 3
    assert "ValueError: of ours" in record.notes[-1].text


def test_warnings_and_tracebacks_are_those_of_the_plain_code() -> None:
    source = (
        "x = torch.ones(2)\ny = torch.tensor(x)\nloss = F.mse_loss(x, torch.ones(2, 1))\nz = torch.ones(2, 2, 2).T\n"
        "w = torch.ones(2, requires_grad=True)\n(w * 2).grad\n(w * 2).sum().backward(create_graph=True)\n"
        "net = nn.Linear(2, 2)\nnet(torch.ones(1, 3))"
    )

    def told(watch: bool) -> tuple[list[Any], list[str], str]:
        names = {"torch": torch, "nn": nn, "F": nn.functional}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with LiveWatch() if watch else nullcontext():
                    exec(compile(source, "<cell>", "exec"), names)
            except RuntimeError as error:
                frames = [each.name for each in traceback.extract_tb(error.__traceback__)]
                return [(str(each.message)[:40], each.filename, each.lineno) for each in caught], frames, str(error)
        raise AssertionError("the last line fails")

    told(False)  # torch says some things once only
    plain = told(False)
    assert len(plain[0]) >= 3
    assert told(True) == plain


def test_a_user_mode_and_autocast_see_nothing_of_it() -> None:
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            Counting.count += 1
            return func(*args, **(kwargs or {}))

    def counted(watch: bool) -> int:
        Counting.count = 0
        with LiveWatch() if watch else nullcontext(), Counting(), torch.autocast("cpu"):
            w = torch.ones(4, 4, requires_grad=True)
            for _ in range(3):
                w.grad = None
                (w @ w).sum().backward()
        return Counting.count

    assert counted(True) == counted(False) > 0
