"""paramcalc import: a network from elsewhere as a spec."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import Output, output_options, remark


@output_options("yaml")
def import_(
    output: Output,
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A file, timm:NAME, or package.module:factory (which is run)."),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="[NAME=]SIZES", help="Sizes of an input, without the batch."),
    ] = None,
) -> None:
    """Write a network from PyTorch, ONNX, Keras, Caffe or Darknet as a spec.

    Exits with 1 if something has no counterpart: the totals are then partial.

    Example: paramcalc import lenet.prototxt -o lenet.yaml
    """
    from paramcalc.importing.network import imported
    from paramcalc.importing.readers import reader
    from paramcalc.model import sizes

    given = dict(sizes(text) for text in inputs or ())
    network = imported(reader(source).read(source, given))
    output.show({"yaml": lambda: network.text})
    for text in (*network.source.remarks, *network.net.notes):
        remark(text)
    for text in network.missing:
        remark(text)
    if network.missing:
        remark(f"{len(network.missing)} operations are left out: the totals are partial")
    raise typer.Exit(1 if network.missing else 0)
