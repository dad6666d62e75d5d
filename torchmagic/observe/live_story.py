"""What there is to say of a training loop, from its record alone: a status for each leaf, and a few notes.

Thresholds: an update of about a thousandth of the weights a step is usual; two orders of magnitude more or less are
told. A gradient has vanished where its root mean square is five orders below the largest one at the same time, and
exploded where it is a thousand times its own median or a million times its weights.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from torchmagic.live_records import LiveMark, LiveRecord, ParameterCurve, ParameterStatus
from torchmagic.observe.values import number_text
from torchmagic.records import Note

LARGE, SMALL = 1e-1, 1e-5
_VANISHED = 1e-5
_GROWN = 1e3
_OVER_WEIGHT = 1e6
_FEWEST = 4
_CONVERGED = 1e-2
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Followed:
    """How often a leaf changed, how often that was looked at, and how often it had no gradient."""

    changed: int = 0
    compared: int = 0
    without: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted besides the curves.

    Attributes:
        updates: how often some weight changed from one pass to the next.
        moved, unzeroed: how often the leaf that was looked at had changed, and how often by a gradient in which the
            one of an earlier step was still contained.
        leaves: by name.
        trouble: why looking failed, or "".
    """

    updates: int = 0
    moved: int = 0
    unzeroed: int = 0
    leaves: Mapping[str, Followed] = field(default_factory=dict)
    trouble: str = ""


def tell(record: LiveRecord, counts: Counts) -> LiveRecord:
    """The record with a status for each leaf, and notes.

    >>> leaf = ParameterCurve("w", (2,), 2, (1, 2), (0.0, 0.0), last_norm=0.0)
    >>> told = tell(LiveRecord(2, 2, parameters=(leaf,)), Counts(leaves={"w": Followed(1, 1)}))
    >>> told.parameters[0].status, told.notes[0].kind
    ('zero', 'zeros')
    """
    largest = max((_size(each) for each in record.parameters), default=0.0)
    parameters = tuple(
        _judged(each, counts.leaves.get(each.name, Followed()), counts.updates, largest, record.marks)
        for each in record.parameters
    )
    record = replace(record, parameters=parameters)
    return replace(record, notes=tuple(_notes(record, counts)))


def _judged(
    leaf: ParameterCurve, followed: Followed, updates: int, largest: float, marks: Sequence[LiveMark]
) -> ParameterCurve:
    status, why = _status(leaf, followed, updates, largest, marks)
    return replace(leaf, status=status, why=why)


def _status(
    leaf: ParameterCurve, followed: Followed, updates: int, largest: float, marks: Sequence[LiveMark]
) -> tuple[ParameterStatus, str]:
    for mark in marks:
        if mark.what == "gradient" and mark.name == leaf.name:
            return mark.kind, f"from step {mark.step}"
    if not leaf.norms:
        return ("none", ".grad is None") if followed.without else ("unknown", "")
    if max(leaf.norms) == 0:
        return "zero", "gradient all zeros"
    if followed.compared > 1 and not followed.changed and updates > 1:
        return "still", "never changed"
    middle, last = statistics.median(leaf.norms), leaf.norms[-1]
    over = leaf.weight_norm is not None and leaf.weight_norm > 0 and last > _OVER_WEIGHT * leaf.weight_norm
    if over or (len(leaf.norms) >= _FEWEST and last > _GROWN * middle > 0):
        return "exploding", f"gradient norm {number_text(last)}"
    if largest > 0 and _size(leaf) < _VANISHED * largest:
        return "vanishing", f"gradient norm {number_text(last)}"
    if len(leaf.ratios) < _FEWEST:
        return "fine", ""
    ratio = statistics.median(leaf.ratios)
    if ratio > LARGE and len(leaf.shape) > 1:  # what begins at zero, as biases do, changes much at first
        return "large", ""
    if ratio < SMALL and last > _CONVERGED * leaf.norms[0]:
        return "small", ""
    return "fine", ""


def _size(leaf: ParameterCurve) -> float:
    """Root mean square of the latest gradient."""
    return leaf.norms[-1] / math.sqrt(max(1, leaf.numel)) if leaf.norms else 0.0


# -- notes -----------------------------------------------------------------------------------------------


def _notes(record: LiveRecord, counts: Counts) -> list[Note]:
    found = [*_not_finite(record), *_of_updates(record, counts), *_of_gradients(record)]
    if counts.trouble:
        found.append(Note("trouble", f"From some step on gradients could not be looked at ({counts.trouble})."))
    return found


def _not_finite(record: LiveRecord) -> list[Note]:
    """The first thing that was not finite; the rest follows from it."""
    if not record.marks:
        return []
    step = record.marks[0].step
    together = [mark for mark in record.marks if mark.step == step]
    loss = next((mark for mark in together if mark.what == "loss"), None)
    word = "NaN" if together[0].kind == "nan" else "infinite"
    line = next((each.line for each in record.losses if loss is not None and each.name == loss.name), None)
    if loss is not None:
        word = "NaN" if loss.kind == "nan" else "infinite"
        said = f"`{loss.name}` is {word} from step {step} on."
    else:
        names = _listed([mark.name for mark in together])
        said = f"The gradient of {names} is {word} from step {step} on, where the loss was still finite."
    grown = _grown_before(record, step)
    if grown:
        remedy = "a smaller learning rate, or torch.nn.utils.clip_grad_norm_(parameters, 1.0) before the step"
        return [Note("exploding", f"{said} Before that {grown}: the steps are too large.", remedy, line=line)]
    return [Note("nonfinite", said, "%%gradtrace over one such step shows the operation that made it", line=line)]


def _grown_before(record: LiveRecord, step: int) -> str:
    """Which gradient had grown most before a step, or which loss."""
    best, told = _GROWN, ""
    for leaf in record.parameters:
        known = [norm for place, norm in zip(leaf.steps, leaf.norms, strict=True) if place <= step]
        low = min((norm for norm in known if norm > 0), default=0.0)
        if known and low and known[-1] / low > best:
            best = known[-1] / low
            told = f"the gradient of `{leaf.name}` grew from {number_text(low)} to {number_text(known[-1])}"
    for loss in record.losses:
        if not told and len(loss.means) > 1 and loss.means[-1] > _GROWN * abs(loss.means[0]) > 0:
            told = f"`{loss.name}` grew from {number_text(loss.means[0])} to {number_text(loss.means[-1])}"
    return told


def _of_updates(record: LiveRecord, counts: Counts) -> list[Note]:
    found: list[Note] = []
    compared = max((each.compared for each in counts.leaves.values()), default=0)
    names = [leaf.name for leaf in record.parameters if leaf.status == "still"]
    moving = any(leaf.norms and max(leaf.norms) > 0 for leaf in record.parameters)
    if compared > 1 and not counts.updates and moving:
        said = f"No weight changed after any of {compared:,} backward passes: nothing steps."
        found.append(Note("still", said, "optimizer.step() after loss.backward()"))
    elif names:
        said = f"{_listed(names)} got gradients and never changed, while others did."
        found.append(Note("still", said, "Is it given to the optimizer?" if len(names) == 1 else
                          "Are they given to the optimizer?", tuple(names)))  # fmt: skip
    if counts.unzeroed > 1 and counts.unzeroed >= 0.8 * (counts.moved - 1):
        said = "Gradients are not zeroed between steps: each step moves by the sum of all gradients so far."
        found.append(Note("accumulated", said, "optimizer.zero_grad() before loss.backward()"))
    for status, word, remedy in (
        ("large", "more than a tenth of", "a smaller learning rate"),
        ("small", "less than a hundred-thousandth of", "a larger learning rate"),
    ):
        names = [leaf.name for leaf in record.parameters if leaf.status == status]
        if names and not record.marks:
            verb, own = ("changes", "itself") if len(names) == 1 else ("change", "themselves")
            said = f"{_listed(names)} {verb} by {word} {own} at a step; about a thousandth is usual."
            found.append(Note(status, said, remedy, tuple(names)))
    return found


def _of_gradients(record: LiveRecord) -> list[Note]:
    found: list[Note] = []
    if record.marks:
        return found
    says = {
        "zero": ("zeros", "gradient is all zeros at every step: the loss does not depend on {them} there",
                 "%%gradtrace over one step shows where it becomes zero"),
        "vanishing": ("vanishing", "gradient is five orders of magnitude below the others: it vanishes on the way",
                      "other activations (ReLU instead of sigmoid), normalisation, or residual connections"),
        "exploding": ("exploding", "gradient has grown a thousandfold",
                      "a smaller learning rate, or torch.nn.utils.clip_grad_norm_(parameters, 1.0) before the step"),
    }  # fmt: skip
    for status, (kind, said, remedy) in says.items():
        names = [leaf.name for leaf in record.parameters if leaf.status == status]
        if names:
            text = said.format(them="it" if len(names) == 1 else "them")
            found.append(Note(kind, f"{_listed(names)}: {text}.", remedy, tuple(names)))
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
