"""Seconds for one submission on a Dask cluster, against the same two jobs in this process."""

from __future__ import annotations

import functools
import itertools
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from distributed import SubprocessCluster
from nbgrader.coursedir import CourseDirectory

from bench.figures import Figure
from graders.courses import clone_assignments
from graders.demo import make_demo
from graders.executing import Executor
from graders.executing.cluster import ClusterExecutor
from graders.executing.connecting import CLUSTER_CONFIG
from graders.executing.local import LocalExecutor
from graders.graded import Graded
from graders.mutants import build_submission, load_mutants
from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.gradebooks import Gradebooks
from graders.nbgrader_plugin.package import Handed, Package, read_package
from graders.nbgrader_plugin.worker import Worker

ASSIGNMENT = "backward_pass"
SUBMISSIONS = 50
ROUNDS = 3
JOBS = 2
GOAL = 0.9
_SECONDS = 600


def measure(folder: Path) -> list[Figure]:
    """Grade the same submissions here and on a cluster of this machine, warm, in turns.

    The cluster is a scheduler and one worker of two threads, each a process of its own, set as
    docs/howto/cluster.md says.
    """
    package, submissions = read_class(folder)
    factory = functools.partial(Worker, hidden=[folder])
    quiet = {f"DASK_{key.replace('.', '__').replace('-', '_').upper()}": str(v) for key, v in CLUSTER_CONFIG.items()}
    with (
        mock.patch.dict(os.environ, quiet),
        SubprocessCluster(n_workers=1, threads_per_worker=JOBS, dashboard_address="127.0.0.1:0") as cluster,
    ):
        ways: dict[str, Callable[[], Executor]] = {
            "here": lambda: LocalExecutor(factory, JOBS),
            "dask": lambda: ClusterExecutor(cluster.scheduler_address, factory),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for name in ["here", "dask", "dask", "here", "here", "dask"][: 2 * ROUNDS]:
            executor = ways[name]()
            try:
                _grade(executor, package, submissions[:8])  # warm
                start = time.monotonic()
                _grade(executor, package, submissions)
                seconds[name].append(time.monotonic() - start)
            finally:
                executor.close()
    return [
        Figure(
            f"a submission of {ASSIGNMENT} on Dask, one worker of {JOBS} threads",
            statistics.median(seconds["dask"]) / SUBMISSIONS,
            statistics.median(seconds["here"]) / SUBMISSIONS,
            f"{JOBS} jobs in this process",
            "s",
            GOAL,
            "faster",
        )
    ]


def read_class(folder: Path) -> tuple[Package, list[Handed]]:
    """An assignment of a real course, and honest submissions of it."""
    assignments = clone_assignments()
    course = make_demo(folder, assignments / "source")
    course.generate(ASSIGNMENT)
    config = course_config(folder)
    coursedir = CourseDirectory(config=config)
    gradebooks = Gradebooks(coursedir.db_url, coursedir.course_id)
    with gradebooks.open() as gradebook:
        package = read_package(config, coursedir, gradebook, ASSIGNMENT)
    gradebooks.close()
    release = (folder / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").read_bytes()
    honest = [mutant for mutant in load_mutants(assignments / "mutants", ASSIGNMENT) if mutant.honest]
    notebooks = [build_submission(release, mutant) for mutant in honest]
    handed = [Handed({ASSIGNMENT: content}) for content in notebooks if content is not None]
    return package, list(itertools.islice(itertools.cycle(handed), SUBMISSIONS))


def _grade(executor: Executor, package: Package, submissions: list[Handed]) -> list[Graded]:
    futures = [executor.submit(package, handed, str(number)) for number, handed in enumerate(submissions)]
    return [future.result(_SECONDS) for future in futures]
