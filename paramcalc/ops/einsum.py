"""Products of two tensors, summed over named axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import AXES, CHANNELS, Shape
from paramcalc.base.sizes import Size, product, same
from paramcalc.ops.attributes import Word, Words
from paramcalc.ops.base import Array, Cost, Example, Op, Tools, need_kind

Names = tuple[str, ...]


class Equation(NamedTuple):
    """The names that an equation gives to the axes of its two inputs and of its output."""

    left: Names
    right: Names
    output: Names

    @property
    def both(self) -> Names:
        """Axes along which the inputs are paired."""
        return tuple(name for name in self.output if name in self.left and name in self.right)

    @property
    def rows(self) -> Names:
        return tuple(name for name in self.output if name not in self.right)

    @property
    def columns(self) -> Names:
        return tuple(name for name in self.output if name not in self.left)

    @property
    def summed(self) -> Names:
        return tuple(name for name in self.left if name not in self.output)


@dataclass(frozen=True)
class Einsum(Op):
    """Two tensors multiplied along named axes, and summed over the axes that the output does not name.

    Left, right: tensors whose axes the equation names, without the batch
    Output:      the axes that it names behind the arrow

    An axis of both inputs is paired; one of a single input must be in the output. Names are letters,
    or words with blanks between: 'qc,kc->qk' is 'query channel, key channel -> query key'.
    Multiplications are the product of the sizes of all named axes.

    An output axis keeps its name in its input, left before right; where both inputs have an axis
    of that name, the right one's takes the name of a summed axis, so that the scores of queries and
    keys are length x channels. `axes` gives other names.
    """

    equation: Word
    axes: Words | None = field(default=None, metadata={"choices": AXES})

    inputs = ("left", "right")
    examples = (
        Example(
            "einsum 'qc,kc->qk'",
            ("{length: 27, channels: 64}", "{length: 27, channels: 64}"),
            "27x27",
            macs=46_656,
        ),
        # MViT's relative scores: each of 8*7 positions of 96 channels with 7 vectors for its row
        Example(
            "einsum 'hwc,hkc->hwk' axes=(height,width,channels)",
            ("{height: 8, width: 7, channels: 96}", "{height: 8, length: 7, channels: 96}"),
            "8x7x7",
            macs=8 * 7 * 7 * 96,
        ),
        Example(
            "einsum 'ac,bd->acbd' axes=(length,channels,height,width)", ("2x3", "4x5"), "2x3x4x5", 0, 120
        ),
    )

    def shape(self, *inputs: Shape) -> Shape:
        names, sizes = self.names(), self._sizes(inputs)
        output = Shape(self._output_axes(inputs), tuple(sizes[name] for name in names.output))
        return need_kind(self, inputs[0], output)

    def cost(self, *inputs: Shape) -> Cost:
        macs = product(self._sizes(inputs).values())
        return Cost(macs, connections=macs)

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        names, called = self.names(), dict(zip(self.names().output, self._output_axes(inputs), strict=True))
        found = []
        for x, own in zip(inputs, (names.left, names.right), strict=True):
            there = {axis: called.get(name, CHANNELS) for axis, name in zip(x.axes, own, strict=True)}
            reads = {axis: whole(x.size(axis)) if to == CHANNELS else alike(to) for axis, to in there.items()}
            found.append({axis: reach for axis, reach in reads.items() if axis != CHANNELS})
        return tuple(found)

    def forward(self, tools: Tools, left: Array, right: Array) -> Array:
        names, sizes = self.names(), self._sizes(tools.shapes)

        def arranged(x: Array, own: Names, *parts: Names) -> Array:
            moved = x.transpose(0, *(1 + own.index(name) for part in parts for name in part))
            lead = [sizes[name] for name in parts[0]]
            return moved.reshape(
                len(x), *lead, *(product(sizes[name] for name in part) for part in parts[1:])
            )

        rows = arranged(left, names.left, names.both, names.rows, names.summed)
        columns = arranged(right, names.right, names.both, names.summed, names.columns)
        order = (*names.both, *names.rows, *names.columns)
        y = tools.matmul(rows, columns).reshape(len(left), *(sizes[name] for name in order))
        return y.transpose(0, *(1 + order.index(name) for name in names.output))

    # -------------------------------------------------------------------------------- the equation

    def names(self) -> Equation:
        """The names of the axes, if they say what to multiply and what to sum."""
        entering, arrow, leaving = self.equation.partition("->")
        sides = [_names(text) for text in (*entering.split(","), leaving)]
        if not arrow or len(sides) != 3 or not all(name.isidentifier() for side in sides for name in side):
            self._fail("names the axes of two tensors, and of their product", "as in 'qc,kc->qk'")
        names = Equation(*sides)
        for side in names:
            twice = [name for name in side if side.count(name) > 1]
            if twice:
                self._fail(
                    f"names the axis '{twice[0]}' twice in one tensor", "give each axis a name of its own"
                )
        for name in names.output:
            if name not in (*names.left, *names.right):
                self._fail(f"has an output axis '{name}' that no input has", "")
        for name in (*names.left, *names.right):
            if name not in names.output and not (name in names.left and name in names.right):
                self._fail(f"sums over '{name}', which only one input has", "put reduce_sum before it")
        return names

    def _fail(self, fact: str, fix: str) -> None:
        raise Fault(
            f"{self.title}: the equation {fact}", found=f"'{self.equation}'", fix=fix, about="equation"
        )

    def _sizes(self, inputs: Sequence[Shape]) -> dict[str, Size]:
        """The size of each named axis."""
        names = self.names()
        found: dict[str, Size] = {}
        for number, (x, own) in enumerate(zip(inputs, names[:2], strict=True), start=1):
            if len(own) != len(x.axes):
                batch = len(own) == len(x.axes) + 1 and len({side[:1] for side in names}) == 1
                raise Fault(
                    f"{self.title}: the equation names {len(own)} axes of input {number}",
                    expected=f"{len(x.axes)}, for {x.described()}",
                    found=f"'{self.equation}'",
                    fix=f"leave out the batch, '{own[0]}'" if batch else "",
                    about="equation",
                )
            for name, size in zip(own, x.dims, strict=True):
                if name in found and not same(found[name], size):
                    raise Fault(
                        f"{self.title}: the axis '{name}' has two sizes",
                        found=f"left is {inputs[0].described()}, right is {inputs[1].described()}",
                        about="inputs:1,2",
                    )
                found.setdefault(name, size)
        return found

    def _output_axes(self, inputs: Sequence[Shape]) -> Names:
        names = self.names()
        if self.axes is not None:
            if len(self.axes) != len(names.output) or len(set(self.axes)) != len(self.axes):
                raise Fault(
                    f"{self.title} needs a different axis for each name of the output",
                    expected=f"{len(names.output)} axes",
                    found=", ".join(self.axes),
                    about="axes",
                )
            return self.axes
        left = dict(zip(names.left, inputs[0].axes, strict=True))
        called = {name: left[name] for name in names.output if name in left}
        spare = [left[name] for name in names.summed]
        for name in names.columns:
            own = inputs[1].axes[names.right.index(name)]
            free = [axis for axis in (own, *spare) if axis not in called.values()]
            if not free:
                raise Fault(
                    f"{self.title}: two axes of the output would be called {own}",
                    fix="name them all: axes=(length, channels)",
                    about="equation",
                )
            called[name] = free[0]
        return tuple(called[name] for name in names.output)


def _names(text: str) -> Names:
    """Words with blanks between, or else letters."""
    words = text.split()
    return tuple(words) if len(words) > 1 else tuple(text.strip())
