"""What one autograd node is: its plain name, its arguments, and what it saved, read without disturbing it."""

from __future__ import annotations

import re
import sys
from collections.abc import Hashable
from functools import lru_cache
from types import FrameType
from typing import Any

import torch

SAVED_TELL = hasattr(torch._C._autograd.SavedTensor, "unpack_hook")
"""Whether a kept tensor tells of its hooks and can be read past them: since torch 2.10."""

_SUFFIX = re.compile(r"(Backward|_backward)\d*$")
_PLAIN = {
    "Mm": "MatMul",
    "Bmm": "MatMul",
    "Mv": "MatMul",
    "T": "Transpose",
    "Rsub": "Sub",
    "NllLoss": "NLLLoss",
    "NllLoss2D": "NLLLoss",
    "MseLoss": "MSELoss",
    "L1Loss": "L1Loss",
    "BinaryCrossEntropy": "BCELoss",
    "BinaryCrossEntropyWithLogits": "BCEWithLogitsLoss",
    "NativeLayerNorm": "LayerNorm",
    "NativeBatchNorm": "BatchNorm",
    "NativeGroupNorm": "GroupNorm",
    "NativeDropout": "Dropout",
    "FusedDropout": "Dropout",
    "Convolution": "Conv",
    "MkldnnConvolution": "Conv",
    "CudnnConvolution": "Conv",
    "CudnnBatchNorm": "BatchNorm",
    "CudnnRnn": "RNN",
    "MkldnnRnnLayer": "RNN",
    "MaxPool2DWithIndices": "MaxPool2D",
    "ScaledDotProductFlashAttentionForCpu": "Attention",
    "ScaledDotProductFlashAttention": "Attention",
    "ScaledDotProductEfficientAttention": "Attention",
    "ScaledDotProductCudnnAttention": "Attention",
    "UnsafeView": "View",
    "UnsafeSplit": "Split",
    "ReshapeAlias": "Reshape",
    "ToCopy": "To",
    "CopySlices": "CopySlices",
    "torch::autograd::CopyBackwards": "Copy",
    "torch::autograd::CopySlices": "CopySlices",
    "torch::autograd::Error": "Error",
}
_ARGUMENTS = ("exponent", "dim", "negative_slope", "p", "min", "max", "dim0", "dim1")
_INPUTS = (
    *(
        "self",
        "other",
        "mat1",
        "mat2",
        "batch1",
        "batch2",
        "input",
        "tensor1",
        "tensor2",
        "vec",
        "vec1",
        "vec2",
    ),
    *("weight", "bias", "target", "index", "mask", "exponent", "condition", "end", "hx", "cx"),
)


def class_name(node: Any) -> str:
    """The autograd node's class name, as ``print(tensor.grad_fn)`` shows it."""
    name = type(node).__name__
    return name if name != "Function" else str(node.name())


@lru_cache(maxsize=512)
def plain_name(grad_fn: str) -> str:
    """The operation in the words of the notes.

    >>> plain_name("MulBackward0"), plain_name("MmBackward0"), plain_name("MyCubeBackward")
    ('Mul', 'MatMul', 'MyCube')
    """
    bare = _SUFFIX.sub("", grad_fn) or grad_fn
    return _PLAIN.get(bare, bare)


def constant_text(grad_fn: str, constant: str, comes_first: bool = False) -> str:
    """A plain number operand with its sign, as it stands in the expression, or "" for other operations.

    >>> constant_text("SubBackward0", "10"), constant_text("RsubBackward1", "1")
    ('- 10', '1 -')
    """
    sign = {"Add": "+", "Sub": "-", "Rsub": "-", "Mul": "*", "Div": "/"}.get(_SUFFIX.sub("", grad_fn))
    if sign is None:
        return ""
    comes_first = sign == "-" and (comes_first or grad_fn.startswith("Rsub"))
    return f"{constant} {sign}" if comes_first else f"{sign} {constant}"


def arguments(node: Any) -> str:
    """The operation's plain arguments in a few words (``"dim 1"``, ``"** 2"``), or ""."""
    kind = type(node)
    if hasattr(kind, "_forward_cls"):  # a custom Function keeps what it likes under any name
        return ""
    parts: list[str] = []
    for name in _argument_names(kind):  # type: ignore[arg-type]  # classes hash
        text = _argument_text(_read(node, f"_saved_{name}"))
        if text:
            parts.append(f"** {text}" if name == "exponent" else f"{name} {text}")
    return ", ".join(parts[:2])


@lru_cache(maxsize=512)
def _argument_names(kind: Hashable) -> tuple[str, ...]:
    return tuple(
        name for name in _ARGUMENTS if hasattr(kind, f"_saved_{name}") and not hasattr(kind, f"_raw_saved_{name}")
    )


def _argument_text(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        texts = [_argument_text(item) for item in value]
        return ", ".join(texts) if all(texts) and len(texts) <= 3 else ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    if isinstance(value, int) and value > 1 << 62:  # torch stores negative dims as unsigned
        value -= 1 << 64
    return f"{value:.4g}"


def saved_inputs(node: Any) -> list[torch.Tensor]:
    """The operand tensors that a node still keeps for backward, in order.

    Those behind a user's hooks, freed, or changed in place since are left out: reading never raises
    and never runs a hook.
    """
    kind = type(node)
    if hasattr(kind, "_forward_cls"):  # a custom Function: the class is the user's, so not cached
        return _saved_list(node, "saved_tensors")
    names, has_list = _saved_names(kind)  # type: ignore[arg-type]  # classes hash
    found: list[torch.Tensor] = []
    for name in names:
        raw = _read(node, f"_raw_saved_{name}")
        if raw is not None and hook_free(raw):
            value = _read(node, f"_saved_{name}")
            if isinstance(value, torch.Tensor):
                found.append(value)
    return found + _saved_list(node, "_saved_tensors") if has_list else found


@lru_cache(maxsize=512)
def _saved_names(kind: Hashable) -> tuple[tuple[str, ...], bool]:
    names = tuple(name for name in _INPUTS if hasattr(kind, f"_raw_saved_{name}"))
    return names, hasattr(kind, "_raw_saved_tensors")


def _saved_list(node: Any, attribute: str) -> list[torch.Tensor]:
    raws = _read(node, "_raw_saved_tensors")
    if not isinstance(raws, (tuple, list)) or not all(hook_free(raw) for raw in raws):
        return []
    return [value for value in _read(node, attribute) or () if isinstance(value, torch.Tensor)]


def saved_result(node: Any) -> torch.Tensor | None:
    """The node's own first output where autograd kept it (exp, relu, sigmoid, …), else None."""
    raw = _read(node, "_raw_saved_result")
    if raw is None or not hook_free(raw):
        return None
    value = _read(node, "_saved_result")
    return value if isinstance(value, torch.Tensor) else None


def _read(node: Any, attribute: str) -> Any:
    try:
        return read_kept(node, attribute)
    except (AttributeError, RuntimeError):  # not kept, freed, or changed in place since it was saved
        return None


class HookAhead(RuntimeError):
    """Reading would have run a hook of the user's."""


def read_kept(node: Any, attribute: str) -> Any:
    """A tensor that a node keeps, where :func:`hook_free` was asked first.

    Raises:
        HookAhead: this torch did not tell of a hook that was about to run; not a line of it did.
        RuntimeError: it was freed, or changed in place since.
    """
    if SAVED_TELL:
        return getattr(node, attribute)
    before = sys.getprofile()
    sys.setprofile(_stop_calls)
    try:
        return getattr(node, attribute)
    finally:
        sys.setprofile(before)


def _stop_calls(frame: FrameType, event: str, _: Any) -> None:
    if event == "call":
        raise HookAhead(frame.f_code.co_name)


def hook_free(raw: Any) -> bool:
    """Whether no hook of the user's stands on a saved tensor; an older torch tells when it is read."""
    try:
        return getattr(raw, "unpack_hook", None) is None
    except RuntimeError:
        return False
