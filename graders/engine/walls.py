"""The walls of a student process: what it can see, reach and use, raised by kernel calls in a warm fork.

The warm parent stands in a root folder that holds nothing of the course (:mod:`graders.engine.outer_root`), and calls
:func:`rule_own_tree` once. Each fork, the first of a process tree of its own, calls :func:`leave_namespaces` (a process
table of its own), :func:`raise_walls` (a scratch folder of its own), :func:`shut_behind` (limits, and no privilege
left) and :func:`seal` (Landlock and the filter of system calls). As root each submission gets a user id of its own.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from graders.engine import kernel_calls as kc
from graders.engine import landlock
from graders.engine.mechanisms import Mechanism, needing
from graders.engine.report import Limits
from graders.engine.seccomp import install_filter

HOME = "/sandbox"
#: How many files each process of a submission may have open.
DESCRIPTORS = 512
#: How a file system of ours is mounted that a student's process may write to.
SCRATCH_FLAGS = kc.MS_NOSUID | kc.MS_NODEV
_PROC_FLAGS = kc.MS_NOSUID | kc.MS_NODEV | kc.MS_NOEXEC
_FIRST_UID = 1_600_000_000
_KEPT_ENVIRONMENT = ("LANG", "LC_ALL", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NVPL_BLAS_DEBUG_CPU_TYPE")


def environment() -> dict[str, str]:
    """The environment variables of a student's process: none of the grader's own but locale and processor type."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": HOME,
        "USER": "student",
        "LANG": "C.UTF-8",
        "TERM": "xterm-color",
        "TMPDIR": f"{HOME}/.tmp",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONDONTWRITEBYTECODE": "1",
        # the memory of tensors up to 32 MB is used again, instead of being given back and faulted in anew each time
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
        "THP_MEM_ALLOC_ENABLE": "1",  # torch asks for huge pages: tensors of many megabytes are had six times faster
        "NBGRADER_EXECUTION": "autograde",
        **kept,
    }


#: Small buffers for connections, since what lies in them is nobody's memory; and if the machine runs out of memory, the
#: kernel ends a student's process, not the grader's.
_SETTINGS = (
    ("/proc/sys/net/ipv4/tcp_rmem", "4096 65536 212992"),
    ("/proc/sys/net/ipv4/tcp_wmem", "4096 16384 212992"),
    ("/proc/self/oom_score_adj", "1000"),
)
#: In a user namespace of its own: none further, and not all that the grader's user may have of what is counted by user.
_SETTINGS_OF_OWN_USERS = (
    ("/proc/sys/user/max_user_namespaces", "0"),
    ("/proc/sys/user/max_inotify_instances", "16"),
    ("/proc/sys/user/max_inotify_watches", "4096"),
)


def rule_own_tree() -> None:
    """Go on as process 1 of a process tree of its own, so that new trees can be made below it; ends with its parent.

    Raises:
        OSError: the kernel does not allow it here.
    """
    kc.unshare(kc.CLONE_NEWPID)
    pid = os.fork()
    if pid != 0:
        os.closerange(3, 65536)
        _, status = os.waitpid(pid, 0)
        os._exit(0 if status == 0 else 1)
    kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGKILL)
    kc.mount("proc", "/proc", "proc", _PROC_FLAGS)


def leave_namespaces() -> None:
    """In process 1 of a submission's process tree: new namespaces, and a view of its own processes only."""
    flags = kc.CLONE_NEWNS | kc.CLONE_NEWNET | kc.CLONE_NEWIPC | kc.CLONE_NEWUTS
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        kc.unshare(flags)
        kc.mount("proc", "/proc", "proc", _PROC_FLAGS)
    else:
        kc.unshare(kc.CLONE_NEWNS)
        kc.mount("proc", "/proc", "proc", _PROC_FLAGS)  # by those who rule the tree: those of the next line do not
        kc.unshare(flags | kc.CLONE_NEWUSER)
        kc.map_user(uid, gid)


def raise_walls(serial: int) -> tuple[int, int]:
    """Behind :func:`leave_namespaces`, ahead of any submission: a scratch folder of its own.

    Args:
        serial: distinguishes submissions that run at the same time; gives the user id when we are root.

    Returns:
        the user and group id that the student's code will have.
    """
    privileged = os.geteuid() == 0
    uid = gid = _FIRST_UID + serial % 1_000_000 if privileged else os.geteuid()
    gid = gid if privileged else os.getegid()
    owner = f"mode=700,uid={uid},gid={gid},size=1m,nr_inodes=20000"
    kc.mount("tmpfs", HOME, "tmpfs", SCRATCH_FLAGS, owner)
    for name, place in (("tmp", "/tmp"), ("shm", "/dev/shm")):
        os.mkdir(f"{HOME}/.{name}")
        os.chown(f"{HOME}/.{name}", uid, gid)
        if not os.listdir(place):  # an environment that lives below /tmp stays in sight
            kc.mount(f"{HOME}/.{name}", place, None, kc.MS_BIND)
    with contextlib.suppress(OSError):  # without pseudo-terminals only `!commands` fall back to pipes
        options = "newinstance,ptmxmode=0666,mode=0620,max=64"
        kc.mount("devpts", "/dev/pts", "devpts", kc.MS_NOSUID | kc.MS_NOEXEC, options)
    kc.loopback_up()
    socket.sethostname("sandbox")
    for path, text in _SETTINGS if privileged else (*_SETTINGS, *_SETTINGS_OF_OWN_USERS):
        with contextlib.suppress(OSError):  # a kernel without IPv4, or a container's read-only /proc
            Path(path).write_text(text)
    os.mkdir(f"{HOME}/work")
    os.chown(f"{HOME}/work", uid, gid)
    os.chdir(f"{HOME}/work")
    return uid, gid


def shut_behind(limits: Limits, files: Mapping[str, bytes], uid: int, gid: int) -> None:
    """Behind the walls, when the submission has come: its limits, and no privilege left.

    Args:
        files: what the student's code may read, written into the working folder.
    """
    privileged = os.geteuid() == 0
    kc.mount("tmpfs", HOME, "tmpfs", SCRATCH_FLAGS | kc.MS_REMOUNT, f"size={limits.disk_bytes},nr_inodes=20000")
    _limit(limits)
    if privileged:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    kc.prctl(kc.PR_SET_NO_NEW_PRIVS, 1)
    if not privileged:
        kc.drop_capabilities()
    kc.prctl(kc.PR_SET_DUMPABLE, 1)
    kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user forgets it
    lay_out(files, f"{HOME}/work")


def seal(program: bytes) -> None:
    """The last walls, just before the student's code: Landlock, and the filter of system calls ``program``.

    Raises:
        MissingMechanism: the kernel lacks one of them.
    """
    terminal = landlock.WRITE_FILE | landlock.IOCTL_DEV
    allowed = [
        ("/", landlock.READ),
        *((folder, landlock.WRITE) for folder in (HOME, "/tmp", "/dev/shm")),
        *((device, terminal) for device in ("/dev/null", "/dev/full", "/dev/tty", "/dev/pts")),
    ]
    with needing(Mechanism.LANDLOCK):
        landlock.restrict(allowed)
    with needing(Mechanism.SECCOMP):
        install_filter(program)


def settle_unwalled(limits: Limits, files: Mapping[str, bytes], scratch: str) -> None:
    """Where no walls can be had and the risk was accepted by name: a scratch folder and limits only."""
    os.makedirs(scratch, exist_ok=True)
    os.chdir(scratch)
    os.environ["HOME"] = os.environ["TMPDIR"] = scratch
    _limit(limits, processes=False)
    lay_out(files, scratch)


def _limit(limits: Limits, *, processes: bool = True) -> None:
    page = resource.getpagesize()
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * page
    seconds = int(limits.total_seconds) + 5
    wanted = [
        (resource.RLIMIT_AS, virtual + limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.disk_bytes),
        (resource.RLIMIT_CORE, 1),  # at 0 the kernel would still hand a core to a crash reporter: core(5)
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 4096),
        (resource.RLIMIT_RTPRIO, 0),
        (resource.RLIMIT_NICE, 0),
    ]
    if processes:
        wanted.append((resource.RLIMIT_NPROC, limits.processes))
    for which, value in wanted:
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def lay_out(files: Mapping[str, bytes], folder: str) -> None:
    """Write files, given by their paths relative to ``folder``, and the folders that they lie in.

    Raises:
        ValueError: a path leads out of the folder.
    """
    for name, content in files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"{name!r} leads out of its folder")
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def take_descriptors(keep: int) -> int:
    """Close every file descriptor but ``keep``; 0 reads nothing, 1 and 2 are nameless files in the scratch folder.

    Gives the descriptor that ``keep`` has afterwards.
    """
    keep = os.dup2(keep, 3, inheritable=False) if keep != 3 else 3
    os.closerange(4, 65536)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for number in (1, 2):
        os.dup2(_nameless_file(os.environ["HOME"]), number)
    os.closerange(4, 65536)
    return keep


def _nameless_file(folder: str) -> int:
    """A file that counts as the folder's disk space; in memory where the file system has no such files."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError:
        return os.memfd_create("output")
