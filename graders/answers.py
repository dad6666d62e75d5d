"""What a student gave, made safe to look at: the tensor behind a subclass, a call's error in words, a plain number."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from graders.failure import CheckFailed, describe, describe_kind, failed_call, should_be
from graders.wording import number_text

_BASE: Any = torch._C.TensorBase


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor by its true type, whatever it says of itself.

    >>> is_tensor(torch.ones(1)), is_tensor([1.0])
    (True, False)
    """
    return issubclass(type(value), torch.Tensor)


def is_a(value: object, *kinds: type) -> bool:
    """Whether a value is one of these kinds by its true type: its ``__class__`` may lie, or raise.

    >>> is_a("x", str, bytes), is_a(True, str)
    (True, False)
    """
    return issubclass(type(value), kinds)


def items(value: Any) -> tuple[Any, ...] | None:
    """The items of a tuple or a list, whatever the methods of a subclass say; None for anything else.

    >>> items([1, (2, 3)]), items(torch.Size([4])), items("ab")
    ((1, (2, 3)), (4,), None)
    """
    if is_a(value, tuple):
        return tuple(tuple.__iter__(value))
    return tuple(list.__iter__(value)) if is_a(value, list) else None


def sizes(value: Any) -> tuple[int, ...] | None:
    """A tuple or list of whole numbers, such as a shape; None for anything else.

    >>> sizes([2, 3]), sizes((2, True)), sizes(2)
    ((2, 3), None, None)
    """
    found = items(value)
    return None if found is None or any(type(size) is not int for size in found) else found


def as_tensor(value: Any, name: str, *, must: str = "be a tensor", got: str = "it is") -> torch.Tensor:
    """A student's tensor without the methods of a subclass, still in its graph.

    Raises:
        CheckFailed: it is no tensor.

    >>> as_tensor(3, "y")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `y` should be a tensor, but it is an int, 3
    """
    if not is_tensor(value):
        raise should_be(f"`{name}`", must, value, did=got)
    if type(value) in (torch.Tensor, torch.nn.Parameter):
        return value  # type: ignore[no-any-return]
    with torch._C.DisableTorchFunctionSubclass():
        plain: torch.Tensor = _BASE.as_subclass(value, torch.Tensor)
    return plain


def elements(value: torch.Tensor, name: str) -> torch.Tensor:
    """The elements of a tensor of any kind, dense, in this computer's memory and off the graph.

    Raises:
        CheckFailed: it has none that can be read, as on the device meta.
    """
    try:
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
            plain: torch.Tensor = _BASE.detach(value)
            if plain.is_nested:
                plain = torch.nested.to_padded_tensor(plain, float("nan"))
            if plain.is_quantized:
                plain = plain.dequantize()
            if plain.layout is not torch.strided:
                plain = plain.to_dense()
            if plain.is_floating_point() and plain.element_size() == 1:  # nothing computes in float8
                plain = plain.float()
            return plain.cpu().resolve_conj().resolve_neg().clone()
    except Exception as error:  # exotic kinds raise anything
        if getattr(type(error), "is_no_answer", False):
            raise
        raise CheckFailed(f"the values of `{name}` cannot be read: it is {describe_kind(value)}") from error


def as_function(f: Any, name: str) -> Callable[..., Any]:
    """Something that can be called.

    Raises:
        CheckFailed: it cannot.

    >>> as_function(3, "f")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `f` should be a function, but it is an int, 3
    """
    if not callable(f) or is_tensor(f):
        raise should_be(f"`{name}`", "be a function", f)
    return f  # type: ignore[no-any-return]


def call(f: Callable[..., Any], arguments: Sequence[Any], name: str, /, **keywords: Any) -> Any:
    """What a student's function gives.

    Raises:
        CheckFailed: it raised something; said with the error's text, in a hidden test with its kind alone.

    >>> call(lambda x: 1 / x, [0], "f")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `f` raised ZeroDivisionError: division by zero
    """
    try:
        return f(*arguments, **keywords)
    except (Exception, SystemExit) as error:
        failure = failed_call(error, name)
        if failure is error:
            raise
        raise failure from error


def number(value: Any) -> float | None:
    """A plain finite or infinite number, or that of a tensor or array of one element; None for anything else.

    >>> number(torch.tensor([2.0])), number(3), number(True), number("3")
    (2.0, 3.0, None, None)
    """
    if is_tensor(value):
        plain = as_tensor(value, "")
        if plain.numel() != 1 or plain.is_complex() or plain.dtype is torch.bool or plain.is_meta:
            return None
        return float(elements(plain, "").reshape(()))
    if type(value) is bool or not issubclass(type(value), numbers.Real):
        return None
    try:
        return float(value)
    except Exception:  # an int too large for a float, or a class of the student's own
        return None


def tensors_in(value: Any, label: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in plain lists, tuples and dicts, each with how to reach it.

    >>> [label for label, _ in tensors_in([torch.ones(1), {"a": torch.ones(2)}], "x")]
    ['x[0]', "x[1]['a']"]
    """
    if is_tensor(value):
        yield label, value
    elif type(value) in (list, tuple):
        for place, item in enumerate(value):
            yield from tensors_in(item, f"{label}[{place}]")
    elif type(value) is dict:
        for key, item in value.items():
            yield from tensors_in(item, f"{label}[{key!r}]")


def map_tensors(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """The same lists, tuples and dicts with each tensor changed.

    >>> map_tensors([torch.ones(1), 2], lambda tensor: tensor.item())
    [1.0, 2]
    """
    if is_tensor(value):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(map_tensors(item, change) for item in value)
    if type(value) is dict:
        return {key: map_tensors(item, change) for key, item in value.items()}
    return value


def same_values(one: Any, other: Any) -> bool:
    """Whether two tensors are equal in shape, dtype and every element; NaN is equal to NaN.

    Raises:
        CheckFailed: the elements of one cannot be read.

    >>> same_values(torch.tensor([1.0]), torch.tensor([1.0])), same_values(torch.ones(2), torch.ones(2, 1))
    (True, False)
    """
    mine, theirs = (elements(as_tensor(each, "it"), "it") for each in (one, other))
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return False
    return bool(torch.isclose(mine, theirs, rtol=0, atol=0, equal_nan=mine.is_floating_point()).all())


def called(f: Any, name: str) -> str:
    """What to call a function in a message."""
    if name:
        return name
    try:
        own = f.__name__
    except Exception:  # an object of a student's own may raise anything
        return "your function"
    return own if type(own) is str and own.isidentifier() else "your function"


def value_text(value: Any) -> str:
    """A tensor's elements where they are few, its shape otherwise; other values as :func:`describe` says.

    >>> value_text(torch.tensor([1.0, 2.5])), value_text(torch.ones(20, 20))
    ('[1, 2.5]', 'values of shape (20, 20)')
    """
    if not is_tensor(value):
        return describe(value)
    plain = as_tensor(value, "")
    if plain.numel() > 12 or plain.is_meta:
        return f"values of shape {tuple(plain.shape)}"
    return _nested(elements(plain, "").tolist())


def _nested(items: Any) -> str:
    return f"[{', '.join(map(_nested, items))}]" if isinstance(items, list) else number_text(items)


def arguments_text(arguments: Sequence[Any] | Mapping[str, Any]) -> str:
    """The arguments of a call, for a visible message."""
    items = arguments.values() if isinstance(arguments, Mapping) else arguments
    return ", ".join(value_text(item) if is_tensor(item) else repr(item)[:60] for item in items)
