"""Build an environment of each combination, and try the release in it: ``python -m tests.versions dist`` (`make versions`).

Each costs some gigabytes, which go when it is done (``--keep`` leaves them), and some minutes. A torch without CUDA is
fetched where ``UV_TORCH_BACKEND=cpu`` is set. An interpreter that is not there is fetched by uv, or said to be missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.smoke.__main__ import one
from tests.smoke.environment import PARTS, Environment, Failed, run

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".versions"
UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])) or "uv"
EXTRAS = ("cluster", "parquet", "postgresql", "widgets")
#: What tests need beside the extras.
TOOLS = ("pandas>=2", "psutil>=5.9", "pytest>=8", "pytest-timeout>=2.3", "pytest-xdist>=3.6")
#: The quick tests, less those whose tools have bounds of their own, and those that hold for the pinned versions.
LEFT_OUT = (
    "tests/e2e",
    "tests/docs",
    "tests/api",
    "tests/compat",
    "tests/cli/test_packaging.py",
    "tests/checks/test_docs.py",
)
TESTS = ("tests", "torchmagic", "graders", *(f"--ignore={path}" for path in LEFT_OUT))
QUICK = "not slow and not e2e and not sandbox and not bench and not gpu"
NAMED = ("torch", "numpy", "ipython", "nbgrader", "ipykernel", "nbconvert", "click", "rich", "dask")


@dataclass(frozen=True)
class Combination:
    """A Python, and which of the versions that setup.cfg allows."""

    python: str
    resolution: str

    @property
    def name(self) -> str:
        return f"{'oldest' if self.resolution == 'lowest-direct' else 'newest'}-{self.python}"


COMBINATIONS = (
    Combination("3.10", "lowest-direct"),  # newer Pythons have no wheels of the oldest numpy and torch
    *(Combination(python, "highest") for python in ("3.10", "3.11", "3.12", "3.13")),
)


def build(combination: Combination, wheel: Path) -> Environment:
    """An environment in which the wheel, its extras and what tests need are installed."""
    environment = Environment(FOLDER / combination.name)
    run([UV, "venv", "-q", "--clear", "--python", combination.python, str(environment.folder)])
    install = [UV, "pip", "install", "-q", "--python", environment.python]
    wanted = [option for extra in EXTRAS for option in ("--extra", extra)]
    direct = ["--resolution", combination.resolution, "-r", "pyproject.toml", *wanted]  # a wheel's would not be direct
    run([*install, *direct, *TOOLS], cwd=ROOT)
    run([*install, "--no-deps", str(wheel)])
    return environment


def quick_tests(environment: Environment) -> str:
    """The last line of the quick tests of this clone."""
    options = ["-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", "-m", QUICK]
    said = run([environment.python, "-m", "pytest", *options, *TESTS], cwd=ROOT, timeout=3000)
    return said.strip().splitlines()[-1]


def tried(combination: Combination, wheel: Path, *, tests: bool) -> None:
    """Say what is so; stop at the first thing that is not.

    Raises:
        Failed: something did not end well.
    """
    begun = time.monotonic()
    environment = build(combination, wheel)
    print(f"{combination.name}: {environment.versions(*NAMED)}", flush=True)
    for part in PARTS:
        print(f"{combination.name}: {environment.smoke(part)}", flush=True)
    if tests:
        print(f"{combination.name}: {quick_tests(environment)}", flush=True)
    print(f"{combination.name}: good, after {time.monotonic() - begun:.0f} s", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__.partition("\n")[0])
    parser.add_argument("dist", type=Path, help="the folder with the wheel")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(c.name for c in COMBINATIONS))
    parser.add_argument("--keep", action="store_true", help="leave the environments in .versions")
    parser.add_argument("--smoke-only", action="store_true", help="leave the quick tests out")
    given = parser.parse_args(arguments)
    unknown = set(given.names) - {combination.name for combination in COMBINATIONS}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in COMBINATIONS)}")
    failed = []
    for combination in COMBINATIONS:
        if given.names and combination.name not in given.names:
            continue
        try:
            tried(combination, one(given.dist, "*.whl"), tests=not given.smoke_only)
        except Failed as error:
            failed.append(combination.name)
            print(f"{combination.name}: {error}", file=sys.stderr, flush=True)
        finally:
            if not given.keep:
                shutil.rmtree(FOLDER / combination.name, ignore_errors=True)
    print(f"failed: {', '.join(failed)}" if failed else "all combinations are good")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
