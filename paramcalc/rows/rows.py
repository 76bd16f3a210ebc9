"""Whole networks in rows: the totals and the depth of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from paramcalc.base.choice import known
from paramcalc.base.errors import visible
from paramcalc.count.report import Counts, Report
from paramcalc.count.words import own_words, quantity
from paramcalc.render.notebook import shows_itself

DEPTH = "depth"


class NetworkRow(NamedTuple):
    """A network by the name that it was asked for, and its counts."""

    name: str
    report: Report

    @property
    def totals(self) -> Counts:
        """The totals, without auxiliary branches."""
        return self.report.totals

    @property
    def depth(self) -> int:
        """Its depth in layers with kernels, which is the same under every convention."""
        return self.totals.depth

    def value(self, name: str) -> Any:
        """A quantity."""
        return getattr(self.totals, name)


@shows_itself
class NetworkRows(NamedTuple):
    """Networks under one convention and batch."""

    networks: tuple[NetworkRow, ...]

    def __repr__(self) -> str:
        return f"<NetworkRows of {len(self.networks)} networks from {visible(self.networks[0].name)}>"

    @property
    def first(self) -> Report:
        """The report whose quantities, convention and batch are those of all."""
        return self.networks[0].report

    def sort(self, name: str) -> NetworkRows:
        """The networks with the largest first; `Fault` with near misses for what is neither quantity nor depth."""
        if name != DEPTH:
            known(name, (DEPTH, *self.first.quantities, *own_words(self.first)), "quantity")
            name = quantity(name, self.first)
        ordered = sorted(self.networks, key=lambda network: network.value(name), reverse=True)
        return self._replace(networks=tuple(ordered))


def rows(networks: Iterable[tuple[str, Report]]) -> NetworkRows:
    """Reports by name as rows.

    >>> from paramcalc import load
    >>> [row.depth for row in rows((name, load(name).count()) for name in ("vgg-16", "resnet-50")).networks]
    [16, 50]
    """
    return NetworkRows(tuple(NetworkRow(name, report) for name, report in networks))


def names(reports: Sequence[Report]) -> list[str]:
    """Distinct names of networks: model, settings, and the input where those are the same."""
    labels = [", ".join([report.graph.model, *report.graph.settings]) for report in reports]
    inputs = [" ".join(str(shape) for shape in report.graph.inputs.values()) for report in reports]
    return [
        label if labels.count(label) == 1 else f"{label}, {shapes}"
        for label, shapes in zip(labels, inputs, strict=True)
    ]
