"""How much weights changed from one backward pass to the next: copies of them, or of an even sample of large ones."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from torchmagic.observe import values

SAMPLE = 1 << 16
"""Of a larger leaf so many elements, evenly spread, are compared."""


@dataclass(slots=True)
class Before:
    """Leaves as they were after a pass.

    Attributes:
        step: of that pass.
        names: of the leaves.
        leaves: weak references to them.
        copies: of (a sample of) their elements.
    """

    step: int
    names: list[str]
    leaves: list[weakref.ref[torch.Tensor]]
    copies: list[torch.Tensor]


def copied(step: int, named: Sequence[tuple[str, torch.Tensor]]) -> Before:
    """Copies of the leaves, where they can be read; to be called where no graph is made.

    >>> before = copied(1, [("w", torch.tensor([3.0, 4.0]))])
    >>> before.copies[0].tolist()
    [3.0, 4.0]
    """
    chosen = [(name, leaf) for name, leaf in named if values.readable(leaf) and leaf.is_floating_point()]
    return Before(
        step,
        [name for name, _ in chosen],
        [weakref.ref(leaf) for _, leaf in chosen],
        [_part(leaf).clone() for _, leaf in chosen],
    )


def compared(before: Before, now: dict[str, torch.Tensor]) -> tuple[list[str], list[torch.Tensor]]:
    """Names of leaves that are still there and of the same size, and tensors: what each changed by, then its copies.

    Args:
        before: what :func:`copied` gave.
        now: leaves by name, for those that were bound anew; others are looked up where they were.

    >>> w = torch.tensor([3.0, 4.0])
    >>> compared(copied(1, [("w", w)]), {"w": w + 1})
    (['w'], [tensor([1., 1.]), tensor([3., 4.])])
    """
    olds: list[torch.Tensor] = []
    news: list[torch.Tensor] = []
    names: list[str] = []
    for name, reference, old in zip(before.names, before.leaves, before.copies, strict=True):
        leaf = now.get(name)
        if leaf is None:
            leaf = reference()
        elif leaf is not reference() and not values.readable(leaf):
            continue
        if leaf is None:
            continue
        new = _part(leaf)
        if new.shape == old.shape and new.dtype == old.dtype and new.device == old.device:
            names.append(name)
            olds.append(old)
            news.append(new)
    return names, [*torch._foreach_sub(news, olds), *olds] if names else []


def first_small(before: Before) -> tuple[str, torch.Tensor, bool] | None:
    """The first leaf that is quickly looked at, with its name, and whether it has changed; None where there is none."""
    for name, reference, old in zip(before.names, before.leaves, before.copies, strict=True):
        leaf = reference()
        if leaf is not None and leaf.is_cpu and leaf.numel() <= SAMPLE and leaf.shape == old.shape:
            return name, leaf, not torch.equal(leaf.detach(), old)
    return None


def _part(leaf: torch.Tensor) -> torch.Tensor:
    """The elements, or an even sample of many; no copy where that can be."""
    size = leaf.numel()
    if size <= SAMPLE:
        return leaf
    step = -(-size // SAMPLE)
    if leaf.is_contiguous():
        return leaf.view(-1)[::step]
    return leaf[tuple(slice(None, None, max(1, round(step ** (1 / leaf.dim())))) for _ in leaf.shape)]
