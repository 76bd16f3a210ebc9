"""Why a claim fails: what closes the gap between the printed and the computed number, if anything known does.

Tried in the order in which sources are most often found to differ; the first that meets the printed
digits is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import islice

from paramcalc.claims.measure import Inputs, Networks, measured
from paramcalc.claims.reader import LAYERED, Claim
from paramcalc.conventions import CONVENTIONS, OWN, PAPERS, TOOLS, Convention
from paramcalc.errors import Fault, SpecError
from paramcalc.figure import Comparison
from paramcalc.language.spec import Spec
from paramcalc.library import same_settings
from paramcalc.ops.attributes import shown
from paramcalc.report import Report
from paramcalc.shape import Shape, image

SIZES = (224, 227, 229, 231, 256, 288, 299, 320, 331, 384, 448, 512, 192, 160, 128, 112, 96, 64, 32, 28)
MOST_VARIANTS = 40
MOST_NAMES = 400  # of variants, which may be like each other
MOST_LAYERS = 10_000  # for larger networks, and after so many, no further ones are elaborated
MOST_BUILT = 500
MOST_KNOBS = 3


def reason(claim: Claim, spec: Spec, networks: Networks, computed: Fraction) -> str:
    """What would make a failed claim meet its figure, in words; '' when nothing that is known does."""
    binary = claim.figure.binary()
    if binary is not None and _met(binary.compared(computed)):
        return f"K, M and G are powers of 1024 here: write {binary.text}"
    for said, number in _candidates(claim, spec, networks, computed):
        if _met(claim.figure.compared(number)):
            return said
    return ""


def _met(comparison: Comparison) -> bool:
    return comparison is not Comparison.OFF


def _candidates(
    claim: Claim, spec: Spec, networks: Networks, computed: Fraction
) -> Iterator[tuple[str, Fraction]]:
    if claim.quantity in ("macs", "flops") and not claim.ratio:
        yield "factor 2: the source counts a multiply-accumulate as one, so half of this", computed / 2
        yield "factor 2: the source counts a multiply-accumulate as two, so twice this", computed * 2
    if claim.quantity in LAYERED:
        return
    yield from _other_conventions(claim, spec, networks, PAPERS)
    report = networks.report(spec, claim.model, claim.inputs)
    if len(report.rows) <= MOST_LAYERS and networks.built <= MOST_BUILT:
        yield from _other_variants(claim, spec, networks, report)
        yield from _other_inputs(claim, spec, networks, report)
    yield from _other_conventions(claim, spec, networks, TOOLS)


def _other_conventions(
    claim: Claim, spec: Spec, networks: Networks, conventions: Iterable[Convention]
) -> Iterator[tuple[str, Fraction]]:
    for convention in conventions:
        if convention.name == claim.convention or claim.quantity not in convention.terms:
            continue
        number = _tried(claim, spec, networks, convention=convention.name)
        if number is not None:
            yield _said(claim, convention), number


def _said(claim: Claim, convention: Convention) -> str:
    if convention is OWN:
        return f"met without convention {claim.convention}"
    return f"met by convention {convention.name}: {convention.says}"


def _other_variants(
    claim: Claim, spec: Spec, networks: Networks, own: Report
) -> Iterator[tuple[str, Fraction]]:
    names = [*islice(spec.variants, MOST_NAMES), spec.name]
    others = dict.fromkeys(same_settings(spec, name) for name in names)
    others.pop(same_settings(spec, claim.model), None)
    for name in list(others)[:MOST_VARIANTS]:
        number = _tried(claim, spec, networks, model=name)
        if number is not None:
            knobs = networks.report(spec, name, claim.inputs).graph.knobs
            yield f"met by {name}{_differences(knobs, own.graph.knobs)}", number


def _differences(knobs: Mapping[str, object], own: Mapping[str, object]) -> str:
    """The knobs in which a variant differs, if they are few."""
    different = [f"{name}={shown(value)}" for name, value in knobs.items() if own[name] != value]
    return f", where {', '.join(different)}" if 0 < len(different) <= MOST_KNOBS else ""


def _other_inputs(
    claim: Claim, spec: Spec, networks: Networks, own: Report
) -> Iterator[tuple[str, Fraction]]:
    """Square images of other usual sizes; of networks with one image as input."""
    inputs = own.graph.inputs
    ((name, shape),) = inputs.items() if len(inputs) == 1 else ((("", None)),)
    if shape is None or not _square(shape):
        return
    for size in SIZES:
        other = shape.with_space((size, size))
        number = _tried(claim, spec, networks, inputs={name: other.dims}) if other != shape else None
        if number is not None:
            yield f"met with input {other}", number


def _square(shape: Shape) -> bool:
    return shape.axes == image(1, 1, 1).axes and len(set(shape.space)) == 1


def _tried(
    claim: Claim,
    spec: Spec,
    networks: Networks,
    model: str = "",
    convention: str = "",
    inputs: Inputs | None = None,
) -> Fraction | None:
    """The claim's number with something replaced; None where the network cannot be so."""
    try:
        return measured(claim, spec, networks, model, CONVENTIONS.get(convention), inputs)
    except (Fault, SpecError):
        return None
