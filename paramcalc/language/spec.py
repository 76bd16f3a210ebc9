"""A spec as it is written: knobs, blocks and chains of items, nothing evaluated.

Every item knows its place, `at`, as a character index into the text of its spec; the calls of one
line hold offsets from that place, so that equal lines can share one reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from paramcalc.base.errors import Source, visible
from paramcalc.language.expression import Expression
from paramcalc.language.syntax import Mapping, Node

MOST_INPUTS = 256  # of one call

Written: TypeAlias = "Expression | tuple[Written, ...]"  # an expression, or a YAML list of them


ALL = "*"  # the index that means all rounds of a repeat


class Reference(NamedTuple):
    """A path to an earlier layer: names, each with its indices; `x` is the incoming tensor.

    One that means `several` layers has the index ALL somewhere. With a `weight` it is one of the layer's.
    """

    parts: tuple[tuple[str, tuple[Expression, ...]], ...]
    start: int
    end: int
    several: bool = False
    weight: str = ""

    def __str__(self) -> str:
        path = "/".join(
            name + "".join(f"[{index.text}]" for index in indices) for name, indices in self.parts
        )
        return f"{path}.{self.weight}" if self.weight else path


class Argument(NamedTuple):
    """A value given to a call; `name` is '' for a positional one. `share` takes a reference."""

    name: str
    value: Written | Reference
    start: int
    end: int


class Setting(NamedTuple):
    """A value by name: of a knob in a variant, of an axis, of an attribute by default."""

    name: str
    value: Written
    start: int
    end: int


class Call(NamedTuple):
    """A use of an op or a block. Without a head it only says `from`.

    `names` are the names that its head and arguments depend on; None when they depend on more than
    names and the incoming tensor: on another layer's size or weights.
    """

    head: str
    arguments: tuple[Argument, ...]
    references: tuple[Reference, ...]
    start: int
    end: int
    names: frozenset[str] | None


class Step(NamedTuple):
    """One call in a chain; `name` is the automatic name, unique within its group, unless it is `named`."""

    call: Call
    at: int
    name: str
    named: bool = False


class Named(NamedTuple):
    """A named chain; the automatic name of a join, for branches that need a group, is not `named`."""

    name: str
    chain: Chain
    at: int
    named: bool = True


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
    """Rounds of one chain. `at` is the place of the text of `times`; `counter` names the round's number."""

    times: Expression
    at: int
    body: Chain
    counter: str
    shared: bool
    name: str


class TableRow(NamedTuple):
    """One row of a table; `name` is '' when no column is called so."""

    name: str
    cells: tuple[Written, ...]
    at: int


class Table(NamedTuple):
    """Rows run through one chain; a column called `name` names them. `counter` may be ''."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    at: int
    body: Chain
    counter: str
    name: str


class Auxiliary(NamedTuple):
    """A side branch that exists in training only."""

    branch: Named
    at: int


class Broken(NamedTuple):
    """An item that could not be read; what it is has been reported."""

    at: int


Item: TypeAlias = Step | Named | Join | If | Repeat | Table | Auxiliary | Broken


class Chain(NamedTuple):
    """The items that a tensor runs through; if empty, it passes unchanged."""

    items: tuple[Item, ...]
    at: int


def inner(item: Item) -> tuple[Item, ...]:
    """The items one level below an item, in the order of the text."""
    if isinstance(item, Named):
        return item.chain.items
    if isinstance(item, Join):
        return item.branches
    if isinstance(item, If):
        return (*item.then.items, *item.otherwise.items)
    if isinstance(item, Repeat | Table):
        return item.body.items
    return (item.branch,) if isinstance(item, Auxiliary) else ()


def walk(chain: Chain) -> Iterator[Item]:
    """Every item of a chain in the order of the text, however deep; blocks are not entered."""
    waiting = [*reversed(chain.items)]
    while waiting:
        item = waiting.pop()
        yield item
        waiting += reversed(inner(item))


def passes(chain: Chain) -> bool:
    """Whether a chain is `identity` alone, or empty: the tensor passes, and no layer has its name."""
    only = chain.items[0] if len(chain.items) == 1 else None
    if isinstance(only, Step):
        return only.call.head == "identity" and not (only.call.arguments or only.call.references)
    return not chain.items


class Parameter(NamedTuple):
    """A parameter of a block; `at` is its offset from the block's place."""

    name: str
    default: Expression | None
    at: int


class Block(NamedTuple):
    """A group with arguments, closed to its caller; `inputs` are its tensors besides `x`.

    `outputs` are names under which callers may read layers inside.
    """

    name: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[str, ...]
    chain: Chain
    source: Source
    at: int
    outputs: tuple[tuple[str, Reference], ...] = ()

    def __repr__(self) -> str:
        return f"<Block {visible(self.name)}>"


class Knob(NamedTuple):
    """A setting of the whole spec; `choices` are the words that it may hold.

    The value is None when it could not be read.
    """

    name: str
    value: Written | None
    choices: tuple[str, ...]
    source: Source
    at: int


class Variant(NamedTuple):
    name: str
    like: str
    settings: tuple[Setting, ...]
    at: int


class Input(NamedTuple):
    """A declared input: sizes of all axes in one expression, or one for each named axis; or a choice of two.

    It has none of these when it could not be read.
    """

    sizes: Written | None
    axes: tuple[Setting, ...]
    source: Source
    at: int
    choice: InputChoice | None = None

    def alternatives(self) -> Iterator[Input]:
        """All that it may be."""
        if self.choice is None:
            yield self
        else:
            yield from self.choice.then.alternatives()
            yield from self.choice.otherwise.alternatives()

    def conditions(self) -> Iterator[Expression]:
        """What decides which of them it is."""
        if self.choice is not None:
            yield self.choice.condition
            yield from self.choice.then.conditions()
            yield from self.choice.otherwise.conditions()


class InputChoice(NamedTuple):
    """Two inputs, and the condition of the first; `at` is the condition's place."""

    condition: Expression
    at: int
    then: Input
    otherwise: Input


class Outputs(NamedTuple):
    references: tuple[Reference, ...]
    source: Source


class Defaults(NamedTuple):
    """Default attributes of an op."""

    settings: tuple[Setting, ...]
    source: Source
    at: int


class Spec(NamedTuple):
    name: str
    source: Source
    origin: Node | None  # the `source` entry: where the network was published
    topic: str
    note: str
    inputs: dict[str, Input]
    outputs: Outputs
    knobs: dict[str, Knob]
    variants: dict[str, Variant]
    defaults: dict[str, Defaults]  # by the op's own name, not an alias
    blocks: dict[str, Block]
    layers: Chain
    layers_source: Source
    claims: Mapping | None
    use: str
    budgets: Node | None = None

    def __repr__(self) -> str:
        return f"<Spec {visible(self.name)}: {len(self.variants)} variants, {len(self.blocks)} blocks>"
