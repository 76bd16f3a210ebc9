"""Arithmetic element by element, and the activations that exporters write out in it."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from paramcalc.importing.readers._onnx.numbers import folded
from paramcalc.importing.readers._onnx.state import Attributes, Constant, Data, Reading, Rule, spread
from paramcalc.importing.source import Primitive, SourceNode, Weight


def plain(name: str, **more: Any) -> Rule:
    return lambda reader, given, inputs: reader.emit(name, [reader.input(0)], inputs[0].dims, **more)


def clip(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    def end(place: int, attribute: str) -> float | None:
        if given.get(attribute) is not None:
            return float(given.get(attribute))
        found = reader.numbers(place)
        return None if found is None else float(found.reshape(-1)[0])

    low, high = end(1, "min"), end(2, "max")
    low, high = (None if one is not None and abs(one) > 3e38 else one for one in (low, high))
    if (low, high) == (0, 6):
        reader.emit("relu6", [reader.input(0)], inputs[0].dims)
    elif (low, high) == (0, None):
        reader.emit("relu", [reader.input(0)], inputs[0].dims)
    else:
        reader.emit("clip", [reader.input(0)], inputs[0].dims, low=low, high=high)


def hard_sigmoid(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    alpha, beta = given.get("alpha", 0.2), given.get("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-3 or abs(beta - 0.5) > 1e-6:
        name = reader.here.outputs[0]
        reader.emit_as(f"{name}:line", "scale", [reader.input(0)], inputs[0].dims, factor=alpha, offset=beta)
        reader.emit("clip", [f"{name}:line"], inputs[0].dims, low=0.0, high=1.0)
        return
    reader.emit("hard_sigmoid", [reader.input(0)], inputs[0].dims)


def dropout(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    ratio = given.get("ratio")
    if ratio is None:
        found = reader.numbers(1)
        ratio = 0.5 if found is None else float(found.reshape(-1)[0])
    if ratio == 0:
        reader.same()
        return
    reader.emit("dropout", [reader.input(0)], inputs[0].dims, p=ratio)


def prelu(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    reader.constant(reader.input(1), learned=True)
    name = reader.input(1)
    reader.weights[name] = reader.weights.get(name, Weight(inputs[1].dims))
    value = reader.here.outputs[0]
    reader.values[value] = Data(inputs[0].dims, True)
    reader.made[value] = reader.here
    reader.nodes.append(
        SourceNode(value, Primitive("prelu"), (reader.input(0), name), inputs[0].dims, reader.here.modules)
    )


def arithmetic(name: str) -> Rule:
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        if reader.here.outputs[0] in reader.taken:
            return
        dims = spread(inputs[0].dims, inputs[1].dims)
        if folded(reader, name, inputs):
            return
        if name == "multiply":
            ones = [place for place in (0, 1) if _number(reader, reader.input(place)) == 1]
            if ones and inputs[1 - ones[0]].dims == dims:
                reader.same(1 - ones[0])
                return
        x = hard_gate(reader, name)
        if x:
            reader.emit("hard_sigmoid", [x], dims)
            reader.gates[reader.here.outputs[0]] = x
            return
        if name == "divide" and (x := hard_product(reader)):
            reader.emit("hard_swish", [x], dims)
            return
        if name == "multiply" and (found := gate_of_itself(reader)):
            kind, x = found
            more: dict[str, Any] = {"approximate": "none"} if kind == "gelu" else {}
            reader.emit(kind, [x], dims, **more)
            return
        reader.emit(name, [reader.input(0), reader.input(1)], dims, is_float=inputs[0].is_float)

    return rule


def clipped(reader: Reading, name: str) -> str:
    """The x of min(max(x + 3, 0), 6), or ''."""
    clip = reader.made.get(name)
    if clip is None or clip.kind != "Clip" or reader.primitives.get(name) != "relu6":
        return ""
    plus = reader.made.get(reader.meant(clip.inputs[0]))
    if plus is None or plus.kind != "Add":
        return ""
    terms = [reader.meant(one) for one in plus.inputs]
    if not any(_number(reader, one) == 3 for one in terms):
        return ""
    return next(one for one in terms if _number(reader, one) != 3)


def hard_gate(reader: Reading, name: str) -> str:
    """The x of a hard sigmoid written out: what is clipped, over 6; or ''."""
    one, two = reader.input(0), reader.input(1)
    if name == "divide" and _number(reader, two) == 6:
        return clipped(reader, one)
    if name == "multiply" and _number(reader, two) == 0.16667:
        return clipped(reader, one)
    return clipped(reader, two) if name == "multiply" and _number(reader, one) == 0.16667 else ""


def hard_product(reader: Reading) -> str:
    """The x of a hard swish written out: x times what is clipped, over 6; or ''."""
    product = reader.made.get(reader.input(0))
    if product is None or product.kind != "Mul" or _number(reader, reader.input(1)) != 6:
        return ""
    one, two = (reader.meant(read) for read in product.inputs)
    return one if clipped(reader, two) == one else two if clipped(reader, one) == two else ""


def gate_of_itself(reader: Reading) -> tuple[str, str] | None:
    """A product of a tensor with a gate of itself: silu, hard_swish, mish, or gelu written out."""
    one, two = reader.input(0), reader.input(1)
    for x, gate in ((one, two), (two, one)):
        if reader.gates.get(gate) == x:
            return "hard_swish", x
        made = reader.made.get(gate)
        if made is None:
            continue
        source = reader.meant(made.inputs[0])
        names = {"Sigmoid": "silu", "HardSigmoid": "hard_swish"}
        if made.kind in names and source == x:
            return names[made.kind], x
        soft = reader.made.get(source) if made.kind == "Tanh" else None
        if soft is not None and soft.kind == "Softplus" and reader.meant(soft.inputs[0]) == x:
            return "mish", x
    factors = [*_factors(reader, one, 0), *_factors(reader, two, 0)]
    halves = [name for name in factors if _number(reader, name) == 0.5]
    errs = [name for name in factors if _error_function(reader, name)]
    rest = [name for name in factors if name not in (*halves, *errs)]
    if len(halves) == len(errs) == len(rest) == 1 and _error_function(reader, errs[0]) == rest[0]:
        return "gelu", rest[0]
    return None


def _factors(reader: Reading, name: str, depth: int) -> list[str]:
    made = reader.made.get(name)
    if made is None or made.kind != "Mul" or depth > 2:
        return [name]
    return [each for read in made.inputs for each in _factors(reader, reader.meant(read), depth + 1)]


def _number(reader: Reading, name: str) -> float | None:
    value = reader.values.get(name)
    if isinstance(value, Constant) and value.numbers is not None and prod(value.dims) == 1:
        return round(float(value.numbers.reshape(-1)[0]), 5)
    return None


def _error_function(reader: Reading, name: str) -> str:
    """The x of 1 + erf(x / sqrt(2)), or ''."""
    plus = reader.made.get(name)
    if plus is None or plus.kind != "Add":
        return ""
    terms = [reader.meant(one) for one in plus.inputs]
    erf = next(
        (reader.made[one] for one in terms if one in reader.made and reader.made[one].kind == "Erf"), None
    )
    if erf is None or not any(_number(reader, one) == 1 for one in terms):
        return ""
    scaled = reader.made.get(reader.meant(erf.inputs[0]))
    if scaled is None or scaled.kind not in ("Div", "Mul"):
        return ""
    wanted = 1.41421 if scaled.kind == "Div" else 0.70711
    reads = [reader.meant(one) for one in scaled.inputs]
    if any(_number(reader, one) == wanted for one in reads):
        return next(one for one in reads if _number(reader, one) != wanted)
    return ""


def power(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    if folded(reader, "power", inputs):
        return
    exponent = _number(reader, reader.input(1))
    if exponent == 2:
        reader.emit("square", [reader.input(0)], inputs[0].dims)
    else:
        reader.emit("power", [reader.input(0), reader.input(1)], spread(inputs[0].dims, inputs[1].dims))


def many(name: str) -> Rule:
    """Sums, maxima and minima of any number of tensors."""

    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        if len(inputs) == 1:
            reader.same()
            return
        if name != "add" and folded(reader, name, inputs):
            return
        zero = [place for place in range(len(inputs)) if _number(reader, reader.input(place)) == 0]
        if name == "maximum" and len(inputs) == 2 and len(zero) == 1:
            reader.emit("relu", [reader.input(1 - zero[0])], inputs[1 - zero[0]].dims)
            return
        before, dims = reader.input(0), inputs[0].dims
        for place in range(1, len(inputs)):
            dims = spread(dims, inputs[place].dims)
            is_last = place == len(inputs) - 1
            value = reader.here.outputs[0] if is_last else f"{reader.here.outputs[0]}:{place}"
            reader.emit_as(value, name, [before, reader.input(place)], dims)
            before = value

    return rule


OPS: Mapping[str, Rule] = {
    "Abs": plain("abs"),
    "Add": arithmetic("add"),
    "Clip": clip,
    "Div": arithmetic("divide"),
    "Dropout": dropout,
    "Elu": lambda reader, given, inputs: plain("elu", alpha=given.get("alpha", 1.0))(reader, given, inputs),
    "Erf": plain("erf"),
    "Gelu": lambda reader, given, inputs: plain("gelu", approximate=given.get("approximate", "none"))(
        reader, given, inputs
    ),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": plain("hard_swish"),
    "LeakyRelu": lambda reader, given, inputs: plain("leaky_relu", slope=given.get("alpha", 0.01))(
        reader, given, inputs
    ),
    "Max": many("maximum"),
    "Min": many("minimum"),
    "Mish": plain("mish"),
    "Mul": arithmetic("multiply"),
    "PRelu": prelu,
    "Pow": power,
    "Relu": plain("relu"),
    "Selu": plain("selu"),
    "Sigmoid": plain("sigmoid"),
    "Softplus": plain("softplus"),
    "Sub": arithmetic("subtract"),
    "Sum": many("add"),
    "Swish": plain("silu"),
    "Tanh": plain("tanh"),
}
