"""Operands that only the failing call itself knew: what a watch noted of them, told to the world of the failure."""

from __future__ import annotations

from collections.abc import Sequence

from torchmagic.observe.errors.failure import MISSING, Arg, Failure
from torchmagic.observe.errors.limits import Unknown
from torchmagic.observe.recorded import FailedCall, OperandFact


def bind_call(failure: Failure, call: FailedCall) -> bool:
    """Tell the world of a failure what its unknown operands were; True where any was told.

    An operand that is known must be the very object that the call was given: else it was another call than the
    expression that failed.
    """
    orders = [call.args, call.args[::-1]] if len(call.args) == 2 else [call.args]  # 2 * t is t.__rmul__(2)
    for given in orders:
        pairs = _pairs(failure.args, given, call)
        if pairs and all(_agrees(failure, arg, fact) for arg, fact in pairs):
            told = [_bind(failure, arg, fact) for arg, fact in pairs if arg.value is MISSING]
            return any(told)
    return False


def _pairs(args: Sequence[Arg], given: Sequence[OperandFact], call: FailedCall) -> list[tuple[Arg, OperandFact]]:
    found: list[tuple[Arg, OperandFact]] = []
    for position, arg in enumerate(args):
        if arg.role and arg.role in call.kwargs:
            found.append((arg, call.kwargs[arg.role]))
        elif position < len(given):
            found.append((arg, given[position]))
    return found


def _agrees(failure: Failure, arg: Arg, fact: OperandFact) -> bool:
    if arg.value is MISSING:
        return True
    if not arg.is_tensor:
        return fact.dtype is None
    if failure.world.standins.made(arg.value):
        return fact.dtype is not None and fact.shape == arg.shape
    return fact.ident == id(arg.value)


def _bind(failure: Failure, arg: Arg, fact: OperandFact) -> bool:
    if arg.node is None:
        return False
    if fact.dtype is None:
        if fact.plain:
            failure.world.bind(arg.node, fact.value)
        return fact.plain
    try:
        made = failure.world.standins.of_shape(fact.shape, fact.dtype, fact.device)
    except Unknown:  # a large tensor: one without memory does as well
        made = failure.world.twin("meta").standins.of_shape(fact.shape, fact.dtype, fact.device)
    failure.world.bind(arg.node, made)
    return True
