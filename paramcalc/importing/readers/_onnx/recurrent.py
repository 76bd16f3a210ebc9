"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.importing.readers._onnx.state import Attributes, Data, Reader, Rule
from paramcalc.importing.source import Node, Weight


def recurrent(name: str, gates: int) -> Rule:
    """ONNX keeps the weights of both directions in one tensor; they are counted by our op's own."""

    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        from paramcalc.ops.attributes import op

        hidden = given.get("hidden_size") or inputs[2].dims[2]
        length, batch, _ = inputs[0].dims
        both = given.get("direction", "forward") == "bidirectional"
        ways = 2 if both else 1
        biased = len(inputs) > 3 and inputs[3] is not None
        if batch != 1 and length == 1:
            raise Fault(f"{reader.here.kind} '{reader.here.name}' has the batch first, which is not read")
        if len(inputs) > 5 and isinstance(inputs[5], Data):
            reader.remarks.append(
                f"{reader.here.kind} '{reader.here.name}' starts from zeros: the state that it reads is left out"
            )
        made: dict[str, Any] = {"bidirectional": both, "bias": biased}
        if name == "gru":
            made["reset_after"] = bool(given.get("linear_before_reset", 0))
        layer = op(name, hidden, **made)
        value = f"{reader.here.outputs[0] or reader.here.name}:tokens"
        names = {each: f"{reader.here.inputs[1]}:{each}" for each in _weights(name, ways, biased)}
        channels = inputs[0].dims[2]
        for each, key in names.items():
            rows = gates * hidden
            dims = (rows,) if each.startswith("bias") else (rows, channels if "_ih_" in each else hidden)
            reader.weights[key] = Weight(dims)
        laid = f"{value}:in"
        reader.emit_as(laid, "permute", [reader.input(0)], (batch, length, channels), axes=(1, 0, 2))
        reader.nodes.append(
            Node(value, layer, (laid,), (batch, length, ways * hidden), reader.here.modules, names)
        )
        reader.values[value] = Data((batch, length, ways * hidden), True)
        outputs = reader.here.outputs
        if outputs and outputs[0]:
            four = f"{value}:four"
            reader.emit_as(four, "reshape", [value], (batch, length, ways, hidden))
            reader.emit_as(outputs[0], "permute", [four], (length, ways, batch, hidden), axes=(1, 2, 0, 3))
        for place in range(1, len(outputs)):
            if outputs[place] and reader.readers.get(outputs[place]):
                last = f"{value}:last{place}"
                reader.emit_as(
                    last,
                    "slice",
                    [value],
                    (batch, 1, ways * hidden),
                    axis=1,
                    start=length - 1,
                    stop=length,
                    step=1,
                )
                reader.emit_as(outputs[place], "reshape", [last], (ways, batch, hidden))
            elif outputs[place]:
                reader.values[outputs[place]] = Data((ways, batch, hidden), True)

    return rule


def _weights(name: str, ways: int, biased: bool) -> list[str]:
    kinds = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if biased else [])]
    return [f"{kind}_l0{end}" for end in ("", "_reverse")[:ways] for kind in kinds]


OPS: Mapping[str, Rule] = {
    "GRU": recurrent("gru", 3),
    "LSTM": recurrent("lstm", 4),
    "RNN": recurrent("rnn", 1),
}
