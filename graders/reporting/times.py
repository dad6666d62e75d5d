"""Which cells take the time."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass

from graders.reporting.data import ClassResults

OWN = "(students' own cells)"


@dataclass(frozen=True, slots=True)
class SlowCell:
    """One cell over all students.

    Attributes:
        notebook, name: where it is; :data:`OWN` stands for all cells that students added.
        runs: how often it ran.
        median, most: seconds.
        share: of the seconds that all cells of the class took together.
    """

    notebook: str
    name: str
    runs: int
    median: float
    most: float
    share: float


def slowest_cells(results: ClassResults, many: int = 10) -> tuple[SlowCell, ...]:
    """The cells that took the largest share of all time, most first."""
    spent: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for student in results.students:
        for notebook in student.graded.notebooks if student.graded is not None else ():
            for cell in notebook.cells:
                spent[notebook.name, cell.name or OWN].append(cell.seconds)
    total = sum(map(sum, spent.values())) or 1.0
    ordered = sorted(spent.items(), key=lambda item: (-sum(item[1]), item[0]))
    return tuple(
        SlowCell(notebook, name, len(some), statistics.median(some), max(some), sum(some) / total)
        for (notebook, name), some in ordered[:many]
        if sum(some) > 0
    )
