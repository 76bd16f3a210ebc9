"""Reports side by side: what corresponds to what, and what a change costs or saves. All ratios are exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault, visible
from paramcalc.base.shape import Shape
from paramcalc.compare.align import NodeMatch, align
from paramcalc.count.call import brief_text, call_text
from paramcalc.count.outline import FITTING_LINES, FULL_DEPTH, JOIN, Node
from paramcalc.count.report import Basis, Counts, Report, sum_counts
from paramcalc.render import notebook
from paramcalc.render.notebook import shows_itself

SIGNIFICANT = 3  # digits of a rounded ratio
TIMES_FROM = Fraction(3, 2)  # from here on a change is written as a factor, below as a percentage
TIMES_TO = Fraction(1, 100)  # and from here down, as 99.97 % fewer would lose its digits
NOUNS = {
    "macs": "multiplications",
    "flops": "FLOPs",
    "memory": "elements of memory",
    "contraction_activations": "activations of contractions",
    "active_params": "active params",
    "depth": "layers in depth",
}


class DiffLine(NamedTuple):
    """One line of a comparison: a layer or block, with what each network has there.

    Texts are '' and everything else None or 0 for a network that has nothing there. `changes` says
    for each network what it did to the first one's: '', 'added', 'removed', 'renamed' or 'changed'.
    `briefs` are calls for narrow tables. `last` has the path of each network's last layer here.
    `times` equal neighbours are folded into this line, and the lines below it show one of them.
    """

    depth: int
    names: tuple[str, ...]
    paths: tuple[str, ...]
    calls: tuple[str, ...]
    briefs: tuple[str, ...]
    outputs: tuple[Shape | None, ...]
    counts: tuple[Counts | None, ...]
    layers: tuple[int, ...]
    last: tuple[str, ...]
    times: int
    changes: tuple[str, ...]
    auxiliary: bool
    layer: bool  # nothing stands below it

    def __repr__(self) -> str:
        return f"<DiffLine {visible(next(filter(None, self.paths)))}>"


@shows_itself
class Diff(NamedTuple):
    """Reports of several networks, aligned; the first is the one that the others are compared with."""

    reports: tuple[Report, ...]
    root: NodeMatch

    def __repr__(self) -> str:
        return f"<Diff of {visible(' and '.join(self.labels))}>"

    @property
    def totals(self) -> tuple[Counts, ...]:
        """The totals of all networks, without auxiliary branches."""
        return tuple(report.totals for report in self.reports)

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantities of the numbers; for a convention, its own."""
        return self.reports[0].quantities

    @property
    def main(self) -> tuple[str, ...]:
        """The main quantities, which come first."""
        known = self.quantities
        work = [name for name in ("macs", "flops") if name in known][:1]
        return (*work, *(["params"] if "params" in known else [])) or known

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the networks: model, settings, and inputs if they differ from the first one's."""
        return tuple(_label(report, self.reports[0]) for report in self.reports)

    @property
    def related(self) -> bool:
        """Whether each network is of the first one's spec, or half of the layers of one correspond to the other's."""
        specs = [report.graph.spec for report in self.reports]
        layers = self.layers()
        return all(
            spec == specs[0] or _share_answered(layers, place) >= Fraction(1, 2)
            for place, spec in enumerate(specs[1:], start=1)
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """A sentence for each further network: its cost or saving against the first."""
        return tuple(self.sentence(place) for place in range(1, len(self.reports)))

    def sentence(self, place: int, quantities: Iterable[str] = ()) -> str:
        """The cost or saving of a further network against the first, as a sentence.

        >>> from paramcalc import load
        >>> direct, narrowed = load("bottleneck-14x14-480-48-direct"), load("bottleneck-14x14-480-48")
        >>> compare(direct.count(), narrowed.count()).sentence(1, ["macs"])
        '95.3 % fewer multiplications (5,268,480 instead of 112,896,000), same output 48 x 14 x 14'
        """
        one, two = self.reports[0], self.reports[place]
        changes = [
            change(getattr(one.totals, name), getattr(two.totals, name), noun(name, one.basis))
            for name in quantities or self.main
        ]
        return ", ".join([*changes, _outputs(one, two)])

    def lines(self, depth: int | None = None, fold: bool = True) -> list[DiffLine]:
        """The lines down to a depth; None takes the deepest that is easily read."""
        if depth is not None:
            return list(_lines(self.root, 0, depth, fold))
        lines = list(_lines(self.root, 0, 1, fold))
        for deeper in range(2, FULL_DEPTH):
            more = list(islice(_lines(self.root, 0, deeper, fold), FITTING_LINES + 1))
            if len(more) > FITTING_LINES or len(more) == len(lines):
                return lines
            lines = more
        return lines

    def layers(self) -> list[DiffLine]:
        """The lines of single layers alone, none folded."""
        return [line for line in _lines(self.root, 0, FULL_DEPTH, fold=False) if line.layer]

    def to_dict(self) -> dict[str, Any]:
        """The result of `paramcalc compare --format json`, as Python values."""
        return notebook.document(self)

    def to_json(self) -> str:
        """The output of `paramcalc compare --format json`."""
        return notebook.json(self)


def compare(*reports: Report) -> Diff:
    """Two or more reports, aligned block by block and layer by layer."""
    if len(reports) < 2:
        raise Fault("a comparison needs two networks")
    return Diff(reports, align(reports))


def _share_answered(layers: Iterable[DiffLine], place: int) -> Fraction:
    """The share of the smaller network's layers that answer to one of the same op in the other."""
    calls = [(line.calls[0].split()[:1], line.calls[place].split()[:1]) for line in layers]
    smaller = min(sum(bool(call[0]) for call in calls), sum(bool(call[1]) for call in calls))
    return Fraction(sum(one == two != [] for one, two in calls), max(smaller, 1))


def noun(quantity: str, basis: Basis | None = None) -> str:
    """The noun for a quantity in a sentence; a convention's MACs need not be multiplications."""
    if basis is not None and (basis.words.get(quantity) or quantity == "macs"):
        return basis.words.get(quantity) or "MACs"
    return NOUNS.get(quantity, quantity.replace("_", " "))


def ratio(one: int, two: int) -> Fraction | None:
    """The ratio `two / one`; None if `one` is 0."""
    return Fraction(two, one) if one else None


def relative(one: int, two: int) -> str:
    """The ratio of `two` to `one`: a factor if it is large or nearly 0, else the change in percent.

    >>> relative(100, 225), relative(100, 72), relative(25557032, 25464856), relative(10**6, 333)
    ('2.25 x', '-28 %', '-0.361 %', '0.000333 x')
    """
    if not one or not two:
        return "0 x" if one else ""
    if one == two:
        return "="
    found = Fraction(two, one)
    if found >= TIMES_FROM or found <= TIMES_TO:
        return f"{round_to_digits(found, short=True)} x"
    return f"{'+' if two > one else '-'}{round_to_digits(100 * abs(found - 1), short=True)} %"


def change(one: int, two: int, what: str) -> str:
    """The change from `one` to `two` in words, with the digits of `relative`.

    >>> change(1000, 2250, "params"), change(1000, 900, "params")
    ('2.25 x as many params (2,250 instead of 1,000)', '10 % fewer params (900 instead of 1,000)')
    """
    if one == two:
        return f"the same {what} ({one:,})"
    if not one or not two:
        return f"{two:,} {what} instead of {one:,}"
    said = relative(one, two)
    said = f"{said} as many" if said.endswith("x") else f"{said[1:]} {'more' if two > one else 'fewer'}"
    return f"{said} {what} ({two:,} instead of {one:,})"


def round_to_digits(value: Fraction, short: bool = False) -> str:
    """A positive number to its significant digits, but no coarser than units.

    With `short`, a number that its digits give exactly loses the zeros at their end.

    >>> [round_to_digits(Fraction(*pair)) for pair in ((150, 7), (1, 3000), (123456, 10), (3, 2))]
    ['21.4', '0.000333', '12,346', '1.50']
    """
    places = SIGNIFICANT - 1
    while places > 0 and value * 10**places >= 10**SIGNIFICANT:
        places -= 1
    while value * 10**places < 10 ** (SIGNIFICANT - 1):
        places += 1
    scaled = round(value * 10**places)
    if not places:
        return f"{scaled:,}"
    text = f"{scaled // 10**places:,}.{scaled % 10**places:0{places}}"
    return text.rstrip("0").rstrip(".") if short and value * 10**places == scaled else text


def _lines(
    parent: NodeMatch, depth: int, deepest: int, fold: bool, paths: tuple[str, ...] = ()
) -> Iterator[DiffLine]:
    for run in _runs(parent.children, fold):
        first = run[0]
        below = tuple(
            f"{path}/{name}" if path and name else name
            for path, name in zip(paths or ("",) * len(first.names), first.names, strict=True)
        )
        yield _line(run, below, depth)
        if depth + 1 < deepest and first.children:
            yield from _lines(first, depth + 1, deepest, fold, below)
            own = tuple(_own(node) for node in first.nodes)
            if any(own):
                forms = first.forms if all(own) else (0,) * len(own)
                names = tuple(JOIN if node else "" for node in own)
                joined = tuple(path if node else "" for path, node in zip(below, own, strict=True))
                yield _line([NodeMatch(names, own, forms, ())], joined, depth + 1)


def _own(node: Node | None) -> Node | None:
    """A join by itself, without its branches."""
    if node is None or node.row is None:
        return None
    alone = Node()
    alone.row = node.row
    return alone


def _summed(nodes: tuple[Node | None, ...]) -> Counts | None:
    """The sum over equal rounds of one network; None where it has nothing there."""
    there = [node.counts for node in nodes if node is not None]
    return sum_counts(there) if there else None


def _runs(children: tuple[NodeMatch, ...], fold: bool) -> Iterator[list[NodeMatch]]:
    """Matches in order, runs of equal rounds together."""
    run: list[NodeMatch] = []
    for child in children:
        if run and fold and child.digits and run[0].digits and child.forms == run[0].forms:
            run.append(child)
            continue
        if run:
            yield run
        run = [child]
    if run:
        yield run


def _line(run: list[NodeMatch], paths: tuple[str, ...], depth: int) -> DiffLine:
    first, last = run[0], run[-1]
    nodes, rows = first.nodes, [node.last if node else None for node in first.nodes]
    ops = [node.last.layer.op if node and node.layers == 1 else None for node in nodes]
    return DiffLine(
        depth=depth,
        names=tuple(
            start if start == end else f"{start}-{end}"
            for start, end in zip(first.names, last.names, strict=True)
        ),
        paths=paths,
        calls=tuple(call_text(op) if op else "" for op in ops),
        briefs=tuple(brief_text(op) if op else "" for op in ops),
        outputs=tuple(row.layer.output if row else None for row in rows),
        counts=tuple(_summed(matched) for matched in zip(*(match.nodes for match in run), strict=True)),
        layers=tuple(node.layers if node else 0 for node in nodes),
        last=tuple(node.last.path if node else "" for node in last.nodes),
        times=len(run),
        changes=tuple(_change(first, place) for place in range(len(rows))),
        auxiliary=any(row.layer.auxiliary for row in rows if row),
        layer=not first.children,
    )


def _change(match: NodeMatch, place: int) -> str:
    """How a part differs from the first network's: added, removed, renamed, changed."""
    before, after = match.nodes[0], match.nodes[place]
    if before is None or after is None:
        return "" if before is after else "added" if before is None else "removed"
    if match.forms[0] != match.forms[place]:
        return "changed"
    return "" if match.names[0] == match.names[place] or match.digits else "renamed"


def _label(report: Report, first: Report) -> str:
    graph = report.graph
    parts = [graph.model, *graph.settings]
    if graph.inputs != first.graph.inputs and (graph.model, graph.settings) == (
        first.graph.model,
        first.graph.settings,
    ):
        parts += [f"{name} {shape}" for name, shape in graph.inputs.items()]
    return ", ".join(parts)


def _outputs(one: Report, two: Report) -> str:
    """Whether two networks give the same output."""
    before, after = _output(one), _output(two)
    return f"same output {after}" if before == after else f"output {after} instead of {before}"


def _output(report: Report) -> str:
    shapes = (report.graph.shape(value) for value in report.graph.outputs)
    return " and ".join(" x ".join(str(dim) for dim in shape.dims) for shape in shapes)
