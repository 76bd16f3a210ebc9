"""Gated recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paramcalc.base.sizes import Size
from paramcalc.ops._recurrent import Recurrent, sigmoid
from paramcalc.ops.attributes import Flag
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class Gru(Recurrent):
    """h = (1 - z)*n + z*h with the gates r and z, step by step (Cho et al. 2014).

    Input:     length x channels; axes before them hold sequences of their own
    State:     out_channels, if given; else zeros. Of several layers or directions, a row for each
    Weight ih: 3*out_channels x channels, hh: 3*out_channels x out_channels; rows in the order r, z, n
    Output:    length x out_channels, twice that if bidirectional; `last`: only after the last step

    n = tanh(W_in x + b_in + r*(W_hn h + b_hn)) as in PyTorch, cuDNN and Keras; with reset_after=false,
    as in the paper, tanh(W_in x + b + W_hn (r*h)). `biases` is 2 as in PyTorch and in Keras with
    reset_after, 1 as in Keras without.
    """

    reset_after: Flag = True

    gates = 3
    examples = (
        # Keras: Bidirectional(GRU(32)) on 16 channels, each direction 3*32*(16 + 32 + 2)
        Example(
            "gru 32 bidirectional=true last=true",
            ("{length: 10, channels: 16}",),
            "64",
            params=9_600,
            macs=92_160,
        ),
        Example("gru 4 reset_after=false biases=1", ("{length: 3, channels: 2}",), "3x4", 84, 216),
        Example("gru 4 bias=false", ("{length: 3, channels: 2}", "4"), "3x4", 72, 216),
    )

    def _recurrent_bias(self) -> bool:
        return self.reset_after

    def _bias_adds(self) -> Size:
        """That of n's recurrent part stays by itself, as it is multiplied by r."""
        return (4 if self.biases == 2 and self.reset_after else 3) * self.out_channels

    def _cell_work(self) -> dict[str, int]:
        """Three sums of two products, two sigmoids, tanh, r's product, and the mean that z weighs."""
        return {"add": 3 + 2 + 1, "exp": 2, "divide": 2, "tanh": 1, "multiply": 3, "subtract": 1}

    def _step(
        self, tools: Tools, entering: Array, states: list[Array], weights: Mapping[str, Array]
    ) -> list[Array]:
        (h,), size = states, self.out_channels
        matrix, bias = weights["weight_hh"], weights.get("bias_hh")
        if self.reset_after:
            recurrent = tools.matmul(h, matrix.T)
            if bias is not None:
                recurrent += bias
            both = sigmoid(tools, entering[:, : 2 * size] + recurrent[:, : 2 * size])
            reset, update = both[:, :size], both[:, size:]
            new = tools.tanh(entering[:, 2 * size :] + reset * recurrent[:, 2 * size :])
        else:
            both = sigmoid(tools, entering[:, : 2 * size] + tools.matmul(h, matrix[: 2 * size].T))
            reset, update = both[:, :size], both[:, size:]
            new = tools.tanh(entering[:, 2 * size :] + tools.matmul(reset * h, matrix[2 * size :].T))
        return [(1 - update) * new + update * h]
