"""Kinds of layers in a picture, each with a colour, and the labels of layers."""

from __future__ import annotations

import re
from functools import cache

from paramcalc.base.shape import Shape
from paramcalc.count.call import brief_text
from paramcalc.count.report import Row
from paramcalc.ops.base import Elementwise

# By the names of ops, the first that fits.
_NAMES = {
    "recurrent": r"lstm|gru|rnn",
    "conv": r"^conv",
    "attention": r"attention",
    "linear": r"^(bi)?linear$|^matmul$|^rbf$",
    "embedding": r"^(embedding|positions|class_token|parameter)$",
    "pool": r"_pool|^subsample$|^reduce_",
    "norm": r"_norm|^affine$|^layer_scale$",
    "join": r"^(add|concat|multiply|subtract)$",
}
IDS = ("length",)  # the axes of token ids
BODIES = ("recurrent", "conv", "attention", "linear", "embedding", "pool")  # kinds that boxes are drawn for


@cache
def _named(op: str) -> str:
    """The kind that an op's name tells, or ''."""
    return next((kind for kind, pattern in _NAMES.items() if re.search(pattern, op)), "")


def kind_of(row: Row) -> str:
    """The kind of a layer, one of `canvas.KINDS`."""
    if kind := _named(row.op):
        return kind
    if any(map(row.layer.op.contracts, row.weights)):
        return "linear"
    return "activation" if isinstance(row.layer.op, Elementwise) else "other"


def is_body(row: Row) -> bool:
    """Whether a layer is more than what follows a layer: normalization, activation, a change of shape."""
    return kind_of(row) in BODIES


def said(row: Row) -> str:
    """The layer's op on a label: `conv 3×3, 64`."""
    return times(brief_text(row.layer.op)).replace("conv_transpose ", "up-conv ")


def times(text: str) -> str:
    """A text with its sizes as products.

    >>> times("conv 3x3, 64"), times("max_pool2d")
    ('conv 3×3, 64', 'max_pool2d')
    """
    return re.sub(r"(?<=[0-9])x(?=[0-9])", "×", text)


def sizes(shape: Shape) -> str:
    return times(str(shape))


def entering(shape: Shape) -> str:
    """The sizes of an input; those of ids say what they are.

    >>> from paramcalc.base.shape import image
    >>> entering(image(3, 224, 224)), entering(Shape(IDS, (128,)))
    ('3×224×224', '128 tokens')
    """
    return f"{shape} token{'s' * (shape.dims != (1,))}" if shape.axes == IDS else sizes(shape)
