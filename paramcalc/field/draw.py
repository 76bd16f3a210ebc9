"""Receptive fields as a table, as JSON, and as characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from paramcalc.base.shape import CHANNELS
from paramcalc.count import outline
from paramcalc.count.call import call_text
from paramcalc.count.json import head, plain
from paramcalc.count.report import Report
from paramcalc.count.words import FIELD as COLUMNS
from paramcalc.count.words import Extra
from paramcalc.engine.graph import Graph
from paramcalc.field.field import Box, Field, Fields, Look, Misalignment, fields
from paramcalc.render.grid import Column, Grid, Line, Rows
from paramcalc.render.words import JOINED, dims, folded, inputs, title

SCHEMA = "paramcalc/field/1"
MEANING = {
    "field": "field: input positions that one output position sees, padding included; 'all': every position sees all",
    "jump": "jump: input positions from one output position's field to the next (the effective stride)",
    "start": "start: where the field of output position 0 begins; below 0 is padding",
}
VARYING = "a-b: positions see different sizes, from a to b, as after upsampling or in causal attention"
UNEVEN = "the jump is a mean where fields move by unequal steps, as after upsampling"
FEW = 6  # paths that are not aligned, which are all named
DRAWING = (48, 18)  # most characters and lines of a drawing


def extra(graph: Graph, chosen: tuple[str, ...]) -> Extra:
    """The field columns for a table of counts, and the notes on those chosen."""
    found = fields(graph)
    uneven = len({item.layer for item in found.misaligned})
    joins = f"{uneven} layer{'s' * (uneven != 1)} with inputs that are not aligned: see paramcalc field"
    return Extra(cells(found), (*meanings(found, chosen), *([joins] if uneven else [])))


def cells(network: Fields) -> dict[str, dict[str, str]]:
    """The field columns of every layer, by path."""
    many = len(network.graph.inputs) > 1
    return {
        layer.path: {name: _cell(name, fields, many) for name in COLUMNS}
        for layer, fields in zip(network.graph.layers, network.layers, strict=True)
    }


def _cell(name: str, fields: tuple[Field, ...], many: bool) -> str:
    """One column of a layer: a number for all axes, or one for each; of each input, if there are many."""
    parts = []
    for source in dict.fromkeys(field.input for field in fields):
        texts = [_text(name, field) for field in fields if field.input == source]
        text = texts[0] if len(set(texts)) == 1 else " x ".join(text or "-" for text in texts)
        parts.append(f"{source}: {text}" if many and text else text)
    return "; ".join(part for part in parts if part)


def _text(name: str, field: Field) -> str:
    if name == "jump":
        return "" if field.jump is None else str(field.jump)
    if field.whole and not field.along:
        return "all" if name == "field" else ""
    return _size(field) if name == "field" else str(field.start)


def _size(field: Field) -> str:
    """The size of a field, or the least and the greatest where positions see different sizes."""
    return str(field.size) if field.smallest == field.size else f"{field.smallest}-{field.size}"


def grid(report: Report, network: Fields, depth: int | None = None, fold: bool = True) -> Grid:
    """The tree of blocks with the field of the layer that ends each, and where paths are not aligned."""
    outlined = outline.outline(report, depth, fold)
    columns = (
        Column("layer"),
        Column("op", short={line.call or line.block: line.brief for line in outlined}, wrap=True),
        Column("output", right=True, drop=1),
        *(Column(name, right=True) for name in COLUMNS),
    )
    known = cells(network)
    lines = tuple(
        Line(
            (
                folded(line.name, line.times),
                line.call or line.block,
                dims(line.output),
                *(known[line.last][name] for name in COLUMNS),
            ),
            depth=line.depth,
            faint=line.auxiliary,
        )
        for line in outlined
    )
    joins = (JOINED,) if any(line.name == outline.JOIN for line in outlined) else ()
    notes = (inputs(network.graph.inputs), *joins, *meanings(network), *_all_apart(network.misaligned))
    return Grid(title(report.graph), columns, lines, notes)


def meanings(network: Fields, columns: Iterable[str] = COLUMNS) -> tuple[str, ...]:
    """What the columns say."""
    chosen = tuple(columns)
    fields = [field for layer in network.layers for field in layer]
    return (*(MEANING[name] for name in chosen if name in MEANING), *_by_position(fields, chosen))


def _by_position(fields: Iterable[Field], columns: Iterable[str] = COLUMNS) -> tuple[str, ...]:
    """What differs from one output position to the next, in plain words."""
    moving = [field for field in fields if field.along]
    varies = "field" in columns and any(field.smallest < field.size for field in moving)
    uneven = "jump" in columns and not all(field.even for field in moving)
    return (*((VARYING,) if varies else ()), *((UNEVEN,) if uneven else ()))


def one(report: Report, look: Look) -> Grid:
    """One layer: its field along each axis of the inputs, and the positions that were asked about."""
    columns = ("input axis", "size", "field", "jump", "start", "padding", "along")
    sources = look.found.graph.inputs
    lines = tuple(
        Line(
            (
                f"{field.input} {field.axis}",
                str(sources[field.input].size(field.axis)),
                _size(field),
                *(
                    "" if number is None else str(number)
                    for number in (field.jump, field.start, field.padding)
                ),
                field.along or "all positions alike",
            )
        )
        for field in look.fields
    )
    layer = look.layer
    heading = f"{title(report.graph)}: {layer.path}, {call_text(layer.op)}, output {layer.output.described()}"
    grid = Grid(heading, tuple(Column(name, right=place > 0) for place, name in enumerate(columns)), lines)
    mine = [item for item in look.found.misaligned if item.layer == layer.path]
    return grid._replace(notes=(*_by_position(look.fields), *positions(look), *apart(mine)))


def positions(look: Look) -> tuple[str, ...]:
    """What the position asked about sees, and which positions see the input position asked about."""
    at = _position(look.at)
    said = [f"output {at} sees {_box(box)} of {name}" for name, box in look.region.items() if box]
    if look.source is not None:
        name, place = look.source
        seen = f"is seen by output {_box(look.seers)}" if look.seers is not None else "is not seen"
        said.append(f"{name} {_position(place)} {seen}")
    return tuple(said)


def apart(misaligned: Iterable[Misalignment]) -> tuple[str, ...]:
    """Every pair of paths that are not aligned, in words."""
    axes: dict[Misalignment, list[str]] = {}
    for item in misaligned:
        axes.setdefault(item._replace(axis=""), []).append(item.axis)
    said = []
    for item, names in axes.items():
        paths, along = " and ".join(item.paths), " and ".join(names)
        how = f"jumps {item.jumps[0]} and {item.jumps[1]}"
        if item.shift is not None:
            how = f"their centres are {abs(item.shift)} input position{'s' * (abs(item.shift) != 1)} apart"
        said.append(f"not aligned in {item.layer} along {along}: {paths}, {how}")
    return tuple(said)


def _all_apart(misaligned: Sequence[Misalignment]) -> tuple[str, ...]:
    """The same of a whole network: where there are many, as in causal ones, the first and the last."""
    said = apart(misaligned)
    if len(said) <= FEW:
        return said
    joins = len({item.layer for item in misaligned})
    many = f"{joins} joins are" if joins > 1 else "1 join is"
    return (f"{many} not aligned; the first and the last (--format json has all):", said[0], said[-1])


def _position(position: dict[str, int]) -> str:
    return (
        "position " + ", ".join(f"{axis} {at}" for axis, at in position.items()) if position else "as a whole"
    )


def _box(box: Box | None) -> str:
    """A box in words, or the whole of what has no space.

    >>> _box({"height": (0, 25), "width": (3, 3)})
    'height 0 to 25, width 3'
    """
    spans = [
        f"{axis} {first} to {last}" if last > first else f"{axis} {first}"
        for axis, (first, last) in (box or {}).items()
    ]
    return ", ".join(spans) or "as a whole"


# ------------------------------------------------------------------------------------------ data


def rows(network: Fields, look: Look | None = None) -> Rows:
    """Every layer and axis on a line, or one layer's axes."""
    numbers = range(len(network.layers)) if look is None else [look.number]
    records = (
        (layer.path, field.input, field.axis, field.along, field.size, field.jump, field.start, field.padding,
         str(field.whole).lower(), field.smallest)
        for layer, fields in ((network.graph.layers[number], network.layers[number]) for number in numbers)
        for field in fields
    )  # fmt: skip
    header = ("path", "input", "axis", "along", "size", "jump", "start", "padding", "whole", "least")
    return Rows(header, records)


def document(network: Fields, look: Look | None = None) -> dict[str, Any]:
    """All fields, or those of one layer with the positions that were asked about."""
    graph = network.graph
    numbers = range(len(graph.layers)) if look is None else [look.number]
    inputs_by_axis = {
        name: dict(zip(shape.axes, shape.dims, strict=True)) for name, shape in graph.inputs.items()
    }
    result: dict[str, Any] = {
        "schema": SCHEMA,
        **head(graph.model, graph.settings, inputs_by_axis, graph.spec),
        "layers": [_layer(network, number) for number in numbers],
        "misaligned": [
            {
                "layer": item.layer,
                "input": item.input,
                "axis": item.axis,
                "paths": list(item.paths),
                "jumps": [plain(jump) for jump in item.jumps],
                "shift": plain(item.shift),
            }
            for item in network.misaligned
        ],
    }
    if look is not None:
        result["at"] = {"position": look.at, "region": look.region}
        if look.source is not None:
            result["from"] = {"input": look.source[0], "position": look.source[1], "seen_by": look.seers}
    return result


def _layer(network: Fields, number: int) -> dict[str, Any]:
    layer = network.graph.layers[number]
    fields = [
        {
            "input": field.input,
            "axis": field.axis,
            "along": field.along or None,
            "size": field.size,
            "least": field.smallest,
            "jump": plain(field.jump),
            "start": field.start,
            "padding": field.padding,
            "whole": field.whole,
        }
        for field in network.layers[number]
    ]
    return {
        "path": layer.path,
        "op": layer.op.title,
        "output": list(layer.output.dims),
        "axes": list(layer.output.axes),
        "fields": fields,
    }


# --------------------------------------------------------------------------------------- pictures


def drawing(look: Look, unicode: bool = True) -> str:
    """The region of each input as characters: one for several positions, full where something is seen."""
    full, empty = ("█", "░") if unicode else ("#", ".")
    texts = []
    for name, box in look.region.items():
        rows, columns = plane(look.found.graph, name)
        if columns is None:
            continue
        height = 1 if rows is None else look.found.graph.inputs[name].size(rows)
        width = look.found.graph.inputs[name].size(columns)
        scale = max(Fraction(width, DRAWING[0]), Fraction(height, 2 * DRAWING[1]), Fraction(1, 2))
        across = _marks(box[columns], width, scale)
        down = [True] if rows is None else _marks(box[rows], height, 2 * scale)
        lines = ["".join(full if seen and row else empty for seen in across) for row in down]
        texts.append("\n".join([f"{name} {look.found.graph.inputs[name].described()}", *lines]) + "\n")
    return "\n".join(texts)


def plane(graph: Graph, name: str) -> tuple[str | None, str | None]:
    """The axes that a picture of an input shows downwards and across: its last two but the channels."""
    axes = [axis for axis in graph.inputs[name].axes if axis != CHANNELS]
    return (axes[-2] if len(axes) > 1 else None, axes[-1] if axes else None)


def _marks(span: tuple[int, int], size: int, step: Fraction) -> list[bool]:
    """The pieces of `step` positions that overlap a span."""
    first, last = span
    return [first < (piece + 1) * step and piece * step < last + 1 for piece in range(ceil(size / step))]
