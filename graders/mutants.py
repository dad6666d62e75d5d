"""Mutants: an assignment's known right, wrong, broken and hostile solutions, each with the score that it must get.

A mutant is a folder ``mutants/TOPIC/NAME`` with a ``mutant.json`` and the answers it changes:

- ``GRADE_ID.py`` or ``GRADE_ID.md``: what the student wrote into that cell. Cells that the folder has no file for are
  answered as the mutant named by ``base`` does (``right`` unless given; null leaves them as released).
- ``first.py`` and ``last.py``: a cell of the student's own before and after all others.
- ``notebook.txt``: a file that is handed in, as it is, in place of the notebook.

and in ``mutant.json``: ``title``, ``kind``, ``score``, ``outcome``; where wanted ``says`` (words that the feedback must
hold), ``base``, ``delete`` and ``duplicate`` (grade_ids), ``metadata`` (grade_id → nbgrader metadata that the student
forged), ``edit`` (grade_id → text that replaces the instructor's), ``truncate`` (bytes of the notebook that arrive) and
``absent`` (no notebook is handed in).

The topic ``hostile`` holds attacks on the grading itself and faults of every kind, in folders ``hostile/GROUP/NAME``
that name their ``assignment``. They may say more: ``move`` (grade_ids of cells that come first), ``set``, ``replace``,
``encoding``, ``place``, ``beside`` and ``leaves_no``; see :class:`Mutant` and :mod:`graders.hostile`.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchmagic.errors import TorchmagicError

KINDS = ("right", "partial", "blank", "broken", "hostile")
HOSTILE = "hostile"
_FILE = "mutant.json"
_NEEDED = {"title": str, "kind": str, "score": (int, float), "outcome": str}
_OPTIONAL: dict[str, Any] = {
    "says": str,
    "base": (str, type(None)),
    "delete": list,
    "duplicate": list,
    "metadata": dict,
    "edit": dict,
    "truncate": int,
    "absent": bool,
    "assignment": str,
    "move": list,
    "set": list,
    "replace": dict,
    "encoding": str,
    "place": dict,
    "beside": dict,
    "leaves_no": dict,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One known solution of an assignment.

    Attributes:
        name: its folder's name.
        title: what the student did, in one sentence.
        kind: one of ``KINDS``.
        score: points that the automatic grading must give; 0 also where nothing can be graded.
        outcome: how grading it ends, in the words of the gradebook table.
        says: words that its feedback must hold.
        answers: the text of each answered cell, by grade_id.
        first, last: source of a cell of the student's own, or "".
        delete, duplicate: grade_ids of the cells that the student removed or copied.
        metadata: by grade_id, nbgrader metadata that the student forged.
        edit: by grade_id, what the student made of an instructor's cell.
        truncate: how many bytes of the notebook arrive; None for all.
        content: what is handed in as it is; None for a notebook that is built.
        absent: whether no notebook is handed in.
        assignment: whose notebook it is.
        group: the folder of ``hostile/`` that it is in, or "".
        move: grade_ids of the cells that the student moved to the top.
        set: changes to the notebook's JSON: [step, ..., value], where the steps lead to what gets that value.
        replace: changes to the notebook's text: what stands there, and what stands there instead: a text, or a list of
            [text, times].
        encoding: the encoding that the text is written in.
        place: what lies in the notebook's place (see :mod:`graders.hostile`); empty for the notebook.
        beside: what lies beside the notebook, by path: a text, or what lies there (likewise).
        leaves_no: what must not be there after grading: ``files``, ``processes``, ``words`` in anything that people
            read of it, ``feedback``: words in its feedback page, and more than so many ``megabytes`` of them all.
    """

    name: str
    title: str
    kind: str
    score: float
    outcome: str
    says: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    delete: tuple[str, ...] = ()
    duplicate: tuple[str, ...] = ()
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    edit: Mapping[str, str] = field(default_factory=dict)
    truncate: int | None = None
    content: bytes | None = None
    absent: bool = False
    assignment: str = ""
    group: str = ""
    move: tuple[str, ...] = ()
    set: tuple[Sequence[Any], ...] = ()
    replace: Mapping[str, str | Sequence[tuple[str, int]]] = field(default_factory=dict)
    encoding: str = "utf-8"
    place: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    leaves_no: Mapping[str, Any] = field(default_factory=dict)

    @property
    def honest(self) -> bool:
        """True for a whole notebook with the instructor's cells as released, whose own cells end by themselves."""
        tampered = self.delete or self.duplicate or self.metadata or self.edit or self.truncate is not None
        reshaped = self.move or self.set or self.replace or self.place or self.encoding != "utf-8"
        return (
            self.kind != "hostile"
            and self.outcome != "timeout"
            and self.content is None
            and not self.absent
            and not (tampered or reshaped)
        )


def load_mutants(folder: Path, topic: str) -> list[Mutant]:
    """All mutants of an assignment, by name.

    Raises:
        TorchmagicError: there are none, or one of them is not as described above.
    """
    depth = "*/*" if topic == HOSTILE else "*"
    found = sorted(path.parent for path in (folder / topic).glob(f"{depth}/{_FILE}"))
    if not found:
        raise TorchmagicError(
            f"There are no mutants of {topic!r}: {folder / topic} holds no NAME/{_FILE}.",
            hint="They come with a clone of torchmagic, in assignments/mutants/.",
        )
    return [_load(path) for path in found]


def build_submission(release: bytes, mutant: Mutant, fill: Callable[[str], str] = str) -> bytes | None:
    """What the student hands in, made from the released notebook; None where no notebook is handed in.

    Args:
        fill: what to do to the notebook's text at the end.

    Raises:
        TorchmagicError: the released notebook lacks a cell that the mutant answers.
    """
    if mutant.absent:
        return None
    if mutant.content is not None:
        return mutant.content
    notebook = json.loads(release)
    cells = {_grade_id(cell): cell for cell in notebook["cells"] if _grade_id(cell)}
    named = [*mutant.answers, *mutant.delete, *mutant.duplicate, *mutant.metadata, *mutant.edit, *mutant.move]
    lacking = sorted(set(named) - set(cells))
    if lacking:
        raise TorchmagicError(
            f"The released notebook has no cell {', '.join(lacking)}, which the mutant {mutant.name!r} answers.",
            hint="Name the mutant's files after the grade_ids of the assignment's cells.",
        )
    for name, source in [*mutant.answers.items(), *mutant.edit.items()]:
        cells[name]["source"] = source
    for name, forged in mutant.metadata.items():
        cells[name]["metadata"]["nbgrader"].update(forged)
    copies = [copy.deepcopy(cells[name]) for name in mutant.duplicate]
    kept = [cell for cell in notebook["cells"] if _grade_id(cell) not in mutant.delete]
    for position, cell in enumerate(copies):
        cell["id"] = f"copy-{position}"
    before, after = _own(mutant.first, "first"), _own(mutant.last, "last")
    notebook["cells"] = sorted([*before, *kept, *copies, *after], key=lambda cell: _grade_id(cell) not in mutant.move)
    for *steps, last, value in mutant.set:
        functools.reduce(lambda part, step: part[step], steps, notebook)[last] = value
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    for old, new in mutant.replace.items():
        text = text.replace(old, new if isinstance(new, str) else "".join(part * times for part, times in new))
    return fill(text).encode(mutant.encoding, "replace")[: mutant.truncate]


def _load(folder: Path) -> Mutant:
    said = _read(folder / _FILE)
    base = said.pop("base", "right")
    group = "" if "assignment" not in said else folder.parent.name
    topic = folder.parents[2] / said["assignment"] if group else folder.parent
    inherited = {} if base is None or topic / base == folder else _answers(topic / base)
    content = folder / "notebook.txt"
    options: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    return Mutant(
        name=folder.name,
        group=group,
        answers={**inherited, **_answers(folder)},
        first=_text(folder / "first.py"),
        last=_text(folder / "last.py"),
        content=content.read_bytes() if content.exists() else None,
        **{"assignment": topic.name, **options},
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        problem = _problem(said)
    except ValueError as error:
        problem = f"it is not valid JSON ({error})"
    if problem:
        raise TorchmagicError(
            f"{path} does not describe a mutant: {problem}.", hint="Its keys are in graders/mutants.py."
        )
    return said  # type: ignore[no-any-return]


def _problem(said: Any) -> str:
    if not isinstance(said, dict):
        return "it is no JSON object"
    kinds = {**_NEEDED, **_OPTIONAL}
    wrong = [key for key, value in said.items() if key not in kinds or not isinstance(value, kinds[key])]
    missing = sorted(set(_NEEDED) - set(said))
    if missing or wrong:
        return f"{', '.join(missing)} missing" if missing else f"{', '.join(sorted(wrong))} unknown or of a wrong type"
    return "" if said["kind"] in KINDS else f"its kind is none of {', '.join(KINDS)}"


def _answers(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise TorchmagicError(f"There is no mutant {folder}, which another one builds on.", hint="Mend its `base`.")
    files = [path for path in folder.iterdir() if path.suffix in (".py", ".md")]
    return {path.stem: _text(path) for path in sorted(files) if path.stem not in ("first", "last")}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip("\n") if path.exists() else ""


def _grade_id(cell: Mapping[str, Any]) -> str:
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def _own(source: str, name: str) -> list[dict[str, Any]]:
    if not source:
        return []
    return [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"own-{name}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
    ]
