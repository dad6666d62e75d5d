"""Who may import whom, read from the source; and what an import must not cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

_OF_THE_JUDGE = tuple(f"graders.engine.{name}" for name in ("judge", "judge_link", "namespace", "remote", "testcell"))
#: (modules that start with …, must not import modules that start with …)
RULES = [
    ("torchmagic", ("graders", "nbgrader", "assignments")),
    ("torchmagic.records", ("torch", "IPython", "torchmagic")),
    ("torchmagic.graph_records", ("torch", "IPython", "torchmagic")),
    ("torchmagic.live_records", ("torch", "IPython", "torchmagic.observe", "torchmagic.render", "torchmagic.magics")),
    ("torchmagic.shown", ("torch", "IPython", "torchmagic.observe", "torchmagic.magics")),
    ("torchmagic.saved", ("torch", "IPython", "torchmagic.observe", "torchmagic.magics")),
    ("torchmagic.render", ("torch", "IPython", "torchmagic.observe", "torchmagic.magics")),
    ("torchmagic.observe", ("IPython", "torchmagic.render", "torchmagic.magics")),
    ("graders.engine", ("nbgrader", "graders.nbgrader_plugin", "graders.cli")),
    ("graders.checks", ("nbgrader", "graders.engine")),
    ("graders.engine.student", ("graders.checks", *_OF_THE_JUDGE)),
    ("graders.engine.walls", ("graders.checks", *_OF_THE_JUDGE)),
    ("graders.engine.outer_root", ("graders.checks", *_OF_THE_JUDGE)),
    ("graders.engine.watch", ("graders.checks",)),
    ("graders.engine.watched", ("graders.checks",)),
]
#: what a module may import against the rules above: records show themselves, by a base class that is as light as they
EXCEPTIONS = {"torchmagic.records": "torchmagic.shown", "torchmagic.graph_records": "torchmagic.shown"}
_NBGRADER_ONLY_IN = "graders.nbgrader_plugin"


def imported(source: str) -> Iterator[str]:
    """Every module that a text imports, at whatever depth."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _below(name: str, root: str) -> bool:
    return name == root or name.startswith((f"{root}.", f"{root}_"))


def violations(name: str, source: str) -> list[str]:
    """What a module imports against the rules."""
    found = []
    for subject, forbidden in RULES:
        if _below(name, subject):
            allowed = EXCEPTIONS.get(name, name)
            found += [
                f"{name} imports {i}"
                for i in imported(source)
                for f in forbidden
                if (i == f or i.startswith(f"{f}.")) and not (i == allowed or i.startswith(f"{allowed}."))
            ]
    if not _below(name, _NBGRADER_ONLY_IN):
        found += [f"{name} imports {i}" for i in imported(source) if i.split(".")[0] == "nbgrader"]
    if name != "torchmagic.magics" and _below(name, "torchmagic"):
        found += [f"{name} imports {i}" for i in imported(source) if i.split(".")[0] == "IPython"]
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("torchmagic", "graders"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, path


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_import_directions(name: str, path: Path) -> None:
    assert not violations(name, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("torchmagic.render.html", "import torch"),
        ("torchmagic.render.text", "def f():\n    from torch import nn"),
        ("torchmagic.cellrun", "from IPython import get_ipython"),
        ("torchmagic.observe.tensors", "import graders.checks"),
        ("graders.cli", "from nbgrader.api import Gradebook"),
        ("graders.engine.student", "from graders import checks"),
        ("graders.engine.student_lent", "from graders.engine.judge_link import JudgeLink"),
        ("torchmagic.records", "from torchmagic import errors"),
        ("torchmagic.records", "from torchmagic.saved import to_json"),
        ("torchmagic.records", "import torchmagic"),
        ("torchmagic.shown", "import torch"),
        ("torchmagic.saved", "from torchmagic.observe import tensors"),
    ],
)
def test_the_rules_can_be_broken(name: str, source: str) -> None:
    assert violations(name, source)


def _after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.slow
def test_importing_torchmagic_is_light() -> None:
    heavy = {"torch", "numpy", "IPython", "matplotlib", "pandas", "nbgrader", "jinja2"}
    assert not heavy & _after("import torchmagic")
    assert heavy & _after("import torchmagic, torch"), "the proof cannot fail"


def test_loading_the_extension_imports_neither_torch_nor_what_draws() -> None:
    script = (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "s = S.instance()\ns.run_cell('%load_ext torchmagic')"
    )
    there = _after(script)
    assert "torchmagic.magics" in there
    assert not {"torch", "jinja2", "rich", "torchmagic.render.graph_view"} & there


@pytest.mark.slow
def test_grading_imports_torch_in_the_warm_processes_alone() -> None:
    """A second of the run, and the memory: the process that talks to nbgrader has no use for it."""
    parts = ("autograde", "grading", "converter", "execute", "restore", "scores", "feedback", "course")
    plugin = "\n".join(f"import graders.nbgrader_plugin.{part}" for part in parts)
    assert "torch" not in _after(f"{plugin}\nimport graders.commands.grade")


@pytest.mark.slow
def test_help_and_completion_import_no_more_than_they_say() -> None:
    """Importing nbgrader takes a second."""
    page = (
        "import contextlib, io\nfrom graders.commands import app\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n    app(['--help'])"
    )
    there = _after(page)
    assert {"graders.commands.grade", "graders.commands.demo", "graders.commands.report"} <= there
    assert not {"nbgrader", "nbformat", "torch", "sqlalchemy"} & there


@pytest.mark.slow
def test_the_program_that_grades_leaves_torch_to_the_engines_processes() -> None:
    assert "torch" not in _after("import graders.nbgrader_plugin.grading, graders.engine.client")
    assert "torch" in _after("import graders.engine.judge"), "the proof cannot fail"
