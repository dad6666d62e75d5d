"""The card after an error in a real IPython shell: when it comes, and all that stays as it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.see.test_explain_cells import cards, run
from torchmagic.error_cards import last_error

pytestmark = pytest.mark.slow
FAILS = "import torch\nx, W = torch.ones(3, 4), torch.ones(5, 4)\nx @ W"


@pytest.fixture(scope="module")
def shell() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    made = InteractiveShell.instance()
    made.run_cell("%load_ext torchmagic", silent=True)
    yield made
    made.run_cell("%unload_ext torchmagic", silent=True)
    InteractiveShell.clear_instance()


def test_the_error_is_shown_once_and_then_the_card(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell(FAILS)
    text = capsys.readouterr().out
    assert text.count("mat1 and mat2 shapes") == 1
    assert text.index("mat1 and mat2 shapes") < text.index("Why x @ W failed")
    assert type(sys.last_value) is RuntimeError
    assert sys.last_traceback is not None


@pytest.mark.parametrize(
    "cell",
    [
        "1 / 0",
        "undefined_name",
        "{}['key']",
        "raise ValueError('mine')",
        "def f(:",
        "assert torch.ones(1) == 2",
        "raise KeyboardInterrupt",
        "raise SystemExit",
        "import no_such_module",
        "x @ W.T",
        "open('/no/such/file')",
        "def check(t):\n    raise ValueError('shape')\ncheck(x)",
        "%no_such_magic",
    ],
)
@pytest.mark.filterwarnings("ignore:To exit")
def test_few_and_right(shell: Any, cell: str) -> None:
    run(shell, FAILS)
    assert cards(run(shell, cell)[1]) == []


@pytest.mark.parametrize(
    "cell",
    [
        "%time x @ W",
        "%%time\ny = 1\nx @ W",
        "for i in range(3):\n    x @ W",
        "import asyncio\nawait asyncio.sleep(0)\nx @ W",
        "async def work():\n    return x @ W\nawait work()",
        "%%gradtrace\nx @ W",
        "%%tensorinfo\n%%gradtrace\nx @ W",
        "z = 1; x @ W",
    ],
)
def test_in_every_kind_of_cell(shell: Any, cell: str) -> None:
    run(shell, FAILS)
    result, texts = run(shell, cell)
    assert isinstance(result.error_in_exec or last_error(), RuntimeError)  # %time keeps it to itself before IPython 9
    shown = cards(texts)
    assert len(shown) == 1
    assert "x @ W" in shown[0]


def test_an_error_that_a_magic_showed_is_explained_once(shell: Any) -> None:
    shell.user_ns["show"] = shell.showtraceback
    run(shell, FAILS)
    cell = "try:\n    x @ W\nexcept RuntimeError:\n    show()"
    assert len(cards(run(shell, cell)[1])) == 1
    assert cards(run(shell, "1 + 1")[1]) == []


@pytest.mark.parametrize("cell", ["exec('x @ W')", "%timeit -n1 -r1 x @ W"])
def test_where_no_source_is_found_the_message_is_explained(shell: Any, cell: str) -> None:
    run(shell, FAILS)
    shown = cards(run(shell, cell)[1])
    assert len(shown) == 1
    assert "as many columns" in shown[0]


def test_run_of_a_file(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import torch\n\ndef f(a):\n    return a + torch.ones(3)\n\nf(torch.ones(2))\n")
    _, texts = run(shell, f"%run {tmp_path}/script.py")
    shown = cards(texts)
    assert len(shown) <= 1  # IPython shows errors of %run itself: they do not reach the cell's result
    (tmp_path / "helper_of_the_test.py").write_text("def join(a, b):\n    return a + b\n")
    run(shell, f"import sys\nsys.path.insert(0, {str(tmp_path)!r})")
    _, texts = run(shell, "import helper_of_the_test as h\nimport torch\nh.join(torch.ones(2), torch.ones(3))")
    assert "helper_of_the_test.py line 2" in cards(texts)[0]


def test_off_and_on(shell: Any) -> None:
    assert any("no longer" in text for text in run(shell, "%torchmagic explain off")[1])
    assert cards(run(shell, FAILS)[1]) == []
    assert any("are off" in text for text in run(shell, "%torchmagic explain")[1])
    run(shell, "%torchmagic explain on")
    assert len(cards(run(shell, FAILS)[1])) == 1
    assert run(shell, "%torchmagic explian on")[0].error_in_exec is not None


def test_the_handlers_of_others_stay(shell: Any) -> None:
    seen = []

    def handler(shell: Any, kind: Any, error: Any, traceback: Any, tb_offset: Any = None) -> None:
        seen.append(kind)

    before = shell.custom_exceptions
    shell.set_custom_exc((RuntimeError,), handler)
    try:
        _, texts = run(shell, FAILS)
        assert seen == [RuntimeError]
        assert len(cards(texts)) == 1
        assert shell.custom_exceptions == (RuntimeError,)
    finally:
        shell.set_custom_exc(before, None)


def test_explain_of_the_last_error(shell: Any) -> None:
    run(shell, FAILS)
    result, _ = run(shell, "import torchmagic\ntorchmagic.explain()")
    assert result.result.expression == "x @ W"
    result, _ = run(shell, "1 / 0")
    result, _ = run(shell, "torchmagic.explain()")
    assert type(result.error_in_exec).__name__ == "TorchmagicError"


def test_unloaded(shell: Any) -> None:
    run(shell, "%unload_ext torchmagic")
    try:
        assert cards(run(shell, FAILS)[1]) == []
        assert "torchmagic" not in shell.magics_manager.magics["line"]
    finally:
        run(shell, "%load_ext torchmagic")
    assert len(cards(run(shell, FAILS)[1])) == 1


def test_an_error_from_before_it_was_loaded_is_not_explained(shell: Any) -> None:
    run(shell, "%unload_ext torchmagic")
    run(shell, FAILS)
    assert cards(run(shell, "%load_ext torchmagic")[1]) == []
    assert len(cards(run(shell, FAILS)[1])) == 1


def test_an_error_whose_text_fails_has_no_explanation() -> None:
    from torchmagic.observe.errors import explain_error

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with pytest.raises(MuteError) as raised:
        raise MuteError
    assert explain_error(raised.value) is None
