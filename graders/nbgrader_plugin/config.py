"""Read a course's own nbgrader configuration."""

from __future__ import annotations

from pathlib import Path

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from graders.nbgrader_plugin import configure
from torchmagic.errors import TorchmagicError

CONFIG_NAME = "nbgrader_config.py"


def course_config(course: Path) -> Config:
    """The course's nbgrader configuration, with the engine's steps in it.

    Raises:
        TorchmagicError: the folder is no course, or its configuration does not load.
    """
    config = own_config(course)
    if "sanitize_preprocessors" not in config.Autograde:
        configure(config)
    config.CourseDirectory.root = str(course)
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
    except Exception as error:  # a configuration file is code and may raise anything
        raise TorchmagicError(
            f"{course / CONFIG_NAME} does not load ({type(error).__name__}: {error}).", hint="Mend that file."
        ) from error
