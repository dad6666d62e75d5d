"""Versions: Python and the packages that torchmagic asks for, against the ranges in its own metadata."""

from __future__ import annotations

import importlib.util
import platform
import runpy
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from graders.installation import Found

_PART = "versions"


def version_findings(extra: str = "grade") -> Iterator[Found]:
    """Python, then each package that torchmagic or one of its extras needs.

    Args:
        extra: the extra whose packages are wanted, too; "" for a student's installation.
    """
    try:
        ours = metadata.distribution("torchmagic")
    except metadata.PackageNotFoundError:
        yield Found(
            _PART,
            "torchmagic",
            "warning",
            "runs from a folder and is not installed: versions are not known to fit",
            "Install it: pip install -e '.[grade]' in its clone.",
        )
        return
    yield python_finding(str(ours.metadata.json.get("requires_python", "")))
    yield from package_findings(ours.requires or (), extra)


def python_finding(wanted: str, version: str = platform.python_version()) -> Found:
    """Python's own version.

    >>> python_finding(">=3.10", "3.9.2").state
    'problem'
    """
    from packaging.specifiers import SpecifierSet

    where = f"{version} in {sys.prefix}"
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Found(_PART, "Python", "ok", where)
    return Found(_PART, "Python", "problem", f"{where}; {wanted} is needed", "Make an environment with a newer Python.")


def package_findings(requirements: Iterable[str], extra: str = "") -> Iterator[Found]:
    """One finding for each package that is wanted here.

    Args:
        requirements: as in a package's metadata, for example ``"torch>=2.4"`` or ``'click>=8.1; extra == "grade"'``.
        extra: the extra that is wanted, too.

    >>> [(each.what, each.state) for each in package_findings(["rich>=13", "rich>=9999", 'x; extra == "e"'])]
    [('rich', 'ok'), ('rich', 'problem')]
    """
    from packaging.requirements import Requirement

    for text in requirements:
        wanted = Requirement(text)
        if wanted.marker is not None and not any(wanted.marker.evaluate({"extra": name}) for name in {"", extra}):
            continue
        belongs = "" if wanted.marker is None or not extra else f"[{extra}]"
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            install = f"Install it: pip install 'torchmagic{belongs}'"
            yield Found(_PART, wanted.name, "problem", "not installed", install)
            continue
        detail = f"{version}{_build() if wanted.name == 'torch' else ''}"
        if wanted.specifier.contains(version, prereleases=True):
            yield Found(_PART, wanted.name, "ok", detail)
        else:
            remedy = f"Install one that fits: pip install '{wanted.name}{wanted.specifier}'"
            yield Found(_PART, wanted.name, "problem", f"{detail}; {wanted.specifier} is needed", remedy)


def _build() -> str:
    """What torch is built for, read from its file of versions: importing torch takes seconds."""
    spec = importlib.util.find_spec("torch")
    path = Path(spec.origin).with_name("version.py") if spec is not None and spec.origin else None
    if path is None or not path.is_file():
        return ""
    build = runpy.run_path(str(path))
    for name, label in (("cuda", "CUDA"), ("hip", "ROCm"), ("xpu", "XPU")):
        if build.get(name):
            return f", built for {label} {build[name]}"
    return ", built for CPUs alone"
