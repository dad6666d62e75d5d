"""The options of ``%%gradtrace``, in an IPython shell of this process."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import torchmagic
from tests.see.shell_run import graph, shown, text
from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord

CELL = "W = torch.tensor(3., requires_grad=True)\nx = torch.tensor(2.)\nloss = (W * x - 10) ** 2\nloss.backward()"


def test_json_gives_the_record(shell: Any) -> None:
    assert [node.label for node in graph(shell, CELL).nodes if node.role == "leaf"] == ["W"]
    shell.run_cell("text = %gradtrace --json loss")
    assert GraphRecord.from_json(shell.user_ns["text"]).nodes


def test_picture_and_text_are_shown_together(shell: Any) -> None:
    (data,) = shown(shell, f"%%gradtrace\n{CELL}")
    assert set(data) == {"text/plain", "text/html"}
    assert "<svg" in data["text/html"]


@pytest.mark.parametrize("suffix", [".svg", ".json", ".dot", ".mmd", ".mermaid", ".SVG"])
def test_save_writes_what_the_suffix_says(shell: Any, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"graph{suffix}"
    picture, line = shown(shell, f"%%gradtrace --save {path}\n{CELL}")
    assert "text/html" in picture
    assert re.fullmatch(rf"gradtrace: wrote {re.escape(str(path))} \([\d,.]+ (KB|bytes)\)", line["text/plain"])
    written = path.read_text(encoding="utf-8")
    assert (
        written.lstrip()[:1] == {".svg": "<", ".json": "{", ".dot": "d", ".mmd": "f", ".mermaid": "f"}[suffix.lower()]
    )
    if suffix == ".json":
        assert torchmagic.load(path) == GraphRecord.from_json(json.dumps(json.loads(written)))


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_file_name_may_hold_spaces(shell: Any, tmp_path: Path, quote: str) -> None:
    path = tmp_path / "my graph.svg"
    assert "wrote" in text(shell, f"%%gradtrace --save {quote}{path}{quote}\n{CELL}")
    assert path.is_file()
    path.unlink()
    assert "wrote" in text(shell, f"%gradtrace loss --save={quote}{path}{quote}")
    assert path.is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("graph.png", "The suffix '.png' of {path} names no form that a graph is saved in. Use .svg, .json"),
        ("graph", "{path} has no suffix, which would name the form to save in. Use .svg"),
        ("none/graph.svg", "There is no folder '{parent}'. Make it first."),
        ("folder.svg", "{path} could not be written (Is a directory). Choose another place."),
        ("file.txt/graph.svg", "{path} could not be written (Not a directory). Choose another place."),
    ],
)
def test_what_cannot_be_saved_is_one_line(shell: Any, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "file.txt").write_text("kept", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    path = tmp_path / name
    picture, line = shown(shell, f"%%gradtrace --save {path}\n{CELL}\nprint('out')")
    assert "text/html" in picture
    assert line["text/plain"].startswith(f"gradtrace: {said.format(path=path, parent=path.parent)}")
    assert "\n" not in line["text/plain"]
    assert sorted(tmp_path.rglob("*")) == before
    assert shell.user_ns["W"].grad.item() == -16


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_one_line(shell: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "could not be written (Permission denied)" in text(shell, f"%%gradtrace --save {tmp_path}/g.svg\n{CELL}")


def test_step(shell: Any) -> None:
    record = graph(shell, CELL, "--lr 0.1")
    assert record.lr == 0.1
    assert graph(shell, CELL).lr is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--nonsense", "unrecognized arguments: --nonsense"),
        ("--lr many", "'many' is no learning rate; it is a number above 0"),
        ("--lr -1", "'-1' is no learning rate"),
        ("--lr nan", "'nan' is no learning rate"),
        ("--depth -1", "'-1' is no depth; it is a whole number from 0"),
        ("--depth 1.5", "'1.5' is no depth"),
        ("--theme blue", "invalid choice"),
        ("--save", "expected one argument"),
    ],
)
def test_a_wrong_option_is_one_message_and_the_cell_does_not_run(shell: Any, line: str, said: str, capsys: Any) -> None:
    shell.run_cell(f"%%gradtrace {line}\nran = True")
    out, err = capsys.readouterr()
    assert (out + err).count(said) == 1
    assert "%gradtrace [--depth" in out + err
    assert "ran" not in shell.user_ns


def test_the_look_reaches_the_pictures(shell: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torchmagic.render import graph_export, graph_html, graph_text

    looks: list[Any] = []
    for module, name in ((graph_html, "graph_html"), (graph_text, "graph_text"), (graph_export, "export")):
        monkeypatch.setattr(module, name, lambda record, *rest: looks.append(rest[-1]) or "")
    options = "--depth 2 --expand net.a --expand net.b --theme dark"
    text(shell, f"%%gradtrace {options} --save {tmp_path}/g.svg\n{CELL}")
    text(shell, f"%gradtrace {options} loss")
    assert len(looks) == 5
    assert {(look.depth, look.expand, look.theme) for look in looks} == {(2, ("net.a", "net.b"), "dark")}


def test_on_and_off(shell: Any) -> None:
    assert text(shell, "%gradtrace --on --lr 0.1") == ""
    try:
        assert "W" in text(shell, CELL)
        assert text(shell, "n = 3") == ""
        assert text(shell, "%%gradtrace\nn = 3").startswith("gradtrace: no operation")
        assert len(shown(shell, f"%%tensorinfo\n{CELL}")) == 2
    finally:
        assert text(shell, "%gradtrace --off") == ""
    assert text(shell, CELL) == ""


def test_on_above_a_cell_shows_that_cell_too(shell: Any) -> None:
    try:
        assert "W" in text(shell, f"%%gradtrace --on\n{CELL}")
        assert "W" in text(shell, CELL)
    finally:
        assert text(shell, f"%%gradtrace --off\n{CELL}") == ""
    assert text(shell, CELL) == ""


def test_both_may_be_on(shell: Any) -> None:
    text(shell, "%tensorinfo --on")
    text(shell, "%gradtrace --on")
    try:
        table, picture = shown(shell, CELL)
        assert "W  Tensor" in table["text/plain"]
        assert "<svg" in picture["text/html"]
    finally:
        text(shell, "%tensorinfo --off")
        assert len(shown(shell, CELL)) == 1
        text(shell, "%gradtrace --off")


def test_quiet_shows_errors_and_saves(shell: Any, tmp_path: Path) -> None:
    assert text(shell, f"%%gradtrace --quiet\n{CELL}") == ""
    assert text(shell, "%%gradtrace --quiet\nn = 3") == ""
    assert text(shell, f"%%gradtrace --quiet --save {tmp_path}/g.svg\n{CELL}").startswith("gradtrace: wrote")
    (card,) = shown(shell, "%%gradtrace --quiet\nz = torch.ones(2, requires_grad=True)\nz @ torch.ones(3, 3)")
    assert "Autograd graph" not in card["text/plain"]
    assert "z" in card["text/plain"]


def test_forward_works_without_gradients(shell: Any) -> None:
    record = graph(shell, "x = torch.ones(2, 3)\nfor _ in range(5):\n    y = x @ x.T", "--forward")
    assert not record.nodes
    assert [(call.label, call.count, call.line) for call in record.forward] == [
        ("ones", 1, 2),
        (".T", 5, 4),
        ("matmul", 5, 4),
    ]


def test_saved_and_check(shell: Any) -> None:
    record = graph(shell, CELL, "--saved --check")
    assert {each.what for each in record.saved} == {"other", "self"}
    assert [(check.name, check.agrees) for check in record.checks] == [("W", True)]


def test_check_says_that_it_needs_a_pass(shell: Any) -> None:
    record = graph(shell, CELL.replace("loss.backward()", ""), "--check")
    assert record.checks == ()
    assert any("No backward pass was seen" in note for note in record.notes)
    assert "write %%gradtrace --check on top" in text(shell, "%gradtrace --check loss")


def test_nothing_is_shown_or_asked_for_twice(shell: Any) -> None:
    record = graph(shell, CELL)
    assert (record.forward, record.saved, record.checks, record.lr) == ((), (), (), None)


def test_expressions_above_a_cell_come_with_what_was_asked(shell: Any) -> None:
    found = shown(
        shell,
        f"%%gradtrace --json --check --forward --saved loss\n{CELL.replace('.backward()', '.backward(retain_graph=True)')}",
    )
    record = GraphRecord.from_json(found[0]["text/plain"])
    assert record.forward
    assert record.saved
    assert record.checks


def test_completion(shell: Any) -> None:
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        found = {each.text for each in shell.Completer.completions("%%gradtrace --s", len("%%gradtrace --s"))}
        assert {"--save", "--saved"} <= found
        shell.run_cell("weight_of_layer = torch.ones(1)")
        found = {each.text for each in shell.Completer.completions("%gradtrace weight_", len("%gradtrace weight_"))}
        assert "weight_of_layer" in found


def test_help_names_every_option(shell: Any) -> None:
    found = shell.object_inspect_mime("%%gradtrace")["text/plain"]
    words = ("depth", "expand", "lr", "forward", "saved", "check", "save", "json", "theme", "quiet", "on", "off")
    words += ("live", "widget")
    assert [word for word in words if f"--{word}" not in found] == []
    assert "%%gradtrace --save graph.svg" in found


def test_scripts_save_and_trace(tmp_path: Path) -> None:
    w = torch.tensor(3.0, requires_grad=True)
    loss = w.exp() * 2
    record = torchmagic.trace(loss, saved=True, lr=0.1)
    assert {node.label for node in record.nodes if node.kind == "tensor"} >= {"w", "loss"}
    assert [each.name for each in record.saved] == [""] or record.saved
    assert record.lr == 0.1
    assert record.save(tmp_path / "graph.svg", depth=1, theme="dark").read_text(encoding="utf-8").lstrip()[:1] == "<"
    with pytest.raises(TorchmagicError, match="no folder"):
        record.save(tmp_path / "none" / "graph.svg")
    named = torchmagic.trace(loss, names={"saved": w})
    assert "saved" in {node.label for node in named.nodes}


def test_a_block_of_a_script() -> None:
    with torchmagic.gradtrace(forward=True, saved=True, check=True, lr=0.5) as traced:
        w = torch.tensor([3.0, 1.0], requires_grad=True)
        loss = (w**2).sum()
        with pytest.raises(TorchmagicError, match="has not ended yet"):
            _ = traced.record
        loss.backward()
    record = traced.record
    assert record.backward_ran
    assert record.lr == 0.5
    assert record.forward
    assert record.saved
    assert [(check.name, check.agrees) for check in record.checks] == [("w", True)]
    assert torch._C._len_torch_function_stack() == 0


def test_a_block_that_fails_or_builds_nothing() -> None:
    failed = torchmagic.gradtrace(forward=True, check=True)
    w = torch.ones(2, requires_grad=True)

    def fail() -> None:
        with failed:
            (w * 2).sum().backward()
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        fail()
    assert failed.record.backward_ran
    assert caught.traceback[-1].path.name == "test_gradtrace_options.py"
    with torchmagic.gradtrace() as empty:
        pass
    with pytest.raises(TorchmagicError, match="No operation in the traced block"):
        _ = empty.record
    assert torch._C._len_torch_function_stack() == 0


LOSSES = (
    "w = torch.tensor(2., requires_grad=True)\ny = w * 3\nfirst = y ** 2\nsecond = y + 1\n"
    "first.backward(retain_graph=True)\nsecond.backward()"
)


@pytest.mark.parametrize(("loss", "grad"), [("first", "36"), ("second", "3")])
def test_a_tensor_named_over_a_cell_chooses_its_backward_pass(shell: Any, loss: str, grad: str) -> None:
    found = GraphRecord.from_json(text(shell, f"%%gradtrace --json {loss}\n{LOSSES}"))
    (root,) = [node.label for node in found.nodes if node.id in found.roots]
    (w,) = [node.grad_text for node in found.nodes if node.label == "w"]
    assert (root, w) == (loss, grad)
    assert found.backward_ran
    assert "retain" not in "".join(found.notes)


def test_a_tensor_that_no_backward_pass_began_at_is_traced(shell: Any) -> None:
    found = GraphRecord.from_json(text(shell, f"%%gradtrace --json y\n{LOSSES}"))
    assert not found.backward_ran
    assert [node.label for node in found.nodes if node.id in found.roots] == ["y"]


def test_no_step_is_shown_by_a_part_of_a_sum(shell: Any) -> None:
    found = GraphRecord.from_json(text(shell, f"%%gradtrace --json --lr 0.1\n{LOSSES}"))
    (w,) = found.leaves
    assert (w.status, w.new) == ("accumulated", None)
    alone = GraphRecord.from_json(text(shell, f"%%gradtrace --json --lr 0.1 first\n{LOSSES.rsplit(chr(10), 1)[0]}"))
    assert [round(leaf.new or 0, 4) for leaf in alone.leaves] == [-1.6]


def test_expanding_what_is_not_there_says_what_is(shell: Any) -> None:
    cell = "net = torch.nn.Sequential(torch.nn.Linear(2, 1))\nnet(torch.ones(1, 2)).sum().backward()"
    assert "no module of the graph is 'nett': there are net, net.0." in text(
        shell, f"%%gradtrace --expand nett\n{cell}"
    )
    assert "no module" not in text(shell, f"%%gradtrace --expand net --expand 0 --expand Linear\n{cell}")
    assert "there are no modules" in text(shell, f"%%gradtrace --expand net\n{CELL}")
