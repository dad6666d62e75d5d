"""How a failure looks: in a notebook, in a terminal, in feedback; both sides marked, no line of the grader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from graders.checks import CheckFailed, check_tensor, rubric
from graders.comparison import Compared
from graders.failure_view import comparison_of
from tests.golden import assert_golden
from torchmagic.records import Comparison


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    made = InteractiveShell.instance()
    made.colors = "nocolor"
    yield made
    InteractiveShell.clear_instance()


def shown(shell: InteractiveShell, source: str) -> tuple[str, list[Any]]:
    """The text and the outputs that a cell shows."""
    with capture_output() as captured:
        shell.run_cell(f"import torch\nfrom graders.checks import *\n{source}")
    return captured.stdout + captured.stderr, captured.outputs


def test_a_notebook_shows_the_line_the_reason_and_both_sides(shell: InteractiveShell) -> None:
    text, outputs = shown(shell, "y = torch.tensor([1.0, 3.0])\ncheck_tensor(y, 'y', values=[1.0, 2.0])")
    assert "----> check_tensor(y, 'y', values=[1.0, 2.0])" in text
    assert "`y` at [1] is 3, expected 2" in text
    assert "graders/" not in text
    (card,) = outputs
    assert 'class="tm-wrong" title="differs"><strong>3<' in card.data["text/html"]


def test_a_cell_of_the_history_shows_the_card_once(shell: InteractiveShell) -> None:
    """IPython 9 renders an error twice there: once to show it and once to keep it."""
    with capture_output() as captured:
        shell.run_cell(
            "import torch\nfrom graders.checks import *\ncheck_tensor(torch.zeros(2), 'y', values=[1.0, 2.0])",
            store_history=True,
        )
    assert len(captured.outputs) == 1
    assert captured.stdout.count("2 of 2 values wrong") + captured.stdout.count("values differ") == 1


def test_a_student_s_own_error_is_shown_with_its_place(shell: InteractiveShell) -> None:
    source = "def f(x):\n    return x.sum(9)\ncheck_function(f, lambda x: x, [(torch.ones(2),)], name='f')"
    text, _ = shown(shell, source)
    assert "`f` raised IndexError" in text
    assert "return x.sum(9)" in text
    assert "graders/" not in text


def test_a_hidden_line_of_a_notebook_shows_no_expected_value(shell: InteractiveShell) -> None:
    source = "y = torch.ones(2)\n### BEGIN HIDDEN TESTS\ncheck_tensor(y, 'y', values=[1.0, 77.5])\n### END HIDDEN TESTS"
    text, outputs = shown(shell, source)
    assert "`y` has 1 of 2 values wrong" in text
    assert "77.5" not in text
    assert outputs == []


def test_a_rubric_shows_the_card_of_a_part_that_was_lost(shell: InteractiveShell) -> None:
    source = "points = rubric(1)\nwith points.part(1, 'y'):\n    check_tensor(torch.ones(2), 'y', values=[1.0, 2.0])\npoints.score()"
    text, outputs = shown(shell, source)
    assert "y: 0 of 1 points. `y` at [1] is 1, expected 2" in text
    assert any("tm-compared" in output.data.get("text/html", "") for output in outputs)


def test_nbgrader_s_validate_shows_what_a_rubric_says_which_it_reads_from_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    points = rubric(1)
    with points.part(1, "the sum"):
        raise AssertionError("the sum is 4, expected 5")
    assert points.score() == 0
    assert capsys.readouterr() == ("the sum: 0 of 1 points. the sum is 4, expected 5\n", "")
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    assert points.score() == 0
    assert capsys.readouterr() == ("", "the sum: 0 of 1 points. the sum is 4, expected 5\n")


def _compared(expected: torch.Tensor, got: torch.Tensor) -> Comparison:
    with pytest.raises(CheckFailed) as caught:
        check_tensor(got, "answer", values=expected)
    record = comparison_of(caught.value)
    assert record is not None
    return record


CARDS: dict[str, Comparison] = {
    "matrix": _compared(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 2.5], [3.0, -4.0]])),
    "sign": _compared(torch.tensor([1.0, 2.0, -3.5]), torch.tensor([-1.0, -2.0, 3.5])),
    "shapes": _compared(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0])),
    "large": _compared(torch.arange(40.0).reshape(20, 2), torch.arange(40.0).reshape(20, 2) ** 1.1),
}


@pytest.mark.parametrize("name", CARDS)
def test_the_card_as_text_and_as_html(name: str) -> None:
    assert_golden(str(CARDS[name]) + "\n", f"comparison/{name}.txt")
    assert_golden(CARDS[name]._repr_mimebundle_(None)["text/html"], f"comparison/{name}.html")


@pytest.mark.parametrize("name", CARDS)
def test_the_card_is_saved_and_reloaded(name: str) -> None:
    assert Comparison.from_json(CARDS[name].to_json()) == CARDS[name]


def test_text_stays_within_a_terminal() -> None:
    wide = Compared(
        "a_rather_long_name", torch.randn(3, 8) * 1e9, torch.randn(3, 8) * 1e9, torch.ones(3, 8, dtype=torch.bool)
    )
    assert max(map(len, str(wide.record()).splitlines())) <= 80


def test_one_number_needs_no_card() -> None:
    with pytest.raises(CheckFailed) as caught:
        check_tensor(torch.tensor(1.0), "x", values=2.0)
    assert comparison_of(caught.value) is None


@pytest.mark.parametrize("secret", ["77.5, 12", [77.5], 77.5, {"a": 77.5}, (77.5,)])
def test_what_a_student_returns_carries_no_hidden_input_out(secret: object) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_tensor(secret, "y", (2,))
    assert "77.5" in str(caught.value)
    assert "77.5" not in caught.value.redacted
