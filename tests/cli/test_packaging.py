"""What is installed: pins for everything, and no assignments in what a student gets."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import tarfile
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import torchmagic
from tests.wheels import ROOT, build, copy_clone

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
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def built(clone: Path) -> Path:
    """The folder of the sdist, and of the wheel that is built from the sdist."""
    build(clone, clone / "dist")
    return clone / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def sdist(built: Path) -> list[str]:
    """The files of the sdist, below its folder."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return [one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()]


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _metadata(wheel: Path) -> Message:
    (text,) = (content for name, content in _contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(text)


@pytest.mark.slow
def test_the_wheel_holds_no_assignments(wheel: Path) -> None:
    names = list(_contents(wheel))
    assert {name.split("/", 1)[0] for name in names if ".dist-info" not in name} == {"torchmagic", "graders"}
    notebooks = [name for name in names if name.endswith(".ipynb")]
    assert notebooks == ["torchmagic/tour.ipynb"], "the tour, and nothing else"
    assert not [name for name in names if "/mutants/" in name or name.startswith("tests")]


@pytest.mark.slow
def test_the_wheel_holds_all_modules_templates_and_type_markers(wheel: Path) -> None:
    names = set(_contents(wheel))
    for package in ("torchmagic", "graders"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names
        assert f"{package}/py.typed" in names


@pytest.mark.slow
def test_the_clone_gives_the_same_wheel_as_the_sdist(clone: Path, wheel: Path, tmp_path: Path) -> None:
    build(clone, tmp_path, "--wheel")
    (other,) = tmp_path.glob("*.whl")
    assert other.name == wheel.name
    assert _contents(other) == _contents(wheel)


@pytest.mark.slow
def test_the_sdist_holds_the_packages_the_smoke_tests_and_no_answer(sdist: list[str]) -> None:
    assert {"CHANGELOG.md", "CITATION.cff", "LICENSE", "PACKAGE.md", "tests/smoke/base.py"} <= set(sdist)
    kept = ("torchmagic/", "graders/", "tests/smoke/", "torchmagic.egg-info/")
    assert not [name for name in sdist if "/" in name and not name.startswith(kept)]


@pytest.mark.slow
def test_metadata_says_what_an_index_needs(wheel: Path) -> None:
    metadata = _metadata(wheel)
    assert metadata["Version"] == torchmagic.__version__
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata["Description-Content-Type"] == "text/markdown"
    said = {c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier", []) if "Python :: 3." in c}
    assert said == {"3.10", "3.11", "3.12", "3.13"}
    text = metadata.get_payload()
    assert isinstance(text, str)
    assert text.strip() == (ROOT / "PACKAGE.md").read_text(encoding="utf-8").strip()


def test_the_description_on_an_index_links_to_nothing_that_is_not_there() -> None:
    """No page of an index has the clone's pictures and pages beside it."""
    text = (ROOT / "PACKAGE.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((?!https?://)|<img|!\[", text) == []
    extras = set(re.findall(r"^\| `\[(\w+)\]`", text, re.MULTILINE))
    assert extras == {"grade", "cluster", "postgresql", "parquet", "widgets"}
