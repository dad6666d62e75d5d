"""`torchmagic doctor installation`: what is broken in a course and its exchange is found, and the command tells all."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from graders.courses import config_text
from graders.installation import Found, problems
from graders.nbgrader_plugin.health import course_findings

from .conftest import BIN, MakeKernel, Run, one

Make = Callable[..., Path]


@pytest.fixture
def course(tmp_path: Path) -> Make:
    """Makes a course with more in its configuration, an exchange beside it."""

    def make(extra: str = "", *, config: str | None = None) -> Path:
        folder = tmp_path / "course"
        folder.mkdir()
        exchange = tmp_path / "exchange"
        exchange.mkdir()
        exchange.chmod(0o777)
        text = config_text("tiny", f"c.Exchange.root = {str(exchange)!r}\n{extra}") if config is None else config
        (folder / "nbgrader_config.py").write_text(text)
        return folder

    return make


def _look(folder: Path) -> list[Found]:
    return list(course_findings(folder, named=True))


def test_a_sound_course(course: Make) -> None:
    found = _look(course(""))
    assert problems(found) == []
    assert {each.what for each in found} >= {"engine", "course_id", "gradebook", "root", "file system"}


def test_no_course_here_is_nothing_to_complain_of_unless_one_was_named(tmp_path: Path) -> None:
    assert [each.state for each in course_findings(tmp_path, named=False)] == ["skipped"]
    assert [each.state for each in _look(tmp_path)] == ["problem"]


@pytest.mark.parametrize(
    ("config", "said"),
    [("c = get_config()\nc.x = = 1\n", "line 2"), ("import no_such_module\n", "no_such_module"), ("1/0", "division")],
)
def test_a_configuration_that_does_not_load(course: Make, config: str, said: str) -> None:
    found = one(_look(course(config=config)), "nbgrader_config.py")
    assert found.state == "problem"
    assert said in found.detail


@pytest.mark.parametrize(
    ("setting", "state", "said"),
    [
        ("c.Execute.timeout = 'five'", "problem", "which is not an int"),
        ("c.NbGrader.logfile = 5", "problem", "which is not "),
        ("c.Execute.timout = 5", "warning", "did you mean `timeout`?"),
        ("c.NbGrader.logfil = 'x'", "warning", "did you mean `logfile`?"),
    ],
)
def test_a_setting_that_nothing_takes(course: Make, setting: str, state: str, said: str) -> None:
    found = one(_look(course(setting)), setting.partition(" ")[0])
    assert found.state == state
    assert said in found.detail
    assert found.remedy == "Mend it in nbgrader_config.py."


def test_a_course_without_the_engine_s_line(course: Make) -> None:
    found = one(_look(course(config='c = get_config()\nc.CourseDirectory.course_id = "x"\n')), "engine")
    assert found.state == "problem"
    assert "from graders.nbgrader_plugin import configure; configure(c)" in found.remedy


def test_a_course_without_an_id(course: Make) -> None:
    assert one(_look(course('c.CourseDirectory.course_id = ""')), "course_id").state == "problem"


def test_a_gradebook_that_is_no_database(course: Make) -> None:
    folder = course("")
    (folder / "gradebook.db").write_text("certainly no database " * 99)
    found = one(_look(folder), "gradebook")
    assert found.state == "problem"
    assert "cannot be opened" in found.detail


@pytest.mark.slow
def test_a_gradebook_of_an_older_nbgrader(course: Make) -> None:
    folder = course("")
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}"):
        pass
    assert one(_look(folder), "gradebook").state == "ok"
    with sqlite3.connect(folder / "gradebook.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '50a4d84c131a'")
    found = one(_look(folder), "gradebook")
    assert found.state == "problem"
    assert "nbgrader db upgrade" in found.remedy


def test_a_look_makes_no_gradebook(course: Make) -> None:
    folder = course("")
    _look(folder)
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".db") == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+psycopg2://ada:secret@127.0.0.1:1/grades", "cannot be opened"),
        ("nosuch://ada:secret@localhost/grades", "cannot be opened"),
        ("sqlite:////no/such/folder/gradebook.db", "cannot be written to"),
    ],
)
def test_a_gradebook_that_is_out_of_reach(course: Make, url: str, said: str) -> None:
    found = one(_look(course(f"c.CourseDirectory.db_url = {url!r}")), "gradebook")
    assert found.state == "problem"
    assert said in found.detail
    assert "secret" not in found.detail + found.remedy


# ---- the exchange


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o770])
def test_an_exchange_that_is_closed_to_others(course: Make, tmp_path: Path, mode: int) -> None:
    folder = course("")
    (tmp_path / "exchange").chmod(mode)
    found = one(_look(folder), "root")
    assert found.state == "problem"
    assert f"mode 0{mode:o}" in found.detail
    assert found.remedy == f"chmod 777 {tmp_path}/exchange"


def test_an_exchange_that_is_not_there(course: Make, tmp_path: Path) -> None:
    folder = course("")
    (tmp_path / "exchange").rmdir()
    found = one(_look(folder), "root")
    assert found.state == "problem"
    assert f"mkdir -p {tmp_path}/exchange" in found.remedy


def test_an_exchange_that_is_a_file(course: Make, tmp_path: Path) -> None:
    folder = course("")
    (tmp_path / "exchange").rmdir()
    (tmp_path / "exchange").write_text("")
    assert "is a file" in one(_look(folder), "root").detail


def test_an_inbox_that_takes_nothing(course: Make, tmp_path: Path) -> None:
    folder = course("")
    inbound = tmp_path / "exchange" / "tiny" / "inbound"
    inbound.mkdir(parents=True)
    inbound.chmod(0o700)
    assert one(_look(folder), "inbound").state == "problem"
    inbound.chmod(0o2733)
    assert one(_look(folder), "inbound").state == "ok"


def test_a_file_system_that_takes_no_folders(course: Make) -> None:
    found = _look(course("c.Exchange.root = '/proc'"))
    assert {each.what for each in problems(found)} & {"file system", "root"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_exchange_of_somebody_else_s(course: Make) -> None:
    assert "closed to you" in one(_look(course("c.Exchange.root = '/usr'")), "root").detail


# ---- the command


def test_the_command_says_what_to_mend(
    run: Run, course: Make, kernel: MakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(["/no/such/python"])
    monkeypatch.setenv("COLUMNS", "100")
    result = run("doctor", "installation", "--course", course(""))
    assert result.exit_code == 1
    assert "Mend kernels, python3: " in result.stdout
    assert "walls held" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Installation: 1 problem, ")


def test_the_command_as_json(run: Run, course: Make, kernel: MakeKernel) -> None:
    kernel(["/no/such/python"])
    said = json.loads(run("doctor", "installation", "--json", "--course", course("")).stdout)
    assert said["sound"] is False
    assert {each["part"] for each in said["installation"]} == {
        *("versions", "programs", "extensions", "course", "exchange", "kernels")
    }
    assert "walls" not in said


@pytest.mark.slow
def test_a_sound_installation_ends_with_0(course: Make) -> None:
    code = "from graders.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "doctor", "installation", "--course", str(course(""))],
        env={**os.environ, "PATH": f"{BIN}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert "0 problems" in done.stdout
