"""A network of Caffe: its inputs, its phases, and what each blob's name stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, Source
from paramcalc.base.shape import image
from paramcalc.importing.readers._layers import Layers, modules, only, unknown
from paramcalc.importing.readers._prototxt import Message, Scalar
from paramcalc.importing.readers._text import stem
from paramcalc.importing.source import SourceNetwork, Value

# What layers were called before their types became words (V1LayerParameter), where more than case differs.
OLD = {
    "INNER_PRODUCT": "InnerProduct", "SOFTMAX_LOSS": "SoftmaxWithLoss", "LRN": "LRN", "RELU": "ReLU", "TANH": "TanH",
    "BNLL": "BNLL", "ELTWISE": "Eltwise", "ABSVAL": "AbsVal", "IM2COL": "Im2col", "MVN": "MVN", "HDF5_DATA": "HDF5Data",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss", "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
}  # fmt: skip


DATA = {"Data", "ImageData", "HDF5Data", "MemoryData", "WindowData", "DummyData", "AnnotatedData", "Input"}


SILENT = {
    "Accuracy",
    "Silence",
    "ArgMax",
    "HDF5Output",
    "DetectionEvaluate",
}  # they give numbers about outputs


BOXES = {"PriorBox", "DetectionOutput"}  # boxes and their choice, without weights


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


class Reading:
    def __init__(
        self, text: Source, net: Message, sizes: Mapping[str, tuple[int, ...]], kinds: Mapping[str, Read]
    ) -> None:
        self.net, self.sizes, self.kinds = net, dict(sizes), kinds
        self.layers = Layers(text)
        self.now: dict[str, Value] = {}  # the value that a blob's name stands for
        self.read_by: set[Value] = set()
        self.losses: dict[str, tuple[float, list[Value]]] = {}  # by layer: its weight, and what it reads
        self.labels: set[str] = set()
        self.given: list[Layer] = []

    def network(self) -> SourceNetwork:
        self.declared()
        self.given = [layer for layer in self.written() if self.in_test(layer)]
        found = [*self.given]
        if not any(layer.type not in DATA for layer in found):
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
        self.now[name] = self.layers.input(word(name), image(sizes[0], *sizes[1:]))

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
            found.append(Layer(name, type_of(kind), bottoms, tops, inner))
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
        return layer.type in DATA and not any(
            other.type in DATA and other.tops[:1] == layer.tops[:1] and other is not layer
            for other in self.written()
        )

    def layer(self, layer: Layer, follows: Layer | None) -> int:
        """Reads a layer; how many of the next ones were part of it."""
        if layer.type in DATA:
            self.data(layer)
        elif layer.type.endswith("Loss"):
            self.loss(layer)
        elif layer.type in SILENT:
            return 0
        elif layer.type in BOXES or not layer.bottoms:
            self.left_out(layer)
        elif layer.type in self.kinds:
            if any(bottom in self.labels for bottom in layer.bottoms):
                self.left_out(layer)
                return 0
            values = [self.value(layer, bottom) for bottom in layer.bottoms]
            if None not in values:
                return self.kinds[layer.type](self, layer, [value for value in values if value], follows)
            self.labels |= {*layer.tops}
        else:
            fact, notes = unknown(layer.type, [*self.kinds], f"{layer.name}: the layer type")
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
            word(layer.tops[0] if layer.tops else layer.name),
            name,
            *given,
            inputs=read,
            modules=modules(word(layer.name), layer.type),
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

    def finished(self) -> SourceNetwork:
        """What no layer reads is an output, or, where its loss has less weight than another's, auxiliary."""
        made = [each for each in self.layers.shapes if each not in self.read_by | self.layers.inputs.keys()]
        most = max([weight for weight, _ in self.losses.values()], default=1)
        side = {
            word(name): values[0]
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


Read: TypeAlias = Callable[[Reading, Layer, list[Value], Layer | None], int]


def type_of(kind: str) -> str:
    """A type of layer in today's words.

    >>> type_of("INNER_PRODUCT"), type_of("CONVOLUTION"), type_of("data")
    ('InnerProduct', 'Convolution', 'Data')
    """
    if kind in OLD:
        return OLD[kind]
    return kind[:1].upper() + (kind[1:].lower() if kind.isupper() else kind[1:])


def word(name: str) -> str:
    """A name that a spec can have."""
    return "".join(char if char.isalnum() or char in "_-/" else "_" for char in name) or "layer"
