"""Answers that must agree: each check asks two commands the same of one network, and says how they differ."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from paramcalc.count.report import QUANTITIES
from tests.fuzz.commands import NAME


class Result(NamedTuple):
    """What one run of the command line gave."""

    code: int
    out: str
    err: str


Ask = Callable[..., Result]  # runs a command; what goes wrong with it ends the text's turn
Json = dict[str, Any]
Check = Callable[[Json, Ask], str]
TOTALS = tuple(QUANTITIES)
OF_SAMPLES = ("macs", "flops", "connections", "activations", "contraction_activations")  # times the batch
LARGEST_RUN = 3_000_000  # MACs and elements of a network that is also verified


def small(counted: Json) -> bool:
    """Whether a network takes no time to run."""
    totals = counted["totals"]
    return max(totals["macs"], totals["memory"]) <= LARGEST_RUN and len(counted["layers"]) <= 60


def rows(counted: Json, ask: Ask) -> str:
    """The totals are the sums of the rows that are not of auxiliary heads."""
    main = [row for row in counted["layers"] if row["auxiliary"] is None]
    return _different(counted["totals"], {name: sum(row[name] for row in main) for name in TOTALS})


def table(counted: Json, ask: Ask) -> str:
    """CSV has the rows of JSON."""
    read = list(csv.DictReader(io.StringIO(ask("count", NAME, "--format", "csv").out)))
    written = [[row[name] for name in TOTALS] for row in counted["layers"]]
    return "" if [[int(row[name]) for name in TOTALS] for row in read] == written else "other rows"


def expanded(counted: Json, ask: Ask) -> str:
    """The text that `show --expanded` prints counts the same."""
    Path("expanded.yaml").write_text(ask("show", NAME, "--expanded").out, encoding="utf-8")
    again = ask("count", "expanded.yaml", "--format", "json")
    return _different(counted["totals"], json.loads(again.out)["totals"]) if again.code == 0 else again.err


def verified(counted: Json, ask: Ask) -> str:
    """A network that is small enough runs, and does what is counted."""
    result = ask("verify", NAME) if small(counted) else Result(0, "", "")
    wrong = [line for line in result.out.splitlines() if line.startswith("DISAGREES")]
    return "\n".join(line for line in wrong if "NaN or infinite" not in line)  # exp of exp of exp


def formula(counted: Json, ask: Ask) -> str:
    """The closed form at the defaults of its symbols is the count, as Python computes it."""
    result = ask("formula", NAME, "--format", "python")
    if result.code:
        return ""  # no symbol, or no closed form
    names: Json = {}
    exec(result.out, names)  # our own output; only a plugin's text could be in it, and there is none
    wanted = ("params", "macs", "activations", "memory")
    return _different(counted["totals"], {name: names[name]() for name in wanted if name in names})


def batch(counted: Json, ask: Ask) -> str:
    """Three samples take three times the work and no more params."""
    totals = json.loads(ask("count", NAME, "--batch", "3", "--format", "json").out)["totals"]
    one = counted["totals"]
    expected = {name: one[name] * (3 if name in OF_SAMPLES else 1) for name in TOTALS if name != "memory"}
    return _different(expected, {name: totals[name] for name in expected})


def same(counted: Json, ask: Ask) -> str:
    """A network does not differ from itself."""
    told = json.loads(ask("compare", NAME, NAME, "--format", "json").out)
    return "".join(f"{name} " for name, found in told["totals"].items() if any(found["differences"]))


def others(counted: Json, ask: Ask) -> str:
    """Other commands that print a total print this one."""
    told = json.loads(ask("conventions", NAME, "--format", "json").out)["paramcalc"]
    weights = json.loads(ask("memory", NAME, "--dtype", "int8", "--format", "json").out)["weights_bytes"][
        "int8"
    ]
    totals = counted["totals"]
    stored = totals["params"] + totals["frozen"] + totals["buffers"]
    wrong = "" if totals["params"] <= weights <= stored else f"memory has weights of {weights} bytes"
    return wrong or _different(totals, told)


def swept(counted: Json, ask: Ask) -> str:
    """A sweep counts what `count` does with that setting."""
    for knob, value in islice(counted["knobs"].items(), 3):
        if type(value) is not int or not 0 < value < 100:
            continue
        result = ask("sweep", NAME, f"{knob}={value}:{value + 1}", "--quantity", "all", "--format", "csv")
        for row in csv.DictReader(io.StringIO(result.out)) if result.code == 0 else ():
            told = ask("count", NAME, "--set", f"{knob}={row[knob]}", "--format", "json")
            if (told.code == 0) != bool(row["params"]):
                return f"{knob}={row[knob]}: a network for one only"
            if told.code == 0:
                totals = json.loads(told.out)["totals"]
                read = {**row, knob: row.get(f"quantity {knob}", row[knob])}  # a knob named as a quantity
                wrong = _different(totals, {name: int(read[name]) for name in TOTALS if name in read})
                if wrong:
                    return f"{knob}={row[knob]}: {wrong}"
    return ""


def seen(counted: Json, ask: Ask) -> str:
    """What the middle of a layer's output sees lies in the input."""
    for row in counted["layers"][-3:]:
        result = ask("field", NAME, row["path"], "--format", "json")
        told = json.loads(result.out) if result.code == 0 else {"at": None}
        for name, region in (told["at"] or {"region": {}})["region"].items():
            for axis, ends in region.items():
                if ends and not 0 <= ends[0] <= ends[1] < told["input"][name][axis]:
                    return f"{row['path']} sees {axis} {ends} of {name}"
    return ""


CHECKS: tuple[Check, ...] = (
    rows, table, expanded, verified, formula, batch, same, others, swept, seen
)  # fmt: skip


def _different(expected: Json, found: Json) -> str:
    """The first quantity that is another."""
    names = [name for name in TOTALS if name in found and found[name] != expected[name]]
    return f"{names[0]}: {expected[names[0]]} and {found[names[0]]}" if names else ""
