"""The elaborated network: every layer once, in an order in which it can be computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Problem, Source, visible
from paramcalc.base.shape import Shape
from paramcalc.base.sizes import Size
from paramcalc.ops.base import Cost, Op, Weights

if TYPE_CHECKING:
    from paramcalc.ops._each import Each, Mixture

Kind: TypeAlias = tuple[int, bool, tuple[str, ...], bool]


def each(op: Op, mixture: Mixture) -> Each:
    """The op as each expert of a mixture has it for itself."""
    from paramcalc.ops._each import Each  # few networks have experts

    return Each(op, mixture)


class Applied(NamedTuple):
    """An op on inputs of given shapes, with all that its rules say. Equal uses share one.

    For an op that each expert of a mixture has for itself, the rules are those of all experts together.
    """

    op: Op
    inputs: tuple[Shape, ...]
    output: Shape
    weights: Weights
    buffers: Weights
    cost: Cost
    mixture: Mixture | None = None

    @property
    def rules(self) -> Op:
        """The object with the rules: the op, or its use by each expert of a mixture."""
        return self.op if self.mixture is None else each(self.op, self.mixture)

    def __repr__(self) -> str:
        return f"<{self.op.title}: {' and '.join(map(str, self.inputs))} -> {self.output}>"


class Layer(NamedTuple):
    """A use of an op.

    `inputs` are value numbers: the graph's inputs come first, then one value for each layer.
    `shared` gives, for each weight or buffer that another layer owns, that layer's path.
    `auxiliary` is the path of the training-only branch that holds the layer, or ''.
    `again` is the path of the layer that this one is another use of: the same op, with all its weights; or ''.
    `named` says that the last name of the path was written in the spec, not made from the op's.
    `router` is the value with the scores by which experts are chosen, where the layer belongs to some.
    `done` says that its output is there before the graph is run: it does not depend on the token that is decoded.
    """

    path: str
    applied: Applied
    inputs: tuple[int, ...]
    shared: Mapping[str, str]
    frozen: bool
    auxiliary: str
    source: Source
    start: int
    end: int
    again: str = ""
    named: bool = True
    router: int | None = None
    done: bool = False

    def __repr__(self) -> str:
        return f"<Layer {self.path}: {repr(self.applied).strip('<>')}>"

    @property
    def kind(self) -> Kind:
        """What layers have in common that count the same, by any convention: op, inputs, what is shared, frozen."""
        return id(self.applied), self.frozen, tuple(self.shared), self.again != ""

    @property
    def op(self) -> Op:
        return self.applied.op

    @property
    def output(self) -> Shape:
        return self.applied.output

    @property
    def reads(self) -> tuple[int, ...]:
        """All values that are needed to run it: its inputs, and the scores that choose experts."""
        return self.inputs if self.router is None else (*self.inputs, self.router)


class BlockCall(NamedTuple):
    """A block as a group calls it, with its positional and its named arguments."""

    block: str
    placed: tuple[Any, ...]
    named: tuple[tuple[str, Any], ...]


class Graph(NamedTuple):
    """A network with all shapes known, for one sample.

    `model` is the variant's name, or the spec's. `knobs` are the values it was elaborated with,
    `automatic` the paths of groups whose names nobody wrote, `calls` the blocks that groups call, by
    path, `cells` those of tables, by the paths of their rows. `doubts` are what is legal in the text, and mostly
    not meant. A graph of one more token has the number of those before it in `past`.
    """

    spec: str
    model: str
    inputs: Mapping[str, Shape]
    layers: tuple[Layer, ...]
    outputs: tuple[int, ...]
    knobs: Mapping[str, Any]
    settings: tuple[str, ...]
    remarks: tuple[str, ...]
    automatic: frozenset[str] = frozenset()
    doubts: tuple[Problem, ...] = ()
    calls: Mapping[str, BlockCall] = {}
    cells: Mapping[str, Mapping[str, Any]] = {}
    past: Size | None = None

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {shape}" for name, shape in self.inputs.items())
        return f"<Graph of {visible(self.model)}: {shapes}, {len(self.layers)} layers>"

    def shape(self, value: int) -> Shape:
        """The shape of a value."""
        first = len(self.inputs)
        return self.layers[value - first].output if value >= first else [*self.inputs.values()][value]

    def name(self, value: int) -> str:
        """The path of the layer, or the name of the input, that gives a value."""
        first = len(self.inputs)
        return self.layers[value - first].path if value >= first else [*self.inputs][value]
