"""Hostile mutants on disk: what can lie in a notebook's place and beside it, what is refused, and what is found after."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graders.hostile import Host, hand_in, left_behind
from graders.mutants import HOSTILE, Mutant, load_mutants
from graders.nbgrader_plugin.unreadable import why_not_taken, why_unreadable

NOTEBOOK: dict[str, Any] = {
    "cells": [{"cell_type": "code", "id": "q1", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
RELEASES = {"topic": json.dumps(NOTEBOOK).encode(), "other": b"{}"}


def _mutant(**said: Any) -> Mutant:
    return Mutant("odd", "Odd.", "hostile", 0, "unreadable", assignment="topic", group="faults", **said)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "outside").mkdir()
    return Host(tmp_path / "course", tmp_path / "outside", 4711, "s3cret")


def _handed_in(tmp_path: Path, host: Host, **said: Any) -> Path:
    hand_in(_mutant(**said), RELEASES, tmp_path / "work", host)
    return tmp_path / "work" / "topic.ipynb"


def test_groups_are_folders_and_answers_those_of_the_assignment(tmp_path: Path) -> None:
    said = {"title": "One.", "kind": "hostile", "score": 1, "outcome": "failed"}
    for path, more in (("topic/right", {}), ("hostile/faults/odd", {"assignment": "topic"})):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "mutant.json").write_text(json.dumps({**said, **more}))
    (tmp_path / "topic" / "right" / "q1.py").write_text("right = 1\n")
    (found,) = load_mutants(tmp_path, HOSTILE)
    assert (found.name, found.group, found.assignment) == ("odd", "faults", "topic")
    assert found.answers == {"q1": "right = 1"}
    assert load_mutants(tmp_path, "topic")[0].assignment == "topic"


def test_json_text_and_encoding_are_changed_in_that_order(tmp_path: Path, host: Host) -> None:
    path = _handed_in(
        tmp_path,
        host,
        set=(["cells", 0, "source", "@LONG@ @PORT@ @COURSE@"],),
        replace={"@LONG@": [["ab", 2], ["c", 1]]},
        encoding="utf-16",
    )
    assert json.loads(path.read_bytes().decode("utf-16"))["cells"][0]["source"] == f"ababc 4711 {host.course}"


@pytest.mark.parametrize(
    ("what", "kind"),
    [({"fifo": True}, stat.S_ISFIFO), ({"socket": True}, stat.S_ISSOCK), ({"folder": True}, stat.S_ISDIR)],
)
def test_what_is_no_file_is_made_refused_and_not_waited_for(tmp_path: Path, host: Host, what: Any, kind: Any) -> None:
    path = _handed_in(tmp_path, host, place=what)
    assert kind(path.stat().st_mode)
    assert why_unreadable(path) == "is not a file"


def test_files_of_any_size_name_and_depth_lie_beside(tmp_path: Path, host: Host) -> None:
    odd = (
        {"zeros": 5},
        {"files": 3},
        {"nested": 2, "name": "d"},
        {"release": "other"},
        "for @SECRET@",
        {"link": "@OUTSIDE@"},
    )
    path = _handed_in(
        tmp_path, host, beside=dict(zip(("z", "many", "deep", "in/o", "text", "\udcff"), odd, strict=True))
    )
    beside = path.parent
    assert (beside / "z").read_bytes() == bytes(5)
    assert len(list((beside / "many").iterdir())) == 3
    assert (beside / "deep/d/d/last.txt").exists()
    assert (beside / "in/o").read_bytes() == b"{}"
    assert (beside / "text").read_text() == "for s3cret"
    assert os.readlink(os.fsencode(beside) + b"/\xff") == os.fsencode(host.outside)
    assert (why_unreadable(path), why_not_taken(path)) == ("", "")


def test_an_unknown_thing_is_an_error(tmp_path: Path, host: Host) -> None:
    with pytest.raises(ValueError, match="nothing that can lie"):
        _handed_in(tmp_path, host, place={"hologram": True})


@pytest.mark.parametrize(
    ("beside", "why"),
    [
        ({"pipe": {"fifo": True}}, "'pipe' beside it, which is no file"),
        ({"zero": {"link": "/dev/zero"}}, "'zero' beside it, which is no file"),
        ({"big": {"zeros": 65 << 20}}, "more than 64 MiB"),
        ({"down": {"nested": 30, "name": "d" * 80}}, "path is longer"),
        ({"timestamp.txt": "yesterday evening"}, "timestamp.txt beside it that holds no time"),
        ({"timestamp.txt": "9999-12-31 23:59:59 -43200"}, "timestamp.txt beside it that holds no time"),
    ],
)
def test_what_must_not_be_copied_is_refused_with_a_reason(tmp_path: Path, host: Host, beside: Any, why: str) -> None:
    assert why in why_not_taken(_handed_in(tmp_path, host, beside=beside))


@pytest.mark.parametrize("time", ["", "2026-02-01 12:00:00 UTC", "2026-02-01 12:00:00 +0100"])
def test_times_and_links_of_honest_students_are_taken(tmp_path: Path, host: Host, time: str) -> None:
    beside = {"timestamp.txt": time, "gone.csv": {"link": "nowhere"}, "circle": {"link": "circle"}, "notes.txt": "x"}
    assert why_not_taken(_handed_in(tmp_path, host, beside=beside)) == ""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"set": (["metadata", "deep", "@DEEP@"],), "replace": {'"@DEEP@"': [["[", 150], ["]", 150]]}},
            "nested deeper",
        ),
        ({"replace": {'"1"': '"\\ud800"'}}, "no file can hold"),
        ({"replace": {'"cells": [': [['"cells": [', 1], ["{}, ", 10_001]]}}, "more than 10000 cells"),
        ({"set": (["nbformat", True],)}, "JSON but not a notebook"),
        ({"place": {"zeros": 1 << 33}}, "larger than 64 MiB"),
        ({"place": {"link": "/etc/hostname"}}, "link to a file elsewhere"),
    ],
)
def test_notebooks_that_would_harm_the_grader_are_refused_with_a_reason(
    tmp_path: Path, host: Host, said: Any, why: str
) -> None:
    assert why in why_unreadable(_handed_in(tmp_path, host, **said))


def test_whole_characters_beyond_the_basic_plane_are_fine(tmp_path: Path, host: Host) -> None:
    assert why_unreadable(_handed_in(tmp_path, host, replace={'"1"': '"\\ud83d\\ude00"'})) == ""


def test_what_is_left_behind_is_found(host: Host) -> None:
    def left(texts: dict[str, str], **leaves_no: Any) -> list[str]:
        return left_behind(_mutant(leaves_no=leaves_no), host, texts)

    (host.outside / "ran").symlink_to("nowhere")
    read = {"autograded": "my s3cret", "feedback": "a script"}
    marker = f"marker-{os.getpid()}"
    command = [sys.executable, "-c", "print(1, flush=True); input()", marker]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"1\n"  # only now is the command line surely its own
        assert left(read, processes=[marker]) == [f"process {running.pid} ({marker})"]
        running.communicate(b"\n")
    assert left(read, processes=[marker]) == []
    assert left(read, files=["@OUTSIDE@/ran", "@OUTSIDE@/other"]) == [f"the file {host.outside}/ran"]
    assert left(read, words=["@SECRET@", "script", "none"]) == ["'s3cret' in autograded", "'script' in feedback"]
    assert left(read, feedback=["script", "@SECRET@"]) == ["'script' in the feedback"]
    assert left({"feedback": "x" * 2_000_000}, megabytes=1) == ["2 MB"]
    assert left({"feedback": "x"}, megabytes=1) == []
