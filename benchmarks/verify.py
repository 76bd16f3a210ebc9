"""What running a network costs: `python -m benchmarks.verify [MODEL...]`.

Budgets, on one thread: the forward pass at most 1.3, 1.5 and 1.7 x the bare matrix products of VGG-16, ResNet-50
and DenseNet-121 (`matmul`: a product for each layer, by NumPy as it is, with columns at hand); peak memory at most
1.3 x (weights + the two largest live tensors) + the block of a convolution.

Each way of running has a process of its own. They take turns, one image at a time; times are medians, ratios medians
of the ratios within a turn. On a busy machine the ratios of processor time are the ones to trust.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from math import prod
from typing import Any, NamedTuple

MODELS = {"vgg-16": 1.3, "resnet-50": 1.5, "densenet-121": 1.7}  # and the budget
WAYS = ("run", "verify", "matmul")  # and "pytorch", if it is installed
SPUN_OUT = 0.2  # seconds in which idle threads of the way before stop spinning and leave the processor
ROOM = 1.3  # times weights and the two largest live tensors


class Made(NamedTuple):
    """A way to run a network: the function, and what its memory may be, 0 if that is not limited."""

    run: Callable[[], object]
    allowed: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=[*MODELS])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        serve(given.way, given.models[0], given.threads)
        return
    print(f"{given.threads} threads, medians of {given.rounds} turns; load {os.getloadavg()[0]:.1f}")
    for model in given.models:
        compared(model, given.threads, given.rounds)


def compared(model: str, threads: int, rounds: int) -> None:
    """Prints a line for each way of running a network."""
    ways = (*WAYS, *(["pytorch"] if find_spec("torch") else []))
    servers = {way: started(way, model, threads) for way in ways}
    taken: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way, server in servers.items():
            time.sleep(SPUN_OUT)
            answer = tuple(map(float, asked(server).split()))
            if turn:
                taken[way].append(answer)
    for way, server in servers.items():
        line = f"{model:14} {way:8}"
        for place, kind in enumerate(("wall", "processor")):
            pairs = [
                (mine[place], theirs[place]) for mine, theirs in zip(taken[way], taken["matmul"], strict=True)
            ]
            middle = 1000 * statistics.median(mine for mine, _ in pairs)
            ratio = statistics.median(mine / theirs for mine, theirs in pairs)
            line += f"{middle:8.1f} ms {kind} {ratio:5.2f} x matmul"
        grown, allowed = map(int, asked(server, "memory").split())
        line += f"  {grown / 2**20:7.1f} MiB"
        if allowed:
            line += f", {grown / allowed:.2f} of the {allowed / 2**20:.1f} allowed"
        print(line + (f"  (budget {MODELS.get(model)})" if way == "run" else ""))
        server.terminate()
        server.wait()


def started(way: str, model: str, threads: int) -> subprocess.Popen[str]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    command = [sys.executable, "-m", "benchmarks.verify", model, "--way", way, "--threads", str(threads)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def asked(server: subprocess.Popen[str], what: str = "run") -> str:
    """A server's answer."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(what + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    if not answer:
        raise SystemExit(f"{server.args} ended")
    return answer


# ------------------------------------------------------------------------------- in its own process


def serve(way: str, model: str, threads: int) -> None:
    """Runs the network whenever a line asks for it, and answers with seconds, then of processors; or memory."""
    made, before = MAKERS[way](model, threads)
    for line in sys.stdin:
        if line.strip() == "memory":
            print(status("VmHWM") - before, made.allowed, flush=True)
            continue
        start = time.perf_counter(), time.process_time()
        made.run()
        print(time.perf_counter() - start[0], time.process_time() - start[1], flush=True)


def status(field: str) -> int:
    """Memory of this process in bytes: VmRSS now, VmHWM at most."""
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = (line for line in file if line.startswith(field))
    return int(line.split()[1]) * 1024


def by_run(model: str, threads: int) -> tuple[Made, int]:
    return _ours(model, threads, compares=False)


def by_verify(model: str, threads: int) -> tuple[Made, int]:
    return _ours(model, threads, compares=True)


def _ours(model: str, threads: int, compares: bool) -> tuple[Made, int]:
    """The library's forward pass with given weights, or the one that compares each layer as well."""
    from paramcalc import load
    from paramcalc.verify.compare import RunSettings, verify
    from paramcalc.verify.convolution import BLOCK_BYTES
    from paramcalc.verify.run import run
    from paramcalc.verify.weights import DrawnWeights, GivenWeights, drawn_inputs

    before = status("VmRSS")
    graph = load(model).graph()
    drawn = DrawnWeights(graph, keep=True)
    inputs = drawn_inputs(graph)
    run(graph, inputs, drawn, activations=heads(graph))
    given = GivenWeights(graph, {"/".join(key): array for key, array in drawn.kept.items()})
    settings = RunSettings()
    found = verify(graph, settings, inputs, given)
    assert found.agrees
    weights = sum(array.nbytes for array in drawn.kept.values())
    allowed = int(ROOM * (weights + 4 * found.peak.largest)) + BLOCK_BYTES

    def forward() -> object:
        if compares:
            return verify(graph, settings, inputs, given, auxiliary=False)
        return run(graph, inputs, given)

    return Made(forward, allowed), before


def heads(graph: Any) -> list[str]:
    return [*dict.fromkeys(layer.auxiliary for layer in graph.layers if layer.auxiliary)]


def by_pytorch(model: str, threads: int) -> tuple[Made, int]:
    """A module with one `torch.nn` module for each layer, in evaluation mode."""
    import torch

    from paramcalc import load
    from tests.oracle.torch_graph import network

    before = status("VmRSS")
    torch.set_num_threads(threads)
    graph = load(model).graph()
    module = network(graph)
    inputs = [torch.randn(1, *shape.dims) for shape in graph.inputs.values()]

    def forward() -> object:
        with torch.inference_mode():
            return module(*inputs)

    return Made(forward), before


def by_matmul(model: str, threads: int) -> tuple[Made, int]:
    """Only the products, by NumPy as it is, with the threads of its BLAS."""
    import numpy as np

    from paramcalc import load

    before = status("VmRSS")
    products = []
    for layer in load(model).graph().layers:
        if not layer.applied.cost.macs or layer.auxiliary:
            continue
        weight = layer.applied.weights["weight"]
        groups = getattr(layer.op, "groups", 1)
        taps = prod(weight[1:])
        positions = layer.applied.cost.macs // prod(weight)
        left = np.ones((groups, weight[0] // groups, taps), np.float32)
        right = np.ones((groups, taps, positions), np.float32)
        products.append((left, right, np.empty((groups, weight[0] // groups, positions), np.float32)))

    def forward() -> object:
        return [np.matmul(left, right, out=out) for left, right, out in products]

    return Made(forward), before


MAKERS = {"run": by_run, "verify": by_verify, "pytorch": by_pytorch, "matmul": by_matmul}

if __name__ == "__main__":
    main()
