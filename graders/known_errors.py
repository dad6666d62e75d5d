"""Demand values, and name the misconception of an assignment's own that leads to the wrong ones that were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from graders.answers import as_tensor, elements, is_a, is_tensor, items
from graders.check_tensor import check_tensor
from graders.compare import are_close
from graders.failure import CheckFailed


def check_named(value: Any, right: Any, name: str, wrong: Mapping[str, Any], **asked: Any) -> None:
    """Demand ``right``; where every number is that of a misconception, the message is the misconception.

    Args:
        right: the expected elements, as for ``check_tensor``.
        wrong: what a misconception gives, by a sentence that names it. One that happens to give the right values, or
            the same as another one, is not named.
        asked: what else ``check_tensor`` should ask.

    Raises:
        CheckFailed: the value differs.

    >>> check_named(torch.tensor(6.0), 6.5, "cost", {"The cents are lost.": 6.0})
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `cost` is 6, expected 6.5. The cents are lost.
    """
    try:
        check_tensor(value, name, values=right, **asked)
    except CheckFailed as failed:
        fitting = [
            why for why, values in wrong.items() if _same(value, values, name) and not _same(right, values, name)
        ]
        if len(fitting) != 1:
            raise
        said, redacted = (f"{text.rstrip('.')}. {fitting[0]}" for text in (str(failed), failed.redacted))
        raise CheckFailed(said, redacted=redacted, known=fitting[0]) from None


def _same(one: Any, other: Any, name: str) -> bool:
    try:
        mine = elements(as_tensor(one if is_tensor(one) else torch.as_tensor(_data(one)), name), name)
        theirs = elements(torch.as_tensor(other), name)
    except Exception:  # no tensor can be made of it, or none that can be read
        return False
    return mine.shape == theirs.shape and bool(are_close(mine, theirs).all())


def _data(value: Any) -> Any:
    """Plain data as torch may see it: an object that lies about its class ends the process when torch looks into it.

    Raises:
        TypeError: there is something else in it.
    """
    if type(value) in (bool, int, float, complex):
        return value
    if is_a(value, np.ndarray, np.generic):
        return np.asarray(value)
    if is_tensor(value):
        return elements(as_tensor(value, ""), "").tolist()
    within = items(value)
    if within is None:
        raise TypeError("no plain data")
    return [_data(each) for each in within]
