"""Tensors, groups of tensors and notes as plain text that fits a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from torchmagic.records import GroupRecord, Inspection, Note, TensorRecord
from torchmagic.render import broadcasts
from torchmagic.render.words import (
    autograd_text,
    dtype_text,
    grad_text,
    group_counts,
    memory_parts,
    shape_text,
    sparkline,
    stats_pairs,
)
from torchmagic.render.wrapping import LEAST, WIDTH, cells, wrapped

_INDENT = "    "


def tensor_text(record: TensorRecord, width: int = WIDTH) -> str:
    """A few lines of at most ``width`` columns.

    >>> print(tensor_text(TensorRecord("x", "Tensor", (2, 3), "float32", "cpu", change="new")))
    x  Tensor (2, 3) float32 on cpu · new
    """
    return "\n".join(_tensor_lines(record, max(width, LEAST)))


def group_text(group: GroupRecord, width: int = WIDTH) -> str:
    """A tree of a container, module or optimizer, of at most ``width`` columns.

    >>> weight = TensorRecord("m.weight", "Parameter", (1, 2), "float32", "cpu", requires_grad=True)
    >>> print(group_text(GroupRecord("m", "Linear", tensors=(weight,), numel=2, trainable=2, nbytes=8)))
    m  Linear · 2 elements, 100 % trainable, 8 B
    └─ .weight  Parameter (1, 2) float32 on cpu · requires grad, leaf
    """
    return "\n".join(_wrap_tree(line, lead, max(width, LEAST)) for line, lead in _tree_lines(group, "", "", ""))


def inspection_text(inspection: Inspection, width: int = WIDTH) -> str:
    """Tensors, groups, notes and the explanation of an error, under each other.

    >>> print(inspection_text(Inspection(notes=(Note("zeros", "w.grad is all zeros.", line=2),))))
    Note (line 2): w.grad is all zeros.
    """
    width = max(width, LEAST)
    parts = ["\n".join(tensor_text(record, width) for record in inspection.tensors)]
    if inspection.more:
        parts += _wrap(f"… and {inspection.more:,} more: raise --max-rows to see them", width, "")
    parts += [group_text(group, width) for group in inspection.groups]
    if inspection.deleted:
        parts += _wrap(f"deleted: {', '.join(inspection.deleted)}", width, "")
    parts += [_note_text(note, width) for note in inspection.notes]
    if inspection.explanation is not None:
        from torchmagic.render.explanation_text import explanation_text

        parts.append(explanation_text(inspection.explanation, width))
    return "\n".join(part.strip("\n") for part in parts if part)


def _tensor_lines(record: TensorRecord, width: int) -> list[str]:
    lines = _wrap(" · ".join([f"{record.name}  {_facts(record)}", *_states(record)]), width, "")
    if record.stats is not None:
        pairs = [f"{name} {text}" for name, text in stats_pairs(record.stats)]
        if record.stats.of:
            pairs.append(f"of {record.stats.of}")
        if record.stats.sampled:
            pairs.append(f"of a sample of {record.stats.count:,}")
        lines += _wrap("  ".join(pairs), width)
    if record.histogram is not None and (line := sparkline(record.histogram.counts)):
        low, high = (f"{edge:.3g}" for edge in (record.histogram.low, record.histogram.high))
        whole = f"{_INDENT}{low} {line} {high}"
        lines.append(whole if cells(whole) <= width else f"{_INDENT}{line}")
    memory = memory_parts(record)
    if memory:
        lines += _wrap(" · ".join(memory), width)
    if record.value_text is not None:
        lines += _wrap(f"= {record.value_text}", width)
    if record.grad is not None:
        lines += _wrap(grad_text(record), width)
    if record.trouble:
        lines += _wrap(f"({record.trouble})", width)
    return lines


def _facts(record: TensorRecord) -> str:
    return f"{record.kind} {shape_text(record.shape)} {dtype_text(record)} on {record.device}"


def _states(record: TensorRecord) -> list[str]:
    return [text for text in (autograd_text(record), record.change) if text]


def _note_text(note: Note, width: int) -> str:
    where = f" (line {note.line})" if note.line is not None else ""
    lines = _wrap(f"Note{where}: {note.text}", width, "")
    if note.broadcast is not None:
        lines += [f"{_INDENT}{line}" for line in broadcasts.text(note.broadcast, width - len(_INDENT))]
    for remedy in note.remedy.splitlines():
        lines += _wrap(f"→ {remedy}", width)
    return "\n".join(lines)


def _tree_lines(group: GroupRecord, above: str, lead: str, below: str) -> Iterator[tuple[str, str]]:
    """(line, what stands before its continuation) for a group and all below it."""
    name = inner_name(group.name, above)
    facts = "".join(f" · {what} {value}" for what, value in group.facts)
    yield f"{lead}{name}  {group.kind} · {group_counts(group)}{facts}", below
    entries: list[TensorRecord | GroupRecord | int] = [*group.tensors, *group.groups]
    if group.more:
        entries.append(group.more)
    for entry in entries:
        last = entry is entries[-1]
        own, under = below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")
        if isinstance(entry, GroupRecord):
            yield from _tree_lines(entry, group.name, own, under)
        elif isinstance(entry, TensorRecord):
            head = f"{inner_name(entry.name, group.name)}  {_facts(entry)}"
            yield own + " · ".join([head, *_states(entry)]), under
            if entry.value_text is not None:
                yield f"{under}   = {entry.value_text}", f"{under}   "
        else:
            yield f"{own}… and {entry:,} more", under


def inner_name(name: str, above: str) -> str:
    """The end of a name that the names above it in a tree do not say yet.

    >>> inner_name("model.0.weight", "model.0"), inner_name("d['k']", "d"), inner_name("x", "y")
    ('.weight', "['k']", 'x')
    """
    rest = name.removeprefix(above) if above else name
    return rest if rest and rest[0] in ".[ :" else name


def _wrap_tree(line: str, lead: str, width: int) -> str:
    if cells(line) <= width:
        return line
    room = max(width - len(lead) - 4, 20)
    start = len(line) - len(line.lstrip("│├└─ "))
    pieces = wrapped(line[start:], room, later="") or [""]
    return "\n".join([line[:start] + pieces[0], *(f"{lead}    {piece}" for piece in pieces[1:])])


def _wrap(text: str, width: int, indent: str = _INDENT) -> list[str]:
    return wrapped(text, width, indent, indent or _INDENT) or [text]
