"""What is installed: pins for everything, and no assignments in what a student gets."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.wheels import ROOT, build_wheel

#: Extras that no other one brings: large, for one question of one assignment, and asked only where they are installed.
NOT_INSTALLED = ("tensorflow",)


def _pins(text: str) -> dict[str, list[Requirement]]:
    pins: dict[str, list[Requirement]] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement = Requirement(line)
            pins.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return pins


def _closure(requirements: list[Requirement]) -> Iterator[Requirement]:
    """All requirements that installing these brings, by the metadata of what is installed."""
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = list(requirements)
    while todo:
        requirement = todo.pop()
        extras = {"", *requirement.extras}
        key = canonicalize_name(requirement.name), frozenset(extras)
        if key in seen:
            continue
        seen.add(key)
        yield requirement
        for text in importlib.metadata.requires(requirement.name) or []:
            further = Requirement(text)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(further)


def _wanted() -> list[Requirement]:
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(ROOT / "setup.cfg")
    lines = metadata["options"]["install_requires"].splitlines()
    for name, extra in metadata["options.extras_require"].items():
        if name not in NOT_INSTALLED:
            lines += extra.splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("%")]


def test_constraints_pin_everything_that_is_installed() -> None:
    pins = _pins((ROOT / "constraints.txt").read_text())
    loose, other = [], []
    for requirement in _closure(_wanted()):
        applying = [p for p in pins.get(canonicalize_name(requirement.name), []) if not p.marker or p.marker.evaluate()]
        installed = importlib.metadata.version(requirement.name)
        if not applying:
            loose.append(requirement.name)
        elif not applying[0].specifier.contains(installed, prereleases=True):
            other.append(f"{requirement.name} {installed}")
    assert not loose, f"constraints.txt does not pin {loose}"
    assert not other, f"installed are other versions than constraints.txt pins: {other}"


def test_every_pin_is_exact() -> None:
    for pins in _pins((ROOT / "constraints.txt").read_text()).values():
        for pin in pins:
            assert re.fullmatch(r"==[0-9][\w.]*", str(pin.specifier)), pin


def test_torch_is_pinned_once() -> None:
    assert [str(pin) for pin in _pins((ROOT / "constraints.txt").read_text())["torch"]] == ["torch==2.13.0"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return build_wheel(tmp_path_factory.mktemp("clone"))


@pytest.mark.slow
def test_the_wheel_holds_no_assignments(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/", 1)[0] for name in names if ".dist-info" not in name} == {"torchmagic", "graders"}
    notebooks = [name for name in names if name.endswith(".ipynb")]
    assert notebooks == ["torchmagic/tour.ipynb"], "the tour, and nothing else"
    assert not [name for name in names if "/mutants/" in name or name.startswith("tests")]


@pytest.mark.slow
def test_the_wheel_holds_all_modules_templates_and_type_markers(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("torchmagic", "graders"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".j2", ".css", ".typed"):
                assert path.relative_to(ROOT).as_posix() in names
        assert f"{package}/py.typed" in names
