"""``%hint``: one step at a time, progress in the session alone, and one clear line where there is no hint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torchmagic.errors import TorchmagicError
from torchmagic.hints import Hints, read_hints

LADDERS = {"q1": ["one", "two", "three"], "q2": ["a"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hints.json").write_text(json.dumps(LADDERS))
    return tmp_path


def test_each_call_is_a_step_further_and_the_last_one_stays(folder: Path) -> None:
    hints = Hints()
    said = [hints.answer("q1", folder) for _ in range(4)]
    assert said[:3] == ["q1, hint 1 of 3: one", "q1, hint 2 of 3: two", "q1, hint 3 of 3: three"]
    assert said[3] == "q1, hint 3 of 3: three That was the last hint."
    assert hints.answer("q2", folder) == "q2, hint 1 of 1: a"


@pytest.mark.parametrize("word", ["q1", "Q1", "1", " q1 "])
def test_a_question_by_any_of_its_names(folder: Path, word: str) -> None:
    assert Hints().answer(word, folder) == "q1, hint 1 of 3: one"


def test_by_number_what_was_seen_and_the_next_one_only(folder: Path) -> None:
    hints = Hints()
    assert hints.answer("q1 2", folder) == "Hint 1 of q1 comes first: %hint q1 shows it."
    hints.answer("q1", folder)
    assert hints.answer("q1 2", folder) == "q1, hint 2 of 3: two"
    assert hints.answer("q1 1", folder) == "q1, hint 1 of 3: one"
    assert hints.answer("q1", folder) == "q1, hint 3 of 3: three"


def test_overview_and_reset(folder: Path) -> None:
    hints = Hints()
    hints.answer("q1", folder)
    assert hints.answer("", folder).startswith("Hints for q1 (1 of 3 seen), q2 (0 of 1 seen).")
    assert hints.answer("--reset", folder) == "All hints start again from the first one."
    assert hints.answer("q1", folder) == "q1, hint 1 of 3: one"


def test_each_folder_and_each_session_for_itself(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "hints.json").write_text(json.dumps(LADDERS))
    hints = Hints()
    hints.answer("q1", folder)
    hints.answer("--reset", other)
    assert hints.answer("q1", other) == "q1, hint 1 of 3: one"
    assert hints.answer("q1", folder) == "q1, hint 2 of 3: two"
    assert sorted(path.name for path in folder.iterdir()) == ["hints.json"]
    assert Hints().answer("q1", folder) == "q1, hint 1 of 3: one"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("q9", "There are no hints for 'q9'; there are for q1, q2."),
        ("q1 0", "There is no hint '0': they are numbered from 1 to 3."),
        ("q1 4", "There is no hint '4'"),
        ("q1 ²", "There is no hint '²'"),
        ("q1 2 3", "%hint takes a question and a number"),
        ("--rest", "There are no hints for '--rest'"),
        ("q" * 5000, "there are for q1, q2."),
    ],
)
def test_what_there_is_not(folder: Path, line: str, why: str) -> None:
    said = Hints().answer(line, folder)
    assert why in said
    assert len(said) < 250


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"q1": "one"}',
        b'{"q1": []}',
        b'{"q1": [1]}',
        b'{"q1": [""]}',
        b'{"": ["one"]}',
        b"[" * 100_000,
        b'"' + b"x" * (1 << 20) + b'"',
    ],
)
def test_a_file_that_holds_no_hints(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "hints.json").write_bytes(content)
    said = Hints().answer("q1", tmp_path)
    assert said.startswith("The hints in hints.json cannot be read: ")
    assert "\n" not in said
    with pytest.raises(TorchmagicError):
        read_hints(tmp_path / "hints.json")


def test_no_file_a_folder_in_its_place_and_no_folder(tmp_path: Path) -> None:
    assert Hints().answer("q1", tmp_path).startswith("There are no hints here: this folder has no hints.json.")
    assert Hints().answer("", tmp_path / "gone").startswith("There are no hints here")
    (tmp_path / "hints.json").mkdir()
    assert "cannot be read" in Hints().answer("q1", tmp_path)


def test_long_hints_are_wrapped_between_words(tmp_path: Path) -> None:
    (tmp_path / "hints.json").write_text(json.dumps({"q1": ["some words " * 40]}))
    lines = Hints().answer("q1", tmp_path).splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 96


@pytest.fixture
def shell() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance()
    shell.run_cell("%load_ext torchmagic")
    yield shell
    shell.run_cell("%unload_ext torchmagic")
    assert shell.find_line_magic("hint") is None
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_in_a_notebook_a_hint_is_shown_and_the_cell_goes_on(
    shell: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from IPython.utils.capture import capture_output

    monkeypatch.chdir(folder)
    said = []
    for cell in ("%hint q1", "%hint q1\nx = 3", "%hint nothing\nx += 1"):
        with capture_output() as captured:
            result = shell.run_cell(cell)
        assert result.success
        said += [output.data["text/plain"] for output in captured.outputs]
    assert said[:2] == ["q1, hint 1 of 3: one", "q1, hint 2 of 3: two"]
    assert said[2].startswith("There are no hints for 'nothing'")
    assert shell.user_ns["x"] == 4
