"""Pages' parts that are made from the code: each function gives Markdown, from what is imported and nothing else."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

#: Whose options stand on the page of the configuration, in its order: module and class.
CONFIGURED = (
    ("graders.nbgrader_plugin.execute", "EngineExecute"),
    ("graders.nbgrader_plugin.exports.canvas", "CanvasExport"),
    ("graders.nbgrader_plugin.exports.moodle", "MoodleExport"),
    ("graders.nbgrader_plugin.exports.moodle_worksheet", "MoodleWorksheetExport"),
    ("graders.nbgrader_plugin.exports.gradescope", "GradescopeExport"),
    ("graders.nbgrader_plugin.exports.table_csv", "TableExport"),
    ("graders.nbgrader_plugin.exports.parquet", "ParquetExport"),
)

#: The assignments in the order in which one is the ground for the next.
ORDER = (
    "creating_tensors",
    "tensor_attributes",
    "operations",
    "reductions",
    "selecting_data",
    "computation_graph",
    "forward_pass",
    "backward_pass",
    "gradient_descent",
    "two_mental_models",
)


def walls() -> str:
    """What `torchmagic doctor` tries to cross.

    >>> walls().splitlines()[2]
    '| read the course folder | mount namespace, Landlock | namespaces, Landlock |'
    """
    from graders.doctor import WALLS

    rows = [(wall.name, wall.mechanism, ", ".join(part.value for part in wall.needs) or "–") for wall in WALLS]
    return _table(("a submission must not", "what keeps it from that", "needs of the kernel"), rows)


def outcomes() -> str:
    """The words for how a cell or a submission ended."""
    from graders.engine.report import Outcome

    return ", ".join(f"*{outcome.value}*" for outcome in Outcome)


def options(magic: str) -> str:
    """The help that a magic's own parser gives.

    >>> "--no-stats" in options("tensorinfo")
    True
    """
    from torchmagic.magics import TorchMagics

    help_text = getattr(TorchMagics, magic).parser.format_help()
    return f"```text\n{re.sub(r'^::', '', help_text).strip()}\n```"


def traits() -> str:
    """The options of our own in `nbgrader_config.py`."""
    parts = []
    for module, name in CONFIGURED:
        cls = getattr(__import__(module, fromlist=[name]), name)
        found = cls.class_traits(config=True)
        ours = {key: trait for key, trait in found.items() if trait.this_class.__module__.startswith("graders.")}
        rows = [
            (f"`c.{name}.{key}`", _kind(trait), f"`{trait.default_value_repr()}`", " ".join(trait.help.split()))
            for key, trait in sorted(ours.items())
        ]
        first = inspect.getdoc(cls).splitlines()[0]
        parts += [f"## {name}", first, _table(("option", "takes", "default", "meaning"), rows)]
    return "\n\n".join(parts)


def record(*names: str) -> str:
    """The fields of records, each with its type and what its class says of it; fields told together share a row.

    >>> print(record("Stats").splitlines()[0])
    ### Stats
    """
    parts = []
    for name in names:
        cls = _record(name)
        types = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        told = _attributes(cls)
        left = [each for each in types if each not in {other for group in told for other in group}]
        unsaid = [each for each in left if f"``{each}``" not in inspect.getdoc(cls)]
        if unsaid:
            raise ValueError(f"{name} does not say what {', '.join(unsaid)} holds.")
        rows = []
        for group, text in told.items():
            of = [types[each] for each in group]
            shown = of[:1] if len(set(of)) == 1 else of
            rows.append((", ".join(f"`{each}`" for each in group), ", ".join(f"`{each}`" for each in shown), text))
        rows += [(f"`{each}`", f"`{types[each]}`", "told above") for each in left]
        summary = inspect.getdoc(cls).partition("\n\n")[0].replace("``", "`")
        parts += [f"### {name}", " ".join(summary.split()), _table(("field", "type", "holds"), rows)]
    return "\n\n".join(parts)


def assignments() -> str:
    """The assignments that a clone brings, in the order in which they build on each other."""
    from nbformat import read

    found = {path.parent.name: path for path in (ROOT / "assignments" / "source").glob("*/*.ipynb")}
    rows = []
    for name in [*ORDER, *sorted(set(found) - set(ORDER))]:
        notebook = read(found[name], as_version=4)
        points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)
        text = notebook.cells[0].source
        minutes = re.search(r"(\d+) minutes", text)
        rows.append((f"`{name}`", text.partition("\n")[0][2:], minutes[1] if minutes else "", f"{points:g}"))
    return _table(("assignment", "title", "minutes", "points"), rows)


def hostile() -> str:
    """How many known attacks the tests grade."""
    attacks = sum(1 for _ in (ROOT / "assignments" / "mutants" / "hostile").glob("*/*/mutant.json"))
    solutions = sum(1 for _ in (ROOT / "assignments" / "mutants").glob("[!h]*/*/mutant.json"))
    return f"Today that is {attacks} hostile and faulty submissions, beside {solutions} known solutions."


def measures() -> str:
    """The groups of figures that ``python -m bench`` knows."""
    from bench.__main__ import MEASURES

    said = {name: inspect.getdoc(inspect.getmodule(measure)).splitlines()[0] for name, measure in MEASURES.items()}
    return _table(("group", "measures"), [(f"`{name}`", text) for name, text in said.items()])


def saved_example() -> str:
    """A record as it is saved."""
    import torch

    import torchmagic

    text = torchmagic.inspect(torch.tensor([1.0, 2.0]), "x", plot=False).to_json()
    return f"```json\n{json.dumps(json.loads(text), indent=1)}\n```"


TABLES: dict[str, Callable[..., str]] = {
    "walls": walls,
    "outcomes": outcomes,
    "options": options,
    "traits": traits,
    "record": record,
    "assignments": assignments,
    "hostile": hostile,
    "measures": measures,
    "saved": saved_example,
}


def literal_blocks(lines: Sequence[str]) -> list[str]:
    """Lines of reStructuredText in which each line block is a heading and a literal block below it.

    >>> literal_blocks(["Text", "", "| Examples:", "|   torchmagic   a demo", "", "More"])
    ['Text', '', 'Examples:', '', '.. code-block:: text', '', '     torchmagic   a demo', '', 'More']
    """
    found: list[str] = []
    inside = False
    for line in lines:
        kept = line.startswith("| ")
        if kept and not inside:
            found += [line[2:], "", ".. code-block:: text", ""]
        else:
            found.append(f"   {line[2:]}" if kept else line)
        inside = kept
    return found


# ---- parts


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(_table(("a", "b"), [("1", "x | y")]))
    | a | b |
    |---|---|
    | 1 | x \\| y |
    """
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    text[1] = text[1].replace(" ", "")
    return "\n".join(text)


def _attributes(cls: type) -> dict[tuple[str, ...], str]:
    """What a docstring's section Attributes says, by the fields that it speaks of.

    >>> from torchmagic.records import SourceLine
    >>> _attributes(SourceLine)["number",]
    'counted from 1, as tracebacks do.'
    """
    section = re.search(r"^Attributes:\n((?:    .*\n?|\n)*)", inspect.getdoc(cls) or "", re.MULTILINE)
    found: dict[tuple[str, ...], str] = {}
    names: tuple[str, ...] = ()
    for line in (section[1] if section else "").splitlines():
        begins = re.match(r"    (\w+(?:, \w+)*): (.*)", line)
        if begins:
            names = tuple(begins[1].split(", "))
        found[names] = f"{found.get(names, '')} {begins[2] if begins else line.strip()}".strip()
    return {names: text.replace("``", "`") for names, text in found.items()}


def _record(name: str) -> type:
    from torchmagic import graph_records, live_records, records

    return next(getattr(module, name) for module in (records, graph_records, live_records) if hasattr(module, name))


def _kind(trait: Any) -> str:
    values = getattr(trait, "values", None)
    return ", ".join(f"`{value!r}`" for value in values) if values else type(trait).__name__.lower()
