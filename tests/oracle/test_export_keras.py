"""The exported Keras source is run: its models have the params and the output shapes that we count."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from math import prod
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow" if find_spec("tensorflow") else "torch")
keras = pytest.importorskip("keras")

from paramcalc import load  # noqa: E402
from paramcalc.base.errors import Fault  # noqa: E402
from paramcalc.count.report import count  # noqa: E402
from paramcalc.engine.builder import Builder  # noqa: E402
from paramcalc.engine.graph import Graph  # noqa: E402
from paramcalc.export.keras import keras as export  # noqa: E402
from paramcalc.export.keras_layers import last  # noqa: E402
from tests.forward import Case, cases  # noqa: E402


def model(graph: Graph) -> Any:
    """The model, or None where an op has no counterpart."""
    try:
        text = export(graph)
    except Fault as fault:
        if not re.search(r"counterpart in Keras", str(fault)):
            raise
        return None
    space: dict[str, Any] = {}
    exec(compile(text, "exported", "exec"), space)
    return space["network"]()


def check(graph: Graph) -> bool:
    made = model(graph)
    if made is None:
        return False
    shapes = [tuple(one.shape[1:]) for one in made.outputs]
    assert shapes == [last(graph.shape(value)) for value in graph.outputs]
    assert sum(prod(one.shape) for one in made.trainable_weights) == count(graph).params
    return True


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.call} on {case.inputs}")
def test_each_op_has_the_weights_and_the_shape(case: Case) -> None:
    op, shapes = case.use()
    net = Builder()
    values = [net.input(f"in{place}", shape) for place, shape in enumerate(shapes)]
    check(net.build([net.add(op, values, "layer")]))


NETWORKS = (
    "lenet5-ng", "alexnet-2012", "vgg-16", "googlenet", "resnet-18", "resnet-50", "densenet-121", "mobilenet-v2-1.0",
    "mobilenet-v3-small", "efficientnet-b0", "unet", "vit-b16", "squeezenet-1.0", "xception", "inception-v3",
)  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_the_same_params(name: str) -> None:
    assert check(load(name).graph())


def test_source_reads_like_the_network() -> None:
    text = export(load("resnet-50").graph())
    assert "for index in range(1, 3):" in text
    assert 'layers.BatchNormalization(epsilon=1e-05, name=f"{name}_batch_norm")(x)' in text
