"""Darknet: the `.cfg` of a network, sections that are numbered from 0 after [net]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import PurePath
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, Source
from paramcalc.base.shape import image
from paramcalc.importing.readers._layers import Layers, unknown
from paramcalc.importing.readers._text import stem, text_of
from paramcalc.importing.source import SourceNetwork, Value
from paramcalc.ops._window import same_padding

MEANING = "a network of Darknet"
EXAMPLE = "yolov3.cfg"
MOST_SECTIONS = 100_000

_ACTIVATIONS: dict[str, tuple[Any, ...]] = {
    "leaky": ("leaky_relu", Fraction(1, 10)), "relu": ("relu",), "relu6": ("relu6",), "logistic": ("sigmoid",),
    "tanh": ("tanh",), "elu": ("elu",), "selu": ("selu",), "mish": ("mish",), "swish": ("silu",),
    "gelu": ("gelu", "tanh"), "linear": (),
}  # fmt: skip
_EPS = Fraction(1, 10**6)  # .000001f beside the root of the variance, in Darknet's normalize_cpu


class Section(NamedTuple):
    """A section's name, its settings with the place of each, and its own place."""

    kind: str
    settings: dict[str, tuple[str, int, int]]
    start: int
    end: int

    @property
    def at(self) -> tuple[int, int]:
        return self.start, self.end


def reads(source: str) -> bool:
    return source.endswith(".cfg")


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> SourceNetwork:
    text = text_of(source)
    return _Reader(text, _sections(text), inputs).network()


def _sections(text: Source) -> list[Section]:
    found: list[Section] = []
    place = 0
    for line in text.text.splitlines(keepends=True):
        start, place = place, place + len(line)
        words = line.split("#")[0].split(";")[0].strip()
        if not words:
            continue
        start += line.index(words[0])
        end = start + len(words)
        if words.startswith("["):
            if not words.endswith("]"):
                raise Layers(text).wrong(
                    (start, end), "this section is never closed: the file may be cut off"
                )
            found.append(Section(words[1:-1].strip(), {}, start, end))
            if len(found) > MOST_SECTIONS:
                raise Layers(text).wrong((start, end), f"the file has more than {MOST_SECTIONS:,} sections")
            continue
        name, equals, value = words.partition("=")
        if not equals or not found:
            fact = (
                "a setting comes before the first section"
                if equals
                else "this is neither a section nor a setting"
            )
            raise Layers(text).wrong((start, end), fact, ("expected: [section], or name=value",))
        found[-1].settings[name.strip()] = value.strip(), start, end
    if not found or found[0].kind not in ("net", "network"):
        raise Layers(text).wrong((0, 1), "a network of Darknet begins with [net]")
    return found


class _Reader:
    def __init__(self, text: Source, sections: list[Section], sizes: Mapping[str, tuple[int, ...]]) -> None:
        self.layers = Layers(text)
        self.net, *self.sections = sections
        self.given = next(iter(sizes.values()), ())
        self.values: list[Value] = []  # of each section
        self.outputs: dict[Value, None] = {}
        self.at = 0

    def network(self) -> SourceNetwork:
        value = self.layers.input("input", image(*self.sizes()))
        for number, section in enumerate(self.sections):
            self.at = number
            if section.kind not in _SECTIONS:
                fact, notes = unknown(section.kind, [*_SECTIONS], "the section")
                raise self.layers.wrong(section.at, fact, notes)
            value = _SECTIONS[section.kind](self, section, value)
            self.values.append(value)
        if not self.values:
            raise Fault(f"{self.layers.text.name} has no layers after [net]")
        self.outputs[value] = None
        text = self.layers.text.name
        return self.layers.source(
            stem(text), f"{PurePath(text).name}, of Darknet", {each: each for each in self.outputs}
        )

    def sizes(self) -> tuple[int, ...]:
        if self.given:
            return self.given
        if "inputs" in self.net.settings and "width" not in self.net.settings:
            return (self.integer(self.net, "inputs"),)
        if "width" not in self.net.settings or "height" not in self.net.settings:
            fix = "give it, as in --input 3x416x416"
            raise Fault(f"{self.layers.text.name} does not say the size of its input", fix=fix)
        sizes = [self.integer(self.net, "height"), self.integer(self.net, "width")]
        return (self.integer(self.net, "channels", 3), *sizes)

    # ------------------------------------------------------------------------------------- settings

    def integer(self, section: Section, name: str, default: int | None = None, least: int = 1) -> int:
        text, *at = section.settings.get(name, ("", *section.at))
        if not text and default is not None:
            return default
        try:
            value = int(text)
        except ValueError:
            fact = f"'{text}' is not a whole number" if text else f"[{section.kind}] needs {name}"
            raise self.layers.wrong((at[0], at[1]), fact) from None
        if not least <= value < 2**40:
            raise self.layers.wrong((at[0], at[1]), f"{name} cannot be {text} here")
        return value

    def back(self, section: Section, name: str) -> list[Value]:
        """The values of the sections that a setting names: by number, or by how far they are before this one."""
        text, *at = section.settings.get(name, ("", *section.at))
        found = []
        for part in text.split(","):
            try:
                number = int(part)
            except ValueError:
                raise self.layers.wrong(
                    (at[0], at[1]), f"[{section.kind}] needs {name}: numbers of sections"
                ) from None
            place = number if number >= 0 else self.at + number
            if not 0 <= place < self.at:
                fact = f"{name} means section {place}, and this is section {self.at}"
                raise self.layers.wrong((at[0], at[1]), fact, ("expected: a section before this one",))
            found.append(self.values[place])
        return found

    # --------------------------------------------------------------------------------------- layers

    def add(self, section: Section, name: str, *given: Any, inputs: list[Value], **named: Any) -> Value:
        value = f"{_NAMES.get(section.kind, section.kind)}{self.at}"
        part = f"{value}.{name.rstrip('123d')}" if section.kind in _COMPOSED else value
        return self.layers.add(part, name, *given, inputs=inputs, modules=(), at=section.at, **named)

    def activated(self, section: Section, value: Value, default: str) -> Value:
        word, *at = section.settings.get("activation", (default, *section.at))
        if word not in _ACTIVATIONS:
            fact, notes = unknown(word, [*_ACTIVATIONS], "the activation")
            raise self.layers.wrong((at[0], at[1]), fact, notes)
        name, *given = _ACTIVATIONS[word] or ("",)
        return self.add(section, name, *given, inputs=[value]) if name else value

    def normalized(self, section: Section, value: Value) -> Value:
        if not self.integer(section, "batch_normalize", 0, 0):
            return value
        return self.add(section, "batch_norm", inputs=[value], eps=_EPS)

    def flat(self, section: Section, value: Value) -> Value:
        if len(self.layers.shapes[value].axes) == 1:
            return value
        return self.layers.add(f"flatten{self.at}", "flatten", inputs=[value], modules=(), at=section.at)


_NAMES = {"convolutional": "conv", "deconvolutional": "deconv"}
_COMPOSED = {"convolutional", "connected", "deconvolutional", "shortcut", "batchnorm"}


def _convolutional(reader: _Reader, section: Section, value: Value) -> Value:
    size = reader.integer(section, "size", 1)
    padding = reader.integer(section, "padding", 0, 0)
    if reader.integer(section, "pad", 0, 0):
        padding = size // 2
    plain = not reader.integer(section, "batch_normalize", 0, 0)
    name = "conv_transpose2d" if section.kind == "deconvolutional" else "conv2d"
    value = reader.add(
        section, name, reader.integer(section, "filters", 1), size, inputs=[value], bias=plain,
        stride=reader.integer(section, "stride", 1), padding=padding,
        groups=reader.integer(section, "groups", 1), dilation=reader.integer(section, "dilation", 1),
    )  # fmt: skip
    return reader.activated(section, reader.normalized(section, value), "logistic")


def _connected(reader: _Reader, section: Section, value: Value) -> Value:
    plain = not reader.integer(section, "batch_normalize", 0, 0)
    out = reader.integer(section, "output", 1)
    value = reader.add(section, "linear", out, inputs=[reader.flat(section, value)], bias=plain)
    return reader.activated(section, reader.normalized(section, value), "logistic")


def _maxpool(reader: _Reader, section: Section, value: Value) -> Value:
    """Padded by size - 1 in all, half of it before; what no window reads is left out."""
    stride = reader.integer(section, "stride", 1)
    size = reader.integer(section, "size", stride)
    total = reader.integer(section, "padding", size - 1, 0)
    before = total // 2
    pads = []
    for extent in reader.layers.shapes[value].space:
        places = (extent + total - size) // stride + 1
        pads.append((before, max(0, (places - 1) * stride + size - before - extent)))
    same = [same_padding(extent, size, stride, 1) for extent in reader.layers.shapes[value].space]
    padding: Any = "same" if pads == same and any(map(any, pads)) else tuple(pads)
    return reader.add(section, "max_pool2d", size, stride, padding, inputs=[value])


def _route(reader: _Reader, section: Section, value: Value) -> Value:
    values = reader.back(section, "layers")
    groups = reader.integer(section, "groups", 1)
    if groups > 1:
        part = reader.integer(section, "group_id", 0, 0)
        cut = []
        for each in values:
            width = reader.layers.shapes[each].channels // groups
            given = (part * width, (part + 1) * width)
            cut.append(reader.add(section, "slice_channels", *given, inputs=[each]))
        values = cut
    return values[0] if len(values) == 1 else reader.add(section, "concat", inputs=values)


def _shortcut(reader: _Reader, section: Section, value: Value) -> Value:
    values = [value, *(_fitted(reader, section, each, value) for each in reader.back(section, "from"))]
    return reader.activated(section, reader.add(section, "add", inputs=values), "linear")


def _fitted(reader: _Reader, section: Section, value: Value, like: Value) -> Value:
    """The part of a tensor that a shortcut adds to another: as many channels, every so many positions."""
    one, two = reader.layers.shapes[value], reader.layers.shapes[like]
    if len(one.space) != len(two.space) or any(a % b for a, b in zip(one.space, two.space, strict=True)):
        fact = "a shortcut to a larger tensor has no counterpart here"
        raise reader.layers.wrong(section.at, fact, (f"found: {one} added to {two}",))
    stride = tuple(a // b for a, b in zip(one.space, two.space, strict=True))
    if {*stride} - {1}:
        value = reader.add(section, "max_pool2d", 1, stride, inputs=[value])
    if one.channels < two.channels:
        return reader.add(section, "pad_channels", two.channels, inputs=[value])
    if one.channels > two.channels:
        return reader.add(section, "slice_channels", 0, two.channels, inputs=[value])
    return value


def _product(reader: _Reader, section: Section, value: Value) -> Value:
    """[scale_channels] and [sam]: another section's values times this one's."""
    (other,) = reader.back(section, "from")[:1]
    product = reader.add(section, "multiply", inputs=[value, other])
    return reader.activated(section, product, "linear")


def _upsample(reader: _Reader, section: Section, value: Value) -> Value:
    return reader.add(section, "upsample", reader.integer(section, "stride", 2), inputs=[value])


def _reorg(reader: _Reader, section: Section, value: Value) -> Value:
    reader.layers.remarks.append(
        f"section {reader.at}: reorg is counted as pixel_unshuffle, which has the channels in another order"
    )
    return reader.add(section, "pixel_unshuffle", reader.integer(section, "stride", 2), inputs=[value])


def _average(reader: _Reader, section: Section, value: Value) -> Value:
    after = reader.sections[reader.at + 1 : reader.at + 2]
    if after and after[0].kind in ("convolutional", "scale_channels"):
        return reader.add(section, "adaptive_avg_pool2d", 1, inputs=[value])
    return reader.add(section, "global_avg_pool", inputs=[value])


def _dropout(reader: _Reader, section: Section, value: Value) -> Value:
    text, *at = section.settings.get("probability", ("0.5", *section.at))
    try:
        return reader.add(section, "dropout", Fraction(text), inputs=[value])
    except ValueError:
        raise reader.layers.wrong((at[0], at[1]), f"'{text}' is not a probability") from None


def _softmax(reader: _Reader, section: Section, value: Value) -> Value:
    if reader.integer(section, "groups", 1) > 1:
        raise reader.layers.wrong(section.at, "a softmax in groups has no counterpart here")
    return reader.add(section, "softmax", inputs=[value])


def _detection(reader: _Reader, section: Section, value: Value) -> Value:
    """What boxes are made of: an output, and no layer of its own."""
    reader.outputs[value] = None
    return value


def _norm(reader: _Reader, section: Section, value: Value) -> Value:
    value = reader.add(section, "batch_norm", inputs=[value], eps=_EPS)
    return reader.activated(section, value, "linear")


def _only(name: str) -> Callable[[_Reader, Section, Value], Value]:
    return lambda reader, section, value: reader.add(section, name, inputs=[value])


_SECTIONS: dict[str, Callable[[_Reader, Section, Value], Value]] = {
    "activation": lambda reader, section, value: reader.activated(section, value, "linear"),
    "avg": _average,
    "avgpool": _average,
    "batchnorm": _norm,
    "conn": _connected,
    "connected": _connected,
    "conv": _convolutional,
    "convolutional": _convolutional,
    "cost": lambda reader, section, value: value,
    "deconvolutional": _convolutional,
    "detection": _detection,
    "dropout": _dropout,
    "Gaussian_yolo": _detection,
    "max": _maxpool,
    "maxpool": _maxpool,
    "region": _detection,
    "reorg": _reorg,
    "reorg3d": _reorg,
    "route": _route,
    "sam": _product,
    "scale_channels": _product,
    "shortcut": _shortcut,
    "soft": _softmax,
    "softmax": _softmax,
    "upsample": _upsample,
    "yolo": _detection,
}
