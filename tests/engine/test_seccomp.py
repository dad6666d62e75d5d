"""The filter of system calls, run by a small interpreter of classic BPF: the same on machines that are not at hand."""

from __future__ import annotations

import errno
import struct

import pytest

from graders.engine import kernel_calls as kc
from graders.engine import seccomp

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED = 0x7FFF0000
REFUSED = 0x00050000 | errno.EPERM

#: x86_64 and aarch64 numbers of some calls that every program makes
ORDINARY = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "openat": (257, 56),
    "execve": (59, 221),
    "futex": (202, 98),
}


def answer(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the kernel would do with a call, by Documentation/networking/filter.rst."""
    program = seccomp.build_filter(machine)
    given = [value & (2**64 - 1) for value in (*arguments, *(0,) * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *given)
    instructions = list(struct.iter_unpack("=HBBI", program))
    here = accumulator = 0
    while True:
        code, if_true, if_false, operand = instructions[here]
        here += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x06:
            return operand
        else:
            true = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: accumulator & operand != 0}[code]
            here += if_true if true else if_false


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def number_of(machine: str, pair: tuple[int | None, int | None]) -> int | None:
    return pair[list(ARCHITECTURES).index(machine)]


def test_every_call_of_the_table_is_refused(machine: str) -> None:
    numbers = {name: number_of(machine, pair) for name, pair in seccomp.REFUSED.items()}
    answers = {name: answer(machine, number) for name, number in numbers.items() if number is not None}
    assert len(answers) > 50
    assert set(answers.values()) == {REFUSED}


def test_ordinary_calls_are_allowed(machine: str) -> None:
    assert {answer(machine, number_of(machine, pair) or 0) for pair in ORDINARY.values()} == {ALLOWED}


def test_another_architecture_ends_the_process(machine: str) -> None:
    assert answer(machine, 1, architecture=0x40000003) == 0x80000000


def test_calls_of_the_x32_kind_are_refused() -> None:
    assert answer("x86_64", 0x40000000 + 1) == REFUSED


CONDITIONAL = [
    ("clone a thread", (56, 220), (0x3D0F00,), ALLOWED),
    ("fork", (56, 220), (0x01200011,), ALLOWED),
    *[
        (f"clone {flag:#x}", (56, 220), (flag | 17,), REFUSED)
        for flag in (kc.CLONE_NEWNS, kc.CLONE_NEWUTS, kc.CLONE_NEWIPC, kc.CLONE_NEWUSER, kc.CLONE_NEWPID, kc.CLONE_NEWNET, 0x02000000)
    ],
    ("clone3", (435, 435), (), 0x00050000 | errno.ENOSYS),
    ("type into a terminal", (16, 29), (0, 0x5412), REFUSED),
    ("type into a terminal, upper half set", (16, 29), (0, 0x1_0000_5412), REFUSED),
    ("size of a terminal", (16, 29), (0, 0x5413), ALLOWED),
    ("private memory", (9, 222), (0, 4096, 3, 0x22, -1), ALLOWED),
    ("a shared file", (9, 222), (0, 4096, 3, 0x01, 5), ALLOWED),
    ("shared memory without a file", (9, 222), (0, 4096, 3, 0x21, -1), REFUSED),
    ("the same, validated, with more flags", (9, 222), (0, 4096, 3, 0x8023, -1), REFUSED),
    ("local socket", (41, 198), (1, 1, 0), ALLOWED),
    ("internet socket", (41, 198), (2, 1, 6), ALLOWED),
    ("internet socket, version 6", (41, 198), (10, 2, 17), ALLOWED),
    ("list of interfaces", (41, 198), (16, 3, 0), ALLOWED),
    ("other netlink", (41, 198), (16, 3, 9), 0x00050000 | errno.EAFNOSUPPORT),
    ("socket to the host of a virtual machine", (41, 198), (40, 1, 0), 0x00050000 | errno.EAFNOSUPPORT),
    ("raw packets", (41, 198), (17, 3, 0), 0x00050000 | errno.EAFNOSUPPORT),
    ("name a process", (157, 167), (15,), ALLOWED),
    ("outlive the watcher", (157, 167), (1, 0), 0x00050000),
    ("limit cores", (160, 164), (4,), REFUSED),
    ("limit files", (160, 164), (7,), ALLOWED),
    ("read the limit of cores", (302, 261), (0, 4, 0), ALLOWED),
    ("limit cores, newer call", (302, 261), (0, 4, 0x7FFF_0000_0000), REFUSED),
    ("limit cores, newer call, low address", (302, 261), (0, 4, 0x1000), REFUSED),
    ("limit files, newer call", (302, 261), (0, 7, 0x1000), ALLOWED),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "arguments", "expected"), [row[1:] for row in CONDITIONAL], ids=[row[0] for row in CONDITIONAL]
)
def test_some_calls_depend_on_their_arguments(
    machine: str, pair: tuple[int, int], arguments: tuple[int, ...], expected: int
) -> None:
    assert answer(machine, number_of(machine, pair) or 0, *arguments) == expected


def test_an_unknown_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="riscv64"):
        seccomp.build_filter("riscv64")
