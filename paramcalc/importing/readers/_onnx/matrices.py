"""Matrix products, and norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.importing.readers._onnx.biases import bias_after, finish_bias
from paramcalc.importing.readers._onnx.state import Attributes, Constant, Data, Reading, Rule, axis_of, spread


def gemm(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
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


def matmul(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
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


def batch_norm(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    """With the factor and the bias of each channel that follow one that has none, as Caffe's Scale does."""
    names = [reader.input(place) for place in range(1, 5)]
    dims, result = inputs[0].dims, reader.here.outputs[0]
    factor = reader.only_reader(result)
    shift = reader.only_reader(factor.outputs[0]) if factor is not None and factor.kind == "Mul" else None
    if factor is not None and shift is not None and shift.kind == "Add":
        scale = bias_after(reader, factor, dims, 1)
        bias = bias_after(reader, shift, dims, 1, factor.outputs[0])
        if (
            scale
            and bias
            and all(filled(reader, name, number) for name, number in zip(names[:2], (1, 0), strict=True))
        ):
            for name in names[:2]:
                reader.constant(name, learned=False)
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


def filled(reader: Reading, name: str, number: float) -> bool:
    """Whether a constant is full of this number, or stands for one that the file leaves out."""
    value = reader.values[name]
    return name in reader.blank or (
        isinstance(value, Constant) and value.numbers is not None and bool((value.numbers == number).all())
    )


def instance_norm(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    reader.emit("instance_norm", [reader.input(place) for place in range(3)], inputs[0].dims,
                groups=0, eps=given.get("epsilon", 1e-5))  # fmt: skip


def group_norm(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    reader.emit("group_norm", [reader.input(place) for place in range(3)], inputs[0].dims,
                groups=given.get("num_groups"), eps=given.get("epsilon", 1e-5))  # fmt: skip


def last_norm(name: str) -> Rule:
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        rank = len(inputs[0].dims)
        axes = rank - axis_of(given.get("axis", -1), rank)
        reads = [reader.input(place) or None for place in range(3 if name == "layer_norm" else 2)]
        reader.emit(name, reads, inputs[0].dims, axes=axes, eps=given.get("epsilon", 1e-5))

    return rule


def response_norm(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
    reader.emit("local_response_norm", [reader.input(0)], inputs[0].dims, size=given.get("size"),
                alpha=given.get("alpha", 1e-4), beta=given.get("beta", 0.75), k=given.get("bias", 1.0))  # fmt: skip


def softmax(name: str) -> Rule:
    def rule(reader: Reading, given: Attributes, inputs: list[Any]) -> None:
        dims = inputs[0].dims
        axis = axis_of(given.get("axis", -1 if reader.version >= 13 else 1), len(dims))
        reader.emit(name, [reader.input(0)], dims, axis=axis)

    return rule


OPS: Mapping[str, Rule] = {
    "BatchNormalization": batch_norm,
    "Gemm": gemm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LRN": response_norm,
    "LayerNormalization": last_norm("layer_norm"),
    "LogSoftmax": softmax("log_softmax"),
    "MatMul": matmul,
    "RMSNormalization": last_norm("rms_norm"),
    "Softmax": softmax("softmax"),
}
