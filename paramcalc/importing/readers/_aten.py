"""The calls of a graph of `torch.export` as primitives, by the names of ATen's functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from paramcalc.importing.source import Module, Primitive, SourceNode, Value

Names: TypeAlias = Mapping[str, Value | float | None]
Given: TypeAlias = dict[str, Any]  # the arguments of a call by name, defaults included
Made: TypeAlias = tuple[str, list[Any], dict[str, Any]]  # name, inputs, attributes

END = 2**62  # a slice's stop from here on means its end


def node_of(node: Any, names: Names, modules: tuple[Module, ...]) -> SourceNode | Value | float | None:
    """A call as a node; a name where it gives another value unchanged."""
    target = str(getattr(node.target, "_opname", getattr(node.target, "__name__", node.target)))
    if target == "getitem":
        made = _part(node)
    elif target == "sym_size" or not hasattr(node.target, "_schema"):
        made = target, [*node.all_input_nodes], {}
    else:
        name = target[:-1] if target.endswith("_") and target.rstrip("_") in _CALLS else target
        call = _CALLS.get(name) or _CALLS.get(name.rstrip("_"))
        given = _given(node)
        made = call(given, node) if call else (name, [*node.all_input_nodes], {})
    name, inputs, attributes = made
    if name == "pass" and not isinstance(inputs[0], int | float):
        return names.get(inputs[0].name)
    read = tuple(_named(one, names) for one in inputs)
    return SourceNode(node.name, Primitive(name, attributes), read, _dims(node), modules, place=_place(node))


def result_of(graph: Any, names: Names) -> list[Value]:
    """The values that a graph gives."""
    found = []
    output = next(node for node in reversed(graph.nodes) if node.op == "output")
    for value in output.args[0]:
        name = names.get(getattr(value, "name", ""))
        if isinstance(name, str) and name not in found:
            found.append(name)
    return found


def _named(value: Any, names: Names) -> Value | float | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return names.get(value.name, value.name)


def _dims(node: Any) -> tuple[int, ...]:
    value = node.meta.get("val")
    shape = getattr(value, "shape", None)
    return tuple(int(size) for size in shape) if shape is not None else ()


def _place(node: Any) -> str:
    """The line of the user's code."""
    lines = [
        line for line in (node.meta.get("stack_trace") or "").splitlines() if line.lstrip().startswith("File")
    ]
    return (
        lines[-1].strip().removeprefix("File ").replace('"', "").replace(", line ", ":").partition(",")[0]
        if lines
        else ""
    )


def _given(node: Any) -> Given:
    """The arguments of a call by name, those left out with their defaults."""
    given: Given = {}
    for place, argument in enumerate(node.target._schema.arguments):
        if place < len(node.args) and not argument.kwarg_only:
            given[argument.name] = node.args[place]
        elif argument.name in node.kwargs:
            given[argument.name] = node.kwargs[argument.name]
        else:
            given[argument.name] = argument.default_value if argument.has_default_value() else None
    return given


def _rank(node: Any) -> int:
    return len(node.args[0].meta["val"].shape)


def _axis(axis: int, rank: int) -> int:
    return axis % rank if rank else 0


def _axes(axes: Any, rank: int) -> tuple[int, ...]:
    if axes is None or axes == []:
        return tuple(range(rank))
    return tuple(_axis(axis, rank) for axis in (axes if isinstance(axes, list | tuple) else [axes]))


def _each(value: Any, count: int) -> tuple[int, ...]:
    """A value for each axis."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    return values * count if len(values) == 1 else values


# ------------------------------------------------------------------------------------------ parts


def _part(node: Any) -> Made:
    """One result of a call that gives several."""
    whole, place = node.args
    name = str(getattr(whole.target, "_opname", ""))
    if whole.op != "call_function" or not hasattr(whole.target, "_schema"):
        return "getitem", [whole], {"part": place}
    given = _given(whole)
    x: Any = given.get("self", given.get("input"))
    if name in ("split", "split_with_sizes", "chunk", "tensor_split", "unbind"):
        rank = len(x.meta["val"].shape)
        axis = _axis(given.get("dim") or 0, rank)
        parts = [part.shape for part in whole.meta["val"]]
        if name == "unbind":
            return "slice", [x], {"axis": axis, "start": place, "stop": place + 1, "step": 1}
        starts = [sum(part[axis] for part in parts[:at]) for at in range(len(parts) + 1)]
        return "slice", [x], {"axis": axis, "start": starts[place], "stop": starts[place + 1], "step": 1}
    if name == "_native_batch_norm_legit_no_training" and place == 0:
        return _batch_norm(given, whole)
    if name == "native_layer_norm" and place == 0:
        return _layer_norm(given, whole)
    if name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        return _recurrent(name, given, place)
    if name in ("max", "min") and place == 0 and "dim" in given:
        return _reduction(name)(given, whole)
    if name.startswith("max_pool") and place == 0:
        return _pool("max_pool")(given, whole)
    return name, [*whole.all_input_nodes], {"part": place}


_GATES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _recurrent(name: str, given: Given, place: int) -> Made:
    layers, both = given["num_layers"], given["bidirectional"]
    directions = ["", "_reverse"][: 1 + both]
    kinds = _GATES if given["has_biases"] else _GATES[:2]
    if len(given["params"]) > layers * len(directions) * len(kinds):
        kinds = (*kinds, "weight_hr")
    named = [f"{kind}_l{layer}{end}" for layer in range(layers) for end in directions for kind in kinds]
    attributes = {
        "layers": layers,
        "bidirectional": both,
        "batch_first": given["batch_first"],
        "result": place,
        "bias": given["has_biases"],
        "names": tuple(named),
        "activation": name.partition("_")[2] or "tanh",
    }
    return name.partition("_")[0], [given["input"], *given["params"]], attributes


# ------------------------------------------------------------------------------------------ calls

Call: TypeAlias = Callable[[Given, Any], Made]


def _plain(name: str, *inputs: str, **attributes: str) -> Call:
    """The same arguments under our names."""

    def call(given: Given, node: Any) -> Made:
        read = inputs or (next(iter(given)),)
        return name, [given[key] for key in read], {ours: given[key] for ours, key in attributes.items()}

    return call


def _conv(given: Given, node: Any) -> Made:
    rank = len(given["weight"].meta["val"].shape) - 2
    padding = given["padding"]
    attributes = {
        "stride": _each(given["stride"], rank),
        "padding": padding if isinstance(padding, str) else _each(padding, rank),
        "dilation": _each(given["dilation"], rank),
        "groups": given["groups"],
    }
    inputs = [given["input"], given["weight"], given["bias"]]
    if "output_padding" not in given:
        return "conv", inputs, attributes
    return "conv_transpose", inputs, {**attributes, "output_padding": _each(given["output_padding"], rank)}


def _convolution(given: Given, node: Any) -> Made:
    name, inputs, attributes = _conv(given, node)
    if given["transposed"]:
        return name, inputs, attributes
    return "conv", inputs, {key: value for key, value in attributes.items() if key != "output_padding"}


def _batch_norm(given: Given, node: Any) -> Made:
    training = given.get("training", False)
    inputs = [given["input"], given["weight"], given["bias"], given["running_mean"], given["running_var"]]
    return "batch_norm_training" if training else "batch_norm", inputs, {"eps": given["eps"]}


def _layer_norm(given: Given, node: Any) -> Made:
    return (
        "layer_norm",
        [given["input"], given["weight"], given["bias"]],
        {"axes": len(given["normalized_shape"]), "eps": given["eps"]},
    )


def _rms_norm(given: Given, node: Any) -> Made:
    attributes = {"axes": len(given["normalized_shape"]), "eps": given["eps"]}
    return "rms_norm", [given["input"], given["weight"], None], attributes


def _group_norm(given: Given, node: Any) -> Made:
    inputs = [given["input"], given["weight"], given["bias"]]
    return "group_norm", inputs, {"groups": given["num_groups"], "eps": given["eps"]}


def _instance_norm(given: Given, node: Any) -> Made:
    return "instance_norm", [given["input"], given["weight"], given["bias"]], {"eps": given["eps"]}


def _attention(given: Given, node: Any) -> Made:
    inputs = [given["query"], given["key"], given["value"], given["attn_mask"]]
    mask = given["attn_mask"]
    flags = mask is not None and not mask.meta["val"].dtype.is_floating_point
    return "attention", inputs, {"scale": given["scale"], "causal": given["is_causal"], "flags": flags}


def _pool(name: str) -> Call:
    def call(given: Given, node: Any) -> Made:
        x: Any = given.get("self", given.get("input"))
        rank = len(x.meta["val"].shape) - 2
        kernel = _each(given["kernel_size"], rank)
        attributes = {
            "kernel": kernel,
            "stride": _each(given["stride"], rank) if given["stride"] else kernel,
            "padding": _each(given["padding"], rank),
            "dilation": _each(given.get("dilation", 1), rank),
            "ceil_mode": given["ceil_mode"],
            "count_include_pad": given.get("count_include_pad", True),
        }
        return name, [x], attributes

    return call


def _adaptive(name: str) -> Call:
    def call(given: Given, node: Any) -> Made:
        x = given["self"]
        return name, [x], {"sizes": tuple(node.meta["val"].shape[2:])}

    return call


def _addition(name: str) -> Call:
    """A sum or difference, whose second term may have a factor."""

    def call(given: Given, node: Any) -> Made:
        factor = given.get("alpha", 1)
        return (name if factor == 1 else f"{name}_scaled"), [given["self"], given["other"]], {}

    return call


def _reversed(given: Given, node: Any) -> Made:
    return "subtract", [given["other"], given["self"]], {}


def _division(given: Given, node: Any) -> Made:
    name = "divide" if given.get("rounding_mode") is None else "floor_divide"
    return name, [given["self"], given["other"]], {}


def _power(given: Given, node: Any) -> Made:
    if given.get("exponent") == 2:
        return "square", [given["self"]], {}
    return "power", [given["self"], given["exponent"]], {}


def _reduction(name: str) -> Call:
    def call(given: Given, node: Any) -> Made:
        axes = _axes(given.get("dim"), len(given["self"].meta["val"].shape))
        return name, [given["self"]], {"axes": axes, "keep": bool(given.get("keepdim", False))}

    return call


def _greatest(given: Given, node: Any) -> Made:
    if "other" in given:
        return "maximum", [given["self"], given["other"]], {}
    return _reduction("max")(given, node)


def _variance(given: Given, node: Any) -> Made:
    axes = _axes(given.get("dim"), len(given["self"].meta["val"].shape))
    biased = given.get("correction") == 0 or given.get("unbiased") is False
    return (
        ("variance" if biased else "variance_unbiased"),
        [given["self"]],
        {"axes": axes, "keep": given["keepdim"]},
    )


def _norm(given: Given, node: Any) -> Made:
    axes = _axes(given["dim"], len(given["self"].meta["val"].shape))
    return (
        ("norm" if given["ord"] == 2 else "norm_other"),
        [given["self"]],
        {"axes": axes, "keep": given["keepdim"]},
    )


def _reshape(given: Given, node: Any) -> Made:
    x = next(iter(given.values()))
    same = tuple(x.meta["val"].shape) == tuple(node.meta["val"].shape)
    return ("pass" if same else "reshape"), [x], {}


def _permute(given: Given, node: Any) -> Made:
    rank = len(given["self"].meta["val"].shape)
    axes = _axes(given["dims"], rank)
    return ("pass" if axes == tuple(range(rank)) else "permute"), [given["self"]], {"axes": axes}


def _transpose(given: Given, node: Any) -> Made:
    rank = len(given["self"].meta["val"].shape)
    names = ("dim0", "dim1") if "dim0" in given else ("axis0", "axis1")
    one, two = (_axis(given[name], rank) for name in names) if names[0] in given else (0, 1)
    axes = [*range(rank)]
    axes[one], axes[two] = axes[two], axes[one]
    return ("permute" if one != two else "pass"), [given["self"]], {"axes": tuple(axes)}


def _matrix_transpose(given: Given, node: Any) -> Made:
    return (
        ("permute", [given["self"]], {"axes": (1, 0)}) if _rank(node) == 2 else ("pass", [given["self"]], {})
    )


def _last_two(given: Given, node: Any) -> Made:
    rank = _rank(node)
    axes = (*range(rank - 2), rank - 1, rank - 2)
    return "permute", [next(iter(given.values()))], {"axes": axes}


def _expand(given: Given, node: Any) -> Made:
    same = tuple(given["self"].meta["val"].shape) == tuple(node.meta["val"].shape)
    return ("pass" if same else "expand"), [given["self"]], {}


def _copy(given: Given, node: Any) -> Made:
    same = tuple(given["src"].meta["val"].shape) == tuple(node.meta["val"].shape)
    return ("pass" if same else "expand"), [given["src"]], {}


def _concat(given: Given, node: Any) -> Made:
    tensors = [one for one in given["tensors"] if 0 not in one.meta["val"].shape]
    axis = _axis(given["dim"], len(node.meta["val"].shape))
    return ("concat" if len(tensors) > 1 else "pass"), tensors, {"axis": axis}


def _stack(given: Given, node: Any) -> Made:
    return "stack", list(given["tensors"]), {"axis": _axis(given["dim"], len(node.meta["val"].shape))}


def _slice(given: Given, node: Any) -> Made:
    x = given["self"]
    dims = x.meta["val"].shape
    axis = _axis(given["dim"], len(dims))
    size = int(dims[axis])
    start, stop = given["start"] or 0, given["end"]
    start = max(start + size, 0) if start < 0 else min(start, size)
    stop = size if stop is None or stop > END else max(stop + size, 0) if stop < 0 else min(stop, size)
    step = given["step"]
    whole = (start, stop, step) == (0, size, 1)
    return ("pass" if whole else "slice"), [x], {"axis": axis, "start": start, "stop": stop, "step": step}


def _narrow(given: Given, node: Any) -> Made:
    start, length = given["start"], given["length"]
    dims = given["self"].meta["val"].shape
    start = start + int(dims[_axis(given["dim"], len(dims))]) if start < 0 else start
    return _slice({**given, "start": start, "end": start + length, "step": 1}, node)


def _select(given: Given, node: Any) -> Made:
    dims = given["self"].meta["val"].shape
    axis = _axis(given["dim"], len(dims))
    start = given["index"] % int(dims[axis])
    return "slice", [given["self"]], {"axis": axis, "start": start, "stop": start + 1, "step": 1}


def _pad(given: Given, node: Any) -> Made:
    x = given["self"]
    rank = len(x.meta["val"].shape)
    flat = given["pad"]
    amounts = [(0, 0)] * rank
    for place in range(len(flat) // 2):
        amounts[rank - 1 - place] = (flat[2 * place], flat[2 * place + 1])
    if not any(flat):
        return "pass", [x], {}
    value = given.get("value") or 0
    return "pad", [x], {"amounts": tuple(amounts), "mode": given.get("mode", "constant"), "value": value}


def _upsample(mode: str) -> Call:
    def call(given: Given, node: Any) -> Made:
        return "upsample", [given["input"]], {"mode": mode, "align_corners": bool(given.get("align_corners"))}

    return call


def _roll(given: Given, node: Any) -> Made:
    axes = _axes(given["dims"], _rank(node))
    return "roll", [given["self"]], {"shifts": tuple(given["shifts"]), "axes": axes}


def _softmax(name: str) -> Call:
    def call(given: Given, node: Any) -> Made:
        return name, [given["self"]], {"axis": _axis(given["dim"], _rank(node))}

    return call


def _hardtanh(given: Given, node: Any) -> Made:
    if (given["min_val"], given["max_val"]) == (0, 6):
        return "relu6", [given["self"]], {}
    return "clip", [given["self"]], {"low": given["min_val"], "high": given["max_val"]}


def _clamp(given: Given, node: Any) -> Made:
    ends = {name: given.get(name) for name in ("max", "min")}
    for name, ours in (("max", "minimum"), ("min", "maximum")):
        if hasattr(ends[name], "meta"):  # a tensor
            if ends["min" if name == "max" else "max"] is None:
                return ours, [given["self"], ends[name]], {}
            return "clamp", [given["self"], ends["min"], ends["max"]], {}
    return "clip", [given["self"]], {"low": given.get("min"), "high": given.get("max")}


def _addmm(given: Given, node: Any) -> Made:
    return "linear", [given["mat1"], given["mat2"], given["self"]], {"transposed": True}


def _dropout(given: Given, node: Any) -> Made:
    return ("dropout" if given["p"] else "pass"), [next(iter(given.values()))], {"p": given["p"]}


def _elu(given: Given, node: Any) -> Made:
    return "elu", [given["self"]], {"alpha": given["alpha"]}


def _index(given: Given, node: Any) -> Made:
    indices = [one for one in given["indices"] if one is not None]
    if any(not hasattr(one, "meta") or "bool" in str(one.meta["val"].dtype) for one in indices):
        return "index_by_flags", [given["self"], *indices], {}
    shape = given["self"].meta["val"].shape
    if (
        len(indices) == len(shape) - 1 == 2
        and shape[0] == 1
        and all(tuple(one.meta["val"].shape) == (1,) for one in indices)
    ):
        return "pick", [given["self"], indices[1]], {}  # of the only sample, one position
    return (
        "index",
        [given["self"], *indices],
        {"axis": next((at for at, one in enumerate(given["indices"]) if one is not None), 0)},
    )


def _argmax(given: Given, node: Any) -> Made:
    rank = len(given["self"].meta["val"].shape)
    if given["dim"] is None or given["keepdim"]:
        return "argmax_of_all", [given["self"]], {}
    return "argmax", [given["self"]], {"axis": _axis(given["dim"], rank)}


def _equal(given: Given, node: Any) -> Made:
    return "equal", [given["self"], given["other"]], {}


def _repeat_interleave(given: Given, node: Any) -> Made:
    if not isinstance(given["repeats"], int) or given["dim"] is None:
        return "repeat_interleave_any", [*node.all_input_nodes], {}
    return (
        "repeat_interleave",
        [given["self"]],
        {"axis": _axis(given["dim"], _rank(node)), "times": given["repeats"]},
    )


def _repeat(given: Given, node: Any) -> Made:
    x = given["self"]
    times = given["repeats"] if "repeats" in given else given["dims"]
    return "repeat", [x], {"times": tuple(times)}


def _columns(name: str) -> Call:
    """Windows as columns, and back."""

    def call(given: Given, node: Any) -> Made:
        attributes = {key: _each(given[key], 2) for key in ("kernel_size", "dilation", "padding", "stride")}
        if "output_size" in given:
            attributes["output_size"] = _each(given["output_size"], 2)
        return name, [given["self"]], attributes

    return call


def _windows(given: Given, node: Any) -> Made:
    """Tensor.unfold: windows along one axis, at the end."""
    return "windows", [given["self"]], {
        "axis": _axis(given["dimension"], _rank(node)), "size": given["size"], "step": given["step"],
    }  # fmt: skip


def _einsum(given: Given, node: Any) -> Made:
    return "einsum", list(given["tensors"]), {"equation": given["equation"].replace(" ", "")}


def _names(names: str, call: Call) -> Iterator[tuple[str, Call]]:
    for name in names.split():
        yield name, call


_SAME = "relu relu6 sigmoid tanh silu mish selu softplus exp log sqrt rsqrt erf abs".split()  # noqa: SIM905

_CALLS: dict[str, Call] = {
    "linear": _plain("linear", "input", "weight", "bias"),
    **dict(_names("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d", _conv)),
    "convolution": _convolution,
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "instance_norm": _instance_norm,
    "scaled_dot_product_attention": _attention,
    "embedding": _plain("embedding", "indices", "weight"),
    "addmm": _addmm,
    "add": _addition("add"),
    "sub": _addition("subtract"),
    "rsub": _reversed,
    "mul": _plain("multiply", "self", "other"),
    "div": _division,
    "pow": _power,
    "square": _plain("square"),
    "maximum": _plain("maximum", "self", "other"),
    "minimum": _plain("minimum", "self", "other"),
    **dict(_names("matmul", _plain("matmul", "self", "other"))),
    **dict(_names("bmm mm", _plain("matmul", "self", "mat2"))),
    "einsum": _einsum,
    **{
        name: _plain(ours)
        for name, ours in {
            **{same: same for same in _SAME},
            "hardsigmoid": "hard_sigmoid",
            "hardswish": "hard_swish",
            "neg": "negative",
        }.items()
    },
    "elu": _elu,
    "gelu": _plain("gelu", "self", approximate="approximate"),
    "leaky_relu": _plain("leaky_relu", "self", slope="negative_slope"),
    "prelu": _plain("prelu", "self", "weight"),
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "softmax": _softmax("softmax"),
    "_softmax": _softmax("softmax"),
    "log_softmax": _softmax("log_softmax"),
    **dict(_names("dropout feature_dropout alpha_dropout feature_alpha_dropout", _dropout)),
    **dict(_names("max_pool1d max_pool2d max_pool3d", _pool("max_pool"))),
    **dict(_names("avg_pool1d avg_pool2d avg_pool3d", _pool("avg_pool"))),
    **dict(_names("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d", _adaptive("adaptive_avg_pool"))),
    **dict(_names("adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d", _adaptive("adaptive_max_pool"))),
    "mean": _reduction("mean"),
    "sum": _reduction("sum"),
    "amax": _reduction("max"),
    "amin": _reduction("min"),
    "var": _variance,
    "linalg_vector_norm": _norm,
    **dict(_names("view _unsafe_view reshape flatten unflatten squeeze unsqueeze view_as reshape_as", _reshape)),
    "permute": _permute,
    **dict(_names("transpose swapaxes swapdims", _transpose)),
    "t": _matrix_transpose,
    **dict(_names("mT mH adjoint", _last_two)),
    **dict(_names("expand expand_as broadcast_to", _expand)),
    "copy": _copy,
    **dict(_names("cat concat", _concat)),
    "stack": _stack,
    "narrow": _narrow,
    "slice": _slice,
    "select": _select,
    "pad": _pad,
    "constant_pad_nd": _pad,
    **dict(_names("upsample_nearest1d upsample_nearest2d upsample_nearest3d", _upsample("nearest"))),
    "upsample_bilinear2d": _upsample("bilinear"),
    "upsample_bicubic2d": _upsample("bicubic"),
    "pixel_shuffle": _plain("pixel_shuffle", "self", factor="upscale_factor"),
    "pixel_unshuffle": _plain("pixel_unshuffle", "self", factor="downscale_factor"),
    "roll": _roll,
    "index": _index,
    "argmax": _argmax,
    "eq": _equal,
    "repeat_interleave": _repeat_interleave,
    "repeat": _repeat,
    "tile": _repeat,
    "im2col": _columns("unfold"),
    "col2im": _columns("fold"),
    "unfold": _windows,
    "addcmul": _plain("addcmul", "self", "tensor1", "tensor2", factor="value"),
    "max": _greatest,
    **dict(
        _names("to _to_copy type_as contiguous alias clone detach lift_fresh_copy lift_fresh", _plain("pass"))
    ),
}  # fmt: skip
