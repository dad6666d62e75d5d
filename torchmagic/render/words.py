"""Facts of a tensor in words and short numbers: the parts from which its text and its HTML are both made."""

from __future__ import annotations

from collections.abc import Sequence

from torchmagic.records import GroupRecord, Stats, TensorRecord

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_BLOCKS = "▁▂▃▄▅▆▇█"
_MOST_SHARED = 4


def shape_text(shape: Sequence[int]) -> str:
    """A shape as Python writes it; a size that is not known is ``?``.

    >>> shape_text((3, -1)), shape_text((2,)), shape_text(())
    ('(3, ?)', '(2,)', '()')
    """
    sizes = ["?" if size < 0 else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def dtype_text(record: TensorRecord) -> str:
    """The dtype, with the layout where that is not the usual one.

    >>> dtype_text(TensorRecord("s", "Tensor", (2, 2), "float32", "cpu", layout="sparse_coo"))
    'float32 sparse_coo'
    """
    return record.dtype if record.layout == "strided" else f"{record.dtype} {record.layout}"


def autograd_text(record: TensorRecord) -> str:
    """What autograd makes of the tensor: ``requires grad, leaf``, ``requires grad, MulBackward0``, or "".

    >>> autograd_text(TensorRecord("w", "Parameter", (), "float32", "cpu", requires_grad=True))
    'requires grad, leaf'
    """
    if not record.requires_grad:
        return ""
    return f"requires grad, {record.grad_fn or 'leaf'}"


def number(value: float | None) -> str:
    """A statistic in at most four significant digits; a dash where it is not defined.

    >>> number(0.123456), number(None), number(3.0), number(-0.0)
    ('0.1235', '–', '3', '0')
    """
    if value is None:
        return "–"
    return "0" if value == 0 else f"{value:.4g}"


def count_text(count: int) -> str:
    """A count that may be large, in a few characters.

    >>> count_text(999), count_text(12_345), count_text(1_234_567)
    ('999', '12,345', '1.23 M')
    """
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:,}"


def bytes_text(count: int) -> str:
    """An amount of memory in the unit that keeps it short.

    >>> bytes_text(12), bytes_text(1536), bytes_text(5 * 2**30)
    ('12 B', '1.5 KiB', '5 GiB')
    """
    size = float(count)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.3g} {unit}"


def share_text(part: int, whole: int) -> str:
    """A part of a whole in percent; never 0 % for some, nor 100 % for not all.

    >>> share_text(1, 3), share_text(0, 3), share_text(1, 10_000), share_text(9_999, 10_000), share_text(3, 3)
    ('33 %', '0 %', '< 1 %', '> 99 %', '100 %')
    """
    if not whole or part in (0, whole):
        return "100 %" if whole and part else "0 %"
    percent = 100 * part / whole
    return "< 1 %" if percent < 1 else "> 99 %" if percent > 99 else f"{percent:.0f} %"


def stats_pairs(stats: Stats) -> list[tuple[str, str]]:
    """The statistics as (name, text), in the order in which they are shown."""
    names = ("min", "max", "mean", "std")
    values = (stats.minimum, stats.maximum, stats.mean, stats.std)
    zeros = share_text(stats.zeros, stats.count)
    counts = [("zeros", zeros), ("NaN", f"{stats.nans:,}"), ("inf", f"{stats.infs:,}")]
    return [*zip(names, map(number, values), strict=True), *counts]


def memory_parts(record: TensorRecord) -> list[str]:
    """Bytes, strides, whether it is contiguous or a view, and what shares its storage.

    >>> memory_parts(TensorRecord("y", "Tensor", (3, 2), "float32", "cpu", nbytes=24, strides=(1, 3),
    ...                           contiguous=False, is_view=True, shares=("x",)))
    ['24 B', 'strides (1, 3)', 'not contiguous', 'a view', 'shares storage with x']
    """
    parts = [] if record.nbytes is None else [bytes_text(record.nbytes)]
    if record.strides is not None and record.shape:
        parts.append(f"strides {shape_text(record.strides)}")
    if record.contiguous is not None and record.shape:
        parts.append("contiguous" if record.contiguous else "not contiguous")
    if record.is_view:
        parts.append("a view")
    if record.shares:
        more = len(record.shares) - _MOST_SHARED
        names = ", ".join(record.shares[:_MOST_SHARED]) + (f" and {more} more" if more > 0 else "")
        parts.append(f"shares storage with {names}")
    if record.histogram is not None and record.histogram.sampled:
        parts.append("histogram of an even sample")
    return parts


def grad_text(record: TensorRecord) -> str:
    """``.grad`` with its norm, or "" without one.

    >>> grad_text(TensorRecord("w", "Parameter", (2,), "float32", "cpu", grad="[3, 4]", grad_norm=5.0))
    'grad [3, 4], norm 5'
    """
    if record.grad is None:
        return ""
    return f"grad {record.grad}" + ("" if record.grad_norm is None else f", norm {number(record.grad_norm)}")


def group_counts(group: GroupRecord) -> str:
    """How much a group holds: elements, the share of them that is trained, and memory.

    >>> group_counts(GroupRecord("m", "Linear", numel=6, trainable=3, nbytes=24))
    '6 elements, 50 % trainable, 24 B'
    """
    parts = [f"{count_text(group.numel)} element{'' if group.numel == 1 else 's'}"]
    if group.numel:
        if group.trainable:
            parts.append(f"{share_text(group.trainable, group.numel)} trainable")
        parts.append(bytes_text(group.nbytes))
    return ", ".join(parts)


def sparkline(counts: Sequence[int]) -> str:
    """A histogram in one line of block characters; an empty bin is a space.

    >>> sparkline([0, 1, 4, 8])
    ' ▁▄█'
    """
    top = max(counts, default=0)
    if not top:
        return ""
    return "".join(_BLOCKS[max(0, -(-count * 8 // top) - 1)] if count else " " for count in counts)
