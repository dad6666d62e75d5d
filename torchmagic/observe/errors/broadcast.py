"""Rules for elementwise operations: sizes that do not broadcast, in-place results and assignments that do not fit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from torchmagic.observe.errors.failure import Arg, Failure
from torchmagic.observe.errors.remedies import Candidate, as_code, offered, with_args, with_method
from torchmagic.observe.errors.words import Finding, aligned, broadcast_shape, mismatches, shape_text

_REDUCTIONS = ("squeeze",)


def broadcast(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Operands whose sizes differ where neither is 1."""
    found = _clashing(failure.tensors)
    if found is None:
        sizes = match.groupdict()
        if not sizes.get("a"):
            return None
        return Finding(
            "broadcast",
            f"Sizes are compared from the last dimension backwards, and must be equal or 1: here {sizes['a']} meets "
            f"{sizes['b']}.",
        )
    a, b = found
    bad = mismatches(a.shape, b.shape)
    place = bad[0]
    why = (
        f"Shapes are compared from the last dimension backwards, and sizes must be equal or 1 to broadcast: "
        f"{a.text} has {a.shape[place]} where {b.text} has {b.shape[place]}."
    )
    if failure.name.startswith("i") and isinstance(failure.site.node, ast.AugAssign):
        why = why.replace("to broadcast", "to broadcast (and in place the result must fit into the left side)")
    remedies = offered(failure, _fitting(failure, a, b))
    return Finding(
        "broadcast", why, aligned([(each.text, each.shape) for each in _shown(failure, a, b)], bad), remedies
    )


def _shown(failure: Failure, a: Arg, b: Arg) -> list[Arg]:
    return [each for each in failure.tensors if each is a or each is b or (each.shape and len(failure.tensors) <= 4)]


def _clashing(tensors: Sequence[Arg]) -> tuple[Arg, Arg] | None:
    for i, a in enumerate(tensors):
        for b in tensors[i + 1 :]:
            if mismatches(a.shape, b.shape):
                return a, b
    return None


def _fitting(failure: Failure, a: Arg, b: Arg) -> Iterator[Candidate]:
    """Changes that make two operands broadcast, the most likely first."""
    small, large = (a, b) if len(a.shape) < len(b.shape) else (b, a)
    if len(small.shape) < len(large.shape):
        for template in _columns(small.shape, large.shape):
            yield with_args(failure, {small: template}, shape=_in_shape(large.shape))
        if 1 in large.shape:  # (8, 1) and (8,): one of them has a dimension of size 1 too many
            place = large.shape.index(1)
            yield with_args(failure, {large: f"{{}}.squeeze({place})"})
        if any(_columns(small.shape, large.shape)):
            return
        if len(large.shape) == 2:
            yield with_args(failure, {large: "{}.T"})
        elif len(large.shape) > 2:
            yield with_args(failure, {large: "{}.mT"})
    elif len(a.shape) >= 2:
        for each in (b, a):
            turned = "{}.T" if len(each.shape) == 2 else "{}.mT"
            other = a if each is b else b
            if _keeps_a_shape(each, other):
                yield with_args(failure, {each: turned})
        for template in _permutations(b.shape, a.shape):
            yield with_args(failure, {b: template})
    elif len(a.shape) == len(b.shape) == 1:
        pairs = f"pairs every element of {a.text} with every one of {b.text}, if that is meant"
        yield with_args(failure, {a: "{}.unsqueeze(1)"}, text=pairs)


def _keeps_a_shape(turned: Arg, other: Arg) -> bool:
    """Whether the transposed operand broadcasts without a result larger than both: that is seldom meant."""
    shape = (*turned.shape[:-2], turned.shape[-1], turned.shape[-2])
    return broadcast_shape(shape, other.shape) in (shape, other.shape)


def _in_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The result must have the larger operand's shape: otherwise it would grow in a way that nobody means."""
    return None if 1 in shape else shape


def _columns(small: tuple[int, ...], large: tuple[int, ...]) -> Iterator[str]:
    """Templates that set the small shape under other dimensions of the large one, by adding dimensions of size 1."""
    for start in range(len(large) - len(small), -1, -1):
        block = large[start : start + len(small)]
        after = len(large) - start - len(small)
        if after and all(one in (other, 1) for one, other in zip(small, block, strict=True)):
            if len(small) == 1:
                yield "{}.unsqueeze(1)" if after == 1 else f"{{}}.view(-1{', 1' * after})"
            else:
                yield f"{{}}[...{', None' * after}]"
    if len(small) >= 2 and len(large) == len(small) + 1:
        for place in range(1, len(small)):
            grown = (*small[:place], 1, *small[place:])
            if not mismatches(grown, large):
                yield f"{{}}.unsqueeze({place})"


def _permutations(shape: tuple[int, ...], wanted: tuple[int, ...]) -> Iterator[str]:
    """Channels first or last: the only reordering of four dimensions that is likely."""
    orders: dict[int, tuple[tuple[int, ...], ...]] = {3: ((2, 0, 1), (1, 2, 0)), 4: ((0, 3, 1, 2), (0, 2, 3, 1))}
    for order in orders.get(len(shape), ()):
        if not mismatches([shape[i] for i in order], wanted):
            yield f"{{}}.permute{order}"


def in_place_result(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The operands broadcast, but the result is larger than what it is written into."""
    tensors = failure.tensors
    target = tensors[0] if tensors else None
    if target is None:
        return None
    others = [each for each in tensors[1:] if each.shape]
    why = (
        f"An operation in place keeps the shape of {target.text}, {shape_text(target.shape)}, "
        f"and the result would have shape ({match['result']}{',' if ',' not in match['result'] else ''})."
    )
    node = failure.site.node
    candidates: list[Candidate] = []
    if isinstance(node, ast.AugAssign):
        value = ast.BinOp(left=node.target, op=node.op, right=node.value)
        new = ast.Assign(targets=[node.target], value=value)
        candidates.append(Candidate(new, "makes a new tensor of the larger shape"))
    elif failure.name.endswith("_"):
        candidates.append(with_method(failure, failure.name[:-1], "makes a new tensor of the larger shape"))
    rows = [(target.text, target.shape), *((each.text, each.shape) for each in others)]
    bad = [place for each in others for place in mismatches(target.shape, each.shape)]
    grown = [-i for each in others for i in range(len(target.shape) + 1, len(each.shape) + 1)]
    ones = [
        -i
        for each in others
        for i in range(1, min(len(target.shape), len(each.shape)) + 1)
        if target.shape[-i] == 1 != each.shape[-i]
    ]
    return Finding("in-place", why, aligned(rows, [*bad, *grown, *ones]), offered(failure, candidates))


def expanded(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Assignment into a part, copy_, expand: a shape that cannot be stretched to the target's."""
    if failure.name in ("setitem", "copy_") and len(failure.args) > 1:
        target, value = failure.args[0], failure.args[1]
        if not (target.is_tensor and value.is_tensor):
            return None
        bad = mismatches(target.shape, value.shape) or [-1]
        grown = [-i for i in range(len(target.shape) + 1, len(value.shape) + 1)]
        why = (
            f"What is assigned must have the shape of the place it goes to, or "
            f"broadcast to it: {target.text} has shape "
            f"{shape_text(target.shape)}, {value.text} has {shape_text(value.shape)}."
        )
        clash = aligned([(target.text, target.shape), (value.text, value.shape)], [*bad, *grown])
        return Finding("assignment", why, clash, offered(failure, _assigned(failure, target, value)))
    if failure.name in ("expand", "broadcast_to", "expand_as") and failure.tensors:
        x = failure.tensors[0]
        wanted = tuple(int(each) for each in re.findall(r"-?\d+", match["target"])) if match["target"] else ()
        if not wanted:
            return None
        bad = mismatches(x.shape, wanted) or [-1]
        why = (
            f"{failure.name} repeats dimensions of size 1, counted from the last one; "
            f"{x.text} has {x.shape[bad[0]]} where {wanted[bad[0]]} is asked for."
        )
        candidates = [with_args(failure, {x: each}, shape=wanted) for each in _columns(x.shape, wanted)]
        if len(x.shape) == 2:
            candidates.append(with_args(failure, {x: "{}.T"}, shape=wanted))
        clash = aligned([(x.text, x.shape), ("asked for", wanted)], bad)
        return Finding("expand", why, clash, offered(failure, candidates))
    return broadcast(failure, match)


def _assigned(failure: Failure, target: Arg, value: Arg) -> Iterator[Candidate]:
    for template in _columns(value.shape, target.shape):
        yield with_args(failure, {value: template})
    if len(value.shape) == 2:
        yield with_args(failure, {value: "{}.T"})
    if len(value.shape) > len(target.shape) and 1 in value.shape:
        yield with_args(failure, {value: f"{{}}.squeeze({value.shape.index(1)})"})
    if value.value.numel() == target.value.numel():
        yield with_args(failure, {value: f"{{}}.reshape{tuple(target.shape)}"})


def picked(failure: Failure, match: re.Match[str]) -> Finding | None:
    """As many values as a mask or indices pick."""
    value = failure.args[1] if failure.name == "setitem" and len(failure.args) > 1 else None
    name = value.text if value is not None else "the value"
    got, wanted = (f"({each}{',' if ',' not in each else ''})" for each in (match["value"], match["wanted"]))
    target = failure.args[0].text if failure.args else "the left side"
    why = (
        f"{target} picks elements of shape {wanted}, and {name} has shape {got}: "
        f"there must be one value for each, or a single one."
    )
    return Finding("assignment", why)


def expand_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Fewer sizes than dimensions in expand or repeat."""
    if not failure.tensors:
        return None
    x = failure.tensors[0]
    given = [each for each in failure.args if type(each.value) is int]
    why = (
        f"{failure.name} wants a number for each of the {len(x.shape)} dimensions of {x.text}; {len(given)} were given."
    )
    candidates: list[Candidate] = []
    if failure.name == "repeat" and given and len(given) < len(x.shape):
        numbers = [1] * (len(x.shape) - len(given)) + [each.value for each in given]
        other = [each.value for each in given] + [1] * (len(x.shape) - len(given))
        orders = (other, numbers)
        candidates = [as_code(f"{{0}}.repeat({', '.join(map(str, each))})", x.node) for each in orders]
    return Finding("expand", why, None, offered(failure, candidates))


def loss_shapes(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A loss that wants prediction and target of one shape."""
    tensors = failure.tensors
    if len(tensors) < 2:
        return None
    a, b = tensors[0], tensors[1]
    why = (
        f"The prediction and the target must have the same shape: {a.text} has "
        f"{shape_text(a.shape)}, {b.text} {shape_text(b.shape)}."
    )
    candidates: list[Candidate] = []
    for one, other in ((a, b), (b, a)):
        if len(one.shape) == len(other.shape) + 1 and 1 in one.shape:
            places = [i for i, size in enumerate(one.shape) if size == 1]
            candidates += [with_args(failure, {one: f"{{}}.squeeze({i})"}) for i in reversed(places)]
            candidates += [with_args(failure, {other: f"{{}}.unsqueeze({i})"}) for i in reversed(places)]
    if len(a.shape) == len(b.shape) == 2:
        candidates.append(with_args(failure, {b: "{}.T"}))
    if a.value.numel() == b.value.numel():
        candidates.append(with_args(failure, {b: "{}.view_as(" + a.text + ")"}))
    bad = mismatches(a.shape, b.shape)
    longer = [-i for i in range(min(len(a.shape), len(b.shape)) + 1, max(len(a.shape), len(b.shape)) + 1)]
    ones = [-i for i in range(1, min(len(a.shape), len(b.shape)) + 1) if a.shape[-i] != b.shape[-i] and -i not in bad]
    clash = aligned([(a.text, a.shape), (b.text, b.shape)], [*bad, *longer, *ones])
    return Finding("loss-shape", why, clash, offered(failure, candidates))


RULES = [
    (r"The size of tensor a \((?P<a>\d+)\) must match the size of tensor b \((?P<b>\d+)\)", broadcast),
    (
        r"output with shape \[(?P<output>[^\]]*)\] doesn't match the broadcast shape \[(?P<result>[^\]]*)\]",
        in_place_result,
    ),
    (
        (
            r"The expanded size of the tensor \((?P<b>\d+)\) must match the existing size \((?P<a>\d+)\)"
            r"(?:.*Target sizes: \[(?P<target>[^\]]*)\])?"
        ),
        expanded,
    ),
    (
        r"expand\(.*number of sizes provided|number of sizes provided \(\d+\) must be|repeat dims can not be smaller",
        expand_dims,
    ),
    (r"Target size \(torch\.Size|Using a target size", loss_shapes),
    (
        (
            r"value tensor of shape \[(?P<value>[^\]]*)\] cannot be broadcast to "
            r"indexing result of shape \[(?P<wanted>[^\]]*)\]"
        ),
        picked,
    ),
    (r"Shape mismatch|shapes? .*not broadcast|broadcast", broadcast),
]
