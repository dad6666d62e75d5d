"""The corpus of failing cells, kept as data in ``failing/*.cells``, and what each must be explained as.

A file holds cells, each after a line ``# %% name``. Lines that begin with ``#:`` say what is expected: ``expression``,
``operands`` (name, shape, dtype or device; separated by ``;``), ``kind``, ``layer``, words in ``why``, a ``remedy``, and
``run: no`` where the changed cell cannot be run here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from torchmagic.records import Explanation

FOLDER = Path(__file__).parent / "failing"
PRELUDE = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
_OPERAND = re.compile(r"(?P<name>.+?)(?: (?P<shape>\([\d, ]*\)))?(?: (?P<kind>(?:u?int|float|bool|cpu|meta)\w*))?")


@dataclass(frozen=True)
class Cell:
    """A failing cell.

    Attributes:
        topic, name: its file and its name there.
        source: the code.
        expected: what the head says, as (key, value).
    """

    topic: str
    name: str
    source: str
    expected: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.topic}:{self.name}"

    def says(self, key: str) -> str:
        """What the head says under a key, or ""."""
        return dict(self.expected).get(key, "")

    @property
    def awaits(self) -> bool:
        """Whether the cell has an ``await`` at its top level, which a script cannot have."""
        return self.says("door") == "cell"


def cells() -> list[Cell]:
    """The whole corpus."""
    return [cell for path in sorted(FOLDER.glob("*.cells")) for cell in _read(path)]


def _read(path: Path) -> list[Cell]:
    found = []
    for part in path.read_text(encoding="utf-8").split("# %% ")[1:]:
        name, _, body = part.partition("\n")
        lines = body.rstrip().split("\n")
        heads = [line[2:].strip().partition(": ") for line in lines if line.startswith("#:")]
        source = "\n".join(line for line in lines if not line.startswith("#:")) + "\n"
        found.append(Cell(path.stem, name.strip(), source, tuple((key, value) for key, _, value in heads)))
    return found


def complaints(cell: Cell, found: Explanation) -> list[str]:
    """Where an explanation is not what the cell's head says."""
    wrong = []
    operands = {operand.name: operand for operand in found.operands}
    codes = [remedy.code for remedy in found.remedies]
    for key, value in cell.expected:
        if key == "expression" and found.expression != value:
            wrong.append(f"expression {found.expression!r}, not {value!r}")
        elif key == "kind" and found.kind != value:
            wrong.append(f"kind {found.kind!r}, not {value!r}")
        elif key == "layer" and not found.layer.startswith(value):
            wrong.append(f"layer {found.layer!r}, not {value!r}")
        elif key == "why" and value not in found.why:
            wrong.append(f"{value!r} is not in why: {found.why!r}")
        elif key == "remedy" and value not in codes:
            wrong.append(f"no remedy {value!r} in {codes}")
        elif key == "operands":
            for text in value.split("; "):
                match = _OPERAND.fullmatch(text)
                assert match is not None, text
                operand = operands.get(match["name"])
                record = operand.tensor if operand is not None else None
                if operand is None:
                    wrong.append(f"no operand {match['name']!r} in {list(operands)}")
                elif (match["shape"] and (record is None or str(record.shape) != match["shape"])) or (
                    match["kind"] and (record is None or match["kind"] not in (record.dtype, record.device))
                ):
                    wrong.append(f"operand {text}: {operand}")
    return wrong


def changed(cell: Cell, found: Explanation, code: str) -> str | None:
    """The cell with the marked code replaced; None where the mark is not the expression itself."""
    lines = cell.source.split("\n")
    marks = {line.number: line for line in found.source}
    first, last = found.source[0], found.source[-1]
    marked = "\n".join(text[marks[i + 1].start : marks[i + 1].end] for i, text in enumerate(lines) if i + 1 in marks)
    if "".join(marked.split()) != "".join(found.expression.split()) and len(marks) == 1:
        return None
    before, after = lines[first.number - 1][: first.start], lines[last.number - 1][last.end :]
    if after.strip() and not code.isidentifier() and " " in code and "=" not in code:
        code = f"({code})"
    return "\n".join([*lines[: first.number - 1], f"{before}{code}{after}", *lines[last.number :]])
