"""Watch the graphs that a cell builds, and give them as one record afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType

import torch
from torch import overrides

from torchmagic.graph_records import GraphRecord
from torchmagic.observe import graph_mode, names
from torchmagic.observe.graph_build import build_record
from torchmagic.observe.graph_facts import data_name, put_calls, put_names, put_operands
from torchmagic.observe.graph_groups import name_modules
from torchmagic.observe.graph_pass import Pass
from torchmagic.observe.graph_saved import Saved
from torchmagic.observe.graph_walk import Skeleton, TensorFact, Walk, walk
from torchmagic.observe.quick_records import uncollected
from torchmagic.observe.recorded import Recorded

_MOST_GRAPHS = 3
_MOST_ROOTS = 4
_MOST_TOGETHER = 40


class GraphWatch:
    """A context manager that watches the graphs built inside it, and leaves them as they would be without.

    Nothing of the user's is kept alive: it holds copies of small tensors, names and weak references.

    Args:
        saved: whether to say what autograd keeps for the backward pass.

    >>> with GraphWatch() as watch:
    ...     a = torch.tensor(2.0, requires_grad=True)
    ...     z = a * a
    ...     z.backward()
    >>> record = watch.record({"a": a, "z": z}, ["a", "z"])
    >>> [(node.label, node.value_text, node.grad_text) for node in record.nodes]
    [('a', '2', '4'), ('Mul', None, None), ('z', '4', '1')]
    """

    def __init__(self, *, saved: bool = False) -> None:
        self._saved = Saved() if saved else None
        self._mode = graph_mode.WatchMode(None if self._saved is None else self._saved.put)

    def __enter__(self) -> GraphWatch:
        self._mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._mode.leave()
        self._mode.stop_unannounced(error)
        if error is not None:
            hide_own_frames(error)

    def record(self, namespace: Mapping[str, object], touched_names: Iterable[str]) -> GraphRecord | None:
        """The graph that the cell built, or None where it built none.

        After backward passes: the last one of each line that ran one (three at the most). Without: the graph
        of the tensors that the cell assigned.

        Args:
            namespace: the user's variables after the cell.
            touched_names: those that the cell assigned or changed.
        """
        touched = [name for name in dict.fromkeys(touched_names) if name in namespace]
        with torch._C.DisableTorchFunction(), uncollected():
            return self._record(namespace, touched)

    def _record(self, namespace: Mapping[str, object], touched: Sequence[str]) -> GraphRecord | None:
        if self._mode.story.began_nowhere:  # the last pass failed for want of a graph
            without = self._mode.story.without_graph(namespace, touched)
            if without is not None:
                return without
        if self._mode.passes:
            return self._record_passes(namespace, touched)
        named = names.named_tensors(namespace, touched)
        reached = names.named_tensors({name: namespace[name] for name in touched}, touched)
        results = [tensor for _, tensor in reached if tensor.grad_fn is not None]
        last = self._mode.last()
        if not results and last is not None:
            results = [last]
        if not results:
            return self._mode.story.without_graph(namespace, touched)
        notes = list(self._mode.troubles)
        graph = walk(results)
        _keep_sinks(graph)
        if len(graph.skeleton.roots) > _MOST_ROOTS:
            count = len(graph.skeleton.roots)
            notes.append(f"The cell left {count} results; the graphs of the last {_MOST_ROOTS} are drawn.")
            graph = walk(results[-_MOST_ROOTS:])
            _keep_sinks(graph)
        put_calls(graph, self._mode.calls)
        put_names(graph, named)
        put_operands(graph, {id(tensor): name for name, tensor in reversed(named)})
        _name_the_rest([graph.skeleton], named)
        name_modules(graph.skeleton, [namespace])
        notes += _compiled_notes([graph.skeleton])
        if self._saved is not None:
            self._saved.put(graph)
        record = self._kept(build_record([graph.skeleton], notes=notes), [graph.skeleton])
        return self._mode.story.tell(record, [graph.skeleton], namespace, touched)

    def _kept(self, record: GraphRecord, skeletons: Sequence[Skeleton]) -> GraphRecord:
        return record if self._saved is None else self._saved.on(record, skeletons)

    def recorded(self, error: BaseException | None = None) -> Recorded:
        """What was recorded that helps to explain the error that ended the cell."""
        return self._mode.story.recorded(error)

    def passes_from(self, roots: Iterable[object], namespace: Mapping[str, object]) -> GraphRecord | None:
        """The last backward passes that began at the given tensors; None where none did.

        Args:
            roots: tensors, such as one of several losses; what is no tensor with a graph is passed over.
            namespace: the user's variables after the cell.
        """
        with torch._C.DisableTorchFunction(), uncollected():
            wanted = {
                each.grad_fn._sequence_nr()
                for each in roots
                if isinstance(each, torch.Tensor) and each.grad_fn is not None
            }
            found = [each for each in self._mode.passes.values() if any(key in wanted for key, _ in _root_keys(each))]
            return self._record_passes(namespace, (), found) if found else None

    def _record_passes(
        self, namespace: Mapping[str, object], touched: Sequence[str], only: Sequence[Pass] | None = None
    ) -> GraphRecord:
        passes = list(self._mode.passes.values()) if only is None else list(only)
        chosen = _chosen(passes)
        skeletons = [each.skeleton for each in chosen]
        if any(not fact.name for skeleton in skeletons for fact in _nameless(skeleton)):
            _name_the_rest(skeletons, names.named_tensors(namespace, touched))
        for skeleton in skeletons:
            name_modules(skeleton, [namespace])
        notes = [
            *self._mode.troubles,
            *_pass_notes(passes, chosen, self._mode.pass_count if only is None else len(passes)),
        ]
        notes += _compiled_notes(skeletons)
        record = self._kept(build_record(skeletons, backward_ran=True, notes=notes), skeletons)
        return self._mode.story.tell(record, skeletons, namespace, touched)


def hide_own_frames(error: BaseException) -> None:
    """Take the watch's frames out of an exception's traceback, so that it reads as without the watch.

    The exceptions that it came from are shown with it, and lose them too.
    """
    stack: list[BaseException | None] = [error]
    seen: set[int] = set()
    while stack:
        each = stack.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        _hide_in_one(each)
        stack += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def _hide_in_one(error: BaseException) -> None:
    entries: list[TracebackType] = []
    traceback = error.__traceback__
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    kept: list[TracebackType] = []
    own = False
    for entry in entries:
        code = entry.tb_frame.f_code
        if graph_mode.is_own(code):
            if not own and kept and kept[-1].tb_frame.f_code.co_filename == overrides.__file__:
                kept.pop()
            own = True
            continue
        if own and kept and kept[-1].tb_frame.f_code is code:
            kept.pop()  # torch's function handed itself to the watch, which called it again
        own = False
        kept.append(entry)
    # linked anew in place: before Python 3.11 a `with` block raises its error with the traceback object that it had
    for entry, following in zip(kept, [*kept[1:], None], strict=True):
        entry.tb_next = following
    error.__traceback__ = kept[0] if kept else None


def _keep_sinks(graph: Walk) -> None:
    """Leave as roots only the tensors that nothing else in the graph was computed from."""
    used = {place for op in graph.skeleton.ops for place in op.inputs}
    graph.skeleton.roots = [place for place in graph.skeleton.roots if place not in used]


def _name_the_rest(skeletons: Sequence[Skeleton], named: Sequence[tuple[str, torch.Tensor]]) -> None:
    """Name leaves and data that were still without a name, where the user holds them after the cell."""
    by_id = {id(tensor): name for name, tensor in reversed(named)}
    for skeleton in skeletons:
        for fact in _nameless(skeleton):
            tensor = fact.alive()
            if tensor is not None:
                fact.name = data_name(tensor, by_id)


def _nameless(skeleton: Skeleton) -> list[TensorFact]:
    """The leaves and data without a name."""
    found = [op.outputs[0] for op in skeleton.ops if not op.grad_fn]
    for op in skeleton.ops:
        found.extend(op.data)
    return [fact for fact in found if not fact.name]


def _chosen(passes: Sequence[Pass]) -> list[Pass]:
    """The last passes, each from another root, as many as can be read together; broken ones last."""
    chosen: dict[int, Pass] = {}
    size = 0
    for number in sorted(range(len(passes)), key=lambda n: (bool(passes[n].error), -n)):
        each = passes[number]
        size += len(each.skeleton.ops)
        if chosen and (size > _MOST_TOGETHER or len(chosen) == _MOST_GRAPHS):
            break
        if all(_root_keys(each) != _root_keys(other) for other in chosen.values()):
            chosen[number] = each
    return [chosen[number] for number in sorted(chosen)]


def _root_keys(each: Pass) -> set[tuple[int, int]]:
    return {(each.skeleton.ops[number].key, number) for number, _ in each.skeleton.roots}


def _pass_notes(passes: Sequence[Pass], chosen: Sequence[Pass], count: int) -> list[str]:
    notes: list[str] = []
    if count > len(chosen):
        whole = any(each.error for each in passes) and not chosen[-1].error
        drawn = f"last {'whole ' if whole else ''}one is"
        if len(chosen) > 1:
            drawn = f"last of each of {len(chosen)} lines are"
        notes.append(f"The cell ran {count:,} backward passes; the {drawn} drawn.")
    notes.extend(f"The pass{_from(each)} stopped with {each.error}." for each in passes if each.error)
    for each in chosen:
        kept = [fact.name for fact in each.accumulated if fact.name and fact.grad is not None]
        if kept:
            names_text = ", ".join(kept[:4]) + (", …" if len(kept) > 4 else "")
            notes.append(
                f"{names_text} already held a gradient before the pass{_from(each)}: .grad became the sum. "
                "The picture shows what that pass added."
            )
    return notes


def _compiled_notes(skeletons: Sequence[Skeleton]) -> list[str]:
    compiled = any(op.grad_fn == "CompiledFunctionBackward" for skeleton in skeletons for op in skeleton.ops)
    return ["What torch.compile made is one operation here: autograd does not see inside it."] if compiled else []


def _from(each: Pass) -> str:
    """The named roots of a pass, as the end of "the pass"."""
    found = [each.skeleton.ops[number].outputs[output].name for number, output in each.skeleton.roots]
    named = [name for name in found if name]
    return f" from {', '.join(named)}" if named else ""
