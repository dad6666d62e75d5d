"""Make each simulated student's notebook their own, in ways that no test and no score can see.

What is added are comments and blank lines between the statements of answered cells, and a cell of notes. Answers in
markdown, cells that do not parse, blank, broken and hostile solutions keep their cells as they are: of these only the
cell of notes differs.
"""

from __future__ import annotations

import ast
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from graders.mutants import Mutant
from graders.simulation import Handin

_WORDS = (
    "checked this by hand",
    "not sure whether there is a shorter way",
    "works now, it was the shape",
    "see the second slide of the lecture",
    "tried it with other numbers too",
    "came back to this one later",
    "first attempt was wrong",
    "this took me a while",
    "asked in the exercise class",
    "TODO tidy up",
    "the hint helped",
    "print the shapes when in doubt",
)
_COMMENT = "# "
_OFTEN = 0.7
_TAMPERED = ("delete", "duplicate", "metadata", "edit")
_COMMENT_LINE = re.compile(r"^\s*#")


def own_words(handin: Handin) -> Callable[[str], str]:
    """What to do to a built notebook's text: the ``fill`` of :func:`graders.mutants.build_submission`."""
    return partial(_fill, handin) if handin.author and not _is_odd(handin.mutant) else str


def vary(source: str, chance: random.Random) -> str:
    """A code cell's text with comments and blank lines between its statements; as it is where it does not parse.

    >>> vary("a = 1\\nb = [1,\\n     2]", random.Random(1)).replace(" ", "").count("b=[1,\\n2]")
    1
    >>> vary("%%gradtrace\\na = 1", random.Random(1))
    '%%gradtrace\\na = 1'
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return source
    lines = source.split("\n")
    gaps = [_first_line(node) - 1 for node in body[1:]]
    ends = [node.end_lineno for node in body]
    free = [line for line, end in zip(gaps, ends, strict=False) if end is not None and end <= line]
    places = chance.sample(free, min(len(free), chance.randint(0, 2)))
    for line in sorted(places, reverse=True):
        lines[line:line] = [""] * chance.randint(0, 1) + [_COMMENT + chance.choice(_WORDS)]
    if chance.random() < _OFTEN:
        lines += [*[""] * chance.randint(0, 1), _COMMENT + _remark(chance)]
    return "\n".join(lines)


def disguise(source: str, chance: random.Random) -> str:
    """A code cell's text as somebody hands it in who copied it: other comments, and local variables renamed.

    >>> disguise("# mine\\ndef f(x):\\n    y = x * 2\\n    return y", random.Random(1)).splitlines()[:3]
    ['def f(x):', '    my_y = x * 2', '    return my_y']
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    edits = sorted(_renames(tree), reverse=True)
    lines = [line.encode() for line in source.split("\n")]
    for line, start, end, name in edits:
        text = lines[line - 1]
        lines[line - 1] = text[:start] + name.encode() + text[end:]
    strings = _lines_of_strings(tree)
    kept = [
        line.decode()
        for number, line in enumerate(lines, 1)
        if number in strings or not _COMMENT_LINE.match(line.decode())
    ]
    return vary("\n".join(kept), chance)


def _is_odd(mutant: Mutant) -> bool:
    """Whether the mutant is about the file's text itself."""
    return bool(mutant.set or mutant.replace or mutant.place or mutant.encoding != "utf-8")


def _fill(handin: Handin, text: str) -> str:
    notebook = json.loads(text)
    mutant = handin.mutant
    chance = random.Random(f"{handin.seed} {handin.assignment} {handin.author}")
    worked = mutant.kind in ("right", "partial")
    kept = {name for way in _TAMPERED for name in getattr(mutant, way)}
    answers = [cell for cell in notebook["cells"] if worked and _grade_id(cell) in mutant.answers.keys() - kept]
    _change(answers, vary, chance)
    place = chance.randint(1, len(notebook["cells"])) if worked and notebook["cells"] else 0
    notebook["cells"].insert(place, _notes(handin.author, chance))
    if handin.disguised:
        again = random.Random(f"{handin.seed} {handin.assignment} {handin.student}")
        _change(answers, disguise, again)
        notebook["cells"][place] = _notes(handin.student, again)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _change(cells: list[dict[str, Any]], change: Callable[[str, random.Random], str], chance: random.Random) -> None:
    for cell in cells:
        if cell["cell_type"] == "code" and isinstance(cell["source"], str):
            cell["source"] = change(cell["source"], chance)


def _notes(student: str, chance: random.Random) -> dict[str, Any]:
    return {
        "cell_type": "markdown",
        "id": "own-notes",
        "metadata": {},
        "source": f"Notes of {student}: {_remark(chance)}, {_remark(chance)}.",
    }


def _remark(chance: random.Random) -> str:
    return f"{chance.choice(_WORDS)} ({chance.randint(1, 12)}.{chance.randint(1, 28)}.)"


def _grade_id(cell: Mapping[str, Any]) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _lines_of_strings(tree: ast.AST) -> set[int]:
    """Lines that a string of several lines is on: what looks like a comment there is none."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Constant, ast.JoinedStr))]
    return {n for node in nodes if node.end_lineno for n in range(node.lineno, node.end_lineno + 1)}


def _renames(tree: ast.Module) -> Iterator[tuple[int, int, int, str]]:
    """Line, first and last byte and new name, for each local variable of a function where renaming it is sure to be
    seen by nobody: no scopes within scopes, and nothing that takes names as text."""
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        nodes = [node for part in function.body for node in ast.walk(part)]
        if any(isinstance(node, _SCOPES) or getattr(node, "id", "") in _READ_NAMES for node in nodes):
            continue
        names = [node for node in nodes if isinstance(node, ast.Name)]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        own -= {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
        for node in names:
            new = f"my_{node.id}"
            if node.id in own and new not in taken and node.end_col_offset is not None:
                yield node.lineno, node.col_offset, node.end_col_offset, new


_READ_NAMES = ("locals", "vars", "eval", "exec", "globals")
_SCOPES = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Global, ast.Nonlocal, ast.Delete),
    *(ast.JoinedStr, ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.Match),
)
