"""What the expressions of an argument line stand for: their values, the records of these, the graph behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torchmagic.graph_records import GraphRecord
from torchmagic.records import Inspection


def evaluated(shell: Any, expressions: Sequence[str], say: Callable[[str], None]) -> dict[str, object]:
    """The values of expressions in the user's namespace, each evaluated once; one line is said for each that fails."""
    values: dict[str, object] = {}
    for text in expressions:
        failure = _evaluate(shell, text, values)
        if failure:
            say(f"{text} cannot be shown ({failure})")
    return values


def _evaluate(shell: Any, text: str, values: dict[str, object]) -> str:
    try:
        values[text] = eval(text, shell.user_global_ns, shell.user_ns)
    except Exception as error:  # the user's expression may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


def inspected(values: Mapping[str, object], namespace: Mapping[str, object], options: Any) -> Inspection:
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


def traced(values: Mapping[str, object], namespace: Mapping[str, object], options: Any) -> GraphRecord:
    """The graph behind values, as the options of ``gradtrace`` want it.

    Raises:
        TorchmagicError: none of the values is a tensor.
    """
    from torchmagic.observe.graph import trace
    from torchmagic.observe.graph_leaves import with_step

    record = trace(*values.values(), names={**namespace, **values}, saved=options.saved)
    return record if options.lr is None else with_step(record, options.lr)
