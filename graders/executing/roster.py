"""Which workers a Dask cluster has, and which of them grade as this machine does."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Callable
from typing import Any

from graders.executing.dask_worker import SAME_ENVIRONMENT, UnfitWorker
from graders.executing.likeness import decisive_differences, likeness, other_differences
from torchmagic.errors import TorchmagicError


class Roster:
    """The workers of one cluster, as they come and go; used on the client's event loop.

    Args:
        client: a connected Dask client.
        notice: called with what the user should know of a worker.
    """

    def __init__(self, client: Any, notice: Callable[[str], None]) -> None:
        self._client = client
        self._notice = notice
        self._present: dict[str, int] = {}
        self._seen: set[str] = set()
        self._unfit: dict[str, UnfitWorker] = {}
        self._looking = asyncio.Lock()

    @property
    def fit(self) -> dict[str, int]:
        """The threads of each worker that is there and may grade, by address."""
        return {address: threads for address, threads in self._present.items() if address not in self._unfit}

    @property
    def is_mixed(self) -> bool:
        """Whether a worker is there that must get nothing."""
        return not self._unfit.keys().isdisjoint(self._present)

    async def look_over(self) -> None:
        """See which workers there are, and compare those that joined with this machine."""
        async with self._looking:
            self._present = dict(await self._client.nthreads())
            new = [address for address in self._present if address not in self._seen]
            if not new:
                return
            self._seen.update(new)
            versions = await self._ask(importlib.metadata.version, "torchmagic", workers=new)
            for address, version in versions.items():
                if isinstance(version, importlib.metadata.PackageNotFoundError):
                    self.refuse(UnfitWorker(address, "it has no torchmagic", SAME_ENVIRONMENT))
            found = await self._ask(likeness, workers=[address for address in versions if address not in self._unfit])
            for address, there in found.items():
                self._compare(address, there, versions[address])

    def refuse(self, error: UnfitWorker) -> None:
        """Give a worker nothing from now on, and say so."""
        if error.address not in self._unfit:
            self._unfit[error.address] = error
            self._notice(f"The worker {error.address} cannot grade and gets nothing: {error.reason}. {error.hint}")

    def demand_fit(self) -> None:
        """See that there is a worker that may grade, or was: it may come back.

        Raises:
            TorchmagicError: all that ever joined cannot grade.
        """
        if self._unfit and self._seen <= self._unfit.keys():
            first = next(iter(self._unfit.values()))
            where = self._client.scheduler.address
            raise TorchmagicError(
                f"No worker of the cluster at {where} can grade. {first.address}: {first.reason}.", hint=first.hint
            )

    async def _ask(self, function: Callable[..., Any], *arguments: object, workers: list[str]) -> dict[str, Any]:
        """What a function gives on each of these workers, or its error; without those that went away meanwhile."""
        if not workers:
            return {}
        answers = await self._client.run(function, *arguments, workers=workers, on_error="return")
        return {address: answer for address, answer in answers.items() if not isinstance(answer, OSError)}

    def _compare(self, address: str, there: Any, version: object) -> None:
        here = likeness()
        if isinstance(there, BaseException):  # it knows no such function
            there = {**here, "torchmagic": str(version), "torchmagic's code": "another"}
        told = decisive_differences(here, there)
        if told:
            self.refuse(UnfitWorker(address, f"it has {', '.join(told)}", SAME_ENVIRONMENT))
        elif other_differences(here, there):
            self._notice(f"The worker {address} has {', '.join(other_differences(here, there))}.")
