"""An empty environment, what is installed into it, and the smoke tests that its own interpreter runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: The scripts beside this one, by what has to be installed for them.
PARTS = ("base", "grade", "widgets")
#: What would let an environment see more than what is installed in it.
_LEAKS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_CONSTRAINT")


class Failed(Exception):
    """A step ended with another status than 0; the message holds what it said."""


def run(command: Sequence[str], *, cwd: Path | None = None, timeout: float = 1800) -> str:
    """What a command prints, without this interpreter's own settings.

    Raises:
        Failed: it did not end well.
    """
    env: Mapping[str, str] = {name: value for name, value in os.environ.items() if name not in _LEAKS}
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(command)} was not done after {timeout:.0f} s") from error
    if done.returncode:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def pip_install(self, *wanted: str) -> None:
        """Install as a user does."""
        run([self.python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *wanted])

    def smoke(self, part: str, scripts: Path = HERE) -> str:
        """Run one of PARTS, which sees nothing of the clone's: ``-I`` leaves its folders out of the path."""
        return run(
            [self.python, "-I", "-W", "error", str(scripts / f"{part}.py")], cwd=self.folder, timeout=1800
        ).strip()

    def versions(self, *names: str) -> str:
        """What is installed of these distributions, as ``name version``."""
        code = "import importlib.metadata as m, sys; print(*(f'{n} {m.version(n)}' for n in sys.argv[1:]), sep=', ')"
        return run([self.python, "-I", "-c", code, *names]).strip()
