"""Text takes the width that it is given, however wide or narrow that is, and says the same at each."""

from __future__ import annotations

import re

import pytest

from tests.see.test_explain_render import RECORDS as EXPLANATIONS
from tests.see.test_graph_render import MODELS
from tests.see.test_tensor_render import MODEL, WHOLE
from torchmagic.records import Broadcast, Comparison, Note, TensorRecord
from torchmagic.render import broadcasts
from torchmagic.render.wrapping import LEAST, cells
from torchmagic.shown import Shown
from torchmagic.terminal import Terminal

_SIDES = (
    TensorRecord("expected", "Tensor", (2, 9), "float32", "cpu"),
    TensorRecord("y", "Tensor", (2, 9), "int8", "cpu"),
)
_ROWS = tuple(tuple(f"{row}.{column:05}" for column in range(9)) for row in range(2))
SHOWN: dict[str, Shown] = {
    "inspection": WHOLE,
    "module": MODEL,
    "comparison": Comparison(*_SIDES, _ROWS, _ROWS, ((0, 0),), 1),
    **{f"explanation-{name}": record for name, record in EXPLANATIONS.items()},
    **{f"graph-{name}": record for name, record in MODELS.items()},
}


def _words(text: str) -> str:
    return re.sub(r"[\s│├└─↳]", "", text)


@pytest.mark.parametrize("name", SHOWN)
def test_no_line_is_wider_than_asked(name: str) -> None:
    for width in (LEAST, 44, 57, 80, 120, 200):
        lines = SHOWN[name].to_text(width).split("\n")
        wide = [line for line in lines if cells(line) > width and len(line.split()) > 1]
        assert not wide, (width, wide)


@pytest.mark.parametrize("name", ["inspection", "module"])
def test_the_same_is_said_at_every_width(name: str) -> None:
    assert len({_words(SHOWN[name].to_text(width)) for width in (80, 120, 200)}) == 1


def test_text_is_eighty_columns_wide_unless_asked() -> None:
    assert str(WHOLE) == WHOLE.to_text() == WHOLE.to_text(80)
    assert WHOLE.to_text(3) == WHOLE.to_text(LEAST)


def test_a_broadcast_of_many_dimensions_leaves_the_first_out() -> None:
    shape = tuple(range(1000, 1012))
    lines = broadcasts.text(Broadcast((("a", shape), ("b", (1,) * 12)), shape), 40)
    assert max(map(len, lines)) <= 40
    assert all("…" in line for line in lines)
    assert [line.split()[-1] for line in lines] == ["-1", "1011", "1011", "1011"]


def test_a_terminal_gets_text_alone_and_a_notebook_html(capsys: pytest.CaptureFixture[str]) -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.terminal.interactiveshell import TerminalInteractiveShell

    import torchmagic

    assert Terminal.of(InteractiveShell()) is None
    shell = TerminalInteractiveShell()
    torchmagic.load_ipython_extension(shell)
    formats, _ = shell.display_formatter.format(WHOLE)
    assert formats == {"text/plain": WHOLE.to_text(Terminal(shell).width)}
    torchmagic.unload_ipython_extension(shell)
    formats, _ = shell.display_formatter.format(WHOLE)
    assert set(formats) == {"text/plain", "text/html"}


def test_a_note_keeps_its_broadcast_inside_the_width() -> None:
    note = Note("broadcast", "x grew.", "", (), 1, Broadcast((("x" * 30, (3, 1)), ("y", (4,))), (3, 4)))
    from torchmagic.records import Inspection

    assert max(map(len, Inspection(notes=(note,)).to_text(40).split("\n"))) <= 40
