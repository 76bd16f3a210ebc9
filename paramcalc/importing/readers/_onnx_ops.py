"""What each operation of ONNX gives: its sizes, and the primitive that it is; or its numbers, if they are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.importing.source import Node, Primitive, Weight

Dims: TypeAlias = tuple[int, ...]
MOST_NUMBERS = 1 << 20  # that are computed of sizes
LARGEST = 10**15


class Data(NamedTuple):
    """A value that depends on an input; its sizes, and whether it holds numbers or ids."""

    dims: Dims
    is_float: bool


class Constant(NamedTuple):
    """A value that depends on none. `numbers` are there when they are few or computed."""

    dims: Dims
    numbers: Any  # an array of NumPy, or None
    learned: bool
    is_float: bool


Value: TypeAlias = Data | Constant


class Attributes(NamedTuple):
    values: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        found = self.values.get(name)
        return default if found is None else found


class Called(NamedTuple):
    """What a rule needs to know of the node that it is for."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: Attributes
    modules: Any


class Reader:
    """The nodes of a source as they are made, and the values by the file's names."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.values: dict[str, Value] = {}
        self.alias: dict[str, str] = {}
        self.nodes: list[Node] = []
        self.weights: dict[str, Weight] = {}
        self.remarks: list[str] = []
        self.readers: dict[str, list[Any]] = {}
        self.made: dict[str, Any] = {}  # the node that gives a value
        self.computed: set[str] = set()  # values of nodes of the source
        self.users: dict[str, dict[str, str]] = {}  # of a vector: what it is called for each
        self.gates: dict[str, str] = {}  # hard sigmoids, and of what
        self.primitives: dict[str, str] = {}
        self.taken: set[str] = set()  # outputs that a node before has given already
        self.here: Any = None

    def meant(self, name: str) -> str:
        while name in self.alias:
            name = self.alias[name]
        return name

    def input(self, place: int) -> str:
        """The name of a value that the node reads, '' for one that is left out."""
        inputs = self.here.inputs
        return self.meant(inputs[place]) if place < len(inputs) and inputs[place] else ""

    def constant(self, name: str, learned: bool | None = None) -> str | float | None:
        """A value as a node reads it: constants become weights, single numbers numbers."""
        if not name:
            return None
        name = self.meant(name)
        value = self.values[name]
        if isinstance(value, Data) or name in self.weights:
            return name
        if prod(value.dims) == 1 and value.numbers is not None and learned is not True:
            return float(value.numbers.reshape(-1)[0])
        if name not in self.computed:
            is_learned = value.learned if learned is None else learned
            self.weights.setdefault(name, Weight(value.dims, is_learned))
        return name

    def give(self, place: int, value: Value) -> None:
        self.values[self.here.outputs[place]] = value

    def emit(
        self,
        name: str,
        inputs: Sequence[str | float | None],
        dims: Dims,
        output: int = 0,
        /,
        *,
        is_float: bool = True,
        **given: Any,
    ) -> None:
        """A primitive whose result is an output of the node."""
        self.emit_as(self.here.outputs[output], name, inputs, dims, is_float=is_float, **given)

    def emit_as(
        self,
        value: str,
        name: str,
        inputs: Sequence[str | float | None],
        dims: Dims,
        /,
        *,
        is_float: bool = True,
        **given: Any,
    ) -> None:
        if prod(dims) > LARGEST or any(dim < 0 for dim in dims):
            raise Fault(
                f"{self.here.kind} '{self.here.name}' gives impossible sizes", found="x".join(map(str, dims))
            )
        if value in self.taken:
            return
        reads = self.owned([self.constant(one) if isinstance(one, str) else one for one in inputs])
        names = [one for one in reads if isinstance(one, str)]
        depends = any(isinstance(self.values[one], Data) for one in names)
        if depends:
            self.values[value] = Data(dims, is_float)
        else:
            learned = any(getattr(self.values[one], "learned", False) for one in names)
            self.values[value] = Constant(dims, None, learned, is_float)
        self.computed.add(value)
        self.made[value] = self.here
        self.primitives[value] = name
        self.nodes.append(
            Node(value, Primitive(name, given), tuple(reads), dims, self.here.modules, {}, self.here.name)
        )

    def owned(self, reads: list[str | float | None]) -> list[str | float | None]:
        """What a node reads, with a weight of its own where the file has one for several.

        Exporters keep equal arrays once. A vector is shared only by nodes that share their matrix too, or
        that are one module; else it is that of each.
        """
        matrix = next((name for name in reads[1:] if isinstance(name, str) and self.is_matrix(name)), "")
        modules = self.here.modules
        user = matrix or (modules[-1].path if modules else "")
        found: list[str | float | None] = []
        for name in reads:
            if isinstance(name, str) and name in self.weights and self.is_vector(name):
                users = self.users.setdefault(name, {})
                copy = users.setdefault(user, name if not users else f"{name}@{len(users)}")
                self.weights[copy] = self.weights[name]
                self.values.setdefault(copy, self.values[name])
                found.append(copy)
            else:
                found.append(name)
        return found

    def is_matrix(self, name: str) -> bool:
        return name in self.weights and sum(dim > 1 for dim in self.weights[name].dims) > 1

    def is_vector(self, name: str) -> bool:
        return sum(dim > 1 for dim in self.weights[name].dims) <= 1

    def same(self, place: int = 0) -> None:
        """The node hands an input on."""
        self.alias[self.here.outputs[0]] = self.input(place)
        self.values[self.here.outputs[0]] = self.values[self.input(place)]

    def unknown(self, kind: str, inputs: Sequence[Value | None]) -> None:
        """An operation that is not known: of use only where no input reaches it, and then of unknown size."""
        first = next((value for value in inputs if value is not None), None)
        dims = first.dims if first is not None else ()
        for place in range(len(self.here.outputs)):
            self.emit(kind, [self.input(each) or None for each in range(len(inputs))], dims, place)

    def numbers(self, place: int) -> Any:
        """The known numbers of an input; `Fault` where they depend on data."""
        name = self.input(place)
        value = self.values.get(name) if name else None
        if value is None:
            return None
        if isinstance(value, Data) or value.numbers is None:
            raise Fault(
                f"{self.here.kind} '{self.here.name}': sizes depend on data", found=f"the input '{name}'"
            )
        return value.numbers

    def integers(self, place: int, attribute: str = "") -> list[int] | None:
        """Whole numbers from an input, or in older versions from an attribute."""
        if attribute and self.here.attributes.get(attribute) is not None:
            found = self.here.attributes.get(attribute)
            return [int(one) for one in (found if isinstance(found, list) else [found])]
        found = self.numbers(place)
        return None if found is None else [int(one) for one in found.reshape(-1)]

    def only_reader(self, value: str) -> Any:
        """The one node that reads a value, or None."""
        found = self.readers.get(value, [])
        return found[0] if len(found) == 1 and found[0].inputs.count(value) == 1 else None


Rule: TypeAlias = Callable[[Reader, Attributes, list[Any]], None]


def axis_of(number: int, rank: int) -> int:
    if not -rank <= number < rank:
        raise Fault(f"axis {number} of a tensor with {rank} axes")
    return number % rank


def spread(one: Dims, two: Dims) -> Dims:
    """The sizes of two tensors spread over each other."""
    rank = max(len(one), len(two))
    pairs = zip((1,) * (rank - len(one)) + one, (1,) * (rank - len(two)) + two, strict=True)
    found = []
    for a, b in pairs:
        if a != b and 1 not in (a, b):
            raise Fault(f"sizes that do not fit: {'x'.join(map(str, one))} and {'x'.join(map(str, two))}")
        found.append(b if a == 1 else a)
    return tuple(found)


# --------------------------------------------------------------------------------------- windows


def pads(
    given: Attributes, dims: Dims, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[Any]:
    """Padding before and after each axis."""
    word = given.get("auto_pad", "NOTSET")
    rank = len(kernel)
    if word in ("NOTSET", ""):
        flat = given.get("pads", [0] * 2 * rank)
        return [(flat[axis], flat[rank + axis]) for axis in range(rank)]
    if word == "VALID":
        return [(0, 0)] * rank
    found = []
    for size, k, s, d in zip(dims[2:], kernel, strides, dilations, strict=True):
        needed = max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        half = needed // 2
        found.append((half, needed - half) if word == "SAME_UPPER" else (needed - half, half))
    return found


def even(ends: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(before if before == after else (before, after) for before, after in ends)


def places(size: int, k: int, s: int, d: int, ends: tuple[int, int], up: bool = False) -> int:
    room = size + sum(ends) - d * (k - 1) - 1
    count = (-(-room // s) if up else room // s) + 1
    if up and (count - 1) * s >= size + ends[0]:
        count -= 1
    if count < 1:
        raise Fault(f"a window of {k} does not fit into {size}")
    return count


def conv(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x, weight = inputs[0].dims, inputs[1].dims
    rank = len(weight) - 2
    strides, dilations = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    ends = pads(given, x, weight[2:], strides, dilations)
    space = [
        places(size, k, s, d, both)
        for size, k, s, d, both in zip(x[2:], weight[2:], strides, dilations, ends, strict=True)
    ]
    bias = reader.input(2)
    dims = (x[0], weight[0], *space)
    following = reader.only_reader(reader.here.outputs[0])
    if not bias and following and following.kind == "Add":
        bias = bias_after(reader, following, dims, 1)
    if bias:
        reader.constant(bias, learned=True)
    reader.constant(reader.input(1), learned=True)
    reader.emit(
        "conv", [reader.input(0), reader.input(1), bias or None], dims,
        stride=tuple(strides), padding=even(ends), dilation=tuple(dilations), groups=given.get("group", 1),
    )  # fmt: skip
    finish_bias(reader, following, bias, 2)


def bias_after(reader: Reader, following: Any, dims: Dims, axis: int, before: str = "") -> str:
    """The constant that a node after this one adds to each channel, or multiplies it by; or ''."""
    others = [name for name in following.inputs if name != (before or reader.here.outputs[0])]
    value = reader.values.get(others[0]) if len(others) == 1 else None
    if not isinstance(value, Constant) or prod(value.dims) != dims[axis] or not value.is_float:
        return ""
    full = (1,) * (len(dims) - len(value.dims)) + value.dims
    return others[0] if full[axis] == dims[axis] and len(value.dims) <= len(dims) else ""


def finish_bias(reader: Reader, following: Any, bias: str, place: int) -> None:
    """Marks the addition of a bias as done, where it was a node of its own."""
    if bias and bias != reader.input(place):
        result = following.outputs[0]
        reader.alias[result] = reader.here.outputs[0]
        reader.values[result] = reader.values[reader.here.outputs[0]]
        reader.taken.add(result)


def conv_transpose(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x, weight = inputs[0].dims, inputs[1].dims
    rank, groups = len(weight) - 2, given.get("group", 1)
    strides, dilations = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    extra = given.get("output_padding", [0] * rank)
    shape = given.get("output_shape")
    word = given.get("auto_pad", "NOTSET")
    spans = [d * (k - 1) + 1 for k, d in zip(weight[2:], dilations, strict=True)]
    full = [(size - 1) * s + span + e for size, s, span, e in zip(x[2:], strides, spans, extra, strict=True)]
    if shape is not None or word.startswith("SAME"):
        wanted = shape if shape is not None else [size * s for size, s in zip(x[2:], strides, strict=True)]
        total = [max(0, one - two) for one, two in zip(full, wanted, strict=True)]
        ends = [(t // 2, t - t // 2) if word != "SAME_LOWER" else (t - t // 2, t // 2) for t in total]
    else:
        ends = pads(given, x, weight[2:], strides, dilations)
    space = [size - sum(both) for size, both in zip(full, ends, strict=True)]
    reader.constant(reader.input(1), learned=True)
    bias = reader.input(2)
    dims = (x[0], weight[1] * groups, *space)
    following = reader.only_reader(reader.here.outputs[0])
    if not bias and following and following.kind == "Add":
        bias = bias_after(reader, following, dims, 1)
    if bias:
        reader.constant(bias, learned=True)
    reader.emit(
        "conv_transpose", [reader.input(0), reader.input(1), bias or None], dims,
        stride=tuple(strides), padding=even(ends), dilation=tuple(dilations), groups=groups,
        output_padding=tuple(extra),
    )  # fmt: skip
    finish_bias(reader, following, bias, 2)


def pool(name: str) -> Rule:
    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        x, kernel = inputs[0].dims, given.get("kernel_shape")
        rank = len(kernel)
        strides, dilations = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
        ends = pads(given, x, kernel, strides, dilations)
        up = bool(given.get("ceil_mode", 0))
        space = [
            places(size, k, s, d, both, up)
            for size, k, s, d, both in zip(x[2:], kernel, strides, dilations, ends, strict=True)
        ]
        counted = {} if name == "max_pool" else {"count_include_pad": bool(given.get("count_include_pad", 0))}
        if name == "avg_pool" and not any(map(any, ends)):
            counted = {"count_include_pad": True}
        reader.emit(
            name, [reader.input(0)], (*x[:2], *space), kernel=tuple(kernel), stride=tuple(strides),
            padding=even(ends), dilation=tuple(dilations), ceil_mode=up, **counted,
        )  # fmt: skip

    return rule


def global_pool(name: str) -> Rule:
    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        x = inputs[0].dims
        axes = tuple(range(2, len(x)))
        reader.emit(name, [reader.input(0)], (*x[:2], *(1 for _ in axes)), axes=axes, keep=True)

    return rule


# ------------------------------------------------------------------------------- matrices and norms


def gemm(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x, weight = inputs[0].dims, inputs[1].dims
    if given.get("transA", 0) or given.get("alpha", 1.0) != 1 or isinstance(inputs[1], Data):
        raise Fault(f"Gemm '{reader.here.name}' with transA, alpha or a computed matrix is not read")
    transposed = not given.get("transB", 0)
    out = weight[1] if transposed else weight[0]
    reader.constant(reader.input(1), learned=True)
    bias = reader.input(2)
    if bias:
        reader.constant(bias, learned=True)
    reader.emit("linear", [reader.input(0), reader.input(1), bias or None], (*x[:-1], out),
                **({"transposed": True} if transposed else {}))  # fmt: skip


def matmul(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x, y = inputs[0].dims, inputs[1].dims
    is_weight = isinstance(inputs[1], Constant) and len(y) == 2 and isinstance(inputs[0], Data)
    if not is_weight:
        left = (1, *x) if len(x) == 1 else x
        right = (*y, 1) if len(y) == 1 else y
        dims = (*spread(left[:-2], right[:-2]), left[-2], right[-1])
        dims = dims if len(x) > 1 else (*dims[:-2], dims[-1])
        dims = dims if len(y) > 1 else dims[:-1]
        reader.emit("matmul", [reader.input(0), reader.input(1)], dims)
        return
    dims = (*x[:-1], y[1])
    following = reader.only_reader(reader.here.outputs[0])
    bias = bias_after(reader, following, dims, len(dims) - 1) if following and following.kind == "Add" else ""
    reader.constant(reader.input(1), learned=True)
    if bias:
        reader.constant(bias, learned=True)
    reader.emit("linear", [reader.input(0), reader.input(1), bias or None], dims, transposed=True)
    finish_bias(reader, following, bias, 99)


def batch_norm(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    """With the factor and the bias of each channel that follow it, as Caffe's Scale does: they are the norm's."""
    names = [reader.input(place) for place in range(1, 5)]
    dims, result = inputs[0].dims, reader.here.outputs[0]
    factor = reader.only_reader(result)
    shift = reader.only_reader(factor.outputs[0]) if factor is not None and factor.kind == "Mul" else None
    if factor is not None and shift is not None and shift.kind == "Add":
        scale = bias_after(reader, factor, dims, 1)
        bias = bias_after(reader, shift, dims, 1, factor.outputs[0])
        if scale and bias:
            names[:2] = [scale, bias]
            for node in (factor, shift):
                reader.alias[node.outputs[0]] = result
                reader.taken.add(node.outputs[0])
    for place, name in enumerate(names):
        reader.constant(name, learned=place < 2)
    reader.emit("batch_norm", [reader.input(0), *names], dims, eps=given.get("epsilon", 1e-5))
    for name in (factor.outputs[0], shift.outputs[0]) if factor is not None and shift is not None else ():
        if name in reader.taken:
            reader.values[name] = reader.values[result]


def instance_norm(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    reader.emit("instance_norm", [reader.input(place) for place in range(3)], inputs[0].dims,
                groups=0, eps=given.get("epsilon", 1e-5))  # fmt: skip


def group_norm(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    reader.emit("group_norm", [reader.input(place) for place in range(3)], inputs[0].dims,
                groups=given.get("num_groups"), eps=given.get("epsilon", 1e-5))  # fmt: skip


def last_norm(name: str) -> Rule:
    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        rank = len(inputs[0].dims)
        axes = rank - axis_of(given.get("axis", -1), rank)
        reads = [reader.input(place) or None for place in range(3 if name == "layer_norm" else 2)]
        reader.emit(name, reads, inputs[0].dims, axes=axes, eps=given.get("epsilon", 1e-5))

    return rule


def response_norm(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    reader.emit("local_response_norm", [reader.input(0)], inputs[0].dims, size=given.get("size"),
                alpha=given.get("alpha", 1e-4), beta=given.get("beta", 0.75), k=given.get("bias", 1.0))  # fmt: skip


# ------------------------------------------------------------------------------------- pointwise


def plain(name: str, **more: Any) -> Rule:
    return lambda reader, given, inputs: reader.emit(name, [reader.input(0)], inputs[0].dims, **more)


def clip(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    def end(place: int, attribute: str) -> float | None:
        if given.get(attribute) is not None:
            return float(given.get(attribute))
        found = reader.numbers(place)
        return None if found is None else float(found.reshape(-1)[0])

    low, high = end(1, "min"), end(2, "max")
    low, high = (None if one is not None and abs(one) > 3e38 else one for one in (low, high))
    if (low, high) == (0, 6):
        reader.emit("relu6", [reader.input(0)], inputs[0].dims)
    elif (low, high) == (0, None):
        reader.emit("relu", [reader.input(0)], inputs[0].dims)
    else:
        reader.emit("clip", [reader.input(0)], inputs[0].dims, low=low, high=high)


def hard_sigmoid(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    alpha, beta = given.get("alpha", 0.2), given.get("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-3 or abs(beta - 0.5) > 1e-6:
        reader.remarks.append(
            f"hard sigmoids have a slope of {alpha:.4g}: counted as hard_sigmoid, whose slope is 1/6"
        )
    reader.emit("hard_sigmoid", [reader.input(0)], inputs[0].dims)


def dropout(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    ratio = given.get("ratio")
    if ratio is None:
        found = reader.numbers(1)
        ratio = 0.5 if found is None else float(found.reshape(-1)[0])
    if ratio == 0:
        reader.same()
        return
    reader.emit("dropout", [reader.input(0)], inputs[0].dims, p=ratio)


def softmax(name: str) -> Rule:
    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        dims = inputs[0].dims
        axis = axis_of(given.get("axis", -1 if reader.version >= 13 else 1), len(dims))
        reader.emit(name, [reader.input(0)], dims, axis=axis)

    return rule


def arithmetic(name: str) -> Rule:
    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        if reader.here.outputs[0] in reader.taken:
            return
        dims = spread(inputs[0].dims, inputs[1].dims)
        if folded(reader, name, inputs):
            return
        x = hard_gate(reader, name)
        if x:
            reader.emit("hard_sigmoid", [x], dims)
            reader.gates[reader.here.outputs[0]] = x
            return
        if name == "divide" and (x := hard_product(reader)):
            reader.emit("hard_swish", [x], dims)
            return
        if name == "multiply" and (found := gate_of_itself(reader)):
            kind, x = found
            more: dict[str, Any] = {"approximate": "none"} if kind == "gelu" else {}
            reader.emit(kind, [x], dims, **more)
            return
        reader.emit(name, [reader.input(0), reader.input(1)], dims, is_float=inputs[0].is_float)

    return rule


def clipped(reader: Reader, name: str) -> str:
    """The x of min(max(x + 3, 0), 6), or ''."""
    clip = reader.made.get(name)
    if clip is None or clip.kind != "Clip" or reader.primitives.get(name) != "relu6":
        return ""
    plus = reader.made.get(reader.meant(clip.inputs[0]))
    if plus is None or plus.kind != "Add":
        return ""
    terms = [reader.meant(one) for one in plus.inputs]
    if not any(_number(reader, one) == 3 for one in terms):
        return ""
    return next(one for one in terms if _number(reader, one) != 3)


def hard_gate(reader: Reader, name: str) -> str:
    """The x of a hard sigmoid written out: what is clipped, over 6; or ''."""
    one, two = reader.input(0), reader.input(1)
    if name == "divide" and _number(reader, two) == 6:
        return clipped(reader, one)
    if name == "multiply" and _number(reader, two) == 0.16667:
        return clipped(reader, one)
    return clipped(reader, two) if name == "multiply" and _number(reader, one) == 0.16667 else ""


def hard_product(reader: Reader) -> str:
    """The x of a hard swish written out: x times what is clipped, over 6; or ''."""
    product = reader.made.get(reader.input(0))
    if product is None or product.kind != "Mul" or _number(reader, reader.input(1)) != 6:
        return ""
    one, two = (reader.meant(read) for read in product.inputs)
    return one if clipped(reader, two) == one else two if clipped(reader, one) == two else ""


def gate_of_itself(reader: Reader) -> tuple[str, str] | None:
    """A product of a tensor with a gate of itself: silu, hard_swish, mish, or gelu written out."""
    one, two = reader.input(0), reader.input(1)
    for x, gate in ((one, two), (two, one)):
        if reader.gates.get(gate) == x:
            return "hard_swish", x
        made = reader.made.get(gate)
        if made is None:
            continue
        source = reader.meant(made.inputs[0])
        names = {"Sigmoid": "silu", "HardSigmoid": "hard_swish"}
        if made.kind in names and source == x:
            return names[made.kind], x
        soft = reader.made.get(source) if made.kind == "Tanh" else None
        if soft is not None and soft.kind == "Softplus" and reader.meant(soft.inputs[0]) == x:
            return "mish", x
    factors = [*_factors(reader, one, 0), *_factors(reader, two, 0)]
    halves = [name for name in factors if _number(reader, name) == 0.5]
    errs = [name for name in factors if _error_function(reader, name)]
    rest = [name for name in factors if name not in (*halves, *errs)]
    if len(halves) == len(errs) == len(rest) == 1 and _error_function(reader, errs[0]) == rest[0]:
        return "gelu", rest[0]
    return None


def _factors(reader: Reader, name: str, depth: int) -> list[str]:
    made = reader.made.get(name)
    if made is None or made.kind != "Mul" or depth > 2:
        return [name]
    return [each for read in made.inputs for each in _factors(reader, reader.meant(read), depth + 1)]


def _number(reader: Reader, name: str) -> float | None:
    value = reader.values.get(name)
    if isinstance(value, Constant) and value.numbers is not None and prod(value.dims) == 1:
        return round(float(value.numbers.reshape(-1)[0]), 5)
    return None


def _error_function(reader: Reader, name: str) -> str:
    """The x of 1 + erf(x / sqrt(2)), or ''."""
    plus = reader.made.get(name)
    if plus is None or plus.kind != "Add":
        return ""
    terms = [reader.meant(one) for one in plus.inputs]
    erf = next(
        (reader.made[one] for one in terms if one in reader.made and reader.made[one].kind == "Erf"), None
    )
    if erf is None or not any(_number(reader, one) == 1 for one in terms):
        return ""
    scaled = reader.made.get(reader.meant(erf.inputs[0]))
    if scaled is None or scaled.kind not in ("Div", "Mul"):
        return ""
    wanted = 1.41421 if scaled.kind == "Div" else 0.70711
    reads = [reader.meant(one) for one in scaled.inputs]
    if any(_number(reader, one) == wanted for one in reads):
        return next(one for one in reads if _number(reader, one) != wanted)
    return ""


def power(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    if folded(reader, "power", inputs):
        return
    exponent = _number(reader, reader.input(1))
    if exponent == 2:
        reader.emit("square", [reader.input(0)], inputs[0].dims)
    else:
        reader.emit("power", [reader.input(0), reader.input(1)], spread(inputs[0].dims, inputs[1].dims))


def many(name: str) -> Rule:
    """Sums, maxima and minima of any number of tensors."""

    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        if len(inputs) == 1:
            reader.same()
            return
        if name != "add" and folded(reader, name, inputs):
            return
        zero = [place for place in range(len(inputs)) if _number(reader, reader.input(place)) == 0]
        if name == "maximum" and len(inputs) == 2 and len(zero) == 1:
            reader.emit("relu", [reader.input(1 - zero[0])], inputs[1 - zero[0]].dims)
            return
        before, dims = reader.input(0), inputs[0].dims
        for place in range(1, len(inputs)):
            dims = spread(dims, inputs[place].dims)
            is_last = place == len(inputs) - 1
            value = reader.here.outputs[0] if is_last else f"{reader.here.outputs[0]}:{place}"
            reader.emit_as(value, name, [before, reader.input(place)], dims)
            before = value

    return rule


def folded(reader: Reader, name: str, inputs: list[Any]) -> bool:
    """Computes what depends on known numbers alone; whether it did."""
    import numpy as np

    if not all(isinstance(one, Constant) and one.numbers is not None for one in inputs if one is not None):
        return False
    if any(one.learned for one in inputs if one is not None):
        return False
    whole = not inputs[0].is_float
    x = [one.numbers for one in inputs if one is not None]
    with np.errstate(all="ignore"):
        found = NUMBERS[name](np, *x)
    if whole and name == "divide":
        found = np.trunc(found)
    set_numbers(reader, found, inputs[0].is_float)
    return True


NUMBERS: dict[str, Callable[..., Any]] = {
    "add": lambda np, x, y: x + y,
    "subtract": lambda np, x, y: x - y,
    "multiply": lambda np, x, y: x * y,
    "divide": lambda np, x, y: x / y,
    "power": lambda np, x, y: x.astype("f8") ** y,
    "maximum": lambda np, *x: np.maximum.reduce(np.broadcast_arrays(*x)),
    "minimum": lambda np, *x: np.minimum.reduce(np.broadcast_arrays(*x)),
    "Equal": lambda np, x, y: x == y,
    "Greater": lambda np, x, y: x > y,
    "GreaterOrEqual": lambda np, x, y: x >= y,
    "Less": lambda np, x, y: x < y,
    "LessOrEqual": lambda np, x, y: x <= y,
    "And": lambda np, x, y: np.logical_and(x, y),
    "Or": lambda np, x, y: np.logical_or(x, y),
    "Xor": lambda np, x, y: np.logical_xor(x, y),
    "Not": lambda np, x: np.logical_not(x),
    "Mod": lambda np, x, y: np.mod(x, y),
    "Where": lambda np, c, x, y: np.where(c.astype(bool), x, y),
    "Neg": lambda np, x: -x,
    "Floor": lambda np, x: np.floor(x),
    "Ceil": lambda np, x: np.ceil(x),
    "Round": lambda np, x: np.round(x),
    "Sqrt": lambda np, x: np.sqrt(x),
    "Abs": lambda np, x: np.abs(x),
    "Exp": lambda np, x: np.exp(x),
    "Log": lambda np, x: np.log(x),
    "Sin": lambda np, x: np.sin(x),
    "Cos": lambda np, x: np.cos(x),
    "Reciprocal": lambda np, x: 1 / x,
    "Range": lambda np, start, stop, step: np.arange(float(start), float(stop), float(step)),
    "Trilu": lambda np, x, k=0: np.tril(x, int(k)),
}


def set_numbers(reader: Reader, numbers: Any, is_float: bool, place: int = 0) -> None:
    import numpy as np

    found = np.asarray(numbers)
    if found.size > MOST_NUMBERS:
        raise Fault(f"{reader.here.kind} '{reader.here.name}' would compute {found.size:,} sizes")
    kind = "f8" if is_float else "i8"
    value = np.nan_to_num(found).astype(kind) if not is_float else found.astype(kind)
    reader.give(place, Constant(tuple(found.shape), value, False, is_float))


def numeric(name: str, is_float: bool | None = None) -> Rule:
    """An operation that is computed on sizes, and has the name that ONNX gives it on data."""

    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        if folded(reader, name, inputs):
            value = reader.values[reader.here.outputs[0]]
            if is_float is not None and isinstance(value, Constant):
                reader.give(0, value._replace(is_float=is_float))
            return
        dims: Dims = ()
        for one in inputs:
            dims = spread(dims, one.dims)
        primitive = {"Neg": "negative", "Sqrt": "sqrt", "Exp": "exp", "Log": "log", "Abs": "abs"}.get(
            name, name
        )
        reads: list[str | float | None] = [reader.input(place) for place in range(len(inputs))]
        if name == "Reciprocal":
            primitive, reads = "divide", [1.0, *reads]
        reader.emit(primitive, reads, dims, is_float=inputs[-1].is_float if is_float is None else is_float)

    return rule


# ---------------------------------------------------------------------------------------- layout


def known(value: Any) -> bool:
    return isinstance(value, Constant) and value.numbers is not None and not value.learned


def reshape(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    wanted = reader.integers(1, "shape") or []
    x = inputs[0].dims
    dims = [
        x[place] if size == 0 and not given.get("allowzero", 0) else size for place, size in enumerate(wanted)
    ]
    if -1 in dims:
        others = prod(size for size in dims if size != -1)
        dims[dims.index(-1)] = prod(x) // others if others else 0
    if prod(dims) != prod(x):
        raise Fault(
            f"Reshape '{reader.here.name}' does not keep the number of elements",
            found=f"{'x'.join(map(str, x))} to {'x'.join(map(str, dims))}",
            fix="the network was exported for another size of input: give that by --input",
        )
    give_laid(reader, inputs[0], tuple(dims))


def give_laid(reader: Reader, x: Any, dims: Dims, name: str = "reshape", **more: Any) -> None:
    """The same elements under other sizes."""
    if known(x):
        reader.give(0, x._replace(dims=dims, numbers=x.numbers.reshape(dims)))
    elif dims == x.dims:
        reader.same()
    else:
        reader.emit(name, [reader.input(0)], dims, is_float=x.is_float, **more)


def flatten(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    axis = given.get("axis", 1)
    axis = axis + len(x) if axis < 0 else axis
    give_laid(reader, inputs[0], (prod(x[:axis]), prod(x[axis:])))


def squeeze(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    axes = reader.integers(1, "axes")
    gone = (
        [place for place, dim in enumerate(x) if dim == 1]
        if axes is None
        else [axis_of(a, len(x)) for a in axes]
    )
    give_laid(reader, inputs[0], tuple(dim for place, dim in enumerate(x) if place not in gone))


def unsqueeze(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    axes = reader.integers(1, "axes") or []
    rank = len(inputs[0].dims) + len(axes)
    new = {axis_of(axis, rank) for axis in axes}
    old = iter(inputs[0].dims)
    give_laid(reader, inputs[0], tuple(1 if place in new else next(old) for place in range(rank)))


def transpose(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0]
    axes = tuple(given.get("perm", [*reversed(range(len(x.dims)))]))
    if sorted(axes) != [*range(len(x.dims))]:
        raise Fault(f"Transpose '{reader.here.name}' does not name each axis once", found=str(axes))
    dims = tuple(x.dims[axis] for axis in axes)
    if known(x):
        reader.give(0, x._replace(dims=dims, numbers=x.numbers.transpose(axes)))
    else:
        reader.emit("permute", [reader.input(0)], dims, is_float=x.is_float, axes=axes)


def concat(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    rank = len(inputs[0].dims)
    axis = axis_of(given.get("axis", 1), rank)
    if all(known(one) for one in inputs):
        set_numbers(reader, np.concatenate([one.numbers for one in inputs], axis), inputs[0].is_float)
        return
    if len(inputs) == 1:
        reader.same()
        return
    dims = list(inputs[0].dims)
    dims[axis] = sum(one.dims[axis] for one in inputs)
    reads = [reader.input(place) for place in range(len(inputs))]
    reader.emit("concat", reads, tuple(dims), is_float=inputs[0].is_float, axis=axis)


def split(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x, count = inputs[0].dims, len(reader.here.outputs)
    axis = axis_of(given.get("axis", 0), len(x))
    sizes = reader.integers(1, "split")
    if not sizes:
        each = -(-x[axis] // count)
        sizes = [min(each, x[axis] - each * place) for place in range(count)]
    start = 0
    for place, size in enumerate(sizes):
        dims = (*x[:axis], size, *x[axis + 1 :])
        if known(inputs[0]):
            cut = (slice(None),) * axis + (slice(start, start + size),)
            set_numbers(reader, inputs[0].numbers[cut], inputs[0].is_float, place)
        elif reader.here.outputs[place]:
            reader.emit("slice", [reader.input(0)], dims, place, is_float=inputs[0].is_float,
                        axis=axis, start=start, stop=start + size, step=1)  # fmt: skip
        start += size


def cut(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0]
    starts, stops = reader.integers(1, "starts") or [], reader.integers(2, "ends") or []
    axes = reader.integers(3, "axes") if len(inputs) > 3 or given.get("axes") else None
    axes = [*range(len(starts))] if axes is None else axes
    steps = (reader.integers(4) if len(inputs) > 4 else None) or [1] * len(starts)
    ranges = {}
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        place = axis_of(axis, len(x.dims))
        ranges[place] = slice(start, stop, step).indices(x.dims[place])
        if step < 0:
            ranges[place] = (start, stop, step)
    if known(x):
        cuts = [slice(None)] * len(x.dims)
        for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
            cuts[axis_of(axis, len(x.dims))] = slice(start, stop, step)
        set_numbers(reader, x.numbers[tuple(cuts)], x.is_float)
        return
    before, dims = reader.input(0), list(x.dims)
    kept = {axis: found for axis, found in ranges.items() if found[:2] != (0, x.dims[axis]) or found[2] != 1}
    if not kept:
        reader.same()
        return
    for number, (axis, (start, stop, step)) in enumerate(kept.items()):
        if step < 0:
            raise Fault(f"Slice '{reader.here.name}' goes backwards, which has no counterpart here")
        dims[axis] = len(range(start, stop, step))
        is_last = number == len(kept) - 1
        value = reader.here.outputs[0] if is_last else f"{reader.here.outputs[0]}:{number}"
        reader.emit_as(
            value,
            "slice",
            [before],
            tuple(dims),
            is_float=x.is_float,
            axis=axis,
            start=start,
            stop=stop,
            step=step,
        )
        before = value


def gather(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    x, ids = inputs
    axis = axis_of(given.get("axis", 0), len(x.dims))
    dims = (*x.dims[:axis], *ids.dims, *x.dims[axis + 1 :])
    if known(x) and known(ids):
        set_numbers(reader, np.take(x.numbers, ids.numbers.astype("i8"), axis), x.is_float)
    elif isinstance(x, Constant) and axis == 0 and len(x.dims) == 2 and isinstance(ids, Data):
        reader.constant(reader.input(0), learned=True)
        reader.emit("embedding", [reader.input(1), reader.input(0)], dims)
    elif known(ids) and isinstance(x, Data) and _in_a_row(ids.numbers):
        first = int(ids.numbers.reshape(-1)[0]) % x.dims[axis]
        count = prod(ids.dims)
        rows = (*x.dims[:axis], count, *x.dims[axis + 1 :])
        taken = f"{reader.here.outputs[0]}:rows" if ids.dims != (count,) else reader.here.outputs[0]
        reader.emit_as(taken, "slice", [reader.input(0)], rows, is_float=x.is_float,
                       axis=axis, start=first, stop=first + count, step=1)  # fmt: skip
        if taken != reader.here.outputs[0]:
            reader.emit("reshape", [taken], dims, is_float=x.is_float)
    else:
        reader.emit("gather", [reader.input(0), reader.input(1)], dims, is_float=x.is_float, axis=axis)


def _in_a_row(numbers: Any) -> bool:
    flat = [int(one) for one in numbers.reshape(-1)]
    return bool(flat) and flat == [*range(flat[0], flat[0] + len(flat))]


def shape_of(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    dims = inputs[0].dims
    set_numbers(reader, [*dims[given.get("start", 0) : given.get("end", len(dims))]], False)


def size_of(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    set_numbers(reader, prod(inputs[0].dims), False)


def constant_of_shape(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    """Weights of files without their weights are made so; small ones are arithmetic."""
    import numpy as np

    dims = tuple(reader.integers(0) or [])
    filled = given.get("value")
    is_float = filled is None or filled.is_float
    number = 0 if filled is None or filled.numbers is None else filled.numbers.reshape(-1)[0]
    if any(dim < 0 for dim in dims) or prod(dims) > LARGEST:
        raise Fault("ConstantOfShape of impossible sizes", found="x".join(map(str, dims)))
    numbers = np.full(dims, number) if prod(dims) <= 4096 else None
    reader.give(0, Constant(dims, numbers, is_float and prod(dims) > 1, is_float))


def constant(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    value = given.get("value")
    if isinstance(value, Constant):
        reader.give(0, value)
        return
    for name, is_float in (
        ("value_float", True),
        ("value_floats", True),
        ("value_int", False),
        ("value_ints", False),
    ):
        if given.get(name) is not None:
            reader.give(
                0, Constant(np.asarray(given.get(name)).shape, np.asarray(given.get(name)), False, is_float)
            )
            return
    raise Fault(f"Constant '{reader.here.name}' has no numbers")


def cast(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    is_float = given.get("to") in (1, 10, 11, 16)
    if isinstance(inputs[0], Constant):
        numbers = inputs[0].numbers
        found = numbers if numbers is None or is_float else numbers.astype("i8")
        if numbers is None:
            reader.same()
        else:
            reader.give(0, inputs[0]._replace(numbers=found, is_float=is_float))
    elif is_float == inputs[0].is_float:
        reader.same()
    else:
        reader.emit("pass", [reader.input(0)], inputs[0].dims, is_float=is_float)


def identity(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    reader.same()


def expand(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    dims = spread(inputs[0].dims, tuple(reader.integers(1) or []))
    if known(inputs[0]) and prod(dims) <= MOST_NUMBERS:
        set_numbers(reader, np.broadcast_to(inputs[0].numbers, dims), inputs[0].is_float)
    elif dims == inputs[0].dims:
        reader.same()
    else:
        reader.emit("expand", [reader.input(0)], dims, is_float=inputs[0].is_float)


def tile(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    times = reader.integers(1) or []
    dims = tuple(dim * count for dim, count in zip(inputs[0].dims, times, strict=True))
    if {*times} == {1}:
        reader.same()
    elif known(inputs[0]) and prod(dims) <= MOST_NUMBERS:
        set_numbers(reader, np.tile(inputs[0].numbers, times), inputs[0].is_float)
    elif all(count == 1 or dim == 1 for dim, count in zip(inputs[0].dims, times, strict=True)):
        reader.emit("expand", [reader.input(0)], dims, is_float=inputs[0].is_float)
    else:
        reader.emit("Tile", [reader.input(0)], dims, is_float=inputs[0].is_float)


def pad(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    flat = reader.integers(1, "pads") or reader.integers(1, "paddings") or []
    axes = reader.integers(3) if len(inputs) > 3 and reader.input(3) else None
    places_ = [*range(len(x))] if axes is None else [axis_of(axis, len(x)) for axis in axes]
    half = len(flat) // 2
    ends = dict(zip(places_, zip(flat[:half], flat[half:], strict=True), strict=True))
    amounts = tuple(ends.get(place, (0, 0)) for place in range(len(x)))
    if not any(map(any, amounts)):
        reader.same()
        return
    dims = tuple(dim + sum(both) for dim, both in zip(x, amounts, strict=True))
    value = reader.numbers(2) if len(inputs) > 2 and reader.input(2) else None
    filled = float(given.get("value", 0.0)) if value is None else float(value.reshape(-1)[0])
    mode = {"edge": "replicate", "wrap": "circular"}.get(
        given.get("mode", "constant"), given.get("mode", "constant")
    )
    reader.emit("pad", [reader.input(0)], dims, amounts=amounts, mode=mode, value=filled)


def resize(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    at = 1 if reader.here.kind == "Upsample" or len(inputs) == 2 else 2
    sizes = reader.integers(3) if len(inputs) > 3 and reader.input(3) else None
    if sizes:
        dims = tuple(sizes) if len(sizes) == len(x) else (*x[: len(x) - len(sizes)], *sizes)
    else:
        scales = given.get("scales") or [float(one) for one in reader.numbers(at).reshape(-1)]
        full = [1.0] * (len(x) - len(scales)) + [*scales]
        dims = tuple(int(dim * scale + 1e-6) for dim, scale in zip(x, full, strict=True))
    if dims == x:
        reader.same()
        return
    modes = {"linear": "linear", "nearest": "nearest", "cubic": "bicubic", "bilinear": "linear"}
    mode = modes.get(given.get("mode", "nearest"), "nearest")
    if mode == "linear":
        mode = {3: "linear", 4: "bilinear", 5: "trilinear"}.get(len(x), "linear")
    corners = given.get("coordinate_transformation_mode", "half_pixel") == "align_corners"
    reader.emit("upsample", [reader.input(0)], dims, mode=mode, align_corners=corners)


FOLDED = {
    "sum": "sum",
    "max": "max",
    "min": "min",
    "mean": "mean",
    "ReduceProd": "prod",
}  # as NumPy calls them


def reduction(name: str) -> Rule:
    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        import numpy as np

        x = inputs[0].dims
        found = reader.integers(1, "axes") if len(inputs) > 1 or given.get("axes") is not None else None
        axes = sorted(axis_of(axis, len(x)) for axis in found) if found else [*range(len(x))]
        if found == [] and given.get("noop_with_empty_axes", 0):
            axes = []
        keep = bool(given.get("keepdims", 1))
        dims = tuple(1 if place in axes else dim for place, dim in enumerate(x) if keep or place not in axes)
        if known(inputs[0]) and name in FOLDED:
            function = getattr(np, FOLDED[name])
            numbers = function(inputs[0].numbers, tuple(axes), keepdims=keep)
            set_numbers(reader, numbers, inputs[0].is_float)
            return
        if not axes:
            reader.same()
            return
        reader.emit(name, [reader.input(0)], dims, axes=tuple(axes), keep=keep)

    return rule


def arg_max(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    x = inputs[0].dims
    axis = axis_of(given.get("axis", 0), len(x))
    keep = given.get("keepdims", 1)
    dims = tuple(1 if place == axis else dim for place, dim in enumerate(x) if keep or place != axis)
    reader.emit(reader.here.kind, [reader.input(0)], dims, is_float=False, axis=axis)


def blocks(name: str) -> Rule:
    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        n, channels, height, width = inputs[0].dims
        factor = given.get("blocksize")
        if name == "pixel_shuffle":
            dims = (n, channels // factor**2, height * factor, width * factor)
        else:
            dims = (n, channels * factor**2, height // factor, width // factor)
        if name == "pixel_shuffle" and given.get("mode", "DCR") == "DCR":
            reader.remarks.append(
                "DepthToSpace of mode DCR is counted as pixel_shuffle, whose channels are in another order"
            )
        reader.emit(name, [reader.input(0)], dims, factor=factor)

    return rule


def prelu(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    reader.constant(reader.input(1), learned=True)
    name = reader.input(1)
    reader.weights[name] = reader.weights.get(name, Weight(inputs[1].dims))
    value = reader.here.outputs[0]
    reader.values[value] = Data(inputs[0].dims, True)
    reader.made[value] = reader.here
    reader.nodes.append(
        Node(value, Primitive("prelu"), (reader.input(0), name), inputs[0].dims, reader.here.modules)
    )


def recurrent(name: str, gates: int) -> Rule:
    """ONNX keeps the weights of both directions in one tensor; they are counted by our op's own."""

    def rule(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
        from paramcalc.ops.attributes import op

        hidden = given.get("hidden_size") or inputs[2].dims[2]
        length, batch, _ = inputs[0].dims
        both = given.get("direction", "forward") == "bidirectional"
        ways = 2 if both else 1
        biased = len(inputs) > 3 and inputs[3] is not None
        if batch != 1 and length == 1:
            raise Fault(f"{reader.here.kind} '{reader.here.name}' has the batch first, which is not read")
        if len(inputs) > 5 and isinstance(inputs[5], Data):
            reader.remarks.append(
                f"{reader.here.kind} '{reader.here.name}' starts from zeros: the state that it reads is left out"
            )
        made: dict[str, Any] = {"bidirectional": both, "bias": biased}
        if name == "gru":
            made["reset_after"] = bool(given.get("linear_before_reset", 0))
        layer = op(name, hidden, **made)
        value = f"{reader.here.outputs[0] or reader.here.name}:tokens"
        names = {each: f"{reader.here.inputs[1]}:{each}" for each in _weights(name, ways, biased)}
        channels = inputs[0].dims[2]
        for each, key in names.items():
            rows = gates * hidden
            dims = (rows,) if each.startswith("bias") else (rows, channels if "_ih_" in each else hidden)
            reader.weights[key] = Weight(dims)
        laid = f"{value}:in"
        reader.emit_as(laid, "permute", [reader.input(0)], (batch, length, channels), axes=(1, 0, 2))
        reader.nodes.append(
            Node(value, layer, (laid,), (batch, length, ways * hidden), reader.here.modules, names)
        )
        reader.values[value] = Data((batch, length, ways * hidden), True)
        outputs = reader.here.outputs
        if outputs and outputs[0]:
            four = f"{value}:four"
            reader.emit_as(four, "reshape", [value], (batch, length, ways, hidden))
            reader.emit_as(outputs[0], "permute", [four], (length, ways, batch, hidden), axes=(1, 2, 0, 3))
        for place in range(1, len(outputs)):
            if outputs[place] and reader.readers.get(outputs[place]):
                last = f"{value}:last{place}"
                reader.emit_as(
                    last,
                    "slice",
                    [value],
                    (batch, 1, ways * hidden),
                    axis=1,
                    start=length - 1,
                    stop=length,
                    step=1,
                )
                reader.emit_as(outputs[place], "reshape", [last], (ways, batch, hidden))
            elif outputs[place]:
                reader.values[outputs[place]] = Data((ways, batch, hidden), True)

    return rule


def _weights(name: str, ways: int, biased: bool) -> list[str]:
    kinds = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if biased else [])]
    return [f"{kind}_l0{end}" for end in ("", "_reverse")[:ways] for kind in kinds]


def trilu(reader: Reader, given: Attributes, inputs: list[Any]) -> None:
    import numpy as np

    if known(inputs[0]) and (len(inputs) < 2 or known(inputs[1])):
        k = int(inputs[1].numbers.reshape(-1)[0]) if len(inputs) > 1 else 0
        function = np.triu if given.get("upper", 1) else np.tril
        set_numbers(reader, function(inputs[0].numbers, k), inputs[0].is_float)
    else:
        reader.emit("Trilu", [reader.input(0)], inputs[0].dims)


OPS: Mapping[str, Rule] = {
    "Abs": plain("abs"),
    "Add": arithmetic("add"),
    "And": numeric("And", False),
    "ArgMax": arg_max,
    "ArgMin": arg_max,
    "AveragePool": pool("avg_pool"),
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Ceil": numeric("Ceil"),
    "Clip": clip,
    "Concat": concat,
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Cos": numeric("Cos"),
    "DepthToSpace": blocks("pixel_shuffle"),
    "Div": arithmetic("divide"),
    "Dropout": dropout,
    "Elu": lambda reader, given, inputs: plain("elu", alpha=given.get("alpha", 1.0))(reader, given, inputs),
    "Equal": numeric("Equal", False),
    "Erf": plain("erf"),
    "Exp": numeric("Exp"),
    "Expand": expand,
    "Flatten": flatten,
    "Floor": numeric("Floor"),
    "GRU": recurrent("gru", 3),
    "Gather": gather,
    "Gelu": lambda reader, given, inputs: plain("gelu", approximate=given.get("approximate", "none"))(
        reader, given, inputs
    ),
    "Gemm": gemm,
    "GlobalAveragePool": global_pool("mean"),
    "GlobalMaxPool": global_pool("max"),
    "Greater": numeric("Greater", False),
    "GreaterOrEqual": numeric("GreaterOrEqual", False),
    "GroupNormalization": group_norm,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": plain("hard_swish"),
    "Identity": identity,
    "InstanceNormalization": instance_norm,
    "LRN": response_norm,
    "LSTM": recurrent("lstm", 4),
    "LayerNormalization": last_norm("layer_norm"),
    "LeakyRelu": lambda reader, given, inputs: plain("leaky_relu", slope=given.get("alpha", 0.01))(
        reader, given, inputs
    ),
    "Less": numeric("Less", False),
    "LessOrEqual": numeric("LessOrEqual", False),
    "Log": numeric("Log"),
    "LogSoftmax": softmax("log_softmax"),
    "MatMul": matmul,
    "Max": many("maximum"),
    "MaxPool": pool("max_pool"),
    "Min": many("minimum"),
    "Mish": plain("mish"),
    "Mod": numeric("Mod"),
    "Mul": arithmetic("multiply"),
    "Neg": numeric("Neg"),
    "Not": numeric("Not", False),
    "Or": numeric("Or", False),
    "PRelu": prelu,
    "Pad": pad,
    "Pow": power,
    "RMSNormalization": last_norm("rms_norm"),
    "RNN": recurrent("rnn", 1),
    "Range": numeric("Range"),
    "Reciprocal": numeric("Reciprocal"),
    "ReduceL2": reduction("norm"),
    "ReduceMax": reduction("max"),
    "ReduceMean": reduction("mean"),
    "ReduceMin": reduction("min"),
    "ReduceProd": reduction("ReduceProd"),
    "ReduceSum": reduction("sum"),
    "Relu": plain("relu"),
    "Reshape": reshape,
    "Resize": resize,
    "Round": numeric("Round"),
    "Selu": plain("selu"),
    "Shape": shape_of,
    "Sigmoid": plain("sigmoid"),
    "Sin": numeric("Sin"),
    "Size": size_of,
    "Slice": cut,
    "Softmax": softmax("softmax"),
    "Softplus": plain("softplus"),
    "SpaceToDepth": blocks("pixel_unshuffle"),
    "Split": split,
    "Sqrt": numeric("Sqrt"),
    "Squeeze": squeeze,
    "Sub": arithmetic("subtract"),
    "Sum": many("add"),
    "Swish": plain("silu"),
    "Tanh": plain("tanh"),
    "Tile": tile,
    "Transpose": transpose,
    "Trilu": trilu,
    "Unsqueeze": unsqueeze,
    "Upsample": resize,
    "Where": numeric("Where"),
    "Xor": numeric("Xor", False),
}
