"""Rules for values that an operation does not allow: singular matrices, distributions, overflow."""

from __future__ import annotations

import ast
import re

from torch import nn

from torchmagic.observe.errors.failure import Failure
from torchmagic.observe.errors.python_rules import short_name
from torchmagic.observe.errors.remedies import (
    as_code,
    code_of,
    offered,
    with_args,
    with_keyword,
    with_method,
)
from torchmagic.observe.errors.words import Finding, shape_text
from torchmagic.records import Remedy


def object_array(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An array of Python objects."""
    why = (
        "The array holds Python objects (dtype object: rows of different length, None or text), and a "
        "tensor holds numbers of one dtype: give the array a number dtype first."
    )
    if "str" in match[0] or "numpy.str" in failure.message:
        why = "The array holds text, and a tensor holds numbers: turn the text into numbers first."
    return Finding("numpy", why)


def overflow(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A number too large for its dtype."""
    return Finding(
        "overflow",
        (
            "The number does not fit into the dtype: int64 holds whole numbers up "
            "to 2**63 - 1. Use a float, or a larger dtype."
        ),
    )


def singular(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A matrix without inverse."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "The matrix"
    if "cholesky" in failure.message or "positive-definite" in failure.message:
        why = (
            f"{name} is not positive-definite, which a Cholesky factor needs: all eigenvalues must "
            f"be above 0 (adding a small multiple of the identity often helps)."
        )
        return Finding("linalg", why)
    why = (
        f"{name} is singular: its rows depend on each other, so it has no inverse; pinv "
        f"gives the nearest thing, and lstsq solves without one."
    )
    candidates = (
        [as_code("torch.linalg.pinv({0})", x.node)]
        if x is not None and failure.name in ("inv", "inverse", "linalg_inv")
        else []
    )
    remedies = offered(failure, candidates)
    if not remedies and candidates and x is not None and x.value.dim() >= 2:
        remedies = (Remedy(f"torch.linalg.pinv({x.text})", "the pseudo-inverse", True),)
    return Finding("linalg", why, None, remedies)


def not_square(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A matrix that must be square."""
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    why = (
        f"{short_name(failure)} wants a square matrix, with as many rows as columns; "
        f"{x.text} has shape {shape_text(x.shape)}."
    )
    inverses = failure.name in ("inv", "inverse", "linalg_inv")
    candidates = [as_code("torch.linalg.pinv({0})", x.node)] if inverses else []
    return Finding("linalg", why, None, offered(failure, candidates))


def negative_size(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A size below zero."""
    return Finding("size", "A size cannot be negative (only view and reshape know -1, for the size that is left).")


def constraint(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A parameter of a distribution outside its range."""
    bounds = re.search(r"(GreaterThan\w*|LessThan\w*|Interval|Positive\w*)\(([^)]*)\)", failure.message)
    words = f" It must satisfy {bounds[1]}({bounds[2]})." if bounds else ""
    return Finding("value", f"The parameter {match['name']} has values that this distribution does not allow.{words}")


def sampling(failure: Failure, match: re.Match[str]) -> Finding | None:
    """More draws than there are things to draw."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "the weights"
    why = (
        f"Without replacement each of the {x.shape[-1] if x is not None and x.shape else 0} "
        f"entries of {name} can be drawn once."
    )
    candidates = [with_keyword(failure, "replacement", "True", "entries may come up again")]
    return Finding("value", why, None, offered(failure, candidates))


def not_probabilities(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Scores where binary cross-entropy wants probabilities."""
    x = next((each for each in failure.tensors if each.role == match["which"]), None)
    name = x.text if x is not None else f"the {match['which']}"
    why = f"Binary cross-entropy compares probabilities, numbers from 0 to 1, and {name} has values outside."
    if match["which"] == "target":
        return Finding("value", f"{why} The target is 0 or 1 for each element: the class, not a score.")
    remedies: list[Remedy] = []
    node = failure.site.node
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("binary_"):
        loss = with_method(failure, "binary_cross_entropy_with_logits")
        if loss.node is not None:
            remedies.append(Remedy(code_of(loss.node), "takes scores, and is exact where they are large", True))
    elif issubclass(type(failure.callee), nn.BCELoss):
        remedies.append(Remedy("nn.BCEWithLogitsLoss()", "in its place: takes scores", True))
    squashed = with_args(failure, {x: "torch.sigmoid({})"}) if x is not None else None
    if squashed is not None and squashed.node is not None:
        remedies.append(Remedy(code_of(squashed.node), "makes probabilities of scores", True))
    return Finding("value", why, None, tuple(remedies))


def no_dim(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A call that must be told along which dimension."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "the tensor"
    of = f" of {name}, which has shape {shape_text(x.shape)}" if x is not None else f" of {name}"
    why = f"{match['name']} works along one dimension{of}, and must be told which: dim=-1 is the last."
    places = range(-1, -1 - min(2, len(x.shape)), -1) if x is not None else (-1,)
    return Finding("wrong-dim", why, None, offered(failure, [with_keyword(failure, "dim", str(n)) for n in places]))


def batch_of_lengths(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Lengths for another dimension than the batch."""
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    why = (
        f"There must be one length for each sequence: {match['got']} were given, and {x.text} of shape "
        f"{shape_text(x.shape)} holds {match['wanted']}, since the batch is its "
        "second dimension unless batch_first=True."
    )
    first = with_keyword(failure, "batch_first", "True", "the batch is the first dimension")
    return Finding("shape", why, None, offered(failure, [first]))


RULES = [
    (r"all elements of (?P<which>input|target) should be between 0 and 1", not_probabilities),
    (r"(?P<name>\w+)\(\) missing 1 required positional arguments?: [\"']dim[\"']", no_dim),
    (r"(?P<name>\w+)\(\) received an invalid .* got \((?:Tensor)?\), but .*?\* \((?:Tensor input, )?int dim", no_dim),
    (r"len\(lengths\).* equal to batch_size, but got (?P<got>\d+) \(batch_size=(?P<wanted>\d+)\)", batch_of_lengths),
    (r"Expected parameter (?P<name>\w+) .*to satisfy the constraint", constraint),
    (r"cannot sample n_sample > prob_dist", sampling),
    (r"can't convert np\.ndarray of type", object_array),
    (r"[Oo]verflow|out of range integral|cannot be converted to type .* without overflow", overflow),
    (r"singular|positive-definite|failed to converge|ill-conditioned", singular),
    (r"square matrices|must be (?:batches of )?square|a square matrix", not_square),
    (r"[Dd]imension size must be non-negative|negative dimension|invalid shape dimension", negative_size),
]
