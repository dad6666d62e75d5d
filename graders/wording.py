"""Numbers as a student would write them."""

from __future__ import annotations

import math


def number_text(value: float | complex | bool) -> str:
    """A number as a student would write it.

    >>> number_text(0.1 + 0.2), number_text(2.0), number_text(3)
    ('0.3', '2', '3')
    """
    return f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else str(value)
