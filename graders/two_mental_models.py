"""Grader of the assignment *two mental models*: what ran, what was captured, and what both libraries compute."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import torch

from graders.answers import is_tensor, number
from graders.check_tensor import check_tensor
from graders.failure import CheckFailed, describe


def tensorflow_is_here() -> bool:
    """Whether TensorFlow is installed; it is not imported.

    >>> tensorflow_is_here() in (True, False)
    True
    """
    return importlib.util.find_spec("tensorflow") is not None


def check_halved(result: Any, small: Any, count: int, name: str) -> None:
    """Demand the pair of a halved tensor and how often it was halved.

    Raises:
        CheckFailed: it is no such pair; one halving too many or too few is named.

    >>> check_halved((torch.tensor([0.5]), 2), [0.5], 2, "shrink(…)")
    """
    if type(result) not in (tuple, list) or len(result) != 2:
        raise CheckFailed(f"`{name}` should give a pair (small, count), but it gave {describe(result)}")
    tensor, times = result
    if is_tensor(times) or number(times) is None:
        raise CheckFailed(f"the count of `{name}` should be a plain number, but it is {describe(times)}")
    if number(times) != count:
        why = "is a largest value of exactly 1 small enough, or is a negative one overlooked?"
        raise CheckFailed(
            f"`{name}` counts {times}, expected {count}: {why}",
            redacted=f"`{name}` counts {times}, and that is not right: {why}",
            known=f"The count is not right: {why}",
        )
    check_tensor(tensor, f"{name}[0]", values=small)


def check_names(given: Any, expected: Sequence[str], name: str) -> None:
    """Demand a list of operations' names, in order.

    Raises:
        CheckFailed: it is another; a list from the result down, or one with the leaf, is named.

    >>> check_names(["SumBackward0", "NegBackward0"], ["NegBackward0", "SumBackward0"], "recorded(…)")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `recorded(…)` gives ['SumBackward0', 'NegBackward0']. These are the right names the ...
    """
    if type(given) not in (list, tuple) or not all(type(item) is str for item in given):
        raise CheckFailed(f"`{name}` should give a list of strings, but it gave {describe(given)}")
    mine, right = list(given), list(expected)
    if mine == right:
        return
    why = f"expected {right}"
    hidden = "and that is not what ran"
    if mine == right[::-1]:
        why = hidden = "These are the right names the other way round: the walk begins with what ran last"
    elif [item for item in mine if "AccumulateGrad" not in item] in (right, right[::-1]):
        why = hidden = "AccumulateGrad stands for the leaf: it is no operation that ran"
    elif mine in (right[1:], right[:-1]):
        why = hidden = "One is missing at an end of the list"
    said, known = f"`{name}` gives {mine}", why if why == hidden else ""
    raise CheckFailed(f"{said}. {why}", redacted=f"{said}. {hidden}", known=known)


def check_nodes(given: Any, expected: Sequence[tuple[str, str]], name: str) -> None:
    """Demand the nodes of a captured graph as pairs (op, target), in order.

    Raises:
        CheckFailed: they are others; nodes that were left out are named by their kind.

    >>> check_nodes([("call_module", "0")], [("placeholder", "input"), ("call_module", "0")], "captured(…)")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `captured(…)` has 1 of 2 nodes: there is no placeholder
    """
    pairs = [tuple(pair) if type(pair) in (list, tuple) else pair for pair in given] if _is_list(given) else None
    if pairs is None or not all(type(p) is tuple and len(p) == 2 and set(map(type, p)) == {str} for p in pairs):
        raise CheckFailed(
            f"`{name}` should give a list of pairs of strings (op, target), but it gave {describe(given)}"
        )
    if pairs == list(expected):
        return
    lacking = sorted({op for op, _ in expected} - {op for op, _ in pairs})
    why = f": there is no {', '.join(lacking)}" if lacking else ", in their order?"
    if len(pairs) != len(expected):
        raise CheckFailed(f"`{name}` has {len(pairs)} of {len(expected)} nodes{why}")
    raise CheckFailed(
        f"`{name}` has other nodes than the captured graph{': their order?' if _same_set(pairs, expected) else ''}"
    )


def can_be_captured(function: Callable[..., Any]) -> bool:
    """Whether ``torch.fx`` captures a function.

    >>> can_be_captured(lambda x: x + 1), can_be_captured(lambda x: x if x else -x)
    (True, False)
    """
    try:
        torch.fx.symbolic_trace(function)
    except torch.fx.proxy.TraceError:
        return False
    return True


def count_calls(function: Callable[..., Any], called: str) -> int:
    """How many nodes of a captured function's graph call something of that name.

    >>> count_calls(lambda x: x + x + 1, "add")
    2
    """
    nodes = torch.fx.symbolic_trace(function).graph.nodes
    return sum(getattr(node.target, "__name__", node.target) == called for node in nodes)


def check_predicted(given: Any, true: bool | int, name: str) -> None:
    """Demand a prediction; the message does not tell what is true.

    Raises:
        CheckFailed: it is of another kind, or wrong.

    >>> check_predicted("yes", True, "by_value")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: the prediction of `by_value` should be True or False, but it is a string, 'yes'
    """
    if isinstance(true, bool):
        if type(given) is not bool:
            wanted = "should be True or False"
            raise CheckFailed(f"the prediction of `{name}` {wanted}, but it is {describe(given)}")
        hint = "does its Python ask the stand-in for a number?"
    else:
        if type(given) is bool or number(given) is None:
            raise CheckFailed(f"the prediction of `{name}` should be a number, but it is {describe(given)}")
        hint = "what runs while the function is captured, and what when its graph is run?"
    right = given is true if isinstance(true, bool) else number(given) == true
    if not right:
        raise CheckFailed(f"the prediction of `{name}` is not right: {hint}")


def check_program(program: Any, name: str) -> None:
    """Demand what ``torch.fx.symbolic_trace`` gives: something with a graph, from a placeholder to an output.

    Raises:
        CheckFailed: it is something else.

    >>> check_program(torch.fx.symbolic_trace(lambda x: x + 1), "program")
    >>> check_program(len, "program")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `program` should be what torch.fx.symbolic_trace gives, but it is a function
    """
    try:
        ops = [str(node.op) for node in program.graph.nodes]
    except Exception:  # anything may stand here
        ops = []
    if len(ops) < 3 or ops[0] != "placeholder" or ops[-1] != "output":
        raise CheckFailed(f"`{name}` should be what torch.fx.symbolic_trace gives, but it is {describe(program)}")


def check_exported(result: Any, name: str) -> tuple[list[str], Any]:
    """Demand the pair of a list of strings and something to call, and give it.

    Raises:
        CheckFailed: it is something else.

    >>> check_exported((["aten.relu.default"], torch.relu), "exported(…)")[0]
    ['aten.relu.default']
    """
    if type(result) not in (tuple, list) or len(result) != 2:
        raise CheckFailed(f"`{name}` should give a pair (operators, run), but it gave {describe(result)}")
    operators, run = result
    if not _is_list(operators) or not all(type(item) is str for item in operators):
        raise CheckFailed(f"the operators of `{name}` should be a list of strings, but they are {describe(operators)}")
    if not callable(run):
        raise CheckFailed(f"the second value of `{name}` should be something to call, but it is {describe(run)}")
    return list(operators), run


def check_numbers(given: Any, expected: Sequence[float], name: str, *, close: float = 1e-6) -> None:
    """Demand a list of numbers.

    Raises:
        CheckFailed: it is something else, or they are others.

    >>> check_numbers([1.0, 2.0], [1.0, 2.5], "gradient")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `gradient` gives [1.0, 2.0], and that is not right
    """
    if not _is_list(given) or any(is_tensor(item) or number(item) is None for item in given):
        raise CheckFailed(f"`{name}` should be a list of numbers, but it is {describe(given)}")
    right = list(expected)
    if len(given) != len(right):
        raise CheckFailed(f"`{name}` has {len(given)} numbers, expected {len(right)}")
    mine = torch.tensor([number(item) for item in given], dtype=torch.float64)
    if torch.allclose(mine, torch.tensor(right, dtype=torch.float64), rtol=close, atol=close):  # NaN never is close
        return
    raise CheckFailed(f"`{name}` gives {[float(f'{item:.6g}') for item in mine.tolist()]}, and that is not right")


def _is_list(given: Any) -> bool:
    return type(given) in (list, tuple)


def _same_set(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return sorted(one) == sorted(other)
