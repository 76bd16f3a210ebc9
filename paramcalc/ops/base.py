"""What an op is: its attributes, its weights, its output shape, its cost, its forward pass.

An op is one frozen dataclass in one file of this package; the file's name is the op's name. Its
fields are the attributes of the spec language: names, order, types and defaults follow from them.
Nothing else mentions the op by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.reach import Reach, alike, whole
from paramcalc.base.shape import CHANNELS, SPACE, Shape, vector
from paramcalc.base.sizes import Size, at_least, divides, product, same

Weights = dict[str, tuple[Size, ...]]
Array = Any
Tools = Any


class Cost(NamedTuple):
    """Facts about the work of one application to one sample.

    `macs` are the multiply-accumulates of contractions; padding is counted, bias is not.
    `connections` are LeNet-5's: the inputs and the bias that each output unit reads. A pooling unit
    reads its window, padding counted; activations and normalizations connect nothing new: 0.
    `operations` is everything else by kind, for inference:

        add, subtract, multiply, divide
        compare                 one decision between two values: relu has 1, a maximum of n has n - 1
        exp, log, sqrt, power   one call each
        tanh, erf, sin, cos     one call each

    A sum of n values is n - 1 additions, and the bias one more. Changing a sign, copying and moving
    values are free. What depends on the weights alone is prepared once, and free as well.
    """

    macs: Size = 0
    connections: Size = 0
    operations: Mapping[str, Size] = {}


class Example(NamedTuple):
    """A call on an input, with the results that a reader can check by hand."""

    call: str
    inputs: tuple[str, ...]
    output: str
    params: int = 0
    macs: int = 0


class Op:
    """The base of all ops.

    A subclass is a frozen dataclass and overrides `shape`, and `weights`, `cost`, `forward` as it
    needs. Methods receive one `Shape` per input, in the order of `inputs`.

    Class attributes:
        inputs: names of the input tensors; None takes two or more (`add`, `concat`), () reads nothing.
        optional: how many of them, at the end, may be left out.
        ranks: for ops that exist as `name1d`, `name2d`, `name3d`: their numbers of spatial axes.
        rank: the number of spatial axes of this very class; 0 where that has no meaning.
        aliases: other names under which a spec may call the op.
        frozen: names of weights that are fixed by design, not learned.
        contracting: names of weights that are multiplied in a contraction; a convention that
            counts "weights only" counts these.
        partial: it has no result for some numbers, such as the root of a negative one.
        takes_ids: it also works on token ids, tensors without channels, as it does no arithmetic on them.
        passes: the op hands its input on and makes no layer of its own.
        routes: its second branch belongs to experts, which its first one chooses at each position.
        elsewhere: what other programs call an attribute, by that name, where ours does not resemble it.
        examples: shown by the op reference and run by the tests.
    """

    name: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...] | None] = ("x",)
    optional: ClassVar[int] = 0
    ranks: ClassVar[tuple[int, ...]] = ()
    rank: ClassVar[int] = 0
    aliases: ClassVar[tuple[str, ...]] = ()
    frozen: ClassVar[frozenset[str]] = frozenset()
    contracting: ClassVar[frozenset[str]] = frozenset({"weight"})
    partial: ClassVar[bool] = False
    takes_ids: ClassVar[bool] = False
    passes: ClassVar[bool] = False
    routes: ClassVar[bool] = False
    elsewhere: ClassVar[Mapping[str, str]] = {}
    examples: ClassVar[tuple[Example, ...]] = ()

    def check(self) -> None:
        """Raises `Fault` when attributes contradict each other, whatever the inputs."""

    def weights(self, *inputs: Shape) -> Weights:
        """Shapes of the learned arrays, by name."""
        return {}

    def contracts(self, weight: str) -> bool:
        """Whether the weight of that name is multiplied in a contraction."""
        return weight in self.contracting

    def adds(self, weight: str) -> bool:
        """Whether the weight of that name is added to a contraction, if the op contracts: a bias."""
        return not self.contracts(weight)

    def weighs(self, weights: Iterable[str]) -> bool:
        """Whether it contracts with weights of these names, or with a kernel that is computed."""
        return any(map(self.contracts, weights))

    def weight_layers(self) -> int:
        """How many layers with weights lie one behind the other in it, if it contracts with weights."""
        return 1

    def buffers(self, *inputs: Shape) -> Weights:
        """Shapes of the arrays that are stored but not learned, by name."""
        return {}

    def shape(self, *inputs: Shape) -> Shape:
        """The output's shape; raises `Fault` when the inputs do not fit."""
        raise NotImplementedError

    def cost(self, *inputs: Shape) -> Cost:
        """The work of one application to one sample."""
        return Cost()

    def weights_read(self, batch: int, *inputs: Shape) -> dict[str, Size]:
        """Scalars of each weight that an application to a batch reads: all, unless rows are looked up."""
        return {name: product(dims) for name, dims in self.weights(*inputs).items()}

    def inputs_read(self, *inputs: Shape) -> tuple[Size, ...]:
        """Elements of each input that an application to a sample reads: all."""
        return tuple(x.elements for x in inputs)

    def inner(self, *inputs: Shape) -> dict[str, Size]:
        """Elements of what one sample has an op compute on the way and keep for its gradients, by name."""
        return {}

    def decode(self, past: Size, *inputs: Shape) -> tuple[Op, tuple[Shape, ...]]:
        """The step of one more token after `past` of them: its op, and the shapes that it reads.

        The shapes given are those of whole sequences. Here: the op itself, on one position of each input of which
        a position of the output reads its own only, and on all of any other input. An op that reads earlier positions
        keeps what it needs of them, in a cache, and overrides this; `no_step` where it reads later ones.
        """
        output = self.shape(*inputs)
        if not any("length" in x.axes for x in inputs):
            return self, inputs
        length = output.size("length") if "length" in output.axes else 0
        reads = zip(inputs, self.reaches(*inputs), strict=True)
        return self, tuple(
            one_token(x) if reach.get("length") == alike("length") and same(x.size("length"), length) else x
            for x, reach in reads
        )

    def cached(self, *inputs: Shape) -> dict[str, Size]:
        """Elements that generating token by token keeps of one sample, by name: keys and values, states."""
        return {}

    def reaches(self, *inputs: Shape) -> tuple[dict[str, Reach], ...]:
        """For each input, what an output position reads along each axis but the channels."""
        output = self.shape(*inputs)
        return tuple(
            {axis: self.reach(axis, x, output) for axis in x.axes if axis != CHANNELS} for x in inputs
        )

    def reach(self, axis: str, x: Shape, output: Shape) -> Reach:
        """The reach of an output position along one axis of an input; all channels alike.

        Here: an axis that the output has too, and as long, at the same position; any other whole. An
        op whose positions look around, move or mix overrides this. Sizes are numbers, never symbols.
        """
        if axis in output.axes and x.size(axis) == output.size(axis):
            return alike(axis)
        return whole(x.size(axis))

    def forward(self, tools: Tools, *inputs: Array, **weights: Array) -> Array:
        """The output array for a batch of inputs, by means of the array functions in `tools`."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The name as messages print it."""
        return type(self).name


class Elementwise(Op):
    """An op whose output has its input's shape and whose work is the same for each element.

    `per_element` gives that work by kind of operation.
    """

    per_element: ClassVar[Mapping[str, int]] = {}

    def shape(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def cost(self, *inputs: Shape) -> Cost:
        elements = inputs[0].elements
        return Cost(operations={kind: times * elements for kind, times in self.per_element.items()})


def one_token(x: Shape) -> Shape:
    """The shape of one position of a sequence."""
    return x.resized({"length": 1}) if "length" in x.axes else x


def no_step(op: Op, why: str, expected: str = "", fix: str = "") -> Fault:
    """The fault of an op that cannot decode token by token."""
    return Fault(f"{op.title} cannot decode token by token: {why}", expected=expected, fix=fix)


def need_image(op: Op, x: Shape) -> Shape:
    """The input itself, if it has channels first and then the op's number of spatial axes."""
    wanted = (CHANNELS, *SPACE[op.rank])
    if x.axes != wanted:
        raise Fault(
            f"{op.title} needs {' x '.join(wanted)}",
            expected=f"{len(wanted)} axes, channels first",
            found=x.described(),
            fix=_layout_fix(op, x),
        )
    return x


def _layout_fix(op: Op, x: Shape) -> str:
    if CHANNELS not in x.axes:
        return "the input has no channels: embed it first, or name its axes in 'input'"
    if len(x.axes) == 1:
        return f"a vector has no space: linear works on it, and adaptive_avg_pool{op.rank}d 1 keeps the axes"
    if len(x.axes) == op.rank + 1:
        return "channels are not the first axis: put channels_first before it"
    family = op.title.removesuffix(f"{op.rank}d")
    dimensions = len(x.axes) - 1
    fix = f"for this input use {family}{dimensions}d" if dimensions in op.ranks else ""
    if len(x.axes) == op.rank + 2 and isinstance(x.dims[0], int) and x.dims[0] == 1:
        without = "x".join(map(str, x.dims[1:]))
        return f"leave out the batch, which --batch gives: {without}{fix and f'; or {fix}'}"
    return fix


def need_numbers(op: Op, inputs: tuple[Shape, ...]) -> None:
    """Tensors without channels hold token ids, which are labels: there is no arithmetic on them."""
    for x in inputs if not op.takes_ids else ():
        if CHANNELS not in x.axes:
            raise Fault(
                f"{op.title} does arithmetic, and a tensor without channels holds token ids",
                expected="an axis called channels",
                found=x.described(),
                fix="embed the ids first, as in 'embedding 10000 128'; for numbers, name an axis channels",
            )


def need_kind(op: Op, x: Shape, output: Shape) -> Shape:
    """The output, if it holds what the input does: token ids, or numbers, which have channels."""
    if CHANNELS in x.axes and CHANNELS not in output.axes:
        raise Fault(
            f"{op.title} leaves no channels, and a tensor without channels holds token ids",
            expected="an axis called channels",
            found=output.described(),
        )
    if CHANNELS in output.axes and CHANNELS not in x.axes:
        raise Fault(
            f"{op.title} gives channels, and a tensor without channels holds token ids",
            found=x.described(),
            fix="embed the ids first, as in 'embedding 10000 128'; ids keep axes such as length",
        )
    return output


def need_channels(op: Op, x: Shape) -> Size:
    """The number of channels of the input; a fault when it has no such axis."""
    if CHANNELS not in x.axes:
        raise Fault(
            f"{op.title} needs an input with channels",
            expected="an axis called channels",
            found=x.described(),
        )
    return x.channels


def need_space(op: Op, x: Shape) -> Shape:
    """The input itself, if it has channels and at least one other axis."""
    need_channels(op, x)
    if len(x.axes) == 1:
        raise Fault(
            f"{op.title} needs an axis besides the channels",
            expected="an image or tokens",
            found=x.described(),
        )
    return x


def need_axes(op: Op, x: Shape, axes: tuple[str, ...], about: str = "axis") -> Shape:
    """The input itself, if it has all of these axes."""
    for axis in axes:
        if axis not in x.axes:
            raise Fault(f"{op.title}: the input has no axis {axis}", found=x.described(), about=about)
    return x


def need_groups(op: Op, what: str, channels: Size, groups: Size, about: str = "groups") -> None:
    """The (input or output) channels must divide into groups of equal size."""
    if not divides(groups, channels):
        raise Fault(
            f"{op.title}: {channels} {what} channels do not divide into {groups} groups",
            about=about,
        )


def _is_number(value: Any) -> bool:
    """Whether it is no symbol, of whose value nothing that is counted depends here."""
    return isinstance(value, int | float) or type(value).__module__ == "fractions"


def need_probability(op: Op, value: Any, about: str) -> None:
    """A number from 0 to 1."""
    if _is_number(value) and not 0 <= value <= 1:
        raise Fault(f"{op.title}: {about} is a probability", expected="0 to 1", found=str(value), about=about)


def need_epsilon(op: Op, value: Any) -> None:
    """Checks an epsilon, which keeps a root from zero and is tiny: PyTorch's norms have the channels in this place."""
    if _is_number(value) and not 0 <= value < 1:
        raise Fault(
            f"{op.title}: eps must be below 1",
            found=str(value),
            fix="leave out the number of channels: it is inferred",
            about="eps",
        )


def need_positive(op: Op, space: tuple[Size, ...], x: Shape, why: str) -> tuple[Size, ...]:
    """Output sizes, if each is at least one position."""
    for axis, size in zip(SPACE[op.rank], space, strict=True):
        if not at_least(size, 1):
            raise Fault(
                f"nothing remains of the {axis}: {why}",
                expected=f"an output {axis} of at least 1",
                found=f"{size} from an input of {x.described()}",
            )
    return space


def need_same_shape(op: Op, inputs: tuple[Shape, ...], but: str = "") -> Shape:
    """The shape all inputs share, leaving out the axis `but`."""
    first = inputs[0]
    for index, other in enumerate(inputs[1:], start=2):
        fits = first.axes == other.axes and all(
            axis == but or same(one, two)
            for axis, one, two in zip(first.axes, first.dims, other.dims, strict=True)
        )
        if not fits:
            sizes = f"equal sizes in all axes except {but}" if but else "equal sizes in all axes"
            raise Fault(
                f"{op.title} cannot join its inputs",
                expected=sizes,
                found=f"input 1 is {first.described()}, input {index} is {other.described()}",
                about=f"inputs:1,{index}",
            )
    return first


def flat(x: Shape) -> Shape:
    """All elements of a tensor as channels."""
    return vector(x.elements)
