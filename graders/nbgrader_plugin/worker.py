"""Grade submissions as pure tasks: what one handed in goes in, what became of it comes out; no course is needed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.v4.nbjson import BytesEncoder
from nbformat.v4.rwbase import split_lines, strip_transient
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets.config import Config

from graders.engine.client import Engine, Isolation
from graders.engine.needs import read_needs
from graders.engine.report import Cell, Outcome, Report, Submission
from graders.graded import UNREADABLE, Graded, GradedCell, GradedNotebook
from graders.nbgrader_plugin.execute import is_attempted, read_cells, write_outputs
from graders.nbgrader_plugin.feedback import LeaveHiddenTestsOutOfGraded, hide_tests
from graders.nbgrader_plugin.kernel import KernelMissing, true_kernelspec
from graders.nbgrader_plugin.package import CLEANING, FINISHING, Handed, NotebookPackage, Package
from graders.nbgrader_plugin.restore import AnotherNotebook, restore_notebook
from graders.nbgrader_plugin.scores import scores_of
from graders.nbgrader_plugin.stamp import stamp_report
from graders.nbgrader_plugin.unreadable import read_notebook
from torchmagic.errors import TorchmagicError

_log = logging.getLogger("torchmagic.grade")


class Worker:
    """Grades submissions of any number of assignments in one warm engine; use from any number of threads.

    Args:
        isolation: as :class:`graders.engine.client.Engine` takes it.
        hidden: folders that no submission may see.
        at_once: how many submissions run at a time.
        engine: one that runs already; without it, one is started at the first need.
    """

    def __init__(
        self,
        *,
        isolation: Isolation = "namespaces",
        hidden: Iterable[Path] = (),
        at_once: int = 1,
        engine: Engine | None = None,
    ) -> None:
        self._engine = engine or Engine(isolation=isolation, hidden=hidden, at_once=at_once)
        if engine is None:
            self._engine.__enter__()
        self._steps: dict[str, _Steps] = {}

    def prepare(self, package: Package) -> None:
        """Get ready for an assignment: import what its cells import, before the first submission does."""
        if package.digest not in self._steps:
            self._steps[package.digest] = _Steps(package.settings)
            cells = (cell for notebook in package.notebooks for cell in notebook.template)
            self._engine.preload(read_needs(cells), at_once=True)

    def wait_until_ready(self) -> None:
        """Wait for the engine.

        Raises:
            TorchmagicError: submissions cannot be walled off here.
        """
        self._engine.wait_until_ready()

    def grade(self, package: Package, handed: Handed) -> Graded:
        """Grade what one student handed in.

        Raises:
            TorchmagicError: submissions cannot be walled off here, or the engine is gone.
        """
        self.prepare(package)
        notebooks = []
        lasting = True
        for part in package.notebooks:
            if part.name in handed.notebooks:
                notebook, true = self._grade(package, part, handed)
                notebooks.append(notebook)
                lasting = lasting and true
        return Graded(tuple(notebooks), lasting)

    def close(self) -> None:
        """End the engine and all that it started."""
        self._engine.close()

    def _grade(self, package: Package, part: NotebookPackage, handed: Handed) -> tuple[GradedNotebook, bool]:
        """One notebook, and whether the result lasts."""
        nb, why = read_notebook(handed.notebooks[part.name])
        if why:
            return _refused(part.name, UNREADABLE, f"{part.name}.ipynb {why}: ask the student to submit it again"), True
        try:
            kernelspec = part.kernelspec or true_kernelspec(
                nb.metadata.get("kernelspec", {}), {}, Path(f"{part.name}.ipynb")
            )
            mended = restore_notebook(nb, part.name, package.assignment, part.cells, kernelspec)
            return self._run(package, part, handed, nb, tuple(mended))
        except AnotherNotebook as error:
            return _refused(part.name, UNREADABLE, f"{error}: ask the student to submit it again"), True
        except KernelMissing as error:
            return _refused(part.name, Outcome.GRADER_ERROR.value, f"not graded: {error}"), True
        except TorchmagicError:
            raise
        except Exception as error:  # of one submission: the others are graded all the same
            _log.debug("a notebook %s was not graded", part.name, exc_info=True)
            why = f"not graded: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            return _refused(part.name, Outcome.GRADER_ERROR.value, why), False

    def _run(
        self, package: Package, part: NotebookPackage, handed: Handed, nb: NotebookNode, mended: tuple[str, ...]
    ) -> tuple[GradedNotebook, bool]:
        steps = self._steps[package.digest]
        nb = steps.clean(nb)
        submission = Submission(
            cells=read_cells(nb, part.template),
            template=part.template,
            files={**handed.files, **package.files},
            modules=package.modules,
            limits=package.limits,
            attempted=is_attempted(nb),
        )
        report = self._engine.grade(submission)
        write_outputs(nb, report)
        nb = steps.finish(nb)
        found = scores_of(nb, report)
        stamp_report(nb, report)
        cells = _cells(nb, submission.cells, report)
        steps.hide(nb)
        nbformat.validate(nb, relax_add_props=True)
        graded = GradedNotebook(
            name=part.name,
            text=_as_text(nb),
            outcome=report.outcome.value,
            message=report.message,
            seconds=report.seconds,
            cells=cells,
            scores=dict(found.scores),
            kept=found.kept,
            comments=dict(found.comments),
            mended=mended,
        )
        return graded, report.lasting


class _Steps:
    """nbgrader's steps before and after the run, as the course sets them, made once for all submissions."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        config = Config({name: Config(section) for name, section in settings.items()})
        self._cleaning = [step(config=config) for step in CLEANING]
        self._finishing = [step(config=config) for step in FINISHING]
        self._hides = LeaveHiddenTestsOutOfGraded(config=config).enabled

    def clean(self, nb: NotebookNode) -> NotebookNode:
        """Before it runs."""
        return _through(self._cleaning, nb)

    def finish(self, nb: NotebookNode) -> NotebookNode:
        """After it has run."""
        return _through(self._finishing, nb)

    def hide(self, nb: NotebookNode) -> None:
        """Take the hidden tests out, unless the course keeps them."""
        for cell in nb.cells if self._hides else ():
            if cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell):
                hide_tests(cell, judged=True)


def _through(steps: Iterable[NbGraderPreprocessor], nb: NotebookNode) -> NotebookNode:
    for step in steps:
        if step.enabled:
            nb, _ = step.preprocess(nb, {})
    return nb


def _as_text(nb: NotebookNode) -> str:
    """A notebook as nbformat writes it, which would copy all of it first; ``nb`` is of no more use afterwards."""
    lines = strip_transient(split_lines(nb))
    text = json.dumps(lines, cls=BytesEncoder, indent=1, sort_keys=True, separators=(",", ": "), ensure_ascii=False)
    return f"{text}\n"


def _refused(name: str, outcome: str, message: str) -> GradedNotebook:
    return GradedNotebook(name, "", outcome, message, 0.0)


def _cells(nb: NotebookNode, cells: Iterable[Cell], report: Report) -> tuple[GradedCell, ...]:
    known = {cell.key: cell for cell in cells}
    return tuple(
        GradedCell(
            key=judged.key,
            name=known[judged.key].name,
            role=known[judged.key].role,
            points=known[judged.key].points,
            score=judged.score,
            outcome=judged.outcome.value,
            seconds=judged.seconds,
            message=judged.message,
            misconception=judged.misconception,
            tamper_proof=judged.tamper_proof,
        )
        for judged in report.cells
    )
