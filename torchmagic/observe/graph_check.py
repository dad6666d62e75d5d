"""Compare autograd's gradients with finite differences of the recorded computation, in float64.

The torch calls of the cell are computed again on copies, never the user's code. Each compared element of a leaf is
moved a little to both sides. Tensors that take no gradient (data, what ``detach()`` gave) count as constants, as they
do for autograd; random operations draw the same numbers again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from torchmagic.graph_records import GradientCheck
from torchmagic.observe.graph_replay import Replay, aside
from torchmagic.observe.graph_tape_pass import LeafReader, TapedPass
from torchmagic.observe.values import first_line, number_text

_STEP = 1e-6
_SECONDS = 5.0
_LATE = f"the computation is long, and {_SECONDS:.0f} seconds were up"
_ROUGH = "the result changes too quickly here for finite differences to tell its slope"
_TOLERANCE = {torch.float64: 1e-5, torch.complex128: 1e-5, torch.float16: 3e-2, torch.bfloat16: 1e-1}
_SINGLE = 1e-3
"""Relative to the largest compared gradient of a leaf: what float32 arithmetic leaves uncertain."""


@dataclass(frozen=True, slots=True)
class _Slopes:
    """Finite differences of one element: to the left, to the right, and of both."""

    left: float
    right: float
    noise: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


def check(passes: Sequence[TapedPass], names: Mapping[int, str]) -> tuple[GradientCheck, ...]:
    """Each leaf's gradient beside finite differences.

    Args:
        passes: what was taped.
        names: the user's names by ``id``, for leaves that had none where the pass ran.
    """
    found: list[GradientCheck] = []
    deadline = perf_counter() + _SECONDS
    for each in passes:
        suffix = f" ({each.label or f'line {each.line}'})" if len(passes) > 1 else ""
        found += _check_pass(each, names, suffix, deadline)
    return tuple(found)


def _check_pass(each: TapedPass, names: Mapping[int, str], suffix: str, deadline: float) -> list[GradientCheck]:
    replay, base, reason = None, 0.0, each.reason
    with aside(each):
        if not reason:
            try:
                replay = Replay(each)
                base = replay.value()
                reason = _unlike(base, replay.seen(), _tolerance(each))
            except Exception as error:  # a kind of call that cannot be computed again
                reason = f"the computation could not be repeated ({type(error).__name__}: {first_line(error)})"
        found = []
        for left, leaf in enumerate(_in_order(each)):
            name = leaf.name or names.get(leaf.ident, "") or "(unnamed)"
            if reason or replay is None:
                found.append(GradientCheck(name + suffix, None, reason))
            elif (now := perf_counter()) > deadline and left:
                more = len(each.leaves) - left + each.more
                found.append(GradientCheck(f"{more} more{suffix}", None, _LATE))
                return found
            else:
                share = now + (deadline - now) / (len(each.leaves) - left)
                found.append(_check_leaf(replay, each, leaf, name + suffix, base, share))
    if each.more:
        found.append(GradientCheck(f"{each.more} more{suffix}", None, "there are too many leaves"))
    return found


def _check_leaf(
    replay: Replay, each: TapedPass, leaf: LeafReader, name: str, base: float, deadline: float
) -> GradientCheck:
    hidden = next((slot.reason for call in each.calls for slot in call.slots if leaf.ident in slot.behind), "")
    hidden = hidden or next((slot.reason for slot, _, _ in each.roots if leaf.ident in slot.behind), "")
    if hidden or leaf.problem:
        return GradientCheck(name, None, hidden or leaf.problem)
    if leaf.grads is None:
        return GradientCheck(name, None, "it got no gradient: there is nothing to compare")
    if not replay.knows(leaf.ident):
        return GradientCheck(name, None, "its use was not seen")
    grads = [complex(item) for item in leaf.grads.to("cpu", torch.complex128).tolist()]
    parts = (1.0, 1j) if leaf.dtype.is_complex else (1.0,)
    scale = max((abs(grad) for grad in grads if math.isfinite(abs(grad))), default=0.0)
    relative = _tolerance(each, leaf)
    rounding = _rounding(each, relative)
    compared = kinks = rough = 0
    worst, worst_text = 0.0, ""
    try:
        for position, grad in zip(leaf.positions, grads, strict=True):
            if perf_counter() > deadline:
                break
            before = rough
            for part in parts:
                slopes = _slopes(replay, leaf.ident, position, part, base)
                auto = grad.real if part == 1.0 else grad.imag
                tolerance = relative * max(abs(auto), abs(slopes.middle), scale) + slopes.noise + rounding
                difference = abs(auto - slopes.middle)
                if not difference <= tolerance:  # so that NaN differs
                    if _at_kink(slopes, auto, tolerance):
                        kinks += 1
                        continue
                    if not _settled(replay, leaf, position, part, slopes):
                        rough += 1
                        continue
                    if not worst_text or difference > worst or math.isnan(difference):
                        worst_text = _difference_text(leaf, position, part, auto, slopes)
                worst = max(worst, difference) if not math.isnan(difference) else math.nan
            compared += rough == before
    except Exception as error:
        return GradientCheck(name, None, f"it could not be repeated ({type(error).__name__}: {first_line(error)})")
    total = math.prod(leaf.shape)
    if total and not compared:
        return GradientCheck(name, None, _ROUGH if rough else _LATE)
    if worst_text:
        return GradientCheck(name, False, f"{worst_text}{_suspect(each, leaf)}", worst)
    text = f"agrees {_extent(compared, total)}"
    if kinks:
        text += f"; {kinks} of them at a kink (as of ReLU at 0), where any slope between those of its sides is right"
    if rough:
        text += f"; in {rough} more {_ROUGH.replace(' here', ' there')}"
    return GradientCheck(name, True, text, worst)


def _slopes(replay: Replay, leaf: int, position: int, part: complex, base: float) -> _Slopes:
    step = _STEP * max(1.0, abs(replay.leaf_value(leaf, position)))
    above, below = (replay.value(leaf, position, sign * step * part) for sign in (1, -1))
    noise = 1e-15 * max(abs(base), abs(above), abs(below)) / step
    return _Slopes((base - below) / step, (above - base) / step, noise)


def _settled(replay: Replay, leaf: LeafReader, position: int, part: complex, slopes: _Slopes) -> bool:
    """Whether the difference quotient says what the slope is: a smaller step, and a place beside, give the same.

    The place beside is as far away as the leaf's own dtype rounds: what depends on less is chance.
    """
    own = torch.finfo(leaf.dtype).eps * 4
    size = max(1.0, abs(replay.leaf_value(leaf.ident, position)))
    for at, step, noise in ((0.0, _STEP / 64, 64 * slopes.noise), (own, _STEP, slopes.noise)):
        above, below = (replay.value(leaf.ident, position, (at + sign * step) * size * part) for sign in (1, -1))
        other = (above - below) / (2 * step * size)
        if at and abs(slopes.left - slopes.right) > 0.05 * max(abs(slopes.left), abs(slopes.right)) + slopes.noise:
            continue  # a kink has another slope beside it, and is none the less settled
        if not abs(other - slopes.middle) <= 0.05 * max(abs(other), abs(slopes.middle)) + noise:
            return False
    return True


def _at_kink(slopes: _Slopes, auto: float, tolerance: float) -> bool:
    """Whether the slopes of the two sides differ, and autograd's lies between them."""
    low, high = sorted((slopes.left, slopes.right))
    apart = high - low > 0.05 * max(abs(low), abs(high)) + slopes.noise
    return apart and low - tolerance <= auto <= high + tolerance


def _difference_text(leaf: LeafReader, position: int, part: complex, auto: float, slopes: _Slopes) -> str:
    where = ""
    if leaf.shape:
        index: list[str] = []
        for size in reversed(leaf.shape):
            position, rest = divmod(position, size)
            index.append(str(rest))
        where = f"at [{', '.join(reversed(index))}] "
    kind = "" if not leaf.dtype.is_complex else "real part: " if part == 1.0 else "imaginary part: "
    return f"{where}{kind}autograd gives {number_text(auto)}, finite differences {number_text(slopes.middle)}"


def _suspect(each: TapedPass, leaf: LeafReader) -> str:
    inside = list(dict.fromkeys(call.inside for call in each.calls if call.inside))
    custom = [name for name in inside if name not in ("CheckpointFunction", "CompiledFunction")]
    if leaf.hooked:
        return " (it has a hook, which may change its gradient)"
    return f" (look at the backward of {', '.join(custom[:3])})" if custom else ""


def _extent(compared: int, total: int) -> str:
    if total == 1:
        return "in its one element"
    return f"in all {total} elements" if compared == total else f"in {compared} of {total:,} elements"


def _unlike(again: float, seen: float, relative: float) -> str:
    """Why a computation that gave another value cannot be judged, or ""."""
    if math.isfinite(again) and abs(again - seen) <= 10 * relative * max(abs(seen), abs(again)) + 10 * relative**2:
        return ""
    if not math.isfinite(seen):
        return f"the result is {number_text(seen)}"
    return f"computed again the result is {number_text(again)} instead of {number_text(seen)}"


def _tolerance(each: TapedPass, leaf: LeafReader | None = None) -> float:
    kinds = {value.dtype for _, value, _ in each.roots} | ({leaf.dtype} if leaf is not None else set())
    kinds |= {
        slot.value.dtype
        for call in each.calls
        for slot in call.slots
        if slot.value is not None and (slot.value.is_floating_point() or slot.value.is_complex())
    }
    kinds |= {kind for call in each.calls for kind in call.dtypes}
    return max((_TOLERANCE.get(kind, _SINGLE) for kind in kinds), default=_SINGLE)


def _rounding(each: TapedPass, relative: float) -> float:
    """What the arithmetic of a pass leaves uncertain in any of its gradients, those that cancel to zero included."""
    sizes = (leaf.grads.abs().max().item() for leaf in each.leaves if leaf.grads is not None and leaf.grads.numel())
    return 1e-3 * relative * max((float(size) for size in sizes if math.isfinite(size)), default=0.0)


def _in_order(each: TapedPass) -> list[LeafReader]:
    """The leaves, in the order in which the computation uses them."""
    slots = (slot for call in each.calls for slot in call.slots)
    order = {leaf: number for number, leaf in enumerate(dict.fromkeys(slot.leaf for slot in slots))}
    return sorted(each.leaves, key=lambda leaf: order.get(leaf.ident, len(order)))
