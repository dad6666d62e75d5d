"""Make a 2-D or image-like tensor small enough to draw, by taking every so many rows and columns."""

from __future__ import annotations

import math

import torch

from torchmagic.observe.transfer import Reading
from torchmagic.records import Picture

SIDE = 48
"""Pixels on the longer side, at the most."""

_LEAST = 2


def launch_picture(elements: torch.Tensor) -> Reading[Picture] | None:
    """The picture of a detached dense tensor, once its pixels have arrived; None where its shape makes none.

    2-D tensors become heatmaps, and 3-D ones with one channel, (1, H, W) or (H, W, 1); with three or four
    channels, (C, H, W) or (H, W, C), they become colours.

    >>> picture = launch_picture(torch.arange(8.0).view(2, 4))
    >>> picture.finish(*picture.wanted).pixels
    (0, 36, 73, 109, 146, 182, 219, 255)
    """
    if elements.is_complex():
        return None
    found = _as_image(elements)
    if found is None:
        return None
    image, channels = found
    height, width = image.shape[:2]
    down, across = -(-height // SIDE), -(-width // SIDE)
    pixels = image[::down, ::across]
    text = _words(down, across)
    if channels == 4:
        pixels, text = pixels[..., :3], f"{text}, the first 3 of 4 channels".removeprefix(", ")
    kind = torch.float64 if pixels.dtype in (torch.float64, torch.int64) else torch.float32
    on_device = pixels.to(torch.float32 if elements.device.type == "mps" else kind)
    eight_bits = elements.dtype == torch.uint8
    return Reading((on_device,), lambda arrived: _picture(arrived, channels, text, eight_bits))


def _as_image(elements: torch.Tensor) -> tuple[torch.Tensor, int] | None:
    """The tensor as (H, W) or (H, W, C), and its channels."""
    shape = elements.shape
    if len(shape) == 2 and min(shape) >= _LEAST:
        return elements, 1
    if len(shape) != 3:
        return None
    if shape[0] in (1, 3, 4) and min(shape[1:]) > 4:
        image = elements.movedim(0, -1)
    elif shape[2] in (1, 3, 4) and min(shape[:2]) > 4:
        image = elements
    else:
        return None
    return (image[..., 0], 1) if image.shape[2] == 1 else (image, image.shape[2])


def _words(down: int, across: int) -> str:
    parts = [f"every {_ordinal(n)} {what}" for n, what in ((down, "row"), (across, "column")) if n > 1]
    return " and ".join(parts)


def _ordinal(n: int) -> str:
    """
    >>> [_ordinal(n) for n in (2, 3, 11, 21)]
    ['2nd', '3rd', '11th', '21st']
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"


def _picture(pixels: torch.Tensor, channels: int, text: str, eight_bits: bool) -> Picture:
    height, width = pixels.shape[:2]
    flat = pixels.reshape(-1)
    finite = flat.isfinite()
    all_finite = bool(finite.all())
    usual = flat if all_finite else flat[finite]
    low, high = (x.item() for x in torch.aminmax(usual)) if usual.numel() else (0.0, 0.0)
    if channels > 1:  # colours keep their meaning: 0..1 and 0..255 are scales of their own
        low, high = (0.0, 255.0) if eight_bits else (min(low, 0.0), max(high, 1.0))
    numbers: list[int | None]
    if low == high:
        numbers = [128] * flat.numel()
    else:
        half = 0.5 if math.isinf(high - low) else 1.0
        span = high * half - low * half
        scaled = ((flat.double() * half - low * half) / span * 255).round_()
        numbers = scaled.nan_to_num_(0.0).clamp_(0, 255).to(torch.uint8).tolist()
    if not all_finite:
        numbers = [number if fine else None for number, fine in zip(numbers, finite.tolist(), strict=True)]
    kind = "heatmap" if channels == 1 else "rgb"
    return Picture(kind, width, height, tuple(numbers), low, high, text)  # type: ignore[arg-type]
