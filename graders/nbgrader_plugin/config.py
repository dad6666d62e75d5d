"""Read a course's own nbgrader configuration."""

from __future__ import annotations

import traceback
from pathlib import Path

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from graders.nbgrader_plugin import configure
from graders.nbgrader_plugin.settings import demand_fit
from torchmagic.errors import TorchmagicError

CONFIG_NAME = "nbgrader_config.py"
_MEND = "Mend that file: nbgrader and formgrader go on without it, and so run submissions without walls."
_ENDS = "Mend that file: it ends every program that reads it."


def course_config(course: Path) -> Config:
    """The course's nbgrader configuration, with the engine's steps in it.

    Raises:
        TorchmagicError: the folder is no course, or its configuration does not load, or sets what cannot be.
    """
    config = own_config(course)
    if "sanitize_preprocessors" not in config.Autograde:
        configure(config)
    config.CourseDirectory.root = str(course)
    demand_fit(config)
    return config


def own_config(course: Path) -> Config:
    """What the course's nbgrader_config.py says, and nothing else.

    Raises:
        TorchmagicError: the folder is no course, or its configuration does not load.
    """
    if not course.is_dir():
        raise TorchmagicError(f"There is no folder {course}.", hint="Make a course with `torchmagic course init DIR`.")
    if not (course / CONFIG_NAME).is_file():
        raise TorchmagicError(
            f"{course} is no nbgrader course: it has no {CONFIG_NAME}.",
            hint="Make one with `torchmagic course init DIR`, or name yours with `--course DIR`.",
        )
    try:
        return PyFileConfigLoader(CONFIG_NAME, path=str(course)).load_config()
    except (Exception, SystemExit) as error:  # a configuration file is code and may raise anything
        raise TorchmagicError(
            f"{course / CONFIG_NAME} does not load ({_what(error, course / CONFIG_NAME)}).",
            hint=_ENDS if isinstance(error, SystemExit) else _MEND,
        ) from error


def _what(error: BaseException, path: Path) -> str:
    """What an error says, and in which line of the file it came up; a syntax error says that itself."""
    lines = [
        step.lineno
        for step in traceback.extract_tb(error.__traceback__)
        if Path(step.filename).resolve() == path.resolve()
    ]
    where = f", line {lines[-1]}" if lines and not isinstance(error, SyntaxError) else ""
    words = f": {error}" if str(error) not in ("", "None") else ""
    return f"{type(error).__name__}{words}{where}"
