"""Errors of backward passes are explained with the names and lines that the watch recorded."""

from __future__ import annotations

import itertools
import linecache
from typing import Any

import pytest
import torch
from torch.torch_version import TorchVersion

from tests.see.graph_cells import fresh
from tests.see.graph_corpus import Cell, cells
from torchmagic.observe.call_watch import CallWatch
from torchmagic.observe.errors import explain_error
from torchmagic.observe.graph import GraphWatch, hide_own_frames
from torchmagic.records import Explanation

_NUMBERS = itertools.count()
#: The version of torch since which its message says enough.
_TOLD_SINCE = {"asked for what took no part": "2.13"}


def explained(source: str, watch: Any = None) -> Explanation | None:
    """Why a cell fails, as under a magic."""
    torch.manual_seed(0)
    name = f"<graph cell {next(_NUMBERS)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    watch = watch or GraphWatch()
    try:
        with watch:
            exec(compile(source, name, "exec"), fresh())
    except Exception as error:
        hide_own_frames(error)
        return explain_error(error, recorded=watch.recorded(error))
    raise AssertionError("the cell did not fail")


def operand_texts(found: Explanation) -> list[str]:
    return [f"{each.name} {tuple(each.tensor.shape)}" if each.tensor else each.name for each in found.operands]


@pytest.mark.filterwarnings("ignore")  # torch's own, on what the cells do wrong
@pytest.mark.parametrize("cell", cells("failing"), ids=str)
def test_names_and_lines(cell: Cell) -> None:
    if torch.__version__ < TorchVersion(_TOLD_SINCE.get(str(cell), "0")):
        pytest.skip("this version of torch does not tell which one")
    found = explained(cell.source)
    assert found is not None
    assert cell.expected
    for words in cell.says("why"):
        assert words in found.why
    for fix in cell.says("fix"):
        assert any(fix in (each.code or each.text) or fix in each.text for each in found.remedies)
    for operand in cell.says("operand"):
        assert operand in operand_texts(found)
    assert all(each.value != "(not known)" for each in found.operands)


def test_facts_are_of_the_error_that_ended_the_cell() -> None:
    found = explained(
        "def f(x): return x.reshape(2, 3)\n"
        "W = torch.rand(4, 2)\n"
        "try:\n"
        "    torch.rand(7) @ torch.rand(8)\n"
        "except RuntimeError:\n"
        "    pass\n"
        "y = f(torch.rand(6)) @ W\n"
    )
    assert found is not None
    assert "f(torch.rand(6)) (2, 3)" in operand_texts(found)


def test_operands_are_known_under_tensorinfo_too() -> None:
    source = "def f(x): return x.reshape(2, 3)\nW = torch.rand(4, 2)\ny = f(torch.rand(6)) @ W\n"
    found = explained(source, CallWatch())
    assert found is not None
    assert "f(torch.rand(6)) (2, 3)" in operand_texts(found)


def test_another_call_than_the_expression_tells_nothing() -> None:
    found = explained("def f(x):\n    return x.reshape(2, 3) @ torch.rand(2, 2)\ny = f(torch.rand(6))\n")
    assert found is not None
    assert operand_texts(found)[0] == "x.reshape(2, 3) (2, 3)"


def test_recorded_facts_hold_no_tensor() -> None:
    import dataclasses
    import gc

    watch = GraphWatch()
    try:
        with watch:
            exec("a = torch.ones(3, requires_grad=True)\ny = a.exp()\ny += 1\ny.sum().backward()", fresh())
    except RuntimeError as error:
        facts = watch.recorded(error)
    assert facts.saved_changed is not None
    stack: list[Any] = [facts]
    while stack:
        each = stack.pop()
        assert not isinstance(each, torch.Tensor)
        if dataclasses.is_dataclass(each):
            stack += [getattr(each, field.name) for field in dataclasses.fields(each)]
        elif isinstance(each, (list, tuple)):
            stack += each
        elif isinstance(each, dict):
            stack += [*each.keys(), *each.values()]
    gc.collect()


def test_the_card_below_a_cell_under_the_magic() -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        shell.run_cell("%load_ext torchmagic\nimport torch", silent=True)
        with capture_output() as captured:
            shell.run_cell(
                "%%gradtrace\na = torch.ones(3, requires_grad=True)\ny = a.sigmoid()\ny += 1\ny.sum().backward()",
                store_history=False,
            )
        texts = "\n".join(output.data.get("text/plain", "") for output in captured.outputs)
        assert "`y += 1` on line 4, after Sigmoid on" in " ".join(texts.split())
        assert texts.count("Why ") == 1
    finally:
        shell.run_cell("%unload_ext torchmagic", silent=True)
        InteractiveShell.clear_instance()
