"""How texts and numbers go into the cells of a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

#: What a spreadsheet program may take for the beginning of a formula, by requirement 1.2.10 of OWASP's ASVS
#: (https://asvs.emil.hemdal.se/1.2.10); also behind white space, and in full width.
_FORMULA = re.compile(r"'*(?:[\t\r\n\0]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")


def guard(text: str) -> str:
    """A text that no spreadsheet program takes for a formula: with an apostrophe in front where it would.

    :func:`unguard` takes it away again.

    >>> guard("=HYPERLINK(1)"), guard("-1"), guard("Ada"), guard("'t Hooft")
    ("'=HYPERLINK(1)", "'-1", 'Ada', "'t Hooft")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(text: str) -> str:
    """The text that :func:`guard` was given.

    >>> unguard(guard("=1")), unguard("'t Hooft")
    ('=1', "'t Hooft")
    """
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def number(value: float | None, decimal: str = ".") -> str:
    """A score as learning platforms read it: at most five decimals, no exponent; "" for None.

    >>> number(3.0), number(2.50), number(1 / 3), number(1e-7), number(None), number(0.5, ",")
    ('3', '2.5', '0.33333', '0', '', '0,5')
    """
    if value is None:
        return ""
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    return ("0" if text == "-0" else text).replace(".", decimal)


def one_line(text: str) -> str:
    """A text without line breaks and other control characters.

    >>> one_line("Ada\\r\\n  Lovelace\\x00")
    'Ada Lovelace'
    """
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def csv_text(lines: Iterable[Sequence[str]], delimiter: str = ",") -> bytes:
    r"""Lines as CSV in UTF-8: RFC 4180's quotes where they are needed.

    >>> csv_text([["a", 'say "b", c'], ["", "d"]])
    b'a,"say ""b"", c"\r\n,d\r\n'
    """
    text = io.StringIO()  # with another line terminator, csv leaves a carriage return within a cell unquoted
    # no file of text holds a null character, and Python 3.10 does not write one
    plain = ([cell.replace("\0", "\N{REPLACEMENT CHARACTER}") for cell in line] for line in lines)
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(plain)
    return text.getvalue().encode("utf-8", "replace")  # lone surrogates, which UTF-8 cannot write
