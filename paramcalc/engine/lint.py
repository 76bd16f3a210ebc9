"""Remarks on legal specs that are probably mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from math import prod
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, Problem
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.engine.graph import Graph, Layer
from paramcalc.engine.scope import Frame, Scope, UnknownError, Viewpoint
from paramcalc.language.expression import Expression
from paramcalc.language.lines import words as split_words
from paramcalc.language.spec import Call, Chain, Input, Item, Join, Named, Repeat, Spec, Step, inner
from paramcalc.language.unread import read_names, unread
from paramcalc.language.values import Value
from paramcalc.ops.attributes import shown

MOST_COLOURS = 3  # channels of a picture
JUST_THERE = ("x", "identity")
KEEP = "to keep an earlier tensor, name it: '- entry: identity'"
NEAR = 60  # lines below two in which their product is looked for: a long chain is not walked once a line
PRODUCTS = {"multiply", "matmul", "einsum", "cross_attention", "selective_scan"}
SUMS = {"add", "subtract", "concat", "maximum", "minimum"}
LARGEST_KERNEL = 31  # that networks have
MOST_RECURRENT = 8  # layers, of one op


def remarks(spec: Spec, graph: Graph) -> tuple[Problem, ...]:
    """All remarks on a spec and the network that it gives."""
    return (
        *unread(spec),
        *side_by_side(spec),
        *graph.doubts,
        *first_arguments(graph),
        *biases_of_shared(graph),
        *scores_twice(graph),
    )


# ------------------------------------------------------------------------------------------ inputs


def channels_last(spec: Spec, inputs: Mapping[str, Shape]) -> Iterator[Problem]:
    """A remark on each input that is written like a picture with its colours last."""
    for name, shape in inputs.items():
        declared, dims = spec.inputs[name], shape.dims
        if declared.choice or declared.axes or len(dims) != 3 or not all(type(size) is int for size in dims):
            continue
        one, two, colours = dims
        if one == two > MOST_COLOURS and colours in (1, MOST_COLOURS):
            fact = f"the input '{name}' has {one} channels of {two}x{colours}: sizes are channels first"
            fix = f"write {colours}x{one}x{two}; or name the axes: {{height: {one}, width: {two}, channels: {colours}}}"
            width = len(declared.sizes.text) if isinstance(declared.sizes, Expression) else 1
            yield Problem(declared.source, declared.at, declared.at + width, fact, (fix,))


def knobs_left_behind(spec: Spec, graph: Graph) -> Iterator[str]:
    """A remark for each knob that something else than the inputs reads, and that an input no longer is."""
    sizes: dict[str, set[int]] = {}
    for source, declared in spec.inputs.items():
        for name, size in zip(_written_sizes(declared), graph.inputs[source].dims, strict=False):
            if isinstance(graph.knobs.get(name), int) and graph.knobs[name] != size:
                sizes.setdefault(name, set()).add(size)
    read = read_names(spec._replace(inputs={})) if sizes else set()
    for name, others in sizes.items():
        if name in read:
            both = f" (--set {name}={others.pop()} changes both)" if len(others) == 1 else ""
            yield f"--input changes the size of the input only; knob {name} stays {graph.knobs[name]}{both}"


def _written_sizes(declared: Input) -> list[str]:
    """The sizes of an input as they are written."""
    sizes = declared.sizes or tuple(axis.value for axis in declared.axes)
    each = (sizes,) if isinstance(sizes, Expression) else sizes
    return [one.text if isinstance(one, Expression) else "" for one in each]


# ------------------------------------------------------------------------------- what a line reads


def heads_in_a_row(spec: Spec) -> Iterator[Problem]:
    """A remark on each output that reads the output on the line above it, which has the same op first.

    Both are mostly meant to read the line before them; stages of a backbone begin otherwise.
    """
    names = {str(reference) for reference in spec.outputs.references}
    if len(names) > 1:
        yield from _in_a_row(spec.layers, "", names, spec)


def _in_a_row(chain: Chain, prefix: str, names: set[str], spec: Spec) -> Iterator[Problem]:
    """The same in one group, and in those below it."""
    for item in chain.items:
        if isinstance(item, Named) and f"{prefix}{item.name}" not in names:
            yield from _in_a_row(item.chain, f"{prefix}{item.name}/", names, spec)
    for one, two in pairwise(chain.items):
        if not (isinstance(one, Named) and isinstance(two, Named)):
            continue
        first, second = _first_call(one), _first_call(two)
        paths = [f"{prefix}{item.name}" for item in (one, two)]
        if not (first and second and names.issuperset(paths)) or second.call.references:
            continue
        if first.call.head == second.call.head:
            fact = f"'{paths[1]}' reads '{paths[0]}', and both are outputs"
            fix = f"for two heads on one tensor, say which: {second.call.head} ... from NAME"
            start = second.at + second.call.start
            yield Problem(spec.layers_source, start, second.at + second.call.end, fact, (fix,))


def _first_call(item: Named) -> Step | None:
    first = item.chain.items[0] if item.chain.items else None
    return first if isinstance(first, Step) else None


def side_by_side(spec: Spec) -> Iterator[Problem]:
    """A remark on each named line that reads the one above, begins as it does, and meets it in a product.

    gate and up, query and key: both are mostly meant to read one tensor. What a spec takes over by `use` is its
    own matter.
    """
    blocks = (block.chain for block in spec.blocks.values() if block.source == spec.source)
    waiting = [*blocks, *([spec.layers] if spec.layers_source == spec.source else [])]
    while waiting:
        chain = waiting.pop()
        waiting += [Chain(inner(item), item.at) for item in chain.items if not isinstance(item, Step)]
        for place, (one, two) in enumerate(pairwise(chain.items), start=2):
            if not (isinstance(one, Named) and isinstance(two, Named)):
                continue
            first, second = _first_call(one), _first_call(two)
            if not (first and second) or second.call.references or first.call.head != second.call.head:
                continue
            rest, alike = chain.items[place : place + NEAR], _sized_alike(first.call, second.call)
            met = _meeting(rest, one.name, two.name, second.call.head, alike)
            if met:
                start, end = second.at + second.call.start, second.at + second.call.end
                line = " ".join(spec.source.text[start:end].split())
                fact = f"'{two.name}' reads '{one.name}', and {met} reads both"
                fix = f"if both should read one tensor, name it: {line} from NAME; if not, write from {one.name}"
                yield Problem(spec.source, start, end, fact, (fix,))


def _sized_alike(one: Call, two: Call) -> bool:
    """Whether two calls begin with the same argument."""
    texts = [
        call.arguments[0].value.text
        for call in (one, two)
        if call.arguments and isinstance(call.arguments[0].value, Expression)
    ]
    return len(texts) == 2 and texts[0] == texts[1]


def _meeting(rest: Sequence[Item], one: str, two: str, beside: str, alike: bool) -> str:
    """The product that reads what comes of one line and of the other, in the lines after both; '' if none does.

    Through a sum nothing is followed. A further call of `beside`, the op of both, that reads the first alone is
    the other factor, so the second is meant to read it. An elementwise product of other sizes is a mask, made of
    what it masks.
    """
    left, right, current = {one}, {two}, two
    for name, call in _calls(rest):
        words = [str(reference).split("/")[0] for reference in call.references] if call else []
        read = {current if word == "x" else word for word in words or (["x"] if call else [])}
        lefts, rights = not left.isdisjoint(read), not right.isdisjoint(read)
        head = call.head if call else ""
        if lefts and rights and head in PRODUCTS and (alike or head != "multiply"):
            return head
        if lefts and not rights and call and call.head == beside:
            return ""  # a line beside the second that names what both read: so it is meant
        if rights and head not in SUMS:
            right.add(name)
        elif lefts and head not in SUMS:
            left.add(name)
        current = name
    return ""


def _calls(items: Sequence[Item]) -> Iterator[tuple[str, Call | None]]:
    """The calls of lines, each with the name of what it gives; None for what has a chain of its own."""
    for item in items:
        *before, last = item.chain.items if isinstance(item, Named) and item.chain.items else (item,)
        for step in before:
            yield getattr(step, "name", ""), step.call if isinstance(step, Step) else None
        yield getattr(item, "name", ""), last.call if isinstance(last, Step) else None


def counted_by_another_x(item: Repeat, view: Viewpoint, count: Value) -> Iterator[Problem]:
    """A remark on a number of rounds that x decides, where the x of the block would give another one."""
    assert view.scope is not None
    frame = view.scope.frame
    if view.incoming == frame.entry:
        return
    try:
        meant = Viewpoint(view.draft, view.scope, frame.entry).written(item.times)
    except (Fault, UnknownError):
        return
    if meant != count:
        rounds = f"{shown(count)} round{'s' * (count != 1)}"
        fact = f"x is the incoming tensor here: {rounds}; with the input of '{frame.block}' it would be {shown(meant)}"
        fix = (
            "to use the block's input, name it on the first line, '- entry: identity', and write entry for x"
        )
        start = item.at + item.times.at
        yield Problem(frame.source, start, start + len(item.times.text), fact, (fix,))


# ------------------------------------------------------------------------------ arguments and weights


def first_arguments(graph: Graph) -> Iterator[Problem]:
    """A remark on each line that seems to begin with the input channels, as PyTorch's layers do."""
    for layer in _each_use(graph):
        shape = layer.applied.inputs[0] if layer.applied.inputs else None
        if shape is None or CHANNELS not in shape.axes or type(shape.channels) is not int:
            continue
        doubt = _input_channels(layer, shape)
        text = layer.source.text[layer.start : layer.end]
        if not doubt or not text.startswith(f"{layer.op.title} "):  # in canonical form, arguments have names
            continue
        head, *words = (token.text for token in split_words(text, "argument"))
        placed = [*takewhile(lambda word: "=" not in word and word != "from", words)]
        fewest = 3 if "conv" in head else 1  # PyTorch's convolutions need a kernel
        if len(placed) >= fewest and placed[0] != CHANNELS:
            line = " ".join((head, *words[1:]))
            fix = f"leave out PyTorch's first argument, the input channels: {line}"
            yield Problem(layer.source, layer.start, layer.end, doubt, (fix,))


def _input_channels(layer: Layer, shape: Shape) -> str:
    """The oddity of a layer whose first argument is the number of its input channels; '' if there is none."""
    op: Any = layer.op
    channels, name = shape.channels, op.title
    if name.startswith(("conv", "local_conv", "deform_conv")) and op.out_channels == channels:
        kernel = getattr(op, "kernel_size", ())
        sizes = zip(kernel, shape.space[-len(kernel) :], strict=True)
        large = any(one > LARGEST_KERNEL or one > size for one, size in sizes)
        return f"{name} has a kernel of {'x'.join(map(str, kernel))}" if large else ""
    if name in ("self_attention", "cross_attention") and op.heads == channels > 1:
        return f"{name} has as many heads as channels"
    if name in ("lstm", "gru", "rnn") and op.out_channels == channels and op.num_layers > MOST_RECURRENT:
        return f"{name} has {op.num_layers} layers"
    return ""


def biases_of_shared(graph: Graph) -> Iterator[Problem]:
    """A remark on each layer that shares an embedding's weight, and has a bias that its line does not mention."""
    layers = {layer.path: layer for layer in graph.layers if layer.shared or layer.op.name == "embedding"}
    for layer in layers.values():
        owners = {layers[path].op.name for path in layer.shared.values() if path in layers}
        own = layer.applied.weights.keys() - layer.shared.keys()
        if (
            "embedding" in owners
            and own == {"bias"}
            and "bias" not in layer.source.text[layer.start : layer.end]
        ):
            many = prod(layer.applied.weights["bias"])
            fact = f"'{layer.path}' shares the weight of an embedding, and has {many:,} biases of its own"
            fix = "write bias=false, or bias=true if they are meant"
            yield Problem(layer.source, layer.start, layer.end, fact, (fix,))


def scores_twice(graph: Graph) -> Iterator[Problem]:
    """A remark on each mixture whose router ends in a softmax, which is taken again of the scores chosen."""
    first = len(graph.inputs)
    for layer in graph.layers:
        if (
            layer.op.name == "experts"
            and getattr(layer.op, "gates", "") == "softmax"
            and layer.inputs[0] >= first
        ):
            router = graph.layers[layer.inputs[0] - first]
            if router.op.name == "softmax":
                fact = "the router ends in a softmax, and the chosen scores go through another"
                fix = "write gates=sum or gates=scores, or leave the softmax out"
                yield Problem(router.source, router.start, router.end, fact, (fix,))


def _each_use(graph: Graph) -> Iterator[Layer]:
    """One layer of each place in the text and each use of an op."""
    seen = set()
    for layer in graph.layers:
        key = id(layer.applied), layer.start, layer.source.name
        if key not in seen:
            seen.add(key)
            yield layer


# ------------------------------------------------------------------------------------------- joins


class Rounds(NamedTuple):
    """The rounds of a repeat of one call that says `from`: each reads the same, none the one before."""

    call: Call
    at: int
    scope: Scope
    path: str


class LastRound(NamedTuple):
    """The last round of a repeat: the repeat's path, its index and the value that this has then."""

    path: str
    counter: str
    number: int


class Doubled(NamedTuple):
    """A join that reads a tensor twice: its text, its inputs and the number of its layer."""

    item: Step | Join
    layer: int
    frame: Frame


def read_twice(doubled: list[Doubled], layers: list[Layer]) -> tuple[Problem, ...]:
    """A remark on each join that reads a tensor twice, under different words, wherever it is called.

    A name that appears twice on the line is explicit. In a block, a further input may be the tensor
    that enters; in the first round of a repeat, what the later ones read besides.
    """
    said = {}
    for one in doubled:
        layer = layers[one.layer]
        place = layer.source.name, layer.start
        fact = _fact(one, layer)
        if fact and place not in said:
            said[place] = Problem(layer.source, layer.start, layer.end, fact, (KEEP,))
    for layer in layers if said else ():
        if len({*layer.inputs}) == len(layer.inputs):
            said.pop((layer.source.name, layer.start), None)
    return tuple(said.values())


def _fact(doubled: Doubled, layer: Layer) -> str:
    """The remark on a join; '' if it is surely intended."""
    said = _words(doubled.item, layer)
    for value in dict.fromkeys(layer.inputs if said else ()):
        words = [*dict.fromkeys(word for word, read in zip(said, layer.inputs, strict=True) if read == value)]
        if len(words) < 2 or (doubled.frame.block and not doubled.frame.inputs.keys().isdisjoint(words)):
            continue
        here = next((word for word in words if word in JUST_THERE), "")
        one, *others = [word for word in words if word != here]
        if here:
            return f"{layer.op.name} reads '{one}' twice: {here} is the incoming tensor, which is {one}"
        return f"{layer.op.name} reads '{one}' twice: {others[0]} is the same tensor"
    return ""


def _words(item: Step | Join, layer: Layer) -> list[str]:
    """What the text calls each input, in the order of the op's inputs."""
    if isinstance(item, Step):
        words = [str(reference) for reference in item.call.references]
        return words if len(words) == len(layer.inputs) else []  # [*] names many
    ends = {branch.name: _end(branch) for branch in item.branches}
    return [ends[name] for name in layer.op.inputs or ends]


def _end(branch: Named) -> str:
    """The word for the tensor that a branch passes on, or the branch's name where it computes one."""
    last = branch.chain.items[-1] if branch.chain.items else None
    if not isinstance(last, Step) or last.call.head not in ("", "identity"):
        return branch.name
    references = last.call.references
    return str(references[0]) if references else "identity"
