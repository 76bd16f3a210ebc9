"""Attention: the projections, the products between them and the windows around them as one layer.

What a source does to query, key and value between their projections and the product only moves
numbers. So the numbers of the elements are moved in the same way, and what arrives shows how many
heads there are, which rows of which projection they have, and which positions meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose, prod
from typing import Any, NamedTuple

from paramcalc import ops
from paramcalc.base.errors import Fault
from paramcalc.importing.masks import LATER, NOTHING, OTHERS, compares, hides, window
from paramcalc.importing.moves import LARGEST, back, forward, numbered, ranges, replay
from paramcalc.importing.net import Net, common, name_of
from paramcalc.importing.rule import exact
from paramcalc.importing.source import Primitive, SourceNetwork, SourceNode, Value
from paramcalc.importing.windows import Windows, windows_of
from paramcalc.ops._attention import LAYER_EPS
from paramcalc.ops.attributes import attributes, op


class Side(NamedTuple):
    """Query, key or value: the rows of a projection by head and channel, and the positions it is of."""

    linear: SourceNode
    rows: Any  # heads x channels
    positions: Any  # sequences x length: the rows of the projection's input
    scale: float
    norm: SourceNode | None
    turned: int  # channels of a head that rotary positions turn


class Core(NamedTuple):
    """softmax(QK)V as it was found: its last node, what enters, the mask."""

    node: SourceNode
    query: Value
    key: Value
    value: Value
    mask: Value | None
    scale: float
    causal: bool
    transposed: bool  # the key enters as channels x length
    capped: bool = False  # the scores pass a tanh


def attentions(source: SourceNetwork) -> SourceNetwork:
    """A source in which each attention with its projections is one node."""
    net = Net(source)
    for node in source.nodes:
        core = _core(net, node) if node.value in net.data else None
        if core is not None:
            _replace(net, core)
    return net.done()


def _core(net: Net, node: SourceNode) -> Core | None:
    name = name_of(node)
    if name == "attention":
        query, key, value, mask = node.inputs
        given: Any = node.call.attributes  # type: ignore[union-attr]
        scale = given["scale"] or net.dims(query)[-1] ** -0.5
        return Core(node, str(query), str(key), str(value), mask, scale, given["causal"], False)  # type: ignore[arg-type]
    product = _product(node)
    if product is None or product[2]:
        return None
    softmax = net.maker(_behind(net, product[0]), "softmax")
    value = product[1]
    if softmax is None or not net.is_data(value):
        return None
    return _written_out(net, node, softmax, str(value))


def _product(node: SourceNode) -> tuple[Any, Any, bool] | None:
    """The factors of a matrix product, and whether the right one's last axis is summed over."""
    if name_of(node) == "matmul":
        return node.inputs[0], node.inputs[1], False
    if name_of(node) != "einsum" or len(node.inputs) != 2:
        return None
    given: Any = node.call.attributes  # type: ignore[union-attr]
    terms, _, out = given["equation"].partition("->")
    left, _, right = terms.partition(",")
    if len(left) != len(right) or len(out) != len(left) or left[:-2] != right[:-2] or out[:-1] != left[:-1]:
        return None
    if left[-1] == right[-1] and out[-1] == right[-2]:
        return node.inputs[0], node.inputs[1], True
    if left[-1] == right[-2] and out[-1] == right[-1]:
        return node.inputs[0], node.inputs[1], False
    return None


def _behind(net: Net, value: Value | float | None) -> Value | float | None:
    """A value before dropouts, and moves that change nothing but axes of size 1."""
    while isinstance(value, str):
        node = net.makers.get(value)
        if node is None or name_of(node) not in ("dropout", "pass", "reshape", "expand"):
            return value
        before = net.dims(node.inputs[0])
        if [dim for dim in before if dim != 1] != [dim for dim in node.dims if dim != 1]:
            return value
        value = node.inputs[0]
    return value


def _written_out(net: Net, node: SourceNode, softmax: SourceNode, value: Value) -> Core | None:
    """softmax(scale * QK + mask) times V, written out."""
    scale, mask, capped = 1.0, None, False
    at = _behind(net, softmax.inputs[0])
    while True:
        maker = net.maker(at, "add", "multiply", "divide", "reshape", "tanh")
        if maker is None:
            break
        if name_of(maker) == "reshape":  # windows apart, for their masks
            at = maker.inputs[0]
            continue
        if name_of(maker) == "tanh":
            at, capped = maker.inputs[0], True
            continue
        data = [one for one in maker.inputs if net.is_data(one)]
        others = [one for one in maker.inputs if not net.is_data(one)]
        if len(data) != 1 or len(others) != 1:
            return None
        (other,) = others
        if isinstance(other, int | float):
            scale *= other if name_of(maker) == "multiply" else 1 / other
        elif name_of(maker) == "add":
            mask = str(other) if mask is None or net.learned(other) else mask
        elif net.learned(other):
            return None
        at = data[0]
    maker = net.maker(at, "matmul", "einsum")
    product = _product(maker) if maker is not None else None
    if product is None or not all(net.is_data(one) for one in product[:2]):
        return None
    query, key, transposed = product
    return Core(node, str(query), str(key), value, mask, scale, False, not transposed, capped)


# ------------------------------------------------------------------------------------------ sides


def _side(net: Net, value: Value, transposed: bool = False) -> Side | None:
    """Where a query, key or value comes from; None when that is no projection of positions."""
    scale, norm, turned = 1.0, None, 0
    moves: list[SourceNode] = []
    at: Value = value
    while True:
        at, before = back(net, at, frozenset({"reshape", "permute", "slice", "expand"}))
        moves = before + moves
        node = net.makers.get(at)
        if node is None:
            return None
        name = name_of(node)
        if name in ("multiply", "divide"):
            numbers = [one for one in node.inputs if isinstance(one, int | float)]
            data = [one for one in node.inputs if net.is_data(one)]
            if len(numbers) == len(data) == 1:
                scale *= numbers[0] if name == "multiply" else 1 / numbers[0]
                at = str(data[0])
                continue
            return None
        if name in ("rms_norm", "layer_norm") and norm is None:
            norm = node
            at = str(node.inputs[0])
            continue
        if name in ("add", "concat"):
            found = _turned(net, node)
            if found is None:
                return None
            at, turned = found
            continue
        break
    if name != "linear" or (node.call.attributes.get("transposed") is None and False):  # type: ignore[union-attr]
        return None
    if prod(node.dims) > LARGEST or prod(net.dims(value)) > LARGEST:
        return None
    indices = replay(net, numbered(node.dims), moves)
    if transposed:
        indices = indices.swapaxes(-1, -2)
    if indices.ndim < 3:
        indices = indices.reshape(1, *indices.shape)
    out = node.dims[-1]
    rows, positions = indices % out, indices // out
    each = rows.reshape(-1, *rows.shape[-3:]) if rows.ndim > 3 else rows.reshape(1, *rows.shape)
    places = positions.reshape(each.shape)
    by_head = _heads_apart(each, places)
    if by_head is None:
        return None
    rows, places = by_head
    return Side(node, rows, places, scale, norm, turned)


def _heads_apart(rows: Any, places: Any) -> tuple[Any, Any] | None:
    """Rows by head and channel, positions by sequence and place; None where they depend on more."""
    if (rows == rows[:1, :, :1]).all() and (places == places[:, :1, :, :1]).all():
        return rows[0, :, 0, :], places[:, 0, :, 0]
    # sequences and heads on one axis
    sequences, heads, length, dim = rows.shape
    if sequences == 1 and (rows == rows[:, :, :1]).all() and (places == places[:, :, :, :1]).all():
        starts = {tuple(one) for one in rows[0, :, 0, :]}
        count = len(starts)
        if heads % count == 0:
            rows = rows.reshape(heads // count, count, length, dim)
            return _heads_apart(rows, places.reshape(rows.shape))
    return None


def _turned(net: Net, node: SourceNode) -> tuple[Value, int] | None:
    """What rotary positions turn: x * cos + turned x * sin, in part or whole, or in two halves."""
    seen: set[Value] = set()
    waiting = [node.value]
    sources: set[Value] = set()
    table = False
    steps = 0
    while waiting:
        at = waiting.pop()
        maker = net.makers.get(at)
        steps += 1
        if maker is None or steps > 60:
            return None
        name = name_of(maker)
        if name in (
            "add",
            "subtract",
            "multiply",
            "concat",
            "negative",
            "slice",
            "stack",
            "reshape",
            "permute",
        ):
            data = net.tensors(maker)
            constants = [one for one in maker.inputs if isinstance(one, str) and one not in net.data]
            if any(net.learned(one) for one in constants):
                return None
            table = table or bool(constants and name == "multiply")
            wide = maker.dims == node.dims
            for one in data:
                if one in seen:
                    continue
                inner = net.makers.get(one)
                ends = net.dims(one) == node.dims and (
                    inner is None
                    or name_of(inner) not in ("add", "multiply", "concat", "negative", "subtract", "stack")
                )
                if ends:
                    sources.add(one)
                else:
                    seen.add(one)
                    waiting.append(one)
            del wide
        else:
            return None
    if len(sources) != 1 or not table:
        return None
    return sources.pop(), node.dims[-1]


# -------------------------------------------------------------------------------------- the whole


def _replace(net: Net, core: Core) -> bool:
    import numpy as np

    query, key = _side(net, core.query), _side(net, core.key, core.transposed)
    value = _side(net, core.value)
    if query is None or key is None or value is None:
        return False
    out = _projection(net, core.node, query.rows.shape[0], value.rows.shape[1])
    if out is None:
        return False
    linear, order = out
    asked, memory = str(query.linear.inputs[0]), str(key.linear.inputs[0])
    if value.linear.inputs[0] != memory:
        return False
    cross = asked != memory
    windows = None if cross else windows_of(net, asked, query.positions, linear, order)
    if windows is None and not (order == np.arange(order.size)).all():
        return False
    made = _made(net, core, query, key, value, linear, cross, windows)
    if made is None:
        return False
    if windows is not None:
        call, weights = made
        modules = common(core.node.modules, linear.modules)
        node = SourceNode(windows.end, call, (windows.start,), windows.dims, modules, weights, linear.place)
        net.replace(node)
        return True
    call, weights = made
    inputs = _entering(net, asked, query), _entering(net, memory, key)
    if inputs[0] is None or inputs[1] is None:
        return False
    modules = common(core.node.modules, linear.modules)
    read = (inputs[0], inputs[1]) if cross else (inputs[0],)
    lengths = tuple(side.positions.shape[1] for side in (query, key)[: len(read)])
    whole = Primitive("projected_attention", {"op": call, "lengths": lengths})
    node = SourceNode(
        linear.value, whole, read, linear.dims, modules or linear.modules, weights, linear.place
    )
    net.replace(node)
    return True


def _entering(net: Net, value: Value, side: Side) -> Value | None:
    """What enters, in an order in which its positions are those of the sequences."""
    import numpy as np

    places = side.positions.reshape(-1)
    if not (places == np.arange(places.size)).all():
        return None
    dims = net.dims(value)
    if len(dims) > 2 and dims[-2] == side.positions.shape[1]:
        return value
    return _unmoved(net, value, side.positions.shape[1]) or value


def _unmoved(net: Net, value: Value, length: int) -> Value | None:
    """An earlier value of the same elements in the same order whose axis before the last is the length."""
    node = net.makers.get(value)
    while node is not None and name_of(node) in ("reshape", "permute"):
        before = str(node.inputs[0])
        dims = net.dims(before)
        if [dim for dim in dims if dim != 1] != [dim for dim in node.dims if dim != 1]:
            return None
        if len(dims) > 2 and dims[-2] == length:
            return before
        node = net.makers.get(before)
    return None


def _projection(net: Net, node: SourceNode, heads: int, dim: int) -> tuple[SourceNode, Any] | None:
    """The projection of all heads side by side that alone reads what attention gives.

    And in which order it reads the positions of the sequences.
    """
    import numpy as np

    moves = forward(net, node.value, frozenset({"reshape", "permute"}))
    last = moves[-1].value if moves else node.value
    linear = net.only_reader(last)
    if linear is None or name_of(linear) != "linear" or linear.inputs[0] != last:
        return None
    width = net.dims(last)[-1]
    if width != heads * dim or prod(node.dims) > LARGEST:
        return None
    indices = replay(net, numbered(node.dims), moves).reshape(-1, width)
    length = node.dims[-2]
    channels, places, head = indices % dim, indices // dim % length, indices // (dim * length) % heads
    sequences = indices // (dim * length * heads)
    columns = np.arange(width)
    if not ((channels == columns % dim).all() and (head == columns // dim).all()):
        return None
    order = sequences * length + places
    return (linear, order[:, 0]) if (order == order[:, :1]).all() else None


def _made(
    net: Net,
    core: Core,
    query: Side,
    key: Side,
    value: Side,
    out: SourceNode,
    cross: bool,
    windows: Windows | None,
) -> tuple[Any, dict[str, str]] | None:
    """The op and its weights."""
    heads, dim = query.rows.shape
    groups = len({tuple(row) for row in key.rows})
    value_dim = value.rows.shape[1]
    channels = net.dims(query.linear.inputs[0])[-1]
    given: dict[str, Any] = {}
    if dim * heads != channels:
        given["head_dim"] = dim
    if groups != heads:
        given["kv_heads"] = groups
        step = heads // groups
        if heads % groups or not all((key.rows[at] == key.rows[at - at % step]).all() for at in range(heads)):
            return None
    if value_dim != dim:
        given["value_dim"] = value_dim
    sides = {"query": query, "key": key, "value": value}
    weights: dict[str, str] = {}
    biased: dict[str, bool] = {}
    for name, side in sides.items():
        rows = side.rows if name == "query" or groups == heads else side.rows[:: heads // groups]
        _weights_of(net, side.linear, rows, name, weights, biased)
    _weights_of(net, out, None, "out", weights, biased)
    if _biases(given, biased) is None:
        return None
    if not _norms(net, {"query": (query, heads), "key": (key, groups)}, given, weights):
        return None
    scale = core.scale * query.scale * key.scale
    if core.capped:
        net.remarks.append("a soft cap of attention's scores is left out; no count depends on it")
    elif not isclose(scale, dim**-0.5, rel_tol=1e-4):
        given["scale"] = exact(scale)
    if windows is not None:
        return _window_attention(net, core, windows, heads, given, weights)
    if not cross:
        if query.turned:
            given["rotary"] = True if query.turned == dim else query.turned
        if core.causal:
            given["causal"] = True
    head = "cross_attention" if cross else "self_attention"
    found = ops.find(head)
    known = attributes(found) if found is not None else {}
    if any(name not in known for name in given):
        return None
    tables = _tables(net, core.mask) if core.mask is not None else []
    if core.mask is not None and not _hidden(net, core.mask, key.positions.shape[1], bool(tables), given):
        return None
    if cross and given.get("causal"):
        return None
    if tables and (cross or len(tables) > 1 or not _by_distance(net, tables[0], heads, given, weights)):
        return None
    try:
        return op(head, heads, **given), weights
    except Fault:
        return None


def _norms(
    net: Net, sides: Mapping[str, tuple[Side, int]], given: dict[str, Any], weights: dict[str, str]
) -> bool:
    """The norms of queries and keys: of each head, or of all at once; False where no attribute says them."""
    kinds: set[str] = set()
    for name, (side, heads) in sides.items():
        if side.norm is None:
            kinds.add("")
            continue
        layer, width = name_of(side.norm) == "layer_norm", side.rows.shape[1]
        size = net.dims(side.norm.inputs[1])
        if size != (width,) and (layer or size != (heads * width,)):
            return False
        kinds.add("layer" if layer else "rms" if size == (width,) else "rms_all")
        eps = side.norm.call.attributes["eps"]  # type: ignore[union-attr]
        if eps is not None and not (layer and eps == LAYER_EPS):
            net.remarks.append(
                f"norms of queries and keys have eps={eps:g}, which the spec has not; no count depends on it"
            )
        weights[f"{name}_norm"] = str(side.norm.inputs[1])
        if layer:
            weights[f"{name}_norm_bias"] = str(side.norm.inputs[2])
    if kinds == {""}:
        return True
    if kinds == {"rms", "rms_all"}:  # the only head of the keys is all of them
        kinds = {"rms_all"}
    given["qk_norm"] = next(iter(kinds))
    return len(kinds) == 1 and "" not in kinds


def _hidden(net: Net, mask: Value, length: int, biased: bool, given: dict[str, Any]) -> bool:
    """Whether an op can say what the mask hides; learned biases are seen to elsewhere."""
    found = hides(net, mask)
    if found == LATER or (biased and compares(net, mask)):
        given["causal"] = True
        left = window(net, mask, length)
        if left is not None:
            given["window"] = left
            if left < length:
                net.remarks.append(
                    f"attention within {left:,} positions has the products inside of them, where PyTorch masks all"
                )
    return found != OTHERS or biased


def _by_distance(net: Net, table: Value, heads: int, given: dict[str, Any], weights: dict[str, str]) -> bool:
    """A learned bias for each head and distance, as the op has it: a row for each distance."""
    dims = [dim for dim in net.dims(table) if dim != 1]
    if len(dims) != 2 or heads not in dims:
        return False
    rows = dims[0] if dims[1] == heads else dims[1]
    if rows < 4:
        return False
    given["position_bias"] = rows
    weights["position_bias"] = table if dims[1] == heads else f"{table}.T"
    return True


def _window_attention(
    net: Net, core: Core, windows: Windows, heads: int, given: dict[str, Any], weights: dict[str, str]
) -> tuple[Any, dict[str, str]] | None:
    """The op for attention in windows, whose learned biases by distance are a table."""
    tables = _tables(net, core.mask) if core.mask is not None else []
    if core.mask is not None and not tables and not windows.shift and hides(net, core.mask) != NOTHING:
        return None
    rows = (2 * windows.size - 1) ** 2
    if len(tables) > 1 or any(prod(net.dims(table)) != rows * heads for table in tables):
        return None
    if tables:
        weights["relative_position"] = tables[0]
    else:
        given["relative_bias"] = False
    if windows.shift:
        given["shift"] = windows.shift
    if windows.grid:
        given["grid"] = True
    known = attributes(ops.find("window_attention"))  # type: ignore[arg-type]
    if any(name not in known for name in given):
        return None
    return op("window_attention", heads, windows.size, **given), weights


def _weights_of(
    net: Net, linear: SourceNode, rows: Any, name: str, weights: dict[str, str], biased: dict[str, bool]
) -> None:
    """The source's names of a projection's weight and bias, with the rows that it takes of them."""
    import numpy as np

    _, weight, *rest = linear.inputs
    transposed = bool(linear.call.attributes.get("transposed"))  # type: ignore[union-attr]
    full = net.dims(weight)[1 if transposed else 0]
    flat = None if rows is None else rows.reshape(-1)
    part = "" if flat is None or (len(flat) == full and (flat == np.arange(full)).all()) else ranges(flat)
    weights[name] = f"{weight}{'.T' if transposed else ''}{part}"
    bias = rest[0] if rest else None
    biased[name] = bias is not None and _bias_learned(net, bias, flat)
    if biased[name]:
        weights[f"{name}_bias"] = f"{bias}{part}"


def _bias_learned(net: Net, bias: Any, rows: Any) -> bool:
    """Whether the part of a bias that these rows take is learned: BEiT's keys have zeros that are not."""
    node = net.makers.get(bias)
    if node is None or name_of(node) != "concat" or rows is None:
        return net.learned(bias)
    start = 0
    for part in node.inputs:
        size = net.dims(part)[0]
        if start <= int(rows[0]) < start + size:
            return net.learned(part)
        start += size
    return False


def _biases(given: dict[str, Any], biased: dict[str, bool]) -> bool | None:
    """How an op says which projections have a bias; None where it cannot."""
    query, key, value, out = (biased[name] for name in ("query", "key", "value", "out"))
    if query != value:
        return None
    if query == key == value == out:
        given |= {} if out else {"bias": False}
        return True
    if query == value and key != query:
        given["key_bias"] = key
        if query != out:
            given["qkv_bias"], given["out_bias"] = query, out
        elif not query:
            given["bias"] = False
        return True
    if query:
        given["out_bias"] = False
    else:
        given["qkv_bias"] = False
    return True


def _tables(net: Net, mask: Value) -> list[Value]:
    """The learned tables that a mask is made of."""
    found: list[Value] = []
    waiting, seen = [mask], {mask}
    while waiting:
        at = waiting.pop()
        weight = net.source.weights.get(at)
        if weight is not None and weight.learned:
            found.append(at)
        node = net.makers.get(at)
        for one in node.inputs if node is not None else ():
            if isinstance(one, str) and one not in seen:
                seen.add(one)
                waiting.append(one)
    return found
