"""`torchmagic doctor installation`: each kind of broken installation is found, and comes with a remedy."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from graders.courses import config_text
from graders.installation import Found, problems
from graders.installation.extensions import extension_findings
from graders.installation.kernels import kernel_findings
from graders.installation.programs import program_findings
from graders.installation.versions import package_findings, python_finding, version_findings
from graders.nbgrader_plugin.health import course_findings

from .conftest import Run

_BIN = str(Path(sys.executable).parent)
Make = Callable[[str], Path]


def one(found: list[Found], what: str) -> Found:
    """The finding about something; of all that have something to mend, each says how."""
    assert all(each.remedy for each in found if each.state in ("problem", "warning")), found
    (chosen,) = [each for each in found if each.what == what]
    return chosen


# ---- versions


def test_what_is_installed_here_fits() -> None:
    found = list(version_findings())
    assert problems(found) == []
    assert {"Python", "torch", "numpy", "ipython", "nbgrader", "click"} <= {each.what for each in found}
    assert "built for" in one(found, "torch").detail


def test_a_student_s_installation_needs_no_nbgrader() -> None:
    assert not {"nbgrader", "click"} & {each.what for each in version_findings(extra="")}


@pytest.mark.parametrize(
    ("requirement", "state", "said"),
    [
        ("torch>=2.4", "ok", ""),
        ("torch>=99", "problem", ">=99 is needed"),
        ("no-such-package-as-this>=1", "problem", "not installed"),
        ('no-such-package-as-this>=1; python_version < "3"', "", ""),
    ],
)
def test_packages_are_held_against_their_ranges(requirement: str, state: str, said: str) -> None:
    found = list(package_findings([requirement], "grade"))
    assert [each.state for each in found] == ([state] if state else [])
    assert all(said in each.detail and (each.remedy or state == "ok") for each in found)


def test_an_old_python() -> None:
    assert python_finding(">=3.10", "3.8.1").state == "problem"


# ---- kernels


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a kernel before all others."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    def make(argv: list[str] | str, name: str = "python3", **more: object) -> Path:
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": "python", **more}
        (folder / "kernel.json").write_text(argv if isinstance(argv, str) else json.dumps(spec))
        return folder

    return make


def test_a_kernel_whose_interpreter_is_gone(kernel: Callable[..., Path], tmp_path: Path) -> None:
    kernel([str(tmp_path / "gone" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    found = one(list(kernel_findings()), "python3")
    assert found.state == "problem"
    assert f"starts {tmp_path}/gone/bin/python, which is not there" in found.detail
    assert "python -m ipykernel install" in found.remedy


def test_another_kernel_whose_interpreter_is_gone_is_only_worth_a_look(kernel: Callable[..., Path]) -> None:
    kernel(["/no/such/python"], "old-env")
    kernel(["/no/such/python"])
    assert one(list(kernel_findings()), "old-env").state == "warning"


def test_a_kernel_that_cannot_be_read(kernel: Callable[..., Path]) -> None:
    kernel("{no json")
    found = one(list(kernel_findings()), "python3")
    assert found.state == "problem"
    assert "kernel.json cannot be read" in found.detail


@pytest.mark.slow
def test_a_kernel_whose_environment_lacks_torchmagic(kernel: Callable[..., Path], tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    kernel([str(tmp_path / "env" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    found = one(list(kernel_findings()), "python3")
    assert found.state == "problem"
    assert "ModuleNotFoundError" in found.detail
    assert f"{tmp_path}/env/bin/python -m pip install torchmagic" in found.remedy


@pytest.mark.slow
def test_a_kernel_that_writes_to_stderr_would_cost_points(kernel: Callable[..., Path]) -> None:
    kernel(["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], env={"PYTHONWARNINGS": "no such action"})
    found = one(list(kernel_findings()), "python3")
    assert found.state == "warning"
    assert "torchmagic" in found.detail
    assert "stderr" in found.remedy


# ---- programs


def test_programs_of_this_environment_on_path() -> None:
    assert [each.state for each in program_findings(f"{_BIN}:/usr/bin")] == ["ok", "ok", "ok"]


def test_a_path_without_alembic() -> None:
    found = one(list(program_findings("/no/such/folder")), "alembic")
    assert found.state == "warning"
    assert f"export PATH={_BIN}:$PATH" in found.remedy


def test_an_alembic_of_another_environment_comes_first(tmp_path: Path) -> None:
    (tmp_path / "alembic").write_text("#!/bin/sh\n")
    (tmp_path / "alembic").chmod(0o755)
    found = list(program_findings(f"{tmp_path}:{_BIN}"))
    assert one(found, "alembic").state == "problem"
    assert one(found, "nbgrader").state == "ok"


# ---- extensions


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Jupyter's configuration folder of a user who has none yet."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "settings"))
    (tmp_path / "settings").mkdir()
    return tmp_path / "settings"


def test_extensions_as_nbgrader_installs_them(settings: Path) -> None:
    assert [each.state for each in extension_findings()] == ["ok"] * 5


def test_an_extension_that_is_switched_off(settings: Path) -> None:
    off = {"ServerApp": {"jpserver_extensions": {"nbgrader.server_extensions.formgrader": False}}}
    (settings / "jupyter_server_config.json").write_text(json.dumps(off))
    found = one(list(extension_findings()), "the formgrader")
    assert found.state == "warning"
    assert "jupyter server extension enable nbgrader.server_extensions.formgrader" in found.remedy


def test_a_configuration_of_jupyter_s_that_raises(settings: Path) -> None:
    (settings / "jupyter_server_config.py").write_text("1/0")
    found = one(list(extension_findings()), "Jupyter server")
    assert "ZeroDivisionError" in found.detail


def test_an_extension_of_jupyterlab_that_is_switched_off(settings: Path) -> None:
    (settings / "labconfig").mkdir()
    off = {"disabledExtensions": {"@jupyter/nbgrader:assignment-list": True}}
    (settings / "labconfig" / "page_config.json").write_text(json.dumps(off))
    (found,) = [each for each in extension_findings() if "assignment-list" in each.what]
    assert (found.state, "enable @jupyter/nbgrader:assignment-list" in found.remedy) == ("warning", True)


@pytest.mark.parametrize(
    ("name", "text"), [("jupyter_server_config.json", "{,}"), ("jupyter_server_config.py", "c = = 1")]
)
def test_a_configuration_file_of_jupyter_s_that_is_broken(settings: Path, name: str, text: str) -> None:
    (settings / name).write_text(text)
    found = one(list(extension_findings()), name)
    assert found.state == "problem"
    assert str(settings / name) in found.detail


# ---- the course


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
def test_a_configuration_that_does_not_load(course: Callable[..., Path], config: str, said: str) -> None:
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


def test_a_course_without_the_engine_s_line(course: Callable[..., Path]) -> None:
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
    run: Run, course: Make, kernel: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(["/no/such/python"])
    monkeypatch.setenv("COLUMNS", "100")
    result = run("doctor", "installation", "--course", course(""))
    assert result.exit_code == 1
    assert "Mend kernels, python3: " in result.stdout
    assert "walls held" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Installation: 1 problem, ")


def test_the_command_as_json(run: Run, course: Make, kernel: Callable[..., Path]) -> None:
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
        env={**os.environ, "PATH": f"{_BIN}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert "0 problems" in done.stdout


@pytest.mark.slow
def test_a_student_may_ask_the_doctor_without_the_instructor_s_part() -> None:
    code = (
        "import importlib.util as u, sys\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('nbgrader', 'click') else find(name, *a)\n"
        "sys.argv = ['torchmagic', 'doctor']\n"
        "from graders.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "python3: " in done.stdout
    assert "pip install 'torchmagic[grade]'" in done.stdout.splitlines()[-1]
