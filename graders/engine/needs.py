"""What a notebook's cells will want to have imported, read from their text, so that the warm parents import it once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass

from graders.engine.given import parse_cell
from graders.engine.report import Cell

_LOAD_EXT = re.compile(r"^\s*%(?:re)?load_ext\s+([\w.]+)\s*$", re.MULTILINE)

#: Words that stand for a first use that costs half a second, and the module that it spends that on importing.
_HINTS = {
    re.compile(r"\boptim\b"): "torch._dynamo",
    re.compile(r"\bexport\.export\b"): "torch.export._trace",
    re.compile(r"\b(?:backward\(\s*[^)\s]|grad_outputs\b|jvp\b|vjp\b|hvp\b)"): "torch.fx.experimental.symbolic_shapes",
    re.compile(r"\b(?:matplotlib|pyplot|plt)\b"): "matplotlib.pyplot",
    re.compile(r"\bpandas\b"): "pandas",
    re.compile(r"\b(?:testing|assert_close|gradcheck|gradgradcheck)\b"): "torch.testing",
}
#: A tensor without numbers: PyTorch writes half of what it does with one in Python, and takes seconds to import that at
#: the first operation. A test's tensor gets to the student's process too, whoever wrote "meta".
_META = re.compile(r"""["']meta["']""")
_FOR_META = "torch._dynamo"


@dataclass(frozen=True, slots=True)
class Needs:
    """What to do ahead.

    Attributes:
        students, judges: modules to import in the students' parent and in the judges'.
        texts: cells that every judge will read.
        tests: name and text of each test cell that every judge will run.
        first: modules to import in both, before any submission runs: each would take a second or more of its time.
    """

    students: tuple[str, ...] = ()
    judges: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    tests: tuple[tuple[str, str], ...] = ()


def read_needs(cells: Iterable[Cell]) -> Needs:
    """What the instructor's cells import, and what they hint at.

    >>> needs = read_needs([Cell(0, "import math\\n%load_ext torchmagic", "provided"), Cell(1, "gradcheck(f)", "test")])
    >>> needs.students, needs.judges
    (('math', 'torchmagic'), ('math', 'torch.testing'))
    >>> read_needs([Cell(0, "f(torch.ones(2, device='meta'))", "test")]).first
    ('torch._dynamo',)
    """
    cells = tuple(cells)
    students: dict[str, None] = {}
    judges: dict[str, None] = {}
    texts = []
    for cell in cells:
        if cell.role == "ignored":
            continue
        texts.append(cell.source)
        imports = dict.fromkeys([*_imports(cell.source), *hints(cell.source)])
        if cell.role != "test":
            students.update(imports)
            students.update(dict.fromkeys(_LOAD_EXT.findall(cell.source)))
        if cell.role != "student":
            judges.update(imports)
    first = (_FOR_META,) if any(map(_META.search, texts)) else ()
    tests = tuple((cell.name, cell.source) for cell in cells if cell.role == "test" and not cell.beside_student)
    return Needs(tuple(students), tuple(judges), tuple(texts), first, tests)


def hints(source: str) -> list[str]:
    """Modules out of a fixed list that a cell's text hints at; safe to import for anybody's cell.

    >>> hints("opt = torch.optim.SGD(model.parameters(), lr=0.1)")
    ['torch._dynamo']
    """
    return [module for pattern, module in _HINTS.items() if pattern.search(source)]


def _imports(source: str) -> list[str]:
    found: list[str] = []
    for statement in parse_cell(source):
        if isinstance(statement, ast.Import):
            found += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            found.append(statement.module)
    return found
