"""What the warm parents rehearse passes, and leaves nothing behind for a submission to see."""

from __future__ import annotations

import subprocess
import sys

import pytest

from graders.engine.remote import Student
from tests.engine.conftest import Grade

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

_SHOWS = """\
names = sorted(name for name in globals() if not name.startswith("_"))
import sys
ours = sorted(name for name in sys.modules if name.startswith("graders"))
print(names, len(In), Out, repr(_ih[0]))
"""


def test_what_is_rehearsed_passes() -> None:
    code = (
        "from graders.engine import warm\nfrom graders.engine.rehearsal import rehearse_judge\nwarm._import_torch()\n"
        "for report in rehearse_judge(): assert report.outcome.value == 'passed', report\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_submission_sees_nothing_of_it(grade: Grade) -> None:
    for _ in range(2):
        report = grade(
            ("student", _SHOWS),
            ("test", "assert not {'f', 'g', 'k', 'W', 'layer', 'a'} & set(dir(__import__('__main__')))"),
            (
                "test",
                "assert not [n for n in ours if 'check' in n or 'judge' in n or 'testcell' in n or n.endswith('.remote')], ours",
            ),
        )
        shown = report.of(0).outputs[0]["text"]  # type: ignore[union-attr]
        assert shown == "['In', 'Out', 'exit', 'get_ipython', 'open', 'quit'] 2 {} ''\n"
        assert [cell.score for cell in report.cells[1:]] == [1.0, 1.0], report


def test_nothing_is_asked_where_a_test_changed_nothing() -> None:
    import socket

    mine, theirs = socket.socketpair()
    with mine, theirs:
        Student(mine).push()
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
