"""What users install, built of the files here: the sdist and the wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy_clone(folder: Path) -> Path:
    """A copy of what goes into a release, and of what must not, in an empty folder: what setuptools leaves behind stays there."""
    for name in ("torchmagic", "graders", "assignments", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, folder / path.name)
    return folder


def build(clone: Path, into: Path, *options: str) -> None:
    """Build the sdist, and of this the wheel; or what the options of `python -m build` say."""
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(into), str(clone)]
    subprocess.run(command, check=True, capture_output=True)


def build_wheel(folder: Path) -> Path:
    """The wheel's path, built of a copy in ``folder``."""
    build(copy_clone(folder), folder / "dist", "--wheel")
    (path,) = (folder / "dist").glob("*.whl")
    return path


def install_wheel(wheel: Path, folder: Path) -> Path:
    """Install it into a folder for PYTHONPATH, without what it needs: that is what this interpreter has."""
    options = ["-q", "--no-deps", "--no-index", "--target", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True, capture_output=True)
    return folder
