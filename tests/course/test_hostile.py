"""A class of attackers beside honest students: each gets the verdict that it must get, and harms nobody."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook, MissingEntry

from graders.commands.grade import command
from graders.courses import clone_assignments, make_course
from graders.hostile import Host, hand_in, left_behind
from graders.mutants import HOSTILE, Mutant, load_mutants
from graders.nbgrader_plugin.course import Course
from graders.nbgrader_plugin.rows import NOT_GRADED, SubmissionRow

from .conftest import SOURCES, Graded

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.sandbox, pytest.mark.timeout(600)]

GROUPS = ("broken-files", "faults", "peeking", "tampering")
MUTANTS = {f"{mutant.group}-{mutant.name}": mutant for mutant in load_mutants(clone_assignments() / "mutants", HOSTILE)}
TOPICS = sorted({mutant.assignment for mutant in MUTANTS.values()})
HONEST = ("a-honest-student", "g-honest-student", "q-honest-student", "z-honest-student")

#: What does not get its verdict yet, and why; these are handed in and graded all the same.
NOT_YET: Mapping[str, str] = {}
#: What would harm others: not handed in until that is mended.
HARMS_OTHERS: Mapping[str, str] = {}

#: Seconds for a cell of those who must run out of time, and of the others: who must not, does not on a slow machine.
BRIEF, AMPLE = 5, 60
_CONFIG = """
import os
c.Execute.timeout = int(os.environ.get("CELL_SECONDS", 60))
c.EngineExecute.total_timeout = 5 * c.Execute.timeout
c.EngineExecute.memory_mib = 512
c.EngineExecute.disk_mib = 64
"""
_SECRET = "the-password-of-the-gradebook"
_GRADE = """
import dataclasses, json, os, sys
from pathlib import Path
from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.course import Course
from graders.nbgrader_plugin.said import log_to
from torchmagic.errors import TorchmagicError

course, classes = Path(sys.argv[1]), json.load(sys.stdin)
done = {"rows": {topic: [] for topic in classes}, "feedback": {}}
for topic, by_seconds in classes.items():
    for seconds, students in by_seconds.items():
        os.environ["CELL_SECONDS"] = seconds
        rows = grade_assignment(course, topic, jobs=4, students=students)
        done["rows"][topic] += [dataclasses.asdict(row) for row in rows]
    try:
        with log_to(course.parent / "feedback.log"):
            Course(course).write_feedback(topic)
    except TorchmagicError as error:
        done["feedback"][topic] = str(error)
Path(sys.argv[2]).write_text(json.dumps(done))
"""


@dataclass(frozen=True)
class Attacked:
    """The course after grading: rows by assignment and student, and what the attackers may have done besides."""

    host: Host
    rows: Mapping[tuple[str, str], SubmissionRow]
    feedback_errors: Mapping[str, str]
    reached: bytes
    before: Mapping[str, str]

    def texts(self, topic: str, student: str) -> dict[str, str]:
        """What anybody reads of a submission after grading."""
        course = self.host.course
        found = {"the comments": "\n".join(_comments(course, topic, student))}
        for what in ("autograded", "feedback"):
            for path in (course / what / student / topic).glob(f"{topic}.*"):
                found[what] = path.read_text(encoding="utf-8", errors="replace")
        return found


def _comments(course: Path, topic: str, student: str) -> Iterator[str]:
    database = f"sqlite:///{course / 'gradebook.db'}"
    with Gradebook(database, course.name) as gradebook, contextlib.suppress(MissingEntry):
        for comment in gradebook.find_submission_notebook(topic, topic, student).comments:
            yield f"{comment.auto_comment} {comment.manual_comment}"


def _course_files(course: Path) -> dict[str, str]:
    """Digests of what grading must not change."""
    walked = [step for part in ("source", "release", "submitted") for step in os.walk(course / part)]
    files = [course / "nbgrader_config.py", *(Path(place, name) for place, _, names in walked for name in names)]
    plain = [path for path in files if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 24]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in plain}


@contextlib.contextmanager
def _listener(reached: list[bytes]) -> Iterator[int]:
    """Somebody who listens on the host's loopback, by TCP and UDP, and keeps what came."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        port: int = server.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    reached.append(str(server.accept()).encode())

        def receive() -> None:
            with contextlib.suppress(OSError):
                while True:
                    reached.append(datagrams.recv(4096))

        for task in (accept, receive):
            threading.Thread(target=task, daemon=True).start()
        yield port
        server.shutdown(socket.SHUT_RDWR)


def _hand_all_in(course: Path, host: Host) -> None:
    made = Course(course)
    releases = {}
    for topic in TOPICS:
        made.generate(topic)
        releases[topic] = (course / "release" / topic / f"{topic}.ipynb").read_bytes()
    right = {topic: _right(topic) for topic in TOPICS}
    for topic in TOPICS:
        for student in HONEST:
            hand_in(right[topic], releases, course / "submitted" / student / topic, host)
    for student, mutant in MUTANTS.items():
        if student not in HARMS_OTHERS:
            hand_in(mutant, releases, course / "submitted" / student / mutant.assignment, host)


def _right(topic: str) -> Mutant:
    return next(mutant for mutant in load_mutants(clone_assignments() / "mutants", topic) if mutant.name == "right")


def _class(topic: str) -> dict[int, list[str]]:
    """Who is graded with how many seconds for a cell: honest students beside both kinds of attackers."""
    found: dict[int, list[str]] = {BRIEF: list(HONEST[:2]), AMPLE: list(HONEST[2:])}
    for student, mutant in MUTANTS.items():
        if mutant.assignment == topic and student not in HARMS_OTHERS:
            found[BRIEF if mutant.outcome == "timeout" else AMPLE].append(student)
    return found


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "outside").mkdir()
    course, reached = folder / "course", list[bytes]()
    make_course(course, SOURCES, extra_config=_CONFIG)
    with _listener(reached) as port:
        host = Host(course, folder / "outside", port, _SECRET)
        _hand_all_in(course, host)
        before = _course_files(course)
        command = [sys.executable, "-c", _GRADE, str(course), str(folder / "done.json")]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {**os.environ, "PATH": path, "TORCHMAGIC_SECRET": _SECRET}
        classes = json.dumps({topic: _class(topic) for topic in TOPICS})
        with (folder / "grade.log").open("w") as log:
            ended = subprocess.run(
                command, input=classes, text=True, stdout=log, stderr=log, env=environment, timeout=500, check=False
            )
    assert ended.returncode == 0, (folder / "grade.log").read_text()[-3000:]
    done: dict[str, Any] = json.loads((folder / "done.json").read_text())
    rows = {(topic, row["student"]): SubmissionRow(**row) for topic in TOPICS for row in done["rows"][topic]}
    return Attacked(host, rows, done["feedback"], b"".join(reached), before)


def _cases() -> Iterator[Any]:
    for student, mutant in MUTANTS.items():
        reason = {**NOT_YET, **HARMS_OTHERS}.get(student)
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        yield pytest.param(student, mutant, id=student, marks=marks)


@pytest.mark.parametrize(("student", "mutant"), list(_cases()))
def test_verdict_and_nothing_left_behind(attacked: Attacked, student: str, mutant: Mutant) -> None:
    topic = mutant.assignment
    row = attacked.rows[topic, student]
    assert (row.score or 0.0, row.outcome) == (pytest.approx(mutant.score), mutant.outcome), row.message
    if mutant.says:
        shown = "\n".join(Graded(attacked.host.course, {}).outputs(topic, student).values())
        assert mutant.says in f"{shown}\n{row.message}"
    texts = attacked.texts(topic, student)
    assert left_behind(mutant, attacked.host, texts) == []
    graded = row.outcome not in {*NOT_GRADED, "missing"}
    assert ("feedback" in texts) == ("autograded" in texts) == graded, list(texts)


@pytest.mark.parametrize("topic", TOPICS)
def test_honest_students_beside_them_get_full_marks(attacked: Attacked, topic: str) -> None:
    for student in HONEST:
        row = attacked.rows[topic, student]
        assert (row.score, row.outcome) == (14.0, "passed"), row.message
        assert "feedback" in attacked.texts(topic, student)


def test_nobody_reached_the_hosts_network_or_left_a_file_outside(attacked: Attacked) -> None:
    assert attacked.reached == b""
    assert list(attacked.host.outside.iterdir()) == []


def test_the_courses_own_files_are_as_they_were(attacked: Attacked) -> None:
    assert _course_files(attacked.host.course) == attacked.before
    assert len(attacked.before) > len(MUTANTS)


def test_the_gradebook_holds_those_who_handed_in_and_what_the_rows_say(attacked: Attacked) -> None:
    course = Course(attacked.host.course)
    for topic in TOPICS:
        rows = {student: row for (of, student), row in attacked.rows.items() if of == topic}
        handed_in = {student for student, mutant in MUTANTS.items() if mutant.assignment == topic}
        assert set(rows) == {*HONEST, *handed_in} - set(HARMS_OTHERS)
        scores = {entry.student: entry.score for entry in course.scores(topic).values()}
        assert {s: row.score for s, row in rows.items() if row.score is not None} == scores


def test_feedback_could_be_written_for_all(attacked: Attacked) -> None:
    assert attacked.feedback_errors == {}


def test_a_students_words_are_no_commands_for_the_terminal(attacked: Attacked) -> None:
    student = "faults-escapes-for-the-terminal"
    arguments = ["backward_pass", "--course", str(attacked.host.course), "--student", student]
    said = CliRunner().invoke(command, arguments).output
    assert "ada 14.0 passed" in said
    assert [letter for letter in said if not letter.isprintable() and letter != "\n"] == []


def test_there_are_many_of_each_group_and_of_each_assignment() -> None:
    assert len(MUTANTS) >= 64
    groups = [mutant.group for mutant in MUTANTS.values()]
    assert sorted(set(groups)) == sorted(GROUPS)
    assert min(groups.count(group) for group in GROUPS) >= 12
    assert len(TOPICS) >= 2
    assert set(NOT_YET) | set(HARMS_OTHERS) <= set(MUTANTS)
    assert sum(0 < mutant.score < 14 for mutant in MUTANTS.values()) >= 20
