"""Collect shapes and words of a picture by their style, and write each style once: a small SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import escape

from torchmagic.render.graph_templates import printable


@dataclass(frozen=True, slots=True)
class Style:
    """How shapes are drawn."""

    fill: str = "none"
    opacity: float = 1.0
    stroke: str = "currentColor"
    width: float = 1.0
    dash: str = ""
    faint: float = 1.0

    def attributes(self) -> str:
        """As attributes of an SVG group."""
        found = "" if self.fill == "none" else f' fill="{self.fill}" fill-opacity="{self.opacity:g}"'
        if self.stroke != "none":
            found += f' stroke="{self.stroke}" stroke-width="{self.width:g}"'
        if self.faint != 1:
            found += f' stroke-opacity="{self.faint:g}"'
        return found + (f' stroke-dasharray="{self.dash}"' if self.dash else "")


@dataclass(slots=True)
class Canvas:
    """A picture that grows. ``left`` and ``top`` are added to every coordinate.

    ``decimals`` is how exactly coordinates are written: a large picture need not be exact to a tenth of a pixel.

    >>> canvas = Canvas(10, 10)
    >>> canvas.text(5, 5, "a < b")
    >>> "a &lt; b" in canvas.markup()
    True
    """

    left: float = 0.0
    top: float = 0.0
    decimals: int = 1
    shapes: dict[tuple[int, Style], list[str]] = field(default_factory=dict)
    words: dict[tuple[float, bool, str], list[str]] = field(default_factory=dict)

    def rectangle(
        self, layer: int, style: Style, box: tuple[float, float, float, float], radius: float, title: str = ""
    ) -> None:
        """A rectangle with its left top corner, width and height."""
        x, y, width, height = box
        round_ = f' rx="{number(radius)}"' if radius else ""
        shape = (
            f'rect x="{self._n(x + self.left)}" y="{self._n(y + self.top)}" '
            f'width="{self._n(width)}" height="{self._n(height)}"{round_}'
        )
        self._add(layer, style, "rect", shape, title)

    def path(
        self, layer: int, style: Style, points: Sequence[tuple[float, float]], closed: bool = False, title: str = ""
    ) -> None:
        """A line through points, or an area."""
        left, top, decimals = self.left, self.top, self.decimals
        x, y = round(points[0][0] + left, decimals), round(points[0][1] + top, decimals)
        data = f"M{number(x)} {number(y)}"
        for next_x, next_y in points[1:]:
            new_x, new_y = round(next_x + left, decimals), round(next_y + top, decimals)
            across, down = number(new_x - x), number(new_y - y)
            if new_x == x:
                data += f"v{down}"
            elif new_y == y:
                data += f"h{across}"
            else:
                data += f"l{across} {down}"
            x, y = new_x, new_y
        if closed:
            data += "z"
        self._add(layer, style, "path", data if not title else f'path d="{data}"', title)

    def _n(self, value: float) -> str:
        return number(value) if self.decimals else f"{value:.0f}"

    def curve(self, layer: int, style: Style, data: str) -> None:
        """A path as it is written."""
        self._add(layer, style, "path", data, "")

    def _add(self, layer: int, style: Style, name: str, shape: str, title: str) -> None:
        found = self.shapes.setdefault((layer, style), [])
        if title:
            found.append(f"<{shape}><title>{escaped(title)}</title></{name}>")
        elif name == "path":
            found.append(f"\0{shape}")  # those without a title become one path
        else:
            found.append(f"<{shape}/>")

    def text(self, x: float, y: float, text: str, size: float = 1.0, bold: bool = False, anchor: str = "") -> None:
        """Words at a place; ``size`` is a share of the usual."""
        found = self.words.setdefault((size, bold, anchor), [])
        found.append(f'<text x="{self._n(x + self.left)}" y="{self._n(y + self.top)}">{escaped(text)}</text>')

    def markup(self) -> str:
        """All of it, lowest layer first and words on top."""
        parts: list[str] = []
        for (_, style), shapes in sorted(self.shapes.items(), key=lambda item: item[0][0]):
            plain = "".join(shape[1:] for shape in shapes if shape[0] == "\0")
            titled = [shape for shape in shapes if shape[0] != "\0"]
            parts.append(f"<g{style.attributes()}>")
            if plain:
                parts.append(f'<path d="{plain}"/>')
            parts += [*titled, "</g>"]
        if self.words:
            parts.append('<g fill="currentColor" pointer-events="none">')
            for (size, bold, anchor), words in self.words.items():
                style_ = f' font-size="{12 * size:g}"' if size != 1 else ""
                style_ += ' font-weight="bold"' if bold else ""
                style_ += f' text-anchor="{anchor}"' if anchor else ""
                parts += [f"<g{style_}>", *words, "</g>"]
            parts.append("</g>")
        return "\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text as it may stand in XML: without control characters, markup escaped."""
    return str(escape(printable(text)))


def number(value: float) -> str:
    """A coordinate with at most one decimal.

    >>> number(3.0), number(2.25)
    ('3', '2.2')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
