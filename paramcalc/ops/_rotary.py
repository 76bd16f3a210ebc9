"""Rotary positions: pairs of channels rotated by an angle that grows with the position (Su et al. 2021)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.base.sizes import Size, at_least, divides
from paramcalc.ops.base import Array, Op, Tools


def turning(elements: Size) -> dict[str, Size]:
    """The work of rotating so many elements: each by a cosine, plus its partner by a sine."""
    return {"multiply": 2 * elements, "add": elements}


def need_pairs(op: Op, rotated: Size, channels: Size, about: str) -> Size:
    """The number of channels to rotate, if it is even and not more than a head has."""
    if not divides(2, rotated):
        fact = f"{op.title}: rotary positions rotate pairs of channels"
        raise Fault(fact, expected="an even number of channels", found=str(rotated), about=about)
    if not at_least(channels, rotated):
        fact = f"{op.title}: a head has only {channels} channels to rotate"
        raise Fault(fact, expected=f"at most {channels}", found=str(rotated), about=about)
    return rotated


def need_base(op: Op, theta: Any) -> None:
    """The base of the wavelengths: a positive number, or a symbol; no count depends on it."""
    if isinstance(theta, int | float | Fraction) and theta <= 0:
        raise Fault(f"{op.title}: theta must be positive", found=str(theta), about="theta")


def turned(
    tools: Tools, x: Array, rotated: int, theta: float, first: int = 0, neighbours: bool = False
) -> Array:
    """The first `rotated` channels of ... x length x channels, turned; positions count from `first`.

    Channel i and channel i + rotated/2 are a pair, as in Llama and GPT-NeoX; or 2i and 2i + 1,
    `neighbours`, which come out in that other order, as in DeepSeek-V3.
    """
    half = rotated // 2
    wavelengths = theta ** (tools.arange(half) * (2.0 / rotated))
    angles = tools.arange(first, first + x.shape[-2])[:, None] / wavelengths
    cosine, sine = tools.cos(angles).astype(x.dtype), tools.sin(angles).astype(x.dtype)
    one, two = (
        (x[..., 0:rotated:2], x[..., 1:rotated:2]) if neighbours else (x[..., :half], x[..., half:rotated])
    )
    parts = [one * cosine - two * sine, two * cosine + one * sine, x[..., rotated:]]
    return tools.concatenate(parts, -1)
