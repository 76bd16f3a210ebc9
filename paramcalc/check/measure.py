"""The number that a claim is about, computed: a quantity of some layers, or a ratio of two."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TypeAlias

from paramcalc.base.errors import Fault, SpecError
from paramcalc.base.shape import CHANNELS as CHANNEL_AXIS
from paramcalc.base.shape import Shape
from paramcalc.check.reader import CHANNELS, FIELD, LAYERED, Claim
from paramcalc.conventions import CONVENTIONS, Convention, amount
from paramcalc.count.report import Report, Row, count
from paramcalc.engine import library
from paramcalc.engine.elaborate import Elaborator, Settings
from paramcalc.engine.graph import Graph
from paramcalc.field.field import Fields
from paramcalc.field.field import fields as followed
from paramcalc.language.spec import Spec

Inputs: TypeAlias = Mapping[str, tuple[int, ...]]
Key: TypeAlias = tuple[str, str, tuple[tuple[str, tuple[int, ...]], ...]]  # file, model, inputs
KEPT = 64
MOST_STEPS = 300_000  # of building networks, for the claims of one spec
MOST_LOOKS = 500_000  # at layers, for the claims of one spec
FIELD_LOOKS = 20  # what to follow the fields of a layer takes
PATTERN_LOOKS = 300  # what to read a pattern takes


class Networks:
    """Counted networks, each elaborated once for all that is asked about it.

    The `KEPT` that were last asked for are remembered, failures too. `built` counts elaborations.
    What the claims of one spec may take is bounded: it may be anybody's.
    """

    def __init__(self) -> None:
        self.known: dict[Key, Report | Exception] = {}
        self.built = 0
        self.followed: Fields | None = None
        self.begin()

    def begin(self) -> None:
        """Starts with another spec."""
        self.steps = self.looks = 0

    @property
    def exhausted(self) -> bool:
        """Whether no more can be asked about the spec."""
        return self.steps > MOST_STEPS or self.looks > MOST_LOOKS

    def look(self, layers: int) -> None:
        """Notes that so many layers are looked at; a fault when it is too much."""
        self.looks += layers
        if self.exhausted:
            fact = "the claims of this spec take too much work"
            limits = f"networks of {MOST_STEPS:,} layers in all, and {MOST_LOOKS:,} looks at layers"
            raise Fault(fact, expected=f"at most {limits}", fix="spread them over several specs")

    def report(self, spec: Spec, model: str, inputs: Inputs) -> Report:
        """The counts of a model of a spec; `SpecError` or `Fault` when it cannot be built."""
        key = (spec.source.name, library.same_settings(spec, model), tuple(inputs.items()))
        found = self.known.pop(key, None)
        if found is None:
            self.look(0)
            found, steps = _counted(spec, model, inputs)
            self.built += 1
            self.steps += steps
        self.known[key] = found
        if len(self.known) > KEPT:
            del self.known[next(iter(self.known))]
        if isinstance(found, Exception):
            raise found
        return found

    def fields(self, graph: Graph) -> Fields:
        """The receptive fields of a network; those that were last asked for are remembered."""
        if self.followed is None or self.followed.graph is not graph:
            self.look(FIELD_LOOKS * len(graph.layers))
            self.followed = followed(graph)
        return self.followed


def _counted(spec: Spec, model: str, inputs: Inputs) -> tuple[Report | Exception, int]:
    """The counts of a network, or why there are none, and how many steps that took."""
    variant = model if model in spec.variants else ""
    elaborator = Elaborator(spec, Settings(variant, inputs=inputs))
    try:
        return count(elaborator.run()), elaborator.steps
    except (SpecError, Fault) as error:
        return error, elaborator.steps


def measured(
    claim: Claim,
    spec: Spec,
    networks: Networks,
    model: str = "",
    convention: Convention | None = None,
    inputs: Inputs | None = None,
) -> Fraction:
    """The exact number behind a claim.

    `model`, `convention` and `inputs` replace the claim's own, to ask what they would change.
    A `Fault` is `about` the field of the claim that does not fit.
    """
    convention = convention or CONVENTIONS[claim.convention]
    report = networks.report(spec, model or claim.model, claim.inputs if inputs is None else inputs)
    number = Fraction(_quantity(networks, report, claim.quantity, claim.layers, convention, "layer"))
    if not claim.ratio:
        return number
    if claim.over_model:
        report = _other(claim, spec, networks)
    divisor = _quantity(networks, report, claim.quantity, claim.over, convention, "over")
    if divisor == 0:
        raise Fault(f"the {claim.quantity} to divide by are 0", about="over" if claim.over else "over_model")
    return number / divisor


def _other(claim: Claim, spec: Spec, networks: Networks) -> Report:
    """The model that a ratio divides by: of the same file, else a bundled one."""
    name = claim.over_model
    if name == spec.name or name in spec.variants:
        return networks.report(spec, name, {})
    try:
        found = library.bundled(name)
    except Fault as fault:
        fact = f"there is no model '{name}' in this file, and none is bundled"
        raise Fault(fact, fix=fault.fix, about="over_model") from None
    return networks.report(found.spec, found.variant or found.spec.name, {})


def _quantity(
    networks: Networks,
    report: Report,
    quantity: str,
    patterns: tuple[str, ...],
    convention: Convention,
    about: str,
) -> int | Fraction:
    networks.look(len(patterns) * PATTERN_LOOKS + max(1, len(patterns)) * len(report.rows))
    try:
        if any(pattern in report.graph.inputs for pattern in patterns):
            return _of_input(report, quantity, patterns)
        rows = selected(report, patterns, convention.auxiliary)
        if quantity in LAYERED:
            return _of_output(networks, report, rows, quantity)
    except Fault as fault:
        fault.about = about
        raise
    return amount(rows, quantity, convention)


def selected(report: Report, patterns: tuple[str, ...], auxiliary: bool = False) -> tuple[Row, ...]:
    """The rows that patterns mean together, each once; no pattern means the whole network.

    A branch that exists in training only is meant where a pattern matches nothing else, or where
    `auxiliary` asks for it.
    """
    wanted = {row.path for pattern in patterns for row in _matched(report, pattern, auxiliary)}
    if patterns:
        return tuple(row for row in report.rows if row.path in wanted)
    return tuple(row for row in report.rows if auxiliary or not row.layer.auxiliary)


def _matched(report: Report, pattern: str, auxiliary: bool) -> tuple[Row, ...]:
    rows = report.select(pattern)
    main = tuple(row for row in rows if not row.layer.auxiliary)
    return rows if auxiliary else main or rows


def _of_input(report: Report, quantity: str, patterns: tuple[str, ...]) -> int:
    """An input has elements and channels, and nothing else that could be counted."""
    shape = report.graph.inputs.get(patterns[0])
    if len(patterns) > 1 or shape is None:
        raise Fault("an input stands alone: it is not one of several layers")
    if quantity == CHANNELS:
        return _channels_of(shape)
    if quantity != "activations":
        raise Fault(f"an input has no {quantity}", expected=f"activations or {CHANNELS}")
    return shape.elements


def _of_output(networks: Networks, report: Report, rows: tuple[Row, ...], quantity: str) -> int | Fraction:
    """The channels, field or jump of the one output that leaves some layers."""
    leaving = _leaving(report, rows)
    if quantity == CHANNELS:
        found = {_channels_of(report.graph.shape(value)) for value in leaving}
        if len(found) > 1:
            fact, numbers = "several outputs leave these layers", f"{sorted(found)} channels"
            raise Fault(fact, found=numbers, fix="name one layer")
        return found.pop()
    first, known = len(report.graph.inputs), networks.fields(report.graph).layers
    fields = [field for value in leaving for field in known[value - first]]
    seen = {field.size if quantity == FIELD else field.jump for field in fields}
    number = seen.pop() if len(seen) == 1 else None
    if number is None:
        numbers = ", ".join(str(one) for one in seen) or "none"
        raise Fault(f"the {quantity} is not one number for all outputs and axes", found=numbers)
    return number


def _leaving(report: Report, rows: tuple[Row, ...]) -> set[int]:
    """The values that leave some layers: read by others, or by the user."""
    values = {id(row): len(report.graph.inputs) + place for place, row in enumerate(report.rows)}
    inside = {values[id(row)] for row in rows}
    read_outside = {
        value for row in report.rows if values[id(row)] not in inside for value in row.layer.inputs
    }
    return inside & (read_outside | {*report.graph.outputs}) or {max(inside)}


def _channels_of(shape: Shape) -> int:
    if CHANNEL_AXIS not in shape.axes:
        raise Fault("the output has no channels", found=shape.described())
    return shape.channels
