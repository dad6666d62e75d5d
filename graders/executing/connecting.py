"""From what `--scheduler` says to a connected Dask client: an address, a scheduler file, or a cluster to start."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import dask
import distributed
import yaml  # type: ignore[import-untyped]  # Dask brings it

from torchmagic.errors import TorchmagicError

_ADDRESS = re.compile(r"[a-z]+://.+")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_HOST = re.compile(r"[\w.-]+:\d+")
_FORMS = (
    "Give an address (tcp://host:8786), a scheduler file (scheduler.json), a file that describes a cluster "
    "(cluster.yml), or a class (dask_jobqueue.SLURMCluster)."
)
#: For a cluster that we start: what Dask measures of itself, many times a second, costs as much as the tasks do.
CLUSTER_CONFIG = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}


@dataclass(frozen=True)
class ClusterPlan:
    """A cluster to start.

    Attributes:
        cluster: the dotted name of a Dask cluster class, or of a function that makes such a cluster.
        options: its keyword arguments; what is not said is taken from Dask's own configuration.
        scale: how many workers to ask for.
        adapt: how many to have, by what there is to do: ``{"minimum": 0, "maximum": 50}``.
    """

    cluster: str
    options: Mapping[str, Any] = field(default_factory=dict)
    scale: int | None = None
    adapt: Mapping[str, Any] | None = None


def connect(spec: str, stack: contextlib.ExitStack, *, timeout: float) -> Any:
    """A client of the cluster that ``spec`` names; ``stack`` closes it, and the cluster if it was started here.

    Args:
        timeout: seconds to try to reach a scheduler.

    Raises:
        TorchmagicError: there is no such scheduler, or the cluster cannot be started.
    """
    where: Any = spec
    if not _ADDRESS.fullmatch(spec):
        path = Path(spec)
        if path.suffix == ".json":
            where = _address_in(path)
        elif path.suffix in (".yml", ".yaml"):
            where = _start(read_plan(path), stack)
        elif _DOTTED.fullmatch(spec):
            where = _start(ClusterPlan(spec), stack)
        else:
            hint = f"Did you mean tcp://{spec}? {_FORMS}" if _HOST.fullmatch(spec) else _FORMS
            raise TorchmagicError(f"{spec!r} names no Dask cluster.", hint=hint)
    stack.enter_context(_quiet())
    if isinstance(where, str):
        _demand_certificates(where)
    try:
        client = distributed.Client(  # type: ignore[no-untyped-call]
            where, timeout=timeout, set_as_default=False, name="torchmagic"
        )
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise TorchmagicError(
            f"The Dask scheduler at {getattr(where, 'scheduler_address', where)} cannot be reached ({_line(error)}).",
            hint="Is it running (`dask scheduler`), and is the address the one that it printed?",
        ) from error
    stack.callback(_close, functools.partial(client.close, timeout=5))
    return client


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from printing tracebacks of a lost connection: what is lost is told in one line."""
    loggers = [logging.getLogger(name) for name in ("distributed.client", "distributed.batched")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _demand_certificates(address: str) -> None:
    """Dask tries for minutes where an encrypted address comes without any."""
    known = ("distributed.comm.tls.ca-file", "distributed.client.security-loader")
    if address.startswith(("tls://", "wss://")) and not any(dask.config.get(name, None) for name in known):
        raise TorchmagicError(
            f"The Dask scheduler at {address} cannot be reached: Dask's configuration names no certificates.",
            hint="Set `distributed.comm.tls.ca-file`, `client.cert` and `client.key`: see docs/howto/cluster.md.",
        )


def read_plan(path: Path) -> ClusterPlan:
    """The cluster that a YAML file describes.

    Raises:
        TorchmagicError: there is no such file, or it does not describe one.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TorchmagicError(f"{path} cannot be read ({_line(error)}).", hint=_FORMS) from error
    known = {entry.name for entry in fields(ClusterPlan)}
    wrong = ""
    if not isinstance(found, dict) or not isinstance(found.get("cluster"), str):
        wrong = "it has no line `cluster: MODULE.CLASS`"
    elif set(found) - known:
        wrong = f"it has {', '.join(sorted(map(str, set(found) - known)))}; known are {', '.join(sorted(known))}"
    elif not _DOTTED.fullmatch(found["cluster"]):
        wrong = f"`cluster: {found['cluster']}` is no dotted name"
    elif not isinstance(found.get("options") or {}, dict):
        wrong = "its `options` are no mapping of names to values"
    elif "scale" in found and "adapt" in found:
        wrong = "it has both `scale` and `adapt`"
    elif (
        not isinstance(found.get("scale", 1), int) or isinstance(found.get("scale"), bool) or found.get("scale", 1) < 0
    ):
        wrong = f"`scale: {found['scale']}` is no number of workers"
    elif not isinstance(found.get("adapt", {}), dict):
        wrong = "its `adapt` is no mapping, as in `adapt: {minimum: 0, maximum: 50}`"
    if wrong:
        raise TorchmagicError(
            f"{path} describes no cluster: {wrong}.",
            hint="Write lines such as `cluster: dask_jobqueue.SLURMCluster`, `options: {cores: 8, memory: 24GB}` and "
            "`scale: 10`.",
        )
    return ClusterPlan(found["cluster"], found.get("options") or {}, found.get("scale"), found.get("adapt"))


def _start(plan: ClusterPlan, stack: contextlib.ExitStack) -> Any:
    """A running cluster as a plan says; ``stack`` closes it."""
    module, _, name = plan.cluster.rpartition(".")
    try:
        factory = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        package = module.partition(".")[0].replace("_", "-")
        raise TorchmagicError(
            f"There is no {plan.cluster} ({_line(error)}).", hint=f"`pip install {package}` may bring it."
        ) from error
    try:
        with dask.config.set(CLUSTER_CONFIG):
            cluster = factory(**plan.options)
        if not isinstance(cluster.scheduler_address, str):
            raise TypeError("it makes no Dask cluster")
        stack.callback(_close, cluster.close)
        if plan.scale is not None:
            cluster.scale(plan.scale)
        if plan.adapt is not None:
            cluster.adapt(**plan.adapt)
    except Exception as error:  # whatever a batch system, a cloud or a typing error in the options says
        raise TorchmagicError(
            f"The cluster {plan.cluster} cannot be started ({type(error).__name__}: {_line(error)}).",
            hint="Look at its options, and at Dask's configuration files.",
        ) from error
    return cluster


def _address_in(path: Path) -> str:
    """The address in the file that `dask scheduler --scheduler-file` writes."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise TorchmagicError(
            f"{path} is no scheduler file ({_line(error)}).",
            hint="`dask scheduler --scheduler-file FILE` writes one.",
        ) from error


def _close(close: Callable[[], object]) -> None:
    """Close a client or cluster whose other side may be gone."""
    with contextlib.suppress(OSError, TimeoutError, RuntimeError):
        close()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
