"""The words of a failure without what differs from student to student: numbers, shapes, and expected values."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"^(?:CheckFailed|AssertionError): ")
_MORE = re.compile(r" \(\d+ more parts? lost\)$")
_PART = re.compile(r"^partial credit: \S+ of \S+?(?:\. (?P<said>.*))?$", re.DOTALL)
_CALLED = re.compile(r"\.? It was called with .*$", re.DOTALL)
_EXPECTED = re.compile(r", expected .*?(?=\. [A-Z`]|\.?$)", re.DOTALL)
_NOT_RIGHT = re.compile(r",? and that is not right|: not right(?=\.|$)")
_DIFFER = re.compile(r" \(\d+ of \d+ values differ\)")
_WHERE = re.compile(r"(?<=`) at \[[\d, ]*\]")
_CALL = re.compile(r"(?<=\w)\([^()`]*(?:\([^()`]*\)[^()`]*)*\)(?=`)")
_NUMBER = re.compile(r"(?<![\w.`])[-−+]?(?:\d+(?:\.\d+|\.(?=[\],)]))?|\.\d+)(?:e[-+]?\d+)?j?(?![\w`])")
_GROUP = re.compile(r"(?<!\w)[(\[{](?:…|any|True|False|None|[\s,:])*[)\]}]")
_FILE = re.compile(r" ?\(<[^<>]*>, line …\)| ?\([^()\s]*\.py, line …\)")
_SIMPLER = (
    (re.compile(r"(?<=`) is [-+…j]+$"), " has wrong values"),
    (re.compile(r"(?<=`) has … of … values wrong(?: \(NaN\))?$"), " has wrong values"),
    (re.compile(r"(?<=`) has shape \(…\)$"), " has a wrong shape"),
)
_BLANK = re.compile(r"(?:^|: )NotImplementedError:?$")
_LONGEST = 240


def clean(message: str) -> str:
    """A message without what a judge puts around a check's own words.

    >>> clean("CheckFailed: `y` is 3"), clean("partial credit: 0 of 2. total: `y` is 3 (1 more part lost)")
    ('`y` is 3', 'total: `y` is 3')
    """
    said = " ".join(message.split())
    part = _PART.match(said)
    said = (part["said"] or "only part of the points") if part else _PREFIX.sub("", said)
    return _MORE.sub("", said)


def unnumbered(message: str) -> str:
    """What a message says whatever the numbers are: the same for a visible test and for a hidden one where it can be.

    >>> unnumbered("CheckFailed: `y` has shape (3,), expected (3, 1)")
    '`y` has a wrong shape'
    >>> unnumbered("CheckFailed: `g(2, 3)` is -12.5, and that is not right.")
    '`g(…)` has wrong values'
    >>> unnumbered("partial credit: 1 of 3. total: `total(x)` is 3, expected 4 (1 more part lost)")
    'total: `total(…)` has wrong values'
    >>> unnumbered("SyntaxError: incomplete input (<ipython-input-4-2b48>, line 2)")
    'SyntaxError: incomplete input'
    """
    said = clean(message)
    for pattern in (_CALLED, _EXPECTED, _NOT_RIGHT, _DIFFER, _WHERE):
        said = pattern.sub("", said)
    said = _CALL.sub("(…)", said)
    said = _NUMBER.sub("…", said)
    said = _GROUP.sub("(…)", _GROUP.sub("…", said) if "((" in said or "[[" in said else said)
    said = _FILE.sub("", said).strip(" .")
    for pattern, simpler in _SIMPLER:
        said = pattern.sub(simpler, said)
    return said[:_LONGEST] or "no reason given"


def is_blank(message: str) -> bool:
    """Whether a message says that the answer is still what was released.

    >>> is_blank("NotImplementedError: "), is_blank("partial credit: 0 of 2. total: NotImplementedError")
    (True, True)
    >>> is_blank("NotImplementedError: not implemented for 'Long'")
    False
    """
    return bool(_BLANK.search(unnumbered(message)))
