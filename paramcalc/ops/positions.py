"""Learned positions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paramcalc.base.errors import Fault
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, at_least, same
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.attributes import Count
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, one_token


@dataclass(frozen=True)
class Positions(Op):
    """A learned vector for each position, added to the tokens.

    Input, output: length x channels
    Weight:        size x channels

    The table has as many rows as the input has tokens, or `size` rows if the model is built for
    longer inputs; the first rows are used, after `past` of them.
    """

    size: Size | None = None
    past: Count = 0

    contracting = frozenset()
    examples = (
        Example("positions", ("{length: 197, channels: 768}",), "197x768", params=151_296),
        Example("positions 512", ("{length: 128, channels: 768}",), "128x768", params=393_216),
    )

    def weights(self, *inputs: Shape) -> Weights:
        (x,) = inputs
        return {"weight": (self.past + x.size("length") if self.size is None else self.size, x.channels)}

    def shape(self, *inputs: Shape) -> Shape:
        x = need_tokens(self, inputs[0])
        length = self.past + x.size("length")
        if self.size is not None and not at_least(self.size, length):
            raise Fault(
                f"{self.title}: the input is longer than the table",
                expected=f"at most {self.size} tokens",
                found=x.described() if same(self.past, 0) else f"one more token after {self.past}",
                fix="" if same(self.past, 0) else f"--decode at most {self.size - 1}",
                about="size",
            )
        return x

    def cost(self, *inputs: Shape) -> Cost:
        return Cost(operations={"add": inputs[0].elements})

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        (x,) = inputs
        size = x.size("length") if self.size is None else self.size
        return replace(self, size=size, past=past), (one_token(x),)

    def weights_read(self, batch: int, *inputs: Shape) -> dict[str, Size]:
        return {"weight": inputs[0].elements}

    def forward(self, tools: Tools, x: Array, weight: Array) -> Array:
        return x + weight[self.past : self.past + x.shape[1]]
