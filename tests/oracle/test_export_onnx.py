"""ONNX's own checker and shape inference read the exported files, and its runtime gives the recorded numbers."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import numpy as np
import pytest

from paramcalc import Model
from paramcalc.base.errors import Fault
from paramcalc.count.report import count
from paramcalc.engine.builder import Builder
from paramcalc.engine.graph import Graph
from paramcalc.engine.library import bundled_models
from paramcalc.export.onnx import onnx as export
from tests.forward import Case, cases, summed

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
REFUSED = re.compile("no counterpart in ONNX")


def file(graph: Graph, batch: int = 1) -> bytes:
    """The file, or nothing where an op has no counterpart."""
    try:
        return export(graph, batch)
    except Fault as fault:
        if not REFUSED.search(str(fault)):
            raise
        return b""


def sizes(info: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.call} on {case.inputs}")
def test_each_op_gives_the_recorded_numbers(case: Case) -> None:
    op, shapes = case.use()
    net = Builder()
    values = [net.input(f"in{place}", shape) for place, shape in enumerate(shapes)]
    data = file(net.build([net.add(op, values, "layer")]), batch=2)
    if not data or not shapes:
        return
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    inputs, weights = case.arrays()
    given = dict(zip((f"in{place}" for place in range(len(inputs))), inputs, strict=True))
    given |= {f"layer.{name}": array for name, array in weights.items()}
    kinds = {one.name: np.int64 if "int64" in one.type else np.float32 for one in session.get_inputs()}
    (y,) = session.run(None, {name: np.asarray(given[name], kinds[name]) for name in kinds})
    (shape, *ours), (other, *theirs) = case.sums.split(), summed(y).split()
    assert shape == other
    assert np.allclose([*map(float, ours)], [*map(float, theirs)], rtol=2e-4, atol=2e-3)


def test_the_checker_and_shape_inference_agree_with_the_counts() -> None:
    """Every size that ONNX infers is ours, and the weights are as many, in all bundled models that it can say."""
    wrong, said = [], 0
    for name, spec in bundled_models():
        graph = Model(spec, name).graph()
        data = file(graph)
        if not data:
            continue
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        found = {one.name: sizes(one)[1:] for one in inferred.graph.value_info}
        found |= {one.name: sizes(one)[1:] for one in inferred.graph.output}
        other = [
            layer.path
            for layer in graph.layers
            if found.get(layer.path, layer.output.dims) != layer.output.dims
        ]
        weights = [
            one for one in model.graph.input if one.name not in graph.inputs and ".running_" not in one.name
        ]
        if other or sum(prod(sizes(one)) for one in weights) != count(graph).params:
            wrong.append((name, other))
        said += 1
    assert not wrong
    assert said > 300
