"""A network as source of PyTorch to be read: groups are classes, repeats loops, weights named by path."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from paramcalc.base.errors import Fault
from paramcalc.count.report import Report
from paramcalc.engine.graph import Graph, Layer
from paramcalc.export.classes import Form, Forms, Part, camel, class_names, identifier, steps, unique
from paramcalc.export.torch_layers import Use, routed, use, weight_name
from paramcalc.export.tree import JOINED, Leaf, tree

WIDTH = 110
INDENT = "    "
PLAIN = {
    "math": "import math",
    "OrderedDict": "from collections import OrderedDict",
    "Any": "from typing import Any",
}
TORCH = {
    "torch": "import torch",
    "Tensor": "from torch import Tensor",
    "nn": "from torch import nn",
    "F": "from torch.nn import functional as F  # noqa: N812",
}
AFTER, BOTH = "from torch import Tensor\nfrom torch import nn", "from torch import Tensor, nn"
MODULES = Path(__file__).with_name("torch_modules.txt")


def pytorch(graph: Graph, head: str = "") -> str:
    """The text of a module with a class for the network, which is the last one.

    >>> from paramcalc import parse
    >>> text = pytorch(parse("{name: toy, input: 1x28x28, layers: [flatten, linear 10, relu]}").graph())
    >>> print(text[text.index("class") :], end="")
    class Toy(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(
                OrderedDict({
                    "flatten": nn.Flatten(),
                    "linear": nn.Linear(784, 10),
                    "relu": nn.ReLU(),
                })
            )
    """
    return _Writer(graph).text(head)


def document(report: Report) -> str:
    """The same with a first line that says what it is."""
    sizes = " and ".join(map(str, report.graph.inputs.values()))
    totals = f"{report.params:,} params, {report.macs:,} MACs for an input of {sizes}"
    name = re.sub(r"[^\w.-]", "_", report.graph.model)
    return pytorch(report.graph, f"{name}, written by paramcalc: {totals}.")


def weight_names(graph: Graph) -> dict[str, str]:
    """The name of each weight and buffer in the `state_dict` of the exported module, by its path here."""
    return _Writer(graph).weights()


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph = routed(graph)
        try:
            self.tree = tree(graph)
            self.forms = Forms(self.tree)
        except Fault as fault:
            raise self._located(fault) from None
        self.forms.root.group = self.forms.root.group._replace(block=camel(graph.model))
        taken = {*_texts(), "OrderedDict", "Any", "Tensor"}
        self.classes = [*class_names(self.forms, taken)]

    def _located(self, fault: Fault) -> Fault:
        """The fault with the first layer that it is about."""
        for layer in self.graph.layers:
            try:
                use(layer.applied)
            except Fault as found:
                found.fact = f"{layer.path}: {found.fact}"
                return found
        return fault

    def text(self, head: str) -> str:
        body = "\n\n\n".join("\n".join(self.definition(form)) for form in self.classes)
        used = [text for name, text in _needed(body)]
        whole = "\n\n\n".join([*used, body])
        names = {node.id for node in ast.walk(ast.parse(whole)) if isinstance(node, ast.Name)}
        lines = [f'"""{head}"""', ""] if head else []
        lines += ["from __future__ import annotations", ""]
        plain = [text for name, text in PLAIN.items() if name in names]
        lines += [*plain, ""] if plain else []
        lines += [text for name, text in TORCH.items() if name in names or name == "nn"]
        return "\n".join(lines).replace(AFTER, BOTH) + f"\n\n\n{whole}\n"

    # --------------------------------------------------------------------------------------- classes

    def definition(self, form: Form) -> Iterator[str]:
        is_root = form is self.forms.root
        base = "nn.Sequential" if form.is_chain else "nn.ModuleList" if form.group.numbered else "nn.Module"
        yield f"class {form.name}({base}):"
        given = "".join(f", {name}: {type_of(form, place)}" for name, place in form.parameters)
        yield from (INDENT + line for line in folded(f"def __init__(self{given}) -> None:"))
        yield from (INDENT * 2 + line for line in self.made(form, base))
        if is_root:
            yield from (INDENT * 2 + line for line in self.ties())
        if base != "nn.Sequential":
            yield ""
            yield from (INDENT + line for line in self.forward(form, is_root))

    def made(self, form: Form, base: str) -> Iterator[str]:
        """The body of `__init__`."""
        values = form.values()
        if base == "nn.Sequential":
            (first, *inner) = self.sequential(form, values, "super().__init__")
            yield first
            yield from inner
            return
        if base == "nn.ModuleList":
            yield from self.rounds(form, values, "super().__init__([", "])")
            return
        yield "super().__init__()"
        for part in form.parts:
            for name, lines in self.modules(part, values):
                yield from _assigned(f"self.{name} = ", lines)

    def modules(self, part: Part, values: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """The modules of a part, each with the lines that make it."""
        own = values[part.first : part.first + part.size]
        if isinstance(part.what, Form):
            yield part.name, self.module(part.what, own)
            return
        for name, step in steps(part):
            texts, own = own[: len(step.arguments)], own[len(step.arguments) :]
            given = []
            for argument, text in zip(step.arguments, texts, strict=True):
                if text == repr(argument.default):
                    continue
                is_placed = not isinstance(argument.default, int | float | str | tuple | None)
                given.append(text if is_placed else f"{argument.name}={text}")
            yield name, [f"{step.kind}({', '.join(given)})"]

    def module(self, form: Form, values: Sequence[str]) -> list[str]:
        """The lines that make a group."""
        if form.name:
            return [f"{form.name}({', '.join(values[place] for _, place in form.parameters)})"]
        return [*self.sequential(form, values, "nn.Sequential")]

    def sequential(self, form: Form, values: Sequence[str], call: str) -> Iterator[str]:
        """Modules one after the other: rounds by their numbers, others by name."""
        if form.group.numbered:
            yield from self.rounds(form, values, f"{call}(", ")")
            return
        yield f"{call}("
        yield f"{INDENT}OrderedDict({{"
        for part in form.parts:
            for name, lines in self.modules(part, values):
                named = _assigned(f'"{name}": ', lines)
                yield from (INDENT * 2 + line for line in _ended(named, ","))
        yield f"{INDENT}}})"
        yield ")"

    def rounds(self, form: Form, values: Sequence[str], begin: str, end: str) -> Iterator[str]:
        """The rounds of a repeat: a loop where they are made alike."""
        made = [self.round(part, values) for part in form.parts]
        yield begin
        while made:
            lines, loop, count = _run(made)
            if loop:
                looped = _ended([f"*({lines[0]}", *lines[1:]], f" for {loop})")
                yield from (INDENT + line for line in _ended(looped, "," if len(form.parts) > count else ""))
            else:
                yield from (INDENT + line for line in _ended(lines, ","))
            del made[:count]
        yield end

    def round(self, part: Part, values: Sequence[str]) -> list[str]:
        found = [*self.modules(part, values)]
        if len(found) == 1:
            return found[0][1]
        inner = [line for _, lines in found for line in _ended(lines, ",")]
        return ["nn.Sequential(", *(INDENT + line for line in inner), ")"]

    # --------------------------------------------------------------------------------------- forward

    def forward(self, form: Form, is_root: bool) -> Iterator[str]:
        taken = {"self"}
        inputs = [*self.inputs(form, is_root, taken)]
        typed = ", ".join(f"{name}: Tensor" for name in inputs)
        gives = "Tensor" if len(form.results) == 1 else f"tuple[{', '.join(['Tensor'] * len(form.results))}]"
        yield from folded(f"def forward(self, {typed}) -> {gives}:")
        if not is_root and form.group.numbered and (lines := self.loop(form, inputs)):
            yield from lines
            return
        names: dict[tuple[int, int], str] = {(-1, place): name for place, name in enumerate(inputs)}
        last = {read: number for number, part in enumerate(form.parts) for read in part.reads}
        last |= dict.fromkeys(form.results, len(form.parts))
        for number, part in enumerate(form.parts):
            read = [names[one] for one in part.reads]
            free = [name for one, name in zip(part.reads, read, strict=True) if last[one] == number]
            call = self.call(form, part, read)
            gives_results = [(number, place) for place in range(part.gives)]
            if number == len(form.parts) - 1 and form.results == tuple(gives_results):
                yield INDENT + f"return {call}"
                return
            for one in gives_results:
                taken -= {*free}
                reused = "x" if "x" not in taken else free[0] if free and part.gives == 1 else ""
                names[one] = unique(reused or self.variable(part), taken)
                free = []
            yield INDENT + f"{', '.join(names[one] for one in gives_results)} = {call}"
        yield INDENT + f"return {', '.join(names[one] for one in form.results)}"

    def inputs(self, form: Form, is_root: bool, taken: set[str]) -> Iterator[str]:
        for place, value in enumerate(form.group.inputs):
            words = [word for word in self.graph.name(value).split("/") if not word.isdecimal()]
            single = place == 0 and (not is_root or len(form.group.inputs) == 1)
            yield unique("x" if single or not words else identifier(words[-1]), taken)

    def variable(self, part: Part) -> str:
        return f"x_{part.name}" if part.name.isdecimal() else part.name

    def call(self, form: Form, part: Part, read: list[str]) -> str:
        listed = ", ".join(read)
        if isinstance(part.what, Use) and part.what.expression:
            return part.what.expression.format(*read, all=listed)
        names = [part.name] if isinstance(part.what, Form) else [name for name, _ in steps(part)]
        if form.group.numbered:
            return f"self[{form.parts.index(part)}]({listed})"  # rounds may hold nothing
        call = listed
        for name in names:
            call = f"self.{name}({call})"
        return call

    def loop(self, form: Form, inputs: list[str]) -> list[str]:
        """All rounds alike: each takes what the one before gives, and the same other tensors."""
        for number, part in enumerate(form.parts):
            first: tuple[int, int] = (number - 1, 0) if number else (-1, 0)
            others = tuple((-1, place) for place in range(1, len(inputs)))
            if part.reads != (first, *others) or part.gives != 1 or isinstance(part.what, Use):
                return []
        if form.results != ((len(form.parts) - 1, 0),):
            return []
        return [
            f"{INDENT}for layer in self:",
            f"{INDENT * 2}{inputs[0]} = layer({', '.join(inputs)})",
            f"{INDENT}return {inputs[0]}",
        ]

    # ------------------------------------------------------------------------------- shared, frozen

    def ties(self) -> Iterator[str]:
        """The lines that tie shared weights, and freeze the weights that training does not change."""
        layers = {layer.path: layer for layer in self.graph.layers}
        for layer in self.graph.layers:
            if layer.auxiliary:
                continue
            place = self.attribute(layer)
            if layer.again and (layer.applied.weights or layer.applied.buffers):
                yield f"{place} = {self.attribute(layers[layer.again])}"
            elif layer.shared and not layer.again:
                for name, owner in layer.shared.items():
                    mine, theirs = (self.kept(one, name) for one in (layer, layers[owner]))
                    yield f"{place}.{mine} = {self.attribute(layers[owner])}.{theirs}"
            if layer.frozen and layer.applied.weights:
                yield f"{place}.requires_grad_(False)"

    def kept(self, layer: Layer, weight: str) -> str:
        kind = next(step.kind for step in use(layer.applied).steps if not step.word)
        return weight_name(kind, weight)

    def attribute(self, layer: Layer) -> str:
        """The module of a layer as an attribute of the network."""
        words = self.where(layer)
        return "self" + "".join(f"[{word}]" if word.isdecimal() else f".{word}" for word in words)

    def where(self, layer: Layer) -> list[str]:
        """The names of the modules that a layer is in, and its own."""
        form, found = self.forms.root, []
        group = self.tree
        words = [*layer.path.split("/"), JOINED]
        for word in words:
            place = next(place for place, part in enumerate(group.parts) if part.name == word)
            found.append(form.parts[place].name)
            part, what = group.parts[place], form.parts[place].what
            if isinstance(part, Leaf) or isinstance(what, Use):
                break
            group, form = part, what
        return found

    def weights(self) -> dict[str, str]:
        """The name in the module's `state_dict` of each weight and buffer, by its path in the spec."""
        found = {}
        for layer in self.graph.layers:
            if layer.auxiliary or layer.again:
                continue
            for name in (*layer.applied.weights, *layer.applied.buffers):
                if name not in layer.shared:
                    found[f"{layer.path}/{name}"] = ".".join([*self.where(layer), self.kept(layer, name)])
        return found


def _run(made: list[list[str]]) -> tuple[list[str], str, int]:
    """The rounds at the front that one loop makes: the lines of one, the loop's head, how many they are.

    They are equal, or one of their numbers goes up, or down, in equal steps.

    >>> _run([["Layer(64, 32)"], ["Layer(96, 32)"], ["Layer(128, 32)"], ["Layer(8, 8)"]])
    (['Layer(n, 32)'], 'n in range(64, 160, 32)', 3)
    """
    same = next((place for place, lines in enumerate(made) if lines != made[0]), len(made))
    if same > 1 or len(made) < 3 or len(made[0]) > 1:
        return made[0], f"_ in range({same})" if same > 1 else "", same
    pieces = [re.split(r"(\b\d+\b)", lines[0]) for lines in made if len(lines) == 1]
    first, second = pieces[:2] if len(pieces) > 1 else (pieces[0], [])
    varying = [place for place, (one, two) in enumerate(zip(first, second, strict=False)) if one != two]
    if len(first) != len(second) or len(varying) != 1 or not first[varying[0]].isdecimal():
        return made[0], "", 1
    (place,) = varying
    start, step = int(first[place]), int(second[place]) - int(first[place])
    count = 0
    for lines in made:
        if lines != ["".join([*first[:place], str(start + count * step), *first[place + 1 :]])]:
            break
        count += 1
    if count < 3:
        return made[0], "", 1
    line = "".join([*first[:place], "n", *first[place + 1 :]])
    return [line], f"n in range({start}, {start + count * step}, {step})", count


def type_of(form: Form, place: int) -> str:
    """The type of a parameter that stands for a column of numbers."""
    types = dict.fromkeys(type(row[place]).__name__ for row in form.rows)
    each = (
        "tuple[int, ...]" if name == "tuple" else "None" if name == "NoneType" else name for name in types
    )
    return " | ".join(each)


def _assigned(begin: str, lines: list[str]) -> list[str]:
    if len(lines) == 1:
        return [*folded(begin + lines[0])]
    return [begin + lines[0], *lines[1:]]


def _ended(lines: Sequence[str], end: str) -> list[str]:
    return [*lines[:-1], lines[-1] + end]


def folded(line: str) -> Iterator[str]:
    """A line that is too long, broken at its first bracket and then between arguments."""
    if len(line) <= WIDTH - 2 * len(INDENT):
        yield line
        return
    begin, bracket, rest = line.partition("(")
    inner, _, end = rest.rpartition(")")
    yield begin + bracket
    row = ""
    for piece in inner.split(", "):
        if row and len(row) + len(piece) > WIDTH - 4 * len(INDENT):
            yield f"{INDENT}{row.rstrip()}"
            row = ""
        row += f"{piece}, "
    yield f"{INDENT}{row.rstrip().rstrip(',')}"
    yield f"){end}"


@lru_cache(maxsize=1)
def _texts() -> dict[str, str]:
    """The classes of `torch_modules.txt` by name."""
    text = MODULES.read_text(encoding="utf-8")
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    return {node.name: ast.get_source_segment(text, node) or "" for node in classes}


def _needed(body: str) -> list[tuple[str, str]]:
    """The classes that a text calls, and the classes that these call, in the order of the file."""
    texts = _texts()
    words = set(re.findall(r"(?<![\w.])\w+(?=\()", body))
    found: set[str] = set()
    waiting = [name for name in texts if name in words]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            bases = re.search(r"\((.*?)\):", texts[name])
            waiting += [base for base in (bases[1] if bases else "").split(", ") if base in texts]
    return [(name, text) for name, text in texts.items() if name in found]
