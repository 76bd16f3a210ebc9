"""paramcalc compare: networks side by side, and what a change costs or saves."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.base.errors import Fault
from paramcalc.commands._common import (
    TABLE,
    BatchOption,
    Changes,
    ConventionOption,
    DepthOption,
    Output,
    RowsOption,
    UnfoldOption,
    decode_options,
    output_options,
    under,
)
from paramcalc.engine.settings import Decode
from paramcalc.language.lines import words
from paramcalc.model import Model, change, load, sizes


@output_options(*TABLE)
@decode_options
def compare(
    changed: Changes,
    output: Output,
    specs: Annotated[
        list[str],
        typer.Argument(metavar="SPEC...", help="Models or paths; the first is the base."),
    ],
    versus: Annotated[
        list[str] | None,
        typer.Option(
            "--versus",
            metavar="'[SPEC] NAME=VALUE ...'",
            help="Add a column: SPEC (or the base) with these settings.",
        ),
    ] = None,
    batch: BatchOption = 1,
    depth: DepthOption = None,
    columns: Annotated[str, typer.Option("--columns", help="Show these columns, separated by commas.")] = "",
    unfold: UnfoldOption = False,
    rows: RowsOption = False,
    align: Annotated[
        bool, typer.Option("--align", help="Show layers side by side, even if the networks share few.")
    ] = False,
    sort: Annotated[
        str, typer.Option("--sort", metavar="QUANTITY", help="With --rows: the largest network first.")
    ] = "",
    convention: ConventionOption = "",
) -> None:
    """Compare networks block by block: sizes, differences, ratios.

    Networks that have few layers in common have a row each, unless --align is there.

    --set, --replace and --input change all but the first; with one SPEC, a copy that it is compared with.
    --decode is for all.

    Example: paramcalc compare resnet-50 --set width=96

    Example: paramcalc compare resnet-50 --versus 'size=288' --versus 'resnet-101 width=48'

    Example: paramcalc compare resnet-50 --versus width=32 --versus width=96 --rows --format latex
    """
    if align and rows:
        raise Fault("--rows and --align contradict each other")
    if sort and not rows:
        raise Fault("--sort orders the networks of --rows")
    from paramcalc.commands._networks import by_name, show
    from paramcalc.compare import draw
    from paramcalc.compare.diff import compare as compared
    from paramcalc.count.words import FIELD
    from paramcalc.field.draw import extra as field_columns

    others: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in specs[1:]]
    others += [_version(text, specs[0]) for text in versus or ()]
    steps = tuple(change for change in changed.changes if isinstance(change, Decode))
    if not others and (len(changed.changes) > len(steps) or changed.inputs):
        others = [(specs[0], ())]
    if not others:
        raise Fault(
            "a comparison needs two networks", fix="name another SPEC, or say what to change: --set width=96"
        )
    models = {name: load(name) for name in dict.fromkeys([specs[0], *(name for name, _ in others)])}
    reports = [models[specs[0]].count(steps, batch=batch)]
    for name, texts in others:
        own = _apart(texts, models[name])
        reports.append(
            models[name].count((*changed.changes, *own.changes), changed.inputs | own.inputs, batch)
        )
    reports = [under(convention, report) for report in reports]
    if rows:
        show(by_name(reports), output, columns, sort)
        return
    diff = compared(*reports)
    about_layers = align or columns or depth is not None or unfold
    if output.format in ("table", "markdown", "html") and not about_layers and not diff.related:
        said = "few layers answer to each other: --align shows them side by side"
        show(by_name(reports), output, columns, sort, said=(said,))
        return
    chosen = draw.columns(columns, diff)
    extra = [field_columns(report.graph, chosen) for report in reports] if set(FIELD) & set(chosen) else ()
    output.show(
        {
            "table": lambda: draw.grid(diff, depth, chosen, not unfold, extra),
            "latex": lambda: draw.paper(diff, chosen),
            "csv": lambda: draw.rows(diff),
            "json": lambda: draw.document(diff),
        }
    )


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


def _apart(texts: tuple[str, ...], model: Model) -> Changes:
    """Settings of knobs and layers, and sizes of inputs."""
    inputs = [text for text in texts if text.partition("=")[0] in model.spec.inputs.keys() - model.spec.knobs]
    changes = tuple(change(text) for text in texts if text not in inputs)
    return Changes(changes, dict(sizes(text) for text in inputs))
