"""What a shell completes: models, layers, columns, knobs, conventions, ops, quantities, devices.

Loaded only where a shell asks. Models come from the file of recorded ones, and a spec is read only for its knobs
and layers.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

import typer

from paramcalc.base.errors import Fault, SpecError


def attach(command: Callable[..., Any]) -> None:
    """Gives the options and arguments of a command what completes them."""
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        for info in get_args(parameter.annotation)[1:]:
            if parameter.name in COMPLETERS and hasattr(info, "autocompletion"):
                info.autocompletion = COMPLETERS[parameter.name]


def models(incomplete: str) -> list[str]:
    """Bundled models and families; nothing for a path, which the shell completes."""
    from paramcalc.engine import index, library

    entries = index.entries(library.bundled_folder())
    names = {name for one in entries for name in (one.model, *one.aliases, one.spec)}
    return _beginning(incomplete, sorted(names))


def topics(incomplete: str) -> list[str]:
    from paramcalc.list import catalogue

    return _beginning(incomplete, sorted({one.topic for one in catalogue.bundled()}))


def variants(ctx: typer.Context, incomplete: str) -> list[str]:
    spec = _spec(ctx)
    return _listed(incomplete, spec.variants) if spec else []


def layers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Layers and groups of the network, level by level."""
    from paramcalc.model import load

    name = _network(ctx)
    try:
        paths = [layer.path for layer in load(name).graph().layers] if name else []
    except (Fault, SpecError):
        return []
    deep = incomplete.count("/")
    level = _beginning(incomplete, ("/".join(path.split("/")[: deep + 1]) for path in paths))
    if level == [incomplete]:  # a group whose name is complete
        level += _beginning(f"{incomplete}/", ("/".join(path.split("/")[: deep + 2]) for path in paths))
    return level


def knobs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Knobs of the network, and then cells of its tables, ready for a value."""
    spec = _spec(ctx)
    ends = "" if ctx.command.name == "solve" else "="
    found = _beginning(incomplete, [f"{name}{ends}" for name in spec.knobs]) if spec else []
    return found or _beginning(incomplete, [f"{name}{ends}" for name in _cells(ctx)])


def inputs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of inputs, where there are several."""
    spec = _spec(ctx)
    several = spec is not None and len(spec.inputs) > 1
    return _beginning(incomplete, [f"{name}=" for name in spec.inputs]) if several else []


def ops(incomplete: str) -> list[str]:
    from paramcalc.ops import names

    return _beginning(incomplete, sorted(names()))


def conventions(incomplete: str) -> list[str]:
    from paramcalc.conventions import CONVENTIONS

    return _beginning(incomplete, CONVENTIONS)


def columns(ctx: typer.Context, incomplete: str) -> list[str]:
    if ctx.command.name == "compare":
        from paramcalc.compare import draw as compared

        return _listed(incomplete, compared.COLUMNS)
    from paramcalc.count import draw as counted

    return _listed(incomplete, counted.COLUMNS)


def quantities(ctx: typer.Context, incomplete: str) -> list[str]:
    if ctx.command.name == "explain":
        from paramcalc.explain import explain

        return _listed(incomplete, explain.QUANTITIES)
    from paramcalc.count import report

    return _listed(incomplete, report.QUANTITIES)


def devices(incomplete: str) -> list[str]:
    from paramcalc.language.syntax import read_file
    from paramcalc.memory.devices import BUNDLED, read

    return _beginning(incomplete, read(read_file(BUNDLED)))


def optimizers(incomplete: str) -> list[str]:
    from paramcalc.memory.memory import OPTIMIZERS

    return _beginning(incomplete, OPTIMIZERS)


COMPLETERS: dict[str, Callable[..., list[str]]] = {
    "spec": models,
    "specs": models,
    "wanted": models,
    "topic": topics,
    "variants": variants,
    "layer": layers,
    "layers": layers,
    "checkpoints": layers,
    "sets": knobs,
    "symbols": knobs,
    "vary": knobs,
    "axes": knobs,
    "inputs": inputs,
    "name": ops,
    "convention": conventions,
    "why": conventions,
    "columns": columns,
    "quantity": quantities,
    "sort": quantities,
    "most": quantities,
    "least": quantities,
    "pareto": quantities,
    "device": devices,
    "train": optimizers,
}


def words() -> list[str]:
    """The command line so far, as the shell gives it; its last word is incomplete, and may be empty."""
    bash, others = (os.environ.get(name, "") for name in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS"))
    return re.split(r"\s+", bash or others)


def _network(ctx: typer.Context) -> str:
    """The network that the command line names: an option without its value keeps the framework from reading it."""
    given = ctx.params.get("spec") or next(iter(ctx.params.get("specs") or ()), "")
    return str(given or next((word for word in words()[2:-1] if not word.startswith("-")), ""))


def _spec(ctx: typer.Context) -> Any:
    from paramcalc.engine import library

    name = _network(ctx)
    try:
        return library.find(name).spec if name else None
    except (Fault, SpecError):
        return None


def _cells(ctx: typer.Context) -> list[str]:
    """The cells of the network's tables, but for names of rows."""
    from paramcalc.model import load

    name = _network(ctx)
    try:
        cells = load(name).graph().cells if name else {}
    except (Fault, SpecError):
        return []
    return [f"{row}.{column}" for row, columns in cells.items() for column in columns if column != "name"]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _listed(incomplete: str, names: Iterable[str]) -> list[str]:
    """Completions for the last entry of a comma-separated list, without the entries before it."""
    before, comma, last = incomplete.rpartition(",")
    taken: Sequence[str] = before.split(",")
    return [before + comma + name for name in _beginning(last, names) if name not in taken]
