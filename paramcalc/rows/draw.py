"""Rows of networks as a table, as JSON and as CSV."""

from __future__ import annotations

from typing import Any

from paramcalc.count import json as reports
from paramcalc.count import words
from paramcalc.count.report import QUANTITIES
from paramcalc.count.words import COUNTED, word
from paramcalc.render.grid import Column, Grid, Line, Rows, number
from paramcalc.render.words import MAIN, NARROW
from paramcalc.rows.rows import DEPTH, NetworkRow, NetworkRows

SCHEMA = "paramcalc/rows/1"
INPUT = "input"
COLUMNS = (*QUANTITIES, INPUT)
USUAL = (DEPTH, "params", "macs", "activations", "memory", INPUT)
DROPS = {"memory": 4, "activations": 3, INPUT: 2}
DEEP = "depth: layers with weights (convolution, linear, attention) on the longest path"


def columns(text: str, networks: NetworkRows) -> tuple[str, ...]:
    """Column names from a list with commas; `Fault` with near misses for unknown ones."""
    chosen = words.columns(text, COLUMNS, networks.first)
    if chosen or networks.first.basis is None:
        return chosen or USUAL
    about = networks.first.quantities
    return (DEPTH, *([name for name in MAIN if name in about] or about), INPUT)


def grid(networks: NetworkRows, chosen: tuple[str, ...] = (), said: tuple[str, ...] = ()) -> Grid:
    """A line for each network."""
    chosen = chosen or columns("", networks)
    titles = (Column(word(name, networks.first), right=True, drop=DROPS.get(name, 0)) for name in chosen)
    lines = tuple(
        Line((network.name, *(_cell(network, name) for name in chosen))) for network in networks.networks
    )
    return Grid("", (Column("network", wrap=True), *titles), lines, (*notes(networks, chosen), *said), NARROW)


def notes(networks: NetworkRows, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """What was counted, under which convention, and what depth is."""
    first = networks.first
    says = first.basis.says if first.basis else COUNTED
    label = first.basis.label if first.basis else first.convention
    return (f"batch {first.batch}; {says} (convention {label})", *([DEEP] if DEPTH in chosen else []))


def _cell(network: NetworkRow, name: str) -> str:
    return _input(network) if name == INPUT else number(network.value(name))


def _input(network: NetworkRow) -> str:
    shapes = network.report.graph.inputs
    return ", ".join(str(shape) if len(shapes) == 1 else f"{name} {shape}" for name, shape in shapes.items())


def rows(networks: NetworkRows) -> Rows:
    """Every network with every quantity."""
    about = tuple(name for name in networks.first.quantities if name != DEPTH)
    header = ("network", "model", "spec", "settings", INPUT, "batch", DEPTH, *about)
    return Rows(header, (_record(network, about) for network in networks.networks))


def _record(network: NetworkRow, about: tuple[str, ...]) -> tuple[object, ...]:
    graph = network.report.graph
    settings = " ".join(graph.settings)
    return (
        network.name, graph.model, graph.spec, settings, _input(network), network.report.batch, network.depth,
        *(network.value(name) for name in about),
    )  # fmt: skip


def document(networks: NetworkRows, dtype: str = "float32") -> dict[str, Any]:
    """The same as JSON; counts are integers, exact at any size."""
    return {
        "schema": SCHEMA,
        "convention": networks.first.convention,
        "batch": networks.first.batch,
        **reports.definitions(networks.first.basis),
        "networks": [
            {
                "network": network.name,
                **reports.head(graph.model, graph.settings, network.report.input_shapes(), graph.spec),
                "depth": network.depth,
                "totals": reports.totals(network.totals, dtype, networks.first.quantities),
            }
            for network in networks.networks
            for graph in (network.report.graph,)
        ],
    }
