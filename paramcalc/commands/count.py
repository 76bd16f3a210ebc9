"""paramcalc count: every layer's output size, parameters and multiplications; of several networks, a row each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

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
    doubts,
    output_options,
    under,
)

FEW_LAYERS = 3  # from so many figures on, a source prints a quantity layer by layer

if TYPE_CHECKING:
    from paramcalc.model import Model

Dtype = Literal["float64", "float32", "tf32", "bfloat16", "float16", "int8", "float8"]


@output_options(*TABLE)
@decode_options
def count(
    changed: Changes,
    output: Output,
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...",
            help="A bundled model, a path, PATH:VARIANT, or - for standard input; of several, or a folder, a row each.",
        ),
    ],
    depth: DepthOption = None,
    columns: Annotated[str, typer.Option("--columns", help="Show these columns, separated by commas.")] = "",
    top: Annotated[int | None, typer.Option("--top", min=1, help="Show only the N largest layers.")] = None,
    sort: Annotated[
        str,
        typer.Option(
            "--sort", metavar="QUANTITY", help="Sort layers by size, without groups; or sort networks."
        ),
    ] = "",
    by: Annotated[
        Literal["op", "stage", "block"] | None,
        typer.Option("--by", help="Sum the layers by op, by top-level group, or by block."),
    ] = None,
    rows: RowsOption = False,
    batch: BatchOption = 1,
    layout: Annotated[
        Literal["nchw", "nhwc"], typer.Option("--layout", help="Position of the channels in shapes.")
    ] = "nchw",
    dtype: Annotated[Dtype, typer.Option("--dtype", help="Element type, for sizes in bytes.")] = "float32",
    unfold: UnfoldOption = False,
    convention: ConventionOption = "",
) -> None:
    """Count parameters and multiplications layer by layer.

    Example: paramcalc count resnet-50 --depth 1 --set width=96

    Example: paramcalc count alexnet --by op

    Example: paramcalc count alexnet vgg-16 resnet-50 --sort params --format latex
    """
    if rows or len(specs) > 1 or Path(specs[0]).is_dir():
        if depth is not None or unfold or top is not None or by:
            raise Fault("--depth, --unfold, --top and --by are about the layers of one network")
        from paramcalc.commands._networks import counted, show, steps

        found = counted(specs, rows, changed, batch, convention)
        show(found, output, columns, sort, dtype, steps(changed))
        return
    spec = specs[0]
    from paramcalc.count import draw
    from paramcalc.count.words import FIELD
    from paramcalc.model import load

    if (sort or top is not None) and (depth is not None or unfold):
        raise Fault("--top and --sort show layers without groups, so --depth and --unfold do not apply")
    if by and (sort or top is not None or depth is not None or unfold):
        raise Fault("--by adds layers up, which --top, --sort, --depth and --unfold show")
    model = load(spec)
    report = under(convention, model.count(*changed, batch))
    doubts(model.spec, report.graph, resized=bool(changed.inputs))
    view = draw.View(draw.columns(columns, report, _printed(model)), layout, dtype)
    if set(FIELD) & set(view.columns):
        from paramcalc.field.draw import extra

        view = view._replace(extra=extra(report.graph, view.columns))
    if by:
        from paramcalc.count import by_kind

        chosen = view.columns if columns else ()
        output.show(
            {
                "table": lambda: by_kind.grid(report, by, chosen),
                "csv": lambda: by_kind.rows(report, by),
                "json": lambda: by_kind.document(report, by),
            }
        )
        return
    flat = sort or top is not None
    output.show(
        {
            "table": lambda: (
                draw.flat(report, sort, top, view) if flat else draw.grid(report, depth, not unfold, view)
            ),
            "csv": lambda: draw.rows(report),
            "json": lambda: draw.document(report, dtype),
        }
    )


def _printed(model: Model) -> tuple[str, ...]:
    """The quantities that a network's source prints for its layers, as the claims say."""
    from paramcalc.count.report import QUANTITIES
    from paramcalc.engine.library import same_settings
    from paramcalc.language.syntax import Mapping, Sequence

    entries = model.spec.claims.entries if model.spec.claims else ()
    name = same_settings(model.spec, model.name)
    claims = [
        {key.text for key, _ in claim.entries}
        for key, group in entries
        if key.text == name and isinstance(group, Sequence)
        for claim in group.items
        if isinstance(claim, Mapping)
    ]
    layers = [keys for keys in claims if "layer" in keys]
    return tuple(
        quantity for quantity in QUANTITIES if sum(quantity in keys for keys in layers) >= FEW_LAYERS
    )
