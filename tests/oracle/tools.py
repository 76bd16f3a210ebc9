"""The tools themselves, each asked about one module: what it prints, to the unit.

`python -m tests.oracle.tools MODEL ...` prints the rows of `tests/tool_totals.csv` for models, and
`python -m tests.oracle.tools --ops TOOL ...` those of `tests/tool_ops.csv` for tools; Keras's are printed by
`python -m tests.oracle.keras_graph`.
"""

from __future__ import annotations

import contextlib
import csv
import importlib
import importlib.metadata
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from paramcalc.engine.graph import Graph
from paramcalc.model import load
from tests.oracle.torch_graph import WRITINGS, arguments, network, torch
from tests.tool_cases import Case, Printed, alone, record

TOTALS = Path(__file__).parent.parent / "tool_totals.csv"


class Tool(NamedTuple):
    """A tool: its distribution, the version that the profile describes, how and where it is asked."""

    distribution: str
    version: str
    ask: Callable[[Any, dict[str, Any]], Printed]
    device: str = "cpu"

    @property
    def installed(self) -> str:
        """The installed version, written as the profiles do and without the builder's suffix; '' for none."""
        try:
            found = importlib.metadata.version(self.distribution)
            return found.partition("+")[0].replace("-", ".post")
        except importlib.metadata.PackageNotFoundError:
            return ""


def torchinfo(module: Any, inputs: dict[str, Any]) -> Printed:
    summary = importlib.import_module("torchinfo").summary
    found = summary(module, input_data=list(inputs.values()), verbose=0)
    return {"params": found.total_params, "trainable": found.trainable_params, "macs": found.total_mult_adds}


def fvcore(module: Any, inputs: dict[str, Any]) -> Printed:
    library = importlib.import_module("fvcore.nn")
    counted = library.FlopCountAnalysis(module, tuple(inputs.values()))
    counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    return {"params": library.parameter_count(module)[""], "macs": int(counted.total())}


def ptflops(backend: str) -> Callable[[Any, dict[str, Any]], Printed]:
    def ask(module: Any, inputs: dict[str, Any]) -> Printed:
        macs, params = importlib.import_module("ptflops").get_model_complexity_info(
            module,
            (1,),
            print_per_layer_stat=False,
            as_strings=False,
            input_constructor=lambda size: inputs,
            backend=backend,
        )
        return {"params": int(params), "macs": int(macs)}

    return ask


def thop(module: Any, inputs: dict[str, Any]) -> Printed:
    macs, params = importlib.import_module("thop").profile(
        module, inputs=tuple(inputs.values()), verbose=False
    )
    return {"params": int(params), "macs": int(macs)}


def calflops(module: Any, inputs: dict[str, Any]) -> Printed:
    flops, macs, params = importlib.import_module("calflops").calculate_flops(
        module, args=list(inputs.values()), print_results=False, output_as_string=False
    )
    return {"params": int(params), "macs": int(macs), "flops": int(flops)}


def deepspeed(module: Any, inputs: dict[str, Any]) -> Printed:
    library = importlib.import_module("deepspeed.profiling.flops_profiler")
    flops, macs, params = library.get_model_profile(
        module, args=list(inputs.values()), print_profile=False, as_string=False, warm_up=0
    )
    return {"params": int(params), "macs": int(macs), "flops": int(flops)}


def pytorch(module: Any, inputs: dict[str, Any]) -> Printed:
    library = importlib.import_module("torch.utils.flop_counter")
    with library.FlopCounterMode(display=False) as counter:
        module(*inputs.values())
    return {"flops": int(counter.get_total_flops())}


def torchprofile(module: Any, inputs: dict[str, Any]) -> Printed:
    library = importlib.import_module("torchprofile")
    return {"macs": int(library.profile_macs(module, tuple(inputs.values())))}


TOOLS = {
    "torchinfo": Tool("torchinfo", "1.8.0", torchinfo),
    "fvcore": Tool("fvcore", "0.1.5.post20221221", fvcore),
    "ptflops": Tool("ptflops", "0.7.5", ptflops("pytorch")),
    "ptflops-aten": Tool("ptflops", "0.7.5", ptflops("aten")),
    "thop": Tool("thop", "0.1.1.post2209072238", thop),
    "calflops": Tool("calflops", "0.3.2", calflops),
    "deepspeed": Tool("deepspeed", "0.19.8", deepspeed),
    "pytorch": Tool("torch", "2.13.0", pytorch, "meta"),
    "torchprofile": Tool("torchprofile", "0.1.0", torchprofile),
}


@contextlib.contextmanager
def undisturbed(gradients: bool = False) -> Iterator[None]:
    """Nothing printed, and PyTorch's functions put back: some tools replace them, not all clean up."""
    homes = (torch, torch.Tensor, torch.nn.functional)
    before = [dict(vars(home)) for home in homes]
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        torch.set_grad_enabled(gradients),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            for home, names in zip(homes, before, strict=True):
                for name, value in names.items():
                    if vars(home).get(name) is not value:
                        setattr(home, name, value)


def printed(name: str, graph: Graph, device: str = "", writing: str = "") -> Printed:
    """What a tool prints about a graph's network: a fresh module, as some tools leave traces in it.

    The device is set for the making only: while it is, PyTorch sends functions through a mode of its
    own, in which those that patch functions count them twice. Other ways of writing a network are asked
    about with gradients, without which `nn.MultiheadAttention` runs as one kernel that no tool knows.
    """
    with undisturbed(gradients=bool(writing)):
        with torch.device(device or TOOLS[name].device):
            module, inputs = network(graph, writing), arguments(graph)
        return TOOLS[name].ask(module, inputs)


def of_case(name: str, case: Case) -> Printed:
    """What a tool prints about a network of one op."""
    writing = next((word for word in case.way.split() if word in WRITINGS), "")
    return printed(name, alone(case), writing=writing)


def totals(models: list[str]) -> None:
    """Prints the rows of the table of networks for the models."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    for model in models:
        graph = load(model).graph()
        shapes = " ".join(str(shape) for shape in graph.inputs.values())
        for name, tool in TOOLS.items():
            for quantity, number in printed(name, graph).items():
                out.writerow((name, tool.version, model, shapes, quantity, number))
                sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ops"]:
        for name in sys.argv[2:] or TOOLS:
            record(name, TOOLS[name].version, partial(of_case, name))
    else:
        totals(sys.argv[1:])
