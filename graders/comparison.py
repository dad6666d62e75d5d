"""Keep what was expected and what was given, and make the record of both when somebody is to see it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from graders.wording import number_text
from torchmagic.observe.tensors import observe_tensor
from torchmagic.records import Comparison, TensorRecord

_MOST_ROWS, _MOST_COLUMNS = 12, 8


@dataclass(frozen=True, slots=True)
class Compared:
    """The two sides of a failed comparison.

    Attributes:
        name: what the student calls theirs.
        expected, got: plain tensors, off the graph.
        wrong: where they differ; None where their shapes do.
    """

    name: str
    expected: torch.Tensor
    got: torch.Tensor
    wrong: torch.Tensor | None = None

    def record(self, why: str = "") -> Comparison:
        """What to show of it.

        >>> compared = Compared("y", torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]), torch.tensor([False, True]))
        >>> compared.record().got_rows, compared.record().wrong
        ((('1', '3'),), ((0, 1),))
        """
        wrong: tuple[tuple[int, int], ...] = ()
        grids = _grid(self.expected), _grid(self.got)
        if self.wrong is not None and all(grids):
            wrong = tuple((row, column) for row, column in _flat(self.wrong).nonzero().tolist())
        small = all(grids)
        return Comparison(
            expected=_facts(self.expected, "expected", small),
            got=_facts(self.got, self.name, small),
            expected_rows=grids[0] if all(grids) else (),
            got_rows=grids[1] if all(grids) else (),
            wrong=wrong,
            count=None if self.wrong is None else int(self.wrong.sum()),
            why=why,
        )


def _facts(tensor: torch.Tensor, name: str, small: bool) -> TensorRecord:
    """The facts of one side; where all its elements are shown, no more than its shape, dtype and device."""
    record = observe_tensor(tensor, name, stats=not small, plot=not small)
    plain = replace(record, nbytes=None, strides=None, contiguous=None, is_view=False, version=None)
    return replace(plain, value_text=None) if small else plain


def _grid(tensor: torch.Tensor) -> tuple[tuple[str, ...], ...]:
    """The elements as text, row by row; () where there are too many of them, or of their dims."""
    if tensor.dim() > 2 or not tensor.numel():
        return ()
    flat = _flat(tensor)
    if flat.shape[0] > _MOST_ROWS or flat.shape[1] > _MOST_COLUMNS:
        return ()
    return tuple(tuple(number_text(number) for number in row) for row in flat.tolist())


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    """As two dims: one dim is a row."""
    return tensor if tensor.dim() == 2 else tensor.reshape(1, -1)
