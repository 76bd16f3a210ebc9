"""Recurrent layers, whose weights ONNX keeps in one array for both directions, gates in an order of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.importing.readers._onnx.state import Attributes, Data, Reading, Rule
from paramcalc.importing.source import SourceNode, Weight
from paramcalc.ops.attributes import op

GATES = {"lstm": (0, 2, 3, 1), "gru": (1, 0, 2), "rnn": (0,)}  # ours, by their places in ONNX
USUAL = {"lstm": ["Sigmoid", "Tanh", "Tanh"], "gru": ["Sigmoid", "Tanh"], "rnn": ["Tanh"]}


class _Sizes(NamedTuple):
    length: int
    batch: int
    channels: int
    hidden: int
    ways: int


def recurrent(name: str) -> Rule:
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        here = reader.here
        direction = given.get("direction", "forward")
        hidden = given.get("hidden_size") or inputs[2].dims[2]
        length, batch, channels = inputs[0].dims
        sizes = _Sizes(length, batch, channels, hidden, 2 if direction == "bidirectional" else 1)
        if sizes.batch != 1 and sizes.length == 1:
            raise Fault(f"{here.kind} '{here.name}' has the batch first, which is not read")
        made = _attributes(reader, name, given)
        if made is None or direction == "reverse" or any(inputs[4:5]) or any(inputs[7:8]):
            _unlike(reader, inputs, sizes)
            return
        biased = len(inputs) > 3 and inputs[3] is not None
        states = [place for place in (5, 6) if len(inputs) > place and inputs[place] is not None]
        read = [*filter(None, (_state(reader, place, sizes) for place in states))]
        last = bool(_is_read(reader, 1)) and not _is_read(reader, 0)
        layer = op(name, sizes.hidden, bidirectional=sizes.ways == 2, last=last, bias=biased, **made)
        value = f"{here.outputs[0] or here.name}:tokens"
        laid = f"{value}:in"
        whole = (sizes.batch, sizes.length, sizes.channels)
        reader.emit_as(laid, "permute", [reader.input(0)], whole, axes=(1, 0, 2))
        names = {one.ours: _weight(reader, one) for one in _weights(name, sizes, biased)}
        dims = (sizes.batch, *(() if last else (sizes.length,)), sizes.ways * sizes.hidden)
        reader.nodes.append(SourceNode(value, layer, (laid, *read), dims, here.modules, names))
        reader.values[value] = Data(dims, True)
        _results(reader, value, last, sizes)

    return rule


def _attributes(reader: Reading, name: str, given: Attributes) -> dict[str, Any] | None:
    """What the op has besides sizes; None where it has no counterpart."""
    activations = given.get("activations") or USUAL[name]
    usual = activations[: len(USUAL[name])] == USUAL[name]
    if name == "gru":
        return {"reset_after": bool(given.get("linear_before_reset", 0))} if usual else None
    if name == "rnn" and activations[0] in ("Tanh", "Relu"):
        return {"activation": activations[0].lower()}
    return {} if usual and not given.get("input_forget") and given.get("clip") is None else None


def _unlike(reader: Reading, inputs: list[Any], sizes: _Sizes) -> None:
    """A layer without counterpart: all that it gives is."""
    reads = [reader.input(place) or None for place in range(len(inputs))]
    last = (sizes.ways, sizes.batch, sizes.hidden)
    for place, output in enumerate(reader.here.outputs):
        if output:
            reader.emit(reader.here.kind, reads, last if place else (sizes.length, *last), place)


def _is_read(reader: Reading, place: int) -> bool:
    outputs = reader.here.outputs
    return len(outputs) > place and bool(outputs[place]) and outputs[place] in reader.wanted


def _state(reader: Reading, place: int, sizes: _Sizes) -> str:
    """The first state, a row for each direction; '' where it is zeros, which ours starts with too."""
    name = reader.input(place)
    value = reader.values[name]
    if not isinstance(value, Data):
        if value.numbers is None or value.numbers.any():
            reader.remarks.append(
                f"{reader.here.kind} '{reader.here.name}' starts from zeros, not from '{name}'"
            )
        return ""
    laid = f"{reader.here.outputs[0] or reader.here.name}:state{place}"
    rows = (sizes.batch, sizes.ways, sizes.hidden) if sizes.ways > 1 else (sizes.batch, sizes.hidden)
    if sizes.batch == 1 or sizes.ways == 1:
        reader.emit_as(laid, "reshape", [name], rows)
    else:
        reader.emit_as(laid, "permute", [name], rows, axes=(1, 0, 2))
    return laid


class _Part(NamedTuple):
    """A weight: our name, the input that has it, what is taken of that, and its sizes."""

    ours: str
    place: int
    taken: str
    dims: tuple[int, ...]


def _weights(name: str, sizes: _Sizes, biased: bool) -> Iterator[_Part]:
    h, gates = sizes.hidden, GATES[name]
    for way, end in enumerate(("", "_reverse")[: sizes.ways]):
        rows = ",".join(f"{gate * h}:{gate * h + h}" for gate in gates)
        for place, kind, width in ((1, "ih", sizes.channels), (2, "hh", h)):
            taken = f"[{way}:{way + 1}].permute(1,0,2)[{rows}]"
            yield _Part(f"weight_{kind}_l0{end}", place, taken, (len(gates) * h, width))
        for number, kind in enumerate(("ih", "hh")) if biased else ():
            start = number * len(gates) * h
            rows = ",".join(f"{start + gate * h}:{start + gate * h + h}" for gate in gates)
            taken = f"[{way}:{way + 1}].permute(1,0)[{rows}]"
            yield _Part(f"bias_{kind}_l0{end}", 3, taken, (len(gates) * h,))


def _weight(reader: Reading, part: _Part) -> str:
    """A part of an array of the file, as a weight under a name of its own."""
    name = reader.input(part.place)
    key = f"{name}:{part.ours}"
    reader.weights[key] = Weight(part.dims, stored=name + part.taken)
    return key


def _results(reader: Reading, value: str, last: bool, sizes: _Sizes) -> None:
    """All steps, length x directions x batch x hidden; the last one of each direction; the last cell."""
    outputs = reader.here.outputs
    length, batch, _, hidden, ways = sizes
    if outputs and outputs[0] and not last:
        four = f"{value}:four"
        reader.emit_as(four, "reshape", [value], (batch, length, ways, hidden))
        reader.emit_as(outputs[0], "permute", [four], (length, ways, batch, hidden), axes=(1, 2, 0, 3))
    elif outputs and outputs[0]:
        reader.values[outputs[0]] = Data((length, ways, batch, hidden), True)
    if len(outputs) > 1 and outputs[1]:
        end = value if last else _ends(reader, value, sizes)
        if ways == 1 or batch == 1:
            reader.emit_as(outputs[1], "reshape", [end], (ways, batch, hidden))
        else:
            reader.emit_as(f"{end}:rows", "reshape", [end], (batch, ways, hidden))
            reader.emit_as(outputs[1], "permute", [f"{end}:rows"], (ways, batch, hidden), axes=(1, 0, 2))
    if len(outputs) > 2 and outputs[2] in reader.readers:
        reader.emit_as(outputs[2], "last cell", [value], (ways, batch, hidden))
    elif len(outputs) > 2 and outputs[2] in reader.wanted:
        reader.left.add(outputs[2])
        reader.values[outputs[2]] = Data((ways, batch, hidden), True)
        kind, name = reader.here.kind, reader.here.name
        reader.remarks.append(
            f"{outputs[2]}, the last cell of {kind} '{name}', is no output: no count depends on it"
        )


def _ends(reader: Reading, value: str, sizes: _Sizes) -> str:
    """What each direction ends with: the forward one at the last position, the other at the first."""
    length, batch, _, hidden, ways = sizes
    parts = []
    for way in range(ways):
        at, part = (0, f"{value}:first") if way else (length - 1, f"{value}:last")
        reader.emit_as(
            part, "slice", [value], (batch, 1, ways * hidden), axis=1, start=at, stop=at + 1, step=1
        )
        own = f"{part}:own"
        reader.emit_as(own, "slice", [part], (batch, 1, hidden),
                       axis=2, start=way * hidden, stop=(way + 1) * hidden, step=1)  # fmt: skip
        parts.append(own)
    if ways == 1:
        return f"{value}:last"
    reader.emit_as(f"{value}:ends", "concat", parts, (batch, 1, ways * hidden), axis=2)
    return f"{value}:ends"


OPS: Mapping[str, Rule] = {"GRU": recurrent("gru"), "LSTM": recurrent("lstm"), "RNN": recurrent("rnn")}
