"""The only package that knows nbgrader: course folders, configuration, autograding through the engine.

An instructor adds one line to ``nbgrader_config.py``::

    from graders.nbgrader_plugin import configure; configure(c)
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

_HERE = "graders.nbgrader_plugin"


def configure(c: Any) -> None:
    """Let nbgrader autograde through the engine; for use in ``nbgrader_config.py``.

    Args:
        c: the configuration object that traitlets gives to configuration files.

    >>> from traitlets.config import Config
    >>> c = Config()
    >>> configure(c)
    >>> c.Autograde.autograde_preprocessors[0]
    'graders.nbgrader_plugin.execute.EngineExecute'
    """
    c.Autograde.sanitize_preprocessors = [
        f"{_HERE}.restore.RestoreCells",
        "nbgrader.preprocessors.ClearOutput",
    ]
    c.Autograde.autograde_preprocessors = [
        f"{_HERE}.execute.EngineExecute",
        "nbgrader.preprocessors.IgnorePattern",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        "nbgrader.preprocessors.LimitOutput",
        f"{_HERE}.scores.SaveEngineGrades",
        f"{_HERE}.scores.EngineLatePenalties",
        f"{_HERE}.stamp.StampOutcome",
        f"{_HERE}.feedback.LeaveHiddenTestsOutOfGraded",
    ]
    c.Autograde.exporter_class = f"{_HERE}.stamp.Exporter"
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.GetGrades",
        f"{_HERE}.feedback.LeaveHiddenTestsOut",
        f"{_HERE}.harmless.HarmlessCells",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]
    c.GenerateFeedback.exporter_class = f"{_HERE}.harmless.FeedbackExporter"
    # formgrader shows submissions through nbconvert's own exporter, beside buttons that give points
    c.HTMLExporter.preprocessors = [*_so_far(c.HTMLExporter, "preprocessors", []), f"{_HERE}.harmless.HarmlessCells"]
    filters = _so_far(c.HTMLExporter, "filters", {})
    c.HTMLExporter.filters = {**filters, "markdown2html": f"{_HERE}.harmless.HarmlessMarkdown"}
    c.FeedbackExporter.preprocessors = []  # GenerateFeedback's do it
    c.FeedbackExporter.filters = {}
    find_alembic()


def _so_far(section: Any, name: str, default: Any) -> Any:
    """What a course has set before, be it as a value or by adding to the default."""
    value = section.get(name, default)
    return value.get_value(default) if hasattr(value, "get_value") else value


def find_alembic() -> None:
    """Put this interpreter's folder of programs on PATH where nbgrader would not find ``alembic`` by itself."""
    folder = Path(sys.executable).parent
    if shutil.which("alembic") is None and (folder / "alembic").exists():
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
