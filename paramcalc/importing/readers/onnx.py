"""ONNX: a `.onnx` file, read without the `onnx` package and without its weights.

Sizes are worked out node by node, and whatever depends on sizes alone is computed: reshapes, slices and
masks that an exporter left in the graph. What depends on data becomes operations, as `source.py` lists
them, in the modules that the exporter's names or its metadata say.
"""

from __future__ import annotations

import ast
import mmap
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.protobuf import Message
from paramcalc.base.shape import CHANNELS, SPACE, Shape, image, vector
from paramcalc.base.tensors import BFLOAT, FLOATS, LARGEST, Tensor, tensor
from paramcalc.importing.readers import check_names
from paramcalc.importing.readers._layers import only
from paramcalc.importing.readers._onnx import OPS
from paramcalc.importing.readers._onnx.proof import proof
from paramcalc.importing.readers._onnx.state import Attributes, Constant, Data, Reading, Value, is_weight_name
from paramcalc.importing.readers._text import stem
from paramcalc.importing.source import Module, SourceNetwork

MEANING = "an ONNX file"
EXAMPLE = "model.onnx"
MOST_NODES = 500_000
FEW, MANY = 4096, 1 << 18  # numbers of a stored constant that are looked at: real ones, and whole ones
COMPUTED = re.compile(r"val_\d+|\d+")  # what exporters call what they have computed beforehand
NOT_ONNX = {
    b"\x80": "a pickle, which is not opened here",
    b"PK\x03\x04": "an archive",
    b"\x89PNG": "a picture",
}
CONTROL = {"If", "Loop", "Scan", "SequenceMap"}


def reads(source: str) -> bool:
    return source.endswith(".onnx")


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> SourceNetwork:
    try:
        with open(source, "rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:
        raise Fault(f"{source} is empty") from None
    except OSError as error:
        raise Fault(f"{source}: {error.strerror or error}") from None
    for begins, kind in NOT_ONNX.items():
        if bytes(data[: len(begins)]) == begins:
            raise Fault(f"{source} is {kind}, and no ONNX file")
    try:
        return _Graph(source, Message(data), inputs).source()
    except Fault as fault:
        if source not in fault.fact:
            fault.fact = f"{source}: {fault.fact}"
        raise


class _Node(NamedTuple):
    """A node as the file has it."""

    kind: str
    name: str
    inputs: list[str]
    outputs: list[str]
    attributes: Attributes
    modules: tuple[Module, ...]

    @property
    def called(self) -> str:
        return self.name or next(filter(None, self.outputs), "?")


class _Graph:
    def __init__(self, path: str, model: Message, sizes: Mapping[str, tuple[int, ...]]) -> None:
        graph = model.message(7)
        if graph is None:
            raise Fault("there is no graph in it: is it an ONNX file?")
        self.path, self.model, self.graph, self.sizes = path, model, graph, sizes
        versions = [(one.text(1), one.integer(2)) for one in model.messages(8)]
        self.version = next((version for domain, version in versions if domain in ("", "ai.onnx")), 1)
        self.reader = Reading(self.version)
        self.nodes: list[_Node] = []

    def source(self) -> SourceNetwork:
        stretches = self.graph.stretches(1)
        if len(stretches) > MOST_NODES:
            raise Fault(f"the graph has {len(stretches):,} nodes", expected=f"at most {MOST_NODES:,}")
        if self.model.stretches(25):
            raise Fault(
                "functions of the model's own are not read", fix="export without them: inline functions"
            )
        reader = self.reader
        for message in self.graph.messages(5):
            self.stored(message, message.text(8))
        nodes = self.nodes = [self.node(Message(stretch)) for stretch in stretches]
        inputs = self.inputs(nodes)
        for node in nodes:
            for name in node.inputs:
                reader.readers.setdefault(name, []).append(node)
        reader.wanted = {*reader.readers, *(one.text(1) for one in self.graph.messages(12))}
        fixed = {*reader.values} - {*inputs} | {""}
        first = []
        for node in nodes:
            if fixed.issuperset(node.inputs) and node.kind not in CONTROL:
                first.append(node)
                fixed |= {*node.outputs}
        later = {id(node) for node in first}
        for node in (*first, *(node for node in nodes if id(node) not in later)):
            self.run(node)
        outputs = {name: reader.meant(name) for name in (one.text(1) for one in self.graph.messages(12))}
        found = {
            name: value
            for name, value in outputs.items()
            if isinstance(reader.values.get(value), Data) and value not in reader.left
        }
        if not found:
            raise Fault("no output of the graph depends on an input")
        named = f"{Path(self.path).name}, ONNX of {self.model.text(2) or 'an unknown exporter'}"
        for kind, listed in (("stored numbers", reader.fixed), ("single numbers", reader.single)):
            if listed:
                shown = ", ".join([*listed][:3]) + (" ..." if len(listed) > 3 else "")
                total = sum(listed.values())
                reader.remarks.append(f"{total:,} {kind} are written as fixed, and are no params: {shown}")
        source = SourceNetwork(
            _word(self.graph.text(2)) or stem(self.path),
            named,
            inputs,
            tuple(reader.nodes),
            {_word(name) or f"output{place}": value for place, (name, value) in enumerate(found.items())},
            reader.weights,
            tuple(dict.fromkeys(reader.remarks)),
        )
        blank = sum(name in reader.weights and reader.weights[name].learned for name in reader.blank)
        return source._replace(proof=partial(proof, self.path, source, [*found], blank))

    # ------------------------------------------------------------------------------------- inputs

    def inputs(self, nodes: list[_Node]) -> dict[str, Shape]:
        reader = self.reader
        given = [one for one in self.graph.messages(11) if one.text(1) not in reader.values]
        if len(given) > 1:
            given = [one for one in given if not self.is_weight(one)]
        found: dict[str, Shape] = {}
        check_names(self.sizes, [one.text(1) for one in given])
        for one in given:
            name = one.text(1)
            kind, dims = _type(one)
            sizes = (
                self.sizes.get(name)
                or self.sizes.get(_word(name))
                or (only(self.sizes) if len(given) == 1 else ())
            )
            if sizes:
                dims = [1, *sizes]
            elif dims and (dims[0] is None or dims[0] < 1):
                dims = [1, *dims[1:]]
            if any(dim is None for dim in dims):
                shown = "x".join("?" if dim is None else str(dim) for dim in dims[1:])
                raise Fault(
                    f"the input '{name}' has sizes that are not fixed",
                    found=shown,
                    fix=f"give them without the batch: --input {'' if len(given) == 1 else name + '='}{_example(dims)}",
                )
            whole = tuple(dim or 1 for dim in dims)
            if max(whole, default=1) > LARGEST:
                raise Fault(f"the input '{name}' is too large", found="x".join(map(str, whole)))
            if len(whole) < 2:
                reader.values[name] = Data(whole or (1,), kind in FLOATS)
                continue  # a number that a user sets, not a tensor of the network
            readers = [node for node in nodes if name in node.inputs]
            if len(whole) == 2 and kind in FLOATS and self.is_signal(name):
                whole = (1, 1, whole[1])
                reader.signals.add(name)
            signal = name in reader.signals
            found[name] = image(*whole[1:]) if signal else _shape(whole, kind in FLOATS, readers)
            reader.values[name] = Data(whole, kind in FLOATS)
        if not found:
            raise Fault("the graph has no input with a batch")
        return found

    def is_signal(self, name: str) -> bool:
        """Whether an input is a row of samples, which becomes one channel before anything is computed."""
        while True:
            readers = [node for node in self.nodes if name in node.inputs]
            if len(readers) != 1 or readers[0].kind not in ("Pad", "Unsqueeze"):
                return False
            if readers[0].kind == "Unsqueeze":
                return True
            name = readers[0].outputs[0]

    def is_weight(self, info: Message) -> bool:
        """Whether an input stands for a weight of a file that has none; it is a constant then."""
        if not is_weight_name(info.text(1)):
            return False
        kind, dims = _type(info)
        is_float = kind in FLOATS
        self.reader.values[info.text(1)] = Constant(tuple(dim or 1 for dim in dims), None, is_float, is_float)
        return True

    # ------------------------------------------------------------------------------------ constants

    def stored(self, message: Message, name: str) -> Constant:
        """A constant of the file; its numbers are looked at if they are few, and may be sizes."""
        found = tensor(message, name)
        numbers = self.numbers(found) if found.elements <= (FEW if found.is_float else MANY) else None
        learned = found.is_float and found.elements > 1 and not COMPUTED.fullmatch(name)
        constant = Constant(found.dims, numbers, learned, found.is_float)
        self.reader.values[name] = constant
        return constant

    def numbers(self, found: Tensor) -> Any:
        import numpy as np

        if not found.code or found.kind == BFLOAT:
            return None
        data, size = found.data(Path(self.path)), np.dtype(found.code).itemsize
        if not len(data):
            return None  # a file without its weights
        if len(data) != found.elements * size:
            raise Fault(
                f"the tensor '{found.name}' has {len(data):,} bytes instead of {found.elements * size:,}",
                fix="is the file cut off?",
            )
        numbers = np.frombuffer(data, found.code)
        return numbers.astype("f8" if found.is_float else "i8").reshape(found.dims)

    # --------------------------------------------------------------------------------------- nodes

    def node(self, message: Message) -> _Node:
        attributes = Attributes({})
        name = message.text(3)
        for one in message.messages(5):
            key, kind = one.text(1), one.integer(20)
            value: Any = None
            if kind == 1 or 2 in one.fields:
                value = one.floats(2)[-1] if one.floats(2) else 0.0
            if kind == 2 or 3 in one.fields:
                value = one.integer(3)
            if kind == 3 or 4 in one.fields:
                value = one.text(4)
            if kind == 4 or 5 in one.fields:
                inner = one.message(5)
                value = None if inner is None else self.stored(inner, f"{name or message.texts(2)[:1]}:{key}")
            if kind == 5 or 6 in one.fields:
                value = one.message(6)
            if kind == 6 or 7 in one.fields:
                value = one.floats(7)
            if kind == 7 or 8 in one.fields:
                value = one.integers(8)
            if kind == 8 or 9 in one.fields:
                value = one.texts(9)
            attributes.values[key] = value
        modules = _modules(name, message.pairs(9) if 9 in message.fields else {})
        return _Node(message.text(4), name, message.texts(1), message.texts(2), attributes, modules)

    def run(self, node: _Node) -> None:
        reader = self.reader
        reader.here = node
        inputs: list[Value | None] = [self.value(name, node) if name else None for name in node.inputs]
        if node.kind == "If" and isinstance(inputs[0], Constant) and inputs[0].numbers is not None:
            self.branch(node, bool(inputs[0].numbers.reshape(-1)[0]))
            return
        if node.kind in CONTROL:
            raise Fault(
                f"{node.kind} '{node.called}' runs other nodes depending on data, which has no one count",
                fix="export the network with the condition fixed",
            )
        rule = OPS.get(node.kind)
        if rule is None:
            reader.unknown(node.kind, inputs)
            return
        try:
            rule(reader, node.attributes, inputs)
        except Fault as fault:
            if node.called not in fault.fact:
                fault.fact = f"{node.kind} '{node.called}': {fault.fact}"
            raise
        except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError):
            raise Fault(
                f"{node.kind} '{node.called}' is not as ONNX defines it", found=_described(node, inputs)
            ) from None

    def branch(self, node: _Node, condition: bool) -> None:
        """The branch of an If whose condition depends on sizes alone, as if its nodes were those of the graph."""
        graph = node.attributes.get("then_branch" if condition else "else_branch")
        if not isinstance(graph, Message):
            raise Fault(f"If '{node.called}' lacks a branch")
        for message in graph.messages(5):
            self.stored(message, message.text(8))
        inner = [self.node(Message(stretch)) for stretch in graph.stretches(1)]
        for one in inner:
            for name in one.inputs:
                self.reader.readers.setdefault(name, []).append(one)
        for one in inner:
            self.run(one)
        for given, found in zip(node.outputs, (one.text(1) for one in graph.messages(12)), strict=False):
            self.reader.alias[given] = found
            self.reader.values[given] = self.value(found, node)

    def value(self, name: str, node: _Node) -> Value:
        if name not in self.reader.values:
            later = any(name in one.outputs for one in self.nodes)
            why = "a later node gives: the nodes go round, or are out of order" if later else "no node gives"
            raise Fault(f"{node.kind} '{node.called}' reads '{name}', which {why}")
        return self.reader.values[name]


def _described(node: _Node, inputs: list[Value | None]) -> str:
    """What a node reads, and its attributes."""
    sizes = ["x".join(map(str, one.dims)) or "a number" if one is not None else "nothing" for one in inputs]
    given = [f"{name}={value}" for name, value in node.attributes.values.items()]
    return f"{', '.join(sizes) or 'no input'}; {', '.join(given) or 'no attributes'}"[:200]


def _example(dims: list[int | None]) -> str:
    """Sizes such as those that are sizes for."""
    usual = {3: (512,), 4: (224, 224)}.get(len(dims), (128,) * len(dims))
    open_sizes = iter(usual)
    return "x".join(str(next(open_sizes, 224) if dim is None else dim) for dim in dims[1:])


def _type(info: Message) -> tuple[int, list[int | None]]:
    """The kind of an input's numbers, and its sizes; None for one that is not fixed."""
    tensor = Message(memoryview(b""))
    if (outer := info.message(2)) is not None and (inner := outer.message(1)) is not None:
        tensor = inner
    shape = tensor.message(2)
    dims: list[int | None] = []
    for dim in shape.messages(1) if shape is not None else ():
        value = dim.integer(1, -1)
        dims.append(value if value > 0 else None)
    return tensor.integer(1), dims


def _shape(dims: tuple[int, ...], is_float: bool, readers: list[_Node]) -> Shape:
    """An input's axes: images have their channels first, unless they are turned first of all."""
    sizes = dims[1:]
    if not is_float:
        return Shape(SPACE[min(len(sizes), 3)][: len(sizes)], sizes)
    if len(sizes) == 1:
        return vector(*sizes)
    turned = [node.attributes.values.get("perm") for node in readers if node.kind == "Transpose"]
    if turned and turned[0] == [0, len(sizes), *range(1, len(sizes))] and len(sizes) > 1:
        return Shape((*SPACE[len(sizes) - 1], CHANNELS), sizes)
    if len(sizes) == 2 and not any(node.kind in ("Conv", "BatchNormalization") for node in readers):
        return Shape(("length", CHANNELS), sizes)
    if len(sizes) > 4:
        raise Fault("an input has more than four axes besides the batch", found="x".join(map(str, dims)))
    return image(*sizes)


def _modules(name: str, metadata: Mapping[str, str]) -> tuple[Module, ...]:
    """The modules that an exporter says a node was called in.

    >>> [module.path for module in _modules("/layer1/layer1.0/conv1/Conv", {})]
    ['layer1', 'layer1.0', 'layer1.0.conv1']
    """
    scopes = metadata.get("pkg.torch.onnx.name_scopes", "")
    if scopes:
        kinds = metadata.get("pkg.torch.onnx.class_hierarchy", "")
        try:
            paths, classes = ast.literal_eval(scopes), ast.literal_eval(kinds) if kinds else []
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return ()
        pairs = list(zip(paths, [*classes, *[""] * len(paths)], strict=False))[:-1]
        return tuple(Module(str(path), str(kind).rpartition(".")[2]) for path, kind in pairs if path)
    parts = [part for part in name.split("/") if part][:-1]
    found: list[str] = []
    before = ""
    for part in parts if name.startswith("/") or len(parts) > 1 else ():
        if found and part.startswith(f"{before}."):
            found.append(found[-1] + part[len(before) :])
        else:
            found.append(f"{found[-1]}.{part}" if found else part)
        before = part
    return tuple(Module(path) for path in found)


def _word(name: str) -> str:
    return "".join(char if char.isalnum() or char in "_-" else "_" for char in name)[:80].strip("_")
