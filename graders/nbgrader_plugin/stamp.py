"""How grading ended, in the metadata of the autograded notebook: one that does not say so was not graded to its end."""

from __future__ import annotations

import json
import os
import socket
import textwrap
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat.notebooknode import NotebookNode
from nbgrader.converters import Autograde
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import rmtree
from traitlets.utils.importstring import import_item

from graders.engine.report import Outcome, Report
from graders.nbgrader_plugin.config import CONFIG_NAME, own_config
from graders.nbgrader_plugin.settings import demand_fit
from torchmagic.errors import TorchmagicError

_KEY = "torchmagic"
_UNFINISHED = "unfinished"
_DIALOG = 72  # columns that formgrader's dialog shows of a log, which it does not wrap
_GRADER_ERROR = "a test cell fails by itself, whatever the answer; grade again with --fresh to read which and why"


def mark_unfinished(nb: NotebookNode) -> None:
    """Say that grading has begun; whatever the submission said of itself is gone.

    >>> nb = NotebookNode(metadata={"torchmagic": {"outcome": "passed"}})
    >>> mark_unfinished(nb)
    >>> is_unfinished(nb)
    True
    """
    nb.metadata[_KEY] = NotebookNode(outcome=_UNFINISHED, host=socket.gethostname(), process=os.getpid())


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
    stamp = metadata.get(_KEY) if isinstance(metadata, dict) else None
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
            stamp_report(nb, report)
        else:
            outcome = Outcome.PASSED if told.get("full marks") else Outcome.FAILED
            by = told.get("kernel", "the outputs as submitted")
            nb.metadata[_KEY] = {"outcome": outcome.value, "message": f"judged by {by}", "by": "nbgrader"}
        return nb, resources


def stamp_report(nb: NotebookNode, report: Report) -> None:
    """Say in a notebook's metadata what the engine reported of it."""
    # a grader error's words may quote a hidden test: they are for the log and the table of results
    message = _GRADER_ERROR if report.outcome is Outcome.GRADER_ERROR else report.message
    nb.metadata[_KEY] = {"outcome": report.outcome.value, "message": message, "by": "engine"}
    names = [nb.cells[cell.key].metadata.nbgrader.grade_id for cell in report.cells if not cell.tamper_proof]
    if names:
        nb.metadata[_KEY]["not_tamper_proof"] = names


class Exporter(NotebookExporter):  # type: ignore[misc]
    """nbgrader's own; a converter makes one before it looks which submissions are done, and this is what it is for.

    A killed run leaves half-graded notebooks in ``autograded/``, which nbgrader takes for done: they are removed.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if type(self.parent) is Autograde:  # our own converters have looked before
            self._demand_sound_settings(Path(self.parent.coursedir.root))
        for submitted, notebooks in getattr(self.parent, "assignments", {}).items():
            graded = _graded_folder(self.parent, Path(submitted))
            left = [path for path in sorted(graded.glob("*.ipynb")) if self._was_left(path)]
            if left and self.parent.coursedir.notebook_id == "*":
                rmtree(str(graded))
            for path in left:  # of the notebooks that were asked for
                if path.name in {Path(notebook).name for notebook in notebooks}:
                    path.unlink(missing_ok=True)

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        """As nbconvert's, but the notebook, which nobody else holds, is not copied twice, and is validated once."""
        done = self._init_resources(resources)
        for preprocessor in self._preprocessors:
            nb, done = preprocessor(nb, done)
        nbformat.validate(nb, relax_add_props=True)
        done["output_suffix"] = ".nbconvert"
        return nbformat.v4.writes(nb) + "\n", done

    def _demand_sound_settings(self, course: Path) -> None:
        """Refuse what cannot be before a submission is touched; formgrader's dialog shows what is logged.

        Where the course's own file does not load, nbgrader goes on without it: this program is there only where
        another file, such as the user's own, names it, too.
        """
        for step in self.parent.autograde_preprocessors:
            if isinstance(step, str):
                import_item(step)
        try:
            if (course / CONFIG_NAME).is_file():
                own_config(course)
            demand_fit(self.config)
        except TorchmagicError as error:
            said = f"{error} A server that is running must be started again then."
            self.log.error("%s", textwrap.fill(said, _DIALOG, break_long_words=False, break_on_hyphens=False))
            raise

    def _was_left(self, path: Path) -> bool:
        stamp = _unfinished_stamp(path)
        if stamp is None:
            return False
        if _may_be_running(stamp):
            self.log.warning("%s is half graded, and its grader may still run: if not, use --force", path)
            return False
        self.log.warning("%s was left half graded: it is graded again", path)
        return True


def _graded_folder(converter: Any, submitted: Path) -> Path:
    where = converter.init_single_notebook_resources(str(submitted / "any.ipynb"))["nbgrader"]
    directory = converter.coursedir.autograded_directory
    return Path(converter.coursedir.format_path(directory, where["student"], where["assignment"]))


def _unfinished_stamp(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
        stamp = _stamp(json.loads(text)["metadata"]) if _UNFINISHED in text else {}
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not this program's to judge: nbgrader says what it finds
    return stamp if stamp.get("outcome") == _UNFINISHED else None


def _may_be_running(stamp: dict[str, Any]) -> bool:
    """False where the process that began grading is gone for certain."""
    process = stamp.get("process")
    if stamp.get("host") != socket.gethostname() or not isinstance(process, int):
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it is somebody else's
    return process != os.getpid()
