"""The one form in which notebooks are committed: no outputs, stable ids, sorted keys (`python -m graders.notebooks`).

Two people who change the same notebook then see the lines that they wrote in a diff, and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torchmagic.errors import TorchmagicError

#: What belongs to the notebook rather than to the program that last opened it.
_NOTEBOOK_METADATA = ("kernelspec", "language_info")
_LANGUAGE = ("name",)
_CELL_METADATA = ("nbgrader", "tags")
_USAGE = "usage: python -m graders.notebooks [--check] FILE_OR_FOLDER ..."


def canonical(text: str) -> str:
    """A notebook's text in canonical form.

    Outputs, counts, empty tags and what editors keep for themselves are taken away; each cell keeps its id, and one
    without gets its grade_id, or ``cell-`` and its place.

    Raises:
        ValueError: it is no notebook of format 4.

    >>> print(canonical('{"nbformat": 4, "cells": [], "metadata": {"widgets": {}}, "nbformat_minor": 5}'), end="")
    {
     "cells": [],
     "metadata": {},
     "nbformat": 4,
     "nbformat_minor": 5
    }
    """
    notebook = json.loads(text)
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4 or not isinstance(notebook.get("cells"), list):
        raise ValueError("it is no notebook of format 4")
    metadata = _kept(notebook.get("metadata", {}), _NOTEBOOK_METADATA)
    if "language_info" in metadata:
        metadata["language_info"] = _kept(metadata["language_info"], _LANGUAGE)
    taken = {cell.get("id") for cell in notebook["cells"]}
    cells = [_cell(cell, place, taken) for place, cell in enumerate(notebook["cells"])]
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _cell(cell: dict[str, Any], place: int, taken: set[Any]) -> dict[str, Any]:
    source = cell.get("source", "")
    lines = source if isinstance(source, str) else "".join(source)
    kept = {
        "cell_type": cell["cell_type"],
        "id": cell.get("id") or _new_id(cell, place, taken),
        "metadata": {key: value for key, value in _kept(cell.get("metadata", {}), _CELL_METADATA).items() if value},
        "source": lines.splitlines(keepends=True),
    }
    if cell["cell_type"] == "code":
        kept.update(execution_count=None, outputs=[])
    if cell.get("attachments"):
        kept["attachments"] = cell["attachments"]
    return kept


def _new_id(cell: dict[str, Any], place: int, taken: set[Any]) -> str:
    wanted = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") or f"cell-{place}"
    name = str(wanted)
    while name in taken:
        name += "-"
    taken.add(name)
    return name


def _kept(metadata: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: metadata[name] for name in names if name in metadata}


def find_notebooks(paths: Sequence[Path]) -> list[Path]:
    """The notebooks among files and below folders, checkpoints left out.

    Raises:
        TorchmagicError: a path does not exist.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise TorchmagicError(f"There is no {path}.", hint=_USAGE)
        below = sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
        found += [each for each in below if ".ipynb_checkpoints" not in each.parts]
    return found


def main(arguments: Sequence[str]) -> int:
    """Rewrite notebooks in canonical form; with ``--check`` only name those that are not. Gives the exit status."""
    paths = [Path(argument) for argument in arguments if argument != "--check"]
    if not paths or any(str(path).startswith("-") for path in paths):
        print(_USAGE, file=sys.stderr)
        return 2
    changed = 0
    try:
        for path in find_notebooks(paths):
            changed += _format(path, only_check="--check" in arguments)
    except TorchmagicError as error:
        print(error, file=sys.stderr)
        return 2
    return int(changed > 0)


def _format(path: Path, *, only_check: bool) -> bool:
    """Whether a notebook was not in canonical form.

    Raises:
        TorchmagicError: it is no notebook.
    """
    try:
        text = path.read_text(encoding="utf-8")
        wanted = canonical(text)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise TorchmagicError(f"{path} is no notebook: {error}.") from error
    if text == wanted:
        return False
    if not only_check:
        path.write_text(wanted, encoding="utf-8", newline="\n")
    print(f"{path} {'is not in canonical form' if only_check else 'rewritten'}")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
