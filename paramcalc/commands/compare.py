"""paramcalc compare: networks side by side, and what a change costs or saves."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.base.errors import Fault
from paramcalc.commands._common import (
    BatchOption,
    ConventionOption,
    DepthOption,
    Format,
    OutputOption,
    PluginOption,
    ReplaceOption,
    emit,
    emit_grid,
    settings,
    under,
    written,
)
from paramcalc.engine.elaborate import Change
from paramcalc.language.lines import words
from paramcalc.model import Model, change, load, sizes


def compare(
    specs: Annotated[
        list[str],
        typer.Argument(metavar="SPEC...", help="Models or paths; the first is the base."),
    ],
    versus: Annotated[
        list[str] | None,
        typer.Option(
            "--versus", metavar="'[SPEC] NAME=VALUE ...'", help="One more: SPEC, or the base, so changed."
        ),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of all but the base."),
    ] = None,
    replaced: ReplaceOption = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="[NAME=]SIZES", help="Input sizes of all but the base."),
    ] = None,
    batch: BatchOption = 1,
    depth: DepthOption = None,
    columns: Annotated[
        str, typer.Option("--columns", help="Columns to show, with commas between them.")
    ] = "",
    unfold: Annotated[bool, typer.Option("--unfold", help="Show equal blocks one by one.")] = False,
    convention: ConventionOption = "",
    plugins: PluginOption = None,
    format: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
    output: OutputOption = None,
) -> None:
    """Compare networks block by block: sizes, differences, ratios.

    --set, --replace and --input change all but the first; with one SPEC, a copy that it is compared with.

    Example: paramcalc compare resnet-50 --set width=96

    Example: paramcalc compare resnet-50 --versus 'size=288' --versus 'resnet-101 width=48'
    """
    from paramcalc.compare import draw as differences
    from paramcalc.compare.diff import compare as compared

    common = settings(sets, inputs, plugins, replaced)
    others = [(name, ()) for name in specs[1:]] + [_version(text, specs[0]) for text in versus or ()]
    if not others and any(common):
        others = [(specs[0], ())]
    models = {name: load(name) for name in dict.fromkeys([specs[0], *(name for name, _ in others)])}
    reports = [models[specs[0]].count(batch=batch)]
    for name, texts in others:
        model = models[name]
        changes, other_sizes = _apart(texts, model)
        reports.append(model.count((*common[0], *changes), common[1] | other_sizes, batch))
    if len(reports) < 2:
        raise Fault(
            "a comparison needs two networks", fix="name another SPEC, or say what to change: --set width=96"
        )
    diff = compared(*(under(convention, report) for report in reports))
    if format == "json":
        emit(differences.text(diff), output)
        return
    if format == "csv":
        emit(differences.csv(diff), output)
        return
    grid = differences.grid(diff, depth, differences.columns(columns, diff), not unfold)
    if format == "table":
        emit_grid(grid, output)
    else:
        emit(written(grid, format), output)


def _version(text: str, first: str) -> tuple[str, tuple[str, ...]]:
    """The model and the settings that a --versus holds."""
    if not text.strip():
        raise Fault("--versus is empty", expected="--versus '[SPEC] NAME=VALUE ...'")
    texts = [token.text for token in words(text, "a setting")]
    named = "=" not in texts[0]
    found = tuple(texts[1:] if named else texts)
    if any("=" not in word for word in found):
        raise Fault(f"'{text}' is not a model with settings", expected="--versus '[SPEC] NAME=VALUE ...'")
    return texts[0] if named else first, found


def _apart(texts: tuple[str, ...], model: Model) -> tuple[tuple[Change, ...], dict[str, tuple[int, ...]]]:
    """Settings of knobs and layers, and sizes of inputs."""
    inputs = [text for text in texts if text.partition("=")[0] in model.spec.inputs.keys() - model.spec.knobs]
    changes = tuple(change(text) for text in texts if text not in inputs)
    return changes, dict(sizes(text) for text in inputs)
