"""Feedback without the hidden tests: students read what was expected and got, not what will be asked next year."""

from __future__ import annotations

from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor

from graders.engine.hidden import hidden_lines

_NOTE = "# (hidden tests)"


class LeaveHiddenTestsOut(NbGraderPreprocessor):  # type: ignore[misc]
    """Replaces the hidden tests of a graded notebook's test cells by one line, on the way into the feedback page."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Change the cells of one notebook; the graded notebook itself stays as it is."""
        for cell in nb.cells:
            if cell.cell_type == "code" and utils.is_grade(cell):
                cell.source = without_hidden_tests(cell.source)
        return nb, resources


def without_hidden_tests(source: str) -> str:
    """A test cell's text with one line in the place of each stretch of hidden tests.

    >>> print(without_hidden_tests("a = 1\\nif a:\\n    ### BEGIN HIDDEN TESTS\\n    b\\n    ### END HIDDEN TESTS\\nc"))
    a = 1
    if a:
        # (hidden tests)
    c
    """
    hidden = hidden_lines(source)
    kept = []
    for number, line in enumerate(source.splitlines(), 1):
        if number not in hidden:
            kept.append(line)
        elif number - 1 not in hidden:
            kept.append(line[: len(line) - len(line.lstrip())] + _NOTE)
    return "\n".join(kept)
