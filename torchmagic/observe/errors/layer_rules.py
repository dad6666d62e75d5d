"""Rules for layers, losses, optimizers and modules of the user's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import nn

from torchmagic.observe.errors.failure import Arg, Failure, user_args
from torchmagic.observe.errors.products import layer_remedy
from torchmagic.observe.errors.remedies import offered, with_args
from torchmagic.observe.errors.words import Finding, aligned, named, shape_text
from torchmagic.records import Clash, Remedy

_CONVS = (nn.modules.conv._ConvNd,)
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.GroupNorm)


def layer_name(failure: Failure) -> str:
    if failure.layer is not None and failure.layer.path:
        return failure.layer.path
    return failure.operation or "The layer"


def layer_input(failure: Failure) -> Arg | None:
    return failure.tensors[0] if failure.tensors else None


def movable(failure: Failure, x: Arg) -> Arg | None:
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
    x = layer_input(failure)
    if x is None:
        return None
    module = failure.callee if isinstance(failure.callee, _CONVS) else None
    wanted, got = match["wanted"], match["got"]
    where = 1 if module is not None and len(x.shape) == len(module.kernel_size) + 2 else 0
    where = where if module is not None else max(len(x.shape) - 3, 0)
    why = (
        f"{layer_name(failure)} takes in_channels={wanted}, and the channels of {x.text}, dimension {where}, are {got}."
    )
    bad = (where,) if where < len(x.shape) else ()
    labels = ("batch", "channels") if where == 1 else ("channels",)
    spatial = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
    labels = (*labels, *spatial.get(len(x.shape) - len(labels), ("",) * max(len(x.shape) - len(labels), 0)))
    takes = tuple(wanted if i == where else "" for i in range(len(x.shape)))
    clash = Clash(
        ((x.text, tuple(map(str, x.shape))), (f"{layer_name(failure)} in", takes)), bad, labels[: len(x.shape)]
    )
    moved = movable(failure, x)
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
    x = layer_input(failure)
    if x is None:
        return None
    dims = int(re.search(r"\d", failure.name + "2")[0]) + 2  # type: ignore[index]
    spatial = {3: "length", 4: "height, width", 5: "depth, height, width"}[dims] if dims in (3, 4, 5) else "…"
    why = (
        f"{layer_name(failure)} takes an input of {dims} dimensions, (batch, channels, "
        f"{spatial}); {x.text} has {len(x.shape)}: {shape_text(x.shape)}."
    )
    moved = movable(failure, x)
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
    x = layer_input(failure)
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
    x = layer_input(failure)
    if x is None:
        return None
    why = (
        f"Nothing would be left: {x.text} of shape {shape_text(x.shape)} is smaller than the "
        f"window of {layer_name(failure)}. Pool less often, or use a larger input."
    )
    return Finding("kernel", why)


def one_value(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Batch statistics of a single value."""
    x = layer_input(failure)
    name = named(x, "the input")
    why = (
        f"In training {layer_name(failure)} computes a mean and a variance over the batch, and {name} holds "
        f"one value for each channel: use a larger batch, or call .eval() first."
    )
    remedies: tuple[Remedy, ...] = ()
    path = failure.layer.path if failure.layer is not None else ""
    if path and getattr(failure.callee, "track_running_stats", False):
        remedies = (Remedy(f"{path}.eval()", "uses the running statistics instead", True),)
    return Finding("batch", why, None, remedies)


def norm_features(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A normalisation made for another number of channels."""
    x = layer_input(failure)
    if x is None:
        return None
    got, wanted = match["got"], match["wanted"]
    why = f"{layer_name(failure)} was made with num_features={wanted}, and {x.text} has {got} channels (dimension 1)."
    clash = Clash(
        ((x.text, tuple(map(str, x.shape))), (layer_name(failure), ("", wanted, *("" for _ in x.shape[2:])))), (1,)
    )
    moved = movable(failure, x)
    dims = len(x.shape)
    candidates = [with_args(failure, {moved: each}) for each in _reordered(moved, dims)] if moved and dims > 2 else []
    remedies = offered(failure, candidates, most=1)
    if isinstance(failure.callee, nn.Module):
        remedies = (*remedies, layer_remedy(failure, type(failure.callee), got))
    return Finding("norm", why, clash, remedies)


def norm_dims(failure: Failure, match: re.Match[str]) -> Finding | None:
    """BatchNorm of an input without batch."""
    x = layer_input(failure)
    if x is None:
        return None
    wanted = [int(each) for each in re.findall(r"(\d)D", match["wanted"])]
    why = (
        f"{layer_name(failure)} takes an input of {' or '.join(map(str, wanted))} dimensions, "
        f"(batch, channels, …); {x.text} has {len(x.shape)}."
    )
    moved = movable(failure, x)
    candidates = (
        [with_args(failure, {moved: each}) for dims in wanted for each in _missing(moved, dims)] if moved else []
    )
    return Finding("missing-dimension", why, None, offered(failure, candidates, most=1))


def layer_norm(failure: Failure, match: re.Match[str]) -> Finding | None:
    """The last dimensions are not those that the layer normalises."""
    x = layer_input(failure)
    if x is None:
        return None
    shape = tuple(int(each) for each in re.findall(r"\d+", match["shape"]))
    why = (
        f"{layer_name(failure)} normalises the last dimensions, and was made with "
        f"normalized_shape={shape if len(shape) > 1 else shape[0]}; "
        f"{x.text} ends in {shape_text(x.shape[-len(shape) :])}."
    )
    bad = [-i for i in range(1, len(shape) + 1) if len(x.shape) < i or x.shape[-i] != shape[-i]]
    remedies: tuple[Remedy, ...] = ()
    if failure.layer is not None and len(shape) == 1 and x.shape:
        remedies = (layer_remedy(failure, nn.LayerNorm, str(x.shape[-1])),)
    return Finding("norm", why, aligned([(x.text, x.shape), (layer_name(failure), shape)], bad), remedies)


# -- optimizers and modules ------------------------------------------------------------------------------


RULES = [
    (r"Expected \dD or \dD \(batch mode\) tensor", conv_dims),
    (r"[Gg]ot \dD input, but .* needs? (?P<wanted>\dD) input", norm_dims),
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
]
