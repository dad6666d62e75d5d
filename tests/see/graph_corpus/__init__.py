"""Cells as data: ordinary ones, ones that a beginner writes wrong, ones that fail; each with what must be said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cell:
    """A cell; ``expected`` holds the ``#:`` lines above it as (key, value)."""

    name: str
    source: str
    expected: tuple[tuple[str, str], ...]

    def says(self, key: str) -> list[str]:
        return [value for each, value in self.expected if each == key]

    def __str__(self) -> str:
        return self.name


def cells(kind: str) -> list[Cell]:
    """The cells of ``<kind>.cells``."""
    found = []
    text = (Path(__file__).parent / f"{kind}.cells").read_text(encoding="utf-8")
    for part in text.split("# %% ")[1:]:
        name, _, body = part.partition("\n")
        lines = body.rstrip("\n").split("\n")
        heads = [line[2:].strip().partition(" ") for line in lines if line.startswith("#:")]
        source = "\n".join(line for line in lines if not line.startswith("#:")) + "\n"
        found.append(Cell(name, source, tuple((key, value) for key, _, value in heads)))
    return found
