"""What depends on sizes alone is computed: its numbers are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.importing.readers._onnx.state import (
    LARGEST,
    MOST_NUMBERS,
    Attributes,
    Constant,
    Dims,
    Reading,
    Rule,
    is_weight_name,
    known,
    spread,
)
from paramcalc.importing.source import Weight

NUMBERS: dict[str, Callable[..., Any]] = {
    "add": lambda np, x, y: x + y,
    "subtract": lambda np, x, y: x - y,
    "multiply": lambda np, x, y: x * y,
    "divide": lambda np, x, y: x / y,
    "power": lambda np, x, y: x.astype("f8") ** y,
    "maximum": lambda np, *x: np.maximum.reduce(np.broadcast_arrays(*x)),
    "minimum": lambda np, *x: np.minimum.reduce(np.broadcast_arrays(*x)),
    "Equal": lambda np, x, y: x == y,
    "Greater": lambda np, x, y: x > y,
    "GreaterOrEqual": lambda np, x, y: x >= y,
    "Less": lambda np, x, y: x < y,
    "LessOrEqual": lambda np, x, y: x <= y,
    "And": lambda np, x, y: np.logical_and(x, y),
    "Or": lambda np, x, y: np.logical_or(x, y),
    "Xor": lambda np, x, y: np.logical_xor(x, y),
    "Not": lambda np, x: np.logical_not(x),
    "Mod": lambda np, x, y: np.mod(x, y),
    "Where": lambda np, c, x, y: np.where(c.astype(bool), x, y),
    "Neg": lambda np, x: -x,
    "Floor": lambda np, x: np.floor(x),
    "Ceil": lambda np, x: np.ceil(x),
    "Round": lambda np, x: np.round(x),
    "Sqrt": lambda np, x: np.sqrt(x),
    "Abs": lambda np, x: np.abs(x),
    "Exp": lambda np, x: np.exp(x),
    "Log": lambda np, x: np.log(x),
    "Sin": lambda np, x: np.sin(x),
    "Cos": lambda np, x: np.cos(x),
    "Reciprocal": lambda np, x: 1 / x,
    "Range": lambda np, start, stop, step: np.arange(float(start), float(stop), float(step)),
    "Trilu": lambda np, x, k=0: np.tril(x, int(k)),
}


def folded(reader: Reading, name: str, inputs: list[Any]) -> bool:
    """Computes what depends on known numbers alone; whether it did."""
    import numpy as np

    if not all(isinstance(one, Constant) and one.numbers is not None for one in inputs if one is not None):
        return False
    if any(one.learned for one in inputs if one is not None):
        return False
    whole = not inputs[0].is_float
    x = [one.numbers for one in inputs if one is not None]
    with np.errstate(all="ignore"):
        found = NUMBERS[name](np, *x)
    if whole and name == "divide":
        found = np.trunc(found)
    set_numbers(reader, found, inputs[0].is_float)
    return True


def set_numbers(reader: Reading, numbers: Any, is_float: bool, place: int = 0) -> None:
    import numpy as np

    found = np.asarray(numbers)
    if found.size > MOST_NUMBERS:
        raise Fault(f"{reader.here.kind} '{reader.here.name}' would compute {found.size:,} sizes")
    for name in filter(None, map(reader.meant, reader.here.inputs)):
        stored = reader.values[name]
        if isinstance(stored, Constant) and stored.is_float and not stored.learned:
            reader.weights.setdefault(name, Weight(stored.dims, learned=False))
    kind = "f8" if is_float else "i8"
    value = np.nan_to_num(found).astype(kind) if not is_float else found.astype(kind)
    reader.give(place, Constant(tuple(found.shape), value, False, is_float))


def numeric(name: str, is_float: bool | None = None) -> Rule:
    """An operation that is computed on sizes, and has the name that ONNX gives it on data."""

    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        if folded(reader, name, inputs):
            value = reader.values[reader.here.outputs[0]]
            if is_float is not None and isinstance(value, Constant):
                reader.give(0, value._replace(is_float=is_float))
            return
        dims: Dims = ()
        for one in inputs:
            dims = spread(dims, one.dims)
        primitive = {"Neg": "negative", "Sqrt": "sqrt", "Exp": "exp", "Log": "log", "Abs": "abs"}.get(
            name, name
        )
        reads: list[str | float | None] = [reader.input(place) for place in range(len(inputs))]
        if name == "Reciprocal":
            primitive, reads = "divide", [1.0, *reads]
        reader.emit(primitive, reads, dims, is_float=inputs[-1].is_float if is_float is None else is_float)

    return rule


def shape_of(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    dims = inputs[0].dims
    set_numbers(reader, [*dims[given.get("start", 0) : given.get("end", len(dims))]], False)


def size_of(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    set_numbers(reader, prod(inputs[0].dims), False)


def constant_of_shape(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    """Weights of files without their weights are made so; small ones are arithmetic."""
    import numpy as np

    dims = tuple(reader.integers(0) or [])
    filled = given.get("value")
    is_float = filled is None or filled.is_float
    number = 0 if filled is None or filled.numbers is None else filled.numbers.reshape(-1)[0]
    if any(dim < 0 for dim in dims) or prod(dims) > LARGEST:
        raise Fault("ConstantOfShape of impossible sizes", found="x".join(map(str, dims)))
    numbers = np.full(dims, number) if prod(dims) <= 4096 else None
    reader.give(0, Constant(dims, numbers, False, is_float))
    if is_float and prod(dims) > 1:
        reader.blank.add(reader.here.outputs[0])


def constant(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    value = given.get("value")
    if isinstance(value, Constant):
        learned = value.learned and is_weight_name(reader.here.outputs[0])
        reader.give(0, value._replace(learned=learned))
        return
    for name, is_float in (
        ("value_float", True),
        ("value_floats", True),
        ("value_int", False),
        ("value_ints", False),
    ):
        if given.get(name) is not None:
            reader.give(
                0, Constant(np.asarray(given.get(name)).shape, np.asarray(given.get(name)), False, is_float)
            )
            return
    raise Fault(f"Constant '{reader.here.name}' has no numbers")


def scatter(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    """Masks are written into arrays so."""
    import numpy as np

    known = all(isinstance(one, Constant) and one.numbers is not None for one in inputs)
    if known and given.get("reduction", "none") == "none":
        found, places = inputs[0].numbers.copy(), inputs[1].numbers.astype("i8")
        found[tuple(np.moveaxis(places, -1, 0))] = inputs[2].numbers
        set_numbers(reader, found, inputs[0].is_float)
    else:
        reader.unknown("ScatterND", inputs)


def trilu(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    if known(inputs[0]) and (len(inputs) < 2 or known(inputs[1])):
        k = int(inputs[1].numbers.reshape(-1)[0]) if len(inputs) > 1 else 0
        function = np.triu if given.get("upper", 1) else np.tril
        set_numbers(reader, function(inputs[0].numbers, k), inputs[0].is_float)
    else:
        reader.emit("Trilu", [reader.input(0)], inputs[0].dims)


OPS: Mapping[str, Rule] = {
    "And": numeric("And", False),
    "Ceil": numeric("Ceil"),
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Cos": numeric("Cos"),
    "Equal": numeric("Equal", False),
    "Exp": numeric("Exp"),
    "Floor": numeric("Floor"),
    "Greater": numeric("Greater", False),
    "GreaterOrEqual": numeric("GreaterOrEqual", False),
    "Less": numeric("Less", False),
    "LessOrEqual": numeric("LessOrEqual", False),
    "Log": numeric("Log"),
    "Mod": numeric("Mod"),
    "Neg": numeric("Neg"),
    "Not": numeric("Not", False),
    "Or": numeric("Or", False),
    "Range": numeric("Range"),
    "Reciprocal": numeric("Reciprocal"),
    "Round": numeric("Round"),
    "ScatterND": scatter,
    "Shape": shape_of,
    "Sin": numeric("Sin"),
    "Size": size_of,
    "Sqrt": numeric("Sqrt"),
    "Trilu": trilu,
    "Where": numeric("Where"),
    "Xor": numeric("Xor", False),
}
