"""Install a release's files into an empty environment, and try them there: ``python -m tests.smoke dist`` (`make smoke`)."""

from __future__ import annotations

import argparse
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.smoke.environment import PARTS, Environment, Failed, run

_TYPED = "import torchmagic; reveal_type(torchmagic.inspect(1)); reveal_type(torchmagic.trace())"
_TYPES = ("TensorRecord | torchmagic.records.GroupRecord", "GraphRecord")


def is_typed(environment: Environment) -> None:
    """A type checker reads the installed package's types, which says that py.typed is there and is honoured."""
    command = [sys.executable, "-m", "mypy", "--python-executable", environment.python, "--cache-dir=/dev/null"]
    said = run([*command, "-c", _TYPED], cwd=environment.folder)
    if not all(shown in said for shown in _TYPES):
        raise Failed(f"mypy sees other types than {_TYPES}:\n{said}")


def one(folder: Path, pattern: str) -> Path:
    """The one file of its kind.

    Raises:
        Failed: there is none, or there are several.
    """
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise Failed(f"{folder} holds {len(found)} files {pattern}; make one with `make dist`.")
    return found[0].resolve()


def smoke(dist: Path, python: str, folder: Path) -> None:
    """The wheel alone, then with its extras, then the sdist with the tests that it brings itself."""
    wheel, sdist = one(dist, "*.whl"), one(dist, "*.tar.gz")
    run([python, "-m", "venv", str(folder / "env")])
    environment = Environment(folder / "env")
    environment.pip_install(str(wheel))
    print("wheel:", environment.smoke("base"), flush=True)
    is_typed(environment)
    print("wheel: a type checker sees its types", flush=True)
    environment.pip_install(f"{wheel}[grade,widgets]")
    for part in PARTS:
        print("wheel[grade,widgets]:", environment.smoke(part), flush=True)
    environment.pip_install("--force-reinstall", "--no-deps", str(sdist))
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sdist", filter="data")
    scripts = one(folder / "sdist", "*/tests/smoke")
    for part in PARTS:
        print("sdist:", environment.smoke(part, scripts), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.smoke", description=__doc__)
    parser.add_argument("dist", type=Path, help="the folder with the wheel and the sdist")
    parser.add_argument("--python", default=sys.executable, help="the interpreter for which they are installed")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="torchmagic-smoke-") as folder:
            smoke(arguments.dist, arguments.python, Path(folder).resolve())
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
