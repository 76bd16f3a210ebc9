"""Verifications as a table and as JSON by the contract `paramcalc/verify/1`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from paramcalc.count import outline
from paramcalc.count.call import call_text
from paramcalc.count.json import head
from paramcalc.render.grid import Column, Grid, Line, number
from paramcalc.render.progress import lasting
from paramcalc.render.words import JOINED, dims, folded, inputs, title

if TYPE_CHECKING:
    from paramcalc.verify.compare import Measured, Verification
    from paramcalc.verify.effort import Effort

SCHEMA = "paramcalc/verify/1"


def grid(run: Verification, depth: int | None = None, fold: bool = True, times: bool = True) -> Grid:
    """The tree of blocks with what was found; layers without weights and multiplications in one line.

    With a `depth` those have lines of their own.
    """
    wrong = {found.layer for found in run.disagreements}
    body, brief, left = [], {}, {layer.path: layer for layer in run.layers}
    groups = _groups(run.layers)
    for line in outline.outline(run.report, depth, fold):
        layers = _measured(line, groups)
        matters = depth is not None or any(one.macs or one.params or one.path in wrong for one in layers)
        if layers and matters:
            names = (folded(line.name, line.times), line.call or line.block, dims(line.output))
            alone = line.layers == line.times == 1
            drawn = _line(names, layers, wrong, alone, line.auxiliary)
            body.append(drawn._replace(depth=line.depth))
            brief[names[1]] = line.brief
            for layer in layers:
                left.pop(layer.path, None)
    if left:
        names = (f"{len(left)} more layer{'s' * (len(left) != 1)}", "no weights, no MACs", "")
        body.append(_line(names, [*left.values()], wrong, faint=True))
    columns = (
        Column("layer"),
        Column("op", short=brief, wrap=True),
        Column("output", right=True, drop=1),
        Column("params", right=True),
        Column("MACs", right=True),
        Column("ms", right=True, drop=2),
        Column("as counted"),
    )
    joins = (JOINED,) if any(line.cells[0] == outline.JOIN for line in body) else ()
    table = Grid(heading(run), columns, (*body, _total(run)), (*notes(run, times), *joins))
    return table if times else table.without(5)


def heading(run: Verification) -> str:
    """Which network was run, and on what."""
    settings = run.settings
    graph = run.report.graph
    return f"{title(graph)}: {inputs(graph.inputs)}, batch {settings.batch}, {settings.dtype}, seed {settings.seed}"


def effort(name: str, work: Effort) -> str:
    """The note on the cost of a large run, printed before it starts."""
    less = "a smaller --input takes less"
    if work.batch > 1:
        less = f"--batch 1 takes {number(work.macs // work.batch)}"
    return (
        f"{name}: {number(work.macs)} MACs take at least {lasting(work.seconds)} here, where a short matrix product "
        f"reaches {work.rate / 1e9:.0f}e9 a second; {less}, Ctrl-C ends it"
    )


def notes(run: Verification, times: bool) -> tuple[str, ...]:
    """The notes: what was compared, the peak of live values, time and memory."""
    peak, agree = run.peak, len({layer.path for layer in run.layers} - {d.layer for d in run.disagreements})
    notes = [
        f"{agree} of {len(run.layers)} layers match their counts: output shapes, params, MACs, live values; "
        + _reads(run),
        f"peak live activations: {number(peak.elements)} elements ({peak.layer}), "
        f"{number(peak.bytes)} bytes ({peak.bytes_layer})",
    ]
    if run.expected and isfinite(run.apart):
        notes.append(f"outputs differ from {run.expected} by {run.apart:.1g} of the largest number")
    if times:
        held = f"; peak memory of the process: {run.memory / 2**20:,.0f} MiB" if run.memory else ""
        notes.append(f"{run.forward_seconds:.3f} s in layers, {run.weights_seconds:.3f} s for weights{held}")
    if run.left_out:
        notes.append(f"not run, without weights: {', '.join(run.left_out)}")
    return tuple(notes)


def _reads(run: Verification) -> str:
    """The note on reads: whether each layer read the arrays that it declares, and no others."""
    unlike = [one for one in run.disagreements if one.what.startswith("use of ")]
    if unlike:
        return f"{len(unlike)} weights or buffers are not used as declared (below)"
    if not run.reads:
        return "no layer declares weights"
    return "each layer read all weights and buffers that it declares, and no others"


def disagreements(runs: Sequence[Verification]) -> str:
    """A line for each thing that disagrees, with the network's name if there are several."""
    return "".join(
        f"DISAGREES {f'{run.report.graph.model}: ' if len(runs) > 1 else ''}{one.layer}: {one.what}: "
        f"expected {one.expected}, found {one.found}\n"
        for run in runs
        for one in run.disagreements
    )


def summary(runs: Sequence[Verification], times: bool = True) -> Grid:
    """One line a network."""
    columns = (
        Column("model"),
        Column("layers", right=True),
        Column("params", right=True),
        Column("MACs", right=True),
        Column("s", right=True, drop=1),
        Column("as counted"),
    )
    lines = [
        Line(
            (
                run.report.graph.model,
                str(len(run.layers)),
                number(run.params),
                number(run.macs),
                f"{run.forward_seconds + run.weights_seconds:.2f}",
                "yes" if run.agrees else f"NO: {run.disagreements[0].layer}",
            ),
            wrong=not run.agrees,
        )
        for run in runs
    ]
    agree = sum(run.agrees for run in runs)
    note = f"{agree} of {len(runs)} networks match their counts, layer by layer"
    table = Grid("", columns, tuple(lines), (note,))
    return table if times else table.without(4)


def _groups(layers: Iterable[Measured]) -> dict[str, list[Measured]]:
    """The layers in each group and at each path, in order."""
    found: dict[str, list[Measured]] = {}
    for layer in layers:
        path = layer.path
        while path:
            found.setdefault(path, []).append(layer)
            path = path.rpartition("/")[0]
    return found


def _measured(line: outline.OutlineLine, groups: Mapping[str, list[Measured]]) -> list[Measured]:
    """The measurements of a line: of all equal neighbours that it represents."""
    if line.layers == 1 and line.times == 1:
        return [layer for layer in groups.get(line.last, ()) if layer.path == line.last]
    paths = [line.path]
    if line.times > 1:
        parent, _, first = line.path.rpartition("/")
        paths = [f"{parent}/{int(first) + place}".lstrip("/") for place in range(line.times)]
    return [layer for path in paths for layer in groups.get(path, ())]


def _line(
    names: tuple[str, ...],
    layers: Sequence[Measured],
    wrong: Container[str],
    alone: bool = False,
    faint: bool = False,
) -> Line:
    """A line for some layers; whose line it is `alone` needs no name where it is wrong."""
    bad = [layer.path for layer in layers if layer.path in wrong]
    verdict = "yes"
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        verdict = "NO" if alone else f"NO: {bad[0]}{more}"
    return Line((*names, *_numbers(layers), verdict), faint=faint and not bad, wrong=bool(bad))


def _total(run: Verification) -> Line:
    label = "total with auxiliary" if run.report.auxiliary and not run.left_out else "total"
    cells = (label, "", "", *_numbers(run.layers), "yes" if run.agrees else "NO")
    return Line(cells, strong=True, rule=True, wrong=not run.agrees)


def _numbers(layers: Sequence[Measured]) -> tuple[str, ...]:
    """Params, MACs and milliseconds of some layers together."""
    params, macs = sum(layer.params for layer in layers), sum(layer.macs for layer in layers)
    return number(params), number(macs), f"{1000 * sum(layer.seconds for layer in layers):.1f}"


# ------------------------------------------------------------------------------------------ data


def document(runs: Iterable[Verification]) -> dict[str, Any]:
    """All networks with all layers, and what disagrees."""
    return {"schema": SCHEMA, "networks": [_network(run) for run in runs]}


def _network(run: Verification) -> dict[str, Any]:
    graph, settings = run.report.graph, run.settings
    return {
        **head(graph.model, graph.settings, run.report.input_shapes(), graph.spec),
        "batch": settings.batch,
        "dtype": settings.dtype,
        "seed": settings.seed,
        "agrees": run.agrees,
        "totals": {"params": run.params, "macs": run.macs, "reads": run.reads},
        "alive": run.peak._asdict(),
        "seconds": {"layers": run.forward_seconds, "weights": run.weights_seconds},
        "memory_bytes": run.memory or None,
        "left_out": list(run.left_out),
        "disagreements": [one._asdict() for one in run.disagreements],
        "expected": {"file": run.expected, "apart": run.apart if isfinite(run.apart) else None}
        if run.expected
        else None,
        "layers": [_layer(layer) for layer in run.layers],
    }


def _layer(layer: Measured) -> dict[str, Any]:
    return {
        "path": layer.path,
        "op": layer.row.layer.op.title,
        "call": call_text(layer.row.layer.op),
        "output": list(layer.output),
        "params": layer.params,
        "buffers": layer.buffers,
        "macs": layer.macs,
        "reads": layer.reads,
        "live": layer.live,
        "seconds": layer.seconds,
        "auxiliary": layer.row.layer.auxiliary or None,
    }
