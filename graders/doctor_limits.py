"""How `torchmagic doctor` tries the limits: hostile cells that take too much, and the outcome that each must get."""

from __future__ import annotations

from dataclasses import dataclass, field

from graders.doctor_attempts import Wall
from graders.engine.mechanisms import Mechanism
from graders.engine.report import Limits, Outcome

_MIB = 1 << 20
_MEMORY = Limits(cell_seconds=20.0, total_seconds=30.0, memory_bytes=256 * _MIB)
_DEAF = """
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
while True:
    pass
"""


@dataclass(frozen=True, slots=True)
class Excess:
    """A cell that takes too much.

    Attributes:
        wall: the limit.
        body: the cell's body; it returns something true when it got more than it may.
        limits: what the submission may use.
        outcome: how the cell must end where it does not return; None where it must be refused with an OSError.
        seconds: the longest that it may take, all in all.
    """

    wall: Wall
    body: str
    limits: Limits = field(default_factory=Limits)
    outcome: Outcome | None = None
    seconds: float = 60.0


EXCESSES = (
    Excess(
        Wall("use more memory than allowed", "watcher, RLIMIT_AS", ()),
        """
        kept = bytearray(400 << 20)
        kept[::4096] = b"x" * len(kept[::4096])
        return len(kept)
        """,
        _MEMORY,
        Outcome.MEMORY,
    ),
    Excess(
        Wall("use more memory over many processes", "watcher", ()),
        """
        for _ in range(4):
            if os.fork() == 0:
                kept = bytearray(100 << 20)
                kept[::4096] = b"x" * len(kept[::4096])
                time.sleep(10)
                os._exit(0)
        time.sleep(3)
        return "4 x 100 MiB"
        """,
        _MEMORY,
        Outcome.MEMORY,
    ),
    Excess(
        Wall("use memory that belongs to no process", "seccomp, size of the scratch folder", (Mechanism.SECCOMP,)),
        """
        def shared(size):  # stays whole while one page of it is mapped
            kept = mmap.mmap(-1, size)
            for page in range(0, size, 4096):
                kept[page] = 1
            return kept
        def memfd(size):
            handle = os.memfd_create("kept")
            os.ftruncate(handle, size)
            for at in range(0, size, 1 << 20):
                os.pwrite(handle, bytes(1 << 20), at)
            return handle
        def system_v(size):
            segment = checked(libc.shmget(0, ctypes.c_size_t(size), 0o1600))
            libc.shmctl(segment, 0, None)
            return True
        def in_shm(size):
            taken = []
            try:
                for n in range(size >> 20):
                    taken.append(f"/dev/shm/{given['marker']}-{n}")
                    with open(taken[-1], "wb") as file:
                        file.write(bytes(1 << 20))
                return True
            finally:
                for path in taken:
                    if os.path.exists(path):
                        os.remove(path)
        got, refused = [], []
        for way, size in ((shared, 60), (memfd, 60), (system_v, 60), (in_shm, 100)):
            try:
                way(size << 20)
                got.append(way.__name__)
            except OSError as error:
                refused.append(f"{way.__name__}: {error.strerror}")
        if got:
            return ", ".join(got)
        raise OSError("; ".join(refused))
        """,
        Limits(cell_seconds=20.0, total_seconds=30.0, memory_bytes=512 * _MIB, disk_bytes=64 * _MIB),
    ),
    Excess(
        Wall(
            "start more processes than allowed", "RLIMIT_NPROC in a user or user id of its own", (Mechanism.NAMESPACES,)
        ),
        """
        made = []
        try:
            for _ in range(100):
                pid = os.fork()
                if pid == 0:
                    time.sleep(20)
                    os._exit(0)
                made.append(pid)
        finally:
            for pid in made:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        return f"{len(made)} processes"
        """,
        Limits(processes=64),
    ),
    Excess(
        Wall("fill the disk", "size of the scratch folder", (Mechanism.NAMESPACES,)),
        """
        taken = []
        try:
            for n in range(300):
                taken.append(f"{given['marker']}-{n}")
                with open(taken[-1], "wb") as file:
                    file.write(bytes(1 << 20))
        finally:
            for path in taken:
                if os.path.exists(path):
                    os.remove(path)
        return "300 MiB"
        """,
        Limits(disk_bytes=256 * _MIB),
    ),
    Excess(
        Wall("run past the limit for a cell", "watcher", ()),
        _DEAF,
        Limits(cell_seconds=1.0, total_seconds=30.0),
        Outcome.TIMEOUT,
        seconds=10.0,
    ),
    Excess(
        Wall("run past the limit for a submission", "watcher", ()),
        _DEAF,
        Limits(cell_seconds=30.0, total_seconds=1.5),
        Outcome.TIMEOUT,
        seconds=10.0,
    ),
    Excess(
        Wall("take the interpreter down with it", "a process for each submission", ()),
        "ctypes.string_at(0)",
        outcome=Outcome.CRASHED,
    ),
)

PRINT = Wall("print without end", "limit on outputs", ())
PRINTED = 3_000_000
PRINT_BODY = f'for _ in range({PRINTED // 1000}):\n    print("x" * 999)'
PRINT_LIMITS = Limits(output_bytes=64 << 10)
