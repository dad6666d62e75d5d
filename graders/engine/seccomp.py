"""The filter of system calls for a student's process: what ordinary code never needs is refused by the kernel.

A deny list, because a course's code may call anything that numpy, torch or a shell do. Refused are calls that change or
look into another process, mounts, namespaces, kernel settings and keys; rarely used parts of the kernel that have been
ways out (bpf, io_uring, userfaultfd, odd socket families); and memory that no limit counts (see :mod:`.watch`).

Facts: seccomp(2); classic BPF in Documentation/networking/filter.rst; the numbers of calls in the kernel's own tables,
arch/x86/entry/syscalls/syscall_64.tbl and, for aarch64, include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graders.engine import kernel_calls as kc

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER = 1
#: Without it kernels before 5.16 also slow the process down against Spectre v4, which a lone process need not fear.
_FLAG_SPEC_ALLOW = 1 << 2

_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
#: A call that is not made, and answers 0 as if it had been.
_PRETEND = _ERRNO
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE = 0, 4

_TIOCSTI, _TIOCLINUX, _TIOCSETD = 0x5412, 0x541C, 0x5423
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_MAP_SHARED_ANONYMOUS = 0x21
_RLIMIT_CORE = 4
_NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone(2) takes

#: name: (x86_64, aarch64); None where an architecture has no such call.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "process_madvise": (440, 440),
    "move_pages": (279, 239),
    "sched_setaffinity": (203, 122),
    "migrate_pages": (256, 238),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    # the machine
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "personality": (135, 92),
    # parts of the kernel that ordinary code does without
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    # memory that belongs to no process, or stays when its process has let go of it
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "vmsplice": (278, 75),
}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of classic BPF: what to do, where to go if true and if false, and the operand."""

    code: int
    operand: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        """A ``struct sock_filter``."""
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.operand)


def _argument(index: int, *, high: bool = False) -> Instruction:
    """Load half an argument of the call: both architectures are little endian."""
    return Instruction(_LOAD, 16 + 8 * index + 4 * high)


def _answer(action: int) -> Instruction:
    return Instruction(_RETURN, action)


def _refuse(number: int = errno.EPERM) -> Instruction:
    return _answer(_ERRNO | number)


def _unless_one_of(values: Sequence[int], found: Instruction, otherwise: Instruction) -> list[Instruction]:
    """``found`` when what is loaded is one of the values, else ``otherwise``."""
    jumps = [
        Instruction(_JUMP_EQUAL, value, if_true=len(values) - index, if_false=0) for index, value in enumerate(values)
    ]
    return [*jumps, otherwise, found]


def _clone() -> list[Instruction]:
    return [_argument(0), Instruction(_JUMP_ANY_BIT, _NEW_NAMESPACES, if_false=1), _refuse(), _answer(_ALLOW)]


def _clone3() -> list[Instruction]:
    """Its flags lie in memory, where no filter can look: C libraries then use clone."""
    return [_refuse(errno.ENOSYS)]


def _ioctl() -> list[Instruction]:
    """Typing into a terminal, and the line disciplines that have been the way into many a kernel."""
    return [_argument(1), *_unless_one_of((_TIOCSTI, _TIOCLINUX, _TIOCSETD), _refuse(), _answer(_ALLOW))]


def _prctl() -> list[Instruction]:
    """A student's process must die with the one that watches it; torch.multiprocessing insists on setting this."""
    return [_argument(0), *_unless_one_of((kc.PR_SET_PDEATHSIG,), _answer(_PRETEND), _answer(_ALLOW))]


def _socket() -> list[Instruction]:
    """Local, internet (a network of its own), and the netlink that lists interfaces; AF_VSOCK would reach the host."""
    odd = _refuse(errno.EAFNOSUPPORT)
    return [
        _argument(0),
        Instruction(_JUMP_EQUAL, _AF_NETLINK, if_false=4),
        _argument(2),
        Instruction(_JUMP_EQUAL, 0, if_false=1),
        _answer(_ALLOW),
        odd,
        *_unless_one_of((_AF_UNIX, _AF_INET, _AF_INET6), _answer(_ALLOW), odd),
    ]


def _mmap() -> list[Instruction]:
    """Shared memory without a file stays whole while one page of it is mapped, and then no count of pages sees it."""
    return [
        _argument(3),
        Instruction(_AND, _MAP_SHARED_ANONYMOUS),
        *_unless_one_of((_MAP_SHARED_ANONYMOUS,), _refuse(), _answer(_ALLOW)),
    ]


def _setrlimit() -> list[Instruction]:
    """A limit of 1 keeps the kernel from handing a core to the host's crash reporter; 0 would not, see core(5)."""
    return [_argument(0), *_unless_one_of((_RLIMIT_CORE,), _refuse(), _answer(_ALLOW))]


def _prlimit64() -> list[Instruction]:
    return [
        _argument(1),
        Instruction(_JUMP_EQUAL, _RLIMIT_CORE, if_false=4),
        _argument(2),
        Instruction(_JUMP_EQUAL, 0, if_false=3),
        _argument(2, high=True),
        Instruction(_JUMP_EQUAL, 0, if_false=1),
        _answer(_ALLOW),
        _refuse(),
    ]


#: Calls that depend on an argument: (x86_64, aarch64), and what to do.
_CONDITIONAL: tuple[tuple[int, int, Callable[[], list[Instruction]]], ...] = (
    (9, 222, _mmap),
    (16, 29, _ioctl),
    (41, 198, _socket),
    (56, 220, _clone),
    (435, 435, _clone3),
    (157, 167, _prctl),
    (160, 164, _setrlimit),
    (302, 261, _prlimit64),
)


def build_filter(machine: str | None = None) -> bytes:
    """The filter as the kernel takes it, for this machine or a named one.

    Raises:
        OSError: there is no table of system calls for the machine.

    >>> len(build_filter("x86_64")) % 8, len(build_filter("aarch64")) % 8
    (0, 0)
    """
    machine = machine or platform.machine()
    if machine not in _AUDIT_ARCH:
        raise OSError(errno.ENOSYS, f"no filter of system calls is known for {machine}")
    column = 0 if machine == "x86_64" else 1
    program = [
        Instruction(_LOAD, _ARCHITECTURE),
        Instruction(_JUMP_EQUAL, _AUDIT_ARCH[machine], if_true=1),
        _answer(_KILL),
        Instruction(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [Instruction(_JUMP_GREATER_EQUAL, _X32_BIT, if_false=1), _refuse()]
    for *numbers, rule in _CONDITIONAL:
        block = rule()
        program += [Instruction(_JUMP_EQUAL, numbers[column], if_false=len(block)), *block]
    refused = sorted(number for numbers in REFUSED.values() if (number := numbers[column]) is not None)
    program += _unless_one_of(refused, _refuse(), _answer(_ALLOW))
    return b"".join(instruction.packed() for instruction in program)


def install_filter(program: bytes) -> None:
    """Put this process and all that it starts under the filter, for good; it must have set ``no_new_privs``.

    Raises:
        OSError: the kernel has no seccomp filters.
    """
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    kc.syscall(_SECCOMP, "seccomp", _SET_MODE_FILTER, _FLAG_SPEC_ALLOW, header)
