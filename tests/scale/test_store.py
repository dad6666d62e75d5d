"""The store of results: what is put is got, damage counts as missing, and pruning removes what nobody refers to."""

from __future__ import annotations

import os
import string
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.graded import MISSING, UNREADABLE, Graded, GradedCell, GradedNotebook, from_json, to_json
from graders.store import Store
from torchmagic.errors import TorchmagicError

KEY = "ab" * 32

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scores = st.one_of(st.none(), st.floats(0, 100))
cells = st.builds(
    GradedCell,
    key=st.integers(0, 99),
    name=texts,
    role=st.sampled_from(["student", "provided", "test"]),
    points=st.floats(0, 10),
    score=scores,
    outcome=st.sampled_from(["passed", "failed", "timeout"]),
    seconds=st.floats(0, 100),
    message=texts,
    misconception=texts,
    tamper_proof=st.booleans(),
)
notebooks = st.builds(
    GradedNotebook,
    name=texts,
    text=texts,
    outcome=st.sampled_from(["passed", "failed", "grader error", UNREADABLE]),
    message=texts,
    seconds=st.floats(0, 100),
    cells=st.lists(cells, max_size=3).map(tuple),
    scores=st.dictionaries(texts, scores, max_size=3),
    kept=st.lists(texts, max_size=2).map(tuple),
    comments=st.dictionaries(texts, st.one_of(st.none(), texts), max_size=3),
    mended=st.lists(texts, max_size=2).map(tuple),
)
results = st.builds(Graded, notebooks=st.lists(notebooks, max_size=3).map(tuple), lasting=st.booleans())


@given(results)
def test_a_result_comes_back_as_it_was(graded: Graded) -> None:
    assert from_json(to_json(graded)) == graded
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "store"))
        assert store.get(KEY) is None
        store.put(KEY, graded)
        assert store.get(KEY) == graded


@given(results)
def test_the_worst_notebook_speaks_for_the_submission(graded: Graded) -> None:
    outcomes = [notebook.outcome for notebook in graded.notebooks]
    assert graded.outcome == next((one for one in (UNREADABLE, "grader error") if one in outcomes), graded.outcome)
    assert (graded.outcome == MISSING) is (not outcomes)
    assert graded.refused is any(not notebook.text for notebook in graded.notebooks)


@pytest.mark.parametrize("damage", [b"", b"x", b"cut"])
def test_a_damaged_result_counts_as_missing(tmp_path: Path, damage: bytes) -> None:
    store = Store(tmp_path)
    store.put(KEY, Graded(()))
    (path,) = tmp_path.glob("*/*")
    path.write_bytes(path.read_bytes()[:-4] if damage == b"cut" else damage)
    assert store.get(KEY) is None
    store.put(KEY, Graded(()))
    assert store.get(KEY) == Graded(())


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"notebooks": 1, "lasting": true}', b"nonsense", b"\xff"])
def test_what_is_no_result_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(ValueError, match="no stored result"):
        from_json(text)


def test_a_key_leads_nowhere_else(tmp_path: Path) -> None:
    for key in ("../../etc/passwd", "a/b", "", "ab"):
        with pytest.raises(TorchmagicError, match="no key"):
            Store(tmp_path).get(key)


def test_drafts_of_killed_graders_go_after_a_day_and_are_never_results(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(KEY, Graded(()))
    folder = next(tmp_path.iterdir())
    for name in (".old.part", ".young.part"):
        (folder / name).write_bytes(b"half")
    os.utime(folder / ".old.part", (0, 0))
    store.remove_drafts()
    assert sorted(path.name for path in folder.glob(".*")) == [".young.part"]
    assert [entry.key for entry in store] == [KEY]
    store.remove(KEY)
    store.remove(KEY)
    assert list(store) == []


def test_many_write_the_same_results_at_once(tmp_path: Path) -> None:
    """Whoever reads meanwhile sees a whole result or none."""
    keys = [letter * 64 for letter in string.ascii_lowercase[:6]]
    seen: list[Graded | None] = []

    def work() -> None:
        store = Store(tmp_path)
        for key in keys * 10:
            store.put(key, Graded((), lasting=True))
            seen.append(store.get(key))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [Graded(())] * (8 * 60)
    assert sorted(entry.key for entry in Store(tmp_path)) == keys
    assert list(tmp_path.glob("*/.*")) == []
