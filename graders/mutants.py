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
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torchmagic.errors import TorchmagicError

KINDS = ("right", "partial", "blank", "broken", "hostile")
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

    @property
    def honest(self) -> bool:
        """True for a whole notebook with the instructor's cells as released, whose own cells end by themselves."""
        tampered = self.delete or self.duplicate or self.metadata or self.edit or self.truncate is not None
        return (
            self.kind != "hostile"
            and self.outcome != "timeout"
            and self.content is None
            and not self.absent
            and not tampered
        )


def load_mutants(folder: Path, topic: str) -> list[Mutant]:
    """All mutants of an assignment, by name.

    Raises:
        TorchmagicError: there are none, or one of them is not as described above.
    """
    found = sorted(path.parent for path in (folder / topic).glob(f"*/{_FILE}"))
    if not found:
        raise TorchmagicError(
            f"There are no mutants of {topic!r}: {folder / topic} holds no NAME/{_FILE}.",
            hint="They come with a clone of torchmagic, in assignments/mutants/.",
        )
    return [_load(path) for path in found]


def build_submission(release: bytes, mutant: Mutant) -> bytes | None:
    """What the student hands in, made from the released notebook; None where no notebook is handed in.

    Raises:
        TorchmagicError: the released notebook lacks a cell that the mutant answers.
    """
    if mutant.absent:
        return None
    if mutant.content is not None:
        return mutant.content
    notebook = json.loads(release)
    cells = {_grade_id(cell): cell for cell in notebook["cells"] if _grade_id(cell)}
    named = [*mutant.answers, *mutant.delete, *mutant.duplicate, *mutant.metadata, *mutant.edit]
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
    notebook["cells"] = [*before, *kept, *copies, *after]
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    return text.encode()[: mutant.truncate]


def _load(folder: Path) -> Mutant:
    said = _read(folder / _FILE)
    base = said.pop("base", "right")
    inherited = {} if base is None or base == folder.name else _answers(folder.parent / base)
    content = folder / "notebook.txt"
    options: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    return Mutant(
        name=folder.name,
        answers={**inherited, **_answers(folder)},
        first=_text(folder / "first.py"),
        last=_text(folder / "last.py"),
        content=content.read_bytes() if content.exists() else None,
        **options,
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
