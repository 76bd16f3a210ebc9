"""The budgets of a spec: limits that its counts must keep, as `macs: "<= 300M"`.

Only the text is read here, nothing is counted. Every mistake is reported with its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from paramcalc.base import printed
from paramcalc.base.errors import Fault, Problem, Source, SpecError, near
from paramcalc.check.fields import Entry, FieldReader, Readers, Span
from paramcalc.check.reader import CLAIMED, LAYERED
from paramcalc.count.report import BITS
from paramcalc.engine import library
from paramcalc.language import syntax
from paramcalc.language.spec import Spec
from paramcalc.language.syntax import Node, Scalar, Sequence

PEAK = "peak_memory"  # in bytes, as `paramcalc memory` adds it up
BUDGETED = (*CLAIMED, PEAK)
FIELDS = ("layer", "over", "over_model", "convention", "input", "batch", "dtype", "train", "note")
OF_PEAK = ("dtype", "train")
NOT_OF_PEAK = ("layer", "over", "over_model", "convention")
MOST_BUDGETS = 10_000
LONGEST_BATCH = 9  # digits
EXPECTED = 'a sign and a number: "<= 300M", "< 25%", ">= 70"'
_LIMIT = re.compile(r"\s*(<=|<|>=|>)?\s*(.*?)\s*", re.DOTALL)
_BYTES = re.compile(r"(.*?)\s*([KMGT]|[KMG]i)B")
_EXAMPLE = '{params: "<= 5M"}'


class Budget(NamedTuple):
    """A limit on one quantity: of a network, of some of its layers, or of their share of others.

    `sign` is `<=`, `<`, `>=` or `>`; `text` is the limit as it is written. The other fields are those of a claim;
    `dtype` and `train` are for the peak of memory.
    """

    model: str
    quantity: str
    sign: str
    limit: Fraction
    written: str
    layers: tuple[str, ...]
    over: tuple[str, ...]
    over_model: str
    convention: str
    inputs: Mapping[str, tuple[int, ...]]
    batch: int
    dtype: str
    train: str
    note: str
    text: Source
    spans: Mapping[str, Span]
    line: int
    column: int

    @property
    def ratio(self) -> bool:
        return bool(self.over or self.over_model)

    @property
    def upper(self) -> bool:
        """Whether it keeps the quantity down."""
        return self.sign in ("<=", "<")

    def kept_by(self, number: Fraction) -> bool:
        """Whether a number is within the budget."""
        limit = self.limit
        kept = {"<=": number <= limit, "<": number < limit, ">=": number >= limit, ">": number > limit}
        return kept[self.sign]

    def problem(self, fact: str, about: str = "", notes: tuple[str, ...] = ()) -> Problem:
        """A mistake in one field, or in the limit when the field is not written."""
        start, end = self.spans.get(about) or self.spans[self.quantity]
        return Problem(self.text, start, end, fact, notes)


def readable(spec: Spec) -> tuple[tuple[Budget, ...], list[Problem]]:
    """Those budgets of a spec that can be read, and every mistake in the others."""
    reader = _Reader(spec)
    return (reader.budgets() if spec.budgets is not None else ()), reader.problems.in_order()


class _Reader(FieldReader):
    noun, example = "budgets of", _EXAMPLE
    kind, holds = "budget", "limit"
    fields, quantities = FIELDS, BUDGETED

    def budgets(self) -> tuple[Budget, ...]:
        """The budgets by model: a list holds for every model of the spec."""
        node = self.spec.budgets
        if isinstance(node, syntax.Mapping):
            listed = [(key.text, self.items(key, value)) for key, value in node.entries if self.model(key)]
        elif isinstance(node, Sequence):
            listed = [(model, node.items) for model in _apart(self.spec)]
        else:
            assert node is not None
            self.fail(node, "'budgets' must be a list, or map models to lists", f"write - {_EXAMPLE}")
            return ()
        found: list[Budget] = []
        for model, items in listed:
            for item in items:
                budget = self.budget(model, item)
                found += [] if budget is None else [budget]
                if len(found) > MOST_BUDGETS:
                    self.fail(item, f"a spec may have at most {MOST_BUDGETS} budgets")
                    raise SpecError(self.problems.in_order())
        return tuple(found)

    def budget(self, model: str, node: Node) -> Budget | None:
        """One budget; None, with its problems noted, when it cannot be read."""
        before = len(self.problems)
        entry = self.entry(model, node)
        if entry is None:
            return None
        read = self.limit(entry.quantity.text, entry.written, entry.ratio)
        self.check_fit(entry)
        if len(self.problems) > before or read is None:
            return None
        sign, limit, written = read
        own = {name: entry.values[name] for name in ("batch", *OF_PEAK)}
        return Budget(sign=sign, limit=limit, written=written, **own, **entry.common)

    def check_fit(self, entry: Entry) -> None:
        """Reports fields of a budget that do not go together."""
        key, node = entry.quantity, entry.node
        if key.text == PEAK:
            for name in NOT_OF_PEAK:
                if node.get(name) is not None:
                    self.fail_field(node, name, f"{PEAK} is for the whole network and takes no '{name}'")
            return
        for name in OF_PEAK:
            if node.get(name) is not None:
                self.fail_field(node, name, f"'{name}' is for {PEAK}")
        self.check_convention(entry)
        if key.text in LAYERED and node.get("layer") is None:
            self.fail(key, f"'{key.text}' needs a layer", "add layer: NAME")

    # ------------------------------------------------------------------------------ single fields

    def readers(self) -> Readers:
        from paramcalc.memory.memory import OPTIMIZERS  # few specs have budgets

        return {
            "layer": (self.patterns, ()),
            "over": (self.patterns, ()),
            "over_model": (self.text, ""),
            "convention": (self.convention, ""),
            "input": (self.inputs, {}),
            "batch": (self.batch, 1),
            "dtype": (self.word(BITS), "float32"),
            "train": (self.word(OPTIMIZERS), ""),
            "note": (self.text, ""),
        }

    def limit(self, quantity: str, node: Node, ratio: bool) -> tuple[str, Fraction, str] | None:
        """The sign, the number exactly as it is written, and both as one text."""
        text = node.text if isinstance(node, Scalar) else ""
        found = _LIMIT.fullmatch(text)
        sign, number = (found[1] or "", found[2]) if found else ("", text)
        if not number:
            self.fail(node, "a limit is missing here", f"write {EXPECTED}")
            return None
        sized = _BYTES.fullmatch(number)
        try:
            if sized and quantity != PEAK:
                raise Fault(f"{quantity} is not a number of bytes", fix=f"limit {PEAK}")
            read = printed.read(sized[1] + sized[2] if sized else number, ratio)
        except Fault as fault:
            self.fail(node, fault.fact, *fault.notes()[-1:])
            return None
        if not sign:
            self.fail(node, f"a budget needs <= or >= before {number}", f'write "<= {number}"')
            return None
        if read.percentage and not ratio:
            self.fail(node, f"{number} of what?", "add over: LAYERS or over_model: MODEL")
        return sign, read.value, f"{sign} {number}"

    def batch(self, name: str, node: Node) -> int:
        text = self.text(name, node)
        if not text.isdecimal() or not text.isascii() or not int(text[: LONGEST_BATCH + 1]):
            raise self.wrong(node, "'batch' must be a whole number, from 1")
        if len(text) > LONGEST_BATCH:
            raise self.wrong(node, f"'batch' may have at most {LONGEST_BATCH} digits")
        return int(text)

    def word(self, known: Mapping[str, Any]) -> Any:
        """The reader of a field that holds one of some words."""

        def read(name: str, node: Node) -> str:
            text = self.text(name, node)
            if text not in known:
                fix = near(text, known) or f"it is one of {', '.join(known)}"
                raise self.wrong(node, f"'{name}' cannot be '{text}'", fix)
            return text

        return read


def _apart(spec: Spec) -> tuple[str, ...]:
    """The models of a spec, without aliases."""
    every = library.models(spec)
    return tuple(dict.fromkeys(library.same_settings(spec, name) for name in every))
