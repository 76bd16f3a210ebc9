"""How far the positions of a window are apart."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size
from paramcalc.ops.attributes import Number
from paramcalc.ops.base import Array, Example, Op, Tools


@dataclass(frozen=True)
class Offsets(Op):
    """The offsets between positions of a window of window x window, down and right: constants.

    Output: (2*window - 1)^2 x 2, from the last row and column back to the first ones, as the rows of
            window_attention's relative position are

    Offsets are from -(window - 1) to window - 1. With `farthest` they are multiplied, so that the largest is
    `farthest`; then `log` takes the logarithm of 1 and the offset to that base, and keeps the sign. Swin V2
    has farthest=8 log=8 (Liu et al. 2022), and a small network computes a bias per head from them. No input
    is read, and nothing is learned or computed.
    """

    window: Size
    farthest: Number | None = None
    log: Number | None = None

    inputs = ()
    examples = (
        Example("offsets 8 farthest=8 log=8", (), "225x2"),
        Example("offsets 1", (), "1x2"),
    )

    def shape(self, *inputs: Shape) -> Shape:
        for name, value, least in (("farthest", self.farthest, 0), ("log", self.log, 1)):
            if isinstance(value, int | float) and value <= least:
                raise Fault(f"{self.title}: {name} is a number above {least}", found=str(value), about=name)
        return Shape(("length", CHANNELS), ((2 * self.window - 1) ** 2, 2))

    def forward(self, tools: Tools, *inputs: Array) -> Array:
        last = int(self.window) - 1
        steps = tools.arange(2 * last + 1) - last
        steps = steps * (1.0 if self.farthest is None else float(self.farthest) / max(last, 1))
        if self.log is not None:
            signs = tools.where(steps < 0, -1, 1)
            steps = signs * tools.log(1 + tools.abs(steps)) / tools.log(float(self.log))
        pairs = tools.stack([tools.repeat(steps, len(steps)), tools.concatenate([steps] * len(steps))], -1)
        return tools.broadcast_to(pairs.astype(tools.dtype), (tools.batch, *pairs.shape))
