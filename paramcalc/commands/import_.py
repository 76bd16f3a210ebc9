"""paramcalc import: a network from elsewhere as a spec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from paramcalc.commands._common import Output, output_options, remark
from paramcalc.commands._proof import Compared, compared

if TYPE_CHECKING:
    from paramcalc.importing.network import Imported
    from paramcalc.importing.readers import Written


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
    prove: Annotated[
        bool,
        typer.Option(
            "--prove", help="Compare params, MACs and outputs with the source's own, and claim them."
        ),
    ] = False,
    map: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE", help="Write the source's name of each weight to this file, for verify."
        ),
    ] = None,
) -> None:
    """Write a network from PyTorch, ONNX, Hugging Face, Keras, Caffe or Darknet as a spec.

    Exits with 1 if an operation has no counterpart (the totals are then partial), or if --prove finds a difference;
    then nothing is written. Whatever --prove could not compare is reported, and is not a failure.

    Example: paramcalc import lenet.prototxt -o lenet.yaml
    """
    from paramcalc.base.errors import Fault
    from paramcalc.importing.readers import SpecReader, check_names, reader
    from paramcalc.model import sizes

    given = dict(sizes(text) for text in inputs or ())
    chosen = reader(source)
    if isinstance(chosen, SpecReader):
        if prove or map is not None:
            raise Fault(f"{source} has no weights: --prove and --map need the model itself")
        _show(chosen.written(source, given), output)
    from paramcalc.importing.network import claimed, imported
    from paramcalc.importing.readers.hf import RoutedError, routed

    try:
        read = chosen.read(source, given)
    except RoutedError as error:
        if map is not None:
            raise Fault(f"{error.fact}: there is no map of its weights", fix="leave out --map") from None
        _show(routed(error, given), output)
    check_names(given, [*read.inputs])
    network = imported(read)
    proof = compared(network) if prove else Compared({}, (), ())
    for line in (*network.source.remarks, *network.net.notes, *network.missing, *proof.remarks):
        remark(line)
    if network.missing:
        count = len(network.missing)
        remark(f"{count} operation{'s are' * (count > 1) or ' is'} left out: the totals are partial")
    if proof.differences:
        for line in proof.differences:
            remark(line)
        remark("the proof failed, and nothing was written: leave out --prove to get the spec as it is")
        raise typer.Exit(1)
    with _map(network, map):
        output.show({"yaml": lambda: claimed(network, proof.claims)})
    raise typer.Exit(1 if network.missing else 0)


def _show(found: Written, output: Output) -> NoReturn:
    """Writes a spec that is made of settings, with its remarks."""
    output.show({"yaml": lambda: found.text})
    for line in (*found.remarks, *found.partial):
        remark(line)
    raise typer.Exit(1 if found.partial else 0)


@contextmanager
def _map(network: Imported, path: Path | None) -> Iterator[None]:
    """The map of the weights, which is there when the spec is, or not at all."""
    if path is None:
        yield
        return
    from paramcalc.base import origins
    from paramcalc.base.files import whole

    with whole(path) as file:
        file.write(origins.written(network.weight_names()).encode("utf-8"))
        yield
