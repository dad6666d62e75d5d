"""Training loops watched while they run: what is seen, said and drawn, and that the loop goes as without."""

from __future__ import annotations

import gc
import math
import re
import traceback
import warnings
import weakref
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import optimizer as optimizers

import torchmagic
from tests.golden import assert_golden
from tests.see.notebook_run import run_cells
from tests.see.shell_run import shown, text
from torchmagic.errors import TorchmagicError
from torchmagic.live import NO_PASS, LiveShow, Pace
from torchmagic.live_records import LiveMark, LiveRecord, LossCurve, ParameterCurve
from torchmagic.observe import live_watch
from torchmagic.observe.live_curves import Curve
from torchmagic.observe.live_numbers import Numbers
from torchmagic.observe.live_watch import LiveWatch
from torchmagic.records import Note
from torchmagic.render.live_svg import live_svg
from torchmagic.render.live_text import live_line


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is looked at, however slow the computer is."""
    monkeypatch.setattr(live_watch, "_FREE", 1e9)


def seen(source: str, step: Any = None) -> LiveRecord:
    """The record of a loop, run as a cell's code."""
    names: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional}
    torch.manual_seed(0)
    with LiveWatch(step) as watch:
        exec(compile(source, "<cell>", "exec"), names)
    return watch.record()


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


STORED = LiveRecord(
    steps=2048,
    looked=1500,
    width=8,
    seconds=12.5,
    losses=(
        LossCurve("loss", 7, (1, 9, 17), (4.0, 2.0, 0.5), (3.0, 1.5, 0.4), (5.0, 2.5, 0.6), math.nan, 2048),
        LossCurve("loss", 9, (1, 9), (1e-3, 1e-5), (1e-3, 1e-5), (1e-3, 1e-5), 1e-5, 12),
    ),
    parameters=(
        ParameterCurve("net.<0>.weight", (3, 4), 12, (1, 9, 17), (3.0, 0.0, 0.1), (1, 9), (1e-3, 2e-4), 0.1, 2e-4, 1.5),
        ParameterCurve("W", (), 1, (1,), (2.0,), (), (), math.inf, None, 0.0, "inf", "from step 20"),
        ParameterCurve("x" * 60, (70_000,), 70_000, status="unknown", sampled=True),
    ),
    marks=(LiveMark(20, "gradient", "inf", "W"), LiveMark(21, "loss", "nan", "loss", 2027)),
    notes=(Note("nonfinite", "`loss` is NaN from step 21 on.", "a smaller learning rate", line=7),),
    ended="KeyboardInterrupt",
    more=3,
)


def test_stored_text_and_pictures() -> None:
    bundle = STORED._repr_mimebundle_()
    assert_golden(bundle["text/plain"] + "\n", "live/training.txt")
    assert_golden(bundle["text/html"] + "\n", "live/training.html")
    assert_golden(live_svg(STORED, "dark", file=True) + "\n", "live/training-dark.svg")
    assert_golden(live_line(STORED) + "\n", "live/line.txt")
    assert "<0>" not in bundle["text/html"]
    assert str(LiveRecord.from_json(STORED.to_json())) == str(STORED)


# -- nothing is disturbed --------------------------------------------------------------------------------


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
    assert [str(entry.path) for entry in caught.traceback if "live_" in str(entry.path)] == []


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


# -- the magic -------------------------------------------------------------------------------------------

CELL = (
    "w = torch.tensor([3., 4.], requires_grad=True)\nfor step in range(3):\n    loss = (w * w).sum()\n    w.grad = None\n"
    "    loss.backward()\n    w.data -= 0.1 * w.grad\n    print('step', step)"
)


def test_the_magic_shows_one_picture_after_the_cells_own_output(shell: Any, capsys: Any) -> None:
    (data,) = shown(shell, f"%%gradtrace --live\n{CELL}")
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"].startswith("Training seen: 3 steps in ")
    html = data["text/html"].replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not any(word in html for word in ("<script", "http:", "https:", "url("))
    shell.run_cell(f"%%gradtrace --live\n{CELL}")
    out = capsys.readouterr().out
    assert out.index("step 2") < out.index("Training seen")


def test_a_cell_without_a_backward_pass_is_told_so(shell: Any) -> None:
    assert text(shell, "%%gradtrace --live\nx = torch.ones(2)") == NO_PASS
    assert text(shell, "%%gradtrace --live --quiet\nx = torch.ones(2)") == ""


def test_an_error_comes_as_without_and_the_picture_stays(shell: Any, capsys: Any) -> None:
    shell.run_cell(f"%%gradtrace --live\n{CELL}\n1 / 0")
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert out.count("ZeroDivisionError: division by zero") == 1
    assert "ended by ZeroDivisionError" in out[out.index("Training seen") :].replace("\n", " ").replace("  ", " ")
    assert ".py" not in out.split("Training seen")[0]


def test_json_and_files(shell: Any, tmp_path: Path) -> None:
    found = shown(shell, f"%%gradtrace --live --json --save {tmp_path}/l.json\n{CELL}")
    record = LiveRecord.from_json(next(data for data in found if "application/json" in data)["text/plain"])
    assert record.parameters[0].norms == pytest.approx([10, 8, 6.4])
    assert torchmagic.load(tmp_path / "l.json") == record
    assert "wrote" in text(shell, f"%%gradtrace --live --quiet --save {tmp_path}/l.svg\n{CELL}")
    assert (tmp_path / "l.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "no folder" in text(shell, f"%%gradtrace --live --save {tmp_path}/none/l.svg\n{CELL}")
    with pytest.raises(TorchmagicError, match=r"Use \.svg or \.json"):
        record.save(tmp_path / "l.png")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--live --check", "--live only looks at steps: it does not go with --check"),
        ("--live --forward --depth 0", "it does not go with --forward and --depth"),
        ("--live --lr 0.1", "it does not go with --lr"),
        ("--live --widget", "choose one of them"),
        ("--live --save x.dot", "--live is saved as .svg or .json, not as 'x.dot'"),
        ("--live loss", "it takes no names, such as 'loss'"),
        ("--widget --json", "choose one of them"),
    ],
)
def test_what_does_not_go_together_is_one_message(shell: Any, line: str, said: str, capsys: Any) -> None:
    shell.run_cell(f"%%gradtrace {line}\nran = True")
    out, err = capsys.readouterr()
    assert (out + err).count(said) == 1
    assert "ran" not in shell.user_ns
    shell.run_cell("%gradtrace --live")
    assert "write %%gradtrace --live on top of it" in "".join(capsys.readouterr())


def test_on_shows_only_cells_that_train(shell: Any) -> None:
    text(shell, "%gradtrace --on --live")
    try:
        assert text(shell, "x = 1") == ""
        assert "Training seen: 3 steps" in text(shell, CELL)
    finally:
        text(shell, "%gradtrace --off")


class Drawing:
    """An output that keeps what it is given."""

    def __init__(self, in_place: bool) -> None:
        self.in_place = in_place
        self.width = None if in_place else 60
        self.bundles: list[dict[str, Any]] = []

    def show(self, bundle: dict[str, Any]) -> None:
        self.bundles.append(bundle)


def test_drawn_in_place_while_it_runs_and_lines_in_a_terminal() -> None:
    for in_place, start in ((True, "Training: 1 step in"), (False, "gradtrace: step 1, loss 2, gradient norms")):
        output = Drawing(in_place)
        show = LiveShow(output)
        show._pace = Pace(next=0.0)
        with show:
            w = torch.ones(2, requires_grad=True)
            for _ in range(3):
                loss = (w * w).sum()
                loss.backward()
        record = show.record()
        assert record is not None
        show.finish(record)
        assert output.bundles[0]["text/plain"].startswith(start)
        last = output.bundles[-1]
        assert last["text/plain"].startswith("Training seen: 3 steps")
        assert ("text/html" in last) is in_place
        if not in_place:
            assert all(len(line) <= 60 for line in last["text/plain"].splitlines())
        assert len(output.bundles) == 2


def test_a_cell_that_clears_its_output_is_drawn_at_its_end() -> None:
    output = Drawing(True)
    with LiveShow(output, late=True) as show:
        show._pace = Pace(next=0.0)
        torch.ones(2, requires_grad=True).sum().backward()
    assert output.bundles == []


def test_pictures_take_no_more_than_their_share() -> None:
    pace, drawn = Pace(share=0.01, least=0.5), 0
    for tick in range(100_000):
        now = tick * 0.001
        if pace.due(now):
            drawn += 1
            pace.took(now, 0.02)
    assert drawn * 0.02 <= 0.011 * 100


def test_an_interrupt_keeps_the_picture(shell: Any, capsys: Any) -> None:
    stop = "\n    if step == 1:\n        import signal\n        signal.raise_signal(signal.SIGINT)"
    shell.run_cell(f"%%gradtrace --live\n{CELL}{stop}\nreached = True")
    out = "".join(capsys.readouterr())
    assert "reached" not in shell.user_ns
    assert "KeyboardInterrupt" in out.partition("Training seen")[0]
    assert "ended by KeyboardInterrupt" in " ".join(out.split())
    assert torch._C._len_torch_function_stack() == 0


@pytest.mark.slow
def test_in_a_kernel_one_output_is_updated_in_place() -> None:
    loop = CELL.replace("range(3)", "range(15)").replace(
        "print('step', step)", "time.sleep(0.1)\n    print('step', step)"
    )
    _, cell, captured = run_cells(
        [
            "%load_ext torchmagic\nimport time, torch",
            f"%%gradtrace --live\n{loop}\nstep",
            f"%%gradtrace --live\n%%capture mine\n{loop}",
        ]
    )
    kinds = [output.output_type for output in cell.outputs]
    assert sorted(set(kinds)) == ["display_data", "execute_result", "stream"]
    pictures = [output for output in cell.outputs if output.output_type == "display_data"]
    assert len(pictures) == 1
    assert kinds.index("display_data") < kinds.index("execute_result")  # it was there while the loop ran
    assert pictures[0].data["text/plain"].startswith("Training seen: 15 steps")
    assert "Training seen: " in pictures[0].data["text/html"]
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    assert printed == "".join(f"step {n}\n" for n in range(15))
    assert [output.output_type for output in captured.outputs] == ["display_data"]


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
