"""Tensors, groups of tensors and notes as HTML: no script, no network, legible on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from torchmagic.records import GroupRecord, Inspection, Note, TensorRecord
from torchmagic.render import broadcasts
from torchmagic.render.graph_templates import printable, template
from torchmagic.render.pictures import Bars, Image, histogram_bars, picture_image
from torchmagic.render.text import inner_name
from torchmagic.render.words import dtype_text, grad_text, group_counts, memory_parts, shape_text, stats_pairs

_FACTS = 5
_STATISTICS = ("min", "max", "mean", "std", "zeros", "NaN", "inf")
_MOST_OPEN = 12


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    kind: str
    shape: str
    dtype: str
    device: str
    autograd: str
    change: str
    numbers: tuple[str, ...]
    nans: int | None
    infs: int | None
    bars: Bars | None
    image: Image | None
    value: str
    grad: str
    memory: str
    trouble: str


@dataclass(frozen=True, slots=True)
class _Table:
    rows: tuple[_Row, ...]
    more: int
    statistics: bool
    changes: bool
    sampled: bool
    heads: tuple[str, ...] = _STATISTICS

    @property
    def columns(self) -> int:
        return _FACTS + (len(self.heads) if self.statistics else 0) + self.changes


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    kind: str
    counts: str
    facts: tuple[tuple[str, str], ...]
    table: _Table
    groups: tuple[_Group, ...]
    more: int
    open: bool


@dataclass(frozen=True, slots=True)
class _Note:
    spans: tuple[tuple[str, bool], ...]
    remedy: str
    line: int | None
    dims: tuple[str, ...] = ()
    rows: tuple[broadcasts.Row, ...] = ()


@dataclass(frozen=True, slots=True)
class _View:
    table: _Table
    groups: tuple[_Group, ...] = ()
    notes: tuple[_Note, ...] = ()
    explanation: Markup | None = None
    deleted: tuple[str, ...] = ()


def tensor_html(record: TensorRecord) -> str:
    """A table of one row; everything from the user's program is escaped.

    >>> "<script>" in tensor_html(TensorRecord("<script>", "Tensor", (), "float32", "cpu"))
    False
    """
    return inspection_html(Inspection(tensors=(record,)))


def group_html(group: GroupRecord) -> str:
    """A tree that opens and closes, of a container, module or optimizer.

    >>> "<details open>" in group_html(GroupRecord("model", "Linear(in_features=1, out_features=1)"))
    True
    """
    return inspection_html(Inspection(groups=(group,)))


def inspection_html(inspection: Inspection) -> str:
    """Tensors, groups, notes and the explanation of an error, under each other.

    >>> "line 2" in inspection_html(Inspection(notes=(Note("zeros", "w.grad is all zeros.", line=2),)))
    True
    """
    pictures = sum(record.picture is not None for record in _all_tensors(inspection))
    view = _View(
        deleted=inspection.deleted,
        table=_table(inspection.tensors, inspection.more, "", pictures),
        groups=tuple(_group(group, "", pictures, _MOST_OPEN) for group in inspection.groups),
        notes=tuple(_note(note) for note in inspection.notes),
    )
    if inspection.explanation is not None:  # escaped where it was made
        explained = Markup(inspection.explanation._repr_mimebundle_()["text/html"])
        if not (inspection.tensors or inspection.groups or inspection.notes or inspection.deleted):
            return str(explained)
        view = replace(view, explanation=explained)
    return template("seen.html.j2").render(view=view).strip()


def _all_tensors(inspection: Inspection) -> list[TensorRecord]:
    found = list(inspection.tensors)
    groups = list(inspection.groups)
    while groups:
        group = groups.pop()
        found += group.tensors
        groups += group.groups
    return found


def _table(records: Sequence[TensorRecord], more: int, above: str, pictures: int) -> _Table:
    return _Table(
        rows=tuple(_row(record, above, pictures) for record in records),
        more=more,
        statistics=any(record.stats is not None for record in records),
        changes=any(record.change for record in records),
        sampled=any(record.stats is not None and record.stats.sampled for record in records),
    )


def _row(record: TensorRecord, above: str, pictures: int) -> _Row:
    stats = record.stats
    return _Row(
        name=printable(inner_name(record.name, above)),
        kind={"Tensor": "", "ndarray": "NumPy"}.get(record.kind, record.kind),
        shape=shape_text(record.shape),
        dtype=dtype_text(record),
        device=record.device,
        autograd=(record.grad_fn or "leaf") if record.requires_grad else "–",
        change=record.change,
        numbers=tuple(text for _, text in stats_pairs(stats)[:-2]) if stats else ("",) * (len(_STATISTICS) - 2),
        nans=stats.nans if stats else None,
        infs=stats.infs if stats else None,
        bars=histogram_bars(record.histogram) if record.histogram else None,
        image=picture_image(record.picture, pictures) if record.picture else None,
        value=record.value_text or "",
        grad=grad_text(record),
        memory=" · ".join(memory_parts(record)),
        trouble="; ".join(filter(None, (record.trouble, stats.of and f"statistics of {stats.of}" if stats else ""))),
    )


def _group(group: GroupRecord, above: str, pictures: int, room: int) -> _Group:
    """A group and those below it; those are closed where there are more than ``room`` of them."""
    size = len(group.groups)
    return _Group(
        name=inner_name(group.name, above),
        kind=group.kind,
        counts=group_counts(group),
        facts=group.facts,
        table=_table(group.tensors, 0, group.name, pictures),
        groups=tuple(_group(inner, group.name, pictures, (room - size) // max(size, 1)) for inner in group.groups),
        more=group.more,
        open=room > 0,
    )


def _note(note: Note) -> _Note:
    spans = tuple((text, n % 2 == 1) for n, text in enumerate(note.text.split("`")) if text)
    if note.broadcast is None:
        return _Note(spans, note.remedy, note.line)
    drawn = note.broadcast
    return _Note(spans, note.remedy, note.line, broadcasts.dimensions(drawn), broadcasts.rows(drawn))
