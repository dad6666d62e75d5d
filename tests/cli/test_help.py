"""Every command explains itself; wrong usage says what would be right."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from graders import cli
from graders.commands import app
from torchmagic import __version__

from .conftest import Run


def _below(command: click.Command, words: list[str]) -> Iterator[list[str]]:
    yield words
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                found = command.get_command(ctx, name)
                assert found is not None
                yield from _below(found, [*words, name])


COMMANDS = list(_below(app, []))
_ORDER = ["Usage", "Arguments", "Options", "Commands", "Examples", "Exit status", "Files", "See also"]


def _sections(page: str) -> dict[str, list[str]]:
    """The sections of a help page, with their lines."""
    found: dict[str, list[str]] = {}
    for line in page.splitlines():
        head = re.match(r"([A-Z][a-z ]+):", line)
        if head is not None:
            found[head[1]] = []
        elif found:
            found[list(found)[-1]].append(line)
    return found


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_there_for_every_command(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert result.output.startswith("Usage: torchmagic")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_a_manual_page(run: Run, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sections in the same order, which fit a terminal; examples that copy in one piece."""
    monkeypatch.setenv("COLUMNS", "80")
    page = run(*words, "--help").output
    sections = _sections(page)
    assert [title for title in _ORDER if title in sections] == [title for title in sections if title != "See also"] + [
        "See also"
    ]
    assert {"Usage", "Options", "Examples", "Exit status", "Files", "See also"} <= set(sections)
    named = re.findall(
        r"\b[A-Z]{3,}\b", page.splitlines()[0].replace("OPTIONS", "").replace("COMMAND", "").replace("ARGS", "")
    )
    told = " ".join(sections.get("Arguments", []))
    assert all(name in told for name in named), named
    description = sections["Usage"]
    assert description[1].startswith("  ")
    assert " ".join(["torchmagic", *words]) in " ".join(sections["Examples"])
    assert {line.split()[0] for line in sections["Exit status"] if re.match(r"  \d", line)} >= {"0"}
    too_wide = [line for line in page.splitlines() if len(line) > 80 and "torchmagic" not in line]
    assert not too_wide


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_and_argument_is_explained(words: list[str]) -> None:
    command: click.Command = app
    with click.Context(command) as ctx:
        for word in words:
            assert isinstance(command, click.Group)
            found = command.get_command(ctx, word)
            assert found is not None
            command = found
    for param in command.params:
        if not isinstance(param, click.Option):
            continue
        assert param.help
        assert param.help.endswith("."), param.help
        takes_value = not (param.is_flag or param.count)
        has_default = param.default not in (None, ()) or bool(param.show_default)
        assert not takes_value or has_default or param.multiple or param.name in ("log", "json_file"), param.name


def test_every_example_is_a_command_line_that_parses() -> None:
    """Each is split as a shell would, and taken by the parser of its command; nothing is run."""
    for words in COMMANDS:
        for example in _examples(words):
            line = shlex.split(example.split(" > ")[0].split(" | ")[0], comments=True)
            if line[0] != "torchmagic":
                continue
            command: click.Command = app
            rest = line[1:]
            ctx = click.Context(app, info_name="torchmagic")
            while isinstance(command, click.Group) and rest and "--help" not in rest:
                ctx = command.make_context(ctx.info_name, list(rest), parent=ctx.parent)
                rest = [*ctx._protected_args, *ctx.args]
                if not rest:
                    break
                name, found, rest = command.resolve_command(ctx, rest)
                assert found is not None, example
                command = found
                ctx = click.Context(command, info_name=name, parent=ctx)
            if not isinstance(command, click.Group) and "--help" not in rest:
                command.make_context(ctx.info_name, list(rest), parent=ctx.parent)


def _examples(words: list[str]) -> list[str]:
    command: click.Command = app
    with click.Context(command) as ctx:
        for word in words:
            assert isinstance(command, click.Group)
            found = command.get_command(ctx, word)
            assert found is not None
            command = found
    return [line for line, _ in command.manual.examples]  # type: ignore[attr-defined]


def test_a_course_named_in_the_environment_is_the_course(run: Run, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["store"], prog_name="torchmagic", env={"TORCHMAGIC_COURSE": str(tmp_path / "x")})
    assert result.exit_code == 2
    assert f"{tmp_path}/x is no nbgrader course" in result.stderr


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
