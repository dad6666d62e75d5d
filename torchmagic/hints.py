"""Hints, a step at a time: reads an assignment's ``hints.json`` and says which step of a question comes next."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchmagic.errors import TorchmagicError

FILE = "hints.json"
WIDTH = 96
_LARGEST = 1 << 20
_USE = "Use it as: %hint q3 (the next hint of question 3), %hint q3 1 (that one again), %hint (what there is)."

Ladders = Mapping[str, tuple[str, ...]]


class Hints:
    """The hints that one session has seen; nothing is stored anywhere else.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / FILE).write_text('{"q1": ["Look at the shape.", "Which dim is the batch?"]}')
    >>> hints = Hints()
    >>> print(hints.answer("q1", folder))
    q1, hint 1 of 2: Look at the shape.
    >>> print(hints.answer("", folder))
    Hints for q1 (1 of 2 seen). %hint q1 shows the next one of a question.
    >>> print(hints.answer("q2", folder))
    There are no hints for 'q2'; there are for q1.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], int] = {}  # by folder and question: how far up the ladder

    def answer(self, line: str, folder: Path, width: int = WIDTH) -> str:
        """What ``%hint LINE`` says in a working folder; a problem is said too, in one line, never raised.

        Args:
            line: what stands behind ``%hint``.
            folder: the working folder.
            width: the columns that a line of a hint may take.
        """
        try:
            return _wrapped(self._answer(line.split(), folder.resolve()), width)
        except TorchmagicError as error:
            return str(error)
        except OSError:
            return "There are no hints here: the folder that this notebook runs in is gone."

    def _answer(self, words: list[str], folder: Path) -> str:
        ladders = read_hints(folder / FILE)
        place = str(folder)
        if not words:
            return self._overview(ladders, place)
        if words == ["--reset"]:
            self._seen = {key: seen for key, seen in self._seen.items() if key[0] != place}
            return "All hints start again from the first one."
        question = _question(words[0], ladders)
        ladder = ladders[question]
        seen = self._seen.get((place, question), 0)
        if len(words) > 2:
            raise TorchmagicError(f"%hint takes a question and a number, not {' '.join(words)!r}.", hint=_USE)
        number = _number(words[1], len(ladder)) if len(words) == 2 else min(seen + 1, len(ladder))
        if number > seen + 1:
            raise TorchmagicError(f"Hint {seen + 1} of {question} comes first: %hint {question} shows it.")
        self._seen[place, question] = max(seen, number)
        last = " That was the last hint." if number == len(ladder) == seen and len(words) == 1 else ""
        return f"{question}, hint {number} of {len(ladder)}: {ladder[number - 1]}{last}"

    def _overview(self, ladders: Ladders, place: str) -> str:
        parts = [f"{name} ({self._seen.get((place, name), 0)} of {len(steps)} seen)" for name, steps in ladders.items()]
        return f"Hints for {', '.join(parts)}. %hint {next(iter(ladders))} shows the next one of a question."


def read_hints(path: Path) -> Ladders:
    """The hints of each question, in order.

    Raises:
        TorchmagicError: there is no such file, or it is not ``{"q1": ["first hint", "second", ...], ...}``.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise TorchmagicError(
            f"There are no hints here: this folder has no {path.name}.",
            hint="It comes beside the assignment's notebook; keep the two together.",
        ) from None
    except OSError as error:
        raise TorchmagicError(f"The hints in {path.name} cannot be read ({error.strerror}).") from error
    said: Any = {}
    try:
        problem = f"it is larger than {_LARGEST >> 20} MiB" if len(content) > _LARGEST else ""
        if not problem:
            said = json.loads(content.decode("utf-8"))
            problem = _problem(said)
    except (ValueError, RecursionError) as error:
        problem = f"no valid JSON ({' '.join(str(error).split())[:WIDTH]})"
    if problem:
        hint = "Fetch the assignment's files again."
        raise TorchmagicError(f"The hints in {path.name} cannot be read: {problem}.", hint=hint)
    return {question: tuple(steps) for question, steps in said.items()}


def _problem(said: Any) -> str:
    """Why this is no hints file; "" for one."""
    if not isinstance(said, dict) or not said:
        return "it should hold a list of hints for each question"
    for question, steps in said.items():
        if not question.strip() or not isinstance(steps, list) or not steps:
            return f"{question!r} has no list of hints"
        if not all(isinstance(step, str) and step.strip() for step in steps):
            return f"a hint of {question!r} is no text"
    return ""


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


def _question(word: str, ladders: Ladders) -> str:
    """The question that a word names: ``q3``, ``Q3`` or ``3``."""
    names = {name.lower(): name for name in ladders}
    found = names.get(word.lower()) or names.get(f"q{word.lower()}")
    if found is None:
        raise TorchmagicError(f"There are no hints for {word!r:.40}; there are for {', '.join(ladders)}.")
    return found


def _number(word: str, count: int) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", word) or not 1 <= int(word) <= count:
        raise TorchmagicError(f"There is no hint {word!r:.40}: they are numbered from 1 to {count}.")
    return int(word)
