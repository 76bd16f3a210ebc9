"""Why a claim fails: what closes the gap between the printed and the computed number, if anything known does.

Tried in the order in which sources are most often found to differ; the first that meets the printed
digits is named. Where none does alone, two together may: only a figure of three digits or more is
proof enough of that, and only if no other two meet it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import combinations, islice
from typing import NamedTuple

from paramcalc.base.errors import Fault, SpecError
from paramcalc.base.printed import Comparison
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
MOST_LAYERS = 10_000  # for larger networks, and after so many, no further ones are elaborated
MOST_BUILT = 500
MOST_KNOBS = 3
MOST_PAIRS = 1000
LEAST_DIGITS = 3  # of a figure that two changes together may explain
FACTORS = (
    (Fraction(1, 2), "factor 2: the source counts a multiply-accumulate as one, so half of this"),
    (Fraction(2), "factor 2: the source counts a multiply-accumulate as two, so twice this"),
)


class Change(NamedTuple):
    """What a source may have done otherwise: one of the fields is set, or two for two changes together."""

    factor: Fraction | None = None
    convention: str = ""
    model: str = ""
    inputs: Inputs | None = None

    def with_other(self, other: Change) -> Change | None:
        """Both together, or None: a factor goes with any other kind, and a convention with a variant.

        More would be guessing, as would be the conventions of tools.
        """
        tools = {convention.name for convention in TOOLS}
        if self.convention in tools or other.convention in tools:
            return None
        together = Change(
            self.factor or other.factor,
            self.convention or other.convention,
            self.model or other.model,
            self.inputs or other.inputs,
        )
        kinds = sum(bool(field) for field in together)
        return together if kinds == 2 and (together.factor or not together.inputs) else None


def reason(claim: Claim, spec: Spec, networks: Networks, computed: Fraction) -> str:
    """What would make a failed claim meet its figure, in words; '' when nothing that is known does."""
    binary = claim.figure.binary()
    if binary is not None and binary.compared(computed) is not Comparison.OFF:
        return f"K, M and G are powers of 1024 here: write {binary.text}"
    tried: list[Change] = []
    for change in _changes(claim, spec, networks):
        number = _number(change, claim, spec, networks, computed)
        if number is None:
            continue
        if claim.figure.compared(number) is not Comparison.OFF:
            return _said(change, claim, spec, networks)
        tried.append(change)
    return _together(tried, claim, spec, networks, computed)


def _together(
    tried: Iterable[Change], claim: Claim, spec: Spec, networks: Networks, computed: Fraction
) -> str:
    """The two changes that meet a figure exactly or rounded, if it has digits enough and no others do."""
    figure = claim.figure
    if figure.unit * 10 ** (LEAST_DIGITS - 1) > figure.value:
        return ""
    pairs = ((one, two) for one, two in combinations(tried, 2) if one.with_other(two))
    met: dict[Fraction, tuple[Change, Change]] = {}
    for one, two in islice(pairs, MOST_PAIRS):
        number = _number(one.with_other(two) or one, claim, spec, networks, computed)
        if number is not None and figure.compared(number) in (Comparison.EXACT, Comparison.ROUNDS):
            met.setdefault(number, (one, two))
    if len(met) != 1:
        return ""
    ((one, two),) = met.values()
    said = (_said(change, claim, spec, networks) for change in (one, two))
    return "together: " + "; and ".join(said)


def _number(
    change: Change, claim: Claim, spec: Spec, networks: Networks, computed: Fraction
) -> Fraction | None:
    """The claim's number under a change; None where the network cannot be so."""
    if change._replace(factor=None) == Change():
        return computed * (change.factor or 1)
    convention = CONVENTIONS.get(change.convention)
    try:
        number = measured(claim, spec, networks, change.model, convention, change.inputs)
    except (Fault, SpecError):
        return None
    return number * (change.factor or 1)


def _changes(claim: Claim, spec: Spec, networks: Networks) -> Iterator[Change]:
    """Single changes, in order of likelihood."""
    if claim.quantity in ("macs", "flops") and not claim.ratio:
        yield from (Change(factor=factor) for factor, _ in FACTORS)
    if claim.quantity in LAYERED:
        return
    yield from _other_conventions(claim, PAPERS)
    report = networks.report(spec, claim.model, claim.inputs)
    if len(report.rows) <= MOST_LAYERS and networks.built <= MOST_BUILT:
        yield from _other_variants(claim, spec)
        yield from _other_inputs(report)
    yield from _other_conventions(claim, TOOLS)


def _other_conventions(claim: Claim, conventions: Iterable[Convention]) -> Iterator[Change]:
    for convention in conventions:
        if convention.name != claim.convention and claim.quantity in convention.terms:
            yield Change(convention=convention.name)


def _other_variants(claim: Claim, spec: Spec) -> Iterator[Change]:
    names = [*islice(spec.variants, MOST_NAMES), spec.name]
    others = dict.fromkeys(same_settings(spec, name) for name in names)
    others.pop(same_settings(spec, claim.model), None)
    return (Change(model=name) for name in list(others)[:MOST_VARIANTS])


def _other_inputs(own: Report) -> Iterator[Change]:
    """Square images of other usual sizes; of networks with one image as input."""
    inputs = own.graph.inputs
    ((name, shape),) = inputs.items() if len(inputs) == 1 else ((("", None)),)
    if shape is None or not _square(shape):
        return
    for size in SIZES:
        other = shape.with_space((size, size))
        if other != shape:
            yield Change(inputs={name: other.dims})


def _square(shape: Shape) -> bool:
    return shape.axes == image(1, 1, 1).axes and len(set(shape.space)) == 1


# ----------------------------------------------------------------------------------------- in words


def _said(change: Change, claim: Claim, spec: Spec, networks: Networks) -> str:
    """A single change in words."""
    if change.factor is not None:
        return dict(FACTORS)[change.factor]
    if change.convention == OWN.name:
        return f"met without convention {claim.convention}"
    if change.convention:
        return f"met by convention {change.convention}: {CONVENTIONS[change.convention].says}"
    if change.model:
        knobs, own = (
            networks.report(spec, model, claim.inputs).graph.knobs for model in (change.model, claim.model)
        )
        return f"met by {change.model}{_differences(knobs, own)}"
    sizes = next(iter((change.inputs or {}).values()))
    return f"met with input {'x'.join(map(str, sizes))}"


def _differences(knobs: Mapping[str, object], own: Mapping[str, object]) -> str:
    """The knobs in which a variant differs, if they are few."""
    different = [f"{name}={shown(value)}" for name, value in knobs.items() if own[name] != value]
    return f", where {', '.join(different)}" if 0 < len(different) <= MOST_KNOBS else ""
