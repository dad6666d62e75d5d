"""A training loop under ``%%gradtrace --live``: one output that is redrawn now and then, and is the picture at the end.

Drawing takes its time from a small share of the loop's; a terminal gets a line now and then instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any, Literal, Protocol

from torchmagic.errors import TorchmagicError
from torchmagic.live_records import LiveRecord

Theme = Literal["auto", "light", "dark"]

_SHARE = 0.003
"""The share of the loop's time that drawing may take."""
_LEAST = 0.5
"""Seconds between two pictures, at the least."""
_LINES = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds between two lines in a terminal: ever more, so that a long run does not flood it."""

NO_PASS = "gradtrace: this cell ran no backward pass: --live shows the steps of a training loop."


class Output(Protocol):
    """Where one picture is shown."""

    in_place: bool
    """Whether a picture can take the place of an earlier one."""

    @property
    def width(self) -> int | None:
        """The columns of a terminal; None where a picture can be shown."""

    def show(self, bundle: dict[str, Any]) -> None:
        """Show a picture, in the place of the one before it where that can be."""


@dataclass(slots=True)
class Pace:
    """When to draw: not too often, and no longer than a share of the time.

    >>> pace = Pace(share=0.01, least=0.5)
    >>> pace.due(0.4), pace.due(0.6)
    (False, True)
    >>> pace.took(0.6, 0.02)
    >>> pace.due(1.5), pace.due(2.7)
    (False, True)
    """

    share: float = _SHARE
    least: float = _LEAST
    next: float = -1.0

    def due(self, now: float) -> bool:
        """Whether to draw at a time, in seconds since the loop began."""
        return now >= (self.least if self.next < 0 else self.next)

    def took(self, now: float, seconds: float) -> None:
        """A picture was drawn at a time, and took so long."""
        self.next = now + max(self.least, seconds / self.share)


class LiveShow:
    """Watches a loop, and shows it while it runs.

    Args:
        output: where; None shows nothing.
        theme: the colours.
        late: whether to show nothing before the end, as for a cell that clears its own output.
    """

    def __init__(self, output: Output | None, theme: Theme = "auto", *, late: bool = False) -> None:
        self._output = output
        self._late = late
        self._theme = theme
        self._pace = Pace()
        self._lines = 0
        self._watch: Any = None

    def __enter__(self) -> LiveShow:
        from torchmagic.observe.live_watch import LiveWatch

        self._watch = LiveWatch(None if self._output is None or self._late else self._after_step)
        self._watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.__exit__(kind, error, traceback)

    def record(self, error: BaseException | None = None) -> LiveRecord | None:
        """What was seen; None where no backward pass ran.

        Args:
            error: what ended the loop.
        """
        if self._watch is None or not self._watch.steps:
            return None
        record: LiveRecord = self._watch.record("" if error is None else type(error).__name__)
        return record

    def finish(self, record: LiveRecord) -> None:
        """Show the last picture, in the place of those before it."""
        if self._output is not None:
            self._output.show(bundle(record, self._theme, self._output.width))

    def _after_step(self, watch: Any) -> None:
        assert self._output is not None
        now = watch.seconds
        if not self._output.in_place:
            self._say(now, self._output)
        elif self._pace.due(now):
            start = perf_counter()
            self._output.show(bundle(watch.record(), self._theme))
            self._pace.took(now, perf_counter() - start)

    def _say(self, now: float, output: Output) -> None:
        """In a terminal, a line."""
        self._pace.least = _LINES[min(self._lines, len(_LINES) - 1)]
        if self._pace.due(now):
            from torchmagic.render.live_text import live_line

            self._lines += 1
            output.show({"text/plain": f"gradtrace: {live_line(self._watch.record())}"})
            self._pace.took(now, 0.0)


def bundle(record: LiveRecord, theme: Theme, width: int | None = None) -> dict[str, str]:
    """The record as HTML and as text; for a terminal as text of its width."""
    from torchmagic.render.live_html import live_html
    from torchmagic.render.live_text import live_text

    if width is not None:
        return {"text/plain": live_text(record, width)}
    return {"text/plain": live_text(record), "text/html": live_html(record, theme)}


def displayed(record: LiveRecord, options: Any, say: Callable[[str], None]) -> dict[str, Any] | None:
    """JSON, where that is asked for; and a file, which is said in a line.

    Args:
        record: the training loop.
        options: of the magic.
        say: shows a line of text.
    """
    if options.save:
        from torchmagic.graph_files import size_text

        try:
            written = record.save(options.save, theme=options.theme)
        except TorchmagicError as error:
            say(f"gradtrace: {error}")
        else:
            say(f"gradtrace: wrote {options.save} ({size_text(written.stat().st_size)})")
    if not options.json:
        return None
    text = record.to_json()
    return {"application/json": json.loads(text), "text/plain": text}
