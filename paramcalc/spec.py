"""A spec as it is written: knobs, blocks and chains of items, nothing evaluated.

Every item knows its place, `at`, as a character index into the text of its spec; the calls of one
line hold offsets from that place, so that equal lines can share one reading.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from paramcalc.errors import Source
from paramcalc.expression import Expression
from paramcalc.syntax import Mapping, Node

Written: TypeAlias = "Expression | tuple[Written, ...]"  # an expression, or a YAML list of them


class Argument(NamedTuple):
    """A value given to a call; `name` is '' for a positional one."""

    name: str
    value: Written
    start: int
    end: int


class Reference(NamedTuple):
    """A path to an earlier layer: names, each with an index or None; `x` is the incoming tensor."""

    parts: tuple[tuple[str, Expression | None], ...]
    start: int
    end: int

    def __str__(self) -> str:
        return "/".join(name + (f"[{index.text}]" if index else "") for name, index in self.parts)


class Call(NamedTuple):
    """A use of an op or a block. Without a head it only says `from`.

    `constant` says that no argument mentions a name.
    """

    head: str
    arguments: tuple[Argument, ...]
    references: tuple[Reference, ...]
    start: int
    end: int
    constant: bool


class Step(NamedTuple):
    """One call in a chain; `name` is the automatic name, unique within its group."""

    call: Call
    at: int
    name: str


class Named(NamedTuple):
    name: str
    chain: Chain
    at: int


class Join(NamedTuple):
    """A call of an op with several inputs, each the end of a branch."""

    call: Call
    at: int
    name: str
    branches: tuple[Named, ...]


class If(NamedTuple):
    condition: Expression
    at: int
    then: Chain
    otherwise: Chain


class Repeat(NamedTuple):
    count: Expression
    at: int
    body: Chain
    index: str
    shared: bool
    name: str


class Row(NamedTuple):
    cells: tuple[Written, ...]
    at: int


class Table(NamedTuple):
    """Rows run through one chain; a column called `name` names them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    at: int
    body: Chain
    index: str
    name: str


class Auxiliary(NamedTuple):
    """A side branch that exists in training only."""

    branch: Named
    at: int


Item: TypeAlias = Step | Named | Join | If | Repeat | Table | Auxiliary


class Chain(NamedTuple):
    """What a tensor runs through; empty means that it passes unchanged."""

    items: tuple[Item, ...]
    at: int


class Parameter(NamedTuple):
    name: str
    default: Expression | None


class Block(NamedTuple):
    """A group with arguments, closed to its caller; `inputs` are its tensors besides `x`."""

    name: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[str, ...]
    chain: Chain
    source: Source
    at: int


class Knob(NamedTuple):
    """A setting of the whole spec; `choices` are the words that it may hold."""

    name: str
    value: Written
    choices: tuple[str, ...]
    source: Source
    at: int


class Variant(NamedTuple):
    name: str
    like: str
    settings: tuple[Argument, ...]
    at: int


class Input(NamedTuple):
    """A declared input: sizes of all axes in one expression, or one for each named axis."""

    sizes: Expression | None
    axes: tuple[Argument, ...]
    source: Source
    at: int


class Defaults(NamedTuple):
    """Attributes that every layer of an op takes unless it says otherwise."""

    arguments: tuple[Argument, ...]
    source: Source
    at: int


class Spec(NamedTuple):
    name: str
    source: Source
    origin: Node | None  # the `source` entry: where the network was published
    note: str
    inputs: dict[str, Input]
    outputs: tuple[Reference, ...]
    knobs: dict[str, Knob]
    variants: dict[str, Variant]
    defaults: dict[str, Defaults]
    blocks: dict[str, Block]
    layers: Chain
    layers_source: Source
    claims: Mapping | None
    use: str
