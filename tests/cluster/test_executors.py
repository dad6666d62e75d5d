"""Submissions go to a real Dask cluster, and each comes back once, graded as it would be here."""

from __future__ import annotations

import asyncio
import functools
import itertools
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import distributed
import pytest

from graders.executing import Executor, open_executor
from graders.executing.cluster import ClusterExecutor
from graders.executing.dask_worker import Given, WarmWorker
from graders.executing.likeness import likeness
from graders.executing.local import LocalExecutor
from tests.cluster.conftest import Cluster, until
from tests.cluster.standin import PACKAGE, StandIn, handed

pytestmark = [pytest.mark.slow]
CLASS = {f"student{number}": f"answer {number}" for number in range(40)}


def grade_class(executor: Executor, work: dict[str, str] = CLASS) -> dict[str, str]:
    """What came back for each student."""
    futures = {key: executor.submit(PACKAGE, handed(text), key) for key, text in work.items()}
    return {key: future.result(60).notebooks[0].text for key, future in futures.items()}


@pytest.fixture(params=["here", "address", "scheduler file"])
def executor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
    factory = functools.partial(StandIn, seconds=0.01, log=tmp_path)
    if request.param == "here":
        made = open_executor(factory, 2)
    else:
        shared: Cluster = request.getfixturevalue("shared")
        made = open_executor(factory, None, shared.address if request.param == "address" else str(shared.file))
    yield made
    made.close(cancel=True)


def test_each_submission_is_graded_once_and_comes_back_to_its_student(executor: Executor, tmp_path: Path) -> None:
    assert grade_class(executor) == CLASS
    assert sorted(path.name.rsplit(" ", 2)[0] for path in tmp_path.iterdir()) == sorted(CLASS.values())


def test_it_says_where_it_works_and_how_much_at_a_time(executor: Executor) -> None:
    grade_class(executor, {"ada": "1"})
    until(lambda: executor.width == 2)
    assert executor.describe() in ("2 jobs here",) or executor.describe().endswith(", 1 worker, 2 jobs")


def test_what_waits_can_be_cancelled_and_what_is_closed_takes_nothing_more(executor: Executor, tmp_path: Path) -> None:
    futures = [executor.submit(PACKAGE, handed(f"{number}"), f"{number}") for number in range(300)]
    futures[0].result(60)
    assert futures[-1].cancel()
    executor.close(cancel=True)
    assert len(list(tmp_path.iterdir())) < 300
    with pytest.raises(CancelledError):
        futures[-1].result(1)
    assert all(future.done() for future in futures)
    with pytest.raises(RuntimeError):
        executor.submit(PACKAGE, handed("late"), "late")


def test_close_waits_for_what_was_submitted(executor: Executor) -> None:
    futures = [executor.submit(PACKAGE, handed(f"{number}"), f"{number}") for number in range(10)]
    executor.close()
    assert [future.result(0).notebooks[0].text for future in futures] == [f"{number}" for number in range(10)]


def test_an_error_of_one_submission_is_that_submissions(executor: Executor) -> None:
    wrong = executor.submit(PACKAGE, handed("raise"), "wrong")
    assert grade_class(executor, {"ada": "1", "bob": "2"}) == {"ada": "1", "bob": "2"}
    with pytest.raises(ZeroDivisionError):
        wrong.result(60)


def test_two_runs_share_a_cluster(shared: Cluster, tmp_path: Path) -> None:
    """The same keys in both: neither gets the other's results."""
    runs = [ClusterExecutor(shared.address, functools.partial(StandIn, seconds=0.01)) for _ in range(2)]
    found: dict[int, dict[str, str]] = {}

    def work(number: int) -> None:
        found[number] = grade_class(runs[number], {f"s{n}": f"{number} {n}" for n in range(20)})
        runs[number].close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: {f"s{n}": f"{number} {n}" for n in range(20)} for number in range(2)}


def test_jobs_limit_what_a_cluster_does_at_a_time(shared: Cluster, tmp_path: Path) -> None:
    executor = ClusterExecutor(shared.address, functools.partial(StandIn, seconds=0.05, log=tmp_path), jobs=1)
    grade_class(executor, {f"s{n}": f"{n}" for n in range(6)})
    executor.close()
    ends = sorted(int(path.name.rsplit(" ", 1)[1]) for path in tmp_path.iterdir())
    assert min(late - early for early, late in itertools.pairwise(ends)) >= 0.04e9


def test_warm_processes_end_when_a_run_does_and_when_nothing_comes(shared: Cluster, tmp_path: Path) -> None:
    """A client that is killed cannot say goodbye: what it left warm ends by itself, and starts again at need."""
    factory = functools.partial(StandIn, closed=tmp_path / "closed")
    executor = ClusterExecutor(shared.address, factory, idle_seconds=0.2)
    assert grade_class(executor, {"ada": "1"}) == {"ada": "1"}
    until((tmp_path / "closed").exists)
    (tmp_path / "closed").unlink()
    assert grade_class(executor, {"bob": "2"}) == {"bob": "2"}
    executor.close()
    until((tmp_path / "closed").exists)


def test_a_cluster_without_workers_is_waited_for_and_that_is_said(cluster: Cluster) -> None:
    notices: list[str] = []
    executor = ClusterExecutor(cluster.address, StandIn, notice=notices.append, patience=0.1)
    futures = {key: executor.submit(PACKAGE, handed(text), key) for key, text in CLASS.items()}
    until(lambda: notices)
    assert len(notices) == 1
    assert f"`dask worker {cluster.address}`" in notices[0]
    assert executor.width == 0
    cluster.start_worker(threads=1)
    assert {key: future.result(60).notebooks[0].text for key, future in futures.items()} == CLASS
    cluster.start_worker(threads=3)
    until(lambda: executor.width == 4)
    executor.close()


def test_a_local_executor_ends_what_runs_when_it_is_told_to_cancel() -> None:
    closed: list[float] = []

    class Slow(StandIn):
        def close(self) -> None:
            closed.append(time.monotonic())

    executor = LocalExecutor(functools.partial(Slow, seconds=0.3), 1)
    start = time.monotonic()
    running = executor.submit(PACKAGE, handed("1"), "1")
    until(running.running)
    executor.close(cancel=True)
    assert closed[0] - start < running_time(running.result, start)


def running_time(wait: Callable[[], object], start: float) -> float:
    wait()
    return time.monotonic() - start


def test_a_task_that_finds_the_plugin_listed_but_not_set_up_waits() -> None:
    """Dask lists a plugin first; a task in another thread may look in between."""

    async def graded() -> str:
        content = pickle.dumps(Given(functools.partial(StandIn, seconds=0.0), PACKAGE, likeness()))
        warm = WarmWorker(content)
        async with distributed.LocalCluster(
            n_workers=1, processes=False, asynchronous=True, dashboard_address=None
        ) as cluster:
            task = asyncio.get_running_loop().run_in_executor(None, warm.grade, handed("early"))
            await asyncio.sleep(0.3)
            assert not task.done()
            worker = cluster.workers[0]
            await worker.plugin_add(plugin=warm, name="warm")
            done = await task
            await worker.plugin_remove(name="warm")
        return done.notebooks[0].text

    assert asyncio.run(graded()) == "early"
