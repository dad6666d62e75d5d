"""Plain HTML as parsing it and writing it again leaves it, without a parser: most cells of a page are so plain."""

from __future__ import annotations

import html
import re

_TOKEN = re.compile(
    r"(?P<text>[^<]+)"
    r"|<(?P<open>[a-z][a-z0-9]*)(?P<attributes>(?: [a-z][a-z-]*=\"[^\"<>&]*\")*)>"
    r"|</(?P<close>[a-z][a-z0-9]*)>"
)
_ATTRIBUTE = re.compile(r" ([a-z-]+)=\"([^\"]*)\"")
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|nbsp)|#([0-9]{2,6}));|[&>\r\0]")
_WRITTEN = {"amp": "&amp;", "lt": "&lt;", "gt": "&gt;", "quot": '"', "nbsp": "\xa0"}
_WORD = re.compile(r"\S+")
_SPACES = frozenset(" \t\n\f")
#: Elements that parsers treat otherwise: whose text is no markup, which have no end, or in which spaces stay.
_OTHERWISE = re.compile(
    r"area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr|basefont|bgsound|command|frame|image|isindex"
    r"|nextid|spacer|keygen|menuitem|script|style|textarea|title|iframe|xmp|noembed|noframes|plaintext|noscript"
    r"|template|rt|rp|svg|math"
)


def normal(piece: str) -> str | None:
    """What Beautiful Soup with ``html.parser`` makes of a piece of HTML in a page; None where that takes a parser.

    It is given where the piece closes all that it opens and nothing else, in double quotes, lower case and known
    entities.

    >>> normal('<p class="a">1 &lt; 2 &quot;</p>\\n  \\n<b>c</b>')
    '<p class="a">1 &lt; 2 "</p>\\n<b>c</b>'
    >>> normal("<p>never closed"), normal("a<br>b"), normal("<p>closed twice</p></p>")
    (None, None, None)
    """
    made: list[str] = []
    opened: list[str] = []
    preformatted = 0
    end = 0
    for token in _TOKEN.finditer(piece):
        if token.start() != end:
            return None
        end = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "text":
            if not preformatted and _SPACES.issuperset(text):
                text = "\n" if "\n" in text else " "
            elif "&" in text or ">" in text or "\r" in text or "\0" in text:
                plain = _plain(text)
                if plain is None:
                    return None
                text = plain
        elif kind == "close":
            if not opened or opened.pop() != token["close"]:
                return None
            preformatted -= token["close"] == "pre"
        else:
            start = _start(token["open"], token["attributes"])
            if start is None:
                return None
            text = start
            opened.append(token["open"])
            preformatted += token["open"] == "pre"
        made.append(text)
    return None if opened or end != len(piece) else "".join(made)


def _start(name: str, attributes: str) -> str | None:
    """A start tag; None where writing it takes a parser."""
    found = _ATTRIBUTE.findall(attributes)
    if _OTHERWISE.fullmatch(name) or len(dict(found)) != len(found):
        return None
    made = [(key, " ".join(_WORD.findall(value)) if key == "class" else value) for key, value in found]
    if any(" ".join(value.split()) != value for _, value in made):  # it may be a list, too
        return None
    return "".join(["<", name, *(f' {key}="{value}"' for key, value in sorted(made)), ">"])


def _plain(text: str) -> str | None:
    """Text with its entities as they are written; None where one is not known."""
    parts: list[str] = []
    end = 0
    for found in _ENTITY.finditer(text):
        name, number = found.groups()
        if name:
            written = _WRITTEN[name]
        elif number and (33 <= int(number) < 127 or 160 < int(number) < 0xD800):
            written = html.escape(chr(int(number)), quote=False)
        elif found[0] == ">":
            written = "&gt;"
        else:
            return None
        parts += [text[end : found.start()], written]
        end = found.end()
    return "".join([*parts, text[end:]])
