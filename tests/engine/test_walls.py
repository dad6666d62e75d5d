"""What a submission cannot do, by which wall, and what ordinary code still does behind all of them."""

from __future__ import annotations

import ast
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

import graders
import torchmagic
from graders.engine.client import Engine
from graders.engine.report import Cell, Limits, Outcome, Report, Submission
from graders.engine.seccomp import REFUSED
from tests.engine.conftest import Grade

pytestmark = pytest.mark.sandbox


def answer(grade: Grade, source: str, **limits: float) -> Any:
    """What a student's cell leaves in the variable ``answer``."""
    report = grade(("student", source), ("test", "print(repr(answer))"), **limits)
    assert report.of(0).outcome is Outcome.PASSED, report.of(0)  # type: ignore[union-attr]
    return ast.literal_eval("".join(output["text"] for output in report.of(1).outputs))  # type: ignore[union-attr]


def outcome(grade: Grade, source: str, **limits: float) -> Outcome:
    cell = grade(("student", source), **limits).of(0)
    assert cell is not None
    return cell.outcome


# ---- calls and rights


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


def _until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
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


# ---- what ordinary code does

ORDINARY = {
    "threads": "import threading\nanswer = []\nts = [threading.Thread(target=answer.append, args=(i,)) for i in range(8)]\nfor t in ts: t.start()\nfor t in ts: t.join()\nanswer = len(answer) == 8",
    "a pool of processes": "import multiprocessing as mp\nwith mp.get_context('fork').Pool(2) as pool: answer = pool.map(abs, [-1, -2]) == [1, 2]",
    "a pool of threads": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as pool: answer = list(pool.map(abs, [-1])) == [1]",
    "spawned processes": "import multiprocessing as mp\np = mp.get_context('spawn').Process(target=print, args=('x',))\np.start(); p.join(); answer = p.exitcode == 0",
    "a queue and a lock between processes": "import multiprocessing as mp\nc = mp.get_context('fork')\nq, l, v = c.Queue(), c.Lock(), c.Value('i', 3)\ndef f():\n    with l: q.put(v.value)\np = c.Process(target=f); p.start(); answer = q.get() == 3; p.join()",
    "named shared memory": "from multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=4096)\nm.buf[0] = 7; answer = m.buf[0] == 7; m.close(); m.unlink()",
    "torch's shared tensors": "import torch.multiprocessing as mp, torch\nx = torch.zeros(3).share_memory_()\ndef f(x): x += 1\np = mp.get_context('fork').Process(target=f, args=(x,)); p.start(); p.join(); answer = x.tolist() == [1, 1, 1]",
    "torch.multiprocessing.spawn's prctl": "import torch\nanswer = torch.multiprocessing._prctl_pr_set_pdeathsig(2) is None",
    "a DataLoader with workers": "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\nd = DataLoader(TensorDataset(torch.arange(40.)), batch_size=4, num_workers=2)\nanswer = sum(float(x.sum()) for (x,) in d) == 780.0",
    "subprocess": "import subprocess\nanswer = subprocess.run(['sh', '-c', 'echo hi'], capture_output=True, text=True).stdout == 'hi\\n'",
    "a shell's command": "out = !echo hi | tr h H\nanswer = list(out) == ['Hi']",
    "pip's version": "out = !pip --version\nanswer = out[0].startswith('pip ')",
    "a terminal": "import pty, os\na, b = os.openpty(); os.write(b, b'x'); answer = os.read(a, 1) == b'x'",
    "asyncio": "import asyncio\nawait asyncio.sleep(0)\np = await asyncio.create_subprocess_exec('echo', 'hi', stdout=asyncio.subprocess.PIPE)\nanswer = (await p.communicate())[0] == b'hi\\n'",
    "a server of its own": "import socket\ns = socket.create_server(('127.0.0.1', 0))\nc = socket.create_connection(s.getsockname()); answer = c.send(b'x') == 1",
    "much data over its own connection": "import socket, threading\ns = socket.create_server(('localhost', 0))\nc = socket.create_connection(s.getsockname())\nt = threading.Thread(target=c.sendall, args=(bytes(1 << 22),)); t.start()\na, _ = s.accept(); n = 0\nwhile n < 1 << 22: n += len(a.recv(1 << 16))\nt.join(); answer = True",
    "names of interfaces": "import socket\nanswer = [n for _, n in socket.if_nameindex()] != []",
    "temporary files": "import tempfile, os\nwith tempfile.TemporaryDirectory() as d:\n    p = os.path.join(d, 'a'); open(p, 'w').write('x'); os.makedirs(d + '/sub'); os.rename(p, d + '/sub/b'); answer = open(d + '/sub/b').read() == 'x'",
    "files in the working folder": "open('a.txt', 'w').write('x')\nimport os\nos.symlink('a.txt', 'b'); os.link('a.txt', 'c'); answer = open('b').read() == 'x' and sorted(os.listdir()) == ['a.txt', 'b', 'c']",
    "a database": "import sqlite3\nd = sqlite3.connect('x.db'); d.execute('create table t (a)'); d.commit(); answer = d.execute('select count(*) from t').fetchone() == (0,); d.close()",
    "/dev/null": "open('/dev/null', 'w').write('x')\nopen('/dev/null', 'a').write('x')\nanswer = open('/dev/null').read() == ''",
    "a program's output to /dev/stdout": "!echo hi > /dev/stdout\nanswer = True",
    "ctypes callbacks": "import ctypes\nlibc = ctypes.CDLL(None)\nF = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))\na = (ctypes.c_int * 3)(3, 1, 2); libc.qsort(a, 3, 4, F(lambda x, y: x[0] - y[0])); answer = list(a) == [1, 2, 3]",
    "private memory maps": "import mmap\nm = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); m[0] = 1; answer = m[0] == 1",
    "torch.save": "import torch\ntorch.save({'a': torch.ones(2)}, 'm.pt'); answer = torch.load('m.pt')['a'].tolist() == [1, 1]",
    "an alarm": "import signal, time\nanswer = False\ndef f(*a):\n    global answer\n    answer = True\nsignal.signal(signal.SIGALRM, f); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)",
    "compiling C": "import shutil, subprocess\nopen('a.c', 'w').write('int f(void) { return 7; }')\nanswer = True\nif shutil.which('cc'):\n    subprocess.run(['cc', '-shared', '-fPIC', 'a.c', '-o', 'a.so'], check=True)\n    import ctypes\n    answer = ctypes.CDLL('./a.so').f() == 7",
    "the number of processors": "import os\nanswer = os.cpu_count() >= 1 and open('/proc/cpuinfo').read() != ''",
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_code_works(grade: Grade, name: str) -> None:
    report = grade(("student", ORDINARY[name]), ("test", "assert answer is True"))
    assert report.of(0).outcome is Outcome.PASSED, report.of(0)  # type: ignore[union-attr]
    assert report.of(1).score == 1.0, report  # type: ignore[union-attr]


def test_a_fresh_process_knows_of_no_error(grade: Grade) -> None:
    """Of those that its parent rehearsed with, for one."""
    source = (
        "import sys\nfound = [n for n in ('last_exc', 'last_value', 'last_type', 'last_traceback') if hasattr(sys, n)]"
    )
    for _ in range(2):
        report = grade(("student", source), ("student", "%load_ext torchmagic"), ("test", "assert found == []"))
        assert report.of(1).outputs == (), report  # type: ignore[union-attr]
        assert report.of(2).score == 1.0, report  # type: ignore[union-attr]


def test_cd_and_store_work(grade: Grade) -> None:
    """IPython remembers both in a folder, which has to be one that can be written to."""
    source = "import os\nos.mkdir('inner')\n%cd -q inner\nkept = 3\n%store kept\nassert os.getcwd().endswith('inner')"
    assert outcome(grade, source) is Outcome.PASSED


def test_timeit_times(grade: Grade) -> None:
    cell = grade(("student", "%%timeit -n 2 -r 2\nsum(range(10))")).of(0)
    assert cell is not None
    assert "per loop" in cell.outputs[0]["text"], cell


@pytest.mark.slow
@pytest.mark.parametrize("magic", ["", "%matplotlib inline\n"])
def test_a_plot_is_a_picture(grade: Grade, magic: str) -> None:
    pytest.importorskip("matplotlib")
    cell = grade(("student", f"{magic}import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")).of(0)
    assert cell is not None
    assert "image/png" in cell.outputs[-1]["data"], cell


def test_a_cell_may_ask_for_no_windows(grade: Grade) -> None:
    """As `%matplotlib inline` does."""
    assert outcome(grade, "get_ipython().enable_gui(None)") is Outcome.PASSED


def test_a_widget_is_shown(grade: Grade) -> None:
    pytest.importorskip("ipywidgets")
    cell = grade(
        ("student", "import ipywidgets\nfrom IPython.display import display\ndisplay(ipywidgets.IntSlider(3))")
    ).of(0)
    assert cell is not None
    assert cell.outcome is Outcome.PASSED, cell
    assert "application/vnd.jupyter.widget-view+json" in cell.outputs[-1]["data"], cell


def test_input_is_refused_as_in_nbgrader(grade: Grade) -> None:
    cell = grade(("student", "input('name? ')")).of(0)
    assert cell is not None
    assert cell.outcome is Outcome.ERROR
    assert cell.message.startswith("StdinNotImplementedError"), cell.message
