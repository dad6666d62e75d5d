"""The real engine behind Dask: a real assignment is graded as here, and no warm process outlives its Dask worker."""

from __future__ import annotations

import functools
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cluster import read_class
from graders.executing import Executor, open_executor
from graders.graded import Graded
from graders.nbgrader_plugin.package import Handed, Package
from graders.nbgrader_plugin.worker import Worker
from tests.cluster.conftest import Cluster, alive, children, until

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.sandbox]
COUNT = 8


def outcomes(executor: Executor, package: Package, work: list[Handed]) -> list[object]:
    """What came back of each, but for the times."""
    futures = [executor.submit(package, handed, str(number)) for number, handed in enumerate(work)]
    return [timeless(future.result(120)) for future in futures]


def timeless(graded: Graded) -> object:
    return [
        (
            notebook.name,
            notebook.outcome,
            notebook.scores,
            notebook.comments,
            [replace(cell, seconds=0.0) for cell in notebook.cells],
        )
        for notebook in graded.notebooks
    ]


def test_a_real_assignment_is_graded_as_here_and_nothing_warm_is_left_behind(cluster: Cluster, tmp_path: Path) -> None:
    nanny = cluster.start_worker()
    package, work = read_class(tmp_path / "course")
    work = [*work[: COUNT - 1], Handed(dict.fromkeys(work[0].notebooks, b"no notebook"))]
    factory = functools.partial(Worker, hidden=[tmp_path / "course"])
    here = open_executor(factory, 2)
    expected = outcomes(here, package, work)
    here.close()
    until(lambda: cluster.joined(nanny))
    dask = open_executor(factory, None, cluster.address)
    assert outcomes(dask, package, work) == expected

    (worker,) = cluster.worker_pids(nanny)
    warm = children(worker)
    assert warm
    os.kill(worker, signal.SIGKILL)
    until(lambda: not any(map(alive, warm)))

    assert outcomes(dask, package, work) == expected  # on the worker that its nanny has started anew
    (worker,) = cluster.worker_pids(nanny)
    warm = children(worker)
    assert warm
    dask.close()
    until(lambda: not any(map(alive, warm)))
