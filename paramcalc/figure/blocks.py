"""Boxes as papers draw them: as high as the resolution, as deep as the channels, on square-root scales."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from math import prod
from typing import NamedTuple

from paramcalc.base.shape import CHANNELS, EXPERTS, Shape
from paramcalc.count.report import Report
from paramcalc.figure.kinds import entering, sizes
from paramcalc.figure.legend import EDGE, heading, legend
from paramcalc.figure.parts import Part, parts
from paramcalc.render.canvas import Box, Label, Line, Picture, moved, rail, text_width
from paramcalc.render.canvas import Shape as Drawn

WIDE, WIDEST = (
    980.0,
    1700.0,
)  # pixels of a picture that fits a slide, and of one that may be wider to say more
TALL = 130.0  # of the largest resolution
DEEP = 34.0  # of the most channels
VECTOR = 76.0  # height of the longest vector
LEAST = 5.0
NAME, SMALL = 11.0, 9.5  # sizes of labels
ROW = 13.0  # of a line of a label
GAP = 14.0  # between columns
LANE = 9.0  # between lines over the boxes
CLOSE = 0.9  # of the side before it: a convolution without padding
LEVELS = 5  # of what goes into one column
SLICES = 6  # boxes that are drawn of equal ones


class Column(NamedTuple):
    """Parts that are drawn side by side over one label; `caps` are pooling and joins at their end."""

    parts: tuple[Part, ...]
    caps: tuple[Part, ...] = ()

    @property
    def all(self) -> tuple[Part, ...]:
        return self.parts + self.caps


class _Slice(NamedTuple):
    """One box: its size on the page, and how far it recedes."""

    kind: str
    width: float
    height: float
    away: float


class _Scale(NamedTuple):
    """What the largest side, the most channels and the longest vector are."""

    side: float
    channels: float
    vector: float

    def slice(self, kind: str, shape: Shape, thin: float = 1.0) -> _Slice:
        channels = shape.channels if CHANNELS in shape.axes else 1
        if not shape.space:
            height = max(VECTOR * (channels / self.vector) ** 0.5, LEAST)
            return _Slice(kind, 7, height, 3)
        height = max(TALL * (side(shape) / self.side) ** 0.5, LEAST)
        width = max(DEEP * (channels / self.channels) ** 0.5 * thin, 3)
        return _Slice(
            kind, width, height, 0.32 * height if len(shape.space) > 1 and EXPERTS not in shape.axes else 4
        )


def side(shape: Shape) -> float:
    """The side of a square of as many positions; of tokens too, which often are the patches of one."""
    space = [dim for axis, dim in zip(shape.axes, shape.dims, strict=True) if axis not in (CHANNELS, EXPERTS)]
    return float(prod(space) ** (1 / max(len(space), 2)))


def blocks(report: Report) -> Picture:
    """The picture, with as many boxes as fit on a slide."""
    found = parts(report)
    columns = [Column((part,)) for part in found]
    for level in range(LEVELS):
        columns = glued(found, level)
        if sum(_width(column) + GAP for column in columns) <= (WIDE if level < LEVELS - 2 else WIDEST):
            break
    return _Blocks(report, columns).picture()


def glued(found: Sequence[Part], level: int) -> list[Column]:
    """Columns: rounds of a repeat in one, from level 1 on all equal neighbours, 2 with pooling, 3 with similar ones
    of equal resolution, 4 with all of equal resolution."""
    columns: list[Column] = []
    for place, part in enumerate(found):
        last = columns[-1] if columns else None
        follows = place - 1 in part.reads
        if last and follows and level >= 2 and _is_cap(part):
            columns[-1] = last._replace(caps=(*last.caps, part))
        elif (
            last
            and follows
            and (level >= 4 or not last.caps)
            and _alike(last.all[-1], part, level, {*part.reads} - {place - 1})
        ):
            columns[-1] = Column((*last.all, part))
        else:
            columns.append(Column((part,)))
    return columns


def _is_cap(part: Part) -> bool:
    """Whether a part is drawn at the end of the one before it: pooling, joins, and what has no params."""
    return bool(part.output.space) and not part.counts.params and (part.kind == "pool" or not part.body)


def _alike(one: Part, two: Part, level: int, further: set[int]) -> bool:
    """Whether neighbours go into one column: equal ones, rounds of a repeat, at last any of one kind and size.

    `further` is what the second reads besides the first: nothing that the first does not read too.
    """
    rounds = "/" in one.name and one.name.split("/")[0] == two.name.split("/")[0]
    same = bool(one.output.space) and one.output.space == two.output.space
    if level >= 4 and (same or rounds):
        return True
    if (one.family, one.kind) != (two.family, two.kind) or not further <= {*one.reads}:
        return False
    if level and (one.what, one.output) == (two.what, two.output):
        return True
    close = one.what == two.what and bool(one.output.space) and side(two.output) > CLOSE * side(one.output)
    akin = common(one.name, two.name) >= min(3, len(one.name))
    return (rounds and same) or (level >= 2 and close) or (level >= 3 and same and akin)


def label(column: Column) -> list[str]:
    """The lines of a label: name, call, output sizes."""
    first, last = column.parts[0], column.parts[-1]
    number = len(column.parts)
    same = len({part.what for part in column.parts}) == 1
    what = (first.what if same else first.family).strip()
    mixed = len({part.family for part in column.parts}) > 1
    text = f"{number} {'parts' if mixed else f'× {what or first.family}'}" if number > 1 else what
    return [joined(first.name, last.name), text, sizes(last.output)]


def joined(one: str, two: str) -> str:
    """What two names have in common, or both.

    >>> print(joined("conv1_1", "conv1_3"), joined("stage/0", "stage/5"), joined("fc", "fc"))
    conv1_1\u20133 stage fc
    >>> print(joined("stages/3/0", "stages/4/2"), joined("", "p3"))
    stages/3\u20134 p3
    """
    if one == two or not (one and two):
        return one or two
    parts, others = one.split("/"), two.split("/")
    if shared := common(parts, others):
        name = "/".join(parts[:shared])
        deep = min(len(parts), len(others)) > shared + 1
        return f"{name}/{parts[shared]}\u2013{others[shared]}" if deep else name
    return f"{one}\u2013{two[common(one, two) :]}"


def common(one: Sequence[str], two: Sequence[str]) -> int:
    """How many items are the same at the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))


def _width(column: Column) -> float:
    """The room for a label, and for the boxes in it."""
    name, *others = label(column)
    texts = [text_width(name, NAME, True), *(text_width(text, SMALL) for text in others)]
    return max(*texts, 40.0)


class _Blocks:
    """A picture in the making: columns from left to right, around one axis."""

    def __init__(self, report: Report, columns: list[Column]) -> None:
        self.report = report
        self.columns = columns
        shapes = [part.output for column in columns for part in column.all]
        shapes += report.graph.inputs.values()
        channels = [shape.channels for shape in shapes if CHANNELS in shape.axes and shape.space]
        vectors = [shape.channels for shape in shapes if not shape.space]
        self.scale = _Scale(
            max((side(shape) for shape in shapes if shape.space), default=1),
            max(channels, default=1),
            max(vectors, default=1),
        )
        self.inputs = [*report.graph.inputs.items()]
        self.lanes: list[list[tuple[int, int]]] = []

    def picture(self) -> Picture:
        """Everything at its place: heading, lines over the boxes, boxes, labels, legend."""
        drawn = [[self.input(shape)] for _, shape in self.inputs] + [
            self.slices(column) for column in self.columns
        ]
        texts = [["", name, entering(shape)] for name, shape in self.inputs] + [
            label(column) for column in self.columns
        ]
        widths = [
            max(
                sum(_extent(one)),
                *(text_width(text, SMALL) for text in lines),
                text_width(lines[0], NAME, True),
            )
            for one, lines in zip(drawn, texts, strict=True)
        ]
        skips = self.skips()
        top, head = heading(self.report)
        highest = max((one.height + one.away / 2) / 2 for slices in drawn for one in slices)
        lanes = top + LANE * len(self.lanes)
        axis = lanes + highest
        bottom = axis + highest + 8
        shapes: list[Drawn] = []
        x, places = EDGE, []
        for slices, lines, width in zip(drawn, texts, widths, strict=True):
            before, after = _extent(slices)
            begin = x + (width - before - after) / 2 + before
            shapes += _boxes(slices, begin, axis)
            shapes += _texts(lines, x + width / 2, bottom)
            places.append((begin, begin + sum(one.width for one in slices)))
            x += width + GAP
        shapes = [*self.arrows(places, drawn, axis), *self.over(skips, places, drawn, axis, lanes), *shapes]
        kinds = [one.kind for slices in drawn[len(self.inputs) :] for one in slices]
        width = max(x - GAP + EDGE, _right(head) + EDGE)
        low = bottom + 3 * ROW + 12
        below, height = legend(kinds, low, width)
        across = max(0.0, (width - (x - GAP + EDGE)) / 2)
        body = moved(shapes, across, 0)
        return Picture(head[0].text, width, height, (*head, *body, *below))

    def input(self, shape: Shape) -> _Slice:
        return self.scale.slice("input", shape)

    def slices(self, column: Column) -> list[_Slice]:
        """The boxes of a column: of many equal ones some at its beginning, and the last."""
        shown = column.parts
        if len(shown) > SLICES:
            shown = (*shown[: SLICES - 2], shown[-1])
        thin = min(1.0, 2.2 / len(shown))
        found = [self.scale.slice(part.kind, part.output, thin) for part in shown]
        if len(shown) < len(column.parts):
            found.insert(-1, _Slice("", 16, 0, 0))
        return found + [self.scale.slice(part.kind, part.output, 0.5) for part in column.caps]

    def skips(self) -> list[tuple[int, int, int]]:
        """Columns that read others than the one before: from, to, and the lane over the boxes."""
        before = len(self.inputs)
        at = {}
        place = 0
        for number, column in enumerate(self.columns):
            for _ in column.all:
                at[place] = number + before
                place += 1
        at |= {-1 - number: number for number in range(before)}
        found = []
        reads = [
            (at[read], number + before)
            for number, column in enumerate(self.columns)
            for part in column.all
            for read in part.reads
        ]
        for begin, end in sorted(set(reads), key=lambda one: one[1] - one[0]):
            if end - begin > 1:
                found.append((begin, end, self.lane(begin, end)))
        self.straight = {(begin, end) for begin, end in reads if end - begin == 1}
        return found

    def lane(self, begin: int, end: int) -> int:
        """The lowest lane that is free from one column to another."""
        for number, taken in enumerate(self.lanes):
            if all(end < first or begin > last for first, last in taken):
                taken.append((begin, end))
                return number
        self.lanes.append([(begin, end)])
        return len(self.lanes) - 1

    def arrows(
        self, places: list[tuple[float, float]], drawn: list[list[_Slice]], axis: float
    ) -> list[Drawn]:
        found: list[Drawn] = []
        for begin, end in sorted(self.straight):
            found.append(
                rail(
                    (places[begin][1], axis),
                    (places[end][0] - drawn[end][0].away / 2 - 1, axis),
                    arrow=True,
                )
            )
        return found

    def over(
        self,
        skips: list[tuple[int, int, int]],
        places: list[tuple[float, float]],
        drawn: list[list[_Slice]],
        axis: float,
        top: float,
    ) -> list[Drawn]:
        """The lines of skips, from the top of one box to the top of another."""
        found: list[Drawn] = []
        for begin, end, lane in skips:
            y = top - LANE * lane - 4
            starts, ends = drawn[begin][-1], drawn[end][0]
            x0, x1 = places[begin][1] - starts.width / 2, places[end][0] + ends.width / 2
            y0, y1 = (axis - one.height / 2 for one in (starts, ends))
            found.append(rail((x0, y0), (x0, y), (x1, y), (x1, y1 - 1), arrow=True))
        return found


def _extent(slices: list[_Slice]) -> tuple[float, float]:
    """How far boxes side by side reach to the left of where the first begins on the axis, and to the right."""
    x, left, right = 0.0, 0.0, 0.0
    for one in slices:
        left = max(left, one.away / 2 - x)
        x += one.width
        right = max(right, x + one.away / 2)
    return left, right


def _boxes(slices: list[_Slice], left: float, axis: float) -> list[Drawn]:
    found: list[Drawn] = []
    for one in slices:
        if not one.kind:
            found += [Box(left + 5 + 4 * dot, axis - 1, 2, 2, "line") for dot in range(3)]
        else:
            found += _cuboid(one, left, axis)
        left += one.width
    return found


def _cuboid(one: _Slice, x: float, axis: float) -> list[Drawn]:
    """A box whose middle begins at a place on the axis, seen a little from above: front, top and side."""
    away, up = one.away, one.away / 2
    x -= away / 2
    top, bottom, right = axis + (up - one.height) / 2, axis + (up + one.height) / 2, x + one.width
    edge = f"{one.kind}.side"
    return [
        Line(
            ((x, top), (x + away, top - up), (right + away, top - up), (right, top)), edge, f"{one.kind}.top"
        ),
        Line(
            ((right, top), (right + away, top - up), (right + away, bottom - up), (right, bottom)), edge, edge
        ),
        Box(x, top, one.width, one.height, one.kind, edge),
    ]


def _texts(lines: list[str], x: float, y: float) -> list[Drawn]:
    styles = ((NAME, "ink", True), (SMALL, "ink", False), (SMALL, "faint", False))
    return [
        Label(x, y + ROW * (place + 1), text, size, "middle", colour, bold)
        for place, (text, (size, colour, bold)) in enumerate(zip(lines, styles, strict=True))
        if text
    ]


def _right(labels: Sequence[Label]) -> float:
    return max(label.area.right for label in labels)
