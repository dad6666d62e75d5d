"""What the instructor's cells say about names, read from their text: nothing is run."""

from __future__ import annotations

import ast
import functools
import re
import symtable
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from graders.engine.parsing import syntax_tree
from graders.engine.report import Cell

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

#: IPython translates one command (a magic, ``!command`` or ``help?``) at a time and reads the whole cell for each.
_COMMAND = re.compile(r"^\s*(?:[\w.,\s]+=\s*)?[!%?,;/]|\?\s*$", re.MULTILINE)
_MOST_COMMANDS = 100
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Given:
    """What the instructor's cells say about names.

    Attributes:
        definitions: name → the statement that imports or defines it in the instructor's own cells.
        stars: the instructor's ``from module import *``.
        students: names that the instructor's solution cells bind: the student's to define.
        needed: those of them that the solution's functions look up when they are called.
        known: True when the instructor's notebook was at hand.
    """

    definitions: Mapping[str, ast.stmt] = field(default_factory=dict)
    stars: tuple[ast.stmt, ...] = ()
    students: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    known: bool = False


def read_given(template: Iterable[Cell], cells: Iterable[Cell]) -> Given:
    """Read the instructor's cells: the source notebook's, or else the read-only cells of the submission.

    >>> cells = [Cell(0, "import numpy as np", "provided"), Cell(1, "y = 1", "student")]
    >>> given = read_given(cells, cells)
    >>> sorted(given.definitions), sorted(given.students)
    (['np'], ['y'])
    """
    template = tuple(template)
    definitions: dict[str, ast.stmt] = {}
    students: set[str] = set()
    needed: set[str] = set()
    for cell in template or cells:
        if cell.role == "ignored":
            continue
        body = parse_cell(cell.source)
        if cell.role == "provided" or (cell.role == "student" and template):
            for statement in body:
                if isinstance(statement, ast.Import | ast.ImportFrom) or (
                    cell.role == "provided" and isinstance(statement, _DEFINITIONS)
                ):
                    definitions.update(dict.fromkeys(bound_names([statement]), statement))
        if cell.role == "student" and template:
            students |= names_bound(cell.source, imports=False)
            needed |= names_needed(cell.source)
    star = definitions.pop("*", None)
    needed &= students
    return Given(definitions, (star,) if star else (), frozenset(students), frozenset(needed), bool(template))


@functools.lru_cache(maxsize=1024)
def names_needed(source: str) -> frozenset[str]:
    """The global names that a cell's functions look up when they are called.

    >>> sorted(names_needed("y = x\\ndef f(a):\\n    return g(a) + rate"))
    ['g', 'rate']
    """
    try:
        tables = [symtable.symtable(plain_python(source), "<cell>", "exec")]
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    found: set[str] = set()
    for table in tables:
        tables.extend(table.get_children())
        if table.get_type() == "function":
            found |= {name.get_name() for name in table.get_symbols() if name.is_global() and name.is_referenced()}
    return frozenset(found)


@functools.lru_cache(maxsize=1024)
def plain_python(source: str) -> str:
    """A cell after IPython's transformations (magics, ``!commands``); kept, for a class shares its test cells.

    Raises:
        SyntaxError: it is no Python even then.
    """
    from graders.engine.cell_text import QuickTransformer

    return str(QuickTransformer().transform_cell(source))


@functools.lru_cache(maxsize=1024)
def parse_cell(source: str) -> tuple[ast.stmt, ...]:
    """The statements of a cell; none where it does not parse, be it for its size or for the parser's own limits."""
    if len(source) > _LONGEST or sum(1 for _ in _COMMAND.finditer(source)) > _MOST_COMMANDS:
        return ()
    try:
        return tuple(syntax_tree(plain_python(source)).body)
    except (SyntaxError, ValueError, RuntimeError, MemoryError):  # the parser's stack being full is a MemoryError
        return ()


@functools.lru_cache(maxsize=1024)
def names_bound(source: str, *, imports: bool = True) -> frozenset[str]:
    """The global names that a cell binds, those of modules that it imports among them or not.

    >>> sorted(names_bound("import math\\nx = 1")), sorted(names_bound("import math\\nx = 1", imports=False))
    (['math', 'x'], ['x'])
    """
    body = parse_cell(source)
    return frozenset(bound_names(s for s in body if imports or not isinstance(s, ast.Import | ast.ImportFrom)))


def bound_names(statements: Iterable[ast.stmt]) -> set[str]:
    """The global names that statements bind, at any depth but not inside functions or classes.

    >>> sorted(bound_names(ast.parse("import a.b, c as d\\nfor i, (j, k) in x: y = (z := 1)").body))
    ['a', 'd', 'i', 'j', 'k', 'y', 'z']
    """
    found: set[str] = set()
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Lambda | ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
            found |= {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, ast.MatchAs | ast.MatchStar) and node.name
        ):
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
        waiting.extend(ast.iter_child_nodes(node))
    return found
