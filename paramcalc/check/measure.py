"""The number that a claim is about, computed: a quantity of some layers, or a ratio of two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import NoReturn, Protocol, TypeAlias

from paramcalc.base.errors import Fault, SpecError
from paramcalc.base.paths import matching
from paramcalc.base.shape import CHANNELS as CHANNEL_AXIS
from paramcalc.base.shape import Shape
from paramcalc.check.budgets import PEAK, Budget
from paramcalc.check.reader import CHANNELS, FIELD, LAYERED
from paramcalc.conventions import CONVENTIONS, OWN, Convention, Known, counted
from paramcalc.count.report import Counts, Report, count, sum_counts
from paramcalc.engine import library
from paramcalc.engine.elaborate import Elaborator, Settings
from paramcalc.field.field import Fields
from paramcalc.field.field import fields as followed
from paramcalc.language.spec import Spec

Inputs: TypeAlias = Mapping[str, tuple[int, ...]]
Key: TypeAlias = tuple[str, str, tuple[tuple[str, tuple[int, ...]], ...], int]  # file, model, inputs, batch
KEPT = 64
MOST_STEPS = 300_000  # of building networks, for the claims of one spec
MOST_LOOKS = 2_000_000  # at layers, for the claims of one spec
FIELD_LOOKS = 20  # what to follow the fields of a layer takes
PATTERN_LOOKS = 300  # what to read a pattern takes


class Asked(Protocol):
    """The subject of a claim or a budget: model, quantity, layers, convention, input."""

    @property
    def model(self) -> str: ...
    @property
    def quantity(self) -> str: ...
    @property
    def layers(self) -> tuple[str, ...]: ...
    @property
    def over(self) -> tuple[str, ...]: ...
    @property
    def over_model(self) -> str: ...
    @property
    def convention(self) -> str: ...
    @property
    def inputs(self) -> Inputs: ...
    @property
    def batch(self) -> int: ...
    @property
    def ratio(self) -> bool: ...


class CountedNetwork:
    """A counted network, with its counts under each convention, and its layers by path, once asked for."""

    def __init__(self, report: Report, look: Callable[[int], None]) -> None:
        self.report = report
        self.look = look
        self._counts: dict[str, list[Counts]] = {}
        self._totals: dict[str, Counts] = {}
        self._known: Known = {}

    def counts(self, convention: Convention) -> list[Counts]:
        """The counts of each layer, as `count --convention` shows them."""
        if convention.name not in self._counts:
            self.look(len(self.report.rows))
            rows = counted(self.report, convention, self._known)
            self._counts[convention.name] = [row.counts for row in rows]
        return self._counts[convention.name]

    def totals(self, convention: Convention) -> Counts:
        """The sum of the whole network; of branches that exist in training only where the convention has them."""
        if convention is OWN:
            return self.report.totals
        if convention.name not in self._totals:
            meant, counts = self.selected((), convention.auxiliary), self.counts(convention)
            self._totals[convention.name] = sum_counts(counts[place] for place in meant)
        return self._totals[convention.name]

    def selected(self, patterns: tuple[str, ...], auxiliary: bool = False) -> list[int]:
        """The places of the rows that patterns mean together, each once; no pattern means the whole network.

        A branch that exists in training only is meant where a pattern matches nothing else, or where
        `auxiliary` asks for it.
        """
        rows = self.report.rows
        if not patterns:
            return [place for place, row in enumerate(rows) if auxiliary or not row.layer.auxiliary]
        found: dict[int, None] = {}
        for pattern in patterns:
            places = self._matched(pattern)
            main = [place for place in places if not rows[place].layer.auxiliary]
            found.update(dict.fromkeys(places if auxiliary else main or places))
        return sorted(found)

    def _matched(self, pattern: str) -> list[int]:
        """The rows of a path, which are known, or of a pattern, which is compared with every path."""
        if pattern in self._below:
            self.look(len(self._below[pattern]))
            return self._below[pattern]
        self.look(PATTERN_LOOKS + len(self.report.rows))
        wanted = set(matching(pattern, (row.path for row in self.report.rows)))
        return [place for place, row in enumerate(self.report.rows) if row.path in wanted]

    @cached_property
    def _below(self) -> dict[str, list[int]]:
        """The places of each layer and of all layers of each group, by path."""
        self.look(len(self.report.rows))
        found: dict[str, list[int]] = {}
        for place, row in enumerate(self.report.rows):
            parts = row.path.split("/")
            for depth in range(len(parts)):
                found.setdefault("/".join(parts[: depth + 1]), []).append(place)
        return found

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The values of the layers that read each value."""
        self.look(len(self.report.rows))
        found: dict[int, list[int]] = {}
        for value, row in enumerate(self.report.rows, len(self.report.graph.inputs)):
            for read in row.layer.inputs:
                found.setdefault(read, []).append(value)
        return found

    @cached_property
    def fields(self) -> Fields:
        """The receptive fields of all layers."""
        self.look(FIELD_LOOKS * len(self.report.rows))
        return followed(self.report.graph)


class Networks:
    """Counted networks, each elaborated once for all claims about it.

    The `KEPT` that were last asked for are remembered, failures too. What the claims of one spec may take
    is bounded: the spec may come from a stranger.
    """

    def __init__(self) -> None:
        self.known: dict[Key, CountedNetwork | Exception] = {}
        self.begin()

    def begin(self, steps: int = MOST_STEPS) -> None:
        """Starts on another spec, or another question about it, with a new allowance of building steps."""
        self.steps, self.looks = steps, MOST_LOOKS

    @property
    def exhausted(self) -> bool:
        """Whether no more can be asked about the spec."""
        return self.steps < 0 or self.looks < 0

    def look(self, layers: int) -> None:
        """Adds to the number of layers looked at; a fault when there are too many."""
        self.looks -= layers
        if self.looks < 0:
            self.refuse()

    def refuse(self) -> NoReturn:
        limits = f"networks of {MOST_STEPS:,} layers in all, and {MOST_LOOKS:,} looks at layers"
        raise Fault(
            "the claims of this spec take too much work",
            expected=f"at most {limits}",
            fix="spread them over several specs",
        )

    def network(self, spec: Spec, model: str, inputs: Inputs, batch: int = 1) -> CountedNetwork:
        """A model of a spec, counted; `SpecError` or `Fault` when it cannot be built."""
        key = (spec.source.name, library.same_settings(spec, model), tuple(inputs.items()), batch)
        found = self.known.pop(key, None)
        if found is None:
            if self.steps < 0:
                self.refuse()
            found = self._counted(spec, model, inputs, batch)
        self.known[key] = found
        if len(self.known) > KEPT:
            del self.known[next(iter(self.known))]
        if isinstance(found, Exception):
            raise found
        return found

    def _counted(self, spec: Spec, model: str, inputs: Inputs, batch: int) -> CountedNetwork | Exception:
        """A model counted, or why it cannot be; notes how many steps that took."""
        elaborator = Elaborator(spec, Settings(model, inputs=inputs))
        try:
            return CountedNetwork(count(elaborator.run(), batch), self.look)
        except (SpecError, Fault) as error:
            return error
        finally:
            self.steps -= elaborator.steps


def measured(
    claim: Asked,
    spec: Spec,
    networks: Networks,
    model: str = "",
    convention: Convention | None = None,
    inputs: Inputs | None = None,
) -> Fraction:
    """The exact number behind a claim or a budget.

    `model`, `convention` and `inputs` replace the claim's own, to ask what they would change.
    A `Fault` is `about` the field of the claim that does not fit.
    """
    convention = convention or CONVENTIONS[claim.convention]
    sizes = claim.inputs if inputs is None else inputs
    network = networks.network(spec, model or claim.model, sizes, claim.batch)
    number = Fraction(_quantity(network, claim.quantity, claim.layers, convention, "layer"))
    if not claim.ratio:
        return number
    if claim.over_model:
        network = _other(claim, spec, networks)
    divisor = _quantity(network, claim.quantity, claim.over, convention, "over")
    if divisor == 0:
        raise Fault(f"the {claim.quantity} to divide by are 0", about="over" if claim.over else "over_model")
    return number / divisor


def spent(budget: Budget, spec: Spec, networks: Networks) -> Fraction:
    """The exact number that a budget limits."""
    if budget.quantity != PEAK:
        return measured(budget, spec, networks)
    from paramcalc.memory.memory import Plan, memory

    network = networks.network(spec, budget.model, budget.inputs, budget.batch)
    networks.look(FIELD_LOOKS * len(network.report.rows))
    plan = Plan(budget.batch, budget.dtype, budget.dtype, budget.train)
    return Fraction(memory(network.report.graph, plan).bytes)


def _other(claim: Asked, spec: Spec, networks: Networks) -> CountedNetwork:
    """The model that a ratio divides by: of the same file, else a bundled one."""
    name = claim.over_model
    if name == spec.name or name in spec.variants:
        return networks.network(spec, name, {}, claim.batch)
    try:
        found = library.bundled(name)
    except Fault as fault:
        fact = f"there is no model '{name}' in this file, and none is bundled"
        raise Fault(fact, fix=fault.fix, about="over_model") from None
    return networks.network(found.spec, found.variant or found.spec.name, {}, claim.batch)


def _quantity(
    network: CountedNetwork, quantity: str, patterns: tuple[str, ...], convention: Convention, about: str
) -> int | Fraction:
    network.look(1)
    report = network.report
    if not patterns and quantity not in LAYERED:
        return int(getattr(network.totals(convention), quantity))
    try:
        if any(pattern in report.graph.inputs for pattern in patterns):
            return _of_input(report, quantity, patterns)
        places = network.selected(patterns, convention.auxiliary)
        if quantity in LAYERED:
            return _of_output(network, places, quantity)
    except Fault as fault:
        fault.about = about
        raise
    counts = network.counts(convention)
    return int(sum(getattr(counts[place], quantity) for place in places))


def _of_input(report: Report, quantity: str, patterns: tuple[str, ...]) -> int:
    """An input has elements and channels, and nothing else that could be counted."""
    shape = report.graph.inputs.get(patterns[0])
    if len(patterns) > 1 or shape is None:
        raise Fault("a claim about an input cannot be about layers too")
    if quantity == CHANNELS:
        return _channels_of(shape)
    if quantity != "activations":
        raise Fault(f"an input has no {quantity}", expected=f"activations or {CHANNELS}")
    return shape.elements


def _of_output(network: CountedNetwork, places: list[int], quantity: str) -> int | Fraction:
    """The channels, field or jump of the one output that leaves some layers."""
    graph = network.report.graph
    leaving = _leaving(network, places)
    if quantity == CHANNELS:
        found = {_channels_of(graph.shape(value)) for value in leaving}
        if len(found) > 1:
            fact, numbers = "these layers have several outputs", f"{sorted(found)} channels"
            raise Fault(fact, found=numbers, fix="name one layer")
        return found.pop()
    first, known = len(graph.inputs), network.fields.layers
    fields = [field for value in leaving for field in known[value - first]]
    seen = {field.size if quantity == FIELD else field.jump for field in fields}
    number = seen.pop() if len(seen) == 1 else None
    if number is None:
        numbers = ", ".join(str(one) for one in seen) or "none"
        raise Fault(f"the {quantity} differs between outputs or axes", found=numbers)
    return number


def _leaving(network: CountedNetwork, places: list[int]) -> set[int]:
    """The values that leave some layers: read by others, or by the user."""
    graph = network.report.graph
    first = len(graph.inputs)
    inside = {first + place for place in places}
    read = {value for value in inside if any(one not in inside for one in network.readers.get(value, ()))}
    return read | (inside & {*graph.outputs}) or {max(inside)}


def _channels_of(shape: Shape) -> int:
    if CHANNEL_AXIS not in shape.axes:
        raise Fault("the output has no channels", found=shape.described())
    return shape.channels
