"""What a test cell may ask of an answer: one module to import all checks from.

Every check gives nothing when all is well and raises :class:`CheckFailed` (an AssertionError) with a reason
in a student's words otherwise. They work in a plain notebook and in the judge alike: a student's object is
only called and compared by its numbers.
"""

from __future__ import annotations

from graders.check_function import check_function
from graders.check_graph import check_graph
from graders.check_module import check_module
from graders.check_random import check_random
from graders.check_tensor import check_tensor
from graders.check_training import check_training
from graders.diagnose import diagnose
from graders.dims import Dims
from graders.failure import CheckFailed
from graders.gradients import check_grad, check_gradient
from graders.properties import linearity, permutation, scale, shift
from graders.rubric import Rubric, rubric

__all__ = [
    "CheckFailed",
    "Dims",
    "Rubric",
    "check_function",
    "check_grad",
    "check_gradient",
    "check_graph",
    "check_module",
    "check_random",
    "check_tensor",
    "check_that",
    "check_training",
    "diagnose",
    "linearity",
    "permutation",
    "rubric",
    "scale",
    "shift",
]


def check_that(condition: bool, reason: str) -> None:
    """Demand that something holds. Unlike an assert's message, ``reason`` is told to students of a hidden test too.

    Raises:
        CheckFailed: with the reason, which should give no answer away.

    >>> check_that(abs(-2) == 3, "abs() is the distance from zero")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: abs() is the distance from zero
    """
    if not condition:
        raise CheckFailed(reason)
