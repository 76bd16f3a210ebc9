"""paramcalc export: a network as source of PyTorch or Keras, as an ONNX file, or as a diagram."""

from __future__ import annotations

from typing import Annotated

import typer

from paramcalc.commands._common import (
    Changes,
    Output,
    SpecArgument,
    doubts,
    network_options,
    output_options,
    remark,
)


@output_options("pytorch", "keras", "onnx", "mermaid", "dot", option="--to")
@network_options
def export(
    changed: Changes,
    output: Output,
    spec: SpecArgument,
    depth: Annotated[
        int | None,
        typer.Option(
            "--depth", min=1, help="Open the groups of a diagram to this depth; by default, as many as fit."
        ),
    ] = None,
) -> None:
    """Write a network as source code of a framework, or as a diagram.

    Example: paramcalc export resnet-50 --to pytorch -o resnet50.py

    Example: paramcalc export bert-base -o bert.onnx

    Example: paramcalc export googlenet --to mermaid --depth 1
    """
    from paramcalc.base.errors import Fault
    from paramcalc.export import diagram, keras, pytorch
    from paramcalc.model import load

    model = load(spec)
    report = model.count(*changed)
    doubts(model.spec, report.graph)
    drawn = output.format in ("mermaid", "dot")
    if depth is not None and not drawn:
        raise Fault("--depth is for diagrams", fix="add --to mermaid or --to dot")
    if report.auxiliary:
        remark(f"left out, as they exist in training only: {', '.join(report.auxiliary)}")
    if output.format == "onnx":
        from paramcalc.base.files import whole
        from paramcalc.export.onnx import onnx

        if output.path is None:
            raise Fault("an ONNX file is not text", fix="name a file: -o network.onnx")
        data = onnx(report.graph)
        with whole(output.path) as file:
            file.write(data)
        return
    output.show(
        {
            "pytorch": lambda: pytorch.document(report),
            "keras": lambda: keras.document(report),
            "mermaid": lambda: diagram.mermaid(diagram.diagram(report, depth)),
            "dot": lambda: diagram.dot(diagram.diagram(report, depth)),
        }
    )
