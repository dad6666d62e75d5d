"""Every command explains itself; wrong usage says what would be right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from graders import cli
from graders.commands import app
from torchmagic import __version__

from .conftest import Run

COMMANDS = [
    [],
    *([name] for name in ("demo", "doctor", "export", "feedback", "grade", "report", "store", "course")),
    ["store", "prune"],
    ["course", "init"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_there_for_every_command(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: torchmagic")


@pytest.mark.parametrize("words", [w for w in COMMANDS if w != ["course"]], ids=" ".join)
def test_help_gives_examples(run: Run, words: list[str]) -> None:
    examples = run(*words, "--help").output.partition("Examples:")[2]
    assert " ".join(["torchmagic", *words]) in examples


def test_help_of_grade_says_what_the_exit_status_means(run: Run) -> None:
    assert "Exit status: 0" in run("grade", "--help").output


def test_top_help_tells_how_to_get_completion(run: Run) -> None:
    assert "_TORCHMAGIC_COMPLETE=bash_source" in run("--help").output


def test_version(run: Run) -> None:
    assert run("--version").output == f"torchmagic, version {__version__}\n"


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "grade",
        "grade ps1 --jobs 0",
        "feedback",
        "feedback ps1 --jobs 0",
        "demo --students x",
        "doctor --isolation none",
    ],
)
def test_wrong_usage_ends_with_2(run: Run, line: str) -> None:
    result = run(*line.split())
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: torchmagic")


def test_interrupt_ends_with_130_and_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("graders.commands.grade.grade_assignments", interrupted)
    result = run("grade", "ps1")
    assert result.exit_code == 130
    assert result.output.strip().startswith("Stopped after 0 of 0 submissions.")
    assert "run the same command again" in result.output
    assert "Traceback" not in result.output


def test_own_programs_come_first_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    here = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join(["/usr/bin", here]))
    cli.own_programs_first()
    assert os.environ["PATH"].split(os.pathsep) == [here, "/usr/bin"]


@pytest.mark.slow
def test_students_installation_names_the_instructors_extra() -> None:
    """Without nbgrader the program ends in one line, not in a traceback."""
    code = (
        "import importlib.util as u, sys\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'nbgrader' else find(name, *a)\n"
        "sys.argv = ['torchmagic', '--version']\n"
        "from graders.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "torchmagic[grade]" in done.stderr


@pytest.mark.slow
def test_version_needs_neither_torch_nor_nbgrader() -> None:
    code = (
        "import sys, atexit\n"
        "sys.argv = ['torchmagic', '--version']\n"
        "atexit.register(lambda: print(sorted({'torch', 'nbgrader', 'nbformat'} & set(sys.modules))))\n"
        "from graders.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_shell_completes_assignments(tmp_path: Path) -> None:
    for name in ("backward_pass", "computation_graph"):
        (tmp_path / "source" / name).mkdir(parents=True)
    complete = ShellComplete(app, {}, "torchmagic", "_TORCHMAGIC_COMPLETE")
    found = complete.get_completions(["grade", "--course", str(tmp_path)], "back")
    assert [item.value for item in found] == ["backward_pass"]
