"""Collecting takes what a student handed in, and nothing that the student only pointed at or handed in for another."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from graders.nbgrader_plugin import collect, find_alembic
from graders.nbgrader_plugin.collect import Refused, copy_own
from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.exchange import exchange_step

CAREFUL = "graders.nbgrader_plugin.collect.CarefulCollect"
SOCKET = "import socket; socket.socket(socket.AF_UNIX).bind('socket')"
STOCK = "nbgrader.exchange.default.ExchangeCollect"
SECRET = "the hidden tests"
ME = pwd.getpwuid(os.geteuid()).pw_name
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")

pytestmark = pytest.mark.slow


class Exchange:
    """A course and its inbound folder, into which anybody writes anything."""

    def __init__(self, folder: Path) -> None:
        self.course = folder / "course"
        self.inbound = folder / "exchange" / "course" / "inbound"
        self.inbound.mkdir(parents=True)
        (self.course / "source" / "ps1").mkdir(parents=True)
        (self.course / "source" / "ps1" / "ps1.ipynb").write_text(SECRET)
        (self.course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")

    @property
    def source(self) -> Path:
        return self.course / "source" / "ps1" / "ps1.ipynb"

    def hand_in(self, student: str, text: str, time: str = "2026-03-01 10:00:00.000000 UTC") -> Path:
        folder = self.inbound / f"{student}+ps1+{time}+abcdef"
        folder.mkdir()
        (folder / "ps1.ipynb").write_text(text)
        (folder / "timestamp.txt").write_text(time)
        return folder

    def collect(self, how: str = CAREFUL, **settings: Any) -> None:
        config: Config = course_config(self.course)
        config.Exchange.root = str(self.inbound.parents[1])
        config.ExchangeFactory.collect = how
        config.CarefulCollect.update(settings)
        coursedir = CourseDirectory(config=config)
        coursedir.assignment_id = "ps1"
        find_alembic()
        exchange_step(config, "Collect", coursedir).start()

    def collected(self) -> dict[str, str]:
        submitted = self.course / "submitted"
        return {str(path.relative_to(submitted)): path.read_text() for path in submitted.rglob("*") if path.is_file()}


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path)


def test_a_submission_is_collected_as_nbgrader_does(exchange: Exchange, tmp_path: Path) -> None:
    other = Exchange(tmp_path / "other")
    for each in (exchange, other):
        each.hand_in("ada", "early")
        late = each.hand_in("ada", "late", "2026-03-02 10:00:00.000000 UTC")
        (late / "data").mkdir()
        (late / "data" / "table.csv").write_text("1,2")
        (late / "__pycache__").mkdir()
        (late / "__pycache__" / "x.pyc").write_text("left out by nbgrader's own rules")
        each.hand_in("ben", "work")
    exchange.collect()
    other.collect(STOCK)
    assert exchange.collected() == other.collected()
    assert exchange.collected()["ada/ps1/ps1.ipynb"] == "late"


def test_no_link_is_followed(exchange: Exchange) -> None:
    """nbgrader's own collecting hands the hidden tests to the student's code; so this test can fail."""
    work = exchange.hand_in("ada", "work")
    (work / "one.txt").symlink_to(exchange.source)
    (work / "folder").symlink_to(exchange.source.parent)
    exchange.hand_in("ben", "work")
    (exchange.inbound / "eve+ps1+2026-03-01 10:00:00.000000 UTC+x").symlink_to(exchange.source.parent)
    exchange.collect()
    assert exchange.collected() == {
        **{f"{student}/ps1/ps1.ipynb": "work" for student in ("ada", "ben")},
        **{f"{student}/ps1/timestamp.txt": "2026-03-01 10:00:00.000000 UTC" for student in ("ada", "ben")},
    }
    again = Exchange(exchange.course.parent / "again")
    work = again.hand_in("ada", "work")
    (work / "one.txt").symlink_to(again.source)
    again.collect(STOCK)
    assert again.collected()["ada/ps1/one.txt"] == SECRET


def test_names_that_are_no_submissions_stop_nobody(exchange: Exchange) -> None:
    exchange.hand_in("ada", "work")
    day = "2026-03-01 10:00:00.000000 UTC"
    for name in ("eve+ps1+yesterday+x", "eve+ps1+", f"..+ps1+{day}+x", f"+ps1+{day}+x", f"eve+ps1+{day[::-1]}"):
        (exchange.inbound / name).mkdir()
        (exchange.inbound / name / "ps1.ipynb").write_text("planted")
    exchange.collect()
    assert set(exchange.collected()) == {"ada/ps1/ps1.ipynb", "ada/ps1/timestamp.txt"}
    assert not (exchange.course / "ps1").exists()


def _fill(work: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(work / "pipe")
    elif kind == "socket":
        subprocess.run([sys.executable, "-c", SOCKET], cwd=work, check=True)
    elif kind == "sparse":
        with (work / "big").open("wb") as file:
            file.truncate(1 << 40)
    elif kind == "deep":
        (work / "/".join("d" * 40)).mkdir(parents=True)
    elif kind == "many":
        for number in range(30):
            (work / str(number)).write_text("")
    elif kind == "closed":
        (work / "closed").write_text("x")
        (work / "closed").chmod(0)


def test_what_cannot_be_copied_stops_nobody(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "FILES", 20)
    for kind in ("plain", "pipe", "socket", "closed", "sparse", "deep", "many"):
        _fill(exchange.hand_in(kind, "work"), kind)
    exchange.collect()
    with_notebook = {name.split("/")[0] for name in exchange.collected() if name.endswith("ps1.ipynb")}
    assert with_notebook == {"plain", "pipe", "socket", "closed"}
    if os.geteuid() != 0:  # who reads everything
        assert "closed/ps1/closed" not in exchange.collected()


@as_root
def test_nobody_hands_in_for_another(exchange: Exchange) -> None:
    """nbgrader's own collecting takes the forgery, with a warning; so this test can fail."""
    mine = exchange.hand_in(ME, "work")
    forged = exchange.hand_in(ME, "forged", "2026-03-02 10:00:00.000000 UTC")
    os.chown(forged, 12345, 12345)
    exchange.hand_in("nobody-of-this-name", "work")
    within = mine / "taken.txt"
    within.write_text("another's")
    os.chown(within, 12345, 12345)
    exchange.collect(accounts=True)
    assert exchange.collected() == {
        f"{ME}/ps1/ps1.ipynb": "work",
        f"{ME}/ps1/timestamp.txt": "2026-03-01 10:00:00.000000 UTC",
    }
    again = Exchange(exchange.course.parent / "again")
    os.chown(again.hand_in(ME, "forged"), 12345, 12345)
    again.collect(STOCK)
    assert again.collected()[f"{ME}/ps1/ps1.ipynb"] == "forged"


@pytest.fixture
def swapping(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a file is a link to a secret every other moment."""
    work, secret = tmp_path / "work", tmp_path / "secret"
    work.mkdir()
    secret.write_text(SECRET)
    script = f'cd "{work}"; while :; do echo work > a; ln -s "{secret}" b; mv b a; rm a; done'
    swapper = subprocess.Popen(["sh", "-c", script], stderr=subprocess.DEVNULL)
    try:
        yield work
    finally:
        swapper.kill()
        swapper.wait()


def test_a_file_that_turns_into_a_link_is_not_followed(swapping: Path, tmp_path: Path) -> None:
    said: list[str] = []
    for number in range(300):
        copy_own(swapping, tmp_path / str(number), None, 10_000, said.append)
        copied = [path.read_text() for path in (tmp_path / str(number)).iterdir()]
        assert SECRET not in copied
    assert said


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Refused, match="no folder"):
        copy_own(tmp_path / "link", tmp_path / "copy", None, 1000, print)
