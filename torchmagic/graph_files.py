"""A graph as it leaves the program: what a notebook displays, and files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.render.graph_look import Look


def look_of(options: Any) -> Look:
    """How the options of a magic want a graph drawn."""
    return Look(options.depth, tuple(options.expand), options.theme)


def displayed(record: GraphRecord, options: Any, width: int | None = None) -> Iterable[dict[str, Any]]:
    """What a notebook shows of a graph, one bundle of forms after the other: the picture or JSON, and what was saved.

    Args:
        record: the graph.
        options: of the magic.
        width: the columns of a terminal, which gets no picture; None for a notebook.
    """
    look = look_of(options)
    if options.json:
        text = record.to_json()
        yield {"application/json": json.loads(text), "text/plain": text}
    elif not options.quiet:
        yield from _shown(record, look, options.widget, width)
        yield from ({"text/plain": f"gradtrace: {each}"} for each in _unknown(record, look))
    if options.save:
        yield {"text/plain": f"gradtrace: {_saved(record, options.save, look)}"}


def _shown(record: GraphRecord, look: Look, widget: bool, width: int | None) -> Iterable[dict[str, Any]]:
    """The picture; as a widget where that is asked for and can be, else why it cannot."""
    if widget and record.nodes and width is None:
        from torchmagic.widget import graph_widget

        try:
            made = graph_widget(record, look)
        except TorchmagicError as error:
            yield shown(record, look)
            yield {"text/plain": f"gradtrace: {error}"}
        else:
            yield from made.outputs()
    else:
        yield shown(record, look, width)


def _unknown(record: GraphRecord, look: Look) -> Iterable[str]:
    from torchmagic.render.graph_open import unmatched

    paths = list(dict.fromkeys(module.path for module in record.modules))
    there = f"there are {', '.join(paths[:6])}{', …' if len(paths) > 6 else ''}" if paths else "there are no modules"
    return [f"no module of the graph is {pattern!r}: {there}." for pattern in unmatched(record.modules, look.expand)]


def shown(record: GraphRecord, look: Look, width: int | None = None) -> dict[str, str]:
    """The graph as HTML and as text; for a terminal as text of its width."""
    from torchmagic.render.graph_html import graph_html
    from torchmagic.render.graph_text import graph_text

    if width is not None:
        return {"text/plain": graph_text(record, look, width)}
    return {"text/plain": graph_text(record, look), "text/html": graph_html(record, look)}


def _saved(record: GraphRecord, path: str, look: Look) -> str:
    try:
        written = save(record, path, look)
    except TorchmagicError as error:
        return str(error)
    return f"wrote {path} ({size_text(written.stat().st_size)})"


def save(record: GraphRecord, path: str | os.PathLike[str], look: Look) -> Path:
    """Write a graph to a file, in the form that its suffix names.

    Returns: the path.

    Raises:
        TorchmagicError: the suffix is not known, or the file cannot be written; nothing was written then.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> save(GraphRecord((), ()), folder + "/graph.json", Look()).name
    'graph.json'
    """
    from torchmagic.render.graph_export import FORMATS, export

    target, form = target_of(path, FORMATS, "a graph")
    return write(target, export(record, form, look), path)


def target_of(path: str | os.PathLike[str], forms: Mapping[str, str], what: str) -> tuple[Path, str]:
    """A file's path, and the form that its suffix asks for.

    Args:
        path: as the user gave it.
        forms: by suffix.
        what: what is to be saved.

    Raises:
        TorchmagicError: the suffix is not known.
    """
    try:
        target = Path(path).expanduser()
    except (RuntimeError, TypeError):
        raise TorchmagicError(f"{path!r} is no path of a file.") from None
    known = {f".{suffix.lstrip('.')}": form for suffix, form in forms.items()}
    form = known.get(target.suffix.lower())
    if form is None:
        said = f"The suffix {target.suffix!r} of {path}" if target.suffix else f"{path} has no suffix, which"
        verb = f"names no form that {what} is saved in." if target.suffix else "would name the form to save in."
        raise TorchmagicError(f"{said} {verb}", hint=f"Use {_listed(known)}.")
    return target, form


def write(target: Path, text: str, path: object) -> Path:
    """Write a text to a file, which ``path`` is the user's way to say.

    Raises:
        TorchmagicError: it cannot be written.
    """
    try:
        target.write_text(text, encoding="utf-8")
    except FileNotFoundError:
        raise TorchmagicError(f"There is no folder {str(target.parent)!r}.", hint="Make it first.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TorchmagicError(f"{path} could not be written ({reason}).", hint="Choose another place.") from None
    return target


def _listed(suffixes: Iterable[str]) -> str:
    *most, last = suffixes
    return f"{', '.join(most)} or {last}" if most else last


def size_text(count: int) -> str:
    """The size of a file.

    >>> size_text(12), size_text(1234)
    ('12 bytes', '1.2 KB')
    """
    return f"{count} bytes" if count < 1000 else f"{count / 1000:,.1f} KB"
