"""Real shells complete torchmagic's commands, options and names, with the script that `torchmagic completion` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from graders.commands import app
from graders.commands.completion import SHELLS

from .conftest import Run

_PROGRAM = Path(sys.executable).with_name("torchmagic")
_ROOT = Path(__file__).parents[2]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A folder that looks like a course to a shell."""
    for name in ("backward_pass", "computation_graph"):
        (tmp_path / "source" / name).mkdir(parents=True)
    for name in ("ada", "bob"):
        (tmp_path / "submitted" / name).mkdir(parents=True)
    return tmp_path


def _completed(words: list[str], incomplete: str) -> list[str]:
    complete = ShellComplete(app, {}, "torchmagic", "_TORCHMAGIC_COMPLETE")
    return [item.value for item in complete.get_completions(words, incomplete)]


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ([], "gr", ["grade"]),
        (["completion"], "", list(SHELLS)),
        (["grade"], "back", ["backward_pass"]),
        (["grade", "backward_pass"], "comp", ["computation_graph"]),
        (["grade", "backward_pass", "--student"], "", ["ada", "bob"]),
        (["feedback"], "b", ["backward_pass"]),
        (["report"], "c", ["computation_graph"]),
        (["export"], "mo", ["moodle", "moodle-worksheet"]),
        (["export", "canvas"], "back", ["backward_pass"]),
        (["export", "csv", "--set"], "", ["bom=", "details="]),
        (["export", "csv", "--student"], "a", ["ada"]),
        (["doctor"], "", ["installation", "walls"]),
        (["doctor", "--isolation"], "pro", ["process"]),
        (["store"], "pr", ["prune"]),
        (["store", "prune"], "--old", ["--older-than"]),
        (["demo", "--assignment"], "backward", ["backward_pass"]),
    ],
)
def test_names_and_values(
    course: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], incomplete: str, expected: list[str]
) -> None:
    monkeypatch.chdir(course)
    assert _completed(words, incomplete) == expected


def test_names_come_from_the_course_that_was_named(course: Path) -> None:
    assert _completed(["grade", "--course", str(course)], "back") == ["backward_pass"]
    assert _completed(["grade", "--course", str(course), "--student"], "b") == ["bob"]


@pytest.mark.parametrize("words", [["grade", "--course"], ["course", "init"], ["demo"], ["store", "--course"]])
def test_folders_are_left_to_the_shell(words: list[str]) -> None:
    complete = ShellComplete(app, {}, "torchmagic", "_TORCHMAGIC_COMPLETE")
    (item,) = complete.get_completions(words, "some")
    assert (item.type, item.value) == ("dir", "some")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A shell's environment with the program on PATH and an empty home."""
    if not _PROGRAM.exists():
        pytest.skip("the program torchmagic is not installed beside this Python")
    home = tmp_path_factory.mktemp("home")
    path = f"{_PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(home), "PYTHONPATH": str(_ROOT), "XDG_CONFIG_HOME": str(home)}


def _script(run: Run, shell: str, folder: Path) -> Path:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    result = run("completion", shell)
    assert result.exit_code == 0, result.output
    path = folder / f"script.{shell}"
    path.write_text(result.stdout)
    return path


def _said(command: list[str], folder: Path, env: dict[str, str]) -> list[str]:
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done
    return done.stdout.split()


@pytest.mark.slow
def test_bash(run: Run, course: Path, environment: dict[str, str]) -> None:
    script = _script(run, "bash", course)
    ask = f"""
    source {script}
    complete -p torchmagic >/dev/null || exit 3
    ask() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _torchmagic_completion torchmagic; }}
    ask torchmagic gra; echo "${{COMPREPLY[@]}}"
    ask torchmagic grade back; echo "${{COMPREPLY[@]}}"
    ask torchmagic grade backward_pass --student ""; echo "${{COMPREPLY[@]}}"
    """
    found = _said(["bash", "--norc", "--noprofile", "-c", ask], course, environment)
    assert found == ["grade", "backward_pass", "ada", "bob"]


@pytest.mark.slow
def test_fish(run: Run, course: Path, environment: dict[str, str]) -> None:
    script = _script(run, "fish", course)
    ask = f"source {script}; complete -C 'torchmagic gra'; complete -C 'torchmagic grade back'"
    found = _said(["fish", "--no-config", "-c", ask], course, environment)
    assert found[0] == "grade"
    assert "backward_pass" in found


@pytest.mark.slow
def test_zsh(run: Run, course: Path, environment: dict[str, str]) -> None:
    """zsh completes only on a terminal: Tab is pressed there."""
    pexpect = pytest.importorskip("pexpect")
    script = _script(run, "zsh", course)
    child = pexpect.spawn(
        "zsh",
        ["-f", "-i"],
        env={**environment, "PS1": "ready> ", "TERM": "dumb"},
        cwd=str(course),
        encoding="utf-8",
        timeout=60,
    )
    try:
        child.expect_exact("ready> ")
        child.sendline(f"autoload -Uz compinit && compinit -u -D && source {script} && echo sour''ced")
        child.expect_exact("sourced")
        child.send("torchmagic grade back\t")
        child.expect_exact("backward_pass")
        child.send("\x15echo end''ed\r")
        child.expect_exact("ended")
    finally:
        child.close(force=True)


@pytest.mark.slow
def test_bash_on_a_terminal(run: Run, course: Path, environment: dict[str, str]) -> None:
    pexpect = pytest.importorskip("pexpect")
    script = _script(run, "bash", course)
    child = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile", "-i"],
        env={**environment, "PS1": "ready> "},
        cwd=str(course),
        encoding="utf-8",
        timeout=60,
    )
    try:
        child.expect_exact("ready> ")
        child.sendline(f"source {script} && echo sour''ced")
        child.expect_exact("sourced")
        child.send("torchmagic report comp\t")
        child.expect_exact("computation_graph")
    finally:
        child.close(force=True)
