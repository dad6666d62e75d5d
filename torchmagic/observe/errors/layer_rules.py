"""Rules for layers, losses, optimizers and modules of the user's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from torchmagic.observe.errors.failure import Arg, Failure, user_args
from torchmagic.observe.errors.products import layer_remedy
from torchmagic.observe.errors.remedies import Candidate, as_code, code_of, offered, with_args
from torchmagic.observe.errors.words import Finding, aligned, shape_text
from torchmagic.records import Clash, Remedy

_CONVS = (nn.modules.conv._ConvNd,)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.GroupNorm)


def _name(failure: Failure) -> str:
    if failure.layer is not None and failure.layer.path:
        return failure.layer.path
    return failure.operation or "The layer"


def _input(failure: Failure) -> Arg | None:
    return failure.tensors[0] if failure.tensors else None


def _movable(failure: Failure, x: Arg) -> Arg | None:
    """What the user passed: the input itself, or what they gave to the model whose layer failed."""
    if x.node is not None:
        return x
    return next((each for each in user_args(failure) if each.is_tensor and each.value is x.value), None)


def _reordered(x: Arg, dims: int) -> Iterator[str]:
    """Templates that give an input a batch or a channel dimension, or bring the channels to their place."""
    have = len(x.shape)
    spatial = dims - 2
    if have == dims:
        order = (0, dims - 1, *range(1, dims - 1))
        yield "{}.transpose(1, 2)" if dims == 3 else f"{{}}.permute{order}"
    if have == dims - 1:
        yield "{}.unsqueeze(1)"
        yield "{}.unsqueeze(0)"
        yield f"{{}}.permute{(have - 1, *range(have - 1))}"
    if have == spatial:
        yield "{}.unsqueeze(0).unsqueeze(0)"


def conv_channels(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The input has other channels than the layer takes."""
    x = _input(failure)
    if x is None:
        return None
    module = failure.callee if isinstance(failure.callee, _CONVS) else None
    wanted, got = match["wanted"], match["got"]
    where = 1 if module is not None and len(x.shape) == len(module.kernel_size) + 2 else 0
    where = where if module is not None else max(len(x.shape) - 3, 0)
    why = f"{_name(failure)} takes in_channels={wanted}, and the channels of {x.text}, dimension {where}, are {got}."
    bad = (where,) if where < len(x.shape) else ()
    labels = ("batch", "channels") if where == 1 else ("channels",)
    spatial = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
    labels = (*labels, *spatial.get(len(x.shape) - len(labels), ("",) * max(len(x.shape) - len(labels), 0)))
    takes = tuple(wanted if i == where else "" for i in range(len(x.shape)))
    clash = Clash(((x.text, tuple(map(str, x.shape))), (f"{_name(failure)} in", takes)), bad, labels[: len(x.shape)])
    moved = _movable(failure, x)
    dims = len(module.kernel_size) + 2 if module is not None else len(x.shape)
    candidates = [with_args(failure, {moved: each}) for each in _reordered(moved, dims)] if moved is not None else []
    remedies = offered(failure, candidates, most=1)
    if module is not None and where == 1 and not remedies:
        kernel = module.kernel_size if len(set(module.kernel_size)) > 1 else module.kernel_size[0]
        rest = f", stride={module.stride[0]}" if module.stride[0] != 1 else ""
        if type(module.padding) is tuple and any(module.padding):
            rest += f", padding={module.padding[0]}"
        if module.groups == 1:
            remedies = (layer_remedy(failure, type(module), f"{got}, {module.out_channels}, {kernel}{rest}"),)
    return Finding("conv", why, clash, remedies)


def conv_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An input with too few or too many dimensions."""
    x = _input(failure)
    if x is None:
        return None
    dims = int(re.search(r"\d", failure.name + "2")[0]) + 2  # type: ignore[index]
    spatial = {3: "length", 4: "height, width", 5: "depth, height, width"}[dims] if dims in (3, 4, 5) else "…"
    why = (
        f"{_name(failure)} takes an input of {dims} dimensions, (batch, channels, "
        f"{spatial}); {x.text} has {len(x.shape)}: {shape_text(x.shape)}."
    )
    moved = _movable(failure, x)
    candidates = [with_args(failure, {moved: each}) for each in _missing(moved, dims)] if moved is not None else []
    return Finding("missing-dimension", why, None, offered(failure, candidates, most=1))


def _missing(x: Arg, dims: int) -> Iterator[str]:
    missing = dims - len(x.shape)
    if missing == 1:
        yield "{}.unsqueeze(0)"
        yield "{}.unsqueeze(1)"
    elif missing > 1:
        yield f"{{}}{'.unsqueeze(0)' * missing}"
    elif missing < 0:
        if 1 in x.shape:
            yield f"{{}}.squeeze({x.shape.index(1)})"
        yield "{}.flatten(0, 1)"
        yield f"{{}}.flatten({dims - 1})"


def conv_weight(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A kernel with too few dimensions."""
    if len(failure.tensors) < 2:
        return None
    weight = failure.tensors[1]
    want = len(failure.tensors[0].shape)
    why = (
        f"The kernel of a convolution has the dimensions (out channels, in channels, "
        f"…), {want} in all; {weight.text} has {len(weight.shape)}."
    )
    candidates = [with_args(failure, {weight: "{}" + ".unsqueeze(0)" * (want - len(weight.shape))})]
    return Finding("conv", why, None, offered(failure, candidates))


def kernel_size(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A window that is larger than what it slides over."""
    x = _input(failure)
    if x is None:
        return None
    sizes = match.groupdict()
    window = f" of {sizes['kernel']}" if sizes.get("kernel") else ""
    why = (
        f"The kernel{window} is larger than the input that it slides over "
        f"({sizes.get('size') or shape_text(x.shape)}): "
        f"after earlier layers too little is left, or padding is missing."
    )
    return Finding("kernel", why)


def too_small(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Pooling that leaves nothing."""
    x = _input(failure)
    if x is None:
        return None
    why = (
        f"Nothing would be left: {x.text} of shape {shape_text(x.shape)} is smaller than the "
        f"window of {_name(failure)}. Pool less often, or use a larger input."
    )
    return Finding("kernel", why)


def one_value(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Batch statistics of a single value."""
    x = _input(failure)
    name = x.text if x is not None else "the input"
    why = (
        f"In training {_name(failure)} computes a mean and a variance over the batch, and {name} holds "
        f"one value for each channel: use a larger batch, or call .eval() first."
    )
    remedies: tuple[Remedy, ...] = ()
    path = failure.layer.path if failure.layer is not None else ""
    if path and getattr(failure.callee, "track_running_stats", False):
        remedies = (Remedy(f"{path}.eval()", "uses the running statistics instead", True),)
    return Finding("batch", why, None, remedies)


def norm_features(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A normalisation made for another number of channels."""
    x = _input(failure)
    if x is None:
        return None
    got, wanted = match["got"], match["wanted"]
    why = f"{_name(failure)} was made with num_features={wanted}, and {x.text} has {got} channels (dimension 1)."
    clash = Clash(
        ((x.text, tuple(map(str, x.shape))), (_name(failure), ("", wanted, *("" for _ in x.shape[2:])))), (1,)
    )
    moved = _movable(failure, x)
    dims = len(x.shape)
    candidates = [with_args(failure, {moved: each}) for each in _reordered(moved, dims)] if moved and dims > 2 else []
    remedies = offered(failure, candidates, most=1)
    if isinstance(failure.callee, nn.Module):
        remedies = (*remedies, layer_remedy(failure, type(failure.callee), got))
    return Finding("norm", why, clash, remedies)


def norm_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """BatchNorm of an input without batch."""
    x = _input(failure)
    if x is None:
        return None
    wanted = [int(each) for each in re.findall(r"(\d)D", match["wanted"])]
    why = (
        f"{_name(failure)} takes an input of {' or '.join(map(str, wanted))} dimensions, "
        f"(batch, channels, …); {x.text} has {len(x.shape)}."
    )
    moved = _movable(failure, x)
    candidates = (
        [with_args(failure, {moved: each}) for dims in wanted for each in _missing(moved, dims)] if moved else []
    )
    return Finding("missing-dimension", why, None, offered(failure, candidates, most=1))


def layer_norm(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The last dimensions are not those that the layer normalises."""
    x = _input(failure)
    if x is None:
        return None
    shape = tuple(int(each) for each in re.findall(r"\d+", match["shape"]))
    why = (
        f"{_name(failure)} normalises the last dimensions, and was made with "
        f"normalized_shape={shape if len(shape) > 1 else shape[0]}; "
        f"{x.text} ends in {shape_text(x.shape[-len(shape) :])}."
    )
    bad = [-i for i in range(1, len(shape) + 1) if len(x.shape) < i or x.shape[-i] != shape[-i]]
    remedies: tuple[Remedy, ...] = ()
    if failure.layer is not None and len(shape) == 1 and x.shape:
        remedies = (layer_remedy(failure, nn.LayerNorm, str(x.shape[-1])),)
    return Finding("norm", why, aligned([(x.text, x.shape), (_name(failure), shape)], bad), remedies)


def recurrent(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The features of a recurrent layer's input."""
    x = _input(failure)
    if x is None:
        return None
    module = failure.callee
    wanted, got = match["wanted"], match["got"]
    why = f"{_name(failure)} takes input_size={wanted} values in the last dimension; {x.text} has {got} there."
    candidates: list[Candidate] = []
    moved = _movable(failure, x)
    if moved is not None and wanted == "1":
        candidates.append(with_args(failure, {moved: "{}.unsqueeze(-1)"}))
    if moved is not None and len(x.shape) == 3:
        candidates.append(with_args(failure, {moved: "{}.transpose(1, 2)"}))
    remedies = offered(failure, candidates, most=1)
    if isinstance(module, nn.RNNBase):
        more = ", batch_first=True" if module.batch_first else ""
        remedies = (*remedies, layer_remedy(failure, type(module), f"{got}, {module.hidden_size}{more}"))
    return Finding("rnn", why, aligned([(x.text, x.shape), (_name(failure), (wanted,))], [-1]), remedies[:2])


def recurrent_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A recurrent layer's input without its feature or its batch dimension."""
    x = _input(failure)
    if x is None:
        return None
    module = failure.callee
    order = "batch, time, features" if getattr(module, "batch_first", False) else "time, batch, features"
    why = (
        f"{_name(failure)} takes an input of shape ({order}), or without the "
        f"batch; {x.text} has {len(x.shape)} dimensions."
    )
    moved = _movable(failure, x)
    templates = ("{}.unsqueeze(-1)", "{}.unsqueeze(0)", "{}.flatten(2)", "{}.unsqueeze(-1).unsqueeze(0)")
    candidates = [with_args(failure, {moved: each}) for each in templates] if moved is not None else []
    return Finding("missing-dimension", why, None, offered(failure, candidates, most=1))


def hidden(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The first state of a recurrent layer."""
    state = failure.tensors[1] if len(failure.tensors) > 1 else None
    name = state.text if state is not None else "the state"
    wanted = tuple(int(each) for each in re.findall(r"\d+", match["wanted"]))
    got = tuple(int(each) for each in re.findall(r"\d+", match["got"]))
    x = _input(failure)
    first = getattr(failure.callee, "batch_first", False)
    hint = (
        "the batch is the first dimension of the input"
        if first
        else "the batch is the second dimension of the input (or set batch_first=True)"
    )
    why = f"The state of {_name(failure)} has shape (layers, batch, hidden_size) = {wanted}; {name} has {got}; {hint}."
    bad = [i - len(wanted) for i, (one, other) in enumerate(zip(wanted, got, strict=False)) if one != other]
    candidates: list[Candidate] = []
    if x is not None and x.node is not None and len(x.shape) == 3:
        candidates.append(with_args(failure, {x: "{}.transpose(0, 1)"}))
    if state is not None and state.node is not None and len(got) == len(wanted) - 1:
        candidates.insert(0, with_args(failure, {state: "{}.unsqueeze(0)"}))
    if state is not None and state.node is not None:
        candidates.append(as_code(f"torch.zeros{wanted}", text=f"a first state in the place of {name}"))
    return Finding("rnn", why, aligned([(name, got), ("needed", wanted)], bad), offered(failure, candidates[:2]))


def attention(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Embeddings of another size."""
    x = _input(failure)
    wanted, got = match["wanted"], match["got"]
    name = x.text if x is not None else "the input"
    why = f"{_name(failure)} was made with embed_dim={wanted}, the size of the last dimension; {name} has {got} there."
    clash = aligned([(name, x.shape), (_name(failure), (wanted,))], [-1]) if x is not None and x.shape else None
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


# -- optimizers and modules ------------------------------------------------------------------------------


def no_parameters(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An optimizer with nothing to move."""
    why = (
        "The optimizer was given no parameters: the model has none that nn.Module knows (layers in a "
        "plain list are not found: use nn.ModuleList), or the iterator was used up."
    )
    return Finding("optimizer", why)


def non_leaf(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An optimizer of a computed tensor."""
    x = next((each for each in failure.tensors if not each.value.is_leaf), None)
    name = x.text if x is not None else "The tensor"
    why = (
        f"{name} is not a leaf: it was computed from others, so changing it would not last. An optimizer moves leaves."
    )
    candidates = [with_args(failure, {x: "{}.detach().requires_grad_()"}, trusted=True)] if x is not None else []
    remedies = tuple(
        Remedy(each.code, "optimises a new leaf with these values", True) for each in offered(failure, candidates)
    )
    return Finding("optimizer", why, None, remedies)


def optimizer_argument(failure: Failure, match: re.Match[str]) -> Finding | None:
    """One tensor where a list is wanted."""
    x = failure.tensors[0] if failure.tensors else None
    why = "An optimizer takes a list of tensors (or model.parameters()), also where there is only one."
    remedies: tuple[Remedy, ...] = ()
    if x is not None:
        found = with_args(failure, {x: "[{}]"})
        if found.node is not None:
            remedies = (Remedy(code_of(found.node), "", True),)
    return Finding("optimizer", why, None, remedies)


def state_dict(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Parameters that do not go with the module."""
    text = failure.message
    sizes = re.findall(
        r"size mismatch for ([\w.]+): .*?torch\.Size\(\[([\d, ]*)\]\) from checkpoint.*?torch\.Size\(\[([\d, ]*)\]\)",
        text,
        re.S,
    )
    if sizes:
        name, saved, here = sizes[0]
        more = f" (and {len(sizes) - 1} more)" if len(sizes) > 1 else ""
        why = (
            f"The saved {name} has shape ({saved}), and this module's has "
            f"({here}){more}: the sizes of the layers differ."
        )
        one, other = (tuple(each.split(", ")) for each in (saved, here))
        clash = None
        if len(one) == len(other):
            bad = tuple(i for i, (x, y) in enumerate(zip(one, other, strict=True)) if x != y)
            clash = Clash(((f"saved {name}", one), (f"this {name}", other)), bad)
        return Finding("state-dict", why, clash)
    missing = re.findall(r'"([^"]+)"', text.partition("Missing key(s)")[2].partition("Unexpected key(s)")[0])
    unexpected = re.findall(r'"([^"]+)"', text.partition("Unexpected key(s)")[2])
    parts = []
    if missing:
        parts.append(f"the module has {missing[0]}, which was not saved")
    if unexpected:
        parts.append(f"a saved key, {unexpected[0]}, has no place in the module")
    hint = ""
    if missing and unexpected and {each.removeprefix("module.") for each in unexpected} == set(missing):
        hint = " The saved keys begin with 'module.', as nn.DataParallel writes them: take it away."
    return Finding("state-dict", f"The keys differ: {'; '.join(parts)}.{hint}" if parts else "The keys differ.")


def missing_argument(failure: Failure, match: re.Match[str]) -> Finding | None:
    """forward with too few or too many arguments."""
    module = failure.callee if isinstance(failure.callee, nn.Module) else None
    if module is None and failure.layer is not None:
        module = failure.layer.module
    if module is None:
        return None
    parameters = ""
    code: Any = getattr(type(module).forward, "__code__", None)
    if code is not None:
        parameters = f" forward takes ({', '.join(code.co_varnames[1 : code.co_argcount])})."
    return Finding("forward", f"The arguments of the call go to forward: {match['what']}.{parameters}")


def before_init(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A module that was not set up."""
    why = (
        "A module must call super().__init__() at the start of its own "
        "__init__, before it is given layers or parameters."
    )
    return Finding("module", why, None, (Remedy("super().__init__()", "as the first line of __init__"),))


def no_forward(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A module without forward."""
    why = (
        "The class has no method named forward, which is what a call of the "
        "module runs (check its spelling and indentation)."
    )
    if isinstance(failure.callee, (nn.ModuleList, nn.ModuleDict)):
        why = (
            "ModuleList and ModuleDict only hold layers and have no forward: call "
            "the layers one by one, or use nn.Sequential."
        )
    return Finding("module", why)


def parameter_assignment(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A plain tensor where a module keeps a parameter."""
    node = failure.site.node
    value = node.value if isinstance(node, ast.Assign) else None
    why = f"{match['name']} is a parameter of the module: only an nn.Parameter can take its place."
    remedies: tuple[Remedy, ...] = ()
    if value is not None and isinstance(node, ast.Assign):
        target = ast.unparse(node.targets[0])
        remedies = (Remedy(f"{target} = nn.Parameter({ast.unparse(value)})", "", True),)
    return Finding("module", why, None, remedies)


RULES = [
    (r"expected input\[.*\] to have (?P<wanted>\d+) channels, but got (?P<got>\d+) channels", conv_channels),
    (
        (
            r"Expected \dD \(unbatched\) or \dD \(batched\) input to|[Ee]xpected (?:\dD "
            r"or )?\dD \(?.*input to (?:conv|max_pool|avg_pool)"
        ),
        conv_dims,
    ),
    (r"[Ee]xpected (?:\dD or )?\dD .*(?:tensor|input).*expected for input|non-empty \dD or \dD", conv_dims),
    (r"weight should have at least|expected weight to be|Expected \d-dimensional (?:input for|weight)", conv_weight),
    (r"input size per channel: \((?P<size>[^)]*)\)\. Kernel size: \((?P<kernel>[^)]*)\)", kernel_size),
    (r"Kernel size can't be greater|Output size is too small", too_small),
    (r"more than 1 (?:value per channel|spatial element)", one_value),
    (r"running_mean should contain (?P<got>\d+) elements not (?P<wanted>\d+)", norm_features),
    (r"^expected (?P<wanted>\dD(?: or \dD)*) input \(got \dD input\)", norm_dims),
    (r"Given normalized_shape=\[(?P<shape>[^\]]*)\]", layer_norm),
    (r"input\.size\(-1\) must be equal to input_size\. Expected (?P<wanted>\d+), got (?P<got>\d+)", recurrent),
    (r"input has inconsistent input_size: got (?P<got>\d+),? expected (?P<wanted>\d+)", recurrent),
    (r"(?:RNN|LSTM|GRU): Expected input to be|For (?:un)?batched .*-D input, h", recurrent_dims),
    (r"Expected hidden(?:\[\d\])? size \((?P<wanted>[^)]*)\), got [\[(](?P<got>[^\])]*)", hidden),
    (r"expecting embedding dimension of (?P<wanted>\d+), but got (?P<got>\d+)", attention),
    (r"(?P<one>\w+)(?: \(\d+\))? must be (?:evenly )?divisible by (?P<other>\w+)", divisible),
    (r"Expected input batch_size \((?P<a>\d+)\) to match target batch_size \((?P<b>\d+)\)", batch_sizes),
    (r"target tensor expected, multi-target|[Ee]xpected target size", target_dims),
    (r"empty parameter list", no_parameters),
    (r"can't optimize a non-leaf", non_leaf),
    (r"params argument given to the optimizer", optimizer_argument),
    (r"Error\(s\) in loading state_dict", state_dict),
    (
        r"forward\(\) (?P<what>missing \d+ required .*|takes .* given|got an unexpected keyword argument .*)",
        missing_argument,
    ),
    (r"before Module\.__init__\(\) call|__init__\(\) call", before_init),
    (r'missing the required "forward" function', no_forward),
    (r"as parameter '(?P<name>\w+)' \(torch\.nn\.Parameter or None expected\)", parameter_assignment),
]
