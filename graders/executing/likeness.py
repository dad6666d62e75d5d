"""Whether another process would grade as this one does: the same code, and the same libraries below it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Mapping

from graders.environment import own_code

#: What decides a score, or what a graded notebook looks like. A difference in others is told, and accepted.
DECISIVE = ("torch", "numpy", "ipython", "ipykernel", "nbgrader", "nbformat", "nbconvert")
_PYTHON, _VERSION, _CODE = "Python", "torchmagic", "torchmagic's code"


@functools.cache
def likeness() -> Mapping[str, str]:
    """What there is to compare: Python, our own code, and the version of every installed distribution.

    As it was when first asked: a process that has run for long does not become another by an upgrade on disk.

    >>> sorted(set(likeness()) & {"Python", "torchmagic's code", "torch", "numpy"})
    ['Python', 'numpy', 'torch', "torchmagic's code"]
    """
    found = {
        _PYTHON: f"{sys.version_info.major}.{sys.version_info.minor}",
        _CODE: hashlib.sha256("\n".join(own_code()).encode()).hexdigest()[:12],
    }
    for distribution in importlib.metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        found.setdefault(name, distribution.version)
    return found


def decisive_differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Differences that forbid to grade there, in words; none where it grades as here.

    >>> decisive_differences({"Python": "3.11", "torch": "2.9.0"}, {"Python": "3.11", "torch": "2.8.0"})
    ['torch 2.8.0 (here 2.9.0)']
    """
    names = (_PYTHON, _VERSION, *DECISIVE)
    told = [_told(name, here, there) for name in names if here.get(name) != there.get(name)]
    if not told and here.get(_CODE) != there.get(_CODE):
        told = ["other code of torchmagic, of the same version"]
    return told


def other_differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Differences in libraries that both have and that only some assignment may use, in words."""
    known = {_PYTHON, _VERSION, _CODE, *DECISIVE}
    names = sorted(set(here) & set(there) - known)
    return [_told(name, here, there) for name in names if here[name] != there[name]]


def _told(name: str, here: Mapping[str, str], there: Mapping[str, str]) -> str:
    return f"{name} {there.get(name, 'missing')} (here {here.get(name, 'missing')})"
