"""Params and MACs of all of torchvision and timm, asked of them: `python -m tests.oracle.zoo_totals FILE`.

On the meta device, so that no weights are made; attention as its products, which PyTorch's counter sees. Lines that
the file has already are not asked again.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
attention = pytest.importorskip("torch.nn.attention")
flop_counter = pytest.importorskip("torch.utils.flop_counter")

SIZES = {"inception_v3": 299}  # of torchvision's classifiers; the others take 224


def networks() -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Library, name, and what makes the network."""
    for name in torchvision.models.list_models(module=torchvision.models):
        more = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
        yield "torchvision", name, lambda name=name, more=more: torchvision.models.get_model(name, **more)
    for name in timm.list_models():
        yield "timm", name, lambda name=name: timm.create_model(name)


def totals(library: str, name: str, make: Callable[[], Any]) -> tuple[str, int, int]:
    """Input, params and MACs."""
    try:
        with torch.device("meta"):
            network = make().eval()
    except (NotImplementedError, RuntimeError):  # what looks at numbers while it is made
        network = make().eval().to("meta")
    network.requires_grad_(False)  # the counter trips over gradients that are not asked for
    size = (3, *[SIZES.get(name, 224)] * 2)
    if library == "timm":
        size = network.default_cfg.get("input_size", size)
    image = torch.empty(1, *size, device="meta")
    counter = flop_counter.FlopCounterMode(display=False)
    with counter, torch.no_grad(), attention.sdpa_kernel(attention.SDPBackend.MATH):
        network(image)
    params = sum(weight.numel() for weight in network.parameters())
    return "x".join(map(str, size)), params, counter.get_total_flops() // 2


def main(path: Path) -> None:
    timm.layers.set_fused_attn(False)
    torch.backends.mha.set_fastpath_enabled(False)
    known = set()
    if path.exists():
        with path.open(newline="") as file:
            known = {tuple(row[:2]) for row in csv.reader(file)}
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if not known:
            writer.writerow(("library", "model", "input", "params", "macs"))
        for library, name, make in networks():
            if (library, name) in known:
                continue
            try:
                row = totals(library, name, make)
            except Exception as error:  # models that do not run on the meta device are left out, and said
                print(f"{library} {name}: {type(error).__name__}: {str(error)[:80]}", file=sys.stderr)
                continue
            writer.writerow((library, name, *row))
            file.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
