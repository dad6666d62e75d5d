"""Numbers of tensors, at once on the CPU; on another device they are fetched together, so that the loop never waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from torchmagic.observe import values

_MOST_WAITING = 64
_WIDE = frozenset(values.TOGETHER)
Then = Callable[[list[float]], None]


class Numbers:
    """Reads numbers, and hands them on in the order of the questions.

    Args:
        waits: whether numbers of the CPU wait as those of a device do.

    >>> numbers, found = Numbers(waits=True), []
    >>> numbers.norms([torch.tensor([3.0, 4.0])], found.extend)
    >>> numbers.value(torch.tensor(2.0), found.extend)
    >>> found
    []
    >>> numbers.fetch()
    >>> found
    [5.0, 2.0]
    """

    def __init__(self, *, waits: bool = False) -> None:
        self._waits = waits
        self._waiting: list[tuple[torch.Tensor | list[float], Then]] = []

    def value(self, tensor: torch.Tensor, then: Then) -> None:
        """The number in a tensor of one element."""
        if tensor.is_cpu and not self._waits:
            then([float(tensor.item())])
        else:
            self._later(tensor.detach().double().reshape(1).clone(), then)

    def norms(self, tensors: Sequence[torch.Tensor], then: Then) -> None:
        """The 2-norm of each, NaN where it cannot be read; to be called where no graph is made."""
        if not self._waits and all(tensor.is_cpu for tensor in tensors):
            then(_norms_here(tensors))
        elif all(_plain(tensor) and tensor.device == tensors[0].device for tensor in tensors):
            wide = [tensor.float() if tensor.dtype.itemsize < 4 else tensor for tensor in tensors]
            self._later(torch.stack([norm.double() for norm in torch._foreach_norm(wide)]), then)
        else:  # several devices, or kinds that are read one by one
            self._later(_norms_here(tensors), then)

    def fetch(self) -> None:
        """Hand on what is waiting."""
        waiting, self._waiting = self._waiting, []
        for found, then in waiting:
            then(found.tolist() if isinstance(found, torch.Tensor) else found)

    def _later(self, found: torch.Tensor | list[float], then: Then) -> None:
        self._waiting.append((found, then))
        if len(self._waiting) >= _MOST_WAITING:
            self.fetch()


def _plain(tensor: torch.Tensor) -> bool:
    return values.readable(tensor) and tensor.is_floating_point()


def _norms_here(tensors: Sequence[torch.Tensor]) -> list[float]:
    dtypes = {tensor.dtype for tensor in tensors}
    if len(dtypes) == 1 and dtypes <= _WIDE and all(map(values.readable, tensors)):
        return values.norms_together(list(tensors))
    return [float("nan") if each is None else each.norm() for each in values.read_gradients(list(tensors))]
