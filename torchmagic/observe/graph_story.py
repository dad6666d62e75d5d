"""What is noted beside the graphs of a cell, to say why: cuts, changes in place, passes counted, what failed."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import torch

from torchmagic.graph_records import GraphRecord
from torchmagic.observe import graph_failure, graph_leaves, names, values
from torchmagic.observe.cut_facts import SKIP, Cut
from torchmagic.observe.failed_calls import failed_call
from torchmagic.observe.graph_counts import PassCounts
from torchmagic.observe.graph_cut_nodes import cut_record, name_sources, no_graph_note, put_cuts
from torchmagic.observe.graph_cuts import Cuts
from torchmagic.observe.graph_failure import place_of as _place
from torchmagic.observe.graph_relatives import relatives
from torchmagic.observe.graph_walk import Skeleton, TensorFact, Walk, leaf_fact
from torchmagic.observe.graph_writes import Writes
from torchmagic.observe.recorded import Recorded, Spot

_DULL = frozenset({bool, int, str, type(None), torch.Size, torch.dtype, torch.device, torch.layout})
_CUTTING = frozenset({"item", "__int__", "__index__", "__setitem__"})
_MOST_RELATIVES = 200
_MOST_PRESENT = 5_000


class Story:
    """Told by the watching mode what happens; tells the record why.

    Args:
        calls: what the mode keeps of calls, by sequence number.
    """

    def __init__(self, calls: Mapping[int, Any] | None = None) -> None:
        self._calls: Mapping[int, Any] = calls if calls is not None else {}
        self.cuts = Cuts(self._calls)
        self.writes = Writes()
        self.counts = PassCounts(self.writes)
        self._passes = 0
        self._rootless: TensorFact | None = None
        self._root_cuts: tuple[Cut, ...] = ()
        self._relatives: dict[int, tuple[str, weakref.ref[torch.Tensor]]] = {}
        self._present: dict[int, weakref.ref[torch.Tensor]] = {}  # variables when a pass began
        self._facts = Recorded()
        self._error: int = 0
        self._stopped: tuple[Skeleton, str] | None = None
        self._last: Skeleton | None = None

    @property
    def began_nowhere(self) -> bool:
        """Whether the last thing that a backward pass was asked of has no graph."""
        return self._rootless is not None

    # -- while the cell runs --------------------------------------------------------------------------------

    def saw(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any, frame: FrameType | None
    ) -> None:
        """A call has ended."""
        name = getattr(func, "__name__", "")
        changes = name[-1:] == "_" or (kwargs and ("out" in kwargs or "inplace" in kwargs))
        if not changes and type(out) in _DULL and name not in _CUTTING:
            return  # most calls: this must be quick
        with torch._C.DisableTorchFunction():
            if changes:
                self.writes.saw(func, args, kwargs, out, frame)
            self.cuts.saw(func, args, kwargs, out, frame)

    def call_failed(self, error: BaseException, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """A call has raised."""
        self._error = id(error)
        self._facts = Recorded(call=failed_call(func, args, kwargs))

    def pass_begins(
        self, graph: Walk | None, given: Any, func: Any, kwargs: Mapping[str, Any], frame: FrameType | None
    ) -> None:
        """A backward pass is about to begin; ``graph`` is None where its root has none."""
        self._passes += 1
        self._rootless = None
        self._root_cuts = ()
        if graph is None:
            roots = [each for each in (given if isinstance(given, (tuple, list)) else (given,)) if _is_plain(each)]
            if roots and not roots[-1].requires_grad:
                self._begins_nowhere(roots[-1], frame)
            return
        skeleton = graph.skeleton
        if func is torch.autograd.grad:
            skeleton.how = "grad"
        elif kwargs.get("inputs") is not None:
            skeleton.how = "inputs"
        skeleton.freed = not (kwargs.get("retain_graph") or kwargs.get("create_graph"))
        if skeleton.how == "backward":
            self.counts.before(skeleton.leaves())
        self._note_not_finite(graph)
        if self._passes & (self._passes - 1) == 0:
            self._note_relatives(skeleton, frame)

    def pass_failed(
        self,
        error: BaseException,
        graph: Walk | None,
        earlier: Iterable[tuple[Skeleton, tuple[str, int]]],
        call: tuple[Any, tuple[Any, ...], Mapping[str, Any]],
        frame: FrameType | None,
    ) -> None:
        """It raised, and the graph is still there."""
        message = str(error) if isinstance(error, RuntimeError) else ""
        cuts = tuple(map(graph_failure.cut_spot, self._root_cuts))
        facts = Recorded(root_cuts=cuts, call=failed_call(*call))
        if graph is not None:
            graph.skeleton.error = type(error).__name__
            graph.skeleton.freed = False
            if "modified by an inplace operation" in message:
                scopes = names.frame_variables(frame, SKIP)
                changed = graph_failure.saved_changed(graph, message, self.writes, scopes)
                facts = replace(facts, saved_changed=changed)
            elif "second time" in message or "already been freed" in message:
                facts = replace(facts, earlier=graph_failure.earlier_pass(graph.skeleton, earlier))
            elif "returned nan values" in message:
                self._stopped = (graph.skeleton, message)  # its gradients are read when the pass has ended
        self._error = id(error)
        self._facts = facts

    def pass_ended(self, graph: Walk | None) -> None:
        """It has ended, in whatever way."""
        if graph is None:
            return
        self._last = graph.skeleton
        if graph.skeleton.how == "backward":
            self.counts.after(graph.skeleton.leaves())

    def gave(self, inputs: Any, results: Any, kwargs: Mapping[str, Any], frame: FrameType | None) -> None:
        """``torch.autograd.grad`` returned gradients."""
        if not kwargs.get("create_graph"):
            self.cuts.gave_gradients(inputs, results, frame)

    def _begins_nowhere(self, root: torch.Tensor, frame: FrameType | None) -> None:
        fact = leaf_fact(root, "data")
        scopes = names.frame_variables(frame, SKIP)
        fact.name = next((name for scope in scopes for name, each in names.plain_tensors(scope) if each is root), "")
        self._rootless = fact
        self._root_cuts = self.cuts.of_tensor(root)

    def _note_not_finite(self, graph: Walk) -> None:
        for number, output in graph.skeleton.roots:
            value = graph.skeleton.ops[number].outputs[output].value
            if value is not None and not isinstance(value.data, torch.Tensor) and not math.isfinite(value.norm()):
                graph.skeleton.not_finite = graph_failure.first_not_finite(graph)
                return

    def _note_relatives(self, skeleton: Skeleton, frame: FrameType | None) -> None:
        held = [leaf for fact in skeleton.leaves() if (leaf := fact.alive()) is not None]
        for scope in names.frame_variables(frame, SKIP)[:3]:
            for _, each in names.user_variables(scope):
                if isinstance(each, torch.Tensor) and len(self._present) < _MOST_PRESENT:
                    ref = weakref.ref(each)
                    self._present[id(ref)] = ref
            for name, tensor in relatives(scope, held):
                if len(self._relatives) < _MOST_RELATIVES:
                    self._relatives.setdefault(id(tensor), (name, weakref.ref(tensor)))

    # -- when it has ended ----------------------------------------------------------------------------------

    def tell(
        self,
        record: GraphRecord,
        skeletons: Sequence[Skeleton],
        namespace: Mapping[str, object],
        touched: Iterable[str] = (),
    ) -> GraphRecord:
        """The record with its leaves, and with the cuts that matter."""
        held = [leaf for skeleton in skeletons for fact in skeleton.leaves() if (leaf := fact.alive()) is not None]
        there = {id(each) for ref in self._present.values() if (each := ref()) is not None}
        chosen = [name for name in touched if id(namespace.get(name)) in there] if record.backward_ran else []
        found = relatives(namespace, held, chosen)
        ids = {id(tensor) for _, tensor in found}
        for name, ref in self._relatives.values():
            tensor = ref()
            if tensor is not None and id(tensor) not in ids:
                found.append((name, tensor))
        told = graph_leaves.Told(
            self.cuts,
            found,
            frozenset(id(tensor) for _, tensor in found if self.counts.knows(tensor)),
            frozenset(id(leaf) for leaf in held if self.counts.began_with_gradient(leaf)),
        )
        if self.cuts.all():
            named = names.named_tensors(namespace)
            name_sources(self.cuts.all(), {id(each): name for name, each in reversed(named)})
        record = graph_leaves.put_leaves(record, skeletons, told)
        notes = record.notes
        if any(skeleton.how == "grad" for skeleton in skeletons):
            notes = (*notes, "torch.autograd.grad returns gradients and leaves .grad as it was.")
        notes = (*notes, *(_not_finite_note(skeleton) for skeleton in skeletons if skeleton.not_finite >= 0))
        return put_cuts(replace(record, notes=notes), skeletons, self.cuts)

    def without_graph(self, namespace: Mapping[str, object], touched: Iterable[str] = ()) -> GraphRecord | None:
        """The record of a tensor that has no graph because it was cut off; None where there is no such tensor."""
        named = names.named_tensors(namespace, touched)
        by_id = {id(each): name for name, each in reversed(named)}
        root, cuts = self._rootless, self._root_cuts
        if root is None:
            reached = names.named_tensors({name: namespace[name] for name in touched if name in namespace})
            off = [(each, found) for _, each in reached if (found := _loud(self.cuts.of_tensor(each)))]
            if not off:
                return None
            root, cuts = leaf_fact(off[-1][0], "data"), off[-1][1]
        tensor = root.alive()
        if not root.name and tensor is not None:
            root.name = by_id.get(id(tensor), "")
        left = self.cuts.left_torch()
        if not cuts and self._rootless is not None and left:
            cuts = tuple(left[-1:])
        if not cuts:
            return None
        name_sources(cuts, by_id)
        note = no_graph_note(root.name, self._root_cuts or cuts, left)
        record = cut_record(root, cuts, [note])
        return graph_leaves.cut_off_rows(record, cuts)

    def recorded(self, error: BaseException | None = None) -> Recorded:
        """What is known of the error that ended the cell, as plain data."""
        facts = self._facts if error is not None and id(error) == self._error else Recorded()
        made = graph_failure.lines(self._calls)
        made += [(op.key, place) for op in (self._last.ops if self._last else ()) if (place := _place(op))[1]]
        stopped = None if self._stopped is None else graph_failure.stopped_at(*self._stopped)
        return replace(
            facts,
            stopped_at=stopped,
            left=tuple(map(graph_failure.cut_spot, self.cuts.left_torch())),
            cut_off={ident: tuple(map(graph_failure.cut_spot, cuts)) for ident, cuts in self.cuts.alive()},
            numbers=tuple((number, graph_failure.cut_spot(cuts[-1])) for number, cuts in self.cuts.numbers()),
            made={key: Spot("", line, graph_failure.shown(filename)) for key, (filename, line) in made},
        )


def _not_finite_note(skeleton: Skeleton) -> str:
    number, output = skeleton.roots[0]
    root = skeleton.ops[number].outputs[output]
    word = "NaN" if root.value is not None and math.isnan(root.value.norm()) else "infinite"
    spot = graph_failure.spot_of(skeleton.ops[skeleton.not_finite])
    return f"{root.name or 'The result'} is {word}: {spot} was the first to give what is not finite."


def _loud(cuts: Sequence[Cut]) -> tuple[Cut, ...]:
    return tuple(cut for cut in cuts if not cut.quiet)


def _is_plain(value: object) -> bool:
    return isinstance(value, torch.Tensor) and not values.wrapped(value)
