"""The record of a training loop as a file: SVG that opens by itself, or JSON."""

from __future__ import annotations

import os
from pathlib import Path

from torchmagic.graph_files import target_of, write
from torchmagic.live_records import LiveRecord
from torchmagic.render.graph_look import Theme

FORMATS = {".svg": "svg", ".json": "json"}
"""The form that a file's ending asks for."""


def save(record: LiveRecord, path: str | os.PathLike[str], theme: Theme) -> Path:
    """Write a training loop to a file, in the form that its suffix names.

    Returns: the path.

    Raises:
        TorchmagicError: the suffix is not known, or the file cannot be written; nothing was written then.

    >>> import tempfile
    >>> save(LiveRecord(), tempfile.mkdtemp() + "/training.svg", "auto").name
    'training.svg'
    """
    target, form = target_of(path, FORMATS, "a training loop")
    if form == "json":
        text = record.to_json()
    else:
        from torchmagic.render.graph_export import AUTO_STYLE
        from torchmagic.render.live_svg import live_svg

        text = live_svg(record, theme, file=True, style=AUTO_STYLE if theme == "auto" else "") + "\n"
    return write(target, text, path)
