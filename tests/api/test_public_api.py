"""The public interface is what tests/golden/public_api.txt lists; a change of it is made on purpose."""

from __future__ import annotations

import difflib
import os

import pytest

from tests.golden import GOLDEN, REWRITE, assert_golden

from .listing import public_api

NAME = "public_api.txt"
ADVICE = """The public interface differs from tests/golden/{name}:

{changes}

Lines with a minus were promised to users. docs/about/compatibility.md says how one goes: it is deprecated in a minor version,
warns there, and goes in a major version two minor versions later at the earliest. New lines need tests and documentation.
If the change is meant: say it in CHANGELOG.md, run `make golden`, and commit the listing with it."""


def changes(before: str, after: str) -> list[str]:
    """The lines that went, with a minus, and those that came, with a plus."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))]


@pytest.fixture(scope="module")
def now() -> str:
    return public_api()


def test_the_public_interface_is_the_one_that_is_listed(now: str) -> None:
    path = GOLDEN / NAME
    if path.exists() and not os.environ.get(REWRITE):
        found = changes(path.read_text(encoding="utf-8"), now)
        assert not found, ADVICE.format(name=NAME, changes="\n".join(found))
    assert_golden(now, NAME)


@pytest.mark.parametrize(
    "line",
    [
        "torchmagic.load(source: str | os.PathLike[str]) -> Shown",
        "torchmagic.records.TensorRecord.shape: tuple[int, ...]",
        "graders.nbgrader_plugin.configure(c: Any) -> None",
        "class graders.checks.CheckFailed(AssertionError)",
        "torchmagic grade --isolation {namespaces,process}",
        "%tensorinfo --sort {order,name,size,change}",
        "c.EngineExecute.memory_mib: Int = 2048",
        "console_scripts: torchmagic = graders.cli:main",
    ],
)
def test_something_of_each_kind_is_listed(now: str, line: str) -> None:
    assert line in now.splitlines()


def test_what_is_private_is_not(now: str) -> None:
    assert not [line for line in now.splitlines() if "._" in line and ".__init__(" not in line]
    assert "caller_variables" not in now


def test_a_change_is_seen(now: str) -> None:
    assert changes(now, now) == []
    changed = now.replace("torchmagic grade --fresh --force\n", "torchmagic grade --fresh\n")
    assert changes(now, changed) == ["-torchmagic grade --fresh --force", "+torchmagic grade --fresh"]
