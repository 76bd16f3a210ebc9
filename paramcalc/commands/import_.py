"""paramcalc import: a network from elsewhere as a spec."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paramcalc.commands._common import Output, emit, output_options, remark

if TYPE_CHECKING:
    from paramcalc.importing.network import Imported

TOLERANCE = 1e-4  # of the largest output: what float32 leaves of a deep network in another order of sums


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
        typer.Option("--map", metavar="FILE", help="Write the source's name of each weight, for verify."),
    ] = None,
) -> None:
    """Write a network from PyTorch, ONNX, Hugging Face, Keras, Caffe or Darknet as a spec.

    Exits with 1 if something has no counterpart, and the totals are partial; or if --prove finds a difference.

    Example: paramcalc import lenet.prototxt -o lenet.yaml
    """
    from paramcalc.base import origins
    from paramcalc.base.errors import Fault
    from paramcalc.importing.network import claimed, imported
    from paramcalc.importing.readers import SpecReader, reader
    from paramcalc.model import sizes

    given = dict(sizes(text) for text in inputs or ())
    chosen = reader(source)
    if isinstance(chosen, SpecReader):
        if prove or map is not None:
            raise Fault(f"{source} has no weights: --prove and --map need the model itself")
        found = chosen.written(source, given)
        output.show({"yaml": lambda: found.text})
        for line in (*found.remarks, *found.partial):
            remark(line)
        raise typer.Exit(1 if found.partial else 0)
    network = imported(chosen.read(source, given))
    differences: list[str] = []
    claims: dict[str, tuple[int, str]] = {}
    if prove:
        differences = [*_compared(network, claims)]
    text = claimed(network, claims)
    output.show({"yaml": lambda: text})
    if map is not None:
        emit(origins.written(network.weight_names()), map)
    for line in (*network.source.remarks, *network.net.notes, *network.missing, *differences):
        remark(line)
    if network.missing:
        count = len(network.missing)
        remark(f"{count} operation{'s are' * (count > 1) or ' is'} left out: the totals are partial")
    raise typer.Exit(1 if network.missing or any(differences) else 0)


def _compared(network: Imported, claims: dict[str, tuple[int, str]]) -> Iterator[str]:
    """What differs from what the source says of itself; what agrees is claimed, and remarked on."""
    from paramcalc.importing.constants import folded_macs
    from paramcalc.model import parse
    from paramcalc.verify.mapping import outputs_apart

    if network.source.proof is None:
        yield "this source says nothing of itself that could be compared"
        return
    proof = network.source.proof()
    report = parse(network.text, name=network.source.name).count()
    if report.with_auxiliary.params == proof.params:
        claims["params"] = (report.params, "counted in the module")
    else:
        yield f"params: {report.with_auxiliary.params:,} in the spec, {proof.params:,} in the source"
    if proof.macs is not None:
        macs = proof.macs - folded_macs(network.source)
        if report.macs == macs:
            claims["macs"] = (macs, proof.seen)
        else:
            yield f"MACs: {report.macs:,} in the spec, {macs:,} by {proof.seen}"
    if proof.run is None or proof.arrays is None:
        remark("outputs not compared: the network is too large to run here")
        return
    graph = parse(network.text, name=network.source.name).graph()
    share = outputs_apart(graph, network.weight_names(), proof.arrays, proof.run)
    if share <= TOLERANCE:
        remark(f"proven: outputs differ by {share:.1g} of the largest")
    else:
        yield f"outputs differ by {share:.2g} of the largest"
