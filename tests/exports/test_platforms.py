"""The tests' own readers of Canvas's and Moodle's files can say no."""

from __future__ import annotations

import pytest

from .platforms import canvas_reads, moodle_reads, php_reads

_HEAD = "Student,ID,SIS User ID,SIS Login ID,Section,ps1\r\n"
_POINTS = "    Points Possible,,,,,10\r\n"


def test_canvas_takes_what_it_exports_itself() -> None:
    text = _HEAD.replace("ps1", "ps1 (7)") + _POINTS + '"Lovelace, Ada",101,a1,ada,"S, 1",9.5\r\n'
    found = canvas_reads(text.encode())
    assert found.assignments == [("ps1", "7")]
    assert found.scores == {("101", "a1", "ada"): {"ps1 (7)": "9.5"}}


@pytest.mark.parametrize(
    "text",
    [
        _HEAD.replace("Section,", "") + _POINTS,
        _HEAD + "Ada,,ada,,,1\r\n",
        _HEAD + _POINTS + "Ada,,,,,1\r\n",
        _HEAD + _POINTS + "Ada,ada,,,,1\r\n",
        _HEAD + _POINTS + "Ada,,ada,,,1e-7\r\n",
        _HEAD + _POINTS + "Points Possible,,zed,,,1\r\n",
        _HEAD + _POINTS + "Ada,,ada,,,1\r\nAda,,ada,,,2\r\n",
        _HEAD.replace("ps1", "Final Grade") + _POINTS,
        "\ufeff" + _HEAD + _POINTS,
    ],
)
def test_canvas_refuses(text: str) -> None:
    with pytest.raises(AssertionError):
        canvas_reads(text.encode())


@pytest.mark.parametrize(
    "text",
    ["Name,ps1\r\nAda,1\r\n", "Username,ps1\r\n,1\r\n", "Username,ps1\r\nada,one\r\n", "Username,ps1\r\nada\r\n"],
)
def test_moodle_refuses(text: str) -> None:
    with pytest.raises(AssertionError):
        moodle_reads(text.encode())


def test_php_reads_plain_csv_as_anyone() -> None:
    assert php_reads('a,"b ""c"", d"\r\n,"x\r\ny"\r\n') == [["a", 'b "c", d'], ["", "x\r\ny"]]
