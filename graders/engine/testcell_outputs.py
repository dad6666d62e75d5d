"""What a test cell prints and shows, kept as nbformat outputs in order; nothing of what its hidden lines print."""

from __future__ import annotations

import io
import sys
from types import FrameType
from typing import Any

from graders.engine.hidden import file_name, hidden_lines, is_secret
from graders.engine.report import Cell


class Streams:
    """Keeps what a test cell prints and shows, as nbformat outputs in order."""

    def __init__(self, limit: int) -> None:
        self.outputs: list[dict[str, Any]] = []
        self._room = limit

    def add(self, stream: str, text: str) -> None:
        """Keep what was written to a stream, as far as there is room."""
        kept, self._room = text[: self._room], self._room - min(len(text), self._room)
        if not kept:
            return
        if self.outputs and self.outputs[-1].get("name") == stream:
            self.outputs[-1]["text"] += kept
        else:
            self.outputs.append({"output_type": "stream", "name": stream, "text": kept})

    def show(self, record: Any) -> None:
        """Keep a record as a card; as text where there is no more room for that."""
        output = shown_record(record)
        size = sum(map(len, output["data"].values()))
        if size > self._room:
            self.add("stdout", f"{record}\n")
            return
        self._room -= size
        self.outputs.append(output)


class Writer(io.TextIOBase):
    """One of the standard streams while a test cell runs; what is written amid a hidden line is dropped."""

    def __init__(self, streams: Streams, name: str, cell: Cell) -> None:
        self._streams = streams
        self._name = name
        self._filename = file_name(cell)
        self._secret = hidden_lines(cell.source)

    def write(self, text: str) -> int:
        """As any stream."""
        if not is_secret(_lines_under_way(self._filename), self._secret):
            self._streams.add(self._name, str(text))
        return len(text)

    def show_record(self, record: Any) -> None:
        """For :func:`graders.failure_view.display`."""
        if not is_secret(_lines_under_way(self._filename), self._secret):
            self._streams.show(record)


def shown_record(record: Any) -> dict[str, Any]:
    """The output that shows a record as a card."""
    return {"output_type": "display_data", "data": record._repr_mimebundle_(None, None), "metadata": {}}


def _lines_under_way(filename: str) -> list[int | None]:
    """The lines of the test cell that are being run now, one for each of its frames."""
    lines = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == filename:
            lines.append(frame.f_lineno)
        frame = frame.f_back
    return lines
