"""Nodes to a spec: the grammar of the language.

Every independent mistake is collected, so that one run reports them all. Whether a key over a
mapping is a name or a call depends on the ops and the blocks, which is why the blocks' names are
read before anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from paramcalc import lines, ops, syntax
from paramcalc.errors import Fault, Problem, Source, SpecError, near
from paramcalc.expression import Expression, literal
from paramcalc.lines import NAME, RESERVED, WORD, Line, Token
from paramcalc.ops.attributes import attributes
from paramcalc.shape import AXES
from paramcalc.spec import (
    Argument,
    Auxiliary,
    Block,
    Call,
    Chain,
    Defaults,
    If,
    Input,
    Item,
    Join,
    Knob,
    Named,
    Reference,
    Repeat,
    Row,
    Spec,
    Step,
    Table,
    Variant,
    Written,
)
from paramcalc.syntax import Mapping, Node, Scalar, Sequence

KEYS = (
    "name", "source", "note", "use", "input", "inputs", "outputs",
    "knobs", "variants", "defaults", "blocks", "layers", "claims",
)  # fmt: skip
ITEM_KEYWORDS = ("if", "repeat", "table", "auxiliary")
ALWAYS = ("share", "frozen")  # accepted by every op and block
MOST_PROBLEMS = 50
_COMMENT = re.compile(r"[ \t]+#[^\s#]")


def parse(source: Source, resolve: Callable[[str], Spec]) -> Spec:
    """The spec that a text holds.

    `resolve` gives the spec that the entry `use` names. Raises `SpecError` with every mistake that
    can be seen without evaluating anything.
    """
    return _Reader(source, syntax.parse(source), resolve).spec()


class Group:
    """Automatic names of one group, counted in the order of the text."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def name(self, head: str) -> str:
        count = self.counts[head] = self.counts.get(head, 0) + 1
        return head if count == 1 else f"{head}_{count}"


def items(line: Line, begin: int, group: Group) -> tuple[Item, ...]:
    """The items of a line that starts at a place, with automatic names."""
    if line.count is None:
        return tuple(Step(call, begin, group.name(call.head) if call.head else "") for call in line.calls)
    call = line.calls[0]
    body = Chain((Step(call, begin, Group().name(call.head)),), begin)
    return (Repeat(line.count, begin, body, "i", shared=False, name=group.name(call.head)),)


class _Section(NamedTuple):
    """One entry of the top level, which must be a mapping."""

    entries: tuple[tuple[Scalar, Node], ...]


class _Reader:
    def __init__(self, source: Source, root: Node, resolve: Callable[[str], Spec]) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.resolve = resolve
        if not isinstance(root, Mapping):
            raise SpecError([self._problem(root.start, root.end, "a spec is a mapping: name, input, layers ...")])
        self.root = root
        self.blocks: set[str] = set()

    # ------------------------------------------------------------------------------ the whole

    def spec(self) -> Spec:
        for key, _ in self.root.entries:
            if key.text not in KEYS:
                self.fail(key, f"'{key.text}' is not a part of a spec", near(key.text, KEYS) or "parts: " + ", ".join(KEYS))
        base = self.base()
        self.blocks = set(base.blocks) if base else set()
        signatures = self.signatures(base)
        own = Spec(
            name=self.name(base),
            source=self.source,
            origin=self.root.get("source") or (base.origin if base else None),
            note=self.text("note"),
            inputs=self.inputs(),
            outputs=self.outputs(),
            knobs=self.knobs(),
            variants=self.variants(),
            defaults=self.defaults(),
            blocks=self.block_bodies(signatures),
            layers=self.layers(base),
            layers_source=self.source,
            claims=self.claims(),
            use=base.name if base else "",
        )
        merged = self.merged(base, own) if base else own
        if not merged.inputs and not self.problems:
            self.fail(self.root, "the spec has no 'input'", "write, for example, input: 3x224x224", whole=True)
        if self.problems:
            raise SpecError(sorted(set(self.problems), key=lambda problem: problem.start)[:MOST_PROBLEMS])
        return merged

    def base(self) -> Spec | None:
        node = self.root.get("use")
        if node is None:
            return None
        if not isinstance(node, Scalar) or not NAME.fullmatch(node.text.replace(".", "-")):
            self.fail(node, "'use' names a bundled spec or a file NAME.yaml beside this one, without a path")
            return None
        try:
            return self.resolve(node.text)
        except Fault as fault:
            self.fault(fault, node.start, node.end)
            return None

    def merged(self, base: Spec, own: Spec) -> Spec:
        knobs = dict(base.knobs)
        for name, knob in own.knobs.items():
            inherited = knobs.get(name)
            choices = knob.choices or (inherited.choices if inherited else ())
            knobs[name] = knob._replace(choices=choices)
        for op, defaults in own.defaults.items():
            if op in base.defaults:
                self.fail_at(defaults.at, op, f"'{base.name}' already sets defaults of {op}")
        layers = own if self.root.get("layers") else base
        return own._replace(
            inputs=own.inputs or base.inputs,
            outputs=own.outputs if self.root.get("layers") or own.outputs else base.outputs,
            knobs=knobs,
            defaults={**base.defaults, **own.defaults},
            blocks={**base.blocks, **own.blocks},
            layers=layers.layers,
            layers_source=layers.layers_source,
        )

    def name(self, base: Spec | None) -> str:
        name = self.text("name")
        return name or (base.name if base else self.source.name.rsplit("/", 1)[-1].removesuffix(".yaml"))

    def text(self, key: str) -> str:
        node = self.root.get(key)
        if node is None:
            return ""
        if not isinstance(node, Scalar) or not node.text:
            self.fail(node, f"'{key}' must be a text")
            return ""
        return node.text

    def section(self, key: str) -> tuple[tuple[Scalar, Node], ...]:
        node = self.root.get(key)
        if node is None:
            return ()
        if not isinstance(node, Mapping):
            self.fail(node, f"'{key}' must be a mapping of names")
            return ()
        return node.entries

    # ------------------------------------------------------------------------- knobs and inputs

    def knobs(self) -> dict[str, Knob]:
        knobs = {}
        for key, node in self.section("knobs"):
            if not self.word(key):
                continue
            choices: tuple[str, ...] = ()
            value: Node | None = node
            if isinstance(node, Mapping):
                value, listed = node.get("default"), node.get("choices")
                extra = set(node.keys()) - {"default", "choices"}
                if value is None or extra:
                    self.fail(node, "a knob is a value, a list, or {default: value, choices: [words]}")
                    continue
                if isinstance(listed, Sequence):
                    choices = tuple(item.text for item in listed.items if isinstance(item, Scalar))
            written = self.written(value, key.start) if value is not None else None
            if written is not None:
                knobs[key.text] = Knob(key.text, written, choices, self.source, key.start)
        return knobs

    def variants(self) -> dict[str, Variant]:
        variants = {}
        for key, node in self.section("variants"):
            if not NAME.fullmatch(key.text.replace(".", "-")):
                self.fail(key, f"'{key.text}' is not a name: letters, digits, _, - and .")
            elif not isinstance(node, Mapping):
                self.fail(node, f"variant '{key.text}' must be a mapping of knobs; {{}} sets none", whole=True)
            else:
                variants[key.text] = self.variant(key, node)
        for variant in variants.values():
            self.check_like(variant, variants)
        return variants

    def variant(self, key: Scalar, node: Mapping) -> Variant:
        settings, like = [], ""
        for name, value in node.entries:
            if name.text == "like":
                like = value.text if isinstance(value, Scalar) else ""
                continue
            written = self.written(value, key.start)
            if written is not None:
                offset = name.start - key.start
                settings.append(Argument(name.text, written, offset, offset + len(name.text)))
        return Variant(key.text, like, tuple(settings), key.start)

    def check_like(self, variant: Variant, variants: dict[str, Variant]) -> None:
        seen = [variant.name]
        while variants[seen[-1]].like:
            like = variants[seen[-1]].like
            if like not in variants:
                if len(seen) == 1:
                    self.fail_at(variant.at, variant.name, f"there is no variant '{like}'", near(like, variants))
                return
            if like in seen:
                self.fail_at(variant.at, variant.name, f"'like' goes round in a circle: {' -> '.join([*seen, like])}")
                return
            seen.append(like)

    def inputs(self) -> dict[str, Input]:
        one, several = self.root.get("input"), self.root.get("inputs")
        if one is not None and several is not None:
            self.fail(several, "a spec has 'input' or 'inputs', not both")
        inputs = {}
        if one is not None:
            inputs["input"] = self.input(one)
        for key, node in self.section("inputs"):
            if self.word(key):
                inputs[key.text] = self.input(node)
        return {name: value for name, value in inputs.items() if value is not None}

    def input(self, node: Node) -> Input | None:
        if isinstance(node, Scalar) and node.text:
            sizes = self.sizes(node)
            return None if sizes is None else Input(sizes, (), self.source, node.start)
        if not isinstance(node, Mapping) or not node.entries:
            self.fail(node, "an input is 3x224x224 (channels first), or {length: 197, channels: 768}")
            return None
        axes = []
        for key, value in node.entries:
            if key.text not in AXES:
                self.fail(key, f"'{key.text}' is not the name of an axis", near(key.text, AXES) or ", ".join(AXES))
            written = self.written(value, node.start)
            if written is not None:
                axes.append(Argument(key.text, written, key.start - node.start, key.end - node.start))
        return Input(None, tuple(axes), self.source, node.start)

    def sizes(self, node: Scalar) -> Written | None:
        """`3x224x224`, or `3 x size x size`: expressions with an x between blanks."""
        text, begin = self.slice(node)
        if not re.search(r"\sx\s", text):
            return self.expression(text, begin, node.start)
        found = []
        place = 0
        for piece in re.split(r"(\sx\s)", text):
            if piece.strip() != "x":
                lead = len(piece) - len(piece.lstrip())
                found.append(self.expression(piece.strip(), begin + place + lead, node.start))
            place += len(piece)
        return None if any(item is None for item in found) else tuple(item for item in found if item)

    def outputs(self) -> tuple[Reference, ...]:
        node = self.root.get("outputs")
        if node is None:
            return ()
        return self.references(node, 0) or ()

    def defaults(self) -> dict[str, Defaults]:
        defaults = {}
        for key, node in self.section("defaults"):
            if not ops.find(key.text):
                self.fail(key, f"there is no op '{key.text}'", near(key.text, ops.names()))
                continue
            if isinstance(node, Mapping):
                arguments = self.mapping_arguments(node, key.start)
            elif isinstance(node, Scalar) and node.text:
                arguments = self.default_line(node, key.start)
            else:
                self.fail(node, "defaults are written as key=value ..., or as a mapping")
                continue
            self.check_attributes(key.text, arguments, key.start)
            defaults[key.text] = Defaults(arguments, self.source, key.start)
        return defaults

    def default_line(self, node: Scalar, base: int) -> tuple[Argument, ...]:
        text, begin = self.slice(node)
        try:
            found = [lines.read_argument(token) for token in lines.split(text, " ")]
        except Fault as fault:
            self.fault(fault, begin, begin + len(text), begin)
            return ()
        for argument in found:
            if not argument.name:
                self.fail_at(begin + argument.start, text[argument.start : argument.end], "a default is written key=value")
        return tuple(_shifted(argument, begin - base) for argument in found if argument.name)

    def check_attributes(self, op: str, arguments: tuple[Argument, ...], base: int) -> None:
        found = ops.find(op)
        known = attributes(found) if found else {}
        for argument in arguments:
            if argument.name not in known:
                fix = near(argument.name, known) or "its attributes are " + ", ".join(known)
                self.fail_at(base + argument.start, argument.name, f"{op} has no attribute '{argument.name}'", fix)

    def claims(self) -> Mapping | None:
        node = self.root.get("claims")
        if node is None or isinstance(node, Mapping):
            return node
        self.fail(node, "'claims' must map models to lists of claims")
        return None

    # -------------------------------------------------------------------------------- blocks

    def signatures(self, base: Spec | None) -> list[tuple[Scalar, Node, str, tuple, tuple[str, ...]]]:  # type: ignore[type-arg]
        found = []
        for key, node in self.section("blocks"):
            try:
                name, parameters, inputs = lines.read_signature(key.text)
            except Fault as fault:
                self.fault(fault, key.start, key.end, key.start)
                continue
            if ops.known(name):
                self.fail(key, f"'{name}' is an op: a block needs another name")
            elif base and name in base.blocks:
                self.fail(key, f"'{base.name}' already has a block '{name}', which cannot be redefined")
            elif name in self.blocks:
                self.fail(key, f"there are two blocks called '{name}'")
            self.blocks.add(name)
            found.append((key, node, name, parameters, inputs))
        return found

    def block_bodies(self, signatures: list) -> dict[str, Block]:  # type: ignore[type-arg]
        return {
            name: Block(name, parameters, inputs, self.chain(node, Group(), key), self.source, key.start)
            for key, node, name, parameters, inputs in signatures
        }

    def layers(self, base: Spec | None) -> Chain:
        node = self.root.get("layers")
        if node is None:
            if base is None:
                self.fail(self.root, "the spec has no 'layers'", whole=True)
            return Chain((), 0)
        key = next(key for key, _ in self.root.entries if key.text == "layers")
        chain = self.chain(node, Group(), key)
        if not chain.items and not self.problems:
            self.fail(node, "'layers' is empty")
        return chain

    # --------------------------------------------------------------------------------- chains

    def chain(self, node: Node, group: Group, owner: Scalar) -> Chain:
        """A line, a list of items, or one item; `owner` is the key it stands under."""
        if isinstance(node, Scalar):
            if node.empty or not node.text.strip():
                self.fail(owner, f"'{owner.text}' is empty", "write identity if the tensor passes through")
                return Chain((), node.start)
            return Chain(self.line(node, group, owner), node.start)
        if isinstance(node, Mapping):
            return Chain(self.item(node, group), node.start)
        items: list[Item] = []
        for element in node.items:
            if isinstance(element, Scalar):
                if element.empty or not element.text.strip():
                    self.fail(element, "an item of the list is empty", "write identity if the tensor passes through")
                    continue
                items += self.line(element, group, None)
            elif isinstance(element, Mapping):
                items += self.item(element, group)
            else:
                self.fail(element, "a list inside a list", "a chain is one list: take the inner one away")
        return Chain(tuple(items), node.start)

    def line(self, node: Scalar, group: Group, owner: Scalar | None) -> tuple[Item, ...]:
        text, begin = self.slice(node)
        comment = _COMMENT.match(self.source.text, node.end)
        if comment:
            self.fail_at(comment.end() - 2, "#", "YAML drops what follows '#' unseen", "a comment starts with '# '")
        try:
            line = lines.read_line(text)
        except Fault as fault:
            if owner is not None and ops.known(owner.text):
                fault.fix = fault.fix or f"'{owner.text}:' names a layer; to call the op write: {owner.text} {text}"
            self.fault(fault, begin, begin + len(text), begin)
            return ()
        return items(line, begin, group)

    def item(self, node: Mapping, group: Group) -> tuple[Item, ...]:
        keys = node.keys()
        if not keys:
            self.fail(node, "an empty item", "write identity if the tensor passes through")
            return ()
        for keyword, read in (("if", self.condition), ("repeat", self.repeat)):
            if keyword in keys:
                return read(node, group)
        if len(keys) > 1:
            second = node.entries[1][0]
            self.fail(second, "an item has one key", "is a '- ' missing before it?")
            return ()
        key, value = node.entries[0]
        if key.text == "table":
            return self.table(key, value, group)
        if key.text == "auxiliary":
            return self.auxiliary(key, value)
        if isinstance(value, Mapping):
            return self.over_mapping(key, value, group)
        return self.named(key, value)

    def named(self, key: Scalar, value: Node) -> tuple[Item, ...]:
        if not self.layer_name(key):
            return ()
        return (Named(key.text, self.chain(value, Group(), key), key.start),)

    def over_mapping(self, key: Scalar, value: Mapping, group: Group) -> tuple[Item, ...]:
        """A key over a mapping: a call or join if it is an op or block, else a name over one item."""
        head = key.text.split(" ", 1)[0]
        inner = value.keys()
        keyword = next((word for word in ITEM_KEYWORDS if word in inner), None)
        if (ops.known(head) or head in self.blocks) and keyword is None:
            return self.call_over_mapping(key, head, value, group)
        item = keyword is not None or (len(inner) == 1 and inner[0] not in ("from", *ALWAYS))
        if item and NAME.fullmatch(key.text):
            return self.named(key, value)
        if ops.find(head):  # an alias
            return self.call_over_mapping(key, head, value, group)
        self.unknown_head(key, head)
        return ()

    def unknown_head(self, key: Scalar, head: str) -> None:
        fix = near(head, [*ops.names(), *self.blocks]) or "a name stands over one item, an op over its attributes"
        self.fail(key, f"there is no op or block '{head}'", fix)

    def call_over_mapping(self, key: Scalar, head: str, value: Mapping, group: Group) -> tuple[Item, ...]:
        op = ops.find(head) if head not in self.blocks else None
        allowed = {*attributes(op), *ALWAYS, "from"} if op else set()
        joins = op is not None and op.inputs != ("x",) and not (value.entries and allowed.issuperset(value.keys()))
        if joins or value.get("inputs") is not None:
            return self.join(key, value, group)
        if key.text != head:
            self.fail(key, f"{head} has no branches: its attributes stand on the line or below it, not both")
            return ()
        name = group.name(head)
        references = self.references(value.get("from"), key.start)
        arguments = self.mapping_arguments(value, key.start, leave=("from",))
        if references is None:
            return ()
        call = Call(head, arguments, references, 0, len(key.text), constant=False)
        return (Step(call, key.start, name),)

    def join(self, key: Scalar, value: Mapping, group: Group) -> tuple[Item, ...]:
        try:
            line = lines.read_line(key.text)
        except Fault as fault:
            self.fault(fault, key.start, key.end, key.start)
            return ()
        call = line.calls[0]
        if len(line.calls) > 1 or line.count is not None or call.references:
            self.fail(key, "a join is one call over its branches")
            return ()
        branches: Node = value
        inputs = value.get("inputs")
        if inputs is not None:
            more = self.mapping_arguments(value, key.start, leave=("inputs",))
            call = call._replace(arguments=call.arguments + more, constant=False)
            branches = inputs
        if not isinstance(branches, Mapping):
            self.fail(branches, "the branches of a join are a mapping of names")
            return ()
        name = group.name(call.head)
        return (Join(call, key.start, name, self.branches(branches)),)

    def branches(self, node: Mapping) -> tuple[Named, ...]:
        found: list[Named] = []
        for index, (key, value) in enumerate(node.entries):
            if isinstance(value, Scalar) and value.empty and node.flow and index:
                before = node.entries[index - 1][0].text
                fix = f"a chain inside {{ }} is a list: {before}: [..., {key.text}]"
                self.fail(key, f"'{key.text}' has no value: YAML cut the line at the comma", fix)
            elif self.layer_name(key):
                found.append(Named(key.text, self.chain(value, Group(), key), key.start))
        return tuple(found)

    # ----------------------------------------------------------------------- if, repeat, table

    def condition(self, node: Mapping, group: Group) -> tuple[Item, ...]:
        parts = self.parts(node, "if", required=("if", "then"), optional=("else",))
        if parts is None:
            return ()
        test = self.scalar_expression(parts["if"], "if")
        keys = {key.text: key for key, _ in node.entries}
        then = self.chain(parts["then"], group, keys["then"])
        otherwise = self.chain(parts["else"], group, keys["else"]) if "else" in parts else Chain((), node.end)
        if test is None:
            return ()
        return (If(test, 0, then, otherwise),)

    def repeat(self, node: Mapping, group: Group) -> tuple[Item, ...]:
        parts = self.parts(node, "repeat", required=("repeat", "layers"), optional=("index", "shared"))
        if parts is None:
            return ()
        count = self.scalar_expression(parts["repeat"], "repeat")
        index = self.index(parts.get("index"))
        shared = parts.get("shared")
        if shared is not None and not (isinstance(shared, Scalar) and shared.text in ("true", "false")):
            self.fail(shared, "'shared' must be true or false")
        key = next(key for key, _ in node.entries if key.text == "layers")
        body = self.chain(parts["layers"], Group(), key)
        if count is None:
            return ()
        once = isinstance(shared, Scalar) and shared.text == "true"
        return (Repeat(count, 0, body, index, once, group.name("repeat")),)

    def index(self, node: Node | None) -> str:
        if node is None:
            return "i"
        if not isinstance(node, Scalar) or not WORD.fullmatch(node.text) or node.text in RESERVED:
            self.fail(node, "'index' must be a name for the number of the round")
            return "i"
        return node.text

    def table(self, key: Scalar, node: Node, group: Group) -> tuple[Item, ...]:
        if not isinstance(node, Mapping):
            self.fail(key, "a table is a mapping of columns, rows and layers")
            return ()
        parts = self.parts(node, "table", required=("columns", "rows", "layers"), optional=("index",))
        if parts is None:
            return ()
        columns = self.columns(parts["columns"])
        rows = parts["rows"]
        if not isinstance(rows, Sequence) or not rows.items:
            self.fail(rows, "the rows of a table are a list, one row an item")
            return ()
        read = [self.row(row, columns) for row in rows.items]
        index = self.index(parts["index"]) if "index" in parts else ""
        body_key = next(key for key, _ in node.entries if key.text == "layers")
        body = self.chain(parts["layers"], Group(), body_key)
        if not columns or any(row is None for row in read):
            return ()
        found = tuple(row for row in read if row is not None)
        return (Table(columns, found, key.start, body, index, group.name("table")),)

    def columns(self, node: Node) -> tuple[str, ...]:
        if isinstance(node, Sequence):
            words = [item.text for item in node.items if isinstance(item, Scalar)]
        else:
            words = node.text.split() if isinstance(node, Scalar) else []
        wrong = next((word for word in words if not WORD.fullmatch(word) or word in RESERVED), None)
        if wrong is not None or not words or len(set(words)) != len(words):
            self.fail(node, "columns are different names, separated by blanks", f"not a name: '{wrong}'" if wrong else "")
            return ()
        return tuple(words)

    def row(self, node: Node, columns: tuple[str, ...]) -> Row | None:
        cells: list[Written | None]
        if isinstance(node, Sequence):
            cells = [self.written(item, node.start) for item in node.items]
        elif isinstance(node, Scalar) and node.text:
            text, begin = self.slice(node)
            try:
                tokens = lines.split(text, " ")
            except Fault as fault:
                self.fault(fault, begin, begin + len(text), begin)
                return None
            named = columns.index("name") if "name" in columns else -1
            cells = [
                literal(token.text)
                if place == named
                else self.expression(token.text, begin + token.start, node.start)
                for place, token in enumerate(tokens)
            ]
        else:
            self.fail(node, "a row is cells separated by blanks, or a list")
            return None
        if columns and len(cells) != len(columns):
            self.fail(node, f"{len(cells)} cells under {len(columns)} columns", "columns: " + " ".join(columns))
            return None
        return None if any(cell is None for cell in cells) else Row(tuple(c for c in cells if c is not None), node.start)

    def auxiliary(self, key: Scalar, node: Node) -> tuple[Item, ...]:
        if not isinstance(node, Mapping) or len(node.entries) != 1:
            self.fail(key, "auxiliary holds one named branch: auxiliary: {name: chain}")
            return ()
        name, value = node.entries[0]
        if not self.layer_name(name):
            return ()
        return (Auxiliary(Named(name.text, self.chain(value, Group(), name), name.start), key.start),)

    def parts(
        self, node: Mapping, what: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, Node] | None:
        """The entries of a keyword's mapping by key; None, and a problem, when they do not fit."""
        for key, _ in node.entries:
            if key.text not in (*required, *optional):
                fix = near(key.text, (*required, *optional)) or "is a '- ' missing before it?"
                self.fail(key, f"'{key.text}' is not a part of {what}", fix)
                return None
        for name in required:
            if node.get(name) is None:
                self.fail(node.entries[0][0], f"{what} needs '{name}'")
                return None
        return {key.text: value for key, value in node.entries}

    # --------------------------------------------------------------------- values and references

    def mapping_arguments(self, node: Mapping, base: int, leave: tuple[str, ...] = ()) -> tuple[Argument, ...]:
        found = []
        for key, value in node.entries:
            if key.text in leave:
                continue
            path = key.text == "share" and isinstance(value, Scalar)
            written = literal(value.text, value.start - base) if path else self.written(value, base)  # type: ignore[union-attr]
            if written is not None:
                found.append(Argument(key.text, written, key.start - base, value.end - base))
        return tuple(found)

    def references(self, node: Node | None, base: int) -> tuple[Reference, ...] | None:
        if node is None:
            return ()
        scalars = list(node.items) if isinstance(node, Sequence) else [node]
        found: list[Reference] = []
        for scalar in scalars:
            if not isinstance(scalar, Scalar) or not scalar.text:
                self.fail(node, "'from' names earlier layers")
                return None
            text, begin = self.slice(scalar)
            try:
                tokens = lines.split(text, " ")
                found += [_moved(lines.read_reference(token), begin - base) for token in tokens]
            except Fault as fault:
                self.fault(fault, begin, begin + len(text), begin)
                return None
        return tuple(found)

    def written(self, node: Node, base: int) -> Written | None:
        """An expression, or a list of them; offsets are relative to `base`."""
        if isinstance(node, Sequence):
            items = [self.written(item, base) for item in node.items]
            return None if any(item is None for item in items) else tuple(i for i in items if i is not None)
        if isinstance(node, Mapping):
            self.fail(node, "a value is expected here, not a mapping")
            return None
        if node.empty or not node.text.strip():
            self.fail(node, "a value is missing here")
            return None
        text, begin = self.slice(node)
        return self.expression(text, begin, base)

    def scalar_expression(self, node: Node, what: str) -> Expression | None:
        if not isinstance(node, Scalar) or not node.text.strip():
            self.fail(node, f"'{what}' needs an expression")
            return None
        text, begin = self.slice(node)
        return self.expression(text, begin, 0)

    def expression(self, text: str, begin: int, base: int) -> Expression | None:
        try:
            return lines.read_expression(Token(text, begin - base, begin - base + len(text)))
        except Fault as fault:
            self.fault(fault, begin, begin + len(text), base)
            return None

    def slice(self, node: Scalar) -> tuple[str, int]:
        """The text of a scalar as it stands in the file, so that offsets are positions."""
        begin, end = (node.start + 1, node.end - 1) if node.quote else (node.start, node.end)
        text = self.source.text[begin:end]
        if node.quote and text != node.text:
            self.fail(node, "a text in quotes may have neither escapes nor line breaks here")
            return node.text, begin
        return text, begin

    # ------------------------------------------------------------------------------- problems

    def layer_name(self, key: Scalar) -> bool:
        if NAME.fullmatch(key.text) and not key.text.isdigit() and key.text not in RESERVED:
            return True
        if key.text.isdigit():
            fix = "a name is not a bare number: write it with a letter"
        elif key.text in RESERVED:
            fix = "the word is reserved"
        else:
            fix = "a name has letters, digits, _ and -"
        if " " in key.text and ops.known(key.text.split(" ", 1)[0]):
            fix = "a call with arguments is a line without a colon"
        self.fail(key, f"'{key.text}' cannot be a layer's name", fix)
        return False

    def word(self, key: Scalar) -> bool:
        if WORD.fullmatch(key.text) and key.text not in RESERVED:
            return True
        self.fail(key, f"'{key.text}' cannot be a name here", "letters, digits and _; not x, channels, identity, from")
        return False

    def fail(self, node: Node, fact: str, fix: str = "", whole: bool = False) -> None:
        end = node.start + 1 if whole or not isinstance(node, Scalar) else node.end
        self.problems.append(self._problem(node.start, end, fact, fix))

    def fail_at(self, start: int, text: str, fact: str, fix: str = "") -> None:
        self.problems.append(self._problem(start, start + len(text), fact, fix))

    def fault(self, fault: Fault, start: int, end: int, base: int | None = None) -> None:
        """Turns a bare fact into a problem; `base` is what its offsets are relative to."""
        if fault.at is not None and base is not None:
            start, end = base + fault.at[0], base + fault.at[1]
        self.problems.append(Problem(self.source, start, end, fault.fact, fault.notes()))

    def _problem(self, start: int, end: int, fact: str, fix: str = "") -> Problem:
        return Problem(self.source, start, end, fact, (fix,) if fix else ())


def _moved(reference: Reference, distance: int) -> Reference:
    parts = tuple(
        (name, index._replace(at=index.at + distance) if index else None) for name, index in reference.parts
    )
    return Reference(parts, reference.start + distance, reference.end + distance)


def _shifted(argument: Argument, distance: int) -> Argument:
    assert isinstance(argument.value, Expression)
    value = argument.value._replace(at=argument.value.at + distance)
    return Argument(argument.name, value, argument.start + distance, argument.end + distance)
