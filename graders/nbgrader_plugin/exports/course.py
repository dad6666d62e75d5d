"""Export a course folder's grades: what `torchmagic export` does, and which options there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExportPlugin
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from traitlets import Dict, TraitError
from traitlets.config.loader import DeferredConfigList, DeferredConfigString
from traitlets.utils.importstring import import_item

from graders.nbgrader_plugin import find_alembic
from graders.nbgrader_plugin.config import CONFIG_NAME, course_config
from graders.nbgrader_plugin.exports import FORMATS
from graders.nbgrader_plugin.exports.plugin import Exported, RowsExport
from torchmagic.errors import TorchmagicError


@dataclass(frozen=True, slots=True)
class Option:
    """An option of one format: its name, what it is unless set, and what it means."""

    name: str
    default: str
    help: str


def plugin_of(name: str) -> type[RowsExport]:
    """The plugin of a format.

    >>> plugin_of("canvas").__name__
    'CanvasExport'
    """
    return import_item(FORMATS[name])  # type: ignore[no-any-return]


def options_of(name: str) -> list[Option]:
    """The options of a format, by name; those that `torchmagic export` has of its own are not among them.

    >>> [option.name for option in options_of("csv")]
    ['bom', 'details']
    """
    traits = plugin_of(name).class_traits(config=True)
    own = ExportPlugin.class_trait_names(config=True)
    return [
        Option(key, repr(trait.default()), " ".join(trait.help.split()))
        for key, trait in sorted(traits.items())
        if key not in own
    ]


def export_grades(
    course: Path,
    format_name: str,
    *,
    to: Path | None = None,
    assignments: Collection[str] = (),
    students: Collection[str] = (),
    settings: Iterable[tuple[str, str]] = (),
) -> Exported:
    """Export grades from a course's gradebook.

    Args:
        course: the course's root, with its ``nbgrader_config.py``.
        format_name: one of :data:`FORMATS`.
        to: the file; None for the format's own name, in the current folder.
        assignments, students: only these; none for all.
        settings: options of the format and their values as texts; they come before what the course's configuration
            says. One that maps names takes "name=value", and may come repeatedly.

    Raises:
        TorchmagicError: no course or gradebook there, no such assignment, student or option, or nothing to be written.
    """
    course = course.resolve()
    config = course_config(course)
    find_alembic()
    kind = plugin_of(format_name)
    given: dict[str, list[str]] = {}
    for key, value in settings:
        given.setdefault(key, []).append(value)
    for key, values in given.items():
        config[kind.__name__][key] = _setting(kind, format_name, key, values)
    try:
        plugin = kind(config=config)
        plugin.to = str(to or "")
        plugin.assignment = list(assignments)
        plugin.student = list(students)
    except TraitError as error:
        raise TorchmagicError(
            f"An option of {kind.__name__} is not as it should be: {' '.join(str(error).split())}",
            hint=f"`torchmagic export {format_name} --options` lists what each may be.",
        ) from error
    coursedir = CourseDirectory(config=config)
    url = make_url(coursedir.db_url)
    lite = url.get_backend_name() == "sqlite" and "uri" not in url.query
    where = url.database if lite else url.render_as_string(hide_password=True)
    if lite and not Path(url.database or "").is_file():  # nbgrader would make an empty one
        raise TorchmagicError(
            f"There is no gradebook {where}.",
            hint=f"Grade something first, or mend `CourseDirectory.db_url` in {CONFIG_NAME}.",
        )
    try:
        with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
            return plugin.write(gradebook)
    except (SQLAlchemyError, CalledProcessError) as error:
        reason = str(getattr(error, "orig", error))
        raise TorchmagicError(
            f"The gradebook {where} cannot be read ({reason}).",
            hint="Run `nbgrader db upgrade` if an older nbgrader made it; else put a backup in its place.",
        ) from error


def _setting(kind: type[RowsExport], format_name: str, key: str, values: Sequence[str]) -> Any:
    """Texts as traitlets takes them from a command line: the option itself says what they mean."""
    known = [option.name for option in options_of(format_name)]
    if key not in known:
        raise TorchmagicError(
            f"The format {format_name} has no option {key!r}.", hint=f"It has: {', '.join(known) or 'none'}."
        )
    mapping = isinstance(kind.class_traits()[key], Dict)
    return DeferredConfigList(values) if mapping else DeferredConfigString(values[-1])
