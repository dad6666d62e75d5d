"""Version, changelog and citation say the same, in the forms that their readers know."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

import torchmagic

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
_RELEASE = re.compile(r"## \[(?P<version>[^]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?( \[YANKED\])?")


def sections(changelog: str) -> dict[str, tuple[str | None, list[str]]]:
    """For each version its date, and the kinds of changes that are listed; "Unreleased" has no date."""
    found: dict[str, tuple[str | None, list[str]]] = {}
    for line in changelog.splitlines():
        if line.startswith("## "):
            match = _RELEASE.fullmatch(line)
            assert match, f"no heading of a version: {line!r}"
            found[match["version"]] = (match["date"], kinds := [])
        elif line.startswith("### "):
            kinds.append(line[4:])
    return found


def problems(changelog: str, version: str) -> list[str]:
    """What is not as Keep a Changelog has it, or does not fit the version."""
    listed = sections(changelog)
    wrong = []
    names = list(listed)
    if names[:1] != ["Unreleased"]:
        wrong.append("the first version must be [Unreleased]")
    released = names[1:]
    if sorted(released, key=Version, reverse=True) != released:
        wrong.append("the newest version comes first")
    for name, (date, kinds) in listed.items():
        if kinds != [kind for kind in KINDS if kind in kinds]:
            wrong.append(f"{name}: {kinds} are not {KINDS}, once each and in this order")
        if (date is None) != (name == "Unreleased"):
            wrong.append(f"{name}: a release has a date, and nothing else has")
        if date is not None:
            datetime.date.fromisoformat(date)
    if released and Version(released[0]) > Version(version):
        wrong.append(f"{released[0]} is released, but the version is {version}")
    return wrong


def test_the_changelog_is_in_its_form() -> None:
    assert problems(CHANGELOG, torchmagic.__version__) == []
    assert "keepachangelog.com/en/1.1.0" in CHANGELOG


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("## [1.0.0] - 2026-01-01\n", "the first version"),
        ("## [Unreleased]\n## [1.0.0] - 2026-01-01\n## [1.1.0] - 2026-02-01\n", "the newest"),
        ("## [Unreleased]\n### Fixed\n### Added\n", "in this order"),
        ("## [Unreleased]\n### New\n", "in this order"),
        ("## [Unreleased]\n## [0.1.0]\n", "has a date"),
        ("## [Unreleased]\n## [9.0.0] - 2026-01-01\n", "but the version is"),
    ],
)
def test_what_is_not_would_be_seen(text: str, what: str) -> None:
    (found,) = problems(text, "1.2.0")
    assert what in found


def test_the_citation_names_this_version_and_license() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert str(cited["version"]) == torchmagic.__version__
    assert cited["license"] == "BSD-3-Clause"
    assert cited["message"]
    assert cited["authors"]
    date = sections(CHANGELOG).get(torchmagic.__version__, (None, []))[0]
    assert str(cited.get("date-released") or "") == (date or ""), "the day of the release is in both, or in neither"


def test_the_version_is_one() -> None:
    assert str(Version(torchmagic.__version__)) == torchmagic.__version__
