"""Sums and products of tensors, with weights, with numbers, and with each other."""

from __future__ import annotations

from math import prod

from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.importing.arrays import aligned, attempt, full, merged, named, parameter, resized, tensor
from paramcalc.importing.layers import reshape_to
from paramcalc.importing.layout import UNNAMED, Dims, shape_of, usual
from paramcalc.importing.lowering import Argument, Constant, Laid, Lowering, Unknown
from paramcalc.importing.rule import attrs, data, exact, name_of, rule
from paramcalc.importing.source import SourceNode
from paramcalc.ops.attributes import op

FAR = 100  # a score that is greater by so much leaves nothing of another: e**-100


@rule("add", "subtract", "multiply")
def arithmetic(low: Lowering, node: SourceNode, x: Argument, y: Argument) -> Laid:
    return combined(low, node, name_of(node), x, y)


def combined(low: Lowering, node: SourceNode, name: str, x: Argument, y: Argument) -> Laid:
    """A sum, difference or product of what depends on an input, or is stored, or is a number."""
    if isinstance(x, Laid) and isinstance(y, Laid):
        return binary_op(low, node, name, x, y)
    if name == "subtract" and isinstance(x, int | float):  # a number less a tensor
        source = tensor(low, y)
        return low.put(low.add(op("scale", -1, exact(x)), source.value), source.labels, node.dims)
    if name != "subtract" and not isinstance(x, Laid):
        x, y = y, x
    if isinstance(x, Constant):
        return binary_op(low, node, name, tensor(low, x), tensor(low, y))
    source = data(x)
    if isinstance(y, int | float):
        return with_number(low, node, name, source, y)
    if not isinstance(y, Constant):
        raise Unknown("")
    if not y.learned or not source.named:
        return binary_op(low, node, name, source, tensor(low, y))
    return with_weight(low, node, name, source, y)


@rule("addcmul")
def added_product(low: Lowering, node: SourceNode, x: Argument, y: Argument, z: Argument) -> Laid:
    factor = attrs(node)["factor"]
    product = combined(low, node, "multiply", y, z)
    if factor != 1:
        product = low.put(low.add(op("scale", exact(factor)), product.value), product.labels)
    return combined(low, node, "add", product, x)


@rule("maximum", "minimum", "divide")
def compared(low: Lowering, node: SourceNode, x: Argument, y: Argument) -> Laid:
    name = name_of(node)
    if name == "divide" and isinstance(x, Laid) and isinstance(y, int | float):
        return low.put(low.add(op("scale", exact(1 / y)), x.value), x.labels)
    if name == "divide" and isinstance(x, int | float) and isinstance(y, Laid):
        inverse = low.put(low.add(op("power", -1), y.value), y.labels)
        return with_number(low, node, "multiply", inverse, x)
    if name != "divide" and isinstance(x, int | float):
        x, y = y, x
    if name != "divide" and isinstance(y, int | float):
        ends = {"low" if name == "maximum" else "high": exact(y)}
        return low.put(low.add(op("clip", **{"low": None, **ends}), data(x).value), data(x).labels)
    return binary_op(low, node, name, tensor(low, x), tensor(low, y))


def with_number(low: Lowering, node: SourceNode, name: str, x: Laid, number: float) -> Laid:
    if name == "multiply":
        return x if number == 1 else low.put(low.add(op("scale", exact(number)), x.value), x.labels)
    if number == 0:
        return x
    value = low.add(op("scale", offset=exact(number if name == "add" else -number)), x.value)
    return low.put(value, x.labels)


def with_weight(low: Lowering, node: SourceNode, name: str, x: Laid, weight: Constant) -> Laid:
    """A learned tensor added or multiplied: positions, a scale or a bias of channels, a parameter."""
    dims = (1,) * (len(x.dims) - len(weight.dims)) + weight.dims
    count = prod(dims)
    if not low.whole(weight):
        return with_rows(low, node, name, x, weight)
    if low.read_otherwise(weight, node):
        return with_tensor(low, node, name, x, weight)
    own = [label for label, dim in zip(x.labels, dims, strict=True) if dim != 1]
    if own == [CHANNELS] and name == "multiply":
        return low.put(low.add(op("layer_scale"), x.value, weight=weight.value), x.labels, node.dims)
    if own == [CHANNELS] and name == "add":
        return low.put(low.add(op("affine", scale=False), x.value, bias=weight.value), x.labels)
    if own == ["length", CHANNELS] and name == "add" and low.shape(x.value).axes == ("length", CHANNELS):
        return low.put(low.add(op("positions"), x.value, weight=weight.value), x.labels)
    labels = tuple(label if dim != 1 or label else "" for label, dim in zip(x.labels, dims, strict=True))
    shape = Shape((CHANNELS,), (1,)) if count == 1 else shape_of(labels, dims)
    if shape.axes not in ((CHANNELS,), low.shape(x.value).axes) or CHANNELS not in shape.axes:
        return with_tensor(low, node, name, x, weight)
    factor = parameter(low, weight, shape)
    return low.put(low.add(op(name), x.value, factor), x.labels, node.dims)


def with_tensor(low: Lowering, node: SourceNode, name: str, x: Laid, weight: Constant) -> Laid:
    """A tensor that is computed of weights: by the layers that compute it, where all of them are known."""
    found = attempt(low, lambda: binary_op(low, node, name, x, tensor(low, weight)))
    if found is not None:
        return found
    return low.put(low.add(op(name), x.value, prepared(low, weight)), x.labels)


def prepared(low: Lowering, weight: Constant) -> int:
    """What stands for a tensor that is computed of weights alone, before any input is there.

    Its params are counted and nothing is multiplied for it; its numbers are not those of the source.
    """
    roots = ", ".join(weight.roots)
    low.notes.append(f"a table is computed of {roots}: counts are exact, values are not the source's")
    parts = [
        low.add(op("reduce_mean"), low.add(op("parameter", prod(low.source.weights[root].dims)), weight=root))
        for root in weight.roots
    ]
    return low.add(op("add"), *parts) if len(parts) > 1 else parts[0]


def with_rows(low: Lowering, node: SourceNode, name: str, x: Laid, weight: Constant) -> Laid:
    """Rows of a learned table added to tokens: the first ones, as of positions, or one that all tokens take."""
    table = low.source.weights[weight.roots[0]].dims
    tokens = low.shape(x.value).axes == ("length", CHANNELS)
    if name != "add" or not weight.looked_up or len(weight.roots) != 1 or not tokens:
        return with_tensor(low, node, name, x, weight)
    if table[0] >= low.shape(x.value).dims[0]:
        value = low.add(op("positions", table[0]), x.value, weight=weight.roots[0])
        return low.put(value, x.labels)
    rows = low.add(op("parameter", length=table[0], channels=table[1]), weight=weight.roots[0])
    row = low.add(op("slice", "length", 0, 1), rows)
    return low.put(low.add(op("add"), x.value, row), x.labels)


def binary_op(low: Lowering, node: SourceNode, name: str, x: Laid, y: Laid) -> Laid:
    """Two tensors; the smaller one is brought under the labels of the larger one."""
    return joined(low, name, x, y, node.dims)


def joined(low: Lowering, name: str, x: Laid, y: Laid, dims: Dims) -> Laid:
    sides = [aligned(side, len(dims)) for side in (x, y)]
    whole = next((side for side in sides if side.dims == dims), None)
    if whole is None:
        place = max((0, 1), key=lambda at: prod(sides[at].dims))
        whole = sides[place] = full(low, sides[place], dims)
    if not whole.named:
        sides = [full(low, side, dims) for side in sides]
        shape = low.shape(whole.value)
        same = [
            side.value if low.shape(side.value) == shape else low.add(reshape_to(shape), side.value)
            for side in sides
        ]
        return low.put(low.add(op(name), *same), whole.labels, dims)
    fitted = []
    for side in sides:
        if low.shape(side.value) == Shape((CHANNELS,), (1,)) and CHANNELS in whole.labels:
            fitted.append(side)
            continue
        spread = low.shape(side.value).axes == (CHANNELS,) and side.labels.index(CHANNELS) == (
            whole.labels.index(CHANNELS) if CHANNELS in whole.labels else -1
        )
        fitted.append(side if spread else low.relabeled(side, whole.labels))
    return low.put(low.add(op(name), fitted[0].value, fitted[1].value), whole.labels, dims)


@rule("matmul")
def matmul(low: Lowering, node: SourceNode, x: Argument, y: Argument) -> Laid:
    if (
        isinstance(x, Laid)
        and isinstance(y, Constant)
        and len(y.dims) == 2
        and y.learned
        and y.made in low.dims
    ):
        return _product_with_weight(low, node, x, y)
    return product(low, tensor(low, x), tensor(low, y))


def product(low: Lowering, x: Laid, y: Laid, transpose: bool = False) -> Laid:
    """Matrices times matrices, over the last two axes; leading axes are paired, or one side is spread."""
    rank = max(len(x.dims), len(y.dims))
    x, y = aligned(x, rank), aligned(y, rank)
    leading = tuple(max(pair) for pair in zip(x.dims[:-2], y.dims[:-2], strict=True))
    left, right = (_matrices(low, full(low, side, (*leading, *side.dims[-2:]))) for side in (x, y))
    given = {"transpose": True} if transpose else {}
    value = low.add(op("matmul", **given), left.value, right.value)
    dims = (*leading, x.dims[-2], y.dims[-2 if transpose else -1])
    labels = left.labels if len(left.dims) == rank else (UNNAMED,) * rank
    return low.put(value, labels, dims)


def _matrices(low: Lowering, x: Laid) -> Laid:
    """Rows and columns behind axes that are counted through; those as one, where they are too many."""
    names = ["depth", "height", "width"]
    if not x.named or sum(dim != 1 for dim in x.dims[:-2]) > len(names):
        rank = len(x.dims)
        return merged(low, x, rank - 2, rank - 1, rank, labels=("height", "length", CHANNELS))
    leading = tuple(names.pop(0) if dim != 1 else "" for dim in x.dims[:-2])
    return low.relabeled(x, (*leading, "length", CHANNELS))


def over(name: str) -> str:
    """The name of a weight's transpose."""
    return name.removesuffix(".T") if name.endswith(".T") else f"{name}.T"


def _product_with_weight(low: Lowering, node: SourceNode, x: Laid, weight: Constant) -> Laid:
    source = low.channels_last(x)
    value = low.add(op("linear", weight.dims[1], bias=False), source.value, weight=over(weight.value))
    return low.put(value, source.labels)


def _product_of_vectors(low: Lowering, node: SourceNode, one: Laid, other: Laid) -> Laid:
    """One number: the second vector is a table of one row."""
    size = low.shape(other.value).elements
    row = low.add(op("reshape", (1, size), axes=("length", CHANNELS)), other.value)
    value = low.add(op("einsum", "c,lc->l", axes=(CHANNELS,)), one.value, row)
    return low.put(value, usual(node.dims))


@rule("einsum")
def einsum(low: Lowering, node: SourceNode, *inputs: Argument) -> Laid:
    """A product by letters, those of axes of size 1 left out."""
    terms, _, out = attrs(node)["equation"].partition("->")
    each = terms.split(",")
    if len(inputs) != 2 or "." in terms:
        raise Unknown("it has not two inputs")
    sides = [named(low, tensor(low, one)) for one in inputs]
    letters = []
    for own, side in zip(each, sides, strict=True):
        letters.append("".join(letter for letter, label in zip(own, side.labels, strict=True) if label))
    kept = "".join(letter for letter in out if letter in "".join(letters))
    labels = usual(node.dims)
    called = tuple(label for letter, label in zip(out, labels, strict=True) if letter in kept and label)
    if not kept and sides[0].labels.count(CHANNELS) == sides[1].labels.count(CHANNELS) == 1:
        return _product_of_vectors(low, node, *sides)
    if len(called) != len(kept):
        raise Unknown("its result has an axis of size 1")
    value = low.add(
        op("einsum", f"{letters[0]},{letters[1]}->{kept}", axes=called), *(x.value for x in sides)
    )
    return low.put(value, labels)


@rule("attention")
def attention(
    low: Lowering, node: SourceNode, query: Argument, key: Argument, value: Argument, mask: Argument = None
) -> Laid:
    """The products alone, where its projections are not those of one layer."""
    q, k, v = (tensor(low, side) for side in (query, key, value))
    k, v = (_for_each(low, side, q) for side in (k, v))
    scale = attrs(node)["scale"] or q.dims[-1] ** -0.5
    if scale != 1:
        q = low.put(low.add(op("scale", exact(scale)), q.value), q.labels, q.dims)
    scores = product(low, q, k, transpose=True)
    if isinstance(mask, Laid | Constant):
        scores = _masked(low, node, scores, mask)
    if attrs(node)["causal"]:
        low.notes.append(f"{node.value}: its causal mask is left out; no count depends on it")
    scores = low.put(low.add(op("softmax"), scores.value), scores.labels, scores.dims)
    return product(low, scores, v)


def _for_each(low: Lowering, x: Laid, query: Laid) -> Laid:
    """Keys or values that neighbouring heads share, for each of them."""
    if len(x.dims) != len(query.dims) or len(x.dims) < 3 or x.dims[-3] in (1, query.dims[-3]):
        return x
    times = query.dims[-3] // x.dims[-3]
    *leading, heads, length, channels = x.dims
    wide = full(
        low,
        resized(low, x, (*leading, heads, 1, length, channels)),
        (*leading, heads, times, length, channels),
    )
    return resized(low, wide, (*leading, heads * times, length, channels))


def _masked(low: Lowering, node: SourceNode, scores: Laid, mask: Laid | Constant) -> Laid:
    """Scores with a mask: numbers to add, or flags; an unset flag leaves next to nothing."""
    if isinstance(mask, Constant) and mask.learned:
        found = attempt(low, lambda: joined(low, "add", scores, tensor(low, mask), scores.dims))
        if found is not None:
            return found
        return low.put(low.add(op("add"), scores.value, prepared(low, mask)), scores.labels, scores.dims)
    added = tensor(low, mask)
    if attrs(node).get("flags"):
        if isinstance(mask, Laid):
            raise Unknown("its mask depends on an input")
        added = low.put(low.add(op("scale", FAR), added.value), added.labels, added.dims)
    return joined(low, "add", scores, added, scores.dims)
