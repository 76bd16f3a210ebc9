"""What a reader hands to the back end: a network as its source has it, in plain data.

A source is a list of nodes in an order in which they can be computed. Each gives one value, by name,
and reads values: inputs of the network, weights, values of nodes before it, or plain numbers. The call
of a node is either

- an `Op` of ours, where the source knows layers (Caffe, Darknet, Keras): `attributes.op("conv2d", 64, 3)`.
  It reads tensors without their batch, in our order of axes; its weights are given by `weights`, from
  our name of each to the source's. Shapes follow from the ops.

- or a `Primitive`, where the source knows arithmetic (PyTorch, ONNX): the name of an operation, with
  attributes by name. It reads arrays with their batch, which is 1, and says the sizes of what it gives;
  weights are inputs like others. The back end finds the ops that such operations amount to.

Both may occur in one source. Nodes of one layer, of a block or of a stage have the modules in common
in which they were called; a source without modules leaves them out, and equal parts are still found.

Primitives and their attributes; all axes are numbers from 0, of arrays with the batch, none negative:

    linear(x, weight, bias?)            transposed: the weight is in x out, not out x in
    conv(x, weight, bias?)              stride, padding, dilation: one for each axis; padding a number, a pair
                                        (before, after) or the word same; groups
    conv_transpose(x, weight, bias?)    the same, and output_padding
    batch_norm(x, weight?, bias?, mean, variance)     eps; those absent are None
    layer_norm, rms_norm(x, weight?, bias?)           axes: how many at the end; eps, None: the type's
    group_norm, instance_norm(x, weight?, bias?)      groups; eps
    local_response_norm(x)              size, alpha, beta, k
    attention(query, key, value, mask?) scale, None: 1/sqrt of the last size; causal; ... x heads x length x size
    embedding(ids, weight)
    lstm, gru, rnn(x)                   layers, bidirectional, batch_first; result, 0: all steps, 1: last state;
                                        weights: from PyTorch's name of each to the weight; activation, of rnn
    add, subtract, multiply, divide, maximum, minimum(x, y)    spread as in NumPy; one may be a number
    scale(x)                            factor, offset: numbers
    matmul(x, y)                        over the last two axes; others spread
    power(x, exponent)                  a number
    relu, relu6, sigmoid, tanh, silu, mish, elu, selu, softplus, hard_sigmoid, hard_swish,
    exp, log, sqrt, rsqrt, erf, abs, negative, square(x)
    gelu(x)                             approximate: none or tanh
    leaky_relu(x)                       slope
    prelu(x, weight)
    clip(x)                             low, high: numbers or None
    softmax, log_softmax(x)             axis
    dropout(x)                          p
    max_pool, avg_pool(x)               kernel, stride, padding, dilation: one for each axis; ceil_mode;
                                        count_include_pad
    adaptive_avg_pool, adaptive_max_pool(x)           sizes
    mean, sum, max, min, variance, norm(x)            axes; keep: whether they stay with size 1
    reshape(x)                          the sizes of the node say it; squeeze, flatten, view are this too
    permute(x)                          axes: in the new order
    expand(x)                           the sizes of the node say it
    concat(x, y, ...)                   axis
    slice(x)                            axis, start, stop, step; a split is one for each part that is read
    pad(x)                              amounts: a pair for each axis; mode; value
    upsample(x)                         mode: nearest, bilinear, bicubic; align_corners; the sizes say the rest
    pixel_shuffle, pixel_unshuffle(x)   factor
    roll(x)                             shifts, axes
    index, gather(x, ids)               axis
    argmax(x)                           axis, which goes
    equal(ids, number)                  where ids are this one; only for argmax, which finds the first of them
    pick(x, ids)                        of batch x length x channels the position that the only id says
    pass(x)                             casts, copies: what changes no number

Any other name is allowed, and is what the operation is called in the source: of use as long as no
input of the network reaches it (masks, positions), and else named to the user as what has no counterpart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.shape import Shape
from paramcalc.ops.base import Op

Value: TypeAlias = str  # the name of an input, a weight, or a node
Dims: TypeAlias = tuple[int, ...]


class Primitive(NamedTuple):
    """An operation on arrays, and its attributes by name."""

    name: str
    attributes: Mapping[str, Any] = {}


class Module(NamedTuple):
    """A part of the source that its author named: its whole path, such as `layer1.0.conv1`, and its class.

    A second call of the same module has another path: `layer1.0.conv1@1`.
    """

    path: str
    kind: str = ""


class SourceNode(NamedTuple):
    """One call. `modules` are those in which it occurred, from the outside in, without the network itself."""

    value: Value
    call: Op | Primitive
    inputs: tuple[Value | float | None, ...]
    dims: Dims = ()  # of the value, with the batch; only of a primitive
    modules: tuple[Module, ...] = ()
    weights: Mapping[str, str] = {}  # only of an op: the source's name of each weight and buffer
    place: str = ""  # where the source has it, for remarks: a line of code or of a file


class Weight(NamedTuple):
    """An array that the source stores. `learned` ones are parameters, others are buffers and constants.

    `numbers` are those of a constant small enough to matter as such: an epsilon, a scale.
    `tied` is the name of the weight of which this one is another name. `stored` is what a file calls
    it, and what is taken of that array, as `base/origins.py` writes it, where that is something else.
    """

    dims: Dims
    learned: bool = True
    numbers: float | tuple[float, ...] | None = None
    tied: str = ""
    stored: str = ""


class Proof(NamedTuple):
    """What the source itself says of its network, for `--prove`.

    `of` is what speaks, as in "counted in the file". `macs` are multiply-accumulates of what an input
    reaches, that `seen` counts. `run` gives the outputs, in order, for inputs by the source's names with
    a batch of 1. `arrays` gives the numbers of a weight, or of a value that depends on weights alone, by
    its name; without it, they are in the file `path`, and so many as are stored there are the params.
    What cannot be had is None, and `unproved` says why.
    """

    of: str
    params: int | None = None
    macs: int | None = None
    seen: str = ""
    arrays: Callable[[str], Any] | None = None
    run: Callable[[Mapping[str, Any]], Sequence[Any]] | None = None
    path: str = ""
    unproved: tuple[str, ...] = ()


class SourceNetwork(NamedTuple):
    """A network as it was read. `note` says in a line where it comes from; `remarks` are for the user.

    `auxiliary` are outputs that exist in training only: heads whose loss helps the layers before them.
    `numbers` gives those of a value that depends on sizes alone, such as a mask, or None.
    """

    name: str
    note: str
    inputs: Mapping[str, Shape]
    nodes: tuple[SourceNode, ...]
    outputs: Mapping[str, Value]
    weights: Mapping[str, Weight]
    remarks: tuple[str, ...] = ()
    proof: Callable[[], Proof] | None = None
    auxiliary: Mapping[str, Value] = {}
    numbers: Callable[[Value], Any] | None = None
