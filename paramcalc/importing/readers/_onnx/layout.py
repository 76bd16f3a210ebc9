"""Where elements go: reshapes, cuts, joins, and sums over axes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.importing.readers._onnx.numbers import set_numbers
from paramcalc.importing.readers._onnx.state import (
    MOST_NUMBERS,
    Attributes,
    Constant,
    Data,
    Dims,
    Reading,
    Rule,
    axis_of,
    known,
    spread,
)


def reshape(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    wanted = reader.integers(1, "shape") or []
    x = inputs[0].dims
    dims = [
        x[place] if size == 0 and not given.get("allowzero", 0) else size for place, size in enumerate(wanted)
    ]
    if -1 in dims:
        others = prod(size for size in dims if size != -1)
        dims[dims.index(-1)] = prod(x) // others if others else 0
    if prod(dims) != prod(x):
        raise Fault(
            f"Reshape '{reader.here.name}' does not keep the number of elements",
            found=f"{'x'.join(map(str, x))} to {'x'.join(map(str, dims))}",
            fix="the network was exported for another size of input: give that by --input",
        )
    give_laid(reader, inputs[0], tuple(dims))


def give_laid(reader: Reading, x: Any, dims: Dims, name: str = "reshape", **more: Any) -> None:
    """The same elements under other sizes."""
    if known(x):
        reader.give(0, x._replace(dims=dims, numbers=x.numbers.reshape(dims)))
    elif dims == x.dims:
        reader.same()
    else:
        reader.emit(name, [reader.input(0)], dims, is_float=x.is_float, **more)


def flatten(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    axis = given.get("axis", 1)
    axis = axis + len(x) if axis < 0 else axis
    give_laid(reader, inputs[0], (prod(x[:axis]), prod(x[axis:])))


def squeeze(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    axes = reader.integers(1, "axes")
    gone = (
        [place for place, dim in enumerate(x) if dim == 1]
        if axes is None
        else [axis_of(a, len(x)) for a in axes]
    )
    give_laid(reader, inputs[0], tuple(dim for place, dim in enumerate(x) if place not in gone))


def unsqueeze(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    axes = reader.integers(1, "axes") or []
    if reader.input(0) in reader.signals and axes in ([1], [-2]):
        reader.same()
        return
    rank = len(inputs[0].dims) + len(axes)
    new = {axis_of(axis, rank) for axis in axes}
    old = iter(inputs[0].dims)
    give_laid(reader, inputs[0], tuple(1 if place in new else next(old) for place in range(rank)))


def transpose(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0]
    axes = tuple(given.get("perm", [*reversed(range(len(x.dims)))]))
    if sorted(axes) != [*range(len(x.dims))]:
        raise Fault(f"Transpose '{reader.here.name}' does not name each axis once", found=str(axes))
    dims = tuple(x.dims[axis] for axis in axes)
    if known(x):
        reader.give(0, x._replace(dims=dims, numbers=x.numbers.transpose(axes)))
    else:
        reader.emit("permute", [reader.input(0)], dims, is_float=x.is_float, axes=axes)


def concat(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    rank = len(inputs[0].dims)
    axis = axis_of(given.get("axis", 1), rank)
    if all(known(one) for one in inputs):
        set_numbers(reader, np.concatenate([one.numbers for one in inputs], axis), inputs[0].is_float)
        return
    if len(inputs) == 1:
        reader.same()
        return
    dims = list(inputs[0].dims)
    dims[axis] = sum(one.dims[axis] for one in inputs)
    reads = [reader.input(place) for place in range(len(inputs))]
    reader.emit("concat", reads, tuple(dims), is_float=inputs[0].is_float, axis=axis)


def split(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    x, count = inputs[0].dims, len(reader.here.outputs)
    axis = axis_of(given.get("axis", 0), len(x))
    sizes = reader.integers(1, "split")
    if not sizes:
        each = -(-x[axis] // count)
        sizes = [min(each, x[axis] - each * place) for place in range(count)]
    start = 0
    for place, size in enumerate(sizes):
        dims = (*x[:axis], size, *x[axis + 1 :])
        if known(inputs[0]):
            cut = (slice(None),) * axis + (slice(start, start + size),)
            set_numbers(reader, inputs[0].numbers[cut], inputs[0].is_float, place)
        elif reader.here.outputs[place]:
            reader.emit("slice", [reader.input(0)], dims, place, is_float=inputs[0].is_float,
                        axis=axis, start=start, stop=start + size, step=1)  # fmt: skip
        start += size


def cut(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0]
    starts, stops = reader.integers(1, "starts") or [], reader.integers(2, "ends") or []
    axes = reader.integers(3, "axes") if len(inputs) > 3 or given.get("axes") else None
    axes = [*range(len(starts))] if axes is None else axes
    steps = (reader.integers(4) if len(inputs) > 4 else None) or [1] * len(starts)
    ranges = {}
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        place = axis_of(axis, len(x.dims))
        ranges[place] = slice(start, stop, step).indices(x.dims[place])
        if step < 0:
            ranges[place] = (start, stop, step)
    if known(x):
        cuts = [slice(None)] * len(x.dims)
        for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
            cuts[axis_of(axis, len(x.dims))] = slice(start, stop, step)
        set_numbers(reader, x.numbers[tuple(cuts)], x.is_float)
        return
    before, dims = reader.input(0), list(x.dims)
    kept = {axis: found for axis, found in ranges.items() if found[:2] != (0, x.dims[axis]) or found[2] != 1}
    if not kept:
        reader.same()
        return
    for number, (axis, (start, stop, step)) in enumerate(kept.items()):
        if step < 0:
            raise Fault(f"Slice '{reader.here.name}' goes backwards, which has no counterpart here")
        dims[axis] = len(range(start, stop, step))
        is_last = number == len(kept) - 1
        value = reader.here.outputs[0] if is_last else f"{reader.here.outputs[0]}:{number}"
        reader.emit_as(
            value,
            "slice",
            [before],
            tuple(dims),
            is_float=x.is_float,
            axis=axis,
            start=start,
            stop=stop,
            step=step,
        )
        before = value


def gather(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    x, ids = inputs
    axis = axis_of(given.get("axis", 0), len(x.dims))
    dims = (*x.dims[:axis], *ids.dims, *x.dims[axis + 1 :])
    if known(x) and known(ids):
        set_numbers(reader, np.take(x.numbers, ids.numbers.astype("i8"), axis), x.is_float)
    elif isinstance(x, Constant) and axis == 0 and len(x.dims) == 2 and isinstance(ids, Data):
        reader.constant(reader.input(0), learned=True)
        reader.emit("embedding", [reader.input(1), reader.input(0)], dims)
    elif known(ids) and isinstance(x, Data) and _in_a_row(ids.numbers):
        first = int(ids.numbers.reshape(-1)[0]) % x.dims[axis]
        count = prod(ids.dims)
        rows = (*x.dims[:axis], count, *x.dims[axis + 1 :])
        taken = f"{reader.here.outputs[0]}:rows" if ids.dims != (count,) else reader.here.outputs[0]
        reader.emit_as(taken, "slice", [reader.input(0)], rows, is_float=x.is_float,
                       axis=axis, start=first, stop=first + count, step=1)  # fmt: skip
        if taken != reader.here.outputs[0]:
            reader.emit("reshape", [taken], dims, is_float=x.is_float)
    else:
        reader.emit("gather", [reader.input(0), reader.input(1)], dims, is_float=x.is_float, axis=axis)


def _in_a_row(numbers: Any) -> bool:
    flat = [int(one) for one in numbers.reshape(-1)]
    return bool(flat) and flat == [*range(flat[0], flat[0] + len(flat))]


def cast(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    is_float = given.get("to") in (1, 10, 11, 16)
    if isinstance(inputs[0], Constant):
        numbers = inputs[0].numbers
        found = numbers if numbers is None or is_float else numbers.astype("i8")
        if numbers is None:
            reader.same()
        else:
            reader.give(0, inputs[0]._replace(numbers=found, is_float=is_float))
    elif is_float == inputs[0].is_float:
        reader.same()
    else:
        reader.emit("pass", [reader.input(0)], inputs[0].dims, is_float=is_float)


def identity(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    reader.same()


def expand(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    dims = spread(inputs[0].dims, tuple(reader.integers(1) or []))
    if known(inputs[0]) and prod(dims) <= MOST_NUMBERS:
        set_numbers(reader, np.broadcast_to(inputs[0].numbers, dims), inputs[0].is_float)
    elif dims == inputs[0].dims:
        reader.same()
    else:
        reader.emit("expand", [reader.input(0)], dims, is_float=inputs[0].is_float)


def tile(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    times = reader.integers(1) or []
    dims = tuple(dim * count for dim, count in zip(inputs[0].dims, times, strict=True))
    if {*times} == {1}:
        reader.same()
    elif known(inputs[0]) and prod(dims) <= MOST_NUMBERS:
        set_numbers(reader, np.tile(inputs[0].numbers, times), inputs[0].is_float)
    elif all(count == 1 or dim == 1 for dim, count in zip(inputs[0].dims, times, strict=True)):
        reader.emit("expand", [reader.input(0)], dims, is_float=inputs[0].is_float)
    else:
        reader.emit("Tile", [reader.input(0)], dims, is_float=inputs[0].is_float)


def pad(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    flat = reader.integers(1, "pads") or reader.integers(1, "paddings") or []
    axes = reader.integers(3) if len(inputs) > 3 and reader.input(3) else None
    places_ = [*range(len(x))] if axes is None else [axis_of(axis, len(x)) for axis in axes]
    if reader.input(0) in reader.signals and len(flat) == 4:
        flat = [flat[0], 0, flat[1], flat[2], 0, flat[3]]
        reader.signals.add(reader.here.outputs[0])
    half = len(flat) // 2
    ends = dict(zip(places_, zip(flat[:half], flat[half:], strict=True), strict=True))
    amounts = tuple(ends.get(place, (0, 0)) for place in range(len(x)))
    if not any(map(any, amounts)):
        reader.same()
        return
    dims = tuple(dim + sum(both) for dim, both in zip(x, amounts, strict=True))
    value = reader.numbers(2) if len(inputs) > 2 and reader.input(2) else None
    filled = float(given.get("value", 0.0)) if value is None else float(value.reshape(-1)[0])
    mode = {"edge": "replicate", "wrap": "circular"}.get(
        given.get("mode", "constant"), given.get("mode", "constant")
    )
    reader.emit("pad", [reader.input(0)], dims, amounts=amounts, mode=mode, value=filled)


FOLDED = {
    "sum": "sum",
    "max": "max",
    "min": "min",
    "mean": "mean",
    "ReduceProd": "prod",
}  # as NumPy calls them


def reduction(name: str) -> Rule:
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        import numpy as np

        x = inputs[0].dims
        found = reader.integers(1, "axes") if len(inputs) > 1 or given.get("axes") is not None else None
        axes = sorted(axis_of(axis, len(x)) for axis in found) if found else [*range(len(x))]
        if found == [] and given.get("noop_with_empty_axes", 0):
            axes = []
        keep = bool(given.get("keepdims", 1))
        dims = tuple(1 if place in axes else dim for place, dim in enumerate(x) if keep or place not in axes)
        if known(inputs[0]) and name in FOLDED:
            function = getattr(np, FOLDED[name])
            numbers = function(inputs[0].numbers, tuple(axes), keepdims=keep)
            set_numbers(reader, numbers, inputs[0].is_float)
            return
        if not axes:
            reader.same()
            return
        reader.emit(name, [reader.input(0)], dims, axes=tuple(axes), keep=keep)

    return rule


def arg_max(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    axis = axis_of(given.get("axis", 0), len(x))
    keep = given.get("keepdims", 1)
    dims = tuple(1 if place == axis else dim for place, dim in enumerate(x) if keep or place != axis)
    reader.emit(reader.here.kind, [reader.input(0)], dims, is_float=False, axis=axis)


OPS: Mapping[str, Rule] = {
    "ArgMax": arg_max,
    "ArgMin": arg_max,
    "Cast": cast,
    "Concat": concat,
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "Identity": identity,
    "Pad": pad,
    "ReduceL2": reduction("norm"),
    "ReduceMax": reduction("max"),
    "ReduceMean": reduction("mean"),
    "ReduceMin": reduction("min"),
    "ReduceProd": reduction("ReduceProd"),
    "ReduceSum": reduction("sum"),
    "Reshape": reshape,
    "Slice": cut,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
