"""Why a claim fails: what closes the gap between the printed and the computed number, if anything known does.

Readings of the source are tried in the order in which sources are most often found to differ, and the
first that meets the printed digits is named. The fewer digits, and the more readings were tried before it,
the sooner one meets them by chance (`Search.likely`). Below 1 in 10 the reading is stated as a fact, else
it is offered as one that may.
Two readings together are only ever stated as a fact, and only if no other two meet the figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations, islice
from typing import NamedTuple

from paramcalc.base.errors import Fault, SpecError
from paramcalc.base.printed import Comparison, Figure
from paramcalc.base.shape import Shape, image
from paramcalc.check.measure import Inputs, Networks, measured
from paramcalc.check.reader import LAYERED, Claim
from paramcalc.conventions import CONVENTIONS, OWN, PAPERS, TOOLS, Convention
from paramcalc.count.report import Report
from paramcalc.engine.library import same_settings
from paramcalc.language.spec import Spec
from paramcalc.ops.attributes import shown

SIZES = (224, 227, 229, 231, 256, 288, 299, 320, 331, 384, 448, 512, 192, 160, 128, 112, 96, 64, 32, 28)
MOST_VARIANTS = 40
MOST_NAMES = 400  # of variants, which may be like each other
MOST_LAYERS = 10_000  # for larger networks no further ones are elaborated
MOST_KNOBS = 3
MOST_PAIRS = 1000
UNLIKELY = Fraction(
    1, 10
)  # the chance that a reading which is stated as a fact meets the figure for no reason
LEAST_DIGITS = 3  # of a figure that proves a reading; that proves two together, one more
FACTORS = (
    (Fraction(1, 2), "factor 2: the source counts a multiply-accumulate as one, so half of this"),
    (Fraction(2), "factor 2: the source counts a multiply-accumulate as two, so twice this"),
)


class Reading(NamedTuple):
    """A possible difference in how a source counts: one of the fields is set, or two for two readings together."""

    factor: Fraction | None = None
    trainable: bool = False
    convention: str = ""
    model: str = ""
    inputs: Inputs | None = None
    figure: Figure | None = None

    def with_other(self, other: Reading) -> Reading | None:
        """Both together, or None: a factor goes with any other kind, and a convention with a variant.

        More would be guessing, as would be the conventions of tools.
        """
        tools = {convention.name for convention in TOOLS}
        if self.convention in tools or other.convention in tools:
            return None
        mine, others = ({name for name in each._fields if getattr(each, name)} for each in (self, other))
        kinds = mine | others
        if len(kinds) < 2 or not ("factor" in kinds or kinds == {"convention", "model"}):
            return None
        return self._replace(**{name: getattr(other, name) for name in others})


class Search:
    """The search for the reason of one failed claim; `numbers` are the results of the readings tried so far."""

    def __init__(self, claim: Claim, spec: Spec, networks: Networks, computed: Fraction) -> None:
        self.claim = claim
        self.spec = spec
        self.networks = networks
        self.computed = computed
        self.numbers: set[Fraction] = set()

    def reason(self) -> str:
        others: list[Reading] = []
        for reading in self.readings():
            comparison = self.compared(reading)
            if comparison in (Comparison.EXACT, Comparison.ROUNDS, Comparison.TRUNCATES):
                return self.offered(reading)
            if comparison is Comparison.OFF:
                others.append(reading)
        return self.together(others)

    def compared(self, reading: Reading) -> Comparison | None:
        """How the number under a reading compares with the figure; None where there is no such number."""
        number = self.number(reading)
        if number is None:
            return None
        if reading.figure or number != self.computed:
            self.numbers.add(number)
        return (reading.figure or self.claim.figure).compared(number)

    def likely(self, interval: Fraction) -> bool:
        """Whether one of the readings tried may well meet the figure, to within an interval, for no reason.

        Other readings give numbers that are spread about the computed one, to both sides: of those not
        further away than the figure, the share that lies in the interval is about the interval over twice
        that distance. Far away a number may as well be larger or smaller by any factor, and the share is
        at most the interval over the figure.
        """
        printed = self.claim.figure.value
        return len(self.numbers) * interval >= UNLIKELY * min(printed, 2 * abs(printed - self.computed))

    def offered(self, reading: Reading) -> str:
        """A reading that meets the figure: as a fact, or as one that may meet it by chance."""
        digits = self.claim.figure.digits
        if digits >= LEAST_DIGITS and not self.likely(self.claim.figure.interval):
            return self.fact(reading)
        return f"would fit {self.phrase(reading)}, perhaps by chance ({digits} digit{'s' * (digits != 1)})"

    def together(self, readings: list[Reading]) -> str:
        """The two readings that meet the figure exactly or rounded, if that is no chance and no others do."""
        interval = self.claim.figure.unit or Fraction(1)
        if self.claim.figure.digits <= LEAST_DIGITS:
            return ""
        met: dict[Fraction, tuple[Reading, Reading]] = {}
        pairs = ((one, two, both) for one, two in combinations(readings, 2) if (both := one.with_other(two)))
        for one, two, both in islice(pairs, MOST_PAIRS):
            if self.likely(interval):
                return ""
            if self.compared(both) in (Comparison.EXACT, Comparison.ROUNDS):
                met.setdefault(self.number(both) or Fraction(), (one, two))
        if len(met) != 1 or self.likely(interval):
            return ""
        (pair,) = met.values()
        return "together: " + "; and ".join(self.fact(reading) for reading in pair)

    def number(self, reading: Reading) -> Fraction | None:
        """The claim's number under a reading; None where that gives no network."""
        if not (reading.trainable or reading.convention or reading.model or reading.inputs):
            return self.computed * (reading.factor or 1)
        claim = self.claim._replace(quantity="trainable") if reading.trainable else self.claim
        convention = CONVENTIONS.get(reading.convention)
        try:
            number = measured(claim, self.spec, self.networks, reading.model, convention, reading.inputs)
        except (Fault, SpecError):
            return None
        return number * (reading.factor or 1)

    # ------------------------------------------------------------------------------- what is tried

    def readings(self) -> Iterator[Reading]:
        """Single readings, in order of likelihood."""
        claim = self.claim
        if claim.quantity in ("macs", "flops") and not claim.ratio:
            yield from (Reading(factor=factor) for factor, _ in FACTORS)
        if claim.quantity not in LAYERED:
            yield from self.counted_otherwise()
        binary = claim.figure.binary()
        if binary is not None:
            yield Reading(figure=binary)

    def counted_otherwise(self) -> Iterator[Reading]:
        claim = self.claim
        if claim.quantity == "params" and claim.convention == OWN.name:
            yield Reading(trainable=True)
        yield from self.conventions(PAPERS)
        report = self.networks.network(self.spec, claim.model, claim.inputs).report
        if len(report.rows) <= MOST_LAYERS:
            yield from self.variants()
            yield from _other_inputs(report)
        yield from self.conventions(TOOLS)

    def conventions(self, conventions: Iterable[Convention]) -> Iterator[Reading]:
        for convention in conventions:
            if convention.name != self.claim.convention and self.claim.quantity in convention.terms:
                yield Reading(convention=convention.name)

    def variants(self) -> Iterator[Reading]:
        names = [*islice(self.spec.variants, MOST_NAMES), self.spec.name]
        others = dict.fromkeys(same_settings(self.spec, name) for name in names)
        others.pop(same_settings(self.spec, self.claim.model), None)
        return (Reading(model=name) for name in list(others)[:MOST_VARIANTS])

    # -------------------------------------------------------------------------------------- in words

    def fact(self, reading: Reading) -> str:
        """A single reading, stated."""
        said = self.phrase(reading)
        if reading.factor is not None:
            return said
        if reading.figure is not None:
            return f"here K, M and G are powers of 1024: write {said}"
        return f"met {'with' if reading.inputs else 'without' if reading.convention == OWN.name else 'by'} {said}"

    def phrase(self, reading: Reading) -> str:
        """A single reading, named."""
        if reading.factor is not None:
            return dict(FACTORS)[reading.factor]
        if reading.trainable:
            return "trainable params only"
        if reading.figure is not None:
            return reading.figure.text
        if reading.convention == OWN.name:
            return f"convention {self.claim.convention}"
        if reading.convention:
            return f"convention {reading.convention}: {self.meaning(CONVENTIONS[reading.convention])}"
        if reading.model:
            return f"{reading.model}{self.differences(reading.model)}"
        return "input " + "x".join(map(str, next(iter((reading.inputs or {}).values()))))

    def meaning(self, convention: Convention) -> str:
        """A convention's definition; for a tool's profile, its definition of operations only."""
        quantity = self.claim.quantity
        if convention.tool is None or quantity in ("macs", "flops"):
            return convention.says
        return f"{convention.word(quantity) or quantity} as version {convention.tool.version} prints them"

    def differences(self, model: str) -> str:
        """The knobs in which a variant differs, if they are few."""
        claim = self.claim
        knobs, own = (
            self.networks.network(self.spec, name, claim.inputs).report.graph.knobs
            for name in (model, claim.model)
        )
        return _different(knobs, own)


def _different(knobs: Mapping[str, object], own: Mapping[str, object]) -> str:
    different = [f"{name}={shown(value)}" for name, value in knobs.items() if own[name] != value]
    return f", where {', '.join(different)}" if 0 < len(different) <= MOST_KNOBS else ""


def _other_inputs(own: Report) -> Iterator[Reading]:
    """Square images of other usual sizes; of networks with one square image as input."""
    inputs = own.graph.inputs
    ((name, shape),) = inputs.items() if len(inputs) == 1 else ((("", None)),)
    if shape is None or not _square(shape):
        return
    for size in SIZES:
        other = shape.with_space((size, size))
        if other != shape:
            yield Reading(inputs={name: other.dims})


def _square(shape: Shape) -> bool:
    return shape.axes == image(1, 1, 1).axes and len(set(shape.space)) == 1
