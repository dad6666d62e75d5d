"""What `torchmagic doctor` does to get through the walls: hostile cells, each with the wall that should stop it.

A cell's last act is ``return``: something true when it got through. An OSError is the wall holding; any other error
leaves the question open, and then the wall counts as fallen. ``given`` says what there is to be found.
Where there are no walls these cells succeed, so none of them does harm: files have names of their own and are removed.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from graders.engine.mechanisms import Mechanism

_N, _L, _S = Mechanism.NAMESPACES, Mechanism.LANDLOCK, Mechanism.SECCOMP


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall.

    Attributes:
        name: what a submission must not do.
        mechanism: what keeps it from doing so.
        needs: the parts of the kernel without which it does not stand.
    """

    name: str
    mechanism: str
    needs: tuple[Mechanism, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A hostile cell's body."""

    wall: Wall
    body: str


PREFACE = """
import builtins, ctypes, glob, json, mmap, os, signal, site, socket, subprocess, sys, tempfile, time
import torch
libc = ctypes.CDLL(None, use_errno=True)
given = json.loads({given!r})
def checked(result):
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def writable(path):
    with open(path, "w") as file:
        file.write("torchmagic doctor was here")
    return True
def first(attempt, things):
    refused = None
    for thing in things:
        try:
            if attempt(thing):
                return str(thing)
        except OSError as error:
            refused = error
    if refused is not None:
        raise refused
"""

#: Afterwards ``result`` is [whether it got through, what happened].
_TRY = """
result = None
def attempt():
{body}
try:
    found = attempt()
    result = [bool(found), str(found)[:200] if found else ""]
except (OSError, subprocess.SubprocessError) as error:
    result = [False, (type(error).__name__ + ": " + str(error))[:200]]
"""


def cell_source(body: str) -> str:
    """The cell that makes an attempt and notes what came of it.

    >>> namespace = {"subprocess": __import__("subprocess")}
    >>> exec(cell_source("open('/no/such/file')"), namespace)
    >>> namespace["result"]
    [False, "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'"]
    """
    return _TRY.format(body=textwrap.indent(textwrap.dedent(body).strip(), "    "))


_FILES = "mount namespace, Landlock"
_READ = 'with open(given["{name}"], "rb") as file:\n    return f"{{len(file.read())}} bytes"'

REACH = (
    Attempt(Wall("read the course folder", _FILES, (_N, _L)), _READ.format(name="course")),
    Attempt(Wall("read the gradebook", _FILES, (_N, _L)), _READ.format(name="gradebook")),
    Attempt(Wall("read another submission", _FILES, (_N, _L)), _READ.format(name="submission")),
    Attempt(Wall("read the grader's home", _FILES, (_N, _L)), _READ.format(name="home")),
    Attempt(
        Wall("read the grader's environment", "clean environment, pid namespace", (_N,)),
        """
        if given["variable"] in os.environ:
            return "os.environ"
        return first(lambda path: given["variable"].encode() in open(path, "rb").read(), glob.glob("/proc/*/environ"))
        """,
    ),
    Attempt(
        Wall("write outside the scratch folder", f"{_FILES}", (_N, _L)),
        """
        folders = [given["folder"], given["home_folder"], "/", "/etc", "/usr", "/dev", "/var/tmp", site.PREFIXES[0]]
        def leave(folder):
            path = os.path.join(folder, given["marker"])
            written = writable(path)
            os.remove(path)
            return written
        return first(leave, folders)
        """,
    ),
    Attempt(
        Wall("change an installed module", _FILES, (_N, _L)),
        'return open(torch.__file__, "r+b").closed is False',
    ),
    Attempt(
        Wall("connect to this machine over TCP", "network namespace", (_N,)),
        'return socket.create_connection(("127.0.0.1", given["port"]), timeout=2)',
    ),
    Attempt(
        Wall("connect to an abstract socket", "network namespace, Landlock", (_N,)),
        'with socket.socket(socket.AF_UNIX) as s:\n    return s.connect("\\0" + given["marker"]) is None',
    ),
    Attempt(
        Wall("connect to a socket file", "mount namespace", (_N,)),
        'with socket.socket(socket.AF_UNIX) as s:\n    return s.connect(given["socket"]) is None',
    ),
    Attempt(
        Wall("reach a virtual machine's host", "seccomp", (_S,)),
        "return socket.socket(40, socket.SOCK_STREAM)  # AF_VSOCK",
    ),
    Attempt(
        Wall("become root", "no capabilities", (_N,)),
        "os.setuid(0)\nreturn os.geteuid() == 0",
    ),
    Attempt(
        Wall("mount a file system", "no capabilities, seccomp", (_N, _S)),
        """
        os.mkdir("mounted")
        checked(libc.mount(b"none", b"mounted", b"tmpfs", 0, None))
        libc.umount2(b"mounted", 2)
        return True
        """,
    ),
    Attempt(
        Wall("make namespaces of its own", "seccomp", (_S,)),
        """
        pid = os.fork()
        if pid == 0:
            os._exit(1 if libc.unshare(0x10000000) else 0)  # CLONE_NEWUSER
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise OSError("unshare refused")
        return True
        """,
    ),
    Attempt(
        Wall("gain rights from a set-uid program", "no_new_privs, nosuid", (_N,)),
        """
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        programs = [path for path in glob.glob("/usr/bin/*") if os.path.isfile(path) and os.stat(path).st_mode & 0o4000]
        if status["NoNewPrivs"].strip() == "1":
            raise OSError(f"no_new_privs is set; {len(programs)} such programs in sight")
        return programs
        """,
    ),
    Attempt(
        Wall("call rarely used parts of the kernel", "seccomp", (_S,)),
        """
        io_uring_setup, userfaultfd = 425, {"x86_64": 323}.get(os.uname().machine, 282)
        return first(lambda n: checked(libc.syscall(n, *(0, ctypes.create_string_buffer(120)) if n == 425 else (1,)))
            if n == 425 else checked(libc.syscall(n, 1)), [io_uring_setup, userfaultfd])
        """,
    ),
    Attempt(
        Wall("trace a process outside", "pid namespace, seccomp, Landlock", (_N, _S)),
        'return checked(libc.ptrace(0x4206, given["process"], None, None)) == 0  # PTRACE_SEIZE',
    ),
    Attempt(
        Wall("signal a process outside", "pid namespace, Landlock", (_N,)),
        'os.kill(given["process"], signal.SIGTERM)',  # whether it arrived is seen outside
    ),
)

#: What one submission leaves, and how the next one looks for it.
PROCESS = Wall("leave a process behind", "pid namespace, watcher", (_N, _S))
PLANT = """
subprocess.Popen(["sleep", given["sleep"]], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    subprocess.Popen(["sleep", given["sleep"]])
    os._exit(0)
home = os.path.expanduser("~")
for path in [os.path.join(folder, given["marker"]) for folder in (home, ".", *given["shared"])] + given["hooks"]:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("import os; os.environ['TORCHMAGIC_DOCTOR_HOOK'] = '1'")
    except OSError:
        pass
builtins.torchmagic_doctor = torch.torchmagic_doctor = True
sys.modules[given["marker"]] = os
"""
LOOK = (
    Attempt(
        Wall("leave a file for the next submission", "scratch folder of its own", (_N, _L)),
        """
        paths = [os.path.join(folder, given["marker"]) for folder in (os.path.expanduser("~"), ".", *given["shared"])]
        return [path for path in paths if os.path.exists(path)]
        """,
    ),
    Attempt(
        Wall("leave a start-up hook for the next submission", _FILES, (_N, _L)),
        """
        code = "import os; print(os.environ.get('TORCHMAGIC_DOCTOR_HOOK', ''))"
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
        return [path for path in given["hooks"] if os.path.exists(path)] or ran
        """,
    ),
    Attempt(
        Wall("change a module for the next submission", "a fork for each submission"),
        """
        changed = [module.__name__ for module in (builtins, torch) if hasattr(module, "torchmagic_doctor")]
        return changed or given["marker"] in sys.modules
        """,
    ),
)

#: One submission is at work, and another looks for it.
HOLD = """
open(given["marker"], "w").write("an answer")
subprocess.Popen(["sleep", given["sleep"]])
time.sleep(3)
"""
WATCH = Attempt(
    Wall("watch another submission at work", "pid, mount and ipc namespaces", (_N,)),
    """
    def seen(path):
        return given["sleep"].encode() in open(path, "rb").read()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        try:
            found = first(seen, glob.glob("/proc/[0-9]*/cmdline"))
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.1)
    """,
)
