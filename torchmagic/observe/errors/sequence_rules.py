"""Rules for recurrent layers and attention, and for the batches of losses."""

from __future__ import annotations

import ast
import re

from torch import nn

from torchmagic.observe.errors.failure import Failure
from torchmagic.observe.errors.layer_rules import layer_input, layer_name, movable
from torchmagic.observe.errors.products import layer_remedy
from torchmagic.observe.errors.remedies import Candidate, as_code, offered, with_args
from torchmagic.observe.errors.words import Finding, aligned, named, shape_text
from torchmagic.records import Clash


def recurrent(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The features of a recurrent layer's input."""
    x = layer_input(failure)
    if x is None:
        return None
    module = failure.callee
    wanted, got = match["wanted"], match["got"]
    why = f"{layer_name(failure)} takes input_size={wanted} values in the last dimension; {x.text} has {got} there."
    candidates: list[Candidate] = []
    moved = movable(failure, x)
    if moved is not None and wanted == "1":
        candidates.append(with_args(failure, {moved: "{}.unsqueeze(-1)"}))
    if moved is not None and len(x.shape) == 3:
        candidates.append(with_args(failure, {moved: "{}.transpose(1, 2)"}))
    remedies = offered(failure, candidates, most=1)
    if isinstance(module, nn.RNNBase):
        more = ", batch_first=True" if module.batch_first else ""
        remedies = (*remedies, layer_remedy(failure, type(module), f"{got}, {module.hidden_size}{more}"))
    return Finding("rnn", why, aligned([(x.text, x.shape), (layer_name(failure), (wanted,))], [-1]), remedies[:2])


def recurrent_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A recurrent layer's input without its feature or its batch dimension."""
    x = layer_input(failure)
    if x is None:
        return None
    module = failure.callee
    order = "batch, time, features" if getattr(module, "batch_first", False) else "time, batch, features"
    why = (
        f"{layer_name(failure)} takes an input of shape ({order}), or without the "
        f"batch; {x.text} has {len(x.shape)} dimensions."
    )
    moved = movable(failure, x)
    templates = ("{}.unsqueeze(-1)", "{}.unsqueeze(0)", "{}.flatten(2)", "{}.unsqueeze(-1).unsqueeze(0)")
    candidates = [with_args(failure, {moved: each}) for each in templates] if moved is not None else []
    return Finding("missing-dimension", why, None, offered(failure, candidates, most=1))


def hidden(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The first state of a recurrent layer."""
    state = failure.tensors[1] if len(failure.tensors) > 1 else None
    name = named(state, "the state")
    wanted = tuple(int(each) for each in re.findall(r"\d+", match["wanted"]))
    got = tuple(int(each) for each in re.findall(r"\d+", match["got"]))
    x = layer_input(failure)
    first = getattr(failure.callee, "batch_first", False)
    hint = (
        "the batch is the first dimension of the input"
        if first
        else "the batch is the second dimension of the input (or set batch_first=True)"
    )
    why = (
        f"The state of {layer_name(failure)} has shape (layers, batch, "
        f"hidden_size) = {wanted}; {name} has {got}; {hint}."
    )
    bad = [i - len(wanted) for i, (one, other) in enumerate(zip(wanted, got, strict=False)) if one != other]
    candidates: list[Candidate] = []
    if x is not None and x.node is not None and len(x.shape) == 3:
        candidates.append(with_args(failure, {x: "{}.transpose(0, 1)"}))
    if state is not None and state.node is not None and len(got) == len(wanted) - 1:
        candidates.insert(0, with_args(failure, {state: "{}.unsqueeze(0)"}))
    if state is not None and state.node is not None:
        candidates.append(as_code(f"torch.zeros{wanted}", text=f"a first state in the place of {name}"))
    return Finding("rnn", why, aligned([(name, got), ("needed", wanted)], bad), offered(failure, candidates[:2]))


def state_pair(failure: Failure, match: re.Match[str]) -> Finding | None:
    """One tensor as the first state of an LSTM, which has two."""
    given = [each for each in failure.tensors if each.role == "hx"]
    if not isinstance(failure.callee, nn.LSTM) or not given:
        return None
    state = next((each for each in given if each.node is not None), given[0])
    why = (
        f"The state of an LSTM is a pair (h_0, c_0) of tensors; {state.text} is one tensor, "
        "and would be taken apart along its first dimension."
    )
    pair = with_args(failure, {state: "({}, torch.zeros_like({}))"}, text="with a cell state of zeros")
    return Finding("rnn", why, None, offered(failure, [pair]))


def attention(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Embeddings of another size."""
    x = layer_input(failure)
    wanted, got = match["wanted"], match["got"]
    name = named(x, "the input")
    why = (
        f"{layer_name(failure)} was made with embed_dim={wanted}, the size "
        f"of the last dimension; {name} has {got} there."
    )
    clash = aligned([(name, x.shape), (layer_name(failure), (wanted,))], [-1]) if x is not None and x.shape else None
    return Finding("attention", why, clash)


def divisible(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Sizes that must divide each other."""
    numbers = " and ".join(
        each.text if not each.role else f"{each.role}={each.text}" for each in failure.args if type(each.value) is int
    )
    first, second = match["one"], match["other"]
    why = (
        f"{first} must be divisible by {second}: each {'head' if 'head' in second else 'group'} "
        f"gets an equal share. Given: {numbers}."
    )
    return Finding("divisible", why)


def batch_sizes(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Scores and targets of different batches."""
    if len(failure.tensors) < 2:
        return None
    a, b = failure.tensors[0], failure.tensors[1]
    why = f"There must be one target for each row of scores: {a.text} has {match['a']} rows, {b.text} has {match['b']}."
    candidates: list[Candidate] = []
    if len(a.shape) == 3 and len(b.shape) == 2:
        candidates.append(with_args(failure, {a: "{}.flatten(0, 1)", b: "{}.flatten()"}))
        candidates.append(with_args(failure, {a: "{}.transpose(1, 2)"}))
    if len(a.shape) == 1:
        candidates.append(with_args(failure, {a: "{}.unsqueeze(0)"}))
    if len(a.shape) == 2:
        candidates.append(with_args(failure, {a: "{}.T"}))
    if b.shape and b.value.numel() == a.shape[0]:
        candidates.append(with_args(failure, {b: "{}.flatten()"}))
    clash = Clash(
        tuple((each.text, tuple(map(str, each.shape)) + ("",) * (len(a.shape) - len(each.shape))) for each in (a, b)),
        (0,),
    )
    return Finding("loss-shape", why, clash if len(b.shape) <= len(a.shape) else None, offered(failure, candidates))


def target_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """cross_entropy with a target of the wrong dimensions."""
    if len(failure.tensors) < 2:
        return None
    a, b = failure.tensors[0], failure.tensors[1]
    if not a.dtype.is_floating_point and b.dtype.is_floating_point and a.node is not None and b.node is not None:
        swapped = with_args(failure, {a: ast.unparse(b.node), b: ast.unparse(a.node)})
        why = (
            f"The scores come first and the class numbers second: {a.text} holds "
            f"integers and {b.text} floating-point values."
        )
        return Finding("loss-shape", why, None, offered(failure, [swapped]))
    why = (
        f"The target is one class number for each row of scores, shape ({a.shape[0] if a.shape else ''},); "
        f"{b.text} has shape {shape_text(b.shape)}."
    )
    candidates: list[Candidate] = []
    if 1 in b.shape:
        candidates.append(with_args(failure, {b: f"{{}}.squeeze({b.shape.index(1)})"}))
    if len(b.shape) == 2 and b.shape == a.shape:
        candidates.append(with_args(failure, {b: "{}.argmax(1)"}, text="the class numbers of one-hot rows"))
        candidates.append(with_args(failure, {b: "{}.float()"}, text="as probabilities of the classes"))
    if len(a.shape) == 3 and len(b.shape) == 2:
        candidates.append(with_args(failure, {a: "{}.transpose(1, 2)"}))
    return Finding("loss-shape", why, aligned([(a.text, a.shape), (b.text, b.shape)]), offered(failure, candidates))


RULES = [
    (r"index \d+ is out of bounds for dimension 0 with size|hx and cx should also be", state_pair),
    (r"input\.size\(-1\) must be equal to input_size\. Expected (?P<wanted>\d+), got (?P<got>\d+)", recurrent),
    (r"input has inconsistent input_size: got (?P<got>\d+),? expected (?P<wanted>\d+)", recurrent),
    (r"(?:RNN|LSTM|GRU): Expected input to be|For (?:un)?batched .*-D input, h", recurrent_dims),
    (r"Expected hidden(?:\[\d\])? size \((?P<wanted>[^)]*)\), got [\[(](?P<got>[^\])]*)", hidden),
    (r"expecting embedding dimension of (?P<wanted>\d+), but got (?P<got>\d+)", attention),
    (r"(?P<one>\w+)(?: \(\d+\))? must be (?:evenly )?divisible by (?P<other>\w+)", divisible),
    (r"Expected input batch_size \((?P<a>\d+)\) to match target batch_size \((?P<b>\d+)\)", batch_sizes),
    (r"target tensor expected, multi-target|[Ee]xpected target size", target_dims),
]
