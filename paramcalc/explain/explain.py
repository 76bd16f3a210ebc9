"""Why a layer counts what it counts: formulas in symbols and in numbers, and what conventions change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from paramcalc.base.choice import chosen
from paramcalc.base.errors import visible
from paramcalc.base.shape import Shape
from paramcalc.conventions.rule import Convention, LayerFacts, expression, family, formulas
from paramcalc.count.call import call_text
from paramcalc.count.report import Report, Row
from paramcalc.engine.graph import Layer
from paramcalc.explain.equations import ORDER, Equation, Meaning, equations, symbols
from paramcalc.render import notebook
from paramcalc.render.notebook import drawing

USUAL = ("output", "params", "frozen", "buffers", "macs", "activations", "memory")
QUANTITIES = (
    *USUAL[:4],
    "kernels",
    "biases",
    "active_params",
    "macs",
    "flops",
    "connections",
    "operations",
    *USUAL[5:],
)

OPERATIONS = (
    "operations: for one sample in inference, apart from multiply-accumulates, which are the macs",
    "a sum of n values is n - 1 additions, a bias one more; a maximum of n values is n - 1 comparisons, relu one",
)


class Reason(NamedTuple):
    """A convention's count of a quantity: the formulas that it adds up, with their values.

    `word` is what the convention's owner calls the quantity, or ''.
    """

    quantity: str
    word: str
    parts: tuple[tuple[str, int], ...]
    ours: int

    @property
    def theirs(self) -> int:
        return sum(value for _, value in self.parts)


class Explanation(NamedTuple):
    """The equations of a layer, or of several that are alike, and what their symbols are and mean."""

    paths: tuple[str, ...]
    call: str
    inputs: tuple[Shape, ...]
    output: Shape
    numbers: dict[str, int]
    meanings: dict[str, Meaning]
    lines: tuple[Equation, ...]
    remarks: tuple[str, ...]
    reasons: tuple[Reason, ...]

    def __repr__(self) -> str:
        return f"<Explanation of {visible(self.paths[0])}: {self.call}>"


class Total(NamedTuple):
    """A quantity added up: how many times which value, in the order of the explanations."""

    quantity: str
    addends: tuple[tuple[int, int], ...]
    value: int


class Explained(NamedTuple):
    """Explanations of some layers of a network, or of all."""

    model: str
    settings: tuple[str, ...]
    inputs: Mapping[str, Shape]
    explanations: tuple[Explanation, ...]
    totals: tuple[Total, ...]
    convention: Convention | None
    differences: tuple[Reason, ...]
    notes: tuple[str, ...] = ()

    @property
    def legend(self) -> dict[str, tuple[Meaning, ...]]:
        """What each symbol of the equations stands for; more than one thing where layers differ."""
        found: dict[str, dict[Meaning, None]] = {}
        for each in self.explanations:
            for name, meaning in each.meanings.items():
                found.setdefault(name, {})[meaning] = None
        order = {name: place for place, name in enumerate(ORDER)}
        names = sorted(found, key=lambda name: order.get(name, len(order)))
        return {name: tuple(found[name]) for name in names}

    def __repr__(self) -> str:
        return f"<Explained {visible(self.model)}: {len(self.explanations)} kinds of layers>"

    def __str__(self) -> str:
        return str(drawing(self).text(self))

    def _repr_markdown_(self) -> str:
        return str(drawing(self).markdown(self))

    def to_dict(self) -> dict[str, Any]:
        """The result of `paramcalc explain --format json`, as Python values."""
        return notebook.document(self)

    def to_json(self) -> str:
        """The output of `paramcalc explain --format json`."""
        return notebook.json(self)


def explain(
    report: Report, layers: Sequence[str] = (), wanted: Sequence[str] = USUAL, why: Convention | None = None
) -> Explained:
    """The equations of the layers that some patterns mean, or of the whole network with its totals.

    With `why`, also what that convention adds to our counts or leaves out of them.
    """
    rows = _selected(report, layers)
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault((row.layer.kind, *row.layer.shared.values()), []).append(row)
    explanations = tuple(_explained(rows_alike, wanted, why) for rows_alike in alike.values())
    return Explained(
        model=report.graph.model,
        settings=report.graph.settings,
        inputs=report.graph.inputs,
        explanations=explanations,
        totals=tuple(_totals(explanations, wanted)) if len(rows) > 1 else (),
        convention=why,
        differences=_differences(explanations) if len(rows) > 1 else (),
        notes=OPERATIONS if "operations" in wanted else (),
    )


def _selected(report: Report, layers: Sequence[str]) -> list[Row]:
    """The rows that patterns mean together, each once; without patterns those of the trained network."""
    if not layers:
        return [row for row in report.rows if not row.layer.auxiliary]
    wanted = {row.path for pattern in layers for row in report.select(pattern)}
    return [row for row in report.rows if row.path in wanted]


def quantities(text: str) -> tuple[str, ...]:
    """Names of quantities from a list with commas; `Fault` with near misses for unknown ones."""
    return chosen(text, QUANTITIES, "quantity") or USUAL


def _totals(explanations: Sequence[Explanation], wanted: Sequence[str]) -> Iterable[Total]:
    for quantity in wanted:
        addends = tuple(
            (len(each.paths), line.value)
            for each in explanations
            for line in each.lines
            if line.quantity == line.name == quantity and line.value
        )
        if addends:
            yield Total(quantity, addends, sum(times * value for times, value in addends))


def _explained(rows: Sequence[Row], wanted: Sequence[str], why: Convention | None) -> Explanation:
    layer = rows[0].layer
    numbers, meanings, lines = equations(layer.applied, layer.shared, layer.frozen)
    lines = [line for line in lines if line.quantity in wanted]
    used = symbols(lines)
    absent = () if lines else tuple(_absent(wanted))
    return Explanation(
        paths=tuple(row.path for row in rows),
        call=call_text(layer.op),
        inputs=layer.applied.inputs,
        output=layer.output,
        numbers=numbers,
        meanings={name: meaning for name, meaning in meanings.items() if name in used},
        lines=tuple(lines),
        remarks=(*absent, *_remarks(layer.shared, layer.frozen)),
        reasons=tuple(_reasons(layer, rows[0], why, wanted)) if why else (),
    )


def _absent(wanted: Sequence[str]) -> Iterable[str]:
    """The note that a layer has none of the requested quantities."""
    words = {"operations": "operations other than macs"}
    names = [words.get(name, name) for name in wanted if name != "output"]
    if names:
        yield f"no {' and no '.join(names)}"


def _remarks(shared: Mapping[str, str], frozen: bool) -> tuple[str, ...]:
    said = [f"{name} is shared with '{owner}' and counted there" for name, owner in shared.items()]
    return (*said, "its weights are not trained") if frozen else tuple(said)


def _reasons(layer: Layer, row: Row, why: Convention, wanted: Sequence[str]) -> Iterable[Reason]:
    """A convention's counts of one layer: the wanted quantities, or all that it defines."""
    facts = LayerFacts(layer)
    for quantity, terms in why.terms.items():
        if wanted != USUAL and quantity not in wanted:
            continue
        counting = [each.text for each in formulas(terms, family(layer))]
        parts = tuple((formula, expression(formula).evaluate(facts)) for formula in counting)
        yield Reason(quantity, why.word(quantity), parts, getattr(row.counts, quantity))


def _differences(explanations: Sequence[Explanation]) -> tuple[Reason, ...]:
    """The reasons of all layers together, equal formulas added up."""
    parts: dict[str, dict[str, int]] = {}
    words: dict[str, str] = {}
    ours: dict[str, int] = {}
    for each in explanations:
        for reason in each.reasons:
            words[reason.quantity] = reason.word
            ours[reason.quantity] = ours.get(reason.quantity, 0) + len(each.paths) * reason.ours
            sums = parts.setdefault(reason.quantity, {})
            for formula, value in reason.parts:
                sums[formula] = sums.get(formula, 0) + len(each.paths) * value
    return tuple(
        Reason(quantity, words[quantity], tuple(sums.items()), ours[quantity])
        for quantity, sums in parts.items()
    )
