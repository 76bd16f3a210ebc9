"""Conventions as rules: formulas over the facts of a layer, for ops by name.

Ops report facts: shapes, weights, multiply-accumulates, other operations. A convention adds some of
them up, and calls the sum by a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.base.sizes import Size, ceil_divide, floor_divide, least, product, same, total
from paramcalc.count.report import Counts, count_layer
from paramcalc.engine.graph import Applied, Layer
from paramcalc.language.expression import Expression, parse
from paramcalc.ops.base import Weights

Rules = Mapping[str, Mapping[str, str]]  # formulas by families with blanks between, by quantity


class Term(NamedTuple):
    """A formula that is added for each layer whose op is one of the families; for every layer if none.

    Its names are facts: quantities of `Counts`, kinds of operation of `Cost` (0 where a layer has
    none), `FACTS`, and the attributes of the op. `conv2d` is of the family `conv`.
    """

    formula: str
    families: tuple[str, ...] = ()


class Tool(NamedTuple):
    """A program that counts: what the profile of it was taken from, and what it calls its numbers.

    `quirks` are what makes its number another than a reader expects; they are part of the number.
    `per_image` marks a tool that prints the mean of a batch. `writings` are the rules that differ where a
    network is written in another way, by its name.
    """

    version: str
    source: str
    sees: str
    called: Mapping[str, str]
    quirks: tuple[str, ...]
    per_image: bool = False
    writings: Mapping[str, Rules] = {}


class Convention(NamedTuple):
    """A way of counting: the terms of each quantity that it is about, and what that means in words.

    `auxiliary` includes the branches that exist in training only in the totals of the whole network.
    """

    name: str
    says: str
    terms: Mapping[str, tuple[Term, ...]]
    auxiliary: bool = False
    tool: Tool | None = None

    def __repr__(self) -> str:
        return f"<Convention {self.name}>"

    @property
    def base(self) -> str:
        """The profile that this one is a variant of: `fvcore` of `fvcore:multihead`, or itself."""
        return self.name.partition(":")[0]

    def word(self, quantity: str) -> str:
        """The convention's own name for a quantity; '' for the usual name."""
        return self.tool.called.get(quantity, "") if self.tool else ""


def table(rules: Mapping[str, str]) -> tuple[Term, ...]:
    """Terms from formulas by families separated by spaces; `*` means every op."""
    return tuple(
        Term(formula, () if families == "*" else tuple(families.split()))
        for families, formula in rules.items()
    )


def rules(terms: Iterable[Term]) -> dict[str, str]:
    """Formulas by families separated by spaces: the reverse of `table`."""
    return {" ".join(term.families) or "*": term.formula for term in terms}


def replaced(terms: Iterable[Term], others: tuple[Term, ...]) -> tuple[Term, ...]:
    """The terms with others in place of those for the same families."""
    anew = {family for term in others for family in term.families}
    kept = (term._replace(families=tuple(f for f in term.families if f not in anew)) for term in terms)
    return (*(term for term in kept if term.families), *others)


def evaluated(terms: Iterable[Term], facts: LayerFacts) -> Size:
    """The sum of the terms for one layer and one sample."""
    return total(each.evaluate(facts) for each in formulas(terms, family(facts.layer)))


def formulas(terms: Iterable[Term], named: str) -> list[Expression]:
    """The formulas of the terms that apply to a family of ops."""
    return [expression(term.formula) for term in terms if not term.families or named in term.families]


@lru_cache(maxsize=1024)
def expression(formula: str) -> Expression:
    return parse(formula)


def family(layer: Layer) -> str:
    """The op's name without its number of dimensions."""
    return _family(layer.op.name, layer.op.rank)


@lru_cache(maxsize=1024)
def _family(name: str, rank: int | None) -> str:
    return name.removesuffix(f"{rank}d")


class LayerFacts:
    """The names that a formula may use, for one application to one sample; its own counts where they are known."""

    def __init__(self, layer: Layer, counts: Counts | None = None) -> None:
        self.layer = layer
        self.run = as_run(layer)
        self.counts = counts or count_layer(layer, batch=1)

    def value(self, name: str) -> Any:
        if name in Counts._fields:
            return getattr(self.counts, name)
        if name in FACTS:
            return FACTS[name](self.layer if name in OF_ALL else self.run)
        if name in KINDS:
            return self.layer.applied.cost.operations.get(name, 0)
        if hasattr(self.layer.op, name):
            return getattr(self.layer.op, name)
        raise Fault(f"{self.layer.op.title} has no '{name}' that a convention could count")

    def tensor(self, name: str) -> Shape:
        raise Fault(f"a convention names no tensors, and '{name}' would be one")


def as_run(layer: Layer) -> Layer:
    """A layer as a program runs it: of experts one, on as many positions as all of them run on."""
    applied, mixture = layer.applied, layer.applied.mixture
    if mixture is None:
        return layer
    from paramcalc.ops._each import at_position

    def rows(x: Shape) -> Shape:
        return Shape(("length", *x.axes), (mixture.applications, *x.dims))

    alone = tuple(map(at_position, applied.inputs))
    weights, buffers = applied.op.weights(*alone), applied.op.buffers(*alone)
    output = rows(at_position(applied.output))
    run = Applied(applied.op, tuple(map(rows, alone)), output, weights, buffers, applied.cost)
    return layer._replace(applied=run)


OF_ALL = ("weights", "run_weights", "learned", "again")  # facts about all experts, not about one as it is run
KINDS = (
    "add", "subtract", "multiply", "divide", "compare", "exp", "log", "sqrt", "power", "tanh", "erf",
    "sin", "cos",
)  # fmt: skip


def _first(layer: Layer) -> Shape:
    return layer.applied.inputs[0]


def _weights(layer: Layer) -> Size:
    applied = layer.applied
    learned = (dims for name, dims in applied.weights.items() if name not in applied.op.frozen)
    return total(product(dims) for dims in learned)


def _run_weights(layer: Layer) -> Size:
    """Learned scalars of a module, once; of an expert, which is called with rows, for each that it gets."""
    mixture = layer.applied.mixture
    if mixture is None:
        return _weights(layer)
    return floor_divide(_weights(layer), mixture.stored) * mixture.applications


def _bias_adds(layer: Layer) -> Size:
    """Each unit of a contraction reads its inputs, and its bias if it has one."""
    cost = layer.applied.cost
    return cost.connections - cost.macs if layer.op.weighs(layer.applied.weights) else 0


def _products(layer: Layer) -> Size:
    """Multiply-accumulates of QK^T and AV, one each for a score and a channel of a head; masked ones too."""
    return _in_full(layer, _own_products(layer))


def _in_full(layer: Layer, products: Size) -> Size:
    """The same where a window is a mask of a full product, as PyTorch has it."""
    op: Any = layer.op
    if layer.op.name != "self_attention" or op.window is None:
        return products
    seen = op.past + _first(layer).size("length")
    return floor_divide(products * seen, least(op.window, seen))


def _own_products(layer: Layer) -> Size:
    compared = _compared(layer)
    return layer.applied.cost.operations["exp"] * total(compared) if compared else 0


def _compared(layer: Layer) -> tuple[Size, ...]:
    """Channels of a head that attention compares, and that it sums."""
    compared: Callable[[Size], tuple[Size, Size]] | None = getattr(layer.op, "compared", None)
    return compared(_first(layer).channels) if compared else ()


def _projection_weights(layer: Layer) -> Size:
    """Scalars of the projections and their biases."""
    op = layer.op
    wanted = {name for name in layer.applied.weights if op.contracts(name)}
    wanted |= {f"{name}_bias" for name in wanted}
    return total(product(dims) for name, dims in layer.applied.weights.items() if name in wanted)


def _idle_weights(layer: Layer) -> Size:
    """Scalars of the projections that are not called: of what is prepared, or absorbed."""
    weights: Weights = layer.applied.weights
    idle: list[str] = []
    if getattr(layer.op, "prepared", False):
        idle = [name for name in weights if name.startswith(("key", "value"))]
    if getattr(layer.op, "absorbed", False):
        idle = ["kv_b_proj"]
    return total(product(weights[name]) for name in idle)


def _norm_weights(layer: Layer) -> Size:
    """Scalars of the norms inside attention."""
    return total(product(dims) for name, dims in layer.applied.weights.items() if "norm" in name)


def _layer_normed(layer: Layer) -> Size:
    """Elements of queries and keys that attention brings to zero mean and unit variance."""
    weights, positions = layer.applied.weights, product(_first(layer).space)
    if "query_norm_bias" not in weights:
        return 0
    idle = getattr(layer.op, "prepared", False)
    keys = 0 if idle else product(_memory(layer).space) * weights["key"][0]
    return positions * weights["query"][0] + keys


def _uneven(layer: Layer) -> bool:
    """Whether values have other channels than keys, for which PyTorch's CPU kernel is not fused."""
    return not same(*_compared(layer))


def _turned(layer: Layer) -> Size:
    """Elements that attention turns by their position."""
    turned: Callable[[Size], Size] | None = getattr(layer.op, "turned", None)
    x = _first(layer)
    return product(x.space) * turned(x.channels) if turned else 0


def _windows(layer: Layer) -> Size:
    side = layer.op.window  # type: ignore[attr-defined]
    return product(ceil_divide(size, side) for size in _first(layer).space)


def _padded_input(layer: Layer) -> Size:
    """Elements of the input, with the padding that differs at the two ends of an axis and so is put first."""
    x = _first(layer)
    windows = getattr(layer.op, "windows", None)
    each = windows(x) if windows else ()
    if all(one.before == one.after for one in each):
        return x.elements
    return x.channels * product(one.before + one.size + one.after for one in each)


def _conv_positions(layer: Layer) -> Size:
    """Output positions of the convolution with the settings of a transposed one."""
    return product(one.positions for one in layer.op.windows(_first(layer)))  # type: ignore[attr-defined]


def _even_positions(layer: Layer) -> Size:
    """Output positions if every axis were padded alike at both ends, by half of what it needs or less."""
    each = layer.op.windows(_first(layer))  # type: ignore[attr-defined]
    return product(one.size + 2 * floor_divide(one.span - 1, 2) - one.span + 1 for one in each)


def _split_positions(layer: Layer) -> Size:
    """Output positions of a dilated window over every d-th position, one of d times for each offset."""
    each = layer.op.windows(_first(layer))  # type: ignore[attr-defined]
    return product(one.dilation * ceil_divide(one.positions, one.dilation) for one in each)


def _scalars(start: str) -> Callable[[Layer], Size]:
    """Scalars of the weights whose names start so."""
    return lambda layer: total(
        product(dims) for name, dims in layer.applied.weights.items() if name.startswith(start)
    )


def _cells(layer: Layer) -> int:
    """Recurrent layers, each direction by itself."""
    return sum(name.startswith("weight_hh") for name in layer.applied.weights)


def _directions(layer: Layer) -> int:
    return 2 if layer.op.bidirectional else 1  # type: ignore[attr-defined]


BEYOND_MULTIHEAD = (
    "head_dim", "kv_heads", "value_dim", "qk_norm", "window", "position_bias", "rotary", "past", "prepared",
    "scale",
)  # fmt: skip


def _as_multihead(layer: Layer) -> bool:
    """Whether `nn.MultiheadAttention` can be this attention: heads and biases as they usually are."""
    op = layer.op
    biased = (getattr(op, name) for name in ("qkv_bias", "out_bias", "key_bias"))
    options = (getattr(op, name, None) for name in BEYOND_MULTIHEAD)
    plain = all(bias is None for bias in biased) and all(option in (None, False, 0) for option in options)
    biased_scores = len(layer.applied.inputs) > 1 and _memory(layer) is _first(layer)
    widths = {x.channels for x in (_first(layer), _memory(layer), _values(layer))}
    return plain and not biased_scores and len(widths) == 1


def _memory(layer: Layer) -> Shape:
    """The memory of an attention layer."""
    op: Any = layer.op
    return op.memory(*layer.applied.inputs)  # type: ignore[no-any-return]


def _values(layer: Layer) -> Shape:
    """The input that an attention layer computes its values from."""
    op: Any = layer.op
    return op.values(*layer.applied.inputs)  # type: ignore[no-any-return]


def _as_padding_same(layer: Layer) -> bool:
    """Whether `padding="same"` can be written, which PyTorch has at stride 1 only."""
    op: Any = layer.op
    return bool(op.padding == "same" and all(one.stride == 1 for one in op.windows(_first(layer))))


FACTS: dict[str, Callable[[Layer], Any]] = {
    "input": lambda layer: _first(layer).elements,  # elements of the first input
    "padded_input": _padded_input,
    "output": lambda layer: layer.output.elements,
    "channels": lambda layer: _first(layer).channels,  # of the first input
    "positions": lambda layer: product(layer.output.space),  # of the output
    "input_positions": lambda layer: product(_first(layer).space),
    "conv_positions": _conv_positions,
    "even_positions": _even_positions,
    "split_positions": _split_positions,
    "window": lambda layer: product(layer.op.kernel_size),  # type: ignore[attr-defined]
    "strides": lambda layer: product(layer.op.stride),  # type: ignore[attr-defined]
    "dimensions": lambda layer: len(_first(layer).space),  # axes of the input besides the channels
    "tensors": lambda layer: len(layer.applied.inputs),  # that the op reads
    "learned": lambda layer: not layer.frozen,
    "again": lambda layer: bool(layer.again),  # one module, called another time
    "alike": lambda layer: len(set(layer.applied.inputs)) == 1,
    "grouped": lambda layer: layer.op.kv_heads is not None,  # type: ignore[attr-defined]
    "multihead": _as_multihead,
    "padding_same": _as_padding_same,
    "scaled": lambda layer: layer.op.scale is not None,  # type: ignore[attr-defined]
    "channels_first": lambda layer: _first(layer).axes[0] == CHANNELS,
    "weights": _weights,  # learned scalars, those of shared weights in every layer that has them
    "run_weights": _run_weights,
    "bias_adds": _bias_adds,  # additions of a bias
    "products": _products,  # multiply-accumulates of attention's two products
    "projections": lambda layer: layer.applied.cost.macs - _own_products(layer),
    "projection_weights": _projection_weights,  # attention's, biases included
    "idle_weights": _idle_weights,
    "norm_weights": _norm_weights,
    "layer_normed": _layer_normed,
    "layer_norm_weights": lambda layer: (
        _norm_weights(layer) if "query_norm_bias" in layer.applied.weights else 0
    ),
    "uneven": _uneven,
    "turned": _turned,
    "windows": _windows,  # of attention within windows
    "sequences": lambda layer: product(_first(layer).space[:-1]),  # that attention keeps apart
    "cells": _cells,  # of recurrent layers: layers times directions
    "directions": _directions,
    "frame": lambda layer: product(layer.output.dims[-2:]),  # positions of one image
    "given_on": lambda layer: floor_divide(layer.applied.output.channels, _directions(layer)),  # of a cell
    "entering": _scalars("weight_ih"),  # that a step's token is multiplied with
    "reducing": _scalars("weight_hr"),  # of the projection
    "projected": lambda layer: layer.op.projection is not None,  # type: ignore[attr-defined]
    "added": _scalars("bias"),  # of the biases
    "first_biases": _scalars("bias_ih_l0"),  # with the product of what enters the first layer
    "operations": lambda layer: total(layer.applied.cost.operations.values()),
}
