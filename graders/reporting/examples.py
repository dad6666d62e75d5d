"""One anonymised example of each shared mistake: the answer, the line that asked, and the judge's own card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graders.nbgrader_plugin.harmless import harmless_html
from graders.reporting.anonymous import Masker
from graders.reporting.data import Question, StudentResult, source_key
from graders.reporting.items import answers_of, notebook_of
from graders.reporting.misconceptions import BLANK, Group, Loss
from graders.reporting.wording import clean

_TRIED = 6
_LONGEST = 4000
_ARROW = "----> "


@dataclass(frozen=True, slots=True)
class Example:
    """How a mistake looks.

    Attributes:
        question: where it was made.
        answer: the text of the answer's cells, without what tells whose it is.
        asked: the line of the test that failed; "" where a hidden one did, or a rubric's part.
        message: what the check said.
        card: the judge's picture of what was expected and what was given, as HTML in which nothing runs; or "".
    """

    question: Question
    answer: str
    asked: str
    message: str
    card: str


def find_example(group: Group, students: Mapping[str, StudentResult], masker: Masker) -> Example | None:
    """The shortest answer of a group, with a card where one of the shortest has one; None for blank ones."""
    if group.kind == BLANK:
        return None
    answers = {
        (loss.student, loss.question.notebook, loss.question.name): _answer(students[loss.student], loss, masker)
        for loss in group.losses
    }

    def answer(loss: Loss) -> str:
        return answers[loss.student, loss.question.notebook, loss.question.name]

    ordered = sorted(group.losses, key=lambda loss: (not answer(loss), len(answer(loss)), answer(loss)))
    made = [_example(students[loss.student], loss, answer(loss), masker) for loss in ordered[:_TRIED]]
    return min(made, key=lambda one: not one.card, default=None)


def _answer(student: StudentResult, loss: Loss, masker: Masker) -> str:
    keys = [source_key(loss.question.notebook, cell.name) for cell in answers_of(student, loss.question)]
    parts = [masker.code(student.sources[key], student.student) for key in keys if key in student.sources]
    return "\n\n".join(part for part in parts if part)[:_LONGEST]


def _example(student: StudentResult, loss: Loss, answer: str, masker: Masker) -> Example:
    outputs = _outputs(student, loss)
    return Example(
        question=loss.question,
        answer=answer,
        asked=next(_asked(outputs), ""),
        message=masker.text(clean(loss.cell.message)),
        card=next(_cards(outputs), "") if loss.cell.tamper_proof else "",
    )


def _outputs(student: StudentResult, loss: Loss) -> Sequence[Mapping[str, Any]]:
    """What is shown below the test cell in the graded notebook."""
    notebook = notebook_of(student, loss.question.notebook)
    if notebook is None or not notebook.text:
        return ()
    try:
        cells = json.loads(notebook.text)["cells"]
        return tuple(cells[loss.cell.key].get("outputs", ()))
    except (ValueError, LookupError, TypeError, AttributeError):  # no such cell: the words have to do
        return ()


def _asked(outputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for output in outputs:
        if output.get("output_type") == "error":
            lines = [str(line) for line in output.get("traceback", ())]
            yield from (line.removeprefix(_ARROW) for line in lines if line.startswith(_ARROW))


def _cards(outputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The judge's own cards: a test cell shows nothing of a student's but as text."""
    for output in outputs:
        if output.get("output_type") == "display_data":
            html = output.get("data", {}).get("text/html", "")
            text = "".join(html) if isinstance(html, list) else str(html)
            if text:
                yield harmless_html(text)
