"""The rules of an op that each expert of a mixture has for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, EXPERTS, Shape, vector
from paramcalc.base.sizes import Size, product, same
from paramcalc.ops.base import Array, Cost, Op, Tools, Weights


class Mixture(NamedTuple):
    """How many experts are stored, how many of them run at each position, and what the positions are."""

    stored: Size
    active: Size
    positions: Shape

    def filled(self, channels: Size) -> Shape:
        """What the active experts give at every position: an axis for them before the channels."""
        axes, dims = self.positions
        place = axes.index(CHANNELS)
        return Shape(
            (*axes[:place], EXPERTS, *axes[place:]),
            (*dims[:place], self.active, channels, *dims[place + 1 :]),
        )

    @property
    def applications(self) -> Size:
        """How often an expert runs for one sample: on each position as many as are active."""
        return product(self.positions.space) * self.active


class Each(Op):
    """An op at one position for each active expert, with weights of its own for each that is stored.

    Input:  what the experts read, with or without the axis of the active ones; channels alone are read
            at every position
    Weight: experts x the op's own
    Output: the positions x active experts x channels

    The op itself sees the channels of a single position.
    """

    def __init__(self, op: Op, mixture: Mixture) -> None:
        self.op = op
        self.mixture = mixture

    def shape(self, *inputs: Shape) -> Shape:
        for x in inputs:
            self._check_positions(x)
        output = self._alone(inputs)
        if output.axes != (CHANNELS,):
            raise Fault(
                f"an expert returns only channels at each position, and {self.op.title} gives other axes",
                found=output.described(),
            )
        return self.mixture.filled(output.channels)

    def _check_positions(self, x: Shape) -> None:
        """What an expert reads has the positions of its mixture, or none."""
        mine = self.mixture.positions
        axes = [axis for axis in x.axes if axis not in (CHANNELS, EXPERTS)]
        fits = all(axis in mine.axes and same(x.size(axis), mine.size(axis)) for axis in axes)
        if axes and not (fits and len(axes) == len(mine.axes) - 1):
            wanted = " x ".join(f"{axis} {mine.size(axis)}" for axis in mine.axes if axis != CHANNELS)
            raise Fault(
                "an expert reads tensors at the positions that the router scores, and this one has others",
                expected=wanted or "no positions, only channels",
                found=x.described(),
            )

    def _alone(self, inputs: tuple[Shape, ...]) -> Shape:
        """The op's output at one position; a fault of its own where it would only run on several."""
        try:
            return self.op.shape(*map(at_position, inputs))
        except Fault:
            if not self._runs_outside(inputs):
                raise
        raise Fault(
            f"an expert sees one position at a time, and {self.op.title} needs more than its channels",
            fix="put it before or after the experts",
            about="head",
        )

    def _runs_outside(self, inputs: tuple[Shape, ...]) -> bool:
        try:
            self.op.shape(*(_without_experts(x) for x in inputs))
        except Fault:
            return False
        return True

    def weights(self, *inputs: Shape) -> Weights:
        return self._stacked(self.op.weights(*map(at_position, inputs)))

    def buffers(self, *inputs: Shape) -> Weights:
        return self._stacked(self.op.buffers(*map(at_position, inputs)))

    def _stacked(self, arrays: Weights) -> Weights:
        return {name: (self.mixture.stored, *dims) for name, dims in arrays.items()}

    def cost(self, *inputs: Shape) -> Cost:
        one, times = self.op.cost(*map(at_position, inputs)), self.mixture.applications
        operations = {kind: number * times for kind, number in one.operations.items()}
        return Cost(one.macs * times, one.connections * times, operations)

    def weights_read(self, batch: int, *inputs: Shape) -> dict[str, Size]:
        """At most as many experts are read as there are positions for them."""
        one = self.op.weights_read(1, *map(at_position, inputs))
        experts = min(self.mixture.stored, batch * self.mixture.applications)
        return {name: experts * scalars for name, scalars in one.items()}

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        one = self.op.inner(*map(at_position, inputs))
        return {name: elements * self.mixture.applications for name, elements in one.items()}

    def run(
        self,
        tools: Tools,
        router: Array,
        shapes: tuple[Shape, ...],
        arrays: list[Array],
        weights: Mapping[str, Array],
    ) -> Array:
        """The op's output for a batch, each expert run on the positions that it is chosen for.

        router: N x the scores of all experts at each position
        shapes: of the inputs, without the batch
        """
        active = self.mixture.active
        scores = _as_rows(self.mixture.positions, router)[:, 0]
        experts = chosen(scores, active)
        rows = [_as_rows(x, array) for x, array in zip(shapes, arrays, strict=True)]
        alone = tuple(map(at_position, shapes))
        output = self.shape(*shapes)
        found = tools.empty((len(scores), active, output.channels), scores.dtype)
        for expert in range(self.mixture.stored):
            place, rank = (experts == expert).nonzero()
            if len(place):
                tools.batch = len(place)
                given = [_picked(row, place, rank, len(scores)) for row in rows]
                own = {name: array[expert] for name, array in weights.items()}
                found[place, rank] = tools.apply(self.op, alone, given, own, given)
        return _in_place(found, output)


def chosen(scores: Array, active: int) -> Array:
    """The experts with the largest scores along the last axis, the best first."""
    return (-scores).argsort(axis=-1, kind="stable")[..., :active]


def at_position(x: Shape) -> Shape:
    """The channels of one position; token ids have none."""
    return vector(x.channels) if CHANNELS in x.axes else Shape((), ())


def _without_experts(x: Shape) -> Shape:
    kept = [(axis, dim) for axis, dim in zip(x.axes, x.dims, strict=True) if axis != EXPERTS]
    return Shape(tuple(axis for axis, _ in kept), tuple(dim for _, dim in kept))


def _as_rows(x: Shape, array: Array) -> Array:
    """An array with the axes N*positions, active experts (1 where it has none of these), and channels if any."""
    axes = ("batch", *x.axes)
    last = [axis for axis in (EXPERTS, CHANNELS) if axis in axes]
    order = [*(place for place, axis in enumerate(axes) if axis not in last), *map(axes.index, last)]
    moved = array.transpose(order)
    sizes = {axis: array.shape[axes.index(axis)] for axis in last}
    return moved.reshape(-1, sizes.pop(EXPERTS, 1), *sizes.values())


def _picked(rows: Array, place: Array, rank: Array, positions: int) -> Array:
    """What the experts of these ranks read at these places: of channels alone all read the same in a sample."""
    return rows[place // (positions // len(rows)), rank if rows.shape[1] > 1 else 0]


def _in_place(rows: Array, output: Shape) -> Array:
    """Such rows with the axes in the order of an output."""
    axes = [axis for axis in output.axes if axis not in (EXPERTS, CHANNELS)]
    order = ("batch", *axes, EXPERTS, CHANNELS)
    split = rows.reshape(-1, *(output.size(axis) for axis in axes), *rows.shape[1:])
    return split.transpose([order.index(axis) for axis in ("batch", *output.axes)])
