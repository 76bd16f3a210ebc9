"""Keras: a `.keras` file, or the text of `model.to_json()`, of version 2 or 3, read without Keras.

Keras has the channels last. Images come in channels first, as convolutions here want them; sequences
stay as they are, and where a layer needs the other order, it is given it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from paramcalc.base.errors import Fault
from paramcalc.base.errors import Source as Text
from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.importing.readers._layers import Layers, exact, only, unknown
from paramcalc.importing.readers._text import LONGEST, stem, text_of
from paramcalc.importing.source import Module, Source, Value

MEANING = "a network of Keras"
EXAMPLE = "model.keras"
DEEPEST = 16  # networks inside networks
MOST_RATIO = 200  # of a file in an archive to what it takes there

Config = Mapping[str, Any]


class Layer(NamedTuple):
    """A layer of the file, and the group of arrays that holds its weights there."""

    kind: str
    name: str
    config: Config
    stored: str


class Pending(NamedTuple):
    """A step of hard sigmoid as Keras writes it: x + 3, then that between 0 and 6."""

    step: int
    x: Value


class Pooled(NamedTuple):
    """A vector that is an image pooled as a whole."""

    kind: str
    x: Value


def reads(source: str) -> bool:
    if source.endswith(".keras"):
        return True
    if not source.endswith(".json"):
        return False
    try:
        with open(source, "rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return b'"class_name"' in head and b'"model_type"' not in head


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> Source:
    text = _packed(source) if source.endswith(".keras") else text_of(source)
    try:
        model = json.loads(text.text)
    except (ValueError, RecursionError) as error:
        raise Fault(f"{source} is not JSON: it may be cut off", found=str(error)[:200]) from None
    if not isinstance(model, dict) or not isinstance(model.get("config"), dict | list):
        raise Fault(
            f"{source} is not a network of Keras", expected="class_name and config, as model.to_json() has"
        )
    reader = _Reader(text._replace(text=""), inputs)
    try:
        outputs = reader.network(model)
    except Fault as fault:
        fault.fact = f"{source}: {fault.fact}"
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise Fault(
            f"{source}: {reader.here or 'the network'} is not as Keras writes it",
            found=f"{type(error).__name__}: {error}"[:200],
        ) from None
    config = model["config"]
    name = config.get("name") if isinstance(config, dict) else ""
    return reader.layers.source(str(name or stem(source)), f"{source}, of Keras", outputs)


def _packed(path: str) -> Text:
    """The config.json inside a `.keras` file, which is an archive."""
    try:
        with ZipFile(path) as archive:
            entry = archive.getinfo("config.json")
            if entry.file_size > LONGEST or entry.file_size > MOST_RATIO * max(entry.compress_size, 1024):
                raise Fault(
                    f"{path}: its config.json unpacks to {entry.file_size:,} bytes, which no network needs"
                )
            with archive.open(entry) as file:
                data = file.read(LONGEST + 1)  # whatever the entry says
            if len(data) > LONGEST:
                raise Fault(f"{path}: its config.json unpacks to more than it says")
            return Text(path, data.decode("utf-8"))
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    except KeyError:
        raise Fault(f"{path} has no config.json: it is not a file of Keras 3") from None
    except (BadZipFile, UnicodeDecodeError, NotImplementedError, RuntimeError, EOFError) as error:
        raise Fault(f"{path} is not a .keras file, or is cut off", found=str(error)) from None


class _Reader:
    def __init__(self, text: Text, sizes: Mapping[str, tuple[int, ...]]) -> None:
        self.layers, self.sizes = Layers(text), dict(sizes)
        self.pending: dict[Value, Pending] = {}
        self.made: dict[Value, Pooled] = {}
        self.turned: dict[Value, Value] = {}  # values in the other order of axes
        self.modules: tuple[Module, ...] = ()
        self.here = ""

    # --------------------------------------------------------------------------------------- networks

    def network(self, model: Config) -> dict[str, Value]:
        """A whole network; its outputs by name."""
        outputs = self.inside(model, None, "", 0)
        used = {value for node in self.layers.nodes for value in node.inputs}
        for value in self.pending:
            if value not in used and value in outputs:
                self.resolved(value)
        return {_word(value): value for value in outputs}

    def inside(self, model: Config, given: list[Value] | None, stored: str, depth: int) -> list[Value]:
        """The layers of a network, which may be a layer of another; the values that it gives."""
        if depth > DEEPEST:
            raise Fault(f"networks are more than {DEEPEST} deep inside each other")
        config = model["config"]
        layers = config["layers"] if isinstance(config, dict) else config
        if not layers:
            raise Fault("there are no layers")
        if model["class_name"] == "Sequential":
            return self.sequence(config, layers, given, stored, depth)
        values: dict[tuple[str, int, int], Value] = {}
        names = _stored(layers, stored)
        starts = [_key(one) for one in _keys(config["input_layers"])]
        first = _embedded(layers)
        for number, layer in enumerate(layers):
            name = layer.get("name") or layer["config"]["name"]
            self.here = str(name)
            if layer["class_name"] == "InputLayer":
                place = (name, 0, 0)
                if given is not None:
                    values[place] = given[starts.index(place)]
                else:
                    values[place] = self.input(layer["config"], name in first, len(starts))
                continue
            for call, (reads, keywords) in enumerate(_calls(layer)):
                read = [values[one] if isinstance(one, tuple) else one for one in reads]
                found = self.layer(layer, read, keywords, names[number], depth, call)
                values |= {(name, call, place): value for place, value in enumerate(found)}
        return [values[_key(one)] for one in _keys(config["output_layers"])]

    def sequence(
        self, config: Any, layers: list[Config], given: list[Value] | None, stored: str, depth: int
    ) -> list[Value]:
        names = _stored(layers, stored)
        found = given
        for number, layer in enumerate(layers):
            self.here = str(layer["config"].get("name", layer["class_name"]))
            dims = layer["config"].get("batch_input_shape") or layer["config"].get("batch_shape")
            built = config.get("build_input_shape") if isinstance(config, dict) else None
            if found is None:
                shape = {"batch_shape": dims or built, "name": "input", "dtype": "float32"}
                found = [self.input(shape, layer["class_name"] == "Embedding", 1)]
            if layer["class_name"] != "InputLayer":
                found = self.layer(layer, list(found), {}, names[number], depth, 0)
        return found or []

    def input(self, config: Config, ids: bool, inputs: int) -> Value:
        """An input with the sizes that the file or the user gives, channels first if it is an image."""
        name = _word(str(config["name"])) if inputs > 1 else "input"
        given = self.sizes.get(name) or self.sizes.get(str(config["name"])) or only(self.sizes)
        dims = [*(config.get("batch_shape") or config.get("batch_input_shape") or [None])[1:]]
        if not given and (not dims or not all(isinstance(dim, int) and 0 < dim < 2**40 for dim in dims)):
            known = "x".join(str(dim or "?") for dim in dims)
            raise Fault(
                f"the sizes of the input '{config['name']}' are open",
                found=f"{known}, channels last" if known else "",
                fix="give them, channels first and without the batch, as in --input 3x224x224",
            )
        rank = len(given or dims)
        if ids:
            sizes, axes = tuple(given or dims), (*SPACE[rank],)
        elif rank > 4:
            raise Fault(f"the input '{config['name']}' has more than four axes")
        else:
            first = tuple(given) if given else (dims[-1], *dims[:-1])
            axes = (CHANNELS, *SPACE.get(rank - 1, ()))
            sizes = first
            if rank == 2:  # a sequence, whose vectors are last
                sizes, axes = (first[1], first[0]), ("length", CHANNELS)
        return self.layers.input(name, Shape(tuple(axes), sizes))

    def layer(
        self, layer: Config, read: list[Any], keywords: Config, stored: str, depth: int, call: int
    ) -> list[Value]:
        kind, config = str(layer["class_name"]), layer["config"]
        name = str(layer.get("name") or config["name"])
        outer = self.modules
        path = f"{outer[-1].path}.{_word(name)}" if outer else _word(name)
        self.modules = (*outer, Module(path if call == 0 else f"{path}@{call}", kind))
        try:
            if isinstance(config, dict) and "layers" in config:
                return self.inside(layer, read, stored, depth + 1)
            if kind not in _LAYERS:
                fact, notes = unknown(kind, [*_LAYERS], f"{name}: the layer")
                raise Fault(fact, fix=" ".join(notes))
            one = Layer(kind, name, {**config, "_call": keywords}, stored)
            return [_LAYERS[kind](self, one, read)]
        finally:
            self.modules = outer

    # ---------------------------------------------------------------------------------------- values

    def shape(self, value: Value) -> Shape:
        return self.layers.shapes[value]

    def add(
        self,
        layer: Layer,
        name: str,
        *given: Any,
        inputs: Sequence[Value],
        part: str = "",
        arrays: str = "",
        **named: Any,
    ) -> Value:
        """An op of a layer. `arrays` are our names of its weights in the order in which Keras stores them."""
        read = [self.resolved(value) for value in inputs]
        weights = {
            each: f"{layer.stored}/vars/{place}" for place, each in enumerate(arrays.split()) if each != "-"
        }
        value = _word(layer.name) + (f".{part}" if part else "")
        return self.layers.add(
            value, name, *given, inputs=read, modules=self.modules, at=(0, 1), weights=weights, **named
        )

    def resolved(self, value: Value) -> Value:
        if value in self.pending:
            raise Fault(
                f"{self.here}: a number added to a tensor has no counterpart here, but in a hard sigmoid"
            )
        return value

    def first(self, layer: Layer, value: Value) -> Value:
        """The value with its channels first."""
        shape = self.shape(value)
        return value if shape.axes[0] == CHANNELS else self.turn(layer, value, "channels_first")

    def last(self, layer: Layer, value: Value) -> Value:
        """The value with its channels last, which for a vector they are."""
        shape = self.shape(value)
        return value if shape.axes[-1] == CHANNELS else self.turn(layer, value, "channels_last")

    def turn(self, layer: Layer, value: Value, name: str) -> Value:
        if value not in self.turned:
            turned = self.add(layer, name, inputs=[value], part=name)
            self.turned |= {value: turned, turned: value}
        return self.turned[value]

    def alike(self, layer: Layer, values: list[Value]) -> list[Value]:
        """Values in the order of the axes of the largest."""
        widest = max(values, key=lambda value: self.shape(value).elements)
        order = self.shape(widest).axes
        found = []
        for value in values:
            shape = self.shape(value)
            if len(shape.axes) == len(order) and shape.axes != order:
                value = self.first(layer, value) if order[0] == CHANNELS else self.last(layer, value)
            found.append(value)
        return found

    def axis(self, value: Value, number: int) -> str:
        """The name of an axis as Keras counts them: the batch first, the channels last."""
        axes = [axis for axis in self.shape(value).axes if axis != CHANNELS] + [CHANNELS]
        return axes[number - 1 if number > 0 else number]

    def activated(self, layer: Layer, value: Value) -> Value:
        """The value after the activation that a layer has of its own."""
        return self.activation(layer, layer.config.get("activation"), value, "activation")

    def activation(self, layer: Layer, given: Any, value: Value, part: str = "") -> Value:
        if isinstance(given, dict):  # a layer, or a function with its settings
            name = str(given.get("class_name", ""))
            config = given.get("config") or {}
            if name in _LAYERS and isinstance(config, dict):
                return _LAYERS[name](
                    self, Layer(name, f"{layer.name}.{part}" if part else layer.name, config, ""), [value]
                )
            given = config if isinstance(config, str) else name
        if given in (None, "linear"):
            return value
        if given not in _ACTIVATIONS:
            fact, notes = unknown(str(given), [*_ACTIVATIONS], f"{layer.name}: the activation")
            raise Fault(fact, fix=" ".join(notes))
        op, *arguments = _ACTIVATIONS[given].split()
        return self.add(layer, op, *arguments, inputs=[value], part=part)


def _word(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_-." else "_" for char in name)


def _keys(found: Any) -> list[Any]:
    """Places of tensors: one, or a list of them."""
    if isinstance(found, dict):
        return [*found.values()]
    return [found] if found and isinstance(found[0], str) else [*found]


def _key(one: Any) -> tuple[str, int, int]:
    name, call, place = one[:3]
    return str(name), int(call), int(place)


def _stored(layers: Sequence[Config], inside: str) -> list[str]:
    """Where Keras 3 keeps each layer's arrays: by class, and numbered."""
    met: dict[str, int] = {}
    found = []
    for layer in layers:
        word = _snake(str(layer["class_name"]))
        number = met[word] = met.get(word, -1) + 1
        found.append(f"{inside}layers/{word}" + (f"_{number}" if number else ""))
    return [
        f"{each}/" if "layers" in layer["config"] else each for each, layer in zip(found, layers, strict=True)
    ]


def _snake(name: str) -> str:
    """A class's name as Keras stores it.

    >>> _snake("BatchNormalization"), _snake("Conv2D"), _snake("LSTM"), _snake("GlobalAveragePooling2D")
    ('batch_normalization', 'conv2d', 'lstm', 'global_average_pooling2d')
    """
    import re

    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _embedded(layers: Sequence[Config]) -> set[str]:
    """The inputs that embeddings read: they hold token ids."""
    return {
        one[0]
        for layer in layers
        if layer["class_name"] == "Embedding"
        for reads, _ in _calls(layer)
        for one in reads
        if isinstance(one, tuple)
    }


def _calls(layer: Config) -> list[tuple[list[Any], Config]]:
    """What each call of a layer reads: places of tensors and plain numbers, and what is given by name."""
    found: list[tuple[list[Any], Config]] = []
    for node in layer.get("inbound_nodes", ()):
        if isinstance(node, dict):
            reads = [*_tensors(node["args"])]
            named = {name: value for name, value in (node.get("kwargs") or {}).items() if _tensors(value)}
            reads += [one for value in named.values() for one in _tensors(value) if isinstance(one, tuple)]
            found.append((reads, dict.fromkeys(named)))
        else:  # Keras 2: [name, call, place, keywords] for each
            reads = [_key(one) for one in ([node] if node and isinstance(node[0], str) else node)]
            found.append((reads, {}))
    return found


def _tensors(given: Any) -> list[Any]:
    if isinstance(given, dict):
        if given.get("class_name") == "__keras_tensor__":
            return [_key(given["config"]["keras_history"])]
        return []
    if isinstance(given, list | tuple):
        return [one for item in given for one in _tensors(item)]
    return [given] if isinstance(given, int | float) and not isinstance(given, bool) else []


# -------------------------------------------------------------------------------------- one by one

_Read = Callable[[_Reader, Layer, list[Any]], Value]


def _strides(config: Config, name: str, rank: int, default: int = 1) -> tuple[int, ...]:
    given = config.get(name, default)
    return tuple(given) if isinstance(given, list | tuple) else (given,) * rank


def _convolution(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    config, rank = layer.config, int(layer.kind[-2])
    x = reader.first(layer, read[0])
    channels = reader.shape(x).channels
    padding, before = config.get("padding", "valid"), x
    if padding == "causal":
        reach = (config["kernel_size"][0] - 1) * config.get("dilation_rate", [1])[0]
        padding = ((reach, 0),)
    kernel, strides = _strides(config, "kernel_size", rank), _strides(config, "strides", rank)
    named: dict[str, Any] = {
        "stride": strides,
        "padding": 0 if padding == "valid" or {*kernel} == {1} == {*strides} else padding,
        "dilation": _strides(config, "dilation_rate", rank),
        "bias": config.get("use_bias", True),
    }
    if layer.kind.startswith("Depthwise"):
        out = channels * config.get("depth_multiplier", 1)
        y = reader.add(
            layer,
            f"conv{rank}d",
            out,
            kernel,
            inputs=[before],
            groups=channels,
            arrays="weight bias",
            **named,
        )
    elif layer.kind.startswith("Separable"):
        inner = channels * config.get("depth_multiplier", 1)
        bias = named.pop("bias")
        x = reader.add(
            layer, f"conv{rank}d", inner, kernel, inputs=[x], part="depthwise", groups=channels, bias=False,
            arrays="weight", **named,
        )  # fmt: skip
        y = reader.add(
            layer, f"conv{rank}d", config["filters"], 1, inputs=[x], part="pointwise", bias=bias,
            arrays="- weight bias",
        )  # fmt: skip
    elif "Transpose" in layer.kind:
        if config.get("output_padding"):
            named["output_padding"] = tuple(config["output_padding"])
        out = config["filters"]
        y = reader.add(
            layer, f"conv_transpose{rank}d", out, kernel, inputs=[x], arrays="weight bias", **named
        )
    else:
        groups = config.get("groups", 1)
        y = reader.add(
            layer,
            f"conv{rank}d",
            config["filters"],
            kernel,
            inputs=[x],
            groups=groups,
            arrays="weight bias",
            **named,
        )
    return reader.activated(layer, y)


def _transpose(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    return _convolution(reader, layer._replace(kind=f"Transpose{layer.kind[4:6]}"), read)


def _dense(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    """A matrix on the last axis; on an image whose channels are first here it is a 1x1 convolution."""
    units, bias, rank = (
        layer.config["units"],
        layer.config.get("use_bias", True),
        len(reader.shape(read[0]).space),
    )
    if reader.shape(read[0]).axes[-1] != CHANNELS:
        y = reader.add(layer, f"conv{rank}d", units, 1, inputs=read[:1], bias=bias, arrays="weight bias")
    else:
        y = reader.add(layer, "linear", units, inputs=read[:1], bias=bias, arrays="weight bias")
    return reader.activated(layer, y)


def _batch_norm(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    """With a factor or a bias alone, that is a layer of its own here."""
    config, x = layer.config, read[0]
    axis = config.get("axis", -1)
    if reader.axis(x, axis[0] if isinstance(axis, list) else axis) != CHANNELS:
        raise Fault(f"{layer.name}: a batch norm of another axis than the channels has no counterpart here")
    scale, center = config.get("scale", True), config.get("center", True)
    eps = exact(config.get("epsilon", 1e-3))
    if scale and center:
        return reader.add(
            layer, "batch_norm", inputs=[x], eps=eps, arrays="weight bias running_mean running_var"
        )
    names = "- " * (scale + center) + "running_mean running_var"
    x = reader.add(layer, "batch_norm", inputs=[x], eps=eps, affine=False, arrays=names)
    if scale:
        return reader.add(layer, "layer_scale", inputs=[x], part="gamma", arrays="weight")
    return reader.add(layer, "affine", inputs=[x], part="beta", scale=False, arrays="bias") if center else x


def _normalization(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    """What is subtracted and divided by is stored, not learned: a batch norm without weights."""
    return reader.add(
        layer, "batch_norm", inputs=read[:1], eps=0, affine=False, arrays="running_mean running_var"
    )


def _layer_norm(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    config, x = layer.config, read[0]
    axis = config.get("axis", -1)
    axes = tuple(reader.axis(x, one) for one in (axis if isinstance(axis, list) else [axis]))
    scale, center = config.get("scale", True), config.get("center", True)
    named: dict[str, Any] = {"eps": exact(config.get("epsilon", 1e-3))}
    if axes != (CHANNELS,):
        named["axis"] = axes
    if layer.kind == "RMSNormalization" or config.get("rms_scaling"):
        return reader.add(layer, "rms_norm", inputs=[x], arrays="weight", **named)
    if scale:
        return reader.add(layer, "layer_norm", inputs=[x], bias=center, arrays="weight bias", **named)
    x = reader.add(layer, "layer_norm", inputs=[x], elementwise_affine=False, **named)
    return reader.add(layer, "affine", inputs=[x], part="beta", scale=False, arrays="bias") if center else x


def _group_norm(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    config, channels = layer.config, reader.shape(read[0]).channels
    groups = config.get("groups", 32)
    affine = config.get("scale", True) and config.get("center", True)
    return reader.add(
        layer, "group_norm", channels if groups == -1 else groups, inputs=read[:1],
        eps=exact(config.get("epsilon", 1e-3)), affine=affine, arrays="weight bias",
    )  # fmt: skip


def _activation(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    return reader.activation(layer, layer.config["activation"], read[0])


def _relu(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    config, x = layer.config, read[0]
    most, slope = config.get("max_value"), config.get("negative_slope") or config.get("alpha") or 0
    if x in reader.pending and most == 6:
        value = reader.layers.unique(f"{_word(layer.name)}.clipped")
        reader.pending[value] = Pending(2, reader.pending[x].x)
        return value
    if most not in (None, 6) or (slope and most):
        raise Fault(f"{layer.name}: a relu cut off at {most} has no counterpart here")
    if slope:
        return reader.add(layer, "leaky_relu", exact(slope), inputs=[x])
    return reader.add(layer, "relu6" if most == 6 else "relu", inputs=[x])


def _leaky(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    return reader.add(layer, "leaky_relu", exact(slope), inputs=read[:1])


def _prelu(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    shape = reader.shape(read[0])
    shared = layer.config.get("shared_axes") or []
    if len(shared) not in (len(shape.space), len(shape.axes)):
        raise Fault(
            f"{layer.name}: a slope for each position has no counterpart here", fix="give shared_axes"
        )
    slopes = 1 if len(shared) == len(shape.axes) else shape.channels
    return reader.add(layer, "prelu", slopes, inputs=read[:1], arrays="weight")


def _pooling(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    config, rank = layer.config, int(layer.kind[-2])
    x = reader.first(layer, read[0])
    kernel = _strides(config, "pool_size", rank)
    strides = _strides(config, "strides", rank) if config.get("strides") else kernel
    padding = {"padding": "same"} if config.get("padding") == "same" else {}
    name = "max_pool" if layer.kind.startswith("Max") else "avg_pool"
    return reader.add(layer, f"{name}{rank}d", kernel, strides, inputs=[x], **padding)


def _global(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    kind, rank = ("max" if "Max" in layer.kind else "avg"), len(reader.shape(read[0]).space)
    if layer.config.get("keepdims") and rank:
        x = reader.first(layer, read[0])
        return reader.add(layer, f"adaptive_{kind}_pool{rank}d", 1, inputs=[x])
    y = reader.add(layer, f"global_{kind}_pool", inputs=read[:1])
    if rank == 2 and reader.shape(read[0]).axes[0] == CHANNELS:
        reader.made[y] = Pooled(kind, read[0])
    return y


def _flatten(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    """Keras flattens with the channels last."""
    shape = reader.shape(read[0])
    if shape.axes == (CHANNELS,):
        return read[0]  # type: ignore[no-any-return]
    x = read[0] if prod(shape.space) == 1 else reader.last(layer, read[0])
    return reader.add(layer, "flatten", inputs=[x])


def _reshape(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    target = [int(size) for size in layer.config["target_shape"]]
    shape = reader.shape(read[0])
    if -1 in target:
        target[target.index(-1)] = shape.elements // abs(prod(target))
    if len(target) == 1:
        return _flatten(reader, layer, read)
    one = prod(shape.space) == 1 and prod(target[:-1]) == 1
    pooled = reader.made.get(read[0])
    if pooled and len(target) == 3 and prod(target[:-1]) == 1:
        return reader.add(layer, f"adaptive_{pooled.kind}_pool2d", 1, inputs=[pooled.x])  # what was global
    x = read[0] if one or prod(shape.space) == 1 else reader.last(layer, read[0])
    if len(target) > 2 and prod(target[:-1]) == 1:
        return reader.add(layer, "reshape", (target[-1], *target[:-1]), inputs=[x])
    return reader.add(layer, "reshape", tuple(target), (*SPACE[len(target) - 1], CHANNELS), inputs=[x])


def _permute(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    """The second axis of a sequence becomes its channels: the names of axes stay, their sizes move."""
    x = reader.last(layer, read[0])
    axes = [reader.axis(x, number) for number in layer.config["dims"]]
    return reader.add(layer, "permute", tuple(axes), inputs=[x])


def _padding(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    given = layer.config.get("padding", layer.config.get("cropping", 1))
    if isinstance(given, int):
        ends: Any = given
    else:
        pairs = [tuple(one) if isinstance(one, list | tuple) else (one, one) for one in given]
        ends = (tuple(given),) if layer.kind.endswith("1D") else tuple(pairs)
    name = "crop" if layer.kind.startswith("Cropping") else "pad"
    return reader.add(layer, name, ends, inputs=read[:1])


def _upsampling(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    size = layer.config["size"]
    mode = layer.config.get("interpolation", "nearest")
    scale = tuple(size) if isinstance(size, list | tuple) else size
    return reader.add(
        layer, "upsample", scale, inputs=read[:1], **({} if mode == "nearest" else {"mode": mode})
    )


def _join(name: str) -> _Read:
    """A layer of several tensors; a number instead of one of them is arithmetic."""

    def read(reader: _Reader, layer: Layer, given: list[Any]) -> Value:
        numbers = [one for one in given if not isinstance(one, str)]
        values = [one for one in given if isinstance(one, str)]
        if numbers:
            return _with_number(reader, layer, name, values[0], float(numbers[0]))
        if len(values) == 1:
            return values[0]
        return reader.add(layer, name, inputs=reader.alike(layer, values))

    return read


def _with_number(reader: _Reader, layer: Layer, name: str, x: Value, number: float) -> Value:
    pending = reader.pending.get(x)
    if name == "add" and number == 3 and pending is None:
        value = reader.layers.unique(f"{_word(layer.name)}.shifted")
        reader.pending[value] = Pending(1, x)
        return value
    if name == "multiply" and pending and pending.step == 2 and abs(number - 1 / 6) < 1e-6:
        return reader.add(layer, "hard_sigmoid", inputs=[pending.x])
    if name == "multiply":
        return reader.add(layer, "scale", exact(number), inputs=[x])
    raise Fault(f"{layer.name}: a number that is added has no counterpart here")


def _average(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    x = reader.add(layer, "add", inputs=reader.alike(layer, read), part="sum")
    return reader.add(layer, "scale", Fraction(1, len(read)), inputs=[x])


def _concatenate(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    values = reader.alike(layer, read)
    axis = reader.axis(values[0], layer.config.get("axis", -1))
    return reader.add(layer, "concat", inputs=values, **({} if axis == CHANNELS else {"axis": axis}))


def _rescaling(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    offset = layer.config.get("offset", 0)
    if offset:
        reader.layers.remarks.append(
            f"{layer.name}: its offset {offset:g} is left out: it counts nothing, but moves values"
        )
    scale = layer.config["scale"]
    if isinstance(scale, list):
        raise Fault(f"{layer.name}: a factor for each channel has no counterpart here")
    return reader.add(layer, "scale", exact(scale), inputs=read[:1])


def _dropout(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    rate = layer.config.get("rate", layer.config.get("drop_path_rate", 0))
    shape = layer.config.get("noise_shape")
    whole = layer.kind in ("StochasticDepth", "DropPath") or bool(
        shape and all(size == 1 for size in shape[1:])
    )
    return reader.add(layer, "drop_path" if whole else "dropout", exact(rate), inputs=read[:1])


def _embedding(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    return reader.add(
        layer,
        "embedding",
        layer.config["input_dim"],
        layer.config["output_dim"],
        inputs=read[:1],
        arrays="weight",
    )


def _recurrent(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    both = layer.kind == "Bidirectional"
    inner: Config = layer.config["layer"] if both else {"class_name": layer.kind, "config": layer.config}
    kind, config = str(inner["class_name"]), dict(inner["config"])
    if both and layer.config.get("merge_mode", "concat") != "concat":
        raise Fault(f"{layer.name}: directions that are not concatenated have no counterpart here")
    if kind not in _RECURRENT:
        raise Fault(f"{layer.name}: the recurrent layer '{kind}' has no counterpart here")
    named: dict[str, Any] = {"bias": config.get("use_bias", True)}
    after = kind == "GRU" and config.get("reset_after", True)
    if named["bias"]:
        named["biases"] = 2 if after else 1
    if kind == "GRU":
        named["reset_after"] = after
    if kind == "SimpleRNN":
        named["activation"] = config.get("activation", "tanh")
    usual = {"activation": "tanh", "recurrent_activation": "sigmoid"}
    odd = [name for name, value in usual.items() if kind != "SimpleRNN" and config.get(name, value) != value]
    if odd:
        raise Fault(f"{layer.name}: {odd[0]}={config[odd[0]]} has no counterpart here")
    last = not config.get("return_sequences", False)
    x = reader.last(layer, read[0])
    return reader.add(
        layer,
        _RECURRENT[kind],
        config["units"],
        inputs=[x, *read[1:]],
        bidirectional=both,
        last=last,
        **named,
    )


def _conv_lstm(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    raise Fault(f"{layer.name}: ConvLSTM2D cannot be imported yet", fix="write it as conv_lstm2d")


def _attention(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    config = layer.config
    if config.get("value_dim") not in (None, config["key_dim"]) or config.get("output_shape"):
        raise Fault(f"{layer.name}: values of another size than the keys have no counterpart here")
    values = [reader.last(layer, value) for value in read]
    causal: dict[str, Any] = {"causal": True} if "use_causal_mask" in config.get("_call", {}) else {}
    same = len({*values}) == 1
    named: dict[str, Any] = {"head_dim": config["key_dim"], "bias": config.get("use_bias", True)}
    if same:
        return reader.add(layer, "self_attention", config["num_heads"], inputs=values[:1], **named, **causal)
    return reader.add(layer, "cross_attention", config["num_heads"], inputs=values[:2], **named)


def _time_distributed(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    inner = layer.config["layer"]
    if inner["class_name"] not in (
        "Dense",
        "Activation",
        "Dropout",
        "LayerNormalization",
        "BatchNormalization",
    ):
        raise Fault(f"{layer.name}: {inner['class_name']} at each step has no counterpart here")
    one = Layer(inner["class_name"], layer.name, inner["config"], f"{layer.stored}/layer")
    return _LAYERS[inner["class_name"]](reader, one, read)


def _pass(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    return read[0]  # type: ignore[no-any-return]


def _layer_scale(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    return reader.add(layer, "layer_scale", inputs=read[:1], arrays="weight")


def _softmax(reader: _Reader, layer: Layer, read: list[Any]) -> Value:
    axis = layer.config.get("axis", -1)
    name = reader.axis(read[0], axis[0] if isinstance(axis, list) else axis)
    return reader.add(layer, "softmax", inputs=read[:1], **({} if name == CHANNELS else {"axis": name}))


def _plain(name: str) -> _Read:
    return lambda reader, layer, read: reader.add(layer, name, inputs=read[:1])


_RECURRENT = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}
_ACTIVATIONS = {
    "elu": "elu", "exponential": "exp", "gelu": "gelu", "hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_swish",
    "hard_swish": "hard_swish", "leaky_relu": "leaky_relu", "mish": "mish", "relu": "relu", "relu6": "relu6",
    "selu": "selu", "sigmoid": "sigmoid", "silu": "silu", "softmax": "softmax", "softplus": "softplus",
    "swish": "silu", "tanh": "tanh",
}  # fmt: skip
_LAYERS: dict[str, _Read] = {
    "Activation": _activation,
    "ActivityRegularization": _pass,
    "Add": _join("add"),
    "AlphaDropout": _dropout,
    "Average": _average,
    "BatchNormalization": _batch_norm,
    "Bidirectional": _recurrent,
    "Concatenate": _concatenate,
    "ConvLSTM2D": _conv_lstm,
    "DepthwiseConv1D": _convolution,
    "DepthwiseConv2D": _convolution,
    "Dense": _dense,
    "DropPath": _dropout,
    "Dropout": _dropout,
    "ELU": _plain("elu"),
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GaussianDropout": _dropout,
    "GaussianNoise": _pass,
    "GroupNormalization": _group_norm,
    "GRU": _recurrent,
    "Identity": _pass,
    "LayerNormalization": _layer_norm,
    "LayerScale": _layer_scale,
    "LeakyReLU": _leaky,
    "LSTM": _recurrent,
    "Masking": _pass,
    "MultiHeadAttention": _attention,
    "Multiply": _join("multiply"),
    "Normalization": _normalization,
    "PReLU": _prelu,
    "Permute": _permute,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "Reshape": _reshape,
    "RMSNormalization": _layer_norm,
    "SeparableConv1D": _convolution,
    "SeparableConv2D": _convolution,
    "SimpleRNN": _recurrent,
    "Softmax": _softmax,
    "SpatialDropout1D": _dropout,
    "SpatialDropout2D": _dropout,
    "StochasticDepth": _dropout,
    "Subtract": _join("subtract"),
    "TimeDistributed": _time_distributed,
    **{f"Conv{rank}D": _convolution for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _transpose for rank in (1, 2, 3)},
    **{f"{kind}Pooling{rank}D": _pooling for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": _global for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"{kind}{rank}D": _padding for kind in ("ZeroPadding", "Cropping") for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": _upsampling for rank in (1, 2, 3)},
}
