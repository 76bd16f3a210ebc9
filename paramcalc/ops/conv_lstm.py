"""Convolutional LSTM."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, Steps, sliding, tabled, whole
from paramcalc.base.shape import CHANNELS, SPACE, Shape, image
from paramcalc.base.sizes import Size, floor_divide, product
from paramcalc.ops._recurrent import sigmoid
from paramcalc.ops._window import Window, Windows, output_space, windows
from paramcalc.ops.attributes import Flag, Padding, PerAxis
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, one_token


@dataclass(frozen=True)
class ConvLstm(Op):
    """An LSTM whose products are convolutions: c = f*c + i*g and h = o*tanh(c) (Shi et al. 2015, without peepholes).

    Input:     length x channels x space
    Weight ih: 4*out_channels x channels x kernel_size; in the order i, f, g, o
    Weight hh: 4*out_channels x out_channels x kernel_size
    Bias:      4*out_channels (absent with bias=false)
    Output:    length x out_channels x space, as a convolution gives it; `last`: only after the last step

    Stride, padding and dilation are those of the input's convolution. The state's keeps its size:
    stride 1, zeros around, the odd one at the far end, as in Keras's ConvLSTM2D.
    """

    out_channels: Size
    kernel_size: PerAxis
    stride: PerAxis = 1  # type: ignore[assignment]
    padding: Padding = 0
    dilation: PerAxis = 1  # type: ignore[assignment]
    bias: Flag = True
    last: Flag = False

    ranks = (2,)
    contracting = frozenset({"weight_ih", "weight_hh"})
    elsewhere = {"filters": "out_channels", "use_bias": "bias"}
    examples = (
        # Keras: 4*40*((1 + 40)*9 + 1); 3*64*64 positions of 4*40*9*41
        Example(
            "conv_lstm2d 40 3 padding=same",
            ("{length: 3, channels: 1, height: 64, width: 64}",),
            "3x40x64x64",
            params=59_200,
            macs=725_483_520,
        ),
        Example(
            "conv_lstm2d 2 2x3 stride=2 bias=false last=true",
            ("{length: 2, channels: 3, height: 5, width: 7}",),
            "2x2x3",
            params=240,
            macs=2_880,
        ),
    )

    def windows(self, x: Shape) -> Windows:
        return windows(_frame(x), self.kernel_size, self.stride, self.padding, self.dilation)

    def weights(self, *inputs: Shape) -> Weights:
        (x,) = inputs
        rows = 4 * self.out_channels
        found: Weights = {
            "weight_ih": (rows, x.channels, *self.kernel_size),
            "weight_hh": (rows, self.out_channels, *self.kernel_size),
        }
        return found | {"bias": (rows,)} if self.bias else found

    def shape(self, *inputs: Shape) -> Shape:
        (x,) = inputs
        wanted = ("length", CHANNELS, *SPACE[self.rank])
        if x.axes != wanted:
            fix = "name the axes in 'input', or bring them into this order with permute"
            raise Fault(f"{self.title} needs {' x '.join(wanted)}", found=x.described(), fix=fix)
        y = image(self.out_channels, *output_space(self, _frame(x), self.windows(x)))
        return y if self.last else Shape(wanted, (x.size("length"), *y.dims))

    def cost(self, *inputs: Shape) -> Cost:
        (x,) = inputs
        positions = x.size("length") * product(one.positions for one in self.windows(x))
        each = positions * self.out_channels
        macs = 4 * each * product(self.kernel_size) * (x.channels + self.out_channels)
        biased = 4 * each if self.bias else 0
        work = {"add": 8 * each + biased, "exp": 3 * each, "divide": 3 * each}
        return Cost(macs, macs + biased, {**work, "tanh": 2 * each, "multiply": 3 * each})

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        (x,) = inputs
        each = x.size("length") * self.out_channels * product(one.positions for one in self.windows(x))
        return {"gates": 4 * each, "cells": each}

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        return self, (one_token(inputs[0]),)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        places = product(one.positions for one in self.windows(inputs[0]))
        return {"states": 2 * self.out_channels * places}

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        """Each step carries what the state sees further by a kernel."""
        if axis == "length":
            return whole(x.size(axis)) if self.last else Reach(axis, Steps((0,), 0), Steps((0,), 1))
        place = SPACE[self.rank].index(axis)
        one, kept = self.windows(x)[place], self._kept(output)[place]
        steps, end = x.size("length") - 1, output.size(axis) - 1
        if one.span + end * one.stride - one.before < one.size:  # a rest that no window reads
            reads = [
                (max(at - steps * kept.before, 0), min(at + steps * kept.after, end)) for at in range(end + 1)
            ]
            ends = [(first * one.stride, last * one.stride + one.span - 1) for first, last in reads]
            return tabled(axis, [(first - one.before, last - one.before) for first, last in ends])
        span = one.span + steps * one.stride * (kept.before + kept.after)
        return sliding(axis, -one.before - steps * one.stride * kept.before, span, one.stride)

    def forward(self, tools: Tools, *inputs: Array, **weights: Array) -> Array:
        (x,), size = inputs, self.out_channels
        samples, length = x.shape[:2]
        frames = tools.contiguous(x).reshape(samples * length, *x.shape[2:])
        entering = tools.convolve(
            frames, weights["weight_ih"], self.windows(tools.shapes[0]), bias=weights.get("bias")
        )
        entering = entering.reshape(samples, length, *entering.shape[1:])
        each = self._kept(self.shape(*tools.shapes))
        zeros = tools.zeros((samples, size, *entering.shape[3:]), x.dtype)
        h, c = tools.left("state", zeros), tools.left("cell", zeros)
        found = []
        for step in range(length):
            every = entering[:, step] + tools.convolve(h, weights["weight_hh"], each)
            i, f, g, o = (every[:, place * size : (place + 1) * size] for place in range(4))
            c = sigmoid(tools, f) * c + sigmoid(tools, i) * tools.tanh(g)
            h = sigmoid(tools, o) * tools.tanh(c)
            found.append(h)
        tools.leave("state", h)
        tools.leave("cell", c)
        return h if self.last else tools.stack(found, 1)

    def _kept(self, output: Shape) -> Windows:
        """The windows of the state's convolution, which keeps its size."""
        space = (output.size(axis) for axis in SPACE[self.rank])
        return tuple(
            Window(size, kernel, 1, floor_divide(kernel - 1, 2), kernel - 1 - floor_divide(kernel - 1, 2), 1)
            for size, kernel in zip(space, self.kernel_size, strict=True)
        )


def _frame(x: Shape) -> Shape:
    """One step's image."""
    return Shape(x.axes[1:], x.dims[1:])
