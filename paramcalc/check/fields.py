"""The common fields of entries below `claims` and `budgets`: models, layers, inputs, conventions.

Every mistake is noted with its place, and the other fields are read on.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault, Problems, near
from paramcalc.conventions import CONVENTIONS, OWN, convention
from paramcalc.language import syntax
from paramcalc.language.spec import Spec
from paramcalc.language.syntax import Node, Scalar, Sequence

Span: TypeAlias = tuple[int, int]
Readers: TypeAlias = Mapping[
    str, tuple[Callable[[str, Node], Any], Any]
]  # by field, with what an absent one means

_SIZES = re.compile(r"[1-9][0-9]{0,14}(?:x[1-9][0-9]{0,14}){0,3}")


class FieldError(Exception):
    """A field that cannot be read; its problem is already noted."""


class Entry(NamedTuple):
    """One claim or budget: its quantity with what is written there, and its fields.

    `common` are the fields that claims and budgets both have, and the place of the entry in the text.
    """

    quantity: Scalar
    written: Node
    values: Mapping[str, Any]
    node: syntax.Mapping
    common: Mapping[str, Any]

    @property
    def ratio(self) -> bool:
        return not {"over", "over_model"}.isdisjoint(self.node.keys())


class FieldReader:
    """Reads entries by model; `noun` and `example` are for messages: `claims about`.

    An entry is a `kind` about one of the `quantities`, with some of the `fields`; `holds` is what it says of it.
    """

    noun: str
    example: str
    kind: str
    holds: str
    fields: tuple[str, ...]
    quantities: tuple[str, ...]

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.problems = Problems()
        self.models = dict.fromkeys((spec.name, *spec.variants))
        text = spec.source.text
        self.line_starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def position(self, index: int) -> tuple[int, int]:
        """Line and column of a character."""
        line = bisect_right(self.line_starts, index)
        return line, index - self.line_starts[line - 1] + 1

    def model(self, key: Scalar) -> bool:
        """Whether a key names a model of the spec; if not, that is reported."""
        if key.text in self.models:
            return True
        fix = near(key.text, self.models) or "models are " + ", ".join(self.models)
        fact = f"{self.noun} '{key.text}', which is neither the name of this spec nor of a variant"
        self.fail(key, fact, fix)
        return False

    def items(self, key: Scalar, node: Node) -> tuple[Node, ...]:
        """The entries about a model."""
        if isinstance(node, Sequence):
            return node.items
        self.fail(key, f"the {self.noun} '{key.text}' must be a list", f"write - {self.example}")
        return ()

    def entry(self, model: str, node: Node) -> Entry | None:
        """An entry about one quantity; None, with its problems noted, where it is none."""
        if not isinstance(node, syntax.Mapping):
            fact = f"a {self.kind} is a mapping of a quantity to its {self.holds}"
            self.fail(node, fact, f"write {self.example}")
            return None
        before = len(self.problems)
        for key, value in node.entries:
            if key.text not in (*self.fields, *self.quantities):
                self.unknown_field(node, key, value)
        quantities = [(key, value) for key, value in node.entries if key.text in self.quantities]
        if len(quantities) > 1:
            keys = " and ".join(key.text for key, _ in quantities)
            fact = f"a {self.kind} is about one quantity, not about {keys}"
            self.fail(quantities[1][0], fact, f"write two {self.kind}s")
            return None
        if not quantities:
            if len(self.problems) == before:
                about = ", ".join(self.quantities)
                self.fail(node, f"the {self.kind} has no quantity", f"quantities are {about}")
            return None
        (key, value), *_ = quantities
        values = {name: self.field(name, node) for name in self.fields}
        return Entry(key, value, values, node, self.common(model, key, value, values, node))

    def unknown_field(self, node: syntax.Mapping, key: Scalar, value: Node) -> None:
        if node.flow and isinstance(value, Scalar) and value.empty:
            fact = f"'{key.text}' has no value: inside {{ }} YAML cuts at every comma"
            self.fail(key, fact, 'a text with a comma needs quotes; write 60_000 or "60,000"')
            return
        quantities = () if any(key.text in self.quantities for key, _ in node.entries) else self.quantities
        kinds = "quantities and fields are " if quantities else "fields are "
        fix = near(key.text, (*self.quantities, *self.fields)) or kinds + ", ".join(
            (*quantities, *self.fields)
        )
        self.fail(key, f"a {self.kind} has no field '{key.text}'", fix)

    def common(
        self, model: str, key: Scalar, value: Node, values: Mapping[str, Any], node: syntax.Mapping
    ) -> dict[str, Any]:
        line, column = self.position(value.start)
        return {
            "model": model,
            "quantity": key.text,
            "layers": values["layer"],
            "over": values["over"],
            "over_model": values["over_model"],
            "convention": values["convention"] or OWN.name,
            "inputs": values["input"],
            "note": values["note"],
            "text": self.spec.source,
            "spans": {key.text: (value.start, value.end) for key, value in node.entries},
            "line": line,
            "column": column,
        }

    def check_convention(self, entry: Entry) -> None:
        """A convention that is named defines the quantity."""
        named = CONVENTIONS.get(entry.values["convention"])
        quantity = entry.quantity.text
        if named is not None and quantity not in named.terms:
            about = ", ".join(named.terms)
            fact = f"'{named.name}' does not define {quantity}, only {about}"
            self.fail_field(entry.node, "convention", fact)

    def readers(self) -> Readers:
        """The fields that an entry may have."""
        raise NotImplementedError

    def field(self, name: str, node: syntax.Mapping) -> Any:
        """The value of a field; what an absent one means when it is absent or wrong."""
        reader, absent = self.readers()[name]
        value = node.get(name)
        if value is None:
            return absent
        try:
            return reader(name, value)
        except FieldError:
            return absent

    def text(self, name: str, node: Node) -> str:
        if isinstance(node, Scalar) and node.text:
            return node.text
        raise self.wrong(node, f"'{name}' must be a string")

    def patterns(self, name: str, node: Node) -> tuple[str, ...]:
        items = node.items if isinstance(node, Sequence) else (node,)
        texts = [item.text for item in items if isinstance(item, Scalar) and item.text]
        if not texts or len(texts) < len(items):
            raise self.wrong(node, f"'{name}' must be a path or pattern of layers, or a list of them")
        return tuple(texts)

    def convention(self, name: str, node: Node) -> str:
        text = self.text(name, node)
        try:
            return convention(text).name
        except Fault as fault:
            raise self.wrong(node, fault.fact, fault.fix) from None

    def inputs(self, name: str, node: Node) -> dict[str, tuple[int, ...]]:
        if isinstance(node, syntax.Mapping):
            return {
                key.text: self.sizes(key.text, value) for key, value in node.entries if self.input_name(key)
            }
        if len(self.spec.inputs) > 1:
            names = ", ".join(self.spec.inputs)
            raise self.wrong(
                node, "the spec has several inputs: name one", f"write {{NAME: SIZES}}, of {names}"
            )
        return {next(iter(self.spec.inputs)): self.sizes(name, node)}

    def input_name(self, key: Scalar) -> bool:
        if key.text in self.spec.inputs:
            return True
        fix = near(key.text, self.spec.inputs) or "inputs are " + ", ".join(self.spec.inputs)
        raise self.wrong(key, f"there is no input '{key.text}'", fix)

    def sizes(self, name: str, node: Node) -> tuple[int, ...]:
        text = self.text(name, node)
        if not _SIZES.fullmatch(text):
            raise self.wrong(node, f"'{text}' is not the size of an input", "write sizes such as 3x227x227")
        return tuple(int(part) for part in text.split("x"))

    def flag(self, name: str, node: Node) -> bool:
        text = self.text(name, node)
        if text not in ("true", "false"):
            raise self.wrong(node, f"'{name}' must be true or false")
        return text == "true"

    # ---------------------------------------------------------------------------------- problems

    def wrong(self, node: Node, fact: str, fix: str = "") -> FieldError:
        self.fail(node, fact, fix)
        return FieldError()

    def fail_field(self, node: syntax.Mapping, name: str, fact: str, fix: str = "") -> None:
        self.fail(next(key for key, _ in node.entries if key.text == name), fact, fix)

    def fail(self, node: Node, fact: str, fix: str = "") -> None:
        end = max(node.end, node.start + 1) if isinstance(node, Scalar) else node.start + 1
        self.problems.add(self.spec.source, node.start, end, fact, (fix,) if fix else ())
