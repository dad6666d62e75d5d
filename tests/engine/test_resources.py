"""What a submission takes of the machine is counted wherever it is, and nothing of it stays; with walls and without."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graders.engine.client import Engine
from graders.engine.report import Cell, Limits, Outcome, Report, Submission
from tests.engine.conftest import Grade, answer, outcome

pytestmark = pytest.mark.sandbox

# ---- memory, disk and output

MEMORY = {
    "in processes whose names are not text": (
        "import ctypes, os, time\nctypes.CDLL(None).prctl(15, b'\\xff\\xfe')\n"
        "for i in range(5):\n    if os.fork() == 0:\n        x = bytearray(100 << 20)\n        x[::4096] = b'x' * len(x[::4096])\n        time.sleep(60)\n"
        "time.sleep(60)"
    ),
    "in programs that share nothing with the warm process": (
        "import subprocess, sys, time\ncode = 'import time; x = bytearray(70 << 20); x[::4096] = b\"x\" * len(x[::4096]); time.sleep(60)'\n"
        "started = [subprocess.Popen([sys.executable, '-S', '-c', code]) for i in range(8)]\ntime.sleep(60)"
    ),
    "in the buffers of sockets": (
        "import os, socket, time\n"
        "for i in range(4):\n    if os.fork() == 0:\n"
        "        kept = [socket.socketpair() for _ in range(240)]\n        time.sleep(60)\ntime.sleep(60)"
    ),
    "in page tables and small pieces": (
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.malloc.restype = ctypes.c_void_p\n"
        "while True:\n    p = libc.malloc(ctypes.c_size_t(65536))\n    if not p: raise MemoryError\n    ctypes.memset(p, 1, 65536)"
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMORY)
def test_memory_counts_wherever_it_is(grade: Grade, name: str) -> None:
    assert outcome(grade, MEMORY[name], cell_seconds=20.0, memory_bytes=256 << 20) is Outcome.MEMORY


def test_children_that_share_their_parents_memory_do_not_count_it_again(grade: Grade) -> None:
    source = (
        "import os, time\nx = bytearray(150 << 20)\nx[::4096] = b'x' * len(x[::4096])\nchildren = []\n"
        "for i in range(6):\n    pid = os.fork()\n    if pid == 0:\n        time.sleep(0.7)\n        os._exit(0)\n    children.append(pid)\n"
        "answer = [os.waitpid(pid, 0)[1] for pid in children]"
    )
    assert answer(grade, source, memory_bytes=512 << 20) == [0] * 6


def test_files_in_memory_are_disk_space(grade: Grade) -> None:
    source = (
        "import errno\nanswer = 0\ntry:\n    with open('/dev/shm/big', 'wb') as file:\n"
        "        for i in range(100): file.write(bytes(1 << 20)); answer += 1\nexcept OSError as error:\n    answer = [answer, error.errno]"
    )
    written, error = answer(grade, source, disk_bytes=32 << 20)
    assert written <= 32
    assert error in (errno.ENOSPC, errno.EFBIG)


def test_what_programs_print_is_kept_to_a_limit_and_counted(grade: Grade) -> None:
    cell = grade(
        (
            "student",
            "import subprocess, sys\ndone = subprocess.run([sys.executable, '-c', 'print(\"x\" * 3_000_000)'])",
        ),
        output_bytes=1 << 20,
    ).of(0)
    assert cell is not None
    text = "".join(output["text"] for output in cell.outputs)
    assert text.startswith("x" * (1 << 20))
    assert text.endswith(f"[{3_000_001 - (1 << 20)} more characters were not kept]\n")


def test_what_programs_print_without_end_stays_on_the_scratch_disk(grade: Grade) -> None:
    report = grade(
        ("student", "import subprocess\nsubprocess.run(['yes'])"),
        ("student", "x = 1"),
        ("test", "assert x == 1"),
        cell_seconds=10.0,
        disk_bytes=16 << 20,
    )
    assert report.of(2).score == 1.0, report  # type: ignore[union-attr]


# ---- what stays behind


def _processes_with(marker: str) -> list[int]:
    """Processes of this machine whose command line holds the marker."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in line:
                found.append(int(name))
    return found


def _until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return result


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


_CLINGING = (
    "import ctypes, os, signal, subprocess, time\nctypes.CDLL(None).prctl(1, 0)\n"
    "for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)\n"
    "subprocess.Popen(['sleep', '{marker}'], start_new_session=True)\ntime.sleep(60)"
)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["watcher killed", "engine closed"])
def test_no_submission_outlives_its_watcher(end: str) -> None:
    marker = f"61.{os.getpid()}{len(end)}"
    source = _CLINGING.replace("{marker}", marker)
    with Engine() as engine:
        thread = threading.Thread(
            target=lambda: engine.grade(Submission((Cell(0, source, "student"),), limits=Limits(30.0, 40.0)))
        )
        thread.start()
        assert _until(lambda: _processes_with(marker)), "the submission did not start"
        if end == "watcher killed":
            student = _parent(_processes_with(marker)[0])
            os.kill(_parent(student), signal.SIGKILL)
        else:
            engine.close()
        left = _until(lambda: not _processes_with(marker))
        thread.join(60)
    for pid in _processes_with(marker):  # where the wall fell, the test cleans up
        os.kill(pid, signal.SIGKILL)
    assert left


@pytest.mark.slow
def test_two_submissions_at_a_time_share_no_terminals() -> None:
    holder = "import os, time\nends = os.openpty()\nprint(os.ttyname(ends[1]))\ntime.sleep(3)"
    looker = "import os, time\ntime.sleep(1)\nanswer = [n for n in os.listdir('/dev/pts') if n != 'ptmx']"
    reports: dict[str, Report] = {}
    with Engine(at_once=2) as engine:

        def run(name: str, source: str) -> None:
            cells = (Cell(0, source, "student"), Cell(1, "assert answer == []", "test", 1.0))
            reports[name] = engine.grade(Submission(cells))

        threads = [threading.Thread(target=run, args=item) for item in (("holder", holder), ("looker", looker))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert reports["holder"].of(0).outputs[0]["text"].startswith("/dev/pts/")  # type: ignore[union-attr]
    assert reports["looker"].of(1).score == 1.0, reports["looker"]  # type: ignore[union-attr]


# ---- where there are no walls


@pytest.fixture(scope="module")
def unwalled() -> Any:
    with Engine(isolation="process") as engine:
        yield engine


@pytest.mark.slow
def test_without_walls_only_its_own_processes_count(unwalled: Engine) -> None:
    code = "x = bytearray(700 << 20); x[::4096] = b'x' * len(x[::4096]); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as neighbour:
        assert neighbour.stdout is not None
        neighbour.stdout.readline()
        source = "import time\ntime.sleep(0.5)"
        report = unwalled.grade(Submission((Cell(0, source, "student"),), limits=Limits(memory_bytes=256 << 20)))
        neighbour.communicate(b"\n")
    assert report.outcome is Outcome.PASSED, report


@pytest.mark.slow
def test_without_walls_children_count(unwalled: Engine) -> None:
    source = MEMORY["in processes whose names are not text"]
    report = unwalled.grade(
        Submission((Cell(0, source, "student"),), limits=Limits(20.0, 40.0, memory_bytes=256 << 20))
    )
    assert report.outcome is Outcome.MEMORY, report


@pytest.mark.slow
def test_without_walls_what_it_started_ends_with_it(unwalled: Engine) -> None:
    marker = f"62.{os.getpid()}"
    source = f"import os, subprocess\nif os.fork() == 0:\n    os.setsid()\n    subprocess.Popen(['sleep', '{marker}'])\n    os._exit(0)\nos.wait()"
    assert unwalled.grade(Submission((Cell(0, source, "student"),))).outcome is Outcome.PASSED
    assert _until(lambda: not _processes_with(marker))
