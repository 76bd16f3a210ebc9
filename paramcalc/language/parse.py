"""A text to a spec: the sections of the top level, and what `use` takes over from another spec."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeGuard, TypeVar

from paramcalc import ops
from paramcalc.base.errors import Fault, Problem, Problems, Source, SpecError, near
from paramcalc.base.shape import AXES
from paramcalc.language import lines, syntax
from paramcalc.language.chains import ITEM_KEYWORDS, ChainReader
from paramcalc.language.lines import NAME, WORD
from paramcalc.language.reader import TRUE_FALSE, shift
from paramcalc.language.spec import (
    Argument,
    Block,
    Broken,
    Chain,
    Defaults,
    Input,
    InputChoice,
    Knob,
    Outputs,
    Parameter,
    Reference,
    Setting,
    Spec,
    Variant,
    Written,
)
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence
from paramcalc.ops.attributes import attributes

DEEPEST_LIKE = 20
KEYS = (
    "name", "source", "topic", "note", "use", "input", "inputs", "outputs",
    "knobs", "variants", "defaults", "blocks", "layers", "claims", "budgets",
)  # fmt: skip
LONG = ("outputs", "override")  # what the long form of a block has beside its layers
_BETWEEN_SIZES = r"\sx\s"


def parse(source: Source, resolve: Callable[[str], Spec]) -> Spec:
    """The spec that a text holds.

    `resolve` gives the spec that the entry `use` names. Raises `SpecError` with every mistake that
    can be seen without evaluating anything.
    """
    problems = Problems()
    root = syntax.parse(source, problems)
    if not isinstance(root, Mapping):
        fact = "a spec is a mapping: name, input, layers and so on, each followed by a colon"
        raise SpecError([Problem(source, root.start, root.start + 1, fact)])
    return _SpecReader(source, root, resolve, problems).spec()


_Read = TypeVar("_Read")


class _Signature(NamedTuple):
    """A block before its chain is read, which needs the names of all blocks."""

    key: Scalar
    node: Node
    name: str
    parameters: tuple[Parameter, ...]
    inputs: tuple[str, ...]


def is_long(node: Node) -> TypeGuard[Mapping]:
    """Whether the body of a block is in long form: its chain under `layers`, with more beside it."""
    keys = node.keys() if isinstance(node, Mapping) else []
    return "repeat" not in keys and not {"layers", *LONG}.isdisjoint(keys)


class _SpecReader(ChainReader):
    def __init__(
        self, source: Source, root: Mapping, resolve: Callable[[str], Spec], problems: Problems
    ) -> None:
        super().__init__(source, problems)
        self.root = root
        self.resolve = resolve
        self.apart_from_layers = 0  # mistakes in sections that are read with `apart`
        self.top = {key.text: node for key, node in reversed(root.entries)}

    def spec(self) -> Spec:
        """The whole; the chains come last, so that other mistakes are reported before theirs."""
        for key, _ in self.root.entries:
            if key.text not in KEYS:
                fix = near(key.text, KEYS) or "the parts are " + ", ".join(KEYS)
                self.fail(key, f"'{key.text}' is not a part of a spec", fix)
        if "input" in self.top and "inputs" in self.top:
            self.fail(self.top["inputs"], "a spec has 'input' or 'inputs', not both")
        base = self.base()
        own = Spec(
            name=self.name(base),
            source=self.source,
            origin=self.top.get("source") or (base.origin if base else None),
            topic=self.text("topic") or (base.topic if base else ""),
            note=self.text("note"),
            inputs=self.apart(self.inputs),
            outputs=self.outputs(),
            knobs=self.apart(self.knobs),
            variants=self.variants(),
            defaults=self.defaults(),
            blocks={},
            layers=Chain((), 0),
            layers_source=self.source,
            claims=self.claims(self.name(base)),
            use=base.name if base else "",
            budgets=self.top.get("budgets"),
        )
        merged = self.merged(base, own) if base else own
        self.check_variants(merged)
        if not merged.inputs and not self.problems:
            self.fail(
                self.root, "the spec has no 'input'", "write, for example, input: 3x224x224", whole=True
            )
        signatures = self.signatures(base)
        elsewhere = len(self.problems) - self.apart_from_layers
        self.blocks = {*merged.blocks, *(signature.name for signature in signatures)}
        blocks = {signature.name: self.block(signature, merged) for signature in signatures}
        self.variables = frozenset(merged.knobs)
        if "layers" in self.top or base is None:
            merged = merged._replace(layers=self.layers())
            self.check_inputs(merged.layers, merged.inputs)
        merged = merged._replace(blocks={**merged.blocks, **blocks})
        if self.problems:
            raise SpecError(self.problems.in_order(), partial=None if elsewhere else merged)
        return merged

    def apart(self, read: Callable[[], _Read]) -> _Read:
        """Reads a section whose mistakes do not keep the layers from being elaborated."""
        before = len(self.problems)
        result = read()
        self.apart_from_layers += len(self.problems) - before
        return result

    # ------------------------------------------------------------------------------------- use

    def base(self) -> Spec | None:
        node = self.top.get("use")
        if node is None:
            return None
        if not isinstance(node, Scalar) or not NAME.fullmatch(node.text.replace(".", "-")):
            self.fail(
                node, "'use' names a bundled spec, or a file NAME.yaml beside this one: no path, no ending"
            )
            return None
        try:
            return self.resolve(node.text)
        except Fault as fault:
            self.fault(fault, node.start, node.end)
            return None

    def merged(self, base: Spec, own: Spec) -> Spec:
        """A spec on top of the one it uses."""
        knobs = dict(base.knobs)
        for name, knob in own.knobs.items():
            inherited = knobs.get(name)
            choices = knob.choices or (inherited.choices if inherited else ())
            knobs[name] = knob._replace(choices=choices)
        for op, defaults in own.defaults.items():
            if op in base.defaults:
                fix = "write the attribute on the layers"
                self.fail_at(
                    defaults.at, op, f"'{base.name}' has defaults of {op}, which cannot be redefined", fix
                )
        replaced = "layers" in self.top
        return own._replace(
            inputs=own.inputs or base.inputs,
            outputs=own.outputs if replaced or own.outputs.references else base.outputs,
            knobs=knobs,
            defaults={**base.defaults, **own.defaults},
            blocks=base.blocks,
            layers=base.layers,
            layers_source=self.source if replaced else base.layers_source,
        )

    # -------------------------------------------------------------------------- texts and names

    def name(self, base: Spec | None) -> str:
        stem = self.source.name.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".yaml")
        name = self.text("name")
        if "\n" in name:
            self.fail(self.top["name"], "'name' must be one line")
        return name or (base.name if base else stem)

    def text(self, key: str) -> str:
        node = self.top.get(key)
        if node is None:
            return ""
        if not isinstance(node, Scalar) or not node.text:
            self.fail(node, f"'{key}' must be a string")
            return ""
        return node.text

    def section(self, key: str) -> tuple[tuple[Scalar, Node], ...]:
        node = self.top.get(key)
        if node is None:
            return ()
        if not isinstance(node, Mapping):
            fix = "remove the '- ' from its entries" if isinstance(node, Sequence) else ""
            self.fail(node, f"'{key}' must be a mapping of names", fix)
            return ()
        return node.entries

    def claims(self, name: str) -> Mapping | None:
        node = self.top.get("claims")
        if node is None or isinstance(node, Mapping):
            return node
        fix = f"write claims: {{{name}: [...]}}; those about a variant go under its name"
        self.fail(node, "'claims' must map models to lists of claims", fix)
        return None

    # ------------------------------------------------------------------------ knobs and variants

    def knobs(self) -> dict[str, Knob]:
        knobs = {}
        for key, node in self.section("knobs"):
            if self.word(key):
                knobs[key.text] = self.knob(key, node) or Knob(key.text, None, (), self.source, key.start)
        return knobs

    def knob(self, key: Scalar, node: Node) -> Knob | None:
        choices: tuple[str, ...] = ()
        value: Node | None = node
        if isinstance(node, Mapping):
            value = node.get("default")
            if value is None or not {"default", "choices"}.issuperset(node.keys()):
                self.fail(node, "a knob is a value, a list, or {default: value, choices: [words]}")
                return None
            choices = self.choices(key, node.get("choices"))
        written = self.written(value, key.start) if value is not None else None
        return None if written is None else Knob(key.text, written, choices, self.source, key.start)

    def choices(self, key: Scalar, node: Node | None) -> tuple[str, ...]:
        listed = node.items if isinstance(node, Sequence) else ()
        words = tuple(item.text for item in listed if isinstance(item, Scalar) and WORD.fullmatch(item.text))
        if not words or len(words) != len(listed):
            self.fail(
                node or key, "choices are a list of words", "numbers need no choices: any value may be set"
            )
        return words

    def variants(self) -> dict[str, Variant]:
        variants = {}
        for key, node in self.section("variants"):
            if not NAME.fullmatch(key.text.replace(".", "-")):
                self.fail(key, f"'{key.text}' is not a name: letters, digits, _, - and .")
            elif not isinstance(node, Mapping):
                self.fail(key, f"variant '{key.text}' must be a mapping of knobs", "write {} if it sets none")
            else:
                variants[key.text] = self.variant(key, node)
        return variants

    def variant(self, key: Scalar, node: Mapping) -> Variant:
        settings, like = [], ""
        for name, value in node.entries:
            if name.text == "like":
                like = value.text if isinstance(value, Scalar) else ""
                if not like:
                    self.fail(value, "'like' names another variant")
                continue
            written = self.written(value, key.start)
            if written is not None:
                offset = name.start - key.start
                settings.append(Setting(name.text, written, offset, offset + len(name.text)))
        return Variant(key.text, like, tuple(settings), key.start)

    def check_variants(self, spec: Spec) -> None:
        """Variants set knobs that exist, and are like variants that exist, not in a circle."""
        depths: dict[str, int] = {}
        for variant in spec.variants.values():
            for setting in variant.settings:
                if setting.name not in spec.knobs:
                    listed = (
                        f"the knobs are {', '.join(spec.knobs)}" if spec.knobs else "the spec has no knobs"
                    )
                    fix = near(setting.name, spec.knobs) or listed
                    fact = f"variant '{variant.name}' sets '{setting.name}', which is not a knob"
                    self.fail_at(variant.at + setting.start, setting.name, fact, fix)
            self.check_like(variant, spec.variants, depths)

    def check_like(self, variant: Variant, variants: dict[str, Variant], depths: dict[str, int]) -> None:
        if variant.like and variant.like not in variants:
            fix = near(variant.like, variants)
            self.fail_at(
                variant.at, variant.name, f"'like' names '{variant.like}', but there is no such variant", fix
            )
            return
        path = [variant.name]
        while path[-1] not in depths and len(path) < DEEPEST_LIKE + 2:
            like = variants[path[-1]].like
            if like not in variants:
                break
            if like in path:
                if like == variant.name:
                    circle = " -> ".join([*path, like])
                    self.fail_at(variant.at, variant.name, f"'like' is circular: {circle}")
                break
            path.append(like)
        depths[variant.name] = depths.get(path[-1], 0) + len(path) - 1
        if depths[variant.name] > DEEPEST_LIKE:
            fact = f"variants are like variants more than {DEEPEST_LIKE} deep"
            self.fail_at(variant.at, variant.name, fact)

    # ----------------------------------------------------------------------- inputs and outputs

    def inputs(self) -> dict[str, Input]:
        one, several = self.top.get("input"), self.top.get("inputs")
        read: dict[str, Input] = {}
        if one is not None:
            read["input"] = self.input(one)
        for key, node in () if isinstance(several, Scalar) else self.section("inputs"):
            self.word(key)
            read[key.text] = self.input(node)  # a wrong name is one mistake, and no missing input besides
        if isinstance(several, Scalar) and not several.empty:
            self.fail(
                several,
                "'inputs' is a mapping of names to inputs",
                f"for a single input, write input: {several.text}",
            )
            read["input"] = self.input(several)  # as it was meant
        elif several is not None and not read:
            self.fail(
                several, "'inputs' is empty", "write, for example, inputs: {left: 1x28x28, right: 1x28x28}"
            )
        return read

    def input(self, node: Node) -> Input:
        unreadable = Input(None, (), self.source, node.start)
        if isinstance(node, Mapping) and node.get("if") is not None:
            parts = self.parts(node, "if", required=("if", "then", "else"), optional=())
            test = self.scalar_expression(parts["if"], "if") if parts else None
            if parts is None or test is None:
                return unreadable
            choice = InputChoice(*test, self.input(parts["then"]), self.input(parts["else"]))
            return unreadable._replace(choice=choice)
        if isinstance(node, Scalar) and node.text.strip():
            sizes = self.sizes(node)
            return unreadable if sizes is None else Input(sizes, (), self.source, node.start)
        if isinstance(node, Sequence) and node.items and all(isinstance(size, Scalar) for size in node.items):
            return Input(self.written(node, node.start), (), self.source, node.start)
        if not isinstance(node, Mapping) or not node.entries:
            fix = "write, for example, 3x224x224, or {length: 197, channels: 768}"
            self.fail(node, "an input is its sizes separated by x, channels first, or its axes by name", fix)
            return unreadable
        axes = []
        for key, value in node.entries:
            if key.text not in AXES:
                whole = not isinstance(value, Scalar) or "x" in value.text
                fix = "write several inputs under 'inputs:'" if whole else near(key.text, AXES)
                fix = fix or "the axes are " + ", ".join(AXES)
                self.fail(key, f"'{key.text}' is not the name of an axis", fix)
                continue
            written = self.written(value, node.start)
            if written is not None:
                axes.append(Setting(key.text, written, key.start - node.start, key.end - node.start))
        return (
            Input(None, tuple(axes), self.source, node.start)
            if len(axes) == len(node.entries)
            else unreadable
        )

    def sizes(self, node: Scalar) -> Written | None:
        """`3x224x224`, or `3 x size x size`: expressions with an x between blanks."""
        text, begin = self.slice(node)
        apart = re.split(r"\s*[,×*]\s*|\s+", text)
        if len(apart) > 1 and all(map(str.isdecimal, apart)):
            self.fail(node, "separate sizes with x", f"write {'x'.join(apart)}")
            return None
        if not re.search(_BETWEEN_SIZES, text):
            return self.expression(text, begin, node.start)
        found = []
        place = begin
        for piece in re.split(_BETWEEN_SIZES, text):
            lead = len(piece) - len(piece.lstrip())
            found.append(self.expression(piece.strip(), place + lead, node.start))
            place += len(piece) + len(" x ")
        read = tuple(item for item in found if item is not None)
        return read if len(read) == len(found) else None

    def outputs(self) -> Outputs:
        return Outputs(self.references(self.top.get("outputs"), 0) or (), self.source)

    # ---------------------------------------------------------------------------------- defaults

    def defaults(self) -> dict[str, Defaults]:
        defaults: dict[str, Defaults] = {}
        for key, node in self.section("defaults"):
            op = ops.find(key.text)
            if op is None:
                self.fail(key, f"there is no op '{key.text}'", near(key.text, ops.names()))
                continue
            settings = self.default(key, node)
            for setting in settings:
                if setting.name not in attributes(op) and setting.name != "frozen":
                    known = attributes(op)
                    fix = near(setting.name, known) or "its attributes are " + ", ".join(known)
                    fact = f"{op.name} has no attribute '{setting.name}'"
                    self.fail_at(key.start + setting.start, setting.name, fact, fix)
            if op.name in defaults:
                self.fail(key, f"'{key.text}' is {op.name}, which has defaults already")
            defaults[op.name] = Defaults(settings, self.source, key.start)
        return defaults

    def default(self, key: Scalar, node: Node) -> tuple[Setting, ...]:
        found: list[Setting] = []
        if isinstance(node, Mapping):
            for name, value in node.entries:
                written = self.written(value, key.start)
                if written is not None:
                    found.append(Setting(name.text, written, name.start - key.start, value.end - key.start))
        elif isinstance(node, Scalar) and node.text.strip():
            text, begin = self.slice(node)
            try:
                for argument in map(lines.read_argument, lines.words(text, "a default")):
                    found += self.default_argument(argument, text, begin, begin - key.start)
            except Fault as fault:
                self.fault(fault, begin, begin + len(text), begin)
        else:
            self.fail(key, f"the defaults of {key.text} are missing", "write key=value, or a mapping")
        return tuple(found)

    def default_argument(self, argument: Argument, text: str, begin: int, distance: int) -> list[Setting]:
        name, value, start, end = argument
        if name and not isinstance(value, Reference):
            return [Setting(name, shift(value, distance), start + distance, end + distance)]
        fact = (
            "only single layers can share weights, not all layers of an op"
            if name
            else "a default is written key=value"
        )
        self.fail_at(begin + start, text[start:end], fact)
        return []

    # ------------------------------------------------------------------------- blocks and layers

    def signatures(self, base: Spec | None) -> list[_Signature]:
        found: dict[str, _Signature] = {}
        for key, node in self.section("blocks"):
            text, begin = self.slice(key)
            try:
                name, parameters, inputs = lines.read_signature(text)
            except Fault as fault:
                self.fault(fault, begin, key.end, begin)
                continue
            if ops.known(name):
                self.fail(key, f"'{name}' is an op: a block needs another name")
            elif name in ITEM_KEYWORDS:
                self.fail(key, f"'{name}' is a word of the language: a block needs another name")
            elif name in found:
                self.fail(key, f"there are two blocks called '{name}'")
            self.check_override(key, node, name, base)
            found[name] = _Signature(key, node, name, parameters, inputs)
        return list(found.values())

    def block(self, signature: _Signature, spec: Spec) -> Block:
        key, node, name, parameters, inputs = signature
        self.variables = frozenset(spec.knobs) | {parameter.name for parameter in parameters}
        at = key.start + bool(key.quote)
        outputs: tuple[tuple[str, Reference], ...] = ()
        if is_long(node):
            parts = self.parts(node, name, required=("layers",), optional=LONG)
            if parts is None:
                return Block(
                    name, parameters, inputs, Chain((Broken(node.start),), node.start), self.source, at
                )
            key = next(key for key, _ in node.entries if key.text == "layers")
            node, outputs = parts["layers"], self.block_outputs(parts.get("outputs"), at)
        chain = self.group_chain(node, key)
        self.check_inputs(chain, inputs)
        return Block(name, parameters, inputs, chain, self.source, at, outputs)

    def check_override(self, key: Scalar, node: Node, name: str, base: Spec | None) -> None:
        """A block of the spec that is used is replaced on purpose, or not at all."""
        said = node.get("override") if is_long(node) else None
        wrong = said is not None and not (isinstance(said, Scalar) and said.text in TRUE_FALSE)
        override = self.truth(said, "override")
        if base and name in base.blocks and not override and not wrong:
            fix = "to replace it, write override: true and layers: below it; or give it another name"
            self.fail(key, f"'{base.name}' has a block '{name}'", fix)
        elif override and base is None:
            self.fail(key, "nothing to override: the spec uses no other")
        elif override and base and name not in base.blocks:
            fact = f"nothing to override: '{base.name}' has no block '{name}'"
            self.fail(key, fact, near(name, base.blocks))

    def block_outputs(self, node: Node | None, at: int) -> tuple[tuple[str, Reference], ...]:
        """The layers of a block that callers may read, by name: of a mapping, or their own names."""
        if not isinstance(node, Mapping):
            read = self.references(node, at) or ()
            return tuple((reference.parts[-1][0], reference) for reference in read)
        found: list[tuple[str, Reference]] = []
        for key, value in node.entries:
            named = self.references(value, at) or ()
            if len(named) != 1 and not self.problems:
                self.fail(value, f"the output '{key.text}' names one layer")
            if self.layer_name(key):
                found += [(key.text, reference) for reference in named[:1]]
        return tuple(found)

    def layers(self) -> Chain:
        node = self.top.get("layers")
        if node is None:
            if not self.problems:
                self.fail(self.root, "the spec has no 'layers'", whole=True)
            return Chain((), 0)
        key = next(key for key, _ in self.root.entries if key.text == "layers")
        chain = self.group_chain(node, key)
        if not chain.items:
            self.fail(key, "'layers' is empty")
        return chain
