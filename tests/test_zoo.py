"""Bundled models have the params and MACs that torchvision and timm have; see `oracle/zoo_totals.py`.

A network of theirs is met by a bundled one of as many params, at its own input or at theirs.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import NamedTuple

from paramcalc import Fault, load
from paramcalc.list import catalogue

FILE = Path(__file__).parent / "zoo.csv"
LEAST_PAIRS = 775  # different (params, MACs) of timm


class Network(NamedTuple):
    """One of theirs."""

    library: str
    model: str
    input: str
    params: int
    macs: int


@cache
def networks() -> tuple[Network, ...]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Network(row["library"], row["model"], row["input"], int(row["params"]), int(row["macs"]))
            for row in csv.DictReader(file)
        )


@cache
def by_params() -> dict[int, list[catalogue.Entry]]:
    found: dict[int, list[catalogue.Entry]] = defaultdict(list)
    for entry in catalogue.bundled():
        found[entry.params].append(entry)
    return found


@cache
def macs_at(model: str, sizes: str) -> int:
    """The MACs of a bundled model at another input; 0 where it has no such input."""
    try:
        return load(model).count(inputs={"input": tuple(map(int, sizes.split("x")))}).macs
    except (Fault, ValueError):
        return 0


def met(network: Network) -> bool:
    same = by_params().get(network.params, [])
    return any(entry.macs == network.macs for entry in same) or any(
        macs_at(entry.model, network.input) == network.macs for entry in same
    )


def test_torchvisions_classifiers() -> None:
    theirs = [network for network in networks() if network.library == "torchvision"]

    assert len(theirs) == 80
    assert [network.model for network in theirs if not met(network)] == []


def test_timms_networks() -> None:
    pairs = {(one.params, one.macs) for one in networks() if one.library == "timm" and met(one)}

    assert len(pairs) >= LEAST_PAIRS
