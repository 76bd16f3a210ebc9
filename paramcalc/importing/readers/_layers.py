"""What readers of sources that know layers share: nodes of ops, with shapes and weights as they follow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, Problem, Source, SpecError, near
from paramcalc.base.shape import Shape
from paramcalc.importing import source as network
from paramcalc.importing.source import Module, SourceNode, Value, Weight
from paramcalc.ops.attributes import op

LARGEST = 10**15  # elements of a tensor


class Layers:
    """Nodes of ops one after the other; the shape of each value is known as soon as it is added.

    `text` is the file, for the places of problems: `at` of a layer is where it has it.
    """

    def __init__(self, text: Source) -> None:
        self.text = text
        self.inputs: dict[str, Shape] = {}
        self.shapes: dict[Value, Shape] = {}
        self.nodes: list[SourceNode] = []
        self.weights: dict[str, Weight] = {}
        self.remarks: list[str] = []

    def input(self, name: str, shape: Shape) -> Value:
        self.inputs[name] = self.shapes[name] = shape
        return name

    def add(
        self,
        value: Value,
        name: str,
        *given: Any,
        inputs: Sequence[Value],
        modules: tuple[Module, ...],
        at: tuple[int, int],
        weights: Mapping[str, str] | None = None,
        **named: Any,
    ) -> Value:
        """Adds a call of an op by its name; the value, which gets another name where that one is taken.

        Weights that `weights` does not name are called after the value.
        """
        try:
            call = op(name, *given, **named)
            shapes = tuple(self.shapes[read] for read in inputs)
            shape = call.shape(*shapes)
            if shape.elements > LARGEST:
                raise Fault(f"{name} gives more than 10^15 elements", found=str(shape))
            learned, kept = call.weights(*shapes), call.buffers(*shapes)
        except Fault as fault:
            raise self.wrong(
                at, f"{modules[-1].path if modules else value}: {fault.fact}", fault.notes()
            ) from None
        value = self.unique(value)
        names = {each: (weights or {}).get(each, f"{value}.{each}") for each in (*learned, *kept)}
        for each, dims in {**learned, **kept}.items():
            self.weights.setdefault(names[each], Weight(dims, each in learned))
        place = f"{self.text.name}:{self.text.position(at[0])[0]}" if self.text.text else ""
        self.nodes.append(SourceNode(value, call, tuple(inputs), modules=modules, weights=names, place=place))
        self.shapes[value] = shape
        return value

    def needed(self, values: set[Value]) -> list[SourceNode]:
        """The nodes that values depend on, in order."""
        kept: list[SourceNode] = []
        for node in reversed(self.nodes):
            if node.value in values:
                kept.append(node)
                values.update(str(read) for read in node.inputs)
        return kept[::-1]

    def unique(self, value: Value) -> Value:
        number, name = 1, value
        while value in self.shapes:
            number += 1
            value = f"{name}@{number}"
        return value

    def wrong(self, at: tuple[int, int], fact: str, notes: Sequence[str] = ()) -> SpecError:
        """A mistake at a place of the file."""
        return SpecError([Problem(self.text, *at, fact, tuple(notes))])

    def source(
        self,
        name: str,
        note: str,
        outputs: Mapping[str, Value],
        auxiliary: Mapping[str, Value] | None = None,
    ) -> network.SourceNetwork:
        kept = self.needed({*outputs.values(), *(auxiliary or {}).values()})
        return network.SourceNetwork(
            name,
            note,
            self.inputs,
            grouped(kept),
            outputs,
            self.weights,
            tuple(self.remarks),
            auxiliary=auxiliary or {},
        )


def modules(path: str, kind: str) -> tuple[Module, ...]:
    """The parts of a path such as `inception_3a/1x1` as modules, from the outside in.

    >>> [module.path for module in modules("inception_3a/1x1", "Convolution")]
    ['inception_3a', 'inception_3a.1x1']
    """
    parts = [part.replace(".", "_") for part in path.split("/") if part] or ["layer"]
    paths = [".".join(parts[: place + 1]) for place in range(len(parts))]
    return (*(Module(each) for each in paths[:-1]), Module(paths[-1], kind))


_LETTERS, _DIGITS = re.compile(r"[A-Za-z]+[A-Za-z0-9]*"), re.compile(r"\d+")
_BESIDE = re.compile(
    r"(?:bn|scale|relu|norm|elt|eltwise)_?(?=\d)"
)  # layers named after the one they belong to
FEWEST = 2  # layers that make a group


def grouped(nodes: Sequence[SourceNode]) -> tuple[SourceNode, ...]:
    """Groups from names such as `conv2_block1_1_conv`, where a source has no other: words that end in a number.

    What has such a word in common, and follows one another, is a group of that name. A layer whose name
    says no more than what it is (`add_12`) belongs to the one before it.
    """
    if not all(node.modules for node in nodes):
        return tuple(nodes)
    names = [node.modules[0].path.partition("@")[0] for node in nodes]
    said = {name: _says_kind(name, node) for name, node in zip(names, nodes, strict=True)}
    given = [name for name in said if not said[name]]
    front = next((place for place, chars in enumerate(zip(*given, strict=False)) if len({*chars}) > 1), 0)
    common = given[0][: given[0].rfind("_", 0, front) + 1] if len(given) > 1 else ""
    stems = _stems([name.removeprefix(common) for name in given])
    words: dict[str, Words] = {}
    before = Words((), "")
    for name in said:
        before = words[name] = (
            before._replace(rest=name) if said[name] else _numbered(name.removeprefix(common), stems)
        )
    lots: dict[tuple[str, ...], list[int]] = {}
    for place, name in enumerate(said):
        for depth in range(1, len(words[name].numbered) + 1):
            lots.setdefault(words[name].numbered[:depth], []).append(place)
    kept = {
        lot for lot, places in lots.items() if len(places) >= FEWEST and places[-1] - places[0] < len(places)
    }
    return tuple(_inside(node, words[name], kept) for node, name in zip(nodes, names, strict=True))


class Words(NamedTuple):
    """A name: the words at its front that end in a number, and what is left."""

    numbered: tuple[str, ...]
    rest: str


def _inside(node: SourceNode, words: Words, kept: set[tuple[str, ...]]) -> SourceNode:
    """The node in those of its groups that are kept; its own modules are renamed to be inside of them."""
    around = [words.numbered[:depth] for depth in range(1, len(words.numbered) + 1)]
    around = [lot for lot in around if lot in kept]
    if not around:
        return node
    outer = [Module(".".join(lot), re.sub(r"[_\d].*", "", lot[-1])) for lot in around]
    first, call = node.modules[0], node.modules[0].path.partition("@")[2]
    left = "_".join(filter(None, [*words.numbered[len(around[-1]) :], words.rest])) or first.kind.lower()
    path = f"{outer[-1].path}.{left}" + (f"@{call}" if call else "")
    inner = (Module(path + module.path.removeprefix(first.path), module.kind) for module in node.modules)
    return node._replace(modules=(*outer, *inner))


def _says_kind(name: str, node: SourceNode) -> bool:
    """Whether a name was made from the layer's class.

    >>> from paramcalc.ops.attributes import op
    >>> inside = (Module("x", "BatchNormalization"),)
    >>> _says_kind("batch_normalization_3", SourceNode("x", op("relu"), (), modules=inside))
    True
    """
    kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", node.modules[0].kind)
    kind = re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()
    return re.fullmatch(rf"{re.escape(kind)}(_\d+)?", name.lower()) is not None


def _stems(names: Sequence[str]) -> dict[str, str]:
    """What has a number that layers beside it are named after: res2a for bn2a and scale2a."""
    found: dict[str, str] = {}
    for name in names:
        word = re.match(r"[A-Za-z]+(\d\w*?)(?=_|$)", name)
        if word and not _BESIDE.match(name):
            found.setdefault(word[1], word[0])
    return found


def _numbered(name: str, stems: Mapping[str, str]) -> Words:
    """The words at the front of a name that end in a number, at once or after a `_`.

    >>> _numbered("conv2_block1_1_conv", {})
    Words(numbered=('conv2', 'block1'), rest='1_conv')
    >>> _numbered("stage_0_block_3_gelu", {}).numbered
    ('stage_0', 'block_3')
    >>> _numbered("bn2a_branch1", {"2a": "res2a"})
    Words(numbered=('res2a', 'branch1'), rest='bn')
    """
    beside = _BESIDE.match(name)
    parts = name[beside.end() :].split("_") if beside else name.split("_")
    rest = [beside[0]] if beside and parts[0] in stems else []
    if beside:
        parts[0] = stems.get(parts[0], beside[0] + parts[0])
    found: list[str] = []
    while parts:
        word, *after = parts
        if _LETTERS.fullmatch(word) and any(char.isdigit() for char in word):
            found.append(word)
            parts = after
        elif _LETTERS.fullmatch(word) and after and _DIGITS.fullmatch(after[0]):
            found.append(f"{word}_{after[0]}")
            parts = after[1:]
        else:
            break
    return Words(tuple(found), "_".join([*rest, *parts]))


def only(sizes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The sizes that are given without the name of an input; () if there are none."""
    return sizes.get("", ()) or (sizes.get("input", ()) if len(sizes) == 1 else ())


def exact(value: float) -> Any:
    """The number that a file means: one of few digits, or a fraction such as 1/255.

    >>> exact(0.1), exact(0.00392156862745098), exact(3.0)
    (Fraction(1, 10), Fraction(1, 255), 3)
    """
    found = Fraction(repr(float(value)))
    short = found.limit_denominator(10**5)
    if abs(short - found) <= abs(found) * Fraction(1, 10**12):
        found = short
    return int(found) if found.denominator == 1 else found


def unknown(kind: str, known: Sequence[str], what: str) -> tuple[str, tuple[str, ...]]:
    """The fact and the notes about a layer of a type that has no counterpart."""
    return f"{what} '{kind}' has no counterpart here", tuple(filter(None, [near(kind, known)]))
