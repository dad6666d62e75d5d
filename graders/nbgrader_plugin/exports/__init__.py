"""Grades for other systems: nbgrader export plugins for Canvas, Moodle, Gradescope, CSV and Parquet.

Use one as nbgrader documents it, with its dotted name::

    nbgrader export --exporter=graders.nbgrader_plugin.exports.canvas.CanvasExport --to canvas.csv

or as ``torchmagic export canvas``. All of them write the rows that :func:`.rows.read_rows` reads.
"""

from __future__ import annotations

from typing import Final

_HERE: Final = "graders.nbgrader_plugin.exports"

#: By the name that `torchmagic export` takes: the dotted name of the plugin.
FORMATS: Final = {
    "canvas": f"{_HERE}.canvas.CanvasExport",
    "csv": f"{_HERE}.table_csv.TableExport",
    "gradescope": f"{_HERE}.gradescope.GradescopeExport",
    "moodle": f"{_HERE}.moodle.MoodleExport",
    "moodle-worksheet": f"{_HERE}.moodle_worksheet.MoodleWorksheetExport",
    "parquet": f"{_HERE}.parquet.ParquetExport",
}
