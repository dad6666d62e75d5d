"""A browser for the journeys, and a home for each user."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.course import TOPIC, School
from tests.e2e.programs import Home, Visitor, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or whichever there is."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


@pytest.fixture
def visitor(browser: Browser, request: pytest.FixtureRequest) -> Visitor:
    """Somebody at the browser; pictures go into a folder with the test's name."""
    return Visitor(browser, re.sub(r"\W+", "-", request.node.name).strip("-"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home folder with fresh settings."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    """A course with a real exchange, and one assignment released there."""
    school = School(tmp_path_factory.mktemp("school"))
    school.found()
    school.course.generate(TOPIC)
    school.course.release(TOPIC)
    return school
