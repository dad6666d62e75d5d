"""What a grading task is made of: the assignment, the same for all who handed it in, and what one of them handed in."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearOutput, IgnorePattern, LimitOutput
from traitlets.config import Config

from graders.engine.report import Cell, Limits
from graders.environment import environment_digest
from graders.nbgrader_plugin import configure
from graders.nbgrader_plugin.execute import EngineExecute, links_astray, read_template, source_notebook
from graders.nbgrader_plugin.feedback import LeaveHiddenTestsOutOfGraded
from graders.nbgrader_plugin.kernel import is_python, true_kernelspec
from graders.nbgrader_plugin.overlay import Overlay
from graders.nbgrader_plugin.restore import KnownCell, is_sqlite, known_cells, ordered_as

#: nbgrader's and our own steps around the run, in their order; what a course sets for them is part of a package.
CLEANING = (ClearOutput,)
FINISHING = (IgnorePattern, ClearMetadataPreprocessor, LimitOutput)
_SECTIONS = (*CLEANING, *FINISHING, LeaveHiddenTestsOutOfGraded)
#: What the exchange puts beside each submission: other files each time, of which no notebook's cell takes notice.
TIMESTAMP = "timestamp.txt"
SLIPS = (TIMESTAMP, "submission_secret.txt")


@dataclass(frozen=True, slots=True)
class NotebookPackage:
    """One notebook of an assignment.

    Attributes:
        cells: those that the gradebook knows, by grade_id, in the notebook's order.
        template: the instructor's own cells.
        kernelspec: what it is graded with; None where each submission says it.
    """

    name: str
    cells: Mapping[str, KnownCell]
    template: tuple[Cell, ...]
    kernelspec: Mapping[str, Any] | None


@dataclass(frozen=True)
class Package:
    """All that grading any submission of an assignment needs.

    Attributes:
        files: the instructor's, which lie beside each submission's notebooks.
        modules: the instructor's Python files, which test cells may import.
        settings: the course's configuration of the steps around the run.
        environment: see :func:`graders.environment.environment_digest`.
    """

    assignment: str
    notebooks: tuple[NotebookPackage, ...]
    files: Mapping[str, bytes]
    modules: Mapping[str, bytes]
    limits: Limits
    isolation: str
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: str = ""

    @property
    def max_score(self) -> float:
        """The points that there are."""
        return sum(cell.points or 0.0 for notebook in self.notebooks for cell in notebook.cells.values())

    @functools.cached_property
    def digest(self) -> str:
        """A word that changes with anything in it."""
        found = hashlib.sha256()
        parts = {
            "notebooks": [asdict(notebook) for notebook in self.notebooks],
            "limits": asdict(self.limits),
            "more": [self.assignment, self.isolation, self.environment, self.settings],
        }
        found.update(json.dumps(parts, sort_keys=True, default=_plain).encode("utf-8", "replace"))
        for files in (self.files, self.modules):
            found.update(_digest_of(files))
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Handed:
    """What one student handed in: the assignment's notebooks as bytes, by name, and other files, by path."""

    notebooks: Mapping[str, bytes]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def key(self, package: Package) -> str:
        """Where the result is stored: a hash of the submission, the assignment, the graders and the environment.

        >>> package = Package("hw", (), {}, {}, Limits(), "namespaces")
        >>> len(Handed({"hw": b"{}"}).key(package))
        64
        """
        found = hashlib.sha256(package.digest.encode())
        found.update(_digest_of(self.notebooks))
        found.update(_digest_of(self.files))
        return found.hexdigest()


def read_package(config: Config, coursedir: CourseDirectory, gradebook: Gradebook, assignment: str) -> Package:
    """Read an assignment from the gradebook and its source folder."""
    steps = EngineExecute(config=config)
    folder = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
    kept = set(Autograde(coursedir=coursedir, config=config).exclude_overwriting.get(assignment, ()))
    files = {path: content for path, content in _files(folder, coursedir.ignore).items() if path not in kept}
    modules = {path: content for path, content in _files(folder, []).items() if path.endswith(".py")}
    names = sorted(notebook.name for notebook in gradebook.find_assignment(assignment).notebooks)
    return Package(
        assignment=assignment,
        notebooks=tuple(_notebook(coursedir, gradebook, assignment, name) for name in names),
        files=files,
        modules=modules,
        limits=steps.limits(),
        isolation=str(steps.isolation),
        settings=_settings(config),
        environment=environment_digest(),
    )


def read_handed(folder: Path, package: Package, ignore: Iterable[str]) -> Handed:
    """Read what lies in a student's folder: the assignment's notebooks, and the files that count.

    Links that lead out of it are left out, and so is what an instructor's file replaces, and the exchange's own slips.

    Raises:
        OSError: it cannot be read; it may have vanished meanwhile.
    """
    paths = {notebook.name: folder / f"{notebook.name}.ipynb" for notebook in package.notebooks}
    notebooks = {name: path.read_bytes() for name, path in paths.items() if path.exists()}
    files = _files(folder, ignore, Overlay({*package.files, *SLIPS}))
    return Handed(notebooks, files)


def why_not_here(config: Config, package: Package) -> str:
    """Why an assignment needs nbgrader's own converter, as in "the course sets its own ..."; "" where it does not."""
    usual = Config()
    configure(usual)
    steps = Autograde(config=config)
    for name in ("sanitize_preprocessors", "autograde_preprocessors", "exporter_class"):
        if config.Autograde.get(name) != usual.Autograde[name]:
            return f"the course sets its own Autograde.{name}"
    for name in ("pre_convert_hook", "post_convert_hook"):
        if getattr(steps, name) is not None:
            return f"the course has a {name}"
    if not EngineExecute(config=config).enabled:
        return "the course does not execute notebooks"
    for notebook in package.notebooks:
        language = (notebook.kernelspec or {}).get("language", "python")
        if not is_python(language):
            return f"{notebook.name}.ipynb is in the language {language}"
    return ""


def _notebook(coursedir: CourseDirectory, gradebook: Gradebook, assignment: str, name: str) -> NotebookPackage:
    source = source_notebook(coursedir, assignment, name)
    known = known_cells(gradebook, name, assignment)
    spec = json.loads(gradebook.find_notebook(name, assignment).kernelspec or "{}") or {}
    return NotebookPackage(
        name=name,
        cells=known if is_sqlite(gradebook) else ordered_as(known, source),
        template=read_template(source),
        kernelspec=true_kernelspec({}, spec, source) if spec else None,
    )


def _files(folder: Path, ignore: Iterable[str], over: Overlay = Overlay(())) -> dict[str, bytes]:  # noqa: B008 (frozen)
    """The regular files in a folder that nbgrader would copy, by relative path, but for those that are replaced."""
    if _holds_only(folder, over):
        return {}
    astray = set(links_astray(folder))
    files: dict[str, bytes] = {}
    for name in sorted(utils.find_all_files(str(folder), [*ignore, "*.ipynb"])):
        path = Path(name)
        place = os.path.relpath(name, folder)
        if over.replaces(place) or not astray.isdisjoint((path, *path.parents)) or not path.is_file():
            continue
        files[place] = path.read_bytes()
    return files


def _holds_only(folder: Path, over: Overlay) -> bool:
    """Whether a folder holds nothing but notebooks and files that do not count: nbgrader looks long at each file."""
    try:
        with os.scandir(folder) as entries:
            return all(
                entry.is_file(follow_symlinks=False) and (entry.name.endswith(".ipynb") or over.replaces(entry.name))
                for entry in entries
            )
    except FileNotFoundError:
        return True


def _settings(config: Config) -> dict[str, dict[str, Any]]:
    """The sections of a configuration that say something of the steps around the run."""
    names = {cls.__name__ for step in _SECTIONS for cls in step.__mro__}
    return {name: dict(config[name]) for name in sorted(names) if name in config}


def _digest_of(files: Mapping[str, bytes]) -> bytes:
    found = hashlib.sha256()
    for name, content in sorted(files.items()):
        found.update(json.dumps([name, hashlib.sha256(content).hexdigest()]).encode())
    return found.digest()


def _plain(value: Any) -> Any:
    """What JSON does not know, in an order that is always the same."""
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else str(value)
