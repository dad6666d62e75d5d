"""Rules for changes in place: of leaves, of what the backward pass needs, of expanded memory and of views."""

from __future__ import annotations

import ast
import linecache
import re

from torchmagic.observe.errors.failure import Failure, first
from torchmagic.observe.errors.remedies import Candidate, offered, with_args, with_method
from torchmagic.observe.errors.words import Finding, named
from torchmagic.observe.recorded import SavedChanged, Spot
from torchmagic.records import Remedy

_LONGEST = 60


def in_place_leaf(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A leaf changed in place."""
    node = failure.site.node
    w = first(failure)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        w = next((each for each in failure.args if each.node is node.targets[0].value), w)
    name = named(w)
    leaf = (
        f"{name} is a leaf that requires grad"
        if "view" not in match[0]
        else f"{name} is (part of) a leaf that requires grad"
    )
    why = f"{leaf}: autograd needs its value as it was, so it may not be changed in place while gradients are recorded."
    remedies: list[Remedy] = []
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        block = f"with torch.no_grad(): {ast.unparse(node)}"
        remedies = [Remedy(block, "changes it without recording: a step of training", True)]
    elif isinstance(node, ast.stmt):
        remedies = [Remedy(f"with torch.no_grad(): {ast.unparse(node)}", "changes it without recording", True)]
    elif w is not None and w.node is not None:
        found = with_args(failure, {w: "{}.detach()"})
        remedies = list(offered(failure, [Candidate(found.node, "changes it without recording")], most=1))
        if failure.name.endswith("_"):
            remedies += offered(
                failure, [with_method(failure, failure.name[:-1], "makes a new tensor instead")], most=1
            )
    return Finding("leaf", why, None, tuple(remedies[:2]))


def shared_memory(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Writing into an expanded tensor."""
    x = first(failure)
    name = named(x)
    why = (
        f"{name} was expanded: several of its elements are one place in memory, so "
        f"it cannot be written to; clone() gives each its own."
    )
    candidates = [with_args(failure, {x: "{}.clone()"})] if x is not None else []
    return Finding("in-place", why, None, offered(failure, candidates))


def saved_changed(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A tensor that the backward pass needs was changed."""
    known = failure.recorded.saved_changed
    if known is not None and known.writes:
        return _who_changed(failure, known)
    function = re.search(r"output \d+ of (\w+?)(?:Backward\d*)?,", failure.message)
    version = re.search(r"is at version (\d+); expected version (\d+)", failure.message)
    shape = re.search(r"Tensor \[([\d, ]*)\]", failure.message)
    what = f"A tensor of shape ({shape[1]}{',' if ',' not in shape[1] else ''})" if shape else "A tensor"
    if function and function[1] not in ("NoneType", "AsStrided"):
        what = f"{what}, the result of {function[1]},"
    times = ""
    if version:
        number = int(version[1]) - int(version[2])
        times = f" {number} time{'s' * (number != 1)}"
    saved = f"{known.saved_by} had saved it" if known is not None else "the forward pass had saved it"
    why = (
        f"{what} was changed in place{times} after {saved} for the backward pass: "
        f"use y = y + 1 in the place of y += 1 (or of an operation that ends in _)."
    )
    return Finding("in-place", why)


def _who_changed(failure: Failure, known: SavedChanged) -> Finding:
    writes = known.writes
    name = known.name or (f"The result of {known.saved_by.what}" if known.which == "its result" else "A tensor")
    by = " and ".join(_quoted(failure, write) for write in writes[-2:])
    why = (
        f"{name} was changed in place by {by}, after {known.saved_by} had saved it ({known.which}) "
        f"for the backward pass. That needs the values as they were."
    )
    remedies = tuple(remedy for write in writes[-1:] if (remedy := _instead(failure, write)) is not None)
    return Finding("in-place", why, None, remedies)


def _quoted(failure: Failure, write: Spot) -> str:
    """A change in place, as its line of the source says it."""
    code = _source(failure, write)
    if write.what.endswith(")") or not code or len(code) > _LONGEST:
        return str(write)
    return f"`{code}` on line {write.line}"


def _source(failure: Failure, write: Spot) -> str:
    return linecache.getline(write.filename or failure.site.frame.f_code.co_filename, write.line).strip()


def _instead(failure: Failure, write: Spot) -> Remedy | None:
    """What to write in the place of a change in place, from its line of the source."""
    if write.what.endswith(".step()"):
        return Remedy("", "call backward() before the optimizer's step(), or compute the loss anew after it")
    if write.what.endswith("(inplace=True)"):
        return Remedy("", "leave out inplace=True")
    try:
        statement = ast.parse(_source(failure, write)).body[0]
    except (SyntaxError, ValueError, IndexError):
        return None
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        target = statement.target.id
        value = ast.BinOp(ast.Name(target, ast.Load()), statement.op, statement.value)
        return Remedy(f"{target} = {ast.unparse(value)}", "makes a new tensor", True)
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
        plain = call.func.attr.removesuffix("_")
        if plain in ("zero", "fill"):
            return Remedy("", "make a new tensor in its place, as torch.zeros_like does")
        changed = ast.Call(ast.Attribute(call.func.value, plain, ast.Load()), call.args, call.keywords)
        return Remedy(f"{call.func.value.id} = {ast.unparse(changed)}", "makes a new tensor", True)
    if write.what == "[…] =" and write.name:
        return Remedy(f"{write.name} = {write.name}.clone()", f"before line {write.line}: changes a copy", True)
    return None


def several_views(failure: Failure, match: re.Match[str]) -> Finding | None:
    """One of several views was changed."""
    made = match["made"].lower()
    why = (
        f"{named(first(failure))} is one of several views that {made}() gave of one tensor, and such views may not "
        f"be changed in place while gradients are recorded: make a new tensor instead."
    )
    return Finding("in-place", why)


RULES = [
    (r"(?:a view of )?a leaf Variable that requires grad", in_place_leaf),
    (r"refers to a single memory location|memory overlap", shared_memory),
    (r"modified by an inplace operation", saved_changed),
    (r"Output \d+ of (?P<made>\w+?)(?:Backward\d*)? is a view and is being modified inplace", several_views),
]
