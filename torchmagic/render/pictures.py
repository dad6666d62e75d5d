"""Small pictures of a tensor's elements: a histogram as SVG, a heatmap as PNG in a data address."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass

from torchmagic.records import Histogram, Picture
from torchmagic.render.words import number

_HEIGHT = 22
_STEP = 4
_COLOURS = 15
# Fifteen steps of viridis, which reads on light and dark pages and without colour vision; then red for NaN and inf.
_VIRIDIS = bytes.fromhex("440154481b6d46327e3f4788365c8d2e6e8e277f8e21918c1fa1872db27d4ac16d73d056a0da39d0e11cfde725")
_NOT_A_NUMBER = bytes.fromhex("e5484d")
_PIXELS = 24_000
"""Pixels that the pictures of one output have together: a page of twenty tensors stays small."""
_SMALLEST = 16


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a page: its address, its size on the page in CSS pixels, and what it shows in words."""

    address: str
    width: int
    height: int
    title: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram for a page: one SVG path, the size of its box, where zero lies (None where outside), and words."""

    path: str
    width: int
    height: int
    zero: float | None
    title: str


def histogram_bars(histogram: Histogram) -> Bars | None:
    """The outline of a histogram; None where nothing was counted.

    >>> histogram_bars(Histogram(0.0, 1.0, (2, 1))).path
    'M0 22V0h4V11h4V22z'
    """
    top = max(histogram.counts, default=0)
    if not top:
        return None
    path = ["M0 ", str(_HEIGHT)]
    last = None
    run = 0
    for count in histogram.counts:
        height = _HEIGHT - max(1, round(_HEIGHT * count / top)) if count else _HEIGHT
        if height != last:
            path.append(f"h{run}" if run else "")
            path.append(f"V{height}")
            last, run = height, 0
        run += _STEP
    path.append(f"h{run}V{_HEIGHT}z")
    width = _STEP * len(histogram.counts)
    span = histogram.high - histogram.low
    inside = histogram.low < 0 < histogram.high and span > 0
    zero = round(-histogram.low / span * width, 1) if inside else None
    words = f"Histogram from {number(histogram.low)} to {number(histogram.high)}, highest bin {top:,}"
    if histogram.sampled:
        words += ", of an even sample"
    return Bars("".join(path), width, _HEIGHT, zero, words)


def picture_image(picture: Picture, pictures: int = 1) -> Image:
    """A heatmap or colour image as PNG in a data address.

    Args:
        picture: the record.
        pictures: how many there are in the same output; of many, each is made smaller.

    >>> image = picture_image(Picture("heatmap", 2, 1, (0, None), 0.0, 1.0))
    >>> image.address[:30], image.title
    ('data:image/png;base64,iVBORw0K', 'Heatmap, dark 0 to bright 1, red where not finite')
    """
    step = _step(picture, pictures)
    width, height = -(-picture.width // step), -(-picture.height // step)
    if picture.kind == "rgb":
        title = "Image"
        data = _png(width, height, 8, 2, _rgb_rows(picture, step))
    else:
        title = f"Heatmap, dark {number(picture.low)} to bright {number(picture.high)}"
        data = _png(width, height, 4, 3, _palette_rows(picture, step), _VIRIDIS + _NOT_A_NUMBER)
    if picture.text:
        title += f", {picture.text}"
    if None in picture.pixels:
        title += ", red where not finite"
    scale = max(1, min(96 // max(width, 1), 96 // max(height, 1), 12))
    return Image(f"data:image/png;base64,{b64encode(data).decode()}", width * scale, height * scale, title)


def _step(picture: Picture, pictures: int) -> int:
    room = max(_SMALLEST**2, _PIXELS // max(pictures, 1) // (6 if picture.kind == "rgb" else 1))
    step = 1
    while (picture.width // step) * (picture.height // step) > room:
        step += 1
    return step


def _palette_rows(picture: Picture, step: int) -> bytes:
    shades = bytes(value * _COLOURS // 256 for value in range(256))
    rows = bytearray()
    for y in range(0, picture.height, step):
        line = picture.pixels[y * picture.width : (y + 1) * picture.width : step]
        row = [_COLOURS if value is None else shades[value] for value in line]
        if len(row) % 2:
            row.append(0)
        rows.append(0)
        rows += bytes([high << 4 | low for high, low in zip(row[::2], row[1::2], strict=True)])
    return bytes(rows)


def _rgb_rows(picture: Picture, step: int) -> bytes:
    red = tuple(_NOT_A_NUMBER)
    rows = bytearray()
    for y in range(0, picture.height, step):
        rows.append(0)
        for x in range(0, picture.width, step):
            at = 3 * (y * picture.width + x)
            pixel = picture.pixels[at : at + 3]
            rows += bytes(red if None in pixel else pixel)  # type: ignore[arg-type]
    return bytes(rows)


def _png(width: int, height: int, depth: int, colours: int, rows: bytes, palette: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n", _chunk(b"IHDR", head)]
    if palette:
        parts.append(_chunk(b"PLTE", palette))
    return b"".join([*parts, _chunk(b"IDAT", zlib.compress(rows, 6)), _chunk(b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
