"""The templates of pictures: everything put into them is escaped, and stripped of what XML cannot hold."""

from __future__ import annotations

from functools import lru_cache

import jinja2
from markupsafe import Markup


@lru_cache(maxsize=4)
def template(name: str) -> jinja2.Template:
    """The template ``name`` of this package.

    >>> "&lt;" in template("graph.html.j2").render(svg="<")
    True
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("torchmagic.render"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    return environment.get_template(name)


def printable(text: str) -> str:
    """The text with a space for each control character, lone surrogate or line break.

    >>> printable("a\\x1fb")
    'a b'
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def _finalize(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
