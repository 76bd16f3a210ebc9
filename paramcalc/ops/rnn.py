"""Recurrent layer without gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from paramcalc.ops._recurrent import Recurrent
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Example, Tools


@dataclass(frozen=True)
class Rnn(Recurrent):
    """h = tanh(W_ih x + W_hh h + b), step by step (Elman 1990).

    Input:     length x channels; axes before them hold sequences of their own
    State:     out_channels, if given; else zeros. Of several layers or directions, a row for each
    Weight ih: out_channels x channels, hh: out_channels x out_channels; for each layer and direction
    Output:    length x out_channels, twice that if bidirectional; `last`: only after the last step

    Each layer above the first reads the output of the one below. `biases` is 2 as in PyTorch, which adds one
    to each product, or 1 as in Keras.
    """

    activation: Word = field(default="tanh", metadata={"choices": ("tanh", "relu")})

    elsewhere = {**Recurrent.elsewhere, "nonlinearity": "activation"}
    examples = (
        # (64*32 + 64*64) weights, 2*64 biases
        Example("rnn 64", ("{length: 10, channels: 32}",), "10x64", params=6_272, macs=61_440),
        Example("rnn 4 activation=relu biases=1 last=true", ("{length: 3, channels: 2}",), "4", 28, 72),
        Example("rnn 4", ("{length: 3, channels: 2}", "4"), "3x4", params=32, macs=72),
    )

    def _cell_work(self) -> dict[str, int]:
        return {"add": 1, "tanh" if self.activation == "tanh" else "compare": 1}

    def _step(
        self, tools: Tools, entering: Array, states: list[Array], weights: Mapping[str, Array]
    ) -> list[Array]:
        y = entering + tools.matmul(states[0], weights["weight_hh"].T)
        return [tools.tanh(y) if self.activation == "tanh" else tools.maximum(y, 0)]
