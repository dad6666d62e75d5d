"""nbgrader's execution step, through the engine: no kernel is started and no test runs beside a student's code."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import Execute
from traitlets import Enum, Float, Integer

from graders.engine.client import Engine
from graders.engine.marks import TAG, is_marked
from graders.engine.needs import read_needs
from graders.engine.report import Cell, Limits, Outcome, Report, Role, Submission
from graders.nbgrader_plugin.kept_engines import kept_for
from graders.nbgrader_plugin.kernel import demand_kernel, is_python
from graders.nbgrader_plugin.unreadable import leads_into
from torchmagic.errors import TorchmagicError

_MAX_FILES = 64 << 20
_MIB = 1 << 20


class EngineExecute(Execute):  # type: ignore[misc]
    """Runs a sanitised notebook through the engine; its report waits in ``resources`` for the gradebook.

    ``Execute.timeout`` (seconds a cell) and ``Execute.enabled`` mean what they mean for nbgrader.
    """

    isolation: Any = Enum(
        ("namespaces", "process"),
        "namespaces",
        help="How a submission is kept apart. 'process' has no walls: a submission can read what the grader can.",
    ).tag(config=True)
    total_timeout = Float(
        240.0,
        min=1.0,
        max=7 * 86_400.0,
        help="Seconds that one notebook may take. What it waits for a processor does not count, here and in a cell's "
        "`Execute.timeout`, up to three times the limit.",
    ).tag(config=True)
    memory_mib = Integer(2048, min=64, help="Memory that one notebook may use, in MiB.").tag(config=True)
    disk_mib = Integer(256, min=1, help="Files that one notebook may write, in MiB.").tag(config=True)
    processes = Integer(64, min=1, help="Processes and threads that one notebook may have at a time.").tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any], *args: Any, **kwargs: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Run one notebook; outputs go into its cells, the report into ``resources["torchmagic"]``."""
        converter = self.parent.parent
        where = resources["nbgrader"]
        folder = Path(converter._format_dest(where["assignment"], where["student"]))
        resources.setdefault("metadata", {})["path"] = str(folder)
        kernelspec = nb.metadata.get("kernelspec", {})
        if not is_python(kernelspec.get("language", "python")):
            name = demand_kernel(kernelspec, where["notebook"])
            self.log.warning("%s.ipynb runs in the kernel %r as in plain nbgrader: no walls", where["notebook"], name)
            resources["torchmagic"] = {"kernel": f"the kernel {name!r}, without walls"}
            return super().preprocess(nb, resources, *args, **kwargs)  # type: ignore[no-any-return]
        course = converter.coursedir
        submitted = course.format_path(course.submitted_directory, where["student"], where["assignment"])
        self._leave_links_out(Path(submitted), folder)
        source = source_notebook(course, where["assignment"], where["notebook"])
        template = read_template(source)
        submission = Submission(
            cells=read_cells(nb, template),
            template=template,
            files=read_files(folder),
            modules=read_files(source.parent, "*.py"),
            limits=self.limits(),
            attempted=is_attempted(nb),
        )
        try:
            with self._engine(converter) as engine:
                engine.preload(read_needs(template))
                report = engine.grade(submission)
        except TorchmagicError as error:
            self.log.error("%s", error)  # for formgrader's dialog, before nbgrader's traceback
            raise
        write_outputs(nb, report)
        resources["torchmagic"] = {"report": report}
        reports = getattr(converter, "reports", None)
        if reports is not None:
            reports.append(report)
        for cell in report.cells:
            if cell.outcome is Outcome.GRADER_ERROR:
                name = nb.cells[cell.key].metadata.get("nbgrader", {}).get("grade_id", cell.key)
                self.log.error("GRADER ERROR in test cell %r: %s", name, cell.message)
        usual = report.outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.NOT_ATTEMPTED)
        said = f"{report.outcome.value}{': ' if report.message else ''}{report.message}"
        self.log.log(
            logging.INFO if usual else logging.WARNING, "%s.ipynb of %s: %s", where["notebook"], where["student"], said
        )
        return nb, resources

    def _leave_links_out(self, submitted: Path, folder: Path) -> None:
        """Take away what nbgrader copied through links that lead out of the submission."""
        for path in links_astray(submitted):
            if path.suffix == ".ipynb":
                raise NbGraderException(f"{path} is a link to a file elsewhere")
            self.log.warning("%s links to something elsewhere: left out", path)
            _remove(folder / path.relative_to(submitted))

    def limits(self) -> Limits:
        """What a submission may use, by the course's settings."""
        return Limits(
            cell_seconds=float(self.timeout if self.timeout and self.timeout > 0 else self.total_timeout),
            total_seconds=self.total_timeout,
            memory_bytes=self.memory_mib * _MIB,
            disk_bytes=self.disk_mib * _MIB,
            processes=self.processes,
        )

    def _engine(self, converter: Any) -> contextlib.AbstractContextManager[Engine]:
        engine: Engine | None = getattr(converter, "engine", None)
        if engine is not None:
            return contextlib.nullcontext(engine)
        return kept_for(converter).lend(self.isolation, Path(converter.coursedir.root))


def read_cells(nb: NotebookNode, template: tuple[Cell, ...] = ()) -> tuple[Cell, ...]:
    """A sanitised notebook's cells as the engine takes them; a cell's key is its place in the notebook.

    A submission's own tags say nothing: which cells run beside the student's code, the instructor's ``template`` says.
    """
    beside = {cell.name for cell in template if cell.beside_student}
    cells = [_cell(index, cell, _role(cell)) for index, cell in enumerate(nb.cells)]
    return tuple(replace(cell, beside_student=True) if cell.name in beside else cell for cell in cells)


def read_template(path: Path) -> tuple[Cell, ...]:
    """The instructor's own cells, from the source notebook; none where it cannot be read."""
    try:
        nb = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError):
        return ()
    cells = []
    for index, cell in enumerate(nb.cells):
        role = _role(cell)
        mine = role == "student" and not utils.is_solution(cell)
        tagged = role == "test" and TAG in cell.metadata.get("tags", ())
        made = _cell(index, cell, "provided" if mine else role)
        cells.append(replace(made, beside_student=made.beside_student or tagged))
    return tuple(cells)


def read_files(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """The regular files beside a notebook, by relative path; links and other notebooks are left out.

    Raises:
        TorchmagicError: they are larger than 64 MiB together.
    """
    files: dict[str, bytes] = {}
    room = _MAX_FILES
    for path in sorted(folder.rglob(pattern)):
        if path.is_symlink() or not path.is_file() or path.suffix == ".ipynb":
            continue
        if not path.resolve().is_relative_to(folder.resolve()):
            continue
        room -= path.stat().st_size
        if room < 0:
            raise TorchmagicError(
                f"The files beside the notebook in {folder} are larger than {_MAX_FILES >> 20} MiB.",
                hint="Remove what the notebook does not need.",
            )
        files[str(path.relative_to(folder))] = path.read_bytes()
    return files


def links_astray(folder: Path) -> list[Path]:
    """The links in a submission that lead out of it, or nowhere: they would show a student the course's own files."""
    root = folder.resolve()
    found = []
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink() and not leads_into(path, root):
                found.append(path)
    return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_attempted(nb: NotebookNode) -> bool:
    """False when there are solution cells and none differs from the release."""
    solutions = [cell for cell in nb.cells if utils.is_solution(cell)]
    same = [cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell) for cell in solutions]
    return not same or not all(same)


def write_outputs(nb: NotebookNode, report: Report) -> None:
    """Put the report's outputs into the notebook's code cells."""
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    for count, entry in enumerate(report.cells, 1):
        cell = nb.cells[entry.key]
        cell.execution_count = count
        cell.outputs = [nbformat.from_dict(dict(output)) for output in entry.outputs]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def _cell(index: int, cell: NotebookNode, role: Role) -> Cell:
    meta = cell.metadata.get("nbgrader", {})
    points = float(meta.get("points", 0) or 0) if role == "test" else 0.0
    beside = role == "test" and is_marked(cell.source)
    return Cell(index, cell.source, role, points, str(meta.get("grade_id", "")), beside)


def _role(cell: NotebookNode) -> Role:
    if cell.cell_type != "code":
        return "ignored"
    if utils.is_grade(cell) and not utils.is_solution(cell):
        return "test"
    if utils.is_locked(cell) and not utils.is_solution(cell):
        return "provided"
    return "student"


def source_notebook(coursedir: Any, assignment: str, notebook: str) -> Path:
    """Where the instructor's own version of a notebook is, if anywhere."""
    return Path(coursedir.format_path(coursedir.source_directory, ".", assignment)) / f"{notebook}.ipynb"
