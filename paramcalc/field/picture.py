"""A receptive field as a picture: the input, what a position sees of it, and axes of positions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paramcalc.field.draw import plane, positions
from paramcalc.field.field import Look
from paramcalc.render import svg as scalable
from paramcalc.render.canvas import Box, Label, Picture, Shape, moved, rail

PICTURE = 420  # pixels of the longer side of an input
EDGE, MARGIN = 14.0, 70.0  # around a picture, and left of an input
STRIP = 26.0  # height of an input with one axis
NEAR = 13.0  # pixels between two numbers of an axis
SEEN = (("input", "", "the input"), ("mark", "", "seen by the position"), ("", "ink", "its field, with padding"),
        ("", "faint", "field of the next position"))  # fmt: skip


def svg(look: Look) -> str:
    """The layer's field over each input with space, to scale, between axes of positions."""
    heading = f"{look.layer.path}: {'; '.join(positions(look))}"
    lines = [look.layer.path, *positions(look)]
    shapes: list[Shape] = [
        Label(
            EDGE,
            22 + 16 * place,
            line,
            10 if place else 14,
            colour="faint" if place else "ink",
            bold=not place,
        )
        for place, line in enumerate(lines)
    ]
    top, right = 22.0 + 16 * len(lines), 0.0
    for name in look.region:
        panel = _panel(look, name)
        shapes += moved(panel, EDGE, top)
        boxes = [shape.area if isinstance(shape, Label) else shape for shape in panel]
        top += max((box.bottom for box in boxes if isinstance(box, Box)), default=0) + 14
        right = max([right, *(box.right for box in boxes if isinstance(box, Box))])
    for fill, stroke, said in SEEN:
        shapes.append(Box(EDGE, top, 14, 10, fill, stroke, dashed=bool(stroke)))
        shapes.append(Label(EDGE + 20, top + 9, said, 10, colour="faint"))
        top += 16
    widest = max(shape.area.right for shape in shapes if isinstance(shape, Label))
    return scalable.svg(Picture(heading, max(EDGE + right, widest) + EDGE, top + EDGE, tuple(shapes)))


def _panel(look: Look, name: str) -> list[Shape]:
    """The picture of one input; empty when it has no space."""
    shape = look.found.graph.inputs[name]
    axes = plane(look.found.graph, name)
    if axes[1] is None:
        return []
    sizes = [shape.size(axis) if axis else 1 for axis in axes]
    here, there = _field(look, name, axes, 0), _field(look, name, axes, 1)
    seen = [look.region[name][axis] if axis else (0, 0) for axis in axes]
    low = [min(0, one[0], two[0]) for one, two in zip(here, there, strict=True)]
    high = [max(size - 1, one[1], two[1]) for size, one, two in zip(sizes, here, there, strict=True)]
    scale = PICTURE / max(end - begin + 1 for begin, end in zip(low, high, strict=True))
    tall = scale if axes[0] else STRIP
    left, top = MARGIN, 24.0

    def rectangle(spans: Iterable[tuple[int, int]], fill: str = "", stroke: str = "") -> Box:
        (y, height), (x, width) = (
            ((first - begin) * each, (last - first + 1) * each)
            for (first, last), begin, each in zip(spans, low, (tall, scale), strict=True)
        )
        return Box(x + left, y + top, width, height, fill, stroke, dashed=bool(stroke))

    whole = rectangle([(0, size - 1) for size in sizes], "input")
    bottom = top + (high[0] - low[0] + 1) * tall
    shapes: list[Shape] = [
        Label(left, 14, f"{name} {shape.described()}", 10),
        whole,
        rectangle(seen, "mark"),
        rectangle(here, stroke="ink"),
        rectangle(there, stroke="faint"),
    ]
    return [*shapes, *_ticks(axes, seen, sizes, low, scale, (left, top, bottom))]


def _ticks(
    axes: tuple[str | None, str | None],
    seen: Sequence[tuple[int, int]],
    sizes: Sequence[int],
    low: Sequence[int],
    scale: float,
    frame: tuple[float, float, float],
) -> Iterable[Shape]:
    """The names of the axes, and along each the first and last position of the input and of what is seen."""
    left, top, bottom = frame
    for place, (axis, span, size) in enumerate(zip(axes, seen, sizes, strict=True)):
        if axis is None:
            continue
        end = -NEAR
        marks = dict.fromkeys((span[0], span[1], 0, size - 1))
        kept: list[int] = []
        for mark in marks:  # those of what is seen before those of the input
            if all(abs(mark - other) * scale >= NEAR * (1 if place == 0 else 2.2) for other in kept):
                kept.append(mark)
        for mark in sorted(kept):
            at = (mark + 0.5 - low[place]) * scale
            if place:
                yield rail((left + at, bottom), (left + at, bottom + 4))
                yield Label(left + at, bottom + 14, str(mark), 9, "middle", "faint")
            else:
                yield rail((left - 4, top + at), (left, top + at))
                yield Label(left - 7, top + at + 3, str(mark), 9, "end", "faint")
            end = at
        if place:
            yield Label(left, bottom + 28, f"{axis}, {size} positions", 10)
        elif end >= 0:
            yield Label(0, bottom + 14, f"{axis}, {size}", 10)


def _field(look: Look, name: str, axes: tuple[str | None, str | None], on: int) -> list[tuple[int, int]]:
    """The field, with padding, of the position asked about, or of the one `on` further along each axis."""
    known = {field.axis: field for field in look.fields if field.input == name}
    spans = []
    for axis in axes:
        field = known.get(axis or "")
        place = look.at[field.along] + on if field and field.along else 0
        spans.append(field.reach.over(place, place) if field else (0, 0))
    return spans
