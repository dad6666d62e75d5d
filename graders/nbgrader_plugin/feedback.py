"""Nothing of a hidden test goes back to a student: neither its text, nor what it prints or says when it fails.

Students read feedback pages, and many courses hand the autograded notebooks back too. The gradebook and the source
notebook keep the hidden tests; each autograding puts them back before it runs anything.
"""

from __future__ import annotations

from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import List, Unicode

from graders.engine.hidden import hidden_lines
from graders.nbgrader_plugin.stamp import is_unfinished, ran_in_engine

_NOTE = "# (hidden tests)"
_FAILED = "a test failed in this cell, which holds hidden tests"


class LeaveHiddenTestsOut(NbGraderPreprocessor):  # type: ignore[misc]
    """On the way into the feedback page: takes the hidden tests out of a graded notebook that still has them."""

    display_data_priority = List(Unicode()).tag(config=True)  # what nbgrader takes away, traitlets would warn of

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Change the test cells of one notebook."""
        if is_unfinished(nb):
            where = resources["nbgrader"]
            raise NbGraderException(
                f"{where['notebook']}.ipynb of {where['student']} was not graded to its end: grade it again"
            )
        for cell in nb.cells:
            if cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell):
                hide_tests(cell, judged=ran_in_engine(nb))
        return nb, resources


class LeaveHiddenTestsOutOfGraded(LeaveHiddenTestsOut):
    """Last step of autograding: the same for the autograded notebook, which then is all that feedback sees.

    Graders see no hidden tests in the formgrader then; ``LeaveHiddenTestsOutOfGraded.enabled = False`` keeps them.
    """


def hide_tests(cell: NotebookNode, *, judged: bool) -> None:
    """Take the hidden tests out of a test cell, and their outputs where the judge has not done it.

    A kernel does not tell which of a cell's outputs are a hidden test's, so none of them stays.
    """
    if not hidden_lines(cell.source):
        return
    if not judged:
        failed = [output for output in cell.outputs if output.output_type == "error"]
        cell.outputs = [_without_words(output) for output in failed]
    cell.source = without_hidden_tests(cell.source)
    cell.metadata.nbgrader["checksum"] = utils.compute_checksum(cell)


def _without_words(error: NotebookNode) -> NotebookNode:
    return NotebookNode(output_type="error", ename=error.ename, evalue=_FAILED, traceback=[f"{error.ename}: {_FAILED}"])


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
