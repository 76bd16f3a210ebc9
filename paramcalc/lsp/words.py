"""Every word of a spec that names something, with what it is there: of ops and blocks, knobs, layers, variants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from paramcalc import ops
from paramcalc.base.errors import Fault, Source, SpecError
from paramcalc.language import lines, syntax
from paramcalc.language.lines import NAME, WORD, Token
from paramcalc.language.parse import is_long
from paramcalc.language.syntax import Mapping, Node, Scalar, Sequence
from paramcalc.ops.attributes import attributes

BLOCK, PARAMETER, KNOB, VARIANT, LAYER, INPUT = "block", "parameter", "knob", "variant", "layer", "input"
HEAD, ATTRIBUTE, VALUE, REFERENCE, MODEL = "head", "attribute", "value", "reference", "model"
DEFINES = (BLOCK, PARAMETER, KNOB, VARIANT, LAYER, INPUT)
_IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?![\w(])")
_CHAINS = ("then", "else", "layers")
_EXPRESSIONS = ("if", "repeat")


class Word(NamedTuple):
    """A word at a place. `head` is what the call is of that it belongs to, `block` the block around it, or ''."""

    text: str
    start: int
    end: int
    role: str
    head: str = ""
    block: str = ""


def words(source: Source) -> list[Word]:
    """All words of a text in its order; none where it is not YAML."""
    try:
        root = syntax.parse(source)
    except SpecError:
        return []
    return sorted(_Words(source).of(root), key=lambda word: word.start) if isinstance(root, Mapping) else []


class _Words:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.blocks: dict[str, tuple[str, ...]] = {}
        self.block = ""

    def of(self, root: Mapping) -> Iterator[Word]:
        listed = root.get("blocks")
        for key, _ in listed.entries if isinstance(listed, Mapping) else ():
            try:
                name, parameters, inputs = lines.read_signature(key.text)
            except Fault:
                continue
            self.blocks[name] = (*(one.name for one in parameters), *inputs)
        for key, value in root.entries:
            section = getattr(self, f"in_{key.text}", None)
            if section:
                yield from section(value)

    # ------------------------------------------------------------------------------ sections

    def in_use(self, node: Node) -> Iterator[Word]:
        yield from self.whole(node, "use")

    def in_knobs(self, node: Node) -> Iterator[Word]:
        for key, value in _entries(node):
            yield self.word(key, KNOB)
            default = value.get("default") if isinstance(value, Mapping) else value
            yield from self.values(default)

    def in_variants(self, node: Node) -> Iterator[Word]:
        for key, value in _entries(node):
            yield self.word(key, VARIANT)
            for name, setting in _entries(value):
                if name.text == "like":
                    yield from self.whole(setting, MODEL)
                else:
                    yield self.word(name, VALUE)
                    yield from self.values(setting)

    def in_input(self, node: Node) -> Iterator[Word]:
        if isinstance(node, Mapping):
            chosen = node.get("if") is not None
            for key, value in node.entries:
                yield from self.in_input(value) if chosen and key.text != "if" else self.values(value)
        else:
            yield from self.values(node, without=("x",))

    def in_inputs(self, node: Node) -> Iterator[Word]:
        for key, value in _entries(node):
            yield self.word(key, INPUT)
            yield from self.in_input(value)

    def in_outputs(self, node: Node) -> Iterator[Word]:
        yield from self.references(node)

    def in_defaults(self, node: Node) -> Iterator[Word]:
        for key, value in _entries(node):
            yield self.word(key, HEAD)
            if isinstance(value, Mapping):
                for _, one in value.entries:
                    yield from self.values(one)
            elif isinstance(value, Scalar):
                for token in self.tokens(value):
                    yield from self.argument(token, key.text)

    def in_blocks(self, node: Node) -> Iterator[Word]:
        for key, value in _entries(node):
            tokens = self.tokens(key)
            if not tokens:
                continue
            self.block = tokens[0].text
            yield self.token(tokens[0], BLOCK)
            for token in tokens[1:]:
                name, equals, _ = token.text.partition("=")
                if token.text != "from" and name != "x":
                    yield Word(name, token.start, token.start + len(name), PARAMETER, self.block, self.block)
                if equals:
                    yield from self.identifiers(token, len(name) + 1)
            yield from self.body(value)
            self.block = ""

    def body(self, node: Node) -> Iterator[Word]:
        """The chain of a block, or what its long form has."""
        for key, value in node.entries if is_long(node) else ():
            if key.text == "outputs" and isinstance(value, Mapping):
                for name, one in value.entries:
                    yield self.word(name, LAYER)
                    yield from self.references(one)
            elif key.text == "outputs":
                yield from self.references(value)
            elif key.text == "layers":
                yield from self.chain(value)
        if not is_long(node):
            yield from self.chain(node)

    def in_layers(self, node: Node) -> Iterator[Word]:
        yield from self.chain(node)

    def in_claims(self, node: Node) -> Iterator[Word]:
        listed = _entries(node) if isinstance(node, Mapping) else [(None, node)]
        for key, value in listed:
            if key is not None:
                yield self.word(key, MODEL)
            for item in value.items if isinstance(value, Sequence) else ():
                for name, field in _entries(item):
                    if name.text in ("layer", "over"):
                        yield from self.references(field)
                    elif name.text == "over_model":
                        yield from self.whole(field, MODEL)

    in_budgets = in_claims

    # -------------------------------------------------------------------------------- chains

    def chain(self, node: Node) -> Iterator[Word]:
        if isinstance(node, Scalar):
            yield from self.line(node)
        elif isinstance(node, Sequence):
            for item in node.items:
                yield from self.chain(item)
        else:
            for key, value in node.entries:
                yield from self.entry(key, value)

    def entry(self, key: Scalar, value: Node) -> Iterator[Word]:
        if key.text in _CHAINS:
            yield from self.chain(value)
        elif key.text in _EXPRESSIONS:
            yield from self.values(value)
        elif key.text == "index":
            yield from self.whole(value, PARAMETER)
        elif key.text in ("from", "share"):
            yield from self.references(value)
        elif key.text == "auxiliary":
            for name, branch in _entries(value):
                yield self.word(name, LAYER)
                yield from self.chain(branch)
        elif key.text == "table" and isinstance(value, Mapping):
            yield from self.table(value)
        elif key.text != "shared":
            yield from self.named_or_called(key, value)

    def table(self, node: Mapping) -> Iterator[Word]:
        for key, value in node.entries:
            if key.text == "columns":
                for scalar in _scalars(value):
                    yield from (self.token(token, PARAMETER) for token in self.tokens(scalar))
            elif key.text == "rows":
                yield from self.values(value)
            else:
                yield from self.entry(key, value)

    def named_or_called(self, key: Scalar, value: Node) -> Iterator[Word]:
        """A key over a mapping is a call where it is an op or a block; else it names what it holds."""
        head = key.text.split(" ", 1)[0]
        if isinstance(value, Mapping) and (ops.known(head) or head in self.blocks):
            yield from self.line(key)
            yield from self.below(head, value)
        else:
            if NAME.fullmatch(key.text):
                yield self.word(key, LAYER)
            yield from self.chain(value)

    def below(self, head: str, node: Mapping) -> Iterator[Word]:
        """The arguments of a call, or the branches of a join."""
        op = ops.find(head) if ops.known(head) else None
        known = set(attributes(op)) if op else set(self.blocks.get(head, ()))
        for key, value in node.entries:
            if key.text in ("from", "share"):
                yield from self.references(value)
            elif key.text == "inputs":
                yield from self.below(head, value) if isinstance(value, Mapping) else ()
            elif key.text in known or key.text == "frozen":
                yield self.word(key, ATTRIBUTE, head)
                yield from self.values(value)
            else:
                yield self.word(key, LAYER)
                yield from self.chain(value)

    def line(self, node: Scalar) -> Iterator[Word]:
        text, begin = self.slice(node)
        try:
            segments = lines.split(text)
            calls = [(segment, lines.words(segment.text, "word")) for segment in segments]
        except Fault:
            return
        for segment, found in calls:
            tokens = [_moved(token, begin + segment.start) for token in found]
            if len(tokens) > 2 and tokens[1].text == "*":
                yield from self.identifiers(tokens[0])
                tokens = tokens[2:]
            yield from self.call(tokens)

    def call(self, tokens: list[Token]) -> Iterator[Word]:
        head, reading = "", False
        for place, token in enumerate(tokens):
            if token.text == "from":
                reading = True
            elif reading:
                yield from self.path(token)
            elif place == 0 and WORD.fullmatch(token.text):
                head = token.text
                yield self.token(token, HEAD)
            else:
                yield from self.argument(token, head)

    def argument(self, token: Token, head: str) -> Iterator[Word]:
        name, equals, _ = token.text.partition("=")
        if not equals or not WORD.fullmatch(name) or token.text.startswith(f"{name}=="):
            yield from self.identifiers(token)
            return
        if name == "share":
            yield from self.path(_moved(Token(token.text[6:], 6, len(token.text)), token.start))
            return
        yield Word(name, token.start, token.start + len(name), ATTRIBUTE, head, self.block)
        yield from self.identifiers(token, len(name) + 1)

    # ------------------------------------------------------------------------------- values

    def values(self, node: Node | None, without: tuple[str, ...] = ()) -> Iterator[Word]:
        for scalar in _scalars(node):
            text, begin = self.slice(scalar)
            found = self.identifiers(Token(text, begin, begin + len(text)))
            yield from (word for word in found if word.text not in without)

    def identifiers(self, token: Token, begin: int = 0) -> Iterator[Word]:
        for found in _IDENTIFIER.finditer(token.text, begin):
            start = token.start + found.start()
            yield Word(found[0], start, start + len(found[0]), VALUE, "", self.block)

    def references(self, node: Node | None) -> Iterator[Word]:
        for scalar in _scalars(node):
            for token in self.tokens(scalar):
                yield from self.path(token)

    def path(self, token: Token) -> Iterator[Word]:
        """The names of a path, and those in its indices."""
        place = token.start
        for part in re.split(r"(/|\[[^\]]*\])", token.text):
            if part.startswith("["):
                yield from self.identifiers(Token(part, place, place + len(part)))
            elif NAME.fullmatch(part):
                yield Word(part, place, place + len(part), REFERENCE, "", self.block)
            place += len(part)

    def whole(self, node: Node, role: str) -> Iterator[Word]:
        if isinstance(node, Scalar) and node.text:
            yield self.word(node, role)

    def word(self, node: Scalar, role: str, head: str = "") -> Word:
        _, begin = self.slice(node)
        return Word(node.text, begin, begin + len(node.text), role, head, self.block)

    def token(self, token: Token, role: str) -> Word:
        return Word(token.text, token.start, token.end, role, "", self.block)

    def tokens(self, node: Scalar) -> list[Token]:
        text, begin = self.slice(node)
        try:
            return [_moved(token, begin) for token in lines.words(text, "word")]
        except Fault:
            return []

    def slice(self, node: Scalar) -> tuple[str, int]:
        """The text of a scalar as it is written, without its quotes, and its place."""
        quoted = bool(node.quote)
        return self.source.text[node.start + quoted : node.end - quoted], node.start + quoted


def _moved(token: Token, distance: int) -> Token:
    return Token(token.text, token.start + distance, token.end + distance)


def _entries(node: Node) -> tuple[tuple[Scalar, Node], ...]:
    return node.entries if isinstance(node, Mapping) else ()


def _scalars(node: Node | None) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _scalars(item)
    elif isinstance(node, Mapping):
        for _, value in node.entries:
            yield from _scalars(value)
