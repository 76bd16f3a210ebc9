"""The selective state space of Mamba."""

from __future__ import annotations

from dataclasses import dataclass

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, Steps, alike
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, product, same
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, Weights, one_token


@dataclass(frozen=True)
class SelectiveScan(Op):
    """h = exp(delta*A) * h + delta*x*b and y = c*h + D*x for each token x (Gu and Dao 2023, algorithm 2).

    Tokens: length x channels
    Delta:  the same, positive: the step, after its projection and softplus
    B, C:   length x state: the input and the output weights of the state
    A_log:  channels x state, where A = -exp(A_log)
    D:      channels
    Output: length x channels

    The state h, channels x state, is multiplied element by element; the contraction is that of c with h:
    a multiply-accumulate for each token, channel and element of the state. Projections, convolution and
    gate are layers of their own; see the bundled mamba. Work and memory are linear in the length.
    """

    inputs = ("tokens", "delta", "b", "c")
    contracting = frozenset()
    examples = (
        Example(
            "selective_scan",
            (
                "{length: 64, channels: 1536}",
                "{length: 64, channels: 1536}",
                "{length: 64, channels: 16}",
                "{length: 64, channels: 16}",
            ),
            "64x1536",
            params=1536 * 16 + 1536,
            macs=64 * 1536 * 16,
        ),
    )

    def weights(self, *inputs: Shape) -> Weights:
        channels = inputs[0].channels
        return {"A_log": (channels, inputs[2].channels), "D": (channels,)}

    def shape(self, *inputs: Shape) -> Shape:
        for name, one in zip(self.inputs, inputs, strict=True):
            need_tokens(self, one, "" if name == "tokens" else name, several=True)
        x, delta, b, c = inputs
        for one, other, names in ((x, delta, "1,2"), (b, c, "3,4"), (x, b.with_channels(x.channels), "1,3")):
            if one.axes != other.axes or not all(map(same, one.dims, other.dims)):
                raise Fault(
                    f"{self.title} cannot join its inputs",
                    expected="tokens and delta of one shape; b and c of one shape, as long",
                    found="; ".join(
                        f"{name} is {each.described()}"
                        for name, each in zip(self.inputs, inputs, strict=True)
                    ),
                    about=f"inputs:{names}",
                )
        return x

    def cost(self, *inputs: Shape) -> Cost:
        x, state = inputs[0], inputs[2].channels
        elements = x.elements * state
        return Cost(
            elements,
            connections=elements,
            operations={
                "multiply": 3 * elements
                + 2 * x.elements,  # delta*A, its use, and delta*x with b; delta*x, D*x
                "exp": elements,
                "add": elements + x.elements,
            },
        )

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        return self, tuple(map(one_token, inputs))

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        x, _, b, _ = inputs
        return {"states": product(x.space[:-1]) * x.channels * b.channels}

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        return {"states": inputs[0].elements * inputs[2].channels}

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        until = Reach("length", Steps((0,), 0), Steps((0,), 1))
        own = {axis: alike(axis) for axis in inputs[0].axes if axis != CHANNELS} | {"length": until}
        return own, own, own, {**own, "length": alike("length")}

    def forward(self, tools: Tools, *inputs: Array, **weights: Array) -> Array:
        x, delta, b, c = (one.reshape(-1, *one.shape[-2:]) for one in inputs)
        rates = -tools.exp(weights["A_log"])
        h = tools.left("state", tools.zeros((len(x), *rates.shape), x.dtype))
        y = tools.empty(x.shape, x.dtype)
        for step in range(x.shape[1]):
            entering = (delta[:, step] * x[:, step])[..., None] * b[:, step, None]
            h = tools.exp(delta[:, step, :, None] * rates) * h + entering
            y[:, step] = tools.matmul(h, c[:, step, :, None])[..., 0]
        tools.leave("state", h)
        return (y + weights["D"] * x).reshape(inputs[0].shape)
