"""Rules for what a user's own code does within a backward pass: custom Functions and hooks."""

from __future__ import annotations

import re

from torchmagic.observe.errors.failure import Failure
from torchmagic.observe.errors.words import Finding

_KIND = "custom-function"


def count(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A custom Function's backward returned too few or too many."""
    why = (
        f"The backward of {match['name']} must return one gradient for each argument of its forward, "
        f"{match['wanted']}: it returned {match['got']}. "
        f"For an argument that needs none, such as a number, it returns None."
    )
    return Finding(_KIND, why)


def shape(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A custom Function's backward returned a gradient of another shape."""
    why = (
        f"The backward of {match['name']} must return gradients of the shapes of forward's arguments: the one at "
        f"place {match['place']} has shape ({match['got']}), and the argument has ({match['wanted']})."
    )
    return Finding(_KIND, why)


def kind(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A custom Function's backward returned what is no tensor."""
    why = f"The backward of a custom Function returned a {match['got']}: it must return tensors, or None."
    return Finding(_KIND, why)


def hook_size(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A hook returned a gradient of another shape."""
    what = "The hook" if "lambda" in match["name"] else f"The hook {match['name']}"
    return Finding("hook", f"{what} returned a gradient of another shape than the one that it was given.")


_COUNT = r"function (?P<name>\w+?)Backward returned an incorrect number of gradients"
_COUNT += r" \(expected (?P<wanted>\d+), got (?P<got>\d+)"
_SHAPE = r"Function (?P<name>\w+?)Backward returned an invalid gradient at index (?P<place>\d+) - "
_SHAPE += r"got \[(?P<got>[\d, ]*)\] but expected shape compatible with \[(?P<wanted>[\d, ]*)\]"

RULES = [
    (_COUNT, count),
    (_SHAPE, shape),
    (r"expected Variable or None \(got (?P<got>\w+)\)", kind),
    (r"hook '(?P<name>[^']*)' has changed the size of value", hook_size),
]
