"""Common code of recurrent layers: layers and directions, weights by PyTorch's names, states, cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, Steps, alike, whole
from paramcalc.base.shape import CHANNELS, Shape, tokens, vector
from paramcalc.base.sizes import Size, product, same, total
from paramcalc.ops._layout import need_tokens
from paramcalc.ops.attributes import Few, Flag
from paramcalc.ops.base import Array, Cost, Op, Tools, Weights, no_step, one_token

MOST_LAYERS = 256


class Cell(NamedTuple):
    """One layer in one direction: the ending of its weights' names, and the channels that it reads."""

    ending: str
    channels: Size
    backward: bool


@dataclass(frozen=True)
class Recurrent(Op):
    """A sequence read step by step: each step reads its token and the state that the step before left.

    A subclass says how many gates a cell has, what it does beside its contractions, and how a step runs.
    """

    out_channels: Size
    num_layers: Few = 1
    bidirectional: Flag = False
    last: Flag = False
    bias: Flag = True
    biases: Few = 2

    gates: ClassVar[int] = 1
    inputs: ClassVar[tuple[str, ...]] = ("x", "state")
    optional = 1
    elsewhere = {"hidden_size": "out_channels", "units": "out_channels", "use_bias": "bias"}

    # ---------------------------------------------------------------------------------- the rules

    def weights(self, *inputs: Shape) -> Weights:
        found: Weights = {}
        for cell in self._cells(inputs[0].channels):
            found |= self._cell_weights(cell)
        return found

    def shape(self, *inputs: Shape) -> Shape:
        x = need_tokens(self, inputs[0], several=True)
        if self.biases not in (1, 2):
            fix = "2 as PyTorch and cuDNN have, 1 as Keras has; bias=false for none"
            raise Fault(
                f"{self.title}: biases must be 1 or 2", found=str(self.biases), fix=fix, about="biases"
            )
        for name, state, channels in zip(self.inputs[1:], inputs[1:], self._state_channels(), strict=False):
            self._check_state(name, state, channels, x)
        channels = self._directions() * self._given_on()
        if not self.last:
            return x.with_channels(channels)
        return Shape((*x.axes[:-2], CHANNELS), (*x.dims[:-2], channels))

    def cost(self, *inputs: Shape) -> Cost:
        x = inputs[0]
        positions, cells = product(x.space), [*self._cells(x.channels)]
        macs = positions * total(self._cell_macs(cell) for cell in cells)
        runs = positions * len(cells)
        biased = runs * self._bias_adds() if self.bias else 0
        work = {kind: runs * times * self.out_channels for kind, times in self._cell_work().items()}
        work["add"] = work["add"] + biased
        return Cost(macs, connections=macs + biased, operations=work)

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        positions, cells = product(inputs[0].space), len([*self._cells(1)])
        between = cells - self._directions()
        return {
            "gates": positions * cells * self.gates * self.out_channels,
            "states": positions * between * self._given_on(),
        }

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        """One step; a first state has been used up by then."""
        if self.bidirectional:
            raise no_step(self, "it reads the sequence backwards as well", fix="leave out bidirectional=true")
        x, *states = inputs
        return self, (one_token(x), *states)

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        if self.bidirectional:
            return {}
        sequences, cells = product(inputs[0].space[:-1]), len([*self._cells(1)])
        return {"states": sequences * cells * total(self._state_channels())}

    def contracts(self, weight: str) -> bool:
        return weight.startswith("weight_")

    def weight_layers(self) -> int:
        return self._layers()

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        x, *states = inputs
        own = {axis: alike(axis) for axis in x.axes if axis != CHANNELS}
        if self.last or self.bidirectional:
            own["length"] = whole(x.size("length"))
        else:
            own["length"] = Reach("length", Steps((0,), 0), Steps((0,), 1))
        others = ({axis: whole(s.size(axis)) for axis in s.axes if axis != CHANNELS} for s in states)
        return own, *others

    def forward(self, tools: Tools, *inputs: Array, **weights: Array) -> Array:
        x, *states = inputs
        rows = x.reshape(-1, *x.shape[-2:])
        first = [state.reshape(len(state), -1, state.shape[-1]) for state in states]
        for layer in range(self._layers()):
            read, parts = rows, []
            for place in range(self._directions()):
                number = layer * self._directions() + place
                own = [state[:, number] for state in first]
                ending = _ending(layer, place == 1)
                named = {name: array for name, array in weights.items() if name.endswith(f"_{ending}")}
                cell = {name.removesuffix(f"_{ending}"): array for name, array in named.items()}
                parts.append(self._run(tools, read[:, ::-1] if place else read, own, cell, ending))
            if self.last and layer == self._layers() - 1:
                y = tools.concatenate([part[:, -1] for part in parts], -1)
                return y.reshape(*x.shape[:-2], y.shape[-1])
            rows = tools.concatenate([parts[0], *(part[:, ::-1] for part in parts[1:])], -1)
        return rows.reshape(*x.shape[:-1], rows.shape[-1])

    # ----------------------------------------------------------------------------- a cell's matters

    def _bias_adds(self) -> Size:
        """Additions of a bias in one step; two biases of one sum are added up once, before."""
        return self.gates * self.out_channels

    def _cell_work(self) -> dict[str, int]:
        """Operations in one step for each channel of the state, without biases."""
        raise NotImplementedError

    def _step(
        self, tools: Tools, entering: Array, states: list[Array], weights: Mapping[str, Array]
    ) -> list[Array]:
        """The states after a step: that which is given on first. `entering` is the token's product."""
        raise NotImplementedError

    def _given_on(self) -> Size:
        """Channels that a cell gives on."""
        return self.out_channels

    def _state_channels(self) -> tuple[Size, ...]:
        """Channels of each state."""
        return (self._given_on(),)

    def _recurrent_bias(self) -> bool:
        """Whether the second bias stays by itself."""
        return False

    def _cell_weights(self, cell: Cell) -> Weights:
        rows = self.gates * self.out_channels
        found: Weights = {
            f"weight_ih_{cell.ending}": (rows, cell.channels),
            f"weight_hh_{cell.ending}": (rows, self._given_on()),
        }
        if self.bias:
            found[f"bias_ih_{cell.ending}"] = (rows,)
        if self.bias and self.biases == 2:
            found[f"bias_hh_{cell.ending}"] = (rows,)
        return found

    def _cell_macs(self, cell: Cell) -> Size:
        """Multiply-accumulates of one step."""
        named = self._cell_weights(cell)
        return total(product(dims) for name, dims in named.items() if self.contracts(name))

    # -------------------------------------------------------------------------------------- helpers

    def _layers(self) -> int:
        """The number of layers, after which weights are named: of a symbol, the one value that it has."""
        for count in range(1, MOST_LAYERS + 1):
            if same(self.num_layers, count):
                return count
        raise Fault(
            f"{self.title}: num_layers is above {MOST_LAYERS}",
            fix=f"repeat it: {MOST_LAYERS} * {self.title} ...",
            about="num_layers",
        )

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _cells(self, channels: Size) -> Iterator[Cell]:
        for layer in range(self._layers()):
            for backward in (False, True)[: self._directions()]:
                yield Cell(_ending(layer, backward), channels, backward)
            channels = self._directions() * self._given_on()

    def _check_state(self, name: str, state: Shape, channels: Size, x: Shape) -> None:
        rows = self._layers() * self._directions()
        wanted = vector(channels) if rows == 1 else tokens(rows, channels)
        alone = x.axes == ("length", CHANNELS)
        fits = state.axes == wanted.axes and all(map(same, state.dims, wanted.dims))
        if alone and fits:
            return
        fix = "" if rows == 1 else "a row for each layer and direction: concat them along the length"
        raise Fault(
            f"{self.title}: the first {name} has the wrong size"
            if alone
            else f"{self.title}: a first {name} belongs to one sequence",
            expected=wanted.described() if alone else "tokens: length x channels",
            found=state.described() if alone else x.described(),
            fix=fix if alone else "",
        )

    def _run(
        self, tools: Tools, x: Array, states: list[Array], weights: Mapping[str, Array], ending: str
    ) -> Array:
        """All steps of a cell, N x length x channels."""
        entering = tools.matmul(x, weights["weight_ih"].T)
        if self.bias:
            entering += weights["bias_ih"]
        if "bias_hh" in weights and not self._recurrent_bias():
            entering += weights["bias_hh"]
        wanted = self._state_channels()
        zeros = (tools.zeros((len(x), size), x.dtype) for size in wanted[len(states) :])
        states = [tools.left(f"{place}_{ending}", one) for place, one in enumerate([*states, *zeros])]
        found = []
        for step in range(x.shape[1]):
            states = self._step(tools, entering[:, step], states, weights)
            found.append(states[0])
        for place, one in enumerate(states):
            tools.leave(f"{place}_{ending}", one)
        return tools.stack(found, 1)


def sigmoid(tools: Tools, x: Array) -> Array:
    return tools.elementwise(lambda v: 1 / (1 + tools.exp(-v)), x)


def _ending(layer: int, backward: bool) -> str:
    return f"l{layer}{'_reverse' if backward else ''}"
