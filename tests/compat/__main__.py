"""Run nbgrader's own tests with the plugin: ``python -m tests.compat [pytest's arguments]``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbgrader

ONE_LINE = "from graders.nbgrader_plugin import configure; configure(c)\n"
TESTS = (
    "apps/test_nbgrader_autograde.py",
    "apps/test_nbgrader_validate.py",
    "apps/test_nbgrader_generate_feedback.py",
    "apps/test_nbgrader_formgrade.py",
    "preprocessors",
)
_NBGRADER = Path(nbgrader.__file__).resolve().parent
_ROOT = Path(__file__).resolve().parents[2]
_DOCS = "docs/source/user_guide"  # nbgrader's tests look for it below nbgrader/ in the working folder


def run(*arguments: str, configuration: str = ONE_LINE, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    """Run nbgrader's tests in a folder of their own, with ``configuration`` in a Jupyter configuration folder.

    Args:
        arguments: for pytest; tests are named as in ``TESTS``, all of them where none is.
        quiet: keep the output in the result instead of showing it.
    """
    named = [str(_NBGRADER / "tests" / a) if a.split("::")[0].endswith(".py") or a in TESTS else a for a in arguments]
    if not any(argument.startswith(str(_NBGRADER)) for argument in named):
        named += [str(_NBGRADER / "tests" / test) for test in TESTS]
    with tempfile.TemporaryDirectory(prefix="torchmagic-compat-", ignore_cleanup_errors=True) as folder:
        work = Path(folder, "work")
        shutil.copytree(_NBGRADER / _DOCS, work / "nbgrader" / _DOCS)
        (work / "pytest.ini").write_text("[pytest]\n")
        for name in ("config", "home", "tmp"):
            Path(folder, name).mkdir()
        Path(folder, "config", "nbgrader_config.py").write_text("c = get_config()\n" + configuration)
        command = [sys.executable, "-m", "pytest", "-p", "tests.compat.witness", "-c", str(work / "pytest.ini")]
        command += ["--rootdir", str(work), "-p", "no:cacheprovider", "-q", "-rxX", "--disable-warnings", *named]
        return subprocess.run(command, cwd=work, env=_environment(folder), text=True, check=False, capture_output=quiet)


def _environment(folder: str) -> dict[str, str]:
    """This one, with nobody's own Jupyter configuration and this interpreter's programs first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "PYTEST"))}
    return {
        **kept,
        "JUPYTER_CONFIG_DIR": f"{folder}/config",
        "HOME": f"{folder}/home",
        "TMPDIR": f"{folder}/tmp",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(_ROOT),
    }


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]).returncode)
