"""How grading ended, in the metadata of the autograded notebook: one that does not say so was not graded to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import rmtree

from graders.engine.report import Outcome, Report

_KEY = "torchmagic"
_UNFINISHED = "unfinished"
_GRADER_ERROR = "a test cell fails by itself, whatever the answer; grade again with --force to read which and why"


def mark_unfinished(nb: NotebookNode) -> None:
    """Say that grading has begun; whatever the submission said of itself is gone.

    >>> nb = NotebookNode(metadata={"torchmagic": {"outcome": "passed"}})
    >>> mark_unfinished(nb)
    >>> is_unfinished(nb)
    True
    """
    nb.metadata[_KEY] = NotebookNode(outcome=_UNFINISHED)


def is_unfinished(nb: NotebookNode) -> bool:
    """True where grading was begun and did not come to its end."""
    return bool(_stamp(nb.metadata).get("outcome") == _UNFINISHED)


def ran_in_engine(nb: NotebookNode) -> bool:
    """True where a graded notebook's outputs are the judge's, not those of a kernel."""
    return _stamp(nb.metadata).get("by") == "engine"


def read_stamp(path: Path) -> dict[str, Any] | None:
    """How grading ended, from an autograded notebook; None where it was not completed."""
    try:
        stamp = _stamp(json.loads(path.read_text(encoding="utf-8"))["metadata"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stamp if stamp.get("outcome") in {outcome.value for outcome in Outcome} else None


def _stamp(metadata: Any) -> dict[str, Any]:
    stamp = metadata.get(_KEY)
    return stamp if isinstance(stamp, dict) else {}


class StampOutcome(NbGraderPreprocessor):  # type: ignore[misc]
    """After the scores are saved: say in the notebook's metadata how grading ended.

    The same submission gets the same stamp each time: it holds no times.
    """

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Stamp one notebook."""
        told = resources.get("torchmagic", {})
        report: Report | None = told.get("report")
        if report is not None:
            # a grader error's words may quote a hidden test: they are for the log and the table of results
            message = _GRADER_ERROR if report.outcome is Outcome.GRADER_ERROR else report.message
            nb.metadata[_KEY] = {"outcome": report.outcome.value, "message": message, "by": "engine"}
        else:
            outcome = Outcome.PASSED if told.get("full marks") else Outcome.FAILED
            by = told.get("kernel", "the outputs as submitted")
            nb.metadata[_KEY] = {"outcome": outcome.value, "message": f"judged by {by}", "by": "nbgrader"}
        return nb, resources


class Exporter(NotebookExporter):  # type: ignore[misc]
    """nbgrader's own; a converter makes one before it looks which submissions are done, and this is what it is for.

    A killed run leaves half-graded folders in ``autograded/``, which nbgrader takes for done: they are removed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for submitted in getattr(self.parent, "assignments", {}):
            graded = _graded_folder(self.parent, Path(submitted))
            if any(_text_says_unfinished(path) for path in sorted(graded.glob("*.ipynb"))):
                self.log.warning("%s was left half graded: it is graded again", graded)
                rmtree(str(graded))


def _graded_folder(converter: Any, submitted: Path) -> Path:
    where = converter.init_single_notebook_resources(str(submitted / "any.ipynb"))["nbgrader"]
    directory = converter.coursedir.autograded_directory
    return Path(converter.coursedir.format_path(directory, where["student"], where["assignment"]))


def _text_says_unfinished(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
        return _UNFINISHED in text and is_unfinished(NotebookNode(metadata=json.loads(text)["metadata"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # not this program's to judge: nbgrader says what it finds
