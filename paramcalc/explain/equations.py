"""The equations of one op on given inputs: what its rules do with sizes that remember how they were computed.

Nothing is typed here but what the sizes are called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from paramcalc.base.shape import CHANNELS, EXPERTS, Shape
from paramcalc.base.sizes import judge, product
from paramcalc.engine.graph import Applied, each
from paramcalc.ops.attributes import Attribute, attributes
from paramcalc.ops.base import Cost, Op, Weights
from paramcalc.symbolic.factored import Recorder, named, renamed
from paramcalc.symbolic.polynomial import Polynomial, evaluate, sum_of, whole
from paramcalc.symbolic.terms import Monomial

if TYPE_CHECKING:
    from paramcalc.ops._each import Mixture

LETTERS = {"channels": "C", "height": "H", "width": "W", "depth": "D", "length": "L", EXPERTS: "active"}
AXES = {letter: axis for axis, letter in LETTERS.items()}
CUSTOMARY = {
    "out_channels": "C_out",
    "kernel_size": "k",
    "stride": "s",
    "padding": "p",
    "dilation": "d",
    "groups": "g",
    "output_size": "n",
}
SIZED = ("Size", "Count", "PerAxis", "CountPerAxis", "Padding", "Margins", "Sizes")
ALWAYS = ("stride", "padding")  # shown at their defaults too; others drop out of the formula there
APART = ("kernel_size",)  # one symbol an axis, also where all axes have the same size
ENDS = {"height": ("top", "bottom"), "width": ("left", "right")}

ORDER = (
    "D_out", "H_out", "W_out", "L_out", "D", "H", "W", "L", "p", "k_d", "k_h", "k_w", "k", "C_in", "C",
    "d", "s", "g", "C_out",
)  # fmt: skip


class Product(NamedTuple):
    """A product; factors that are `apart` are products themselves, each in parentheses."""

    factors: tuple[Any, ...]
    apart: bool = False


class Equation(NamedTuple):
    """An equation: `name` is the sum of the pieces, and that is `value`.

    The name is that of the quantity, or of an output's size, or of a kind of operations.
    """

    quantity: str
    name: str
    pieces: tuple[Product, ...]
    value: int


class Meaning(NamedTuple):
    """What a symbol stands for: an attribute, the input or the output, and which axis or end of it."""

    what: str
    part: str = ""
    tensor: bool = False

    def __str__(self) -> str:
        if self.tensor:
            return f"{self.part} of {self.what}"
        return f"{self.what}, {self.part}" if self.part else self.what


class _Run(NamedTuple):
    """The results of an op's rules on symbols; output sizes that are formulas have names of their own."""

    op: Op
    inputs: tuple[Shape, ...]
    output: Shape
    weights: Weights
    buffers: Weights
    cost: Cost
    names: dict[Any, str]


def equations(
    applied: Applied, shared: Mapping[str, str] = {}, frozen: bool = False
) -> tuple[dict[str, int], dict[str, Meaning], list[Equation]]:
    """The equations of an op on given inputs, and the numbers and meanings of their symbols.

    Weights that are `shared` are counted elsewhere; `frozen` ones are params that training leaves alone.
    """
    sizes = _Sizes()
    op, inputs, mixture = sizes.of_op(applied), sizes.of_inputs(applied), sizes.of_mixture(applied)
    forms = _forms(op, inputs, mixture, frozenset(shared), frozen)
    form = next((form for form in forms if form.recorder.answers_alike(sizes.numbers)), None)
    if form is None:
        form = _form(op, inputs, mixture, dict(sizes.numbers), shared, frozen)
        forms.append(form)
    return _of_form(form, sizes)


def equations_of(
    applied: Applied, value: Callable[[int], int], shared: Mapping[str, str] = {}, frozen: bool = False
) -> tuple[dict[str, int], dict[str, Meaning], list[Equation]]:
    """The same where sizes are numbers that represent others: those the symbols have, with equations at the values."""
    sizes = _Sizes()
    op, inputs, mixture = sizes.of_op(applied), sizes.of_inputs(applied), sizes.of_mixture(applied)
    numbers = dict(sizes.numbers)
    sizes.numbers = {name: value(number) for name, number in numbers.items()}
    form = _form(op, inputs, mixture, dict(sizes.numbers), shared, frozen)
    used, meanings, shown = _of_form(form, sizes)
    numbers |= {
        line.name: applied.output.size(AXES[line.name[0]]) for line in shown if line.quantity == "output"
    }
    return {name: numbers[name] for name in used}, meanings, shown


def _of_form(form: _Form, sizes: _Sizes) -> tuple[dict[str, int], dict[str, Meaning], list[Equation]]:
    """The equations of a form with the numbers that its symbols have."""
    lines = [_line(sizes, "output", name, pieces) for name, pieces in form.outputs]
    sizes.numbers |= {line.name: line.value for line in lines}
    sizes.meanings |= {line.name: Meaning("the output", AXES[line.name[0]], tensor=True) for line in lines}
    lines += [_line(sizes, quantity, name, pieces) for quantity, name, pieces in form.counts]
    shown = [line for line in lines if line.value or line.quantity == "output"]
    used = symbols(lines)
    numbers = {name: size for name, size in sizes.numbers.items() if name in used}
    return numbers, sizes.meanings, shown


class _Form(NamedTuple):
    """The equations of an op wherever the rules' questions have the answers that a recorder noted."""

    recorder: Recorder
    outputs: list[tuple[str, list[Product]]]
    counts: list[tuple[str, str, list[Product]]]


@lru_cache(maxsize=256)
def _forms(
    op: Op, inputs: tuple[Shape, ...], mixture: Mixture | None, shared: frozenset[str], frozen: bool
) -> list[_Form]:
    """The forms found so far of an op on symbols: layers that differ in nothing but numbers have one together."""
    return []


def _form(
    op: Op,
    inputs: tuple[Shape, ...],
    mixture: Mixture | None,
    numbers: dict[str, int],
    shared: Mapping[str, str],
    frozen: bool,
) -> _Form:
    recorder = Recorder(numbers)
    run = _run(op, inputs, mixture, recorder)
    kinds = {kind: renamed(amount, run.names) for kind, amount in run.cost.operations.items()}
    operations = {"operations": sum_of((amount, 1) for amount in kinds.values()), **kinds}
    return _Form(
        recorder,
        [(name, [_plain(formula)]) for formula, name in run.names.items()],
        [
            *((name, name, pieces) for name, pieces in _quantities(run, mixture, shared, frozen).items()),
            *(("operations", kind, [_plain(amount)]) for kind, amount in operations.items()),
        ],
    )


def _run(op: Op, inputs: tuple[Shape, ...], mixture: Mixture | None, recorder: Recorder) -> _Run:
    rules = op if mixture is None else each(op, mixture)
    token = judge.set(recorder)
    try:
        output = rules.shape(*inputs)
        weights, buffers, cost = rules.weights(*inputs), rules.buffers(*inputs), rules.cost(*inputs)
    finally:
        judge.reset(token)
    names = _output_names(output, recorder.point)
    output = Shape(output.axes, tuple(renamed(dim, names) for dim in output.dims))
    return _Run(op, inputs, output, weights, buffers, cost, names)


def _met(dims: tuple[Any, ...], mixture: Mixture | None) -> tuple[Any, ...]:
    """The sizes of the part of a weight that one token uses: only the active experts."""
    return dims if mixture is None else (mixture.active, *dims[1:])


def _quantities(
    run: _Run, mixture: Mixture | None, shared: Mapping[str, str], frozen: bool
) -> dict[str, list[Product]]:
    """The formulas of a layer's counts."""
    own = {name: dims for name, dims in run.weights.items() if name not in shared}
    params = _weights(own, lambda name: name not in run.op.frozen)
    fixed = _weights(own, lambda name: name in run.op.frozen)
    activations = [_plain(product(_in_order(run.output)))]
    macs = _work(renamed(run.cost.macs, run.names), run.output, run.inputs)
    multiplies = run.op.contracts
    contracts = run.op.weighs(run.weights)
    return {
        "params": params,
        "kernels": _weights(own, multiplies),
        "biases": _weights(own, lambda name: contracts and run.op.adds(name) and name not in run.op.frozen),
        "active_params": _weights(
            {name: _met(dims, mixture) for name, dims in own.items()}, lambda name: name not in run.op.frozen
        ),
        "frozen": [*fixed, *(params if frozen else ())],
        "buffers": _weights(run.buffers, lambda name: name not in shared),
        "macs": macs,
        "flops": [Product((2, *piece.factors), piece.apart) for piece in macs],
        "connections": [_plain(renamed(run.cost.connections, run.names))],
        "activations": activations,
        "memory": [*params, *fixed, *activations],
    }


class _Sizes:
    """Hands out symbols for sizes, and remembers their numbers."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.meanings: dict[str, Meaning] = {}

    def named(self, name: str, size: Any, meaning: Meaning) -> Any:
        """A symbol of that name, or, where the name means another number already, of one with a dash more."""
        if type(size) is not int:
            return size
        while self.numbers.setdefault(name, size) != size:
            name += "'"
        self.meanings.setdefault(name, meaning)
        return named(name)

    def of_op(self, applied: Applied) -> Op:
        """The op with symbols for its sizes."""
        op = applied.op
        first = next(iter(applied.inputs), applied.output)
        axes = [axis for axis in first.axes if axis != CHANNELS]
        values = {}
        for name, attribute in attributes(type(op)).items():
            value = getattr(op, name)
            if attribute.kind in SIZED and value is not None and not _drops_out(op, attribute, value):
                values[name] = self.attribute(name, attribute, value, axes)
        return dataclasses.replace(op, **values)  # type: ignore[type-var]

    def of_mixture(self, applied: Applied) -> Mixture | None:
        """The mixture whose experts have the op, if any, with symbols for its numbers and positions."""
        mixture = applied.mixture
        if mixture is None:
            return None
        stored = self.named("mixture", mixture.stored, Meaning("mixture"))
        active = self.named("active", mixture.active, Meaning("active"))
        axes, dims = mixture.positions
        sizes = (
            stored if axis == CHANNELS else self.input_size(axis, size, "", applied)
            for axis, size in zip(axes, dims, strict=True)
        )
        return mixture._replace(stored=stored, active=active, positions=Shape(axes, tuple(sizes)))

    def attribute(self, name: str, attribute: Attribute, value: Any, axes: list[str]) -> Any:
        """An attribute's value in symbols: one for all axes where these agree."""
        base = CUSTOMARY.get(name, name)
        if not isinstance(value, tuple):
            return self.named(base, value, Meaning(name))
        flat = {part for item in value for part in (item if isinstance(item, tuple) else (item,))}
        one = len(flat) == 1 and (name not in APART or len(value) == 1)
        marks = axes if len(value) == len(axes) else [str(place) for place in range(1, len(value) + 1)]
        return tuple(
            self.part(name, item, "" if one else mark, not one)
            for item, mark in zip(value, marks, strict=True)
        )

    def part(self, name: str, value: Any, axis: str, differs: bool) -> Any:
        """The symbol of an attribute for one axis, or for the two ends of one."""
        base = CUSTOMARY.get(name, name)
        if isinstance(value, tuple):
            ends = ENDS.get(axis, ("before", "after")) if differs and value[0] != value[1] else ("", "")
            letter = axis[:1] if ends == ("", "") else ""
            return tuple(
                self.named(_joined(base, letter or end), size, Meaning(name, end or axis))
                for end, size in zip(ends, value, strict=True)
            )
        return self.named(_joined(base, axis[:1]), value, Meaning(name, axis))

    def of_inputs(self, applied: Applied) -> tuple[Shape, ...]:
        """The inputs with symbols for their sizes; with different symbols where the inputs differ."""
        given = applied.op.inputs or ()
        count = len(applied.inputs)
        marks = given if len(given) == count > 1 else [str(place) for place in range(1, count + 1)]
        shapes = []
        for x, mark in zip(applied.inputs, marks, strict=True):
            dims = (
                self.input_size(axis, size, mark, applied) for axis, size in zip(x.axes, x.dims, strict=True)
            )
            shapes.append(Shape(x.axes, tuple(dims)))
        return tuple(shapes)

    def input_size(self, axis: str, size: Any, mark: str, applied: Applied) -> Any:
        """A symbol for the size of an input along an axis."""
        if axis == EXPERTS:
            return self.named("active", size, Meaning("active"))
        name = self.input_name(axis, mark, applied)
        if name == LETTERS[CHANNELS] and CHANNELS in applied.output.axes:
            what = "the input and the output"
        else:
            what = f"input {mark}" if name.endswith(f"_{mark}") else "the input"
        return self.named(name, size, Meaning(what, axis, tensor=True))

    def input_name(self, axis: str, mark: str, applied: Applied) -> str:
        """The name of an input's size: `H`, or `L_memory` where inputs differ; `C_in` where channels change."""
        sizes = {x.size(axis) for x in applied.inputs if axis in x.axes}
        if len(sizes) > 1:
            return f"{LETTERS[axis]}_{mark}"
        if axis != CHANNELS or CHANNELS not in applied.output.axes:
            return LETTERS[axis]
        stays = applied.output.channels in sizes and "out_channels" not in attributes(type(applied.op))
        return "C" if stays else "C_in"


def symbols(lines: Sequence[Equation]) -> set[str]:
    """The symbols that some lines mention; output sizes that stand on the left do not count."""
    return {
        name
        for line in lines
        for piece in line.pieces
        for factor in piece.factors
        for name in (factor.symbols() if isinstance(factor, Polynomial) else ())
    }


def _drops_out(op: Op, attribute: Attribute, value: Any) -> bool:
    """Whether an attribute has the value that spares mentioning it: no groups, no dilation."""
    if attribute.required or attribute.name in ALWAYS:
        return isinstance(value, str)  # same, valid: the rule works these out
    return bool(value == attribute.convert(type(op), attribute.default))


def _joined(base: str, mark: str) -> str:
    return f"{base}_{mark}" if mark else base


def _output_names(output: Shape, taken: Collection[str]) -> dict[Any, str]:
    """Names for those output sizes that are formulas: `H_out` for `floor(...) + 1`.

    A name that is taken has another size: a recurrent layer's output has two sizes C_out.
    """
    names: dict[Any, str] = {}
    for axis, dim in zip(output.axes, output.dims, strict=True):
        name = f"{LETTERS[axis]}_out"
        if isinstance(dim, Polynomial) and not _is_symbol(dim) and name not in taken:
            names.setdefault(dim, name)
    return names


def _is_symbol(value: Polynomial) -> bool:
    (monomial, coefficient), *others = value.terms.items()
    return (
        not others
        and coefficient == 1
        and len(monomial) == 1
        and monomial[0][1] == 1
        and not monomial[0][0].arguments
    )


def _in_order(shape: Shape) -> list[Any]:
    """An output's sizes as the lecture multiplies them: positions, then channels."""
    sizes = dict(zip(shape.axes, shape.dims, strict=True))
    channels = [sizes.pop(CHANNELS)] if CHANNELS in sizes else []
    return [*sizes.values(), *channels]


def _line(sizes: _Sizes, quantity: str, name: str, pieces: Sequence[Product]) -> Equation:
    """An equation with the value that its pieces have."""
    values = [product(evaluate(factor, sizes.numbers) for factor in piece.factors) for piece in pieces]
    counting = tuple(piece for piece, value in zip(pieces, values, strict=True) if value)
    return Equation(quantity, name, counting, whole(sum(values)))


# --------------------------------------------------------------------------------------------- forms


def _plain(value: Any) -> Product:
    return Product((value,))


def _weights(arrays: Weights, wanted: Callable[[str], bool]) -> list[Product]:
    """Elements of arrays with what all of them have in common taken out: `(k_h k_w C_in + 1) C_out`."""
    total = sum_of((product(dims), 1) for name, dims in arrays.items() if wanted(name))
    return [_common_out(total)] if isinstance(total, Polynomial) else [_plain(total)]


def _common_out(value: Polynomial) -> Product:
    """A sum as a product of what is left in it, and of the factors that all of its terms share."""
    if len(value.terms) == 1:
        return _plain(value)
    first, *rest = [dict(monomial) for monomial in value.terms]
    shared = {
        atom: min(exponent, *(other.get(atom, 0) for other in rest))
        for atom, exponent in first.items()
        if exponent > 0 and all(other.get(atom, 0) > 0 for other in rest)
    }
    number = value.content if value.denominator == 1 else 1
    monomial: Monomial = tuple(sorted(shared.items(), key=lambda power: power[0].number))
    if not monomial:
        return _plain(value)
    outside = type(value)({monomial: 1})
    return Product((*([number] if number > 1 else []), value / (outside * number), outside))


def _work(macs: Any, output: Shape, inputs: Sequence[Shape]) -> list[Product]:
    """Multiplications as positions times what is done at each: `(H_out W_out C_out) * (k_h k_w C_in)`."""
    if not isinstance(macs, Polynomial) or len(macs.terms) > 1:
        return [_plain(macs)]
    ((monomial, coefficient),) = macs.terms.items()
    factors = dict(monomial)
    for shape in (output, *inputs):
        space = [_atom(dim) for axis, dim in zip(shape.axes, shape.dims, strict=True) if axis != CHANNELS]
        if not space or not all(atom in factors for atom in space):
            continue
        channels = _atom(shape.channels) if CHANNELS in shape.axes else None
        wanted = {*space, channels} if channels in factors else {*space}
        first = type(macs)({tuple((atom, exponent) for atom, exponent in monomial if atom in wanted): 1})
        left = tuple((atom, exponent) for atom, exponent in monomial if atom not in wanted)
        return [Product((first, type(macs).of({left: coefficient})), apart=True)]
    return [_plain(macs)]


def _atom(size: Any) -> Any:
    """The atom of a size that is a symbol."""
    return next(iter(size.terms))[0][0] if isinstance(size, Polynomial) and _is_symbol(size) else None
