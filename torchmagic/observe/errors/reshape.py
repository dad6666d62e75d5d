"""Rules for changing shapes: view, reshape, cat, stack, permute, split; and for tensors made of lists."""

from __future__ import annotations

import math
import re

from torchmagic.observe.errors.failure import Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, offered, with_args, with_method
from torchmagic.observe.errors.words import Finding


def numel(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A shape with more or fewer elements than there are."""
    x = failure.tensors[0] if failure.tensors else None
    wanted = [int(each) for each in re.findall(r"-?\d+", match["shape"])]
    have = int(match["size"])
    name = x.text if x is not None else "the tensor"
    known = math.prod(each for each in wanted if each >= 0)
    if -1 in wanted:
        why = (
            f"{name} has {have} elements, which {known} (the product of the other sizes) "
            f"does not divide, so no size fits in the place of -1."
        )
    else:
        product = " × ".join(map(str, wanted))
        why = (
            f"{name} has {have} elements, and shape ({', '.join(map(str, wanted))}{',' if len(wanted) == 1 else ''}) "
            f"would need {product if len(wanted) == 1 else f'{product} = {known}'}."
        )
    if x is None:
        return Finding("view", why)
    sizes = [each for each in failure.args if type(each.value) is int and each.node is not None]
    candidates: list[Candidate] = []
    if len(sizes) == len(wanted):
        for order in (0, len(wanted) - 1):
            if len(wanted) < 2:
                continue
            rest = known // wanted[order] if -1 not in wanted and wanted[order] else 0
            if rest and have % rest == 0 and have:
                candidates.append(with_args(failure, {sizes[order]: "-1"}))
    if len(x.shape) > 2:
        candidates.append(as_code("{0}.flatten(1)", x.node))
    candidates.append(as_code("{0}.flatten()", x.node))
    return Finding("view", why, None, offered(failure, candidates, most=1))


def view_of_strided(failure: Failure, match: re.Match[str]) -> Finding | None:
    """view needs elements that lie in order."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "The tensor"
    why = (
        f"{name} is not contiguous: after a transpose, permute or slice its "
        f"elements no longer lie in memory in the order "
        "that view needs; reshape copies them where it must."
    )
    candidates = [with_method(failure, "reshape")]
    if x is not None:
        candidates.append(with_args(failure, {x: "{}.contiguous()"}))
    return Finding("view", why, None, offered(failure, candidates))


# -- cat and stack ---------------------------------------------------------------------------------------


# -- dimensions ------------------------------------------------------------------------------------------


def permute(failure: Failure, match: re.Match[str]) -> Finding | None:
    """permute wants every dimension once."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    given = [each.value for each in failure.args if type(each.value) is int]
    if not given:
        given = next((list(each.value) for each in failure.args if type(each.value) in (list, tuple)), [])
    why = (
        f"permute wants each of the {len(x.shape)} dimensions of {x.text} (0 to "
        f"{len(x.shape) - 1}) exactly once; it was given {tuple(given)}."
    )
    candidates: list[Candidate] = []
    if len(given) == len(x.shape) - 1 and sorted(given) == list(range(len(given))):
        order = ", ".join(map(str, (0, *(each + 1 for each in given))))
        candidates.append(as_code(f"{{0}}.permute({order})", x.node, text="the first dimension stays"))
    missing = [i for i in range(len(x.shape)) if i not in given]
    if len(given) == len(x.shape) and len(missing) == 1:
        repeated = max(i for i, each in enumerate(given) if given.count(each) > 1)
        order = ", ".join(map(str, (missing[0] if i == repeated else each for i, each in enumerate(given))))
        candidates.append(as_code(f"{{0}}.permute({order})", x.node))
    return Finding("permute", why, None, offered(failure, candidates))


def transpose_2d(failure: Failure, match: re.Match[str]) -> Finding | None:
    """t() is for matrices."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    why = (
        f"t() transposes a matrix, with 2 dimensions at most; {x.text} has {len(x.shape)}. mT transposes the last two."
    )
    return Finding("permute", why, None, offered(failure, [as_code("{0}.mT", x.node)]))


def split(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Parts that do not add up."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    size, parts = int(match["size"]), [int(each) for each in re.findall(r"\d+", match["parts"])]
    why = f"The parts must add up to the size of the dimension, {size}; {' + '.join(map(str, parts))} = {sum(parts)}."
    listed = next((each for each in failure.args if type(each.value) in (list, tuple)), None)
    found = [each for each in failure.args if type(each.value) is int]
    candidates: list[Candidate] = []
    if listed is not None and listed.node is not None and size > sum(parts[:-1]):
        candidates.append(with_args(failure, {listed: str([*parts[:-1], size - sum(parts[:-1])])}))
    elif len(found) >= len(parts) and size > sum(parts[:-1]):
        last = found[len(parts) - 1]
        candidates.append(with_args(failure, {last: str(size - sum(parts[:-1]))}))
    return Finding("split", f"{why[:-1]}, for {x.text}.", None, offered(failure, candidates))


# -- numbers and lists -----------------------------------------------------------------------------------


RULES = [
    (r"shape '\[(?P<shape>[^\]]*)\]' is invalid for input of size (?P<size>\d+)", numel),
    (r"view size is not compatible with input tensor's size and stride", view_of_strided),
    (r"permute\(|duplicate dims|repeated dim in permute", permute),
    (r"t\(\) expects a tensor with <= 2 dimensions", transpose_2d),
    (r"sum exactly to (?P<size>\d+).*split_sizes=\[(?P<parts>[^\]]*)\]", split),
]
