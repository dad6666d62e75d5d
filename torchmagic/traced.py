"""``torchmagic.gradtrace()``: watch a block of a script, as ``%%gradtrace`` and its ``--live`` watch a cell."""

from __future__ import annotations

import sys
from inspect import CO_OPTIMIZED
from types import FrameType, TracebackType
from typing import Any

from torchmagic.errors import TorchmagicError
from torchmagic.graph_options import Wanted
from torchmagic.graph_records import GraphRecord
from torchmagic.live_records import LiveRecord


class Traced:
    """The block and, after it, its graph; made by :func:`torchmagic.gradtrace`."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._session: Any = None
        self._before: dict[str, int] = {}
        self._record: GraphRecord | None = None
        self._ended = False

    @property
    def record(self) -> GraphRecord:
        """The graph that the block built, with the gradients of its backward passes.

        Raises:
            TorchmagicError: the block has not ended yet, or built no graph.
        """
        if self._record is None:
            if not self._ended:
                raise TorchmagicError(
                    "The traced block has not ended yet.", hint="Read .record after the 'with' block."
                )
            raise TorchmagicError(
                "No operation in the traced block was on a tensor that requires gradients.",
                hint="Is the forward pass inside the block, and outside torch.no_grad()?",
            )
        return self._record

    def __enter__(self) -> Traced:
        from torchmagic.observe.graph_session import GraphSession

        if self._session is not None:
            raise TorchmagicError("This block is being traced already.", hint="Call torchmagic.gradtrace() for each.")
        self._record, self._ended = None, False
        self._before = {name: id(value) for name, value in _variables(sys._getframe(1)).items()}
        self._session = GraphSession(self._wanted)
        self._session.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        session.__exit__(kind, error, traceback)
        self._ended = True
        variables = _variables(sys._getframe(1))
        touched = [name for name, value in variables.items() if self._before.get(name) != id(value)]
        self._record = session.record(variables, touched)


class LiveTraced:
    """A training loop and, after it, its curves; made by ``torchmagic.gradtrace(live=True)``."""

    def __init__(self) -> None:
        self._watch: Any = None
        self._record: LiveRecord | None = None

    @property
    def record(self) -> LiveRecord:
        """The losses, gradients and updates of the block's backward passes; of those up to now, inside it.

        Raises:
            TorchmagicError: no backward pass has run in the block.
        """
        record: LiveRecord | None = self._record if self._watch is None else self._watch.record()
        if record is None or not record.steps:
            raise TorchmagicError(
                "No backward pass has run in the traced block.", hint="Put the training loop into the 'with' block."
            )
        return record

    def __enter__(self) -> LiveTraced:
        from torchmagic.observe.live_watch import LiveWatch

        if self._watch is not None:
            raise TorchmagicError("This block is being traced already.", hint="Call torchmagic.gradtrace() for each.")
        self._watch = LiveWatch()
        self._watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        watch, self._watch = self._watch, None
        watch.__exit__(kind, error, traceback)
        self._record = watch.record("" if kind is None else kind.__name__)


def _variables(frame: FrameType) -> dict[str, object]:
    """The variables of a frame: its own before its module's."""
    own = frame.f_locals
    found = {**frame.f_globals, **own}
    if own is not frame.f_globals and frame.f_code.co_flags & CO_OPTIMIZED and type(own) is dict:
        own.clear()  # before Python 3.13 the frame would keep this snapshot, and so what it holds
    return found


def caller_variables(depth: int = 2) -> dict[str, object]:
    """The variables where torchmagic was called, to name tensors by."""
    return _variables(sys._getframe(depth))
