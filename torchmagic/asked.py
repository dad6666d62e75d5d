"""What the expressions of an argument line stand for: their values, the records of these, the graph behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.records import Inspection

Say = Callable[[str], None]


def records_of(shell: Any, options: Any, say: Say) -> Inspection | None:
    """The records of what an argument line of ``tensorinfo`` names; None where there are none, which is said.

    Args:
        shell: the IPython shell, whose variables are meant.
        options: of the line.
        say: shows a line of text.
    """
    values = _evaluated(shell, options.expressions, say, "tensorinfo")
    if not values:
        return None
    try:
        return _inspected(values, shell.user_ns, options)
    except TorchmagicError as error:
        say(f"tensorinfo: {error}")
        return None


def graph_of(
    shell: Any, options: Any, say: Say, seen: Callable[[Any], GraphRecord | None] | None = None
) -> GraphRecord | None:
    """The graph behind what an argument line of ``gradtrace`` names; None where there is none, which is said.

    Args:
        shell: the IPython shell, whose variables are meant.
        options: of the line.
        say: shows a line of text.
        seen: gives what was seen of a backward pass from the values, where one was.
    """
    values = _evaluated(shell, options.expressions, say, "gradtrace")
    try:
        found = seen(list(values.values())) if seen is not None else None
        return found or _traced(values, shell.user_ns, options) if values else None
    except TorchmagicError as error:
        say(f"gradtrace: {error}")
        return None


def _evaluated(shell: Any, expressions: Sequence[str], say: Say, magic: str) -> dict[str, object]:
    """The values of expressions in the user's namespace, each evaluated once; one line is said for each that fails."""
    values: dict[str, object] = {}
    for text in expressions:
        failure = _evaluate(shell, text, values)
        if failure:
            say(f"{magic}: {text} cannot be shown ({failure})")
    return values


def _evaluate(shell: Any, text: str, values: dict[str, object]) -> str:
    try:
        values[text] = eval(text, shell.user_global_ns, shell.user_ns)
    except Exception as error:  # the user's expression may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


def _inspected(values: Mapping[str, object], namespace: Mapping[str, object], options: Any) -> Inspection:
    """The records of values, as the options of ``tensorinfo`` want them.

    Raises:
        TorchmagicError: there is no tensor in a value.
    """
    from torchmagic.observe.containers import observe_all
    from torchmagic.observe.names import named_tensors

    names = {id(tensor): name for name, tensor in reversed(named_tensors(namespace))}
    return observe_all(
        values,
        stats=options.stats,
        plot=options.plot,
        depth=options.depth,
        max_rows=options.max_rows,
        names={name: text for name, text in names.items() if not text.startswith(tuple(values))},
    )


def _traced(values: Mapping[str, object], namespace: Mapping[str, object], options: Any) -> GraphRecord:
    """The graph behind values, as the options of ``gradtrace`` want it.

    Raises:
        TorchmagicError: none of the values is a tensor.
    """
    from torchmagic.observe.graph import trace
    from torchmagic.observe.graph_leaves import with_step

    record = trace(*values.values(), names={**namespace, **values}, saved=options.saved)
    return record if options.lr is None else with_step(record, options.lr)
