"""`torchmagic doctor installation`: what is broken in Python's and Jupyter's part is found, and comes with a remedy."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from graders.installation import problems
from graders.installation.extensions import extension_findings
from graders.installation.kernels import kernel_findings
from graders.installation.programs import program_findings
from graders.installation.versions import package_findings, python_finding, version_findings

from .conftest import BIN, MakeKernel, one

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


def test_a_kernel_whose_interpreter_is_gone(kernel: MakeKernel, tmp_path: Path) -> None:
    kernel([str(tmp_path / "gone" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    found = one(list(kernel_findings()), "python3")
    assert found.state == "problem"
    assert f"starts {tmp_path}/gone/bin/python, which is not there" in found.detail
    assert "python -m ipykernel install" in found.remedy


def test_another_kernel_whose_interpreter_is_gone_is_only_worth_a_look(kernel: MakeKernel) -> None:
    kernel(["/no/such/python"], "old-env")
    kernel(["/no/such/python"])
    assert one(list(kernel_findings()), "old-env").state == "warning"


def test_a_kernel_that_cannot_be_read(kernel: MakeKernel) -> None:
    kernel("{no json")
    found = one(list(kernel_findings()), "python3")
    assert found.state == "problem"
    assert "kernel.json cannot be read" in found.detail


@pytest.mark.slow
def test_a_kernel_whose_environment_lacks_torchmagic(kernel: MakeKernel, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    kernel([str(tmp_path / "env" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    found = one(list(kernel_findings()), "python3")
    assert found.state == "problem"
    assert "ModuleNotFoundError" in found.detail
    assert f"{tmp_path}/env/bin/python -m pip install torchmagic" in found.remedy


@pytest.mark.slow
def test_a_kernel_that_writes_to_stderr_would_cost_points(kernel: MakeKernel) -> None:
    kernel(["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], env={"PYTHONWARNINGS": "no such action"})
    found = one(list(kernel_findings()), "python3")
    assert found.state == "warning"
    assert "torchmagic" in found.detail
    assert "stderr" in found.remedy


# ---- programs


def test_programs_of_this_environment_on_path() -> None:
    assert [each.state for each in program_findings(f"{BIN}:/usr/bin")] == ["ok", "ok", "ok"]


def test_a_path_without_alembic() -> None:
    found = one(list(program_findings("/no/such/folder")), "alembic")
    assert found.state == "warning"
    assert f"export PATH={BIN}:$PATH" in found.remedy


def test_an_alembic_of_another_environment_comes_first(tmp_path: Path) -> None:
    (tmp_path / "alembic").write_text("#!/bin/sh\n")
    (tmp_path / "alembic").chmod(0o755)
    found = list(program_findings(f"{tmp_path}:{BIN}"))
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


# ---- without the instructor's part


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
