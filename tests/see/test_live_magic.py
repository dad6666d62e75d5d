"""What ``%%gradtrace --live`` shows: one output, drawn while the loop runs, its files, and the words of wrong lines."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import torchmagic
from tests.golden import assert_golden
from tests.see.notebook_run import run_cells
from tests.see.shell_run import shown, text
from torchmagic.errors import TorchmagicError
from torchmagic.live import NO_PASS, LiveShow, Pace
from torchmagic.live_records import LiveMark, LiveRecord, LossCurve, ParameterCurve
from torchmagic.records import Note
from torchmagic.render.live_svg import live_svg
from torchmagic.render.live_text import live_line

pytestmark = pytest.mark.usefixtures("unhurried")


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
