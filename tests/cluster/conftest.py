"""Real Dask clusters on the loopback: a scheduler and workers, each a process that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_QUICK = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "5s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__START": "False",
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "ignore",
}


def until(said: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """All processes below one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: list[int] = []
    todo = [pid]
    while todo:
        todo = [child for child, parent in parents.items() if parent in todo]
        found += todo
    return found


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Cluster:
    """A scheduler and workers, each with a log in the folder."""

    def __init__(self, folder: Path, protocol: str = "tcp", **env: str) -> None:
        self.folder = folder
        self.protocol = protocol
        self.env = env
        self.processes: list[subprocess.Popen[bytes]] = []
        self.logs: dict[int, Path] = {}
        self.port = 0
        self.scheduler = self.start_scheduler()

    @property
    def file(self) -> Path:
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler, the second time at the same port."""
        self.file.unlink(missing_ok=True)
        options = ["--host", f"{self.protocol}://127.0.0.1", "--port", str(self.port)]
        options += ["--dashboard-address", "127.0.0.1:0"]
        options += ["--idle-timeout", "30 minutes"]  # where the tests themselves are killed
        self.scheduler = self._run(["scheduler", *options, "--scheduler-file", str(self.file)], self.env, ())
        until(lambda: self.file.exists() and self.file.stat().st_size)
        self.port = int(self.address.rpartition(":")[2])
        return self.scheduler

    def start_worker(
        self, *options: str, threads: int = 2, env: Mapping[str, str] | None = None, python: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a worker, by default below a nanny that starts it again when it dies."""
        arguments = ["worker", self.address, "--nthreads", str(threads), "--memory-limit", "0", "--no-dashboard"]
        return self._run(
            [*arguments, "--local-directory", str(self.folder), *options], {**self.env, **(env or {})}, python
        )

    def joined(self, nanny: subprocess.Popen[bytes]) -> int:
        """How often a worker's process has started below a nanny and has joined the cluster."""
        return self.logs[nanny.pid].read_text().count("Registered to:")

    def worker_pids(self, nanny: subprocess.Popen[bytes]) -> list[int]:
        """The worker's process below a nanny."""
        found = []
        for pid in children(nanny.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if b"spawn_main" in command:
                found.append(pid)
        return found

    def close(self) -> None:
        below = [pid for process in self.processes for pid in (*children(process.pid), process.pid)]
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            process.wait()

    def _run(self, arguments: Sequence[str], env: Mapping[str, str], python: Sequence[str]) -> subprocess.Popen[bytes]:
        path = self.folder / f"log{len(self.processes)}.txt"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [*(python or [sys.executable]), "-m", "dask", *arguments],
                env={**os.environ, **_QUICK, **env},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        self.logs[process.pid] = path
        return process


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and one worker of two threads, for tests that leave them as they are."""
    made = Cluster(tmp_path_factory.mktemp("dask"))
    made.start_worker()
    yield made
    made.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler without workers."""
    made = Cluster(tmp_path)
    yield made
    made.close()
