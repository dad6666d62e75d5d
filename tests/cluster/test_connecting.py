"""What `--scheduler` may say, and what is said where it is wrong."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from graders.executing.cluster import ClusterExecutor
from graders.executing.connecting import ClusterPlan, connect, read_plan
from tests.cluster.standin import PACKAGE, StandIn, handed
from torchmagic.errors import TorchmagicError


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def refused(spec: str) -> TorchmagicError:
    with pytest.raises(TorchmagicError) as raised, contextlib.ExitStack() as stack:
        connect(spec, stack, timeout=0.5)
    return raised.value


def test_a_scheduler_that_is_not_there_is_told() -> None:
    error = refused(f"tcp://127.0.0.1:{free_port()}")
    assert error.message.startswith("The Dask scheduler at tcp://127.0.0.1:")
    assert "cannot be reached" in error.message
    assert "`dask scheduler`" in error.hint


@pytest.mark.parametrize(
    "address", ["tls://127.0.0.1:1", "wss://127.0.0.1:1", "nonsense://host", "tcp://no.such.host.invalid:1"]
)
def test_an_address_that_cannot_be_used_is_told(address: str) -> None:
    assert f"{address} cannot be reached" in refused(address).message


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("localhost:8786", "Did you mean tcp://localhost:8786?"),
        ("", "names no Dask cluster"),
        ("8786", "names no Dask cluster"),
        ("missing.json", "is no scheduler file"),
        ("missing.yml", "cannot be read"),
        ("no_such_module.Cluster", "There is no no_such_module.Cluster"),
        ("distributed.NoSuchCluster", "There is no distributed.NoSuchCluster"),
        ("os.getpid", "The cluster os.getpid cannot be started"),
    ],
)
def test_what_names_no_cluster_is_told(spec: str, said: str) -> None:
    assert said in str(refused(spec))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address"', '{"address": ', "\x00"])
def test_a_file_that_is_no_scheduler_file_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_text(text)
    assert "is no scheduler file" in refused(str(path)).message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no line `cluster: MODULE.CLASS`"),
        ("- a", "no line `cluster: MODULE.CLASS`"),
        ("cluster: 3", "no line `cluster: MODULE.CLASS`"),
        ("cluster: SLURM", "`cluster: SLURM` is no dotted name"),
        ("cluster: a.B\nworkers: 3", "it has workers; known are adapt, cluster, options, scale"),
        ("cluster: a.B\noptions: [1]", "its `options` are no mapping"),
        ("cluster: a.B\nscale: 1\nadapt: {}", "both `scale` and `adapt`"),
        ("cluster: a.B\nscale: many", "`scale: many` is no number"),
        ("cluster: a.B\nscale: true", "`scale: True` is no number"),
        ("cluster: a.B\nscale: -1", "`scale: -1` is no number"),
        ("cluster: a.B\nadapt: 5", "its `adapt` is no mapping"),
        ("cluster: [", "cannot be read"),
        ("cluster: distributed.LocalCluster\noptions: {protocol: nonsense, n_workers: 0}", "cannot be started"),
    ],
)
def test_a_file_that_describes_no_cluster_is_told(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "cluster.yml"
    path.write_text(text)
    assert said in str(refused(str(path)))


def test_a_plan_is_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("cluster: dask_jobqueue.SLURMCluster\noptions: {cores: 8}\nadapt: {minimum: 0, maximum: 50}\n")
    assert read_plan(path) == ClusterPlan(
        "dask_jobqueue.SLURMCluster", {"cores": 8}, None, {"minimum": 0, "maximum": 50}
    )


@pytest.mark.slow
@pytest.mark.parametrize("size", ["scale: 2", "adapt: {minimum: 0, maximum: 2, interval: 200ms}"])
def test_a_cluster_is_started_as_a_file_says_and_closed(size: str, tmp_path: Path) -> None:
    path = tmp_path / "cluster.yml"
    options = "{n_workers: 0, threads_per_worker: 1, dashboard_address: null}"
    path.write_text(f"cluster: distributed.LocalCluster\noptions: {options}\n{size}\n")
    executor = ClusterExecutor(str(path), StandIn)
    futures = [executor.submit(PACKAGE, handed(f"{number}"), f"{number}") for number in range(30)]
    assert [future.result(60).notebooks[0].text for future in futures] == [f"{number}" for number in range(30)]
    address = executor.describe().split()[2].rstrip(",")
    executor.close()
    assert "cannot be reached" in refused(address).message
