"""How many small mistakes in the solutions the tests catch: `python -m tests.course.mutation [TOPIC ...]`, or `make mutants`.

A mistake that no test catches is *equivalent*, and listed with the reason in ``assignments/mutants/TOPIC/equivalent.json``
({"its name": "why it changes nothing that was asked"}), or it is a hole in the tests.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.course.ast_mutants import ast_mutants
from tests.course.trials import ROOT, TrialCell, Variant, read_trial, run_trials

FLOOR = 0.97
_UNCHANGED = "the solution itself"
SOURCES = ROOT / "assignments" / "source"


@dataclass(frozen=True)
class Caught:
    """What became of a topic's generated mutants."""

    topic: str
    total: int
    survivors: tuple[str, ...]
    equivalent: frozenset[str]

    @property
    def unexplained(self) -> list[str]:
        """Survivors without a reason."""
        return [name for name in self.survivors if name not in self.equivalent]

    @property
    def stale(self) -> list[str]:
        """Listed ones that do not survive, or are not made any more."""
        return sorted(self.equivalent - set(self.survivors))

    @property
    def rate(self) -> float:
        """The share of those that are no equivalents that is caught."""
        wrong = self.total - (len(self.survivors) - len(self.unexplained))
        return 1.0 - len(self.unexplained) / max(wrong, 1)

    def __str__(self) -> str:
        listed = len(self.survivors) - len(self.unexplained)
        caught = self.total - len(self.survivors)
        text = f"{self.topic}: {caught} of {self.total} caught, {listed} equivalent ({self.rate:.1%} of the others)"
        return "\n  missed: ".join([text, *self.unexplained]) + "".join(f"\n  stale: {name}" for name in self.stale)


def equivalents(topic: str) -> dict[str, str]:
    """The listed equivalents of a topic, each with its reason."""
    path = ROOT / "assignments" / "mutants" / topic / "equivalent.json"
    listed: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return listed


def generated(cells: Sequence[TrialCell]) -> list[Variant]:
    """A variant for each generated mutant."""
    return [
        Variant(mutant.name, {place: mutant.source})
        for place, cell in enumerate(cells)
        if cell.solution
        for mutant in ast_mutants(cell.source, cell.name)
    ]


def run_mutation(topic: str) -> Caught:
    """Run all generated mutants of a topic."""
    cells = read_trial(SOURCES / topic / f"{topic}.ipynb")
    variants = generated(cells)
    with tempfile.TemporaryDirectory() as folder:
        scores = run_trials(cells, [*variants, Variant(_UNCHANGED)], until_lost=True, cwd=Path(folder))
    full = sum(cell.points or 0.0 for cell in cells)
    if sum(scores[_UNCHANGED].values()) < full:
        raise RuntimeError(f"the solution of {topic} does not get full marks: {scores[_UNCHANGED]}")
    survivors = tuple(v.name for v in variants if sum(scores[v.name].values()) >= full - 1e-9)
    return Caught(topic, len(variants), survivors, frozenset(equivalents(topic)))


def main(topics: Sequence[str]) -> int:
    """Print a line for each topic; 1 where too many mistakes are missed or the list of equivalents is not right."""
    bad = 0
    for topic in topics or sorted(path.name for path in SOURCES.iterdir() if path.is_dir()):
        caught = run_mutation(topic)
        print(caught, flush=True)
        bad += bool(caught.rate < FLOOR or caught.unexplained or caught.stale)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
