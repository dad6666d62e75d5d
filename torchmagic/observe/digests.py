"""Tell whether a NumPy array's elements changed: arrays keep no count of changes in place, as tensors do."""

from __future__ import annotations

import sys
import zlib
from typing import Any

_WHOLE = 1 << 18
"""An array of at most so many bytes is read whole, a larger one in part."""

_PARTS = 4096
_END = 1 << 10
_PLAIN_KINDS = "biufcmMSU"


def digest(array: Any) -> int | None:
    """A number that changes, with near certainty, when elements that were read change; None for other values.

    Of an array above 256 KiB, 4,096 elements evenly over it and those at both ends are read: what changes all of it
    is seen, a single element may be missed.

    >>> import numpy
    >>> a = numpy.zeros(3)
    >>> before = digest(a)
    >>> a[1] = 1
    >>> digest(a) == before, digest([1, 2])
    (False, None)
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or type(array) is not numpy.ndarray or array.dtype.kind not in _PLAIN_KINDS:
        return None  # a subclass may run code of its own; objects have no bytes that say what they hold
    if array.nbytes <= _WHOLE:
        return zlib.crc32(array.tobytes())
    step = max(1, array.size // _PARTS)
    flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
    read = [flat[:_END], flat[-_END:], flat[::step]]
    return zlib.crc32(b"".join(numpy.asarray(part).tobytes() for part in read))
