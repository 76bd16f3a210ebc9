"""Networks of Keras inside each other, their layers, and the values between them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, Source
from paramcalc.base.shape import CHANNELS, SPACE, Shape
from paramcalc.importing.readers._layers import Layers, only, unknown
from paramcalc.importing.source import Module, Value

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


STEPS = {"ReLU", "Multiply"}  # layers that take a step


class Pooled(NamedTuple):
    """A vector that is an image pooled as a whole."""

    kind: str
    x: Value


DEEPEST = 16  # networks inside networks


ACTIVATIONS = {
    "elu": "elu", "exponential": "exp", "gelu": "gelu", "hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_swish",
    "hard_swish": "hard_swish", "leaky_relu": "leaky_relu", "mish": "mish", "relu": "relu", "relu6": "relu6",
    "selu": "selu", "sigmoid": "sigmoid", "silu": "silu", "softmax": "softmax", "softplus": "softplus",
    "swish": "silu", "tanh": "tanh",
}  # fmt: skip


class Reading:
    def __init__(self, text: Source, sizes: Mapping[str, tuple[int, ...]], kinds: Mapping[str, Read]) -> None:
        self.layers, self.sizes, self.kinds = Layers(text), dict(sizes), kinds
        self.pending: dict[Value, Pending] = {}
        self.settled: dict[Value, Value] = {}  # values that turned out to be something else
        self.made: dict[Value, Pooled] = {}
        self.turned: dict[Value, Value] = {}  # values in the other order of axes
        self.modules: tuple[Module, ...] = ()
        self.here = ""

    # --------------------------------------------------------------------------------------- networks

    def network(self, model: Config) -> dict[str, Value]:
        """A whole network; its outputs by name."""
        outputs = self.inside(model, None, "", 0)
        outputs = [self.resolved(value) for value in outputs]
        return {word(value): value for value in outputs}

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
        names = stored_groups(layers, stored)
        starts = [key_of(one) for one in keys_of(config["input_layers"])]
        first = embedded(layers)
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
            for call, (reads, keywords) in enumerate(calls_of(layer)):
                read = [values[one] if isinstance(one, tuple) else one for one in reads]
                found = self.layer(layer, read, keywords, names[number], depth, call)
                values |= {(name, call, place): value for place, value in enumerate(found)}
        return [values[key_of(one)] for one in keys_of(config["output_layers"])]

    def sequence(
        self, config: Any, layers: list[Config], given: list[Value] | None, stored: str, depth: int
    ) -> list[Value]:
        names = stored_groups(layers, stored)
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
        name = word(str(config["name"])) if inputs > 1 else "input"
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
        path = f"{outer[-1].path}.{word(name)}" if outer else word(name)
        self.modules = (*outer, Module(path if call == 0 else f"{path}@{call}", kind))
        try:
            if isinstance(config, dict) and "layers" in config:
                return self.inside(layer, read, stored, depth + 1)
            if kind not in self.kinds:
                fact, notes = unknown(kind, [*self.kinds], f"{name}: the layer")
                raise Fault(fact, fix=" ".join(notes))
            one = Layer(kind, name, {**config, "_call": keywords}, stored)
            if kind not in STEPS:
                read = [self.resolved(value) if isinstance(value, str) else value for value in read]
            return [self.kinds[kind](self, one, read)]
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
        """An op of a layer. `arrays` are our names of its weights in the order in which Keras stores them.

        Behind a name stands what is taken of the array, as a map has it. A folder before the name is
        inside of the layer's, and begins to count anew.
        """
        read = [self.resolved(value) for value in inputs]
        weights, stored = {}, {}
        met: Counter[str] = Counter()
        for text in arrays.split():
            folder, _, own = text.rpartition("/")
            ours, steps = re.fullmatch(r"(-|\w+)(.*)", own).groups()  # type: ignore[union-attr]
            place = f"{layer.stored}/{folder}{'/' * bool(folder)}vars/{met[folder]}"
            met[folder] += not steps.startswith("[0:1]")  # whose other rows come next
            weights[ours] = f"{place}:{ours}" if steps.startswith("[") else place
            stored[weights[ours]] = place + steps
        weights.pop("-", None)
        value = word(layer.name) + (f".{part}" if part else "")
        made = self.layers.add(
            value, name, *given, inputs=read, modules=self.modules, at=(0, 1), weights=weights, **named
        )
        for key, origin in stored.items():
            if key in self.layers.weights and origin != key:
                self.layers.weights[key] = self.layers.weights[key]._replace(stored=origin)
        return made

    def resolved(self, value: Value) -> Value:
        """The value itself, where it was a step of a hard sigmoid that is none."""
        pending = self.pending.pop(value, None)
        if pending is None:
            return self.settled.get(value, value)
        add = partial(self.layers.add, modules=self.modules, at=(0, 1))
        made = add(value, "scale", offset=3, inputs=[pending.x])
        self.settled[value] = made if pending.step == 1 else add(value, "relu6", inputs=[made])
        return self.settled[value]

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
            if name in self.kinds and isinstance(config, dict):
                return self.kinds[name](
                    self, Layer(name, f"{layer.name}.{part}" if part else layer.name, config, ""), [value]
                )
            given = config if isinstance(config, str) else name
        if given in (None, "linear"):
            return value
        if given not in ACTIVATIONS:
            fact, notes = unknown(str(given), [*ACTIVATIONS], f"{layer.name}: the activation")
            raise Fault(fact, fix=" ".join(notes))
        op, *arguments = ACTIVATIONS[given].split()
        return self.add(layer, op, *arguments, inputs=[value], part=part)


Read = Callable[[Reading, Layer, list[Any]], Value]


def word(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_-." else "_" for char in name)


def keys_of(found: Any) -> list[Any]:
    """Places of tensors: one, or a list of them."""
    if isinstance(found, dict):
        return [*found.values()]
    return [found] if found and isinstance(found[0], str) else [*found]


def key_of(one: Any) -> tuple[str, int, int]:
    name, call, place = one[:3]
    return str(name), int(call), int(place)


def stored_groups(layers: Sequence[Config], inside: str) -> list[str]:
    """Where Keras 3 keeps each layer's arrays: by class, and numbered."""
    met: dict[str, int] = {}
    found = []
    for layer in layers:
        word = snake(str(layer["class_name"]))
        number = met[word] = met.get(word, -1) + 1
        found.append(f"{inside}layers/{word}" + (f"_{number}" if number else ""))
    return [
        f"{each}/" if "layers" in layer["config"] else each for each, layer in zip(found, layers, strict=True)
    ]


def snake(name: str) -> str:
    """A class's name as Keras stores it.

    >>> snake("BatchNormalization"), snake("Conv2D"), snake("LSTM"), snake("GlobalAveragePooling2D")
    ('batch_normalization', 'conv2d', 'lstm', 'global_average_pooling2d')
    """

    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def embedded(layers: Sequence[Config]) -> set[str]:
    """The inputs that embeddings read: they hold token ids."""
    return {
        one[0]
        for layer in layers
        if layer["class_name"] == "Embedding"
        for reads, _ in calls_of(layer)
        for one in reads
        if isinstance(one, tuple)
    }


def calls_of(layer: Config) -> list[tuple[list[Any], Config]]:
    """What each call of a layer reads: places of tensors and plain numbers, and what is given by name."""
    found: list[tuple[list[Any], Config]] = []
    for node in layer.get("inbound_nodes", ()):
        if isinstance(node, dict):
            reads = [*tensors_in(node["args"])]
            named = {name: value for name, value in (node.get("kwargs") or {}).items() if tensors_in(value)}
            reads += [one for value in named.values() for one in tensors_in(value) if isinstance(one, tuple)]
            found.append((reads, dict.fromkeys(named)))
        else:  # Keras 2: [name, call, place, keywords] for each
            reads = [key_of(one) for one in ([node] if node and isinstance(node[0], str) else node)]
            found.append((reads, {}))
    return found


def tensors_in(given: Any) -> list[Any]:
    if isinstance(given, dict):
        if given.get("class_name") == "__keras_tensor__":
            return [key_of(given["config"]["keras_history"])]
        return []
    if isinstance(given, list | tuple):
        return [one for item in given for one in tensors_in(item)]
    return [given] if isinstance(given, int | float) and not isinstance(given, bool) else []
