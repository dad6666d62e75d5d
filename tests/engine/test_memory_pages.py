"""A warm parent's memory in huge pages: the same bytes, and fewer entries for a fork to copy."""

from __future__ import annotations

import mmap
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from graders.engine import kernel_calls as kc


def _huge(line: str = "AnonHugePages:") -> int:
    rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith(line))


@pytest.mark.slow
def test_what_is_gathered_stays_what_it_is() -> None:
    memory = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    text = bytes(range(256)) * (len(memory) // 256)
    memory[:] = text
    kc.gather_memory()
    assert memory[:] == text


@pytest.mark.skipif(
    tuple(map(int, platform.release().split(".")[:2])) < (6, 1), reason="Linux before 6.1 gathers nothing"
)
def test_it_is_gathered() -> None:
    code = (
        "import mmap\nfrom graders.engine import kernel_calls as kc\nfrom tests.engine.test_memory_pages import _huge\n"
        "memory = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
        "memory[::4096] = bytes(len(memory) // 4096)\nbefore = _huge()\nkc.gather_memory()\nprint(_huge() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text().split("[")[1].startswith("never"):
        pytest.skip("this machine has no huge pages")
    assert int(done.stdout) >= 8 << 10, "of 16 MiB more than a half lies in whole huge pages"
