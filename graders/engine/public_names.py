"""Functions and classes of known libraries, by their public names: these both processes have."""

from __future__ import annotations

import sys

_HOMES = ("builtins", "math", "operator", "torch", "torch.nn.functional", "torch.nn", "torch.optim", "numpy")


def public_home(value: object) -> str:
    """The module in which a function or class of a known library has its public name; "" for any other value.

    >>> import torch
    >>> public_home(torch.relu), public_home(len), public_home(lambda x: x)
    ('torch', 'builtins', '')
    """
    if not callable(value):
        return ""
    try:
        name = getattr(value, "__name__", None)
    except Exception:  # an object's own attribute access may do anything
        return ""
    if type(name) is not str:
        return ""
    return next((home for home in _HOMES if getattr(sys.modules.get(home), name, None) is value), "")
