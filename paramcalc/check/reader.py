"""The claims of a spec: what a source prints about a network, and how it is to be read.

Only the text is read here, nothing is counted. Every mistake is reported with its place, all of
them in one run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from paramcalc.base import printed
from paramcalc.base.errors import Fault, Problem, Source, SpecError
from paramcalc.base.printed import Figure
from paramcalc.check.fields import Entry, FieldReader, Readers, Span
from paramcalc.count.report import QUANTITIES
from paramcalc.language import syntax
from paramcalc.language.spec import Spec
from paramcalc.language.syntax import Node, Scalar

CHANNELS = "channels"
FIELD, JUMP = "field", "jump"
LAYERED = (CHANNELS, FIELD, JUMP)  # what a layer has, and no network as a whole
CLAIMED = (*QUANTITIES, *LAYERED)
FIELDS = (
    "layer", "over", "over_model", "called", "convention", "input", "source", "note",
    "within", "reason", "erratum", "unresolved", "unread",
)  # fmt: skip
EXCUSES = ("within", "erratum", "unresolved")
MOST_CLAIMS = 10_000
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,9})?\s?%")
_EXAMPLE = "{params: 60000, source: Table 1}"


class Claim(NamedTuple):
    """One figure that a source prints, and what it is about.

    `layers` and `over` are patterns; no layers means the whole network. With `over`, `over_model`
    or both the figure is a ratio to those layers, to that model, or to those layers of it.
    `inputs` gives other sizes by input name. `cited` is the source in short, as beside its network's
    own paper; `source` is all of it. `spans` holds the place of each field as indices into `text`.
    """

    model: str
    quantity: str
    figure: Figure
    layers: tuple[str, ...]
    over: tuple[str, ...]
    over_model: str
    convention: str
    inputs: Mapping[str, tuple[int, ...]]
    called: str
    source: str
    cited: str
    note: str
    within: Fraction | None
    reason: str
    erratum: str
    unresolved: str
    unread: bool
    text: Source
    spans: Mapping[str, Span]
    line: int
    column: int

    @property
    def batch(self) -> int:
        """A source prints what one sample costs."""
        return 1

    @property
    def ratio(self) -> bool:
        return bool(self.over or self.over_model)

    def problem(self, fact: str, about: str = "", notes: tuple[str, ...] = ()) -> Problem:
        """A mistake in one field, or in the figure when the field is not written."""
        start, end = self.spans.get(about) or self.spans[self.quantity]
        return Problem(self.text, start, end, fact, notes)


def read(spec: Spec) -> tuple[Claim, ...]:
    """The claims of a spec in the order of the text; `SpecError` with every mistake in them."""
    found, problems = readable(spec)
    if problems:
        raise SpecError(problems)
    return found


def readable(spec: Spec) -> tuple[tuple[Claim, ...], list[Problem]]:
    """Those claims of a spec that can be read, and every mistake in the others.

    `SpecError` where there are too many claims or mistakes.
    """
    reader = _Reader(spec)
    return (reader.claims() if spec.claims else ()), reader.problems.in_order()


class _Reader(FieldReader):
    noun, example = "claims about", _EXAMPLE
    kind, holds = "claim", "number"
    fields, quantities = FIELDS, CLAIMED

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.paper = _cited(spec.origin)

    def claims(self) -> tuple[Claim, ...]:
        assert self.spec.claims is not None
        found: list[Claim] = []
        for key, node in self.spec.claims.entries:
            known = self.model(key)
            for item in self.items(key, node):
                claim = self.claim(key.text, item)
                if known and claim is not None:
                    found.append(claim)
                if len(found) > MOST_CLAIMS:
                    self.fail(item, f"a spec may have at most {MOST_CLAIMS} claims")
                    raise SpecError(self.problems.in_order())
        return tuple(found)

    def claim(self, model: str, node: Node) -> Claim | None:
        """One claim; None, with its problems noted, when it cannot be read."""
        before = len(self.problems)
        entry = self.entry(model, node)
        if entry is None:
            return None
        read = self.figure(entry.written, entry.ratio)
        self.check_fit(entry)
        if len(self.problems) > before or read is None:
            return None
        values = entry.values
        source, cited = values["source"] or (self.paper, "")
        own = {name: values[name] for name in ("called", *EXCUSES, "reason", "unread")}
        return Claim(figure=read, source=source, cited=cited, **own, **entry.common)

    # ------------------------------------------------------------------------ whole-claim checks

    def check_fit(self, entry: Entry) -> None:
        """Reports fields of a claim that do not go together."""
        self.check_convention(entry)
        key, node = entry.quantity, entry.node
        if key.text in LAYERED and node.get("layer") is None:
            verb = "are those" if key.text == CHANNELS else "is that"
            self.fail(key, f"'{key.text}' {verb} of a layer: say which", "add layer: NAME")
        written = set(node.keys())
        excuses = [name for name in EXCUSES if name in written]
        if len(excuses) > 1:
            self.fail_field(node, excuses[1], f"a claim cannot have both '{excuses[0]}' and '{excuses[1]}'")
        if "within" in written and "reason" not in written:
            self.fail_field(
                node, "within", "'within' needs a reason", "add reason: why the source is not exact"
            )
        if "reason" in written and "within" not in written:
            self.fail_field(node, "reason", "'reason' explains 'within', which is missing")

    # ------------------------------------------------------------------------------ single fields

    def readers(self) -> Readers:
        return {
            "layer": (self.patterns, ()),
            "over": (self.patterns, ()),
            "over_model": (self.text, ""),
            "called": (self.text, ""),
            "convention": (self.convention, ""),
            "input": (self.inputs, {}),
            "source": (self.source, None),
            "note": (self.text, ""),
            "within": (self.percent, None),
            "reason": (self.text, ""),
            "erratum": (self.text, ""),
            "unresolved": (self.text, ""),
            "unread": (self.flag, False),
        }

    def figure(self, node: Node, ratio: bool) -> Figure | None:
        if not isinstance(node, Scalar) or not node.text:
            self.fail(node, "a number is missing here", f"digits as printed: {printed.EXAMPLES}")
            return None
        try:
            read = printed.read(node.text, ratio)
        except Fault as fault:
            self.problems.add(self.spec.source, node.start, node.end, fault.fact, fault.notes())
            return None
        if read.percentage and not ratio:
            self.fail(node, f"{read.text} of what?", "add over: LAYERS or over_model: MODEL")
        return read

    def source(self, name: str, node: Node) -> tuple[str, str]:
        """The source in full and in short; details without a title are those of the spec's own."""
        if isinstance(node, syntax.Mapping):
            for key, value in node.entries:
                self.text(key.text, value)
            if _titled(node) or not self.spec.origin:
                return _cited(node), _cited(node)
            where = _detail(node, "where")
            paper = _titled(self.spec.origin) or self.paper
            return ", ".join(part for part in (paper, where) if part), where
        text = self.text(name, node)
        return text, text

    def percent(self, name: str, node: Node) -> Fraction:
        text = self.text(name, node)
        share = Fraction(text.rstrip("% ")) / 100 if _PERCENT.fullmatch(text) else Fraction(0)
        if not 0 < share < 1:
            raise self.wrong(node, f"'{name}' must be a percentage, such as 2%")
        return share


def _cited(node: Node | None) -> str:
    """A source in one line: title (year), where; or the text that it is; '' for none."""
    if isinstance(node, Scalar):
        return node.text
    return ", ".join(part for part in (_titled(node), _detail(node, "where")) if part)


def _titled(node: Node | None) -> str:
    """The title, or its key, with the year; '' when neither is given."""
    title, year = _detail(node, "title") or _detail(node, "key"), _detail(node, "year")
    return f"{title} ({year})" if title and year else title


def _detail(node: Node | None, key: str) -> str:
    value = node.get(key) if isinstance(node, syntax.Mapping) else None
    return value.text if isinstance(value, Scalar) else ""
