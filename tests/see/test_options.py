"""The magics' options, completion and help, in an IPython shell of this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from torchmagic.records import Inspection


@pytest.fixture
def shell(shell: Any) -> Any:
    shell.run_cell("x = torch.arange(6.).reshape(2, 3)\nw = torch.ones(3, requires_grad=True)")
    return shell


def shown(shell: Any, cell: str) -> list[dict[str, Any]]:
    """What a cell displays, but for what it prints and its last value."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        shell.run_cell(cell)
    return [
        output.data for output in captured.outputs if not output.metadata.get("last") and "text/plain" in output.data
    ]


def text(shell: Any, cell: str) -> str:
    return "\n".join(data["text/plain"] for data in shown(shell, cell))


def record(shell: Any, cell: str) -> Inspection:
    (data,) = [data for data in shown(shell, cell) if "application/json" in data]
    assert json.loads(data["text/plain"]) == data["application/json"]
    return Inspection.from_json(data["text/plain"])


def test_json_gives_the_records(shell: Any) -> None:
    found = record(shell, "%%tensorinfo --json\ny = x @ w")
    assert [(each.name, each.shape, each.change) for each in found.tensors] == [("y", (2,), "new")]
    shell.run_cell("text = %tensorinfo --json x")
    assert Inspection.from_json(shell.user_ns["text"]).tensors[0].name == "x"


@pytest.mark.parametrize(
    ("options", "stats", "histogram"),
    [("", True, True), ("--no-stats", False, False), ("--no-plot", True, False), ("--no-stats --stats", True, True)],
)
def test_what_is_read(shell: Any, options: str, stats: bool, histogram: bool) -> None:
    (only,) = record(shell, f"%%tensorinfo --json {options}\ny = torch.randn(100)").tensors
    assert (only.stats is not None) == stats
    assert (only.histogram is not None) == histogram


def test_all_shows_what_was_read(shell: Any) -> None:
    assert [each.name for each in record(shell, "%%tensorinfo --json\ny = x + 1").tensors] == ["y"]
    assert [each.name for each in record(shell, "%%tensorinfo --json --all\ny = x * w").tensors] == ["y", "x", "w"]


def test_rows_and_order(shell: Any) -> None:
    cell = "big, small = torch.ones(50), torch.ones(2)\na = torch.ones(3)"
    assert [t.name for t in record(shell, f"%%tensorinfo --json --sort size\n{cell}").tensors] == ["big", "a", "small"]
    assert [t.name for t in record(shell, f"%%tensorinfo --json --sort=name\n{cell}").tensors] == ["a", "big", "small"]
    few = record(shell, f"%%tensorinfo --json --max-rows 1 --sort size\n{cell}")
    assert ([t.name for t in few.tensors], few.more) == (["big"], 2)


def test_depth(shell: Any) -> None:
    shell.run_cell("deep = {'a': {'b': {'c': torch.ones(1)}}}")
    whole, cut = (
        Inspection.from_json(shell.run_cell(f"%tensorinfo --json {o} deep").result) for o in ("", "--depth 1")
    )
    assert "c" in str(whole)
    assert len(str(cut)) < len(str(whole))


def test_options_may_follow_the_expressions(shell: Any) -> None:
    found = Inspection.from_json(shell.run_cell("%tensorinfo x w[0] --no-stats --json").result)
    assert [(each.name, each.stats) for each in found.tensors] == [("x", None), ("w[0]", None)]


def test_expressions_are_evaluated_once_after_the_cell(shell: Any) -> None:
    found = text(shell, "%%tensorinfo f() x\nn = 0\ndef f():\n    global n\n    n += 1\n    return torch.full((2,), n)")
    assert "f()  Tensor (2,) int64" in found
    assert "x  Tensor (2, 3)" in found
    assert shell.user_ns["n"] == 1


def test_on_and_off(shell: Any) -> None:
    assert text(shell, "%tensorinfo --on --no-stats") == ""
    try:
        assert "y  Tensor (2, 3) float32 on cpu · new" in text(shell, "y = x + 1")
        assert "mean" not in text(shell, "y = x + 2")
        assert text(shell, "n = 3") == ""
        assert text(shell, "%%tensorinfo\nn = 3").startswith("tensorinfo: this cell")
        assert "(2, 3)" in text(shell, "%tensorinfo x")
    finally:
        assert text(shell, "%tensorinfo --off") == ""
    assert text(shell, "y = x + 3") == ""


def test_on_above_a_cell_shows_that_cell_too(shell: Any) -> None:
    try:
        assert "y  Tensor" in text(shell, "%%tensorinfo --on\ny = x + 1")
        assert "z  Tensor" in text(shell, "z = y + 1")
    finally:
        assert text(shell, "%%tensorinfo --off\nz = y + 2") == ""
    assert text(shell, "z = y + 3") == ""


def test_quiet_shows_errors_only(shell: Any) -> None:
    assert text(shell, "%%tensorinfo --quiet\ny = x + 1") == ""
    (found,) = shown(shell, "%%tensorinfo --quiet\nz = torch.ones(2)\nz @ torch.ones(3, 3)")
    assert "z" in found["text/plain"]
    assert "z  Tensor (2,) float32 on cpu · new" not in found["text/plain"]


def test_an_error_is_explained_once(shell: Any) -> None:
    found = shown(shell, "%%tensorinfo\nz = torch.ones(4)\nx @ z")
    assert len(found) == 1
    assert "z  Tensor (4,)" in found[0]["text/plain"]
    assert found[0]["text/html"].count("x @ z") >= 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--nonsense", "unrecognized arguments: --nonsense"),
        ("--max-rows many", "invalid int value"),
        ("--sort colour", "invalid choice"),
    ],
)
def test_a_wrong_option_is_one_message_and_the_cell_does_not_run(shell: Any, line: str, said: str, capsys: Any) -> None:
    shell.run_cell(f"%%tensorinfo {line}\nran = True")
    out, err = capsys.readouterr()
    assert (out + err).count(said) == 1
    assert "ran" not in shell.user_ns


def test_completion(shell: Any) -> None:
    from IPython.core.completer import provisionalcompleter

    def complete(line: str) -> list[Any]:
        with provisionalcompleter():
            return list(shell.Completer.completions(line, len(line)))

    options = {each.text for each in complete("%%tensorinfo --m")} | {each.text for each in complete("%tensorinfo --s")}
    assert {"--max-rows", "--stats", "--sort"} <= options
    shell.run_cell("weight_of_layer = torch.ones(1)")
    assert "weight_of_layer" in {each.text for each in complete("%%tensorinfo weight_of")}
    assert "--max-rows" not in {each.text for each in complete("x --m")}


def test_help(shell: Any) -> None:
    found = shell.object_inspect_mime("%%tensorinfo")["text/plain"]
    for word in ("%%tensorinfo --all", "--max-rows", "--json", "--on", "--quiet", "--depth"):
        assert word in found


def test_a_question_mark_asks_for_help(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(shell, "_inspect", lambda meth, name, *_, **__: asked.append(name))
    shell.run_cell("%%tensorinfo?")
    assert asked == ["%%tensorinfo"]


def test_loading_twice_and_unloading_leaves_nothing(loaded: Any) -> None:
    def state() -> Any:
        return (
            len(loaded.Completer.custom_matchers),
            len(loaded.input_transformers_cleanup),
            len(loaded.events.callbacks["pre_run_cell"]),
            len(loaded.events.callbacks["post_run_cell"]),
            "tensorinfo" in loaded.magics_manager.magics["cell"],
        )

    once = state()
    loaded.run_cell("%load_ext torchmagic\n%reload_ext torchmagic")
    assert state() == once
    loaded.run_cell("%unload_ext torchmagic")
    without = state()
    assert without == (once[0] - 1, once[1] - 1, once[2] - 1, once[3] - 1, False)
    loaded.run_cell("%load_ext torchmagic")
    assert state() == once


def test_a_long_loop_of_small_operations_loses_the_watch(shell: Any) -> None:
    shell.run_cell("%%tensorinfo\nfor _ in range(5000):\n    x = x * 1.0\nleft = torch._C._len_torch_function_stack()")
    assert shell.user_ns["left"] == 0
    assert torch._C._len_torch_function_stack() == 0


def test_what_cannot_be_looked_at_costs_one_line(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchmagic.observe import changes

    monkeypatch.setattr(changes, "changes", lambda *_: 1 / 0)
    assert text(shell, "%%tensorinfo\ny = x + 1") == (
        "tensorinfo: this cell could not be looked at (ZeroDivisionError: division by zero)."
    )
    assert shell.user_ns["y"].shape == (2, 3)


def test_torch_is_seen_from_its_first_import(loaded: Any) -> None:
    found = text(loaded, "%%tensorinfo\nimport torch\nu, v = torch.ones(3, 1), torch.ones(4)\nu * v")
    assert "Note (line 4)" in found


def test_an_error_whose_own_text_fails_leaves_the_table(shell: Any) -> None:
    cell = "class E(Exception):\n    def __str__(self): raise ValueError('no text')\ny = torch.ones(2)\nraise E"
    assert "y  Tensor (2,)" in text(shell, f"%%tensorinfo\n{cell}")
