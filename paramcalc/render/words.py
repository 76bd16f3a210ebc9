"""Words that drawings share: which network, on what input, and how sizes and folded lines are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from paramcalc.base.shape import CHANNELS, Shape

MAIN = ("params", "macs", "flops")
TITLES = {
    "macs": "MACs",
    "flops": "FLOPs",
    "contraction_activations": "contraction activations",
    "active_params": "active params",
    "memory": "params + outputs",
}
FOLDED = "x N: sum of N identical blocks; indented lines show one of them"
NARROW = "widen the terminal or use --columns"
JOINED = "line =: the join of the branches above it"


class Network(Protocol):
    """The description of a network in a drawing: model, settings, inputs."""

    @property
    def spec(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def settings(self) -> Sequence[str]: ...


def title(network: Network) -> str:
    """The model and what was set: which network the numbers are about."""
    same = network.model == network.spec
    return ", ".join([network.model if same else f"{network.model} ({network.spec})", *network.settings])


def inputs(shapes: Mapping[str, Shape]) -> str:
    """The inputs and their sizes: `input 3x224x224`."""
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())


def dims(shape: Shape, layout: str = "nchw") -> str:
    """Sizes separated by spaces, channels last on request.

    >>> from paramcalc.base.shape import image
    >>> dims(image(64, 112, 112), "nhwc")
    '112 x 112 x 64'
    """
    if layout == "nhwc" and CHANNELS in shape.axes:
        return " x ".join(str(dim) for dim in (*shape.space, shape.channels))
    return " x ".join(str(dim) for dim in shape.dims)


def folded(name: str, times: int) -> str:
    """The name of a line that represents several equal neighbours."""
    return f"{name} x {times}" if times > 1 else name
