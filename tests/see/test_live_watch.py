"""Training loops watched while they run: what is seen of losses, gradients and updates, and what is said of them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import torchmagic
from tests.see.watched_loops import seen
from torchmagic.errors import TorchmagicError
from torchmagic.live_records import LiveRecord
from torchmagic.observe.live_curves import Curve
from torchmagic.observe.live_numbers import Numbers

pytestmark = pytest.mark.usefixtures("unhurried")


UPDATES = {
    "in place": "with torch.no_grad():\n        w -= 0.1 * w.grad\n    w.grad = None",
    "data": "w.data -= 0.1 * w.grad\n    w.grad.zero_()",
    "bound anew": "w = (w - 0.1 * w.grad).detach().requires_grad_()",
    "optimizer": "opt.step()\n    opt.zero_grad()",
    "closure": "opt.step(lambda: None)\n    opt.zero_grad()",
}


@pytest.mark.parametrize("update", UPDATES.values(), ids=UPDATES)
def test_each_way_to_update_is_seen(update: str) -> None:
    record = seen(
        "w = torch.tensor([3., 4.], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n"
        f"for _ in range(4):\n    loss = (w * w).sum()\n    loss.backward()\n    {update}"
    )
    (loss,), (leaf,) = record.losses, record.parameters
    assert (record.steps, record.looked, loss.name, loss.line, leaf.name) == (4, 4, "loss", 5, "w")
    assert loss.means == pytest.approx([25 * 0.64**n for n in range(4)], rel=1e-4)
    assert leaf.norms == pytest.approx([10 * 0.8**n for n in range(4)], rel=1e-4)
    last = 0 if "detach" in update else 1  # after the loop the leaf of its last pass is gone
    assert leaf.ratios == pytest.approx([0.2] * (3 + last), rel=1e-4)
    assert leaf.status == "fine"
    assert record.notes == ()


def test_grad_gives_steps_and_a_penalty_does_not() -> None:
    record = seen(
        "w = torch.tensor([3., 4.], requires_grad=True)\nx = torch.ones(2, requires_grad=True)\n"
        "for _ in range(3):\n"
        "    (g,) = torch.autograd.grad((w * x).sum(), x, create_graph=True)\n"
        "    loss = (w * w).sum() + 0 * g.sum()\n"
        "    (step,) = torch.autograd.grad(loss, [w])\n    with torch.no_grad():\n        w -= 0.1 * step"
    )
    assert record.steps == 3
    assert [leaf.name for leaf in record.parameters] == ["w"]
    assert record.parameters[0].norms == pytest.approx([10, 8, 6.4])


def test_parameters_are_called_as_the_cell_calls_them_in_the_order_of_the_computation() -> None:
    record = seen(
        "class Trainer:\n"
        "    def __init__(self, net):\n        self.net = net\n        self.opt = torch.optim.SGD(net.parameters(), 0.01)\n"
        "    def step(self, x):\n"
        "        error = self.net(x).pow(2).mean()\n        self.opt.zero_grad()\n        error.backward()\n        self.opt.step()\n"
        "model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))\n"
        "trainer = Trainer(model)\nfor _ in range(3):\n    trainer.step(torch.randn(8, 3))"
    )
    assert [leaf.name for leaf in record.parameters] == [
        "model.0.weight",
        "model.0.bias",
        "model.2.weight",
        "model.2.bias",
    ]
    assert [loss.name for loss in record.losses] == ["error"]


def test_losses_of_a_gan_have_their_own_curves_and_no_false_alarm() -> None:
    record = seen(
        "G, D = nn.Linear(2, 2), nn.Linear(2, 1)\n"
        "optG, optD = (torch.optim.Adam(net.parameters(), lr=0.01) for net in (G, D))\n"
        "for _ in range(12):\n"
        "    D.zero_grad()\n    errD_real = F.softplus(-D(torch.randn(8, 2))).mean()\n    errD_real.backward()\n"
        "    fake = G(torch.randn(8, 2))\n    errD_fake = F.softplus(D(fake.detach())).mean()\n    errD_fake.backward()\n"
        "    optD.step()\n    G.zero_grad()\n    errG = F.softplus(-D(fake)).mean()\n    errG.backward()\n    optG.step()"
    )
    assert [(loss.name, loss.count) for loss in record.losses] == [("errD_real", 12), ("errD_fake", 12), ("errG", 12)]
    assert {leaf.name for leaf in record.parameters} == {"G.weight", "G.bias", "D.weight", "D.bias"}
    assert not [note for note in record.notes if note.kind in ("accumulated", "still")]


def test_accumulation_and_lbfgs_are_no_mistakes() -> None:
    record = seen(
        "net = nn.Linear(2, 1)\nopt = torch.optim.SGD(net.parameters(), lr=0.01)\n"
        "for step in range(12):\n    loss = net(torch.randn(4, 2)).pow(2).mean() / 3\n    loss.backward()\n"
        "    if step % 3 == 2:\n        opt.step()\n        opt.zero_grad()"
    )
    assert record.notes == ()
    assert len(record.parameters[0].ratios) == 4
    record = seen(
        "w = torch.tensor([3., 4.], requires_grad=True)\nopt = torch.optim.LBFGS([w], lr=0.1, max_iter=4)\n"
        "def closure():\n    opt.zero_grad()\n    loss = (w ** 4).sum()\n    loss.backward()\n    return loss\n"
        "for _ in range(3):\n    opt.step(closure)"
    )
    assert record.steps == record.losses[0].count > 3
    assert record.notes == ()
    assert record.parameters[0].ratios


FAULTS = {
    "accumulated": "w = torch.tensor([3., 4.], requires_grad=True)\nfor _ in range(6):\n    loss = (w * w).sum()\n"
    "    loss.backward()\n    w.data -= 0.001 * w.grad",
    "still": "w = torch.tensor([3., 4.], requires_grad=True)\nfor _ in range(6):\n    w.grad = None\n"
    "    loss = (w * w).sum()\n    loss.backward()",
    "zeros": "w = torch.tensor([3., 4.], requires_grad=True)\nfor _ in range(6):\n    w.grad = None\n"
    "    loss = F.relu(-w).sum()\n    loss.backward()",
    "exploding": "w = torch.tensor([3., 4.], requires_grad=True)\nfor _ in range(20):\n    w.grad = None\n"
    "    loss = (w ** 4).sum()\n    loss.backward()\n    w.data -= 0.1 * w.grad",
    "nonfinite": "w = torch.tensor([0., 4.], requires_grad=True)\nfor _ in range(3):\n    w.grad = None\n"
    "    loss = w.sqrt().sum()\n    loss.backward()\n    w.data -= 0.1 * w.grad",
    "vanishing": "net = nn.Sequential(*[m for _ in range(20) for m in (nn.Linear(4, 4), nn.Sigmoid())])\n"
    "opt = torch.optim.SGD(net.parameters(), lr=0.1)\n"
    "for _ in range(5):\n    opt.zero_grad()\n    loss = net(torch.randn(4, 4)).pow(2).mean()\n    loss.backward()\n    opt.step()",
    "large": "net = nn.Linear(8, 8)\nopt = torch.optim.Adam(net.parameters(), lr=1.)\n"
    "for _ in range(6):\n    opt.zero_grad()\n    loss = net(torch.randn(4, 8)).pow(2).mean()\n    loss.backward()\n    opt.step()",
    "small": "net = nn.Linear(8, 8)\nopt = torch.optim.SGD(net.parameters(), lr=1e-7)\n"
    "for _ in range(6):\n    opt.zero_grad()\n    loss = net(torch.randn(4, 8)).pow(2).mean()\n    loss.backward()\n    opt.step()",
}


@pytest.mark.parametrize(("kind", "source"), FAULTS.items(), ids=FAULTS)
def test_what_goes_wrong_is_said(kind: str, source: str) -> None:
    record = seen(source)
    assert kind in [note.kind for note in record.notes]
    assert record.notes[0].text in " ".join(str(record).split()).replace("    ", " ") or len(record.notes) > 1


def test_the_first_step_that_is_not_finite_is_marked() -> None:
    record = seen(FAULTS["nonfinite"])
    (first, *_) = record.marks
    assert (first.step, first.what, first.kind, first.name) == (1, "gradient", "inf", "w")
    assert next(mark for mark in record.marks if mark.what == "loss").step == 2
    assert "NaN at step 2" in record._repr_mimebundle_()["text/html"]
    assert LiveRecord.from_json(record.to_json()).marks == record.marks


def test_what_never_changed_while_others_did() -> None:
    record = seen(
        "a, b = nn.Linear(2, 2), nn.Linear(2, 1)\nopt = torch.optim.SGD(a.parameters(), lr=0.1)\n"
        "for _ in range(5):\n    opt.zero_grad()\n    loss = b(a(torch.randn(4, 2))).pow(2).mean()\n    loss.backward()\n    opt.step()"
    )
    assert {leaf.name for leaf in record.parameters if leaf.status == "still"} == {"b.weight", "b.bias"}
    assert any("never changed" in note.text for note in record.notes)


def test_many_leaves_are_all_there_and_a_few_are_drawn() -> None:
    record = seen(
        "net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(20)])\nfor _ in range(3):\n"
        "    loss = net(torch.ones(1, 2)).sum()\n    net.zero_grad()\n    loss.backward()"
    )
    assert len(record.parameters) == 40
    bundle = record._repr_mimebundle_()
    assert "32 more leaves are drawn faintly" in bundle["text/html"]
    assert "32 more leaves are not listed" in " ".join(bundle["text/plain"].split())
    assert max(map(len, bundle["text/plain"].splitlines())) <= 80


@given(st.integers(1, 40), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300))
def test_a_curve_is_bounded_and_keeps_mean_and_range(most: int, values: list[float]) -> None:
    curve = Curve(most=most)
    for step, value in enumerate(values, 1):
        curve.add(step, value)
    assert len(curve.means()) <= most
    assert sum(curve.counts) == len(values)
    assert sum(curve.sums) == pytest.approx(sum(values), abs=1e-3)
    assert (min(curve.lows), max(curve.highs)) == (min(values), max(values))
    assert curve.steps()[0] == 1


def test_memory_of_a_long_run_is_bounded() -> None:
    curve = Curve()
    for step in range(1, 20_001):
        curve.add(step, float(step))
    assert len(curve.places) <= 256
    assert curve.width == 128


def test_numbers_that_wait_come_in_order() -> None:
    found: list[list[float]] = []
    numbers = Numbers(waits=True)
    numbers.value(torch.tensor(1.0), found.append)
    numbers.norms([torch.ones(4), torch.ones(9, dtype=torch.float64)], found.append)
    numbers.norms([torch.ones(4), torch.eye(3).to_sparse()], found.append)
    assert found == []
    numbers.fetch()
    assert found == [[1.0], [2.0, 3.0], [2.0, pytest.approx(math.sqrt(3))]]


def test_a_block_of_a_script() -> None:
    with torchmagic.gradtrace(live=True) as traced:
        with pytest.raises(TorchmagicError, match="No backward pass has run"):
            _ = traced.record
        w = torch.tensor([3.0, 4.0], requires_grad=True)
        for _ in range(3):
            w.grad = None
            (w * w).sum().backward()
            assert traced.record.running
    assert (traced.record.steps, traced.record.running) == (3, False)
    with pytest.raises(TorchmagicError, match="only looks at steps"):
        torchmagic.gradtrace(live=True, check=True)  # type: ignore[call-overload]


@pytest.mark.parametrize("steps", [2, 3, 20])
def test_passes_after_which_nothing_moved_are_counted_as_they_were(steps: int) -> None:
    w = torch.ones(3, requires_grad=True)
    with torchmagic.gradtrace(live=True) as traced:
        for _ in range(steps):
            (w * w).sum().backward()
    (note,) = (note for note in traced.record.notes if note.kind == "still")
    assert f"after any of {steps} backward passes" in note.text
