"""`torchmagic doctor` says which walls hold, and its attempts do get through where there are none."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from graders import doctor
from graders.commands import app
from graders.commands.doctor import WALLS
from graders.doctor_attempts import LOOK, REACH, WATCH, cell_source
from graders.doctor_limits import EXCESSES
from graders.engine.report import CellReport, Outcome, Report

from .conftest import Run

_BODIES = {a.wall.name: a.body for a in (*REACH, *LOOK, WATCH)} | {e.wall.name: e.body for e in EXCESSES}

#: Walls that stand without the kernel's help, so that `--isolation process` has them too.
_ALWAYS = {
    "leave a process behind",
    "change a module for the next submission",
    "use more memory than allowed",
    "use more memory over many processes",
    "run past the limit for a cell",
    "run past the limit for a submission",
    "take the interpreter down with it",
    "print without end",
}
_ONLY_AS_ROOT = {"become root", "mount a file system", "change an installed module"}


def _traces(names: list[str]) -> set[str]:
    folders = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path.home())
    return {str(path) for folder in folders for name in names for path in folder.glob(name)}


def _doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], prog_name="torchmagic")


@pytest.mark.parametrize("name", _BODIES)
def test_every_attempt_is_a_cell_that_compiles(name: str) -> None:
    assert ast.parse(cell_source(_BODIES[name]))


def test_walls_have_names_of_their_own() -> None:
    assert len({wall.name for wall in WALLS}) == len(WALLS)


def test_an_attempt_that_ends_in_another_error_leaves_its_wall_fallen() -> None:
    cells = (CellReport(1, Outcome.ERROR, message="NameError: x"), CellReport(2, Outcome.PASSED))
    held, detail = doctor._result(Report(cells, Outcome.ERROR, 0.1), 0)
    assert (held, detail) == (False, "unclear: NameError: x")


def test_an_attempt_without_an_answer_leaves_its_wall_fallen() -> None:
    cells = (CellReport(1, Outcome.PASSED), CellReport(2, Outcome.ERROR))
    assert not doctor._result(Report(cells, Outcome.ERROR, 0.1), 0)[0]


@pytest.fixture(scope="module")
def walled() -> Result:
    return _doctor("walls")


@pytest.fixture(scope="module")
def unwalled() -> tuple[Result, set[str]]:
    patterns = ["torchmagic-doctor-*", ".torchmagic-doctor-*", ".ipython/profile_default/startup/torchmagic-doctor-*"]
    before = _traces(patterns)
    result = _doctor("--isolation", "process", "--json")
    return result, _traces(patterns) - before


@pytest.mark.slow
@pytest.mark.sandbox
def test_all_walls_hold_here(walled: Result) -> None:
    assert walled.stdout.splitlines()[-1] == f"{len(WALLS)} of {len(WALLS)} walls held.", walled.output
    assert walled.exit_code == 0


@pytest.mark.slow
@pytest.mark.sandbox
def test_progress_goes_to_stderr(walled: Result) -> None:
    assert walled.stderr.splitlines()[0] == f"[1/{len(WALLS)}] {WALLS[0].name}: held"
    assert len(walled.stderr.splitlines()) == len(WALLS)


def _found(result: Result) -> dict[str, Any]:
    return {row["wall"]: row for row in json.loads(result.stdout)["walls"]}


@pytest.mark.slow
@pytest.mark.sandbox
def test_without_walls_each_attempt_that_a_wall_stops_gets_through(unwalled: tuple[Result, set[str]]) -> None:
    result, _ = unwalled
    assert result.exit_code == 1
    held = {name for name, row in _found(result).items() if row["held"]}
    assert held - (_ALWAYS | (_ONLY_AS_ROOT if os.geteuid() else set())) == set(), result.stdout
    assert held >= _ALWAYS
    details = [row["detail"] for row in _found(result).values() if not row["held"]]
    assert not [detail for detail in details if detail.startswith("unclear")]


@pytest.mark.slow
@pytest.mark.sandbox
def test_where_a_wall_falls_the_attempt_cleans_up(unwalled: tuple[Result, set[str]]) -> None:
    assert unwalled[1] == set()


@pytest.mark.slow
@pytest.mark.sandbox
def test_a_machine_without_landlock_is_told_which_walls_fall_and_what_to_do() -> None:
    code = (
        "import os, sys\nfrom graders.engine import kernel_calls as kc, seccomp as s\n"
        "refuse = [s.Instruction(0x20, 0), s.Instruction(0x15, 444, 0, 1), s.Instruction(6, 0x50026), s.Instruction(6, 0x7FFF0000)]\n"
        "kc.prctl(kc.PR_SET_NO_NEW_PRIVS, 1)\ns.install_filter(b''.join(i.packed() for i in refuse))\n"
        "sys.argv = ['torchmagic', 'doctor', 'walls', *sys.argv[1:]]\nfrom graders.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done
    assert "read the course folder: this machine gives no Landlock" in done.stdout
    assert "What to do: Walls need Landlock: Linux 5.13" in done.stdout
    assert "Traceback" not in done.stderr
    done = subprocess.run(
        [sys.executable, "-c", code, "--json"], capture_output=True, text=True, check=False, timeout=120
    )
    rows = {row["wall"]: row["held"] for row in json.loads(done.stdout)["walls"]}
    assert rows["read the course folder"] is False
    assert rows["print without end"] is None


def test_doctor_refuses_other_isolations(run: Run) -> None:
    result = run("doctor", "--isolation", "none")
    assert result.exit_code == 2
    assert "namespaces" in result.stderr
