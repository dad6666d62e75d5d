"""What a submission cannot do, by which wall; where the kernel lacks one of them, grading refuses."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import graders
import torchmagic
from graders.engine.client import Engine
from graders.engine.report import Cell, Outcome, Submission
from graders.engine.seccomp import REFUSED
from tests.engine.conftest import Grade, answer

pytestmark = pytest.mark.sandbox


def test_refused_calls_are_refused_behind_the_walls(grade: Grade) -> None:
    column = 0 if os.uname().machine == "x86_64" else 1
    numbers = {name: pair[column] for name, pair in REFUSED.items() if pair[column] is not None}
    errors = answer(
        grade,
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nanswer = {}\n"
        f"for name, number in {numbers}.items():\n"
        "    done = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)\n"
        "    answer[name] = ctypes.get_errno() if done == -1 else 0",
    )
    assert {name: number for name, number in errors.items() if number != errno.EPERM} == {}


TRIES = {
    "a socket to the host of a virtual machine": ("import socket\nsocket.socket(40, socket.SOCK_STREAM)", "OSError"),
    "shared memory that no count sees": ("import mmap\nmmap.mmap(-1, 4096)", "PermissionError"),
    "a set-uid program's rights": (
        "import subprocess\nif subprocess.run(['su', '-c', 'true']).returncode: raise PermissionError",
        "PermissionError",
    ),
    "write into its own /proc": ("open('/proc/self/comm', 'w').write('x')", "PermissionError"),
    "write a kernel setting": ("open('/proc/sys/net/ipv4/ip_forward', 'w').write('1')", "PermissionError"),
    "shield itself from the kernel's choice": ("open('/proc/self/oom_score_adj', 'w').write('0')", "PermissionError"),
    "hand its core to a crash reporter": ("import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))", "ValueError"),
    "more files at a time": ("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))", "ValueError"),
    "a message queue": (
        "import ctypes\nlibc = ctypes.CDLL('librt.so.1', use_errno=True)\n"
        "if libc.mq_open(b'/q', 66, 0o600, None) < 0: raise PermissionError",
        "PermissionError",
    ),
    **{
        f"a file in {folder}": (f"open('{folder}/left-behind', 'w')", ("PermissionError", "OSError"))
        for folder in ("", "/etc", "/dev", "/usr", "/usr/local/lib")
    },
    "a device": ("import os, stat\nos.mknod('zero', 0o600 | stat.S_IFCHR, os.makedev(1, 5))", "PermissionError"),
    "a real-time priority": ("import os\nos.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))", "PermissionError"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRIES)
def test_a_submission_is_refused(grade: Grade, name: str) -> None:
    source, errors = TRIES[name]
    cell = grade(("student", source)).of(0)
    assert cell is not None
    assert cell.outcome is Outcome.ERROR, cell
    assert cell.message.startswith(errors), cell.message


def test_a_cell_holds_no_descriptor_but_its_own(grade: Grade) -> None:
    found = answer(
        grade,
        "import os\nanswer = {int(n): os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if int(n) < 4}",
    )
    assert set(found) == {0, 1, 2, 3}
    assert found[0] == "/dev/null"
    assert found[3].startswith("socket:")


def test_all_walls_are_up_when_the_code_runs(grade: Grade) -> None:
    status = answer(grade, "answer = dict(line.split(':', 1) for line in open('/proc/self/status'))")
    assert status["Seccomp"].strip() == "2"
    assert status["NoNewPrivs"].strip() == "1"
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert answer(grade, "import resource\nanswer = resource.getrlimit(resource.RLIMIT_CORE)") == (1, 1)


def test_a_submounts_files_are_read_only_too(tmp_path: Path) -> None:
    """Where /usr/local, say, is a disk of its own."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "below").mkdir(parents=True)
    target.mkdir()
    code = (
        "import os, sys\nfrom graders.engine import kernel_calls as kc\n"
        "source, target = sys.argv[1:]\nuid, gid = os.geteuid(), os.getegid()\n"
        "kc.unshare(kc.CLONE_NEWNS | (kc.CLONE_NEWUSER if uid else 0))\n"
        "if uid: kc.map_user(uid, gid)\n"
        "kc.mount('none', '/', None, kc.MS_REC | kc.MS_PRIVATE)\n"
        "kc.mount('tmpfs', source + '/below', 'tmpfs')\n"
        "open(source + '/below/writable', 'w').close()\n"
        "kc.bind_read_only(source, target)\n"
        "assert os.path.exists(target + '/below/writable')\n"
        "try: open(target + '/below/writable', 'w')\n"
        "except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, source, target], capture_output=True, text=True, check=True)
    assert done.stdout == f"{errno.EROFS}\n"


def test_what_the_kernel_holds_for_a_submission_is_kept_small(grade: Grade) -> None:
    paths = {
        "tcp_rmem": "/proc/sys/net/ipv4/tcp_rmem",
        "tcp_wmem": "/proc/sys/net/ipv4/tcp_wmem",
        "oom": "/proc/self/oom_score_adj",
    }
    found = answer(grade, f"answer = {{name: int(open(path).read().split()[-1]) for name, path in {paths}.items()}}")
    assert found == {"tcp_rmem": 212992, "tcp_wmem": 212992, "oom": 1000}


@pytest.mark.slow
def test_what_is_imported_ahead_finds_a_temporary_folder_that_no_submission_sees() -> None:
    """torch._dynamo does, and stays half imported where there is none."""
    source = (
        "import os, tempfile, torch._dynamo\nprint(tempfile.gettempdir(), sorted(os.listdir(os.path.expanduser('~'))))"
    )
    submission = Submission((Cell(0, f"optim = 0\n{source}", "student"),))
    with Engine() as engine:
        reports = [engine.grade(submission) for _ in range(4)]
    texts = {report.of(0).outputs[0].get("text", report.message) for report in reports}  # type: ignore[union-attr]
    assert texts == {"/sandbox/.tmp ['.ipython', '.shm', '.tmp', 'work']\n"}


def test_an_environment_inside_the_course_is_seen_and_nothing_else_there() -> None:
    course = Path(sys.prefix).parent
    source = f"import os, this\nfound = os.listdir({str(course)!r})\nimport torch.utils.cpp_extension"
    needed = [sys.prefix, *(str(Path(package.__file__ or "").parent) for package in (graders, torchmagic))]
    inside = {Path(path).relative_to(course).parts[0] for path in needed if Path(path).is_relative_to(course)}
    assert inside < set(os.listdir(course)), "nothing there to be hidden"
    test = f"assert set(found) == {inside}, found"
    with Engine(hidden=[course]) as engine:
        report = engine.grade(Submission((Cell(0, source, "student"), Cell(1, test, "test", 1.0))))
    assert report.of(1).score == 1.0, report  # type: ignore[union-attr]


# ---- where the kernel lacks what they are made of

WITHOUT = {
    "Landlock": (
        "from graders.engine import seccomp as s\n"
        "program = [s.Instruction(0x20, 0), s.Instruction(0x15, 444, 0, 1), s.Instruction(6, 0x50026), s.Instruction(6, 0x7FFF0000)]\n"
        "kc.prctl(kc.PR_SET_NO_NEW_PRIVS, 1)\ns.install_filter(b''.join(i.packed() for i in program))\n"
    ),
    "seccomp": (
        "from graders.engine import seccomp as s\n"
        "n = s._SECCOMP[os.uname().machine]\n"
        "program = [s.Instruction(0x20, 0), s.Instruction(0x15, n, 0, 1), s.Instruction(6, 0x50026), s.Instruction(6, 0x7FFF0000)]\n"
        "kc.prctl(kc.PR_SET_NO_NEW_PRIVS, 1)\ns.install_filter(b''.join(i.packed() for i in program))\n"
    ),
    "namespaces": (
        "uid, gid = os.geteuid(), os.getegid()\nkc.unshare(kc.CLONE_NEWUSER)\n"
        "open('/proc/self/setgroups', 'w').write('deny')\n"
        "open('/proc/self/uid_map', 'w').write(f'1000 {uid} 1')\nopen('/proc/self/gid_map', 'w').write(f'1000 {gid} 1')\n"
        "open('/proc/sys/user/max_user_namespaces', 'w').write('0')\n"
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", WITHOUT)
def test_grading_refuses_where_the_kernel_lacks(mechanism: str) -> None:
    """A real kernel without it: the engine's process is forbidden to have it."""
    start = (
        "import sys\nfrom graders.engine.client import Engine, WallsMissing\n"
        "try:\n    with Engine() as engine: engine.wait_until_ready()\n"
        "except WallsMissing as error: print(error.mechanism.value, '|', error)\n"
    )
    code = f"import os, sys\nfrom graders.engine import kernel_calls as kc\n{WITHOUT[mechanism]}os.execv(sys.executable, [sys.executable, '-c', {start!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.startswith(f"{mechanism} |"), done
    assert "`--isolation process`" in done.stdout
    assert done.stderr == ""
