"""Workers that would grade otherwise than this machine does get nothing, and the user is told which and why."""

from __future__ import annotations

import functools
import os
import signal
import sys
import sysconfig
from pathlib import Path

import pytest

from graders.executing.cluster import ClusterExecutor
from graders.executing.likeness import decisive_differences, likeness, other_differences
from tests.cluster.conftest import ROOT, Cluster, until
from tests.cluster.standin import PACKAGE, StandIn, handed
from torchmagic.errors import TorchmagicError

pytestmark = [pytest.mark.slow]


def distribution(folder: Path, name: str, version: str) -> str:
    """A search path on which a distribution has another version."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return os.pathsep.join([str(folder), str(ROOT)])


def test_a_worker_with_other_versions_is_told_before_anything_is_graded(cluster: Cluster, tmp_path: Path) -> None:
    old = cluster.start_worker("--no-nanny", env={"PYTHONPATH": distribution(tmp_path / "old", "torch", "1.0")})
    until(lambda: cluster.joined(old))
    with pytest.raises(TorchmagicError, match=r"No worker .* can grade.*: it has torch 1\.0 \(here ") as raised:
        ClusterExecutor(cluster.address, StandIn)
    assert "the environment that you grade from" in raised.value.hint


def test_a_worker_without_torchmagic_gets_nothing_even_if_it_joins_late(cluster: Cluster, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "torchmagic" not in entry.name:
            (bare / entry.name).symlink_to(entry)
    notices: list[str] = []
    executor = ClusterExecutor(cluster.address, functools.partial(StandIn, seconds=0.2), notice=notices.append)
    cluster.start_worker("--no-nanny", threads=1)
    first = executor.submit(PACKAGE, handed("0"), "0")
    assert first.result(60).notebooks[0].text == "0"
    late = cluster.start_worker("--no-nanny", env={"PYTHONPATH": str(bare)}, python=[sys.executable, "-S"])
    until(lambda: cluster.joined(late))
    futures = [executor.submit(PACKAGE, handed(f"{number}"), f"s{number}") for number in range(20)]
    assert [future.result(60).notebooks[0].text for future in futures] == [f"{number}" for number in range(20)]
    assert len(notices) == 1
    assert "cannot grade and gets nothing: it has no torchmagic" in notices[0]
    assert executor.width == 1
    executor.close()


def test_a_worker_that_cannot_wall_off_is_left_out_and_one_alone_ends_the_run(cluster: Cluster) -> None:
    factory = functools.partial(StandIn, weak="WEAK")
    weak = cluster.start_worker("--no-nanny", env={"WEAK": "1"})
    until(lambda: cluster.joined(weak))
    notices: list[str] = []
    executor = ClusterExecutor(cluster.address, factory)
    with pytest.raises(
        TorchmagicError, match=r"No worker .* can grade.* on .*: no walls to be had\. Change the kernel"
    ):
        executor.submit(PACKAGE, handed("1"), "1").result(60)
    executor.close(cancel=True)
    strong = cluster.start_worker("--no-nanny")
    until(lambda: cluster.joined(strong))
    executor = ClusterExecutor(cluster.address, factory, notice=notices.append)
    futures = [executor.submit(PACKAGE, handed(f"{number}"), f"{number}") for number in range(40)]
    assert [future.result(60).notebooks[0].text for future in futures] == [f"{number}" for number in range(40)]
    assert len(notices) == 1
    assert "no walls to be had" in notices[0]
    assert executor.describe().endswith("1 worker, 2 jobs")
    executor.close()


def test_a_fit_worker_that_dies_beside_an_unfit_one_is_waited_for(cluster: Cluster) -> None:
    weak = cluster.start_worker("--no-nanny", env={"WEAK": "1"})
    strong = cluster.start_worker()
    until(lambda: cluster.joined(weak) and cluster.joined(strong))
    executor = ClusterExecutor(cluster.address, functools.partial(StandIn, weak="WEAK"))
    futures = [executor.submit(PACKAGE, handed(f"{number}"), f"{number}") for number in range(60)]
    futures[10].result(60)
    for pid in cluster.worker_pids(strong):
        os.kill(pid, signal.SIGKILL)
    assert [future.result(60).notebooks[0].text for future in futures] == [f"{number}" for number in range(60)]
    executor.close()


def test_what_differs_is_named() -> None:
    here = likeness()
    assert decisive_differences(here, here) == other_differences(here, here) == []
    assert decisive_differences(here, {**here, "Python": "3.9"})[0].startswith("Python 3.9 (here ")
    assert decisive_differences(here, {name: v for name, v in here.items() if name != "nbgrader"}) == [
        f"nbgrader missing (here {here['nbgrader']})"
    ]
    assert decisive_differences(here, {**here, "torchmagic's code": "0"}) == [
        "other code of torchmagic, of the same version"
    ]
    assert decisive_differences(here, {**here, "jedi": "0"}) == []
    assert other_differences(here, {**here, "jedi": "0", "unknown": "1"}) == [f"jedi 0 (here {here['jedi']})"]
