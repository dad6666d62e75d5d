"""Submissions whose text is alike in what hardly anybody else wrote.

Two who solve a short exercise well write nearly the same. So what counts is not how much two texts share, but how
surprising it is that they do: what stands in the release counts nothing, and a piece that a share ``p`` of the class
wrote counts ``-log2(p)`` bits, nothing where many did, and no more than its length allows. What differs speaks
against: the bits are taken times the share of both texts that is alike. A pair is shown where chance would not give one
such pair in 256 classes of this size, if students wrote each piece by themselves.

Only students who share rare fragments are compared: the time grows with what is alike, not with all pairs of a class.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graders.reporting.data import ClassResults
from graders.reporting.fragments import CellText, Fragment, marked, read_cell

#: Once in so many classes may chance give a pair that is shown.
CLASSES = 256
#: And never fewer bits than these: in a small class the shares are rough.
LEAST_BITS = 14.0
#: How much of both texts must be alike at the least.
LEAST_ALIKE = 0.3
#: What a larger share of the others wrote too counts nothing.
COMMON = 0.2
#: The most bits for a character of code, for one of the author's own words, and for all words together.
_A_CHARACTER, _A_LETTER, _ALL_WORDS = 0.15, 0.25, 20.0
#: Pieces of one cell count each for itself that begin so far from each other.
_APART = 40
_MOST_HOLDERS = 12
_LEAST_SHARED = 3
_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One cell of two students: their texts in pieces (piece, whether the other one has the like)."""

    cell: str
    left: tuple[tuple[str, bool], ...]
    right: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two students whose text is alike.

    Attributes:
        students: the two.
        alike: share of their own text that both have, from 0 to 1.
        bits: how surprising it is; each bit halves the chance.
        words: names, comments and texts of their own that both have and hardly anybody else.
        cells: both texts of each cell that is alike.
    """

    students: tuple[str, str]
    alike: float
    bits: float
    words: tuple[str, ...] = ()
    cells: tuple[SideBySide, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Students whose texts are alike, each to at least one other.

    Attributes:
        students: by name.
        pairs: the most surprising ones, first; one of them where all texts are the same.
        identical: whether all texts are the same but for names, comments and spacing.
    """

    students: tuple[str, ...]
    pairs: tuple[Pair, ...]
    identical: bool = False


@dataclass(frozen=True, slots=True)
class Similar:
    """What was found.

    Attributes:
        clusters: the most surprising first.
        compared: students who wrote something.
        bits: how many a pair needs to be shown.
    """

    clusters: tuple[Cluster, ...]
    compared: int
    bits: float


@dataclass(frozen=True, slots=True)
class _Work:
    """One student's own text: its cells that differ from the release, and the fragments that are no part of it."""

    student: str
    cells: Mapping[str, CellText]
    fragments: frozenset[Fragment]
    shapes: frozenset[tuple[str, str]]
    letters: frozenset[tuple[str, str]]
    words: frozenset[str]

    def length(self) -> int:
        return sum(len(cell.shape) for cell in self.cells.values())


def find_similar(results: ClassResults) -> Similar:
    """Pairs and clusters of students whose text is alike in what hardly anybody else wrote."""
    given = _given(results.released)
    made = (_work(student.student, student.sources, results.released, given) for student in results.students)
    works = [work for work in made if work.cells]
    if len(works) < 2:
        return Similar((), len(works), math.inf)
    needed = max(2 * math.log2(len(works)) - 1 + math.log2(CLASSES), LEAST_BITS)
    holders = _Holders(works)
    pairs = {pair.students: pair for group in _alike(works) for pair in _same_pairs(group, holders, needed)}
    second = {other for _, other in pairs}  # their first is compared with the rest
    pairs |= {pair.students: pair for pair in _near_pairs([one for one in works if one.student not in second], needed)}
    return Similar(_clusters(list(pairs.values()), {work.student: work for work in works}), len(works), needed)


def _alike(works: Sequence[_Work]) -> Iterator[Sequence[_Work]]:
    """Groups of students who wrote the same but for names and comments, and the same letter by letter."""
    for kind in ("shapes", "letters"):
        groups: defaultdict[frozenset[tuple[str, str]], list[_Work]] = defaultdict(list)
        for work in works:
            groups[getattr(work, kind)].append(work)
        yield from (group for group in groups.values() if len(group) > 1)


def _given(released: Mapping[str, str]) -> tuple[frozenset[int], frozenset[str]]:
    """The fragments and words of the release."""
    return (
        frozenset(one for text in released.values() for one in read_cell(text).places),
        frozenset(word for text in released.values() for word in read_cell(text).words),
    )


def _work(
    student: str,
    sources: Mapping[str, str],
    released: Mapping[str, str],
    given: tuple[frozenset[int], frozenset[str]],
) -> _Work:
    cells: dict[str, CellText] = {}
    for key, text in sources.items():
        notebook, _, name = key.rpartition("/")
        own = name.startswith("+")
        cell = f"{notebook}/+" if own else key
        text = f"{cells[cell].text}\n{text}" if cell in cells else text
        if text.strip() and (own or text.split() != released.get(key, "").split()):
            cells[cell] = read_cell(text)
    return _Work(
        student,
        {cell: text for cell, text in cells.items() if text.shape},
        frozenset((cell, one) for cell, text in cells.items() for one in text.places if one not in given[0]),
        frozenset((cell, text.shape) for cell, text in cells.items() if text.shape),
        frozenset((cell, text.letters) for cell, text in cells.items() if text.shape),
        frozenset(word for text in cells.values() for word in text.words if word not in given[1]),
    )


class _Holders:
    """How many students have a fragment, a whole cell's shape, all its letters, or a word."""

    def __init__(self, works: Sequence[_Work]) -> None:
        self.students = len(works)
        self.fragments = Counter(itertools.chain.from_iterable(work.fragments for work in works))
        self.shapes = Counter(itertools.chain.from_iterable(work.shapes for work in works))
        self.letters = Counter(itertools.chain.from_iterable(work.letters for work in works))
        self.words = Counter(itertools.chain.from_iterable(work.words for work in works))

    def cell_bits(self, key: str, one: CellText, other: CellText, group: int = 2) -> float:
        """How surprising it is what two wrote alike in a cell: the whole of it, or the pieces that both have."""
        bits = self._pieces(key, one, one.places.keys() & other.places.keys(), group)
        if one.shape == other.shape:
            bits = max(bits, self.bits(self.shapes[key, one.shape], group))
        if one.letters == other.letters:
            bits = max(bits, self.bits(max(group, self.letters[key, one.letters]), group))
        return min(bits, _A_CHARACTER * one.covered(one.places.keys() & other.places.keys()))

    def _pieces(self, key: str, cell: CellText, shared: Collection[int], group: int) -> float:
        """The bits of pieces that lie apart: each is written for itself."""
        found, free = 0.0, 0
        for place, one in sorted((cell.places[one][0], one) for one in shared):
            holders = self.fragments[key, one]  # none of a fragment of the release
            worth = self.bits(max(group, holders), group) if holders and place >= free else 0.0
            if worth:
                found, free = found + worth, place + _APART
        return found

    def bits(self, have: int, group: int = 2) -> float:
        """How surprising it is to have what ``have`` students have, ``group`` of whom are asked about."""
        share = (have - group + 1) / (self.students - group + 1)
        return -math.log2(share) if 0 < share <= COMMON else 0.0


def _same_pairs(group: Sequence[_Work], holders: _Holders, needed: float) -> list[Pair]:
    """The first of a group with each other one, where it is surprising that they wrote the same."""
    size = len(group)
    found = []
    for one, other in ((group[0], other) for other in group[1:]):
        bits = sum(holders.cell_bits(key, cell, other.cells[key], size) for key, cell in one.cells.items())
        more, words = _shared_words(one, other, holders, size)
        if bits + more >= needed:
            found.append(Pair((one.student, other.student), 1.0, bits + more, words))
    return found


def _near_pairs(works: Sequence[_Work], needed: float) -> Iterator[Pair]:
    holders = _Holders(works)
    by_name = {work.student: work for work in works}
    for one, other in _candidates(works, holders):
        pair = _compare(by_name[one], by_name[other], holders)
        if pair.bits >= needed and pair.alike >= LEAST_ALIKE:
            yield pair


def _candidates(works: Sequence[_Work], holders: _Holders) -> Iterator[tuple[str, str]]:
    """The pairs of students who share some rare fragments, or a rare word and one fragment."""
    most = min(_MOST_HOLDERS, max(2, math.ceil(COMMON * len(works))))
    having: defaultdict[object, list[str]] = defaultdict(list)
    for work in works:
        for fragment in work.fragments:
            if 1 < holders.fragments[fragment] <= most:
                having[fragment].append(work.student)
        for word in work.words:
            if 1 < holders.words[word] <= most:
                having[word].append(work.student)
    shared = Counter(itertools.chain.from_iterable(itertools.combinations(some, 2) for some in having.values()))
    return (pair for pair, count in shared.items() if count >= _LEAST_SHARED)


def _compare(one: _Work, other: _Work, holders: _Holders) -> Pair:
    bits = both = 0.0
    for cell in one.cells.keys() & other.cells.keys():
        mine, theirs = one.cells[cell], other.cells[cell]
        shared = mine.places.keys() & theirs.places.keys()
        both += mine.covered(shared) + theirs.covered(shared)
        bits += holders.cell_bits(cell, mine, theirs)
    more, words = _shared_words(one, other, holders)
    alike = both / (one.length() + other.length())
    return Pair((one.student, other.student), alike, (bits + more) * alike, words)


def _shared_words(one: _Work, other: _Work, holders: _Holders, group: int = 2) -> tuple[float, tuple[str, ...]]:
    """The bits of the rare words that both have, and those words, the most telling first."""
    worth = {
        word: min(holders.bits(max(group, holders.words[word]), group), _A_LETTER * len(word))
        / (1 if " " in word else 2)
        for word in one.words & other.words
    }
    ordered = sorted((word for word in worth if worth[word]), key=lambda word: (-worth[word], word))
    return min(sum(worth.values()), _ALL_WORDS), tuple(ordered[:_MOST_SHOWN])


def _clusters(pairs: Sequence[Pair], works: Mapping[str, _Work]) -> tuple[Cluster, ...]:
    import networkx

    graph = networkx.Graph(pair.students for pair in pairs)
    made = []
    for students in networkx.connected_components(graph):
        inside = sorted(
            (pair for pair in pairs if pair.students[0] in students), key=lambda one: (-one.bits, one.students)
        )
        identical = all(pair.alike == 1.0 for pair in inside)
        shown = tuple(_with_texts(pair, works) for pair in inside[: 1 if identical else _MOST_SHOWN])
        made.append(Cluster(tuple(sorted(students)), shown, identical))
    return tuple(sorted(made, key=lambda one: (-one.pairs[0].bits, one.students)))


def _with_texts(pair: Pair, works: Mapping[str, _Work]) -> Pair:
    mine, theirs = (works[student].cells for student in pair.students)
    cells = []
    for cell in (key for key in mine if key in theirs):
        left, right = marked(mine[cell].text, theirs[cell].text)
        if any(alike for _, alike in left):
            cells.append(SideBySide(cell, left, right))
    return Pair(pair.students, pair.alike, pair.bits, pair.words, tuple(cells))
