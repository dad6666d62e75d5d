"""Workers and schedulers that are killed: every submission is graded all the same, and what cannot be is said."""

from __future__ import annotations

import functools
import os
import random
import signal
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from graders.executing import SubmissionLost
from graders.executing.cluster import ClusterExecutor
from graders.graded import Graded
from tests.cluster.conftest import Cluster, until
from tests.cluster.standin import PACKAGE, StandIn, handed
from tests.kills import KILLS
from torchmagic.errors import TorchmagicError

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def test_workers_are_killed_and_every_submission_is_graded(cluster: Cluster) -> None:
    nannies = [cluster.start_worker(threads=2) for _ in range(2)]
    executor = ClusterExecutor(cluster.address, functools.partial(StandIn, seconds=0.05))
    futures: dict[str, Future[Graded]] = {}
    came_back: list[str] = []

    def submit(count: int) -> None:
        for number in range(len(futures), len(futures) + count):
            futures[f"s{number}"] = executor.submit(PACKAGE, handed(f"answer {number}"), f"s{number}")
            futures[f"s{number}"].add_done_callback(lambda done, key=f"s{number}": came_back.append(key))  # type: ignore[misc]

    submit(40)
    chance = random.Random(7)
    for kill in range(KILLS):
        nanny = nannies[kill % 2]
        until(lambda nanny=nanny, times=kill // 2: cluster.joined(nanny) > times)  # type: ignore[misc]
        if kill % 2:  # some workers die before they do a thing, but not all: a submission may only be lost so often
            before = len(came_back)
            until(lambda before=before: len(came_back) > before)  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 0.6))
        for pid in cluster.worker_pids(nanny):
            os.kill(pid, signal.SIGKILL)
        while len(futures) - len(came_back) < 20:  # a class that lasts as long as the killing does
            submit(20)
    results = {key: future.result(90) for key, future in futures.items()}
    executor.close()
    assert {key: graded.notebooks[0].text for key, graded in results.items()} == {
        f"s{number}": f"answer {number}" for number in range(len(futures))
    }
    assert sorted(came_back) == sorted(futures)


def test_a_submission_that_kills_its_workers_is_told_and_the_others_are_graded(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    try:
        cluster.start_worker()
        executor = ClusterExecutor(cluster.address, StandIn)
        work = {f"s{number}": "kill" if number == 5 else f"{number}" for number in range(20)}
        futures = {key: executor.submit(PACKAGE, handed(text), key) for key, text in work.items()}
        with pytest.raises(SubmissionLost, match="its worker was lost 2 times while grading it"):
            futures.pop("s5").result(90)
        assert all(future.result(90).notebooks[0].text == work[key] for key, future in futures.items())
        executor.close()
    finally:
        cluster.close()


@pytest.mark.parametrize("moment", [0.0, 0.5])
def test_a_scheduler_that_dies_ends_the_run_and_says_how_to_go_on(cluster: Cluster, moment: float) -> None:
    worker = cluster.start_worker()
    work = {f"s{number}": f"answer {number}" for number in range(100)}
    executor = ClusterExecutor(cluster.address, functools.partial(StandIn, seconds=0.01))
    futures = {key: executor.submit(PACKAGE, handed(text), key) for key, text in work.items()}
    if moment:
        futures["s0"].result(60)
        time.sleep(random.Random().uniform(0.0, moment))
    cluster.scheduler.kill()
    kept = {}
    for key, future in futures.items():
        error = future.exception(60)
        if error is None:
            kept[key] = future.result().notebooks[0].text
        else:
            assert isinstance(error, TorchmagicError), repr(error)
            assert "The Dask scheduler at tcp://127.0.0.1:" in error.message
            assert "is gone" in error.message
            assert "what was finished is kept" in error.hint
    with pytest.raises(TorchmagicError, match="is gone"):
        executor.submit(PACKAGE, handed("late"), "late").result(60)
    executor.close()
    cluster.scheduler.wait()
    worker.kill()

    cluster.start_scheduler()
    cluster.start_worker()
    executor = ClusterExecutor(cluster.address, StandIn)
    futures = {key: executor.submit(PACKAGE, handed(work[key]), key) for key in work.keys() - kept.keys()}
    kept.update({key: future.result(60).notebooks[0].text for key, future in futures.items()})
    executor.close()
    assert kept == work


def test_the_scheduler_is_killed_and_nothing_is_missing(cluster: Cluster) -> None:
    """At moments of all kinds: before a worker is there, amid the work, and after it. What is left is given again."""
    chance = random.Random(13)
    work: dict[str, str] = {}
    kept: dict[str, str] = {}
    for _ in range(KILLS):
        worker = cluster.start_worker("--no-nanny")
        work.update({f"s{number}": f"answer {number}" for number in range(len(work), len(work) + 30)})
        executor = ClusterExecutor(cluster.address, functools.partial(StandIn, seconds=0.01))
        futures = {key: executor.submit(PACKAGE, handed(work[key]), key) for key in work.keys() - kept.keys()}
        time.sleep(chance.uniform(0.0, 2.5))
        cluster.scheduler.kill()
        for key, future in futures.items():
            if future.exception(60) is None:
                kept[key] = future.result().notebooks[0].text
        executor.close()
        worker.kill()
        worker.wait()
        cluster.scheduler.wait()
        cluster.start_scheduler()
    cluster.start_worker("--no-nanny")
    executor = ClusterExecutor(cluster.address, StandIn)
    futures = {key: executor.submit(PACKAGE, handed(work[key]), key) for key in work.keys() - kept.keys()}
    kept.update({key: future.result(60).notebooks[0].text for key, future in futures.items()})
    executor.close()
    assert kept == work
