"""Caffe: the `.prototxt` of a network, to be trained or deployed, with the layers of all its versions.

A layer gives a blob by name, and a later one may give the same name again ("in place"): names stand for
the last value. Layers of the test phase are read, and heads that end in a loss of the training
phase as auxiliary outputs. BatchNorm followed by Scale is one batch_norm, which is how Caffe writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault
from paramcalc.base.errors import Source as Text
from paramcalc.base.shape import CHANNELS, image
from paramcalc.importing.readers._layers import Layers, exact, modules, only, unknown
from paramcalc.importing.readers._prototxt import Message, Scalar, parse
from paramcalc.importing.readers._text import stem, text_of
from paramcalc.importing.source import Source, Value

MEANING = "a network of Caffe"
EXAMPLE = "deploy.prototxt"

# What layers were called before their types became words (V1LayerParameter), where more than case differs.
_OLD = {
    "INNER_PRODUCT": "InnerProduct", "SOFTMAX_LOSS": "SoftmaxWithLoss", "LRN": "LRN", "RELU": "ReLU", "TANH": "TanH",
    "BNLL": "BNLL", "ELTWISE": "Eltwise", "ABSVAL": "AbsVal", "IM2COL": "Im2col", "MVN": "MVN", "HDF5_DATA": "HDF5Data",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss", "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
}  # fmt: skip
_DATA = {"Data", "ImageData", "HDF5Data", "MemoryData", "WindowData", "DummyData", "AnnotatedData", "Input"}
_SILENT = {
    "Accuracy",
    "Silence",
    "ArgMax",
    "HDF5Output",
    "DetectionEvaluate",
}  # they give numbers about outputs
_BOXES = {"PriorBox", "DetectionOutput"}  # boxes and their choice, without weights


class Layer(NamedTuple):
    """One layer of the file, in today's words."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Message

    @property
    def at(self) -> tuple[int, int]:
        return self.message.start, self.message.start + 1

    def settings(self, kind: str) -> Message:
        return self.message.message(f"{kind}_param")


def reads(source: str) -> bool:
    return source.endswith((".prototxt", ".pbtxt.caffe"))


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> Source:
    text = text_of(source)
    return _Reader(text, parse(text), inputs).network()


class _Reader:
    def __init__(self, text: Text, net: Message, sizes: Mapping[str, tuple[int, ...]]) -> None:
        self.net, self.sizes = net, dict(sizes)
        self.layers = Layers(text)
        self.now: dict[str, Value] = {}  # the value that a blob's name stands for
        self.read_by: set[Value] = set()
        self.losses: dict[str, tuple[float, list[Value]]] = {}  # by layer: its weight, and what it reads
        self.labels: set[str] = set()
        self.given: list[Layer] = []

    def network(self) -> Source:
        self.declared()
        self.given = [layer for layer in self.written() if self.in_test(layer)]
        found = [*self.given]
        if not any(layer.type not in _DATA for layer in found):
            raise Fault(f"{self.layers.text.name} has no layers", expected="layer { ... } of Caffe")
        place = 0
        while place < len(found):
            layer = found[place]
            follows = found[place + 1] if place + 1 < len(found) else None
            place += 1 + self.layer(layer, follows)
        return self.finished()

    # ------------------------------------------------------------------------------------- inputs

    def declared(self) -> None:
        """Inputs that the network declares outside of layers: `input` with its dims or shape."""
        names = [name.text for name in self.net.scalars("input")]
        dims = [self.whole(dim) for dim in self.net.scalars("input_dim")]
        shapes = [
            [self.whole(dim) for dim in shape.scalars("dim")] for shape in self.net.messages("input_shape")
        ]
        for number, name in enumerate(names):
            each = shapes[number] if number < len(shapes) else dims[4 * number : 4 * number + 4]
            self.input(name, each[1:])

    def input(self, name: str, dims: list[int]) -> None:
        given = self.sizes.get(name) or only(self.sizes)
        sizes = [*given] if given else dims
        if not sizes:
            raise Fault(
                f"{self.layers.text.name} does not say the sizes of its input '{name}'",
                fix="give them, without the batch, as in --input 3x224x224",
            )
        if min(sizes) < 1:
            raise Fault(f"the input '{name}' has a size below 1", found="x".join(map(str, sizes)))
        while len(sizes) > 1 and len(sizes) > 4:
            raise Fault(f"the input '{name}' has more than four axes", found="x".join(map(str, sizes)))
        self.now[name] = self.layers.input(_word(name), image(sizes[0], *sizes[1:]))

    def data(self, layer: Layer) -> None:
        """A layer that gives samples, and labels with them."""
        first, *labels = layer.tops or (layer.name,)
        self.labels |= {*labels}
        if first in self.now:
            return
        shape = layer.settings("input").message("shape") or layer.settings("dummy_data").message("shape")
        dims = [self.whole(dim) for dim in shape.scalars("dim")][1:]
        transform = layer.settings("transform")
        crop = [*transform.scalars("crop_size"), *layer.settings("data").scalars("crop_size")]
        channels = len(transform.scalars("mean_value"))
        memory = layer.settings("memory_data")
        if not dims and crop and channels > 1:
            dims = [channels, *[self.whole(crop[-1])] * 2]
        if not dims and memory.fields:
            dims = [
                self.whole(memory.scalars(name)[-1])
                for name in ("channels", "height", "width")
                if memory.scalars(name)
            ]
        self.input(first, dims)

    # ------------------------------------------------------------------------------------- layers

    def written(self) -> list[Layer]:
        found = []
        for message in self.net.messages("layer", "layers"):
            old = message.messages("layer")  # of the very first form, a layer inside a layer
            inner = Message((*message.fields, *(old[0].fields if old else ())), message.start, message.end)
            kind = inner.text("type")
            tops = tuple(top.text for top in inner.scalars("top"))
            name = inner.text("name") or (tops[0] if tops else kind.lower())
            bottoms = tuple(bottom.text for bottom in inner.scalars("bottom"))
            found.append(Layer(name, _type(kind), bottoms, tops, inner))
        return found

    def in_test(self, layer: Layer) -> bool:
        """Whether a layer belongs to the test phase, or to both."""
        rules = layer.message.messages("include")
        phases = [rule.text("phase") for rule in rules]
        if any(rule.text("phase") == "TEST" for rule in layer.message.messages("exclude")):
            return False
        if not rules or "TEST" in phases or not any(phases):
            return True
        # data of the training phase alone still says the sizes of the input
        return layer.type in _DATA and not any(
            other.type in _DATA and other.tops[:1] == layer.tops[:1] and other is not layer
            for other in self.written()
        )

    def layer(self, layer: Layer, follows: Layer | None) -> int:
        """Reads a layer; how many of the next ones were part of it."""
        if layer.type in _DATA:
            self.data(layer)
        elif layer.type.endswith("Loss"):
            self.loss(layer)
        elif layer.type in _SILENT:
            return 0
        elif layer.type in _BOXES or not layer.bottoms:
            self.left_out(layer)
        elif layer.type in _LAYERS:
            if any(bottom in self.labels for bottom in layer.bottoms):
                self.left_out(layer)
                return 0
            values = [self.value(layer, bottom) for bottom in layer.bottoms]
            if None not in values:
                return _LAYERS[layer.type](self, layer, [value for value in values if value], follows)
            self.labels |= {*layer.tops}
        else:
            fact, notes = unknown(layer.type, [*_LAYERS], f"{layer.name}: the layer type")
            raise self.layers.wrong(layer.at, fact, notes)
        return 0

    def value(self, layer: Layer, bottom: str) -> Value | None:
        if bottom in self.labels:
            return None
        if bottom not in self.now:
            names = [name for name in self.now if name.lower() == bottom.lower()]
            notes = (f"did you mean '{names[0]}'?",) if names else ()
            raise self.layers.wrong(
                layer.at, f"{layer.name} reads '{bottom}', which no layer before it gives", notes
            )
        return self.now[bottom]

    def left_out(self, layer: Layer) -> None:
        """A layer without weights that only arranges what others found: it and what reads it are not counted."""
        self.labels |= {*layer.tops}
        self.layers.remarks.append(
            f"{layer.name}: {layer.type} is left out: it has no weights, and is not counted"
        )

    def loss(self, layer: Layer) -> None:
        found = layer.message.scalars("loss_weight")
        weight = self.number(layer.message, "loss_weight", 1) if found else 1
        self.losses[layer.name] = weight, [self.now[bottom] for bottom in layer.bottoms if bottom in self.now]

    def add(
        self, layer: Layer, name: str, *given: Any, inputs: list[Value] | None = None, **named: Any
    ) -> Value:
        """Adds an op for the layer; its first blob then stands for the value."""
        read = inputs if inputs is not None else [self.now[bottom] for bottom in layer.bottoms]
        self.read_by |= {*read}
        weights = dict(zip(("weight", "bias"), self.blobs(layer), strict=False))
        value = self.layers.add(
            _word(layer.tops[0] if layer.tops else layer.name),
            name,
            *given,
            inputs=read,
            modules=modules(_word(layer.name), layer.type),
            at=layer.at,
            weights=weights,
            **named,
        )
        for top in layer.tops[:1] or (layer.name,):
            self.now[top] = value
        return value

    def blobs(self, layer: Layer) -> tuple[str, str]:
        """The names of a layer's weights: its own, or those of `param`, which layers share."""
        names = [param.text("name") for param in layer.message.messages("param")]
        names += [param.text for param in layer.message.scalars("param")]
        each = [names[place] if place < len(names) else "" for place in (0, 1)]
        return each[0] or f"{layer.name}.0", each[1] or f"{layer.name}.1"

    def finished(self) -> Source:
        """What no layer reads is an output, or, where its loss has less weight than another's, auxiliary."""
        made = [each for each in self.layers.shapes if each not in self.read_by | self.layers.inputs.keys()]
        most = max([weight for weight, _ in self.losses.values()], default=1)
        side = {
            _word(name): values[0]
            for name, (weight, values) in self.losses.items()
            if weight < most and values and values[0] in made
        }
        outputs = {value: value for value in made if value not in side.values()}
        name = self.net.text("name") or stem(self.layers.text.name)
        return self.layers.source(name, f"{PurePath(self.layers.text.name).name}, of Caffe", outputs, side)

    # ------------------------------------------------------------------------------------- numbers

    def whole(self, value: Scalar) -> int:
        try:
            number = int(value.text, 0)
        except ValueError:
            number = -1
        if not 0 <= number < 2**40:
            raise self.layers.wrong(value[1:], f"'{value.text}' is not a size")
        return number

    def integer(self, settings: Message, name: str, default: int) -> int:
        found = settings.scalars(name)
        return int(found[-1].text) if found and found[-1].text.lstrip("-").isdecimal() else default

    def number(self, settings: Message, name: str, default: float) -> float:
        found = settings.scalars(name)
        try:
            return float(found[-1].text) if found else default
        except ValueError:
            raise self.layers.wrong(found[-1][1:], f"'{found[-1].text}' is not a number") from None

    def flag(self, settings: Message, name: str, default: bool) -> bool:
        return settings.text(name, str(default).lower()) == "true"

    def required(self, layer: Layer, settings: Message, name: str) -> int:
        found = settings.scalars(name)
        if not found:
            raise self.layers.wrong(layer.at, f"{layer.name} has no {name}")
        return self.whole(found[-1])

    def per_axis(self, settings: Message, name: str, short: str, rank: int, default: int) -> tuple[int, ...]:
        """A size for each axis: `kernel_size` once or for each, or `kernel_h` and `kernel_w`."""
        if settings.scalars(f"{short}_h") or settings.scalars(f"{short}_w"):
            return tuple(self.integer(settings, f"{short}_{axis}", default) for axis in "hw")
        found = [self.whole(value) for value in settings.scalars(name)] or [default]
        return tuple(found * rank if len(found) == 1 else found)


def _type(kind: str) -> str:
    """A type of layer in today's words.

    >>> _type("INNER_PRODUCT"), _type("CONVOLUTION"), _type("data")
    ('InnerProduct', 'Convolution', 'Data')
    """
    if kind in _OLD:
        return _OLD[kind]
    return kind[:1].upper() + (kind[1:].lower() if kind.isupper() else kind[1:])


def _word(name: str) -> str:
    """A name that a spec can have."""
    return "".join(char if char.isalnum() or char in "_-/" else "_" for char in name) or "layer"


# -------------------------------------------------------------------------------------------- one by one

_Read: TypeAlias = Callable[[_Reader, Layer, list[Value], Layer | None], int]


def _rank(reader: _Reader, value: Value) -> int:
    return len(reader.layers.shapes[value].space)


def _convolution(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("convolution")
    rank = max(1, _rank(reader, inputs[0]))
    transposed = layer.type == "Deconvolution"
    kernel = reader.per_axis(settings, "kernel_size", "kernel", rank, 0)
    if min(kernel) < 1:
        raise reader.layers.wrong(layer.at, f"{layer.name} has no kernel_size")
    named = {
        "stride": reader.per_axis(settings, "stride", "stride", rank, 1),
        "padding": reader.per_axis(settings, "pad", "pad", rank, 0),
        "dilation": reader.per_axis(settings, "dilation", "dilation", rank, 1),
        "groups": reader.integer(settings, "group", 1),
        "bias": reader.flag(settings, "bias_term", True),
    }
    out = reader.required(layer, settings, "num_output")
    if layer.type == "DepthwiseConvolution":
        named["groups"] = reader.layers.shapes[inputs[0]].channels
    name = f"conv{'_transpose' if transposed else ''}{rank}d"
    for value, top in zip(inputs, layer.tops, strict=False):  # several pairs share the weights
        reader.add(layer._replace(tops=(top,)), name, out, kernel, inputs=[value], **named)
    return 0


def _pooling(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("pooling")
    largest = settings.text("pool", "MAX") in ("MAX", "0")
    if settings.text("pool") in ("STOCHASTIC", "2"):
        raise reader.layers.wrong(layer.at, f"{layer.name}: stochastic pooling has no counterpart here")
    shape = reader.layers.shapes[inputs[0]]
    kernel = reader.per_axis(settings, "kernel_size", "kernel", 2, 0)
    stride = reader.per_axis(settings, "stride", "stride", 2, 1)
    pad = reader.per_axis(settings, "pad", "pad", 2, 0)
    if reader.flag(settings, "global_pooling", False):
        kernel, stride, pad = tuple(shape.space), (1, 1), (0, 0)
    if min(kernel) < 1:
        raise reader.layers.wrong(layer.at, f"{layer.name} has no kernel_size")
    name = "max_pool2d" if largest else "avg_pool2d"
    if kernel == shape.space and not any(pad):
        kind = "global_max_pool" if largest else "global_avg_pool"
        reader.add(layer, f"adaptive_{'max' if largest else 'avg'}_pool2d" if _kept(reader, layer) else kind,
                   *([1] if _kept(reader, layer) else []))  # fmt: skip
        return 0
    up = settings.text("round_mode", "CEIL") in ("CEIL", "0") and settings.text("ceil_mode") != "false"
    exact = all(
        (size + 2 * p - k) % s == 0 for size, k, s, p in zip(shape.space, kernel, stride, pad, strict=True)
    )
    rounded: dict[str, Any] = {"ceil_mode": True} if up and not exact else {}
    reader.add(layer, name, kernel, stride, pad, **rounded)
    return 0


def _kept(reader: _Reader, layer: Layer) -> bool:
    """Whether what reads a 1x1 image needs it to be one: a convolution, or anything but a matrix."""
    vectors = {"InnerProduct", "Softmax", "Flatten", "Dropout", "SoftmaxWithLoss"}
    tops = {*layer.tops}
    readers = [other for other in reader.given if tops & {*other.bottoms} and other.type not in _SILENT]
    return not readers or any(other.type not in vectors for other in readers)


def _inner_product(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("inner_product")
    value = _flat(reader, layer, inputs[0])
    bias = reader.flag(settings, "bias_term", True)
    reader.add(layer, "linear", reader.required(layer, settings, "num_output"), bias=bias, inputs=[value])
    return 0


def _flat(reader: _Reader, layer: Layer, value: Value) -> Value:
    """The value as a vector."""
    if reader.layers.shapes[value].axes == (CHANNELS,):
        return value
    reader.read_by.add(value)
    around = modules(_word(layer.name), layer.type)[:-1]
    return reader.layers.add(f"{value}_flat", "flatten", inputs=[value], modules=around, at=layer.at)


def _batch_norm(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    """With the Scale that follows it, whose weights are those of the norm."""
    settings = layer.settings("batch_norm")
    bn = layer.type == "BN"
    eps = reader.number(layer.settings("bn") if bn else settings, "eps", 1e-5)
    scale = bool(follows and follows.type == "Scale" and follows.bottoms == layer.tops[:1]) and not bn
    taken = follows if scale and follows else layer
    affine = bn or scale
    if scale and not reader.flag(taken.settings("scale"), "bias_term", False):
        affine = scale = False
    weights = {"running_mean": f"{layer.name}.0", "running_var": f"{layer.name}.1"}
    weights |= {"weight": f"{taken.name}.0", "bias": f"{taken.name}.1"} if affine else {}
    top = (taken if scale else layer).tops[0]
    reader.read_by.add(inputs[0])
    reader.now[top] = reader.layers.add(
        _word(top), "batch_norm", inputs=inputs[:1], modules=modules(_word(layer.name), layer.type), at=layer.at,
        weights=weights, eps=exact(eps), affine=affine,
    )  # fmt: skip
    return int(scale)


def _scale(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("scale")
    if len(inputs) == 2:
        reader.add(layer, "multiply", inputs=inputs)
    elif reader.flag(settings, "bias_term", False):
        reader.add(layer, "affine")
    else:
        reader.add(layer, "layer_scale")
    return 0


def _eltwise(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("eltwise")
    kind = settings.text("operation", "SUM")
    factors = [float(value.text) for value in settings.scalars("coeff")]
    if kind in ("MAX", "2"):
        name = "maximum"
    elif kind in ("PROD", "0"):
        name = "multiply"
    elif factors == [1, -1]:
        name = "subtract"
    elif not factors or {*factors} == {1}:
        name = "add"
    else:
        inputs = [
            reader.layers.add(f"{layer.name}_{place}", "scale", exact(factor), inputs=[value],
                              modules=modules(_word(layer.name), layer.type), at=layer.at)
            for place, (value, factor) in enumerate(zip(inputs, factors, strict=False))
        ]  # fmt: skip
        name = "add"
    reader.add(layer, name, inputs=inputs)
    return 0


def _concat(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("concat")
    axis = reader.integer(settings, "axis", reader.integer(settings, "concat_dim", 1))
    if len(inputs) == 1:
        reader.now[layer.tops[0]] = inputs[0]
        return 0
    reader.add(layer, "concat", axis=_axis(reader, layer, inputs[0], axis), inputs=inputs)
    return 0


def _axis(reader: _Reader, layer: Layer, value: Value, number: int) -> str:
    """The name of an axis that is counted with the batch before it."""
    axes = reader.layers.shapes[value].axes
    place = number - 1 if number > 0 else number + len(axes)
    if not 0 <= place < len(axes) or number == 0:
        raise reader.layers.wrong(layer.at, f"{layer.name} works on axis {number}, which its input has not")
    return axes[place]


def _slice(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("slice")
    axis = _axis(
        reader, layer, inputs[0], reader.integer(settings, "axis", reader.integer(settings, "slice_dim", 1))
    )
    size = reader.layers.shapes[inputs[0]].size(axis)
    points = [reader.whole(point) for point in settings.scalars("slice_point")]
    if not points:
        points = [size * place // len(layer.tops) for place in range(1, len(layer.tops))]
    for top, start, stop in zip(layer.tops, [0, *points], [*points, size], strict=False):
        reader.add(layer._replace(tops=(top,), name=top), "slice", axis, start, stop, inputs=inputs)
    return 0


def _split(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.now |= dict.fromkeys(layer.tops, inputs[0])
    return 0


def _flatten(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    if reader.layers.shapes[inputs[0]].axes == (CHANNELS,):
        return _split(reader, layer, inputs, follows)
    reader.add(layer, "flatten")
    return 0


def _permute(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    axes = reader.layers.shapes[inputs[0]].axes
    order = [reader.whole(value) - 1 for value in layer.settings("permute").scalars("order")][1:]
    order += [place for place in range(len(axes)) if place not in order]
    reader.add(layer, "permute", tuple(axes[place] for place in order if 0 <= place < len(axes)))
    return 0


def _reshape(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    shape = reader.layers.shapes[inputs[0]]
    dims = [int(value.text) for value in layer.settings("reshape").message("shape").scalars("dim")][1:]
    sizes = [shape.dims[place] if dim == 0 else dim for place, dim in enumerate(dims)]
    if len(sizes) == 2:  # rows of so many values: the channels are last
        reader.add(layer, "reshape", tuple(sizes), ("length", CHANNELS))
    else:
        reader.add(layer, "reshape", tuple(sizes))
    return 0


def _softmax(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    axis = _axis(reader, layer, inputs[0], reader.integer(layer.settings("softmax"), "axis", 1))
    named: dict[str, Any] = {} if axis == CHANNELS else {"axis": axis}
    reader.add(layer, "softmax", **named)
    return 0


def _response_norm(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("lrn")
    if settings.text("norm_region") in ("WITHIN_CHANNEL", "1"):
        raise reader.layers.wrong(
            layer.at, f"{layer.name}: a response norm within channels has no counterpart here"
        )
    defaults = {"alpha": 1, "beta": 0.75, "k": 1}
    named: dict[str, Any] = {
        name: exact(reader.number(settings, name, default)) for name, default in defaults.items()
    }
    reader.add(layer, "local_response_norm", reader.integer(settings, "local_size", 5), **named)
    return 0


def _power(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    """(shift + scale * x) ** power, where one of them is at work."""
    settings = layer.settings("power")
    power, scale, shift = (
        reader.number(settings, name, default) for name, default in (("power", 1), ("scale", 1), ("shift", 0))
    )
    if power == 1 and shift == 0:
        return (
            _split(reader, layer, inputs, follows)
            if scale == 1
            else _plain("scale", exact(scale))(reader, layer, inputs, follows)
        )
    if power == 2 and scale == 1 and shift == 0:
        return _plain("square")(reader, layer, inputs, follows)
    raise reader.layers.wrong(layer.at, f"{layer.name}: (shift + scale*x)**power has no counterpart here")


def _normalize(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    """SSD's layer: each position at unit length over the channels, times a learned factor of each."""
    settings = layer.settings("norm")
    if reader.flag(settings, "across_spatial", True) or reader.flag(settings, "channel_shared", True):
        raise reader.layers.wrong(layer.at, f"{layer.name}: a norm across positions has no counterpart here")
    # unit length is a root mean square of sqrt(channels): the weight differs by that factor
    reader.add(layer, "rms_norm", eps=exact(reader.number(settings, "eps", 1e-10)))
    reader.layers.remarks.append(
        f"{layer.name}: counted as rms_norm, whose weight is that of Normalize divided by the root of its channels"
    )
    return 0


def _relu(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    slope = reader.number(layer.settings("relu"), "negative_slope", 0)
    return (
        _plain("leaky_relu", exact(slope))(reader, layer, inputs, follows)
        if slope
        else _plain("relu")(reader, layer, inputs, follows)
    )


def _prelu(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    shared = reader.flag(layer.settings("prelu"), "channel_shared", False)
    reader.add(layer, "prelu", 1 if shared else reader.layers.shapes[inputs[0]].channels)
    return 0


def _dropout(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.add(layer, "dropout", exact(reader.number(layer.settings("dropout"), "dropout_ratio", 0.5)))
    return 0


def _elu(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    alpha = reader.number(layer.settings("elu"), "alpha", 1)
    return _plain("elu", *([] if alpha == 1 else [exact(alpha)]))(reader, layer, inputs, follows)


def _crop(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    settings = layer.settings("crop")
    axis = reader.integer(settings, "axis", 2)
    shape, like = (reader.layers.shapes[value] for value in inputs)
    offsets = [reader.whole(value) for value in settings.scalars("offset")] or [0]
    cut = shape.axes[axis - 1 :]
    starts = offsets * len(cut) if len(offsets) == 1 else offsets
    ends = tuple(
        (start, shape.size(name) - like.size(name) - start) for name, start in zip(cut, starts, strict=False)
    )
    if CHANNELS in cut or any(end < 0 for pair in ends for end in pair):
        raise reader.layers.wrong(layer.at, f"{layer.name}: this crop has no counterpart here")
    reader.read_by.add(inputs[1])
    reader.add(layer, "crop", ends, inputs=inputs[:1])
    return 0


def _upsample(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.add(layer, "upsample", reader.integer(layer.settings("upsample"), "scale", 2), inputs=inputs[:1])
    return 0


def _shuffle(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    reader.add(layer, "channel_shuffle", reader.integer(layer.settings("shuffle_channel"), "group", 1))
    return 0


def _embed(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
    raise reader.layers.wrong(layer.at, f"{layer.name}: embeddings of Caffe have no counterpart here")


def _plain(name: str, *given: object) -> _Read:
    """An op that needs nothing from the layer but, perhaps, the same values for all."""

    def read(reader: _Reader, layer: Layer, inputs: list[Value], follows: Layer | None) -> int:
        reader.add(layer, name, *given)
        return 0

    return read


_LAYERS: dict[str, _Read] = {
    "AbsVal": _plain("abs"),
    "BNLL": _plain("softplus"),
    "BN": _batch_norm,
    "BatchNorm": _batch_norm,
    "Concat": _concat,
    "Convolution": _convolution,
    "ConvolutionDepthwise": _convolution,
    "Crop": _crop,
    "Deconvolution": _convolution,
    "DepthwiseConvolution": _convolution,
    "Dropout": _dropout,
    "ELU": _elu,
    "Eltwise": _eltwise,
    "Exp": _plain("exp"),
    "Flatten": _flatten,
    "InnerProduct": _inner_product,
    "LRN": _response_norm,
    "Normalize": _normalize,
    "PReLU": _prelu,
    "Permute": _permute,
    "Pooling": _pooling,
    "Power": _power,
    "ReLU": _relu,
    "ReLU6": _plain("relu6"),
    "Reshape": _reshape,
    "Scale": _scale,
    "ShuffleChannel": _shuffle,
    "Sigmoid": _plain("sigmoid"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "TanH": _plain("tanh"),
    "Upsample": _upsample,
}
