"""Whole notebooks, run twice in real kernels: with each code cell under the magics, and without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.see.notebook_run import run_cells, without_ours
from tests.see.test_magics import cell_lines, errors, masked, without_tracebacks

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((Path(__file__).parent / "notebooks").glob("*.txt"))
MAGICS = [
    pytest.param("%%tensorinfo", marks=pytest.mark.thorough),
    "%%tensorinfo --all",
    "%%tensorinfo\n%%gradtrace",
    pytest.param("%%gradtrace", marks=pytest.mark.thorough),
    "%%gradtrace --forward --saved --check --lr 0.1",
]
#: Run after all of them without a magic: nothing is left behind.
AFTER = "import torch; torch.overrides._get_current_function_mode_stack(), torch.is_grad_enabled()"
_PLAIN: dict[str, list[Any]] = {}


def cells_of(path: Path) -> list[str]:
    """The code cells of a notebook in the percent form."""
    return [cell.strip("\n") for cell in re.split(r"^# %%\n", path.read_text(encoding="utf-8"), flags=re.M) if cell]


def plain_run(path: Path) -> list[Any]:
    if path.name not in _PLAIN:
        _PLAIN[path.name] = run_cells(["%load_ext torchmagic", *cells_of(path), AFTER])
    return _PLAIN[path.name]


@pytest.mark.parametrize("magics", MAGICS)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_the_same_under_the_magics(path: Path, magics: str) -> None:
    sources = ["%load_ext torchmagic", *cells_of(path), AFTER]
    plain = plain_run(path)
    under = run_cells([sources[0], *(f"{magics}\n{cell}" for cell in sources[1:-1]), AFTER])
    shift = magics.count("\n") + 1
    for source, one, other in zip(sources, plain, under, strict=True):
        assert other.execution_count == one.execution_count, source
        wanted, found = (without_tracebacks(without_ours(cell.outputs)) for cell in (one, other))
        assert masked(found) == masked(wanted), source
        for mine, theirs in zip(errors(one), errors(other), strict=True):
            assert cell_lines(theirs, 0) == cell_lines(mine, 0 if source.startswith("%%") else shift), source
            assert "torchmagic" not in theirs


def test_every_kind_of_cell_is_there() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS)
    for word in (
        "await",
        "%%time",
        "%%capture",
        "ipywidgets",
        "yield",
        "del ",
        "import *",
        "Thread",
        "!echo",
        "torch.func",
        "checkpoint",
        "create_graph",
        "register_hook",
        "autograd.Function",
        "torch.optim",
    ):
        assert word in text
