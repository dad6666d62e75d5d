"""A pytest plugin for nbgrader's own tests: who graded the notebooks, and whether the exceptions are still needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

EXCEPTIONS = Path(__file__).with_name("exceptions.txt")


def read_exceptions(text: str) -> dict[str, str]:
    """The tests that cannot pass by design, and why.

    >>> read_exceptions("# a comment\\ntest_a::TestA::test_x  it cannot\\n")
    {'test_a::TestA::test_x': 'it cannot'}
    """
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {pair[0]: pair[1] for pair in pairs}


def name_of(item: pytest.Item) -> str:
    """A test's name without the folder that nbgrader is installed in."""
    return "::".join([item.path.stem, *item.nodeid.split("::")[1:]])


class Witness:
    """Looks at each autograded notebook that a test leaves, before the test's folders are taken away."""

    def __init__(self, exceptions: dict[str, str]) -> None:
        self.exceptions = exceptions
        self.by_engine = 0
        self.otherwise: list[str] = []
        self.unknown: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The exceptions must fail: one that passes is a failure."""
        for item in items:
            reason = self.exceptions.get(name_of(item))
            if reason is not None:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        if items and not any("::" in argument for argument in items[0].config.args):  # whole modules were asked for
            modules = {item.path.stem for item in items}
            collected = {name_of(item) for item in items}
            self.unknown = {name for name in self.exceptions if name.split("::")[0] in modules} - collected

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: Any) -> None:
        """Count this test's autograded notebooks by who graded them; some tests put empty ones in their place."""
        course = item.funcargs.get("course_dir")
        for path in sorted(Path(course).glob("autograded/*/*/*.ipynb")) if course else ():
            try:
                notebook = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:  # a test of nbgrader's own put something else there
                continue
            graded_by = notebook["metadata"].get("torchmagic", {}).get("by")
            if graded_by == "engine":
                self.by_engine += 1
            elif graded_by is None and notebook["cells"]:  # else nbgrader was told not to run it, or by which kernel
                self.otherwise.append(f"{name_of(item)}: {path.parent.parent.name}/{path.name}")

    def complaints(self) -> list[str]:
        """Why this run proves nothing; empty where it does."""
        found = [f"graded without the plugin: {what}" for what in self.otherwise]
        found += [f"exceptions.txt names a test that there is not: {name}" for name in sorted(self.unknown)]
        if not self.by_engine:
            found.append("no notebook was graded by the engine: did the configuration reach the tests?")
        return found

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A run that proves nothing is a failure."""
        if self.complaints() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what was seen."""
        terminalreporter.section("the plugin in nbgrader's own tests")
        terminalreporter.write_line(f"{self.by_engine} autograded notebooks were graded by the engine")
        for complaint in self.complaints():
            terminalreporter.write_line(complaint, red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the witness; its state lives as long as the run."""
    config.pluginmanager.register(Witness(read_exceptions(EXCEPTIONS.read_text(encoding="utf-8"))))
