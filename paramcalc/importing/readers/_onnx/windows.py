"""Convolutions, pools, and what else works on images: resizing, shuffling pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.importing.readers._onnx.biases import bias_after, finish_bias
from paramcalc.importing.readers._onnx.state import Attributes, Dims, Reading, Rule


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


def conv(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
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
    reader.constant(reader.input(1), learned=not reader.input(1).endswith("buffer"))
    reader.emit(
        "conv", [reader.input(0), reader.input(1), bias or None], dims,
        stride=tuple(strides), padding=even(ends), dilation=tuple(dilations), groups=given.get("group", 1),
    )  # fmt: skip
    finish_bias(reader, following, bias, 2)


def conv_transpose(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
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
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
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
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        x = inputs[0].dims
        axes = tuple(range(2, len(x)))
        reader.emit(name, [reader.input(0)], (*x[:2], *(1 for _ in axes)), axes=axes, keep=True)

    return rule


def resize(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
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


def blocks(name: str) -> Rule:
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
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


OPS: Mapping[str, Rule] = {
    "AveragePool": pool("avg_pool"),
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "DepthToSpace": blocks("pixel_shuffle"),
    "GlobalAveragePool": global_pool("mean"),
    "GlobalMaxPool": global_pool("max"),
    "MaxPool": pool("max_pool"),
    "Resize": resize,
    "SpaceToDepth": blocks("pixel_unshuffle"),
    "Upsample": resize,
}
