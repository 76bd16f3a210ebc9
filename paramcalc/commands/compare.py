"""paramcalc compare: networks side by side, and what a change costs or saves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

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
    option_group,
    output_options,
    under,
)
from paramcalc.engine.settings import Decode
from paramcalc.language.lines import words
from paramcalc.model import Model, change, load, sizes

if TYPE_CHECKING:
    from paramcalc.compare.diff import Diff
    from paramcalc.count.report import Report


class CompareOptions(NamedTuple):
    """What is compared, and which parts are shown."""

    versus: Annotated[
        list[str] | None,
        typer.Option(
            "--versus",
            metavar="'[SPEC] NAME=VALUE ...'",
            help="Add a column: SPEC (or the base) with these settings.",
        ),
    ] = None
    batch: BatchOption = 1
    depth: DepthOption = None
    columns: Annotated[str, typer.Option("--columns", help="Show these columns, separated by commas.")] = ""
    unfold: UnfoldOption = False
    rows: RowsOption = False
    align: Annotated[
        bool, typer.Option("--align", help="Show layers side by side, even if the networks share few.")
    ] = False
    sort: Annotated[
        str, typer.Option("--sort", metavar="QUANTITY", help="With --rows: the largest network first.")
    ] = ""
    convention: ConventionOption = ""


@output_options(*TABLE)
@decode_options
@option_group("given", CompareOptions)
def compare(
    changed: Changes,
    output: Output,
    given: CompareOptions,
    specs: Annotated[
        list[str],
        typer.Argument(metavar="SPEC...", help="Models or paths; the first is the base."),
    ],
) -> None:
    """Compare networks block by block: sizes, differences, ratios.

    Networks that have few layers in common have a row each, unless --align is there.

    --set, --replace and --input change all but the first; with one SPEC, a copy that it is compared with.
    --decode is for all.

    Example: paramcalc compare resnet-50 --set width=96

    Example: paramcalc compare resnet-50 --versus 'size=288' --versus 'resnet-101 width=48'

    Example: paramcalc compare resnet-50 --versus width=32 --versus width=96 --rows --format latex
    """
    if given.align and given.rows:
        raise Fault("--rows and --align contradict each other")
    if given.sort and not given.rows:
        raise Fault("--sort orders the networks of --rows")
    from paramcalc.commands._networks import by_name, show
    from paramcalc.compare.diff import compare as compared

    columns, sort = given.columns, given.sort
    reports = [under(given.convention, report) for report in _reports(specs, changed, given)]
    if given.rows:
        show(by_name(reports), output, columns, sort)
        return
    diff = compared(*reports)
    about_layers = given.align or columns or given.depth is not None or given.unfold
    if output.format in ("table", "markdown", "html") and not about_layers and not diff.related:
        said = "few layers correspond: --align shows them side by side"
        show(by_name(reports), output, columns, sort, said=(said,))
        return
    _show(diff, output, given)


def _reports(specs: list[str], changed: Changes, given: CompareOptions) -> Iterator[Report]:
    """The base, then each other network with the settings of all and its own."""
    first, *further = specs
    others: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in further]
    others += [_version(text, first) for text in given.versus or ()]
    steps = tuple(change for change in changed.changes if isinstance(change, Decode))
    if not others and (len(changed.changes) > len(steps) or changed.inputs):
        others = [(first, ())]
    if not others:
        raise Fault(
            "a comparison needs two networks", fix="name another SPEC, or say what to change: --set width=96"
        )
    models = {name: load(name) for name in dict.fromkeys([first, *(name for name, _ in others)])}
    yield models[first].count(steps, batch=given.batch)
    for name, texts in others:
        own = _apart(texts, models[name])
        changes, inputs = (*changed.changes, *own.changes), changed.inputs | own.inputs
        yield models[name].count(changes, inputs, given.batch)


def _show(diff: Diff, output: Output, given: CompareOptions) -> None:
    from paramcalc.compare import draw
    from paramcalc.count.words import FIELD
    from paramcalc.field.draw import extra as field_columns

    chosen = draw.columns(given.columns, diff)
    about_fields = set(FIELD) & set(chosen)
    extra = [field_columns(report.graph, chosen) for report in diff.reports] if about_fields else ()
    output.show(
        {
            "table": lambda: draw.grid(diff, given.depth, chosen, not given.unfold, extra),
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
