"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size, product
from paramcalc.ops._recurrent import Cell, Recurrent, sigmoid
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Cost, Example, Tools, Weights


@dataclass(frozen=True)
class Lstm(Recurrent):
    """c = f*c + i*g and h = o*tanh(c) with the gates i, f, o, step by step (Hochreiter and Schmidhuber 1997).

    Input:     length x channels; axes before them hold sequences of their own
    State:     h of out_channels, if given; else zeros. Of several layers or directions, a row for each
    Cell:      c likewise; only beside a state
    Weight ih: 4*out_channels x channels, hh: 4*out_channels x out_channels; rows in the order i, f, g, o
    Output:    length x out_channels, twice that if bidirectional; `last`: only after the last step

    `projection` makes h smaller by a matrix hr (projection x out_channels), as PyTorch's proj_size.
    `peephole` lets the gates read c by a factor for each channel (Gers et al. 2002): i and f the old
    one, o the new one. `biases` is 2 as in PyTorch, which adds one to each product, or 1 as in Keras.
    """

    projection: Size | None = None
    peephole: Flag = False

    gates = 4
    inputs = ("x", "state", "cell")
    optional = 2
    elsewhere = {**Recurrent.elsewhere, "proj_size": "projection"}
    examples = (
        # layers of 4*512*(300 + 512) and 4*512*(512 + 512) weights, and 2*4*512 biases each
        Example(
            "lstm 512 num_layers=2",
            ("{length: 35, channels: 300}",),
            "35x512",
            params=3_768_320,
            macs=131_604_480,
        ),
        # 4*8*(4 + 3) weights, 4*8 biases, 3*8 of the projection
        Example("lstm 8 projection=3 biases=1", ("{length: 5, channels: 4}",), "5x3", 280, 1_240),
        # each direction 4*4*(2 + 4) weights, 2*16 biases, 3*4 of the peephole
        Example(
            "lstm 4 bidirectional=true last=true peephole=true", ("{length: 3, channels: 2}",), "8", 280, 576
        ),
        Example("lstm 4", ("{length: 3, channels: 2}", "4", "4"), "3x4", 128, 288),
    )

    def cost(self, *inputs: Shape) -> Cost:
        cost = super().cost(*inputs)
        if not self.peephole:
            return cost
        cells = len([*self._cells(1)])
        reads = 3 * product(inputs[0].space) * cells * self.out_channels
        work = dict(cost.operations)
        work |= {kind: work[kind] + reads for kind in ("add", "multiply")}
        return cost._replace(operations=work)

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        cells = len([*self._cells(1)])
        return super().inner(*inputs) | {"cells": product(inputs[0].space) * cells * self.out_channels}

    def _given_on(self) -> Size:
        return self.out_channels if self.projection is None else self.projection

    def _state_channels(self) -> tuple[Size, ...]:
        return self._given_on(), self.out_channels

    def _cell_weights(self, cell: Cell) -> Weights:
        found = super()._cell_weights(cell)
        if self.projection is not None:
            found[f"weight_hr_{cell.ending}"] = (self.projection, self.out_channels)
        if self.peephole:
            found[f"peephole_{cell.ending}"] = (3, self.out_channels)
        return found

    def _cell_work(self) -> dict[str, int]:
        """Four sums of two products, three sigmoids, two tanh, three products and a sum."""
        return {"add": 4 + 3 + 1, "exp": 3, "divide": 3, "tanh": 2, "multiply": 3}

    def _step(
        self, tools: Tools, entering: Array, states: list[Array], weights: Mapping[str, Array]
    ) -> list[Array]:
        (h, c), size = states, self.out_channels
        every = entering + tools.matmul(h, weights["weight_hh"].T)
        parts = [every[:, place * size : (place + 1) * size] for place in range(4)]
        if self.peephole:
            parts[0] = parts[0] + weights["peephole"][0] * c
            parts[1] = parts[1] + weights["peephole"][1] * c
        c = sigmoid(tools, parts[1]) * c + sigmoid(tools, parts[0]) * tools.tanh(parts[2])
        if self.peephole:
            parts[3] = parts[3] + weights["peephole"][2] * c
        h = sigmoid(tools, parts[3]) * tools.tanh(c)
        if self.projection is not None:
            h = tools.matmul(h, weights["weight_hr"].T)
        return [h, c]
