"""What imports of large graphs cost: `python -m benchmarks.imports [NODES ...]`.

Budget: time and memory linear in the nodes, to 250,000: eight times the nodes take at most ten times as
long. A chain of convolutions with residual sums, as a file of ONNX without names and as Keras writes
it, read and written as a spec in one process each; the first of them is the unit of the ratios.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paramcalc.export import onnx as pb

MIB = 1024  # kibibytes


def onnx(nodes: int, path: Path) -> None:
    made, stored, x = [], [], "x"
    for number in range(nodes // 3):
        stored += [_weight(f"w{number}", 8, 8, 3, 3), _weight(f"b{number}", 8)]
        sides = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
        made.append(_node("Conv", [x, f"w{number}", f"b{number}"], f"c{number}", **sides))
        made.append(_node("Relu", [f"c{number}"], f"r{number}"))
        made.append(_node("Add", [f"r{number}", x], f"a{number}"))
        x = f"a{number}"
    shape = b"".join(pb.stretch(1, pb.number(1, size)) for size in (1, 8, 4, 4))
    kind = pb.stretch(2, pb.stretch(1, pb.number(1, 1) + pb.stretch(2, shape)))
    graph = [*(pb.stretch(1, node) for node in made), *stored, pb.stretch(2, "chain")]
    graph += [pb.stretch(11, pb.stretch(1, "x") + kind), pb.stretch(12, pb.stretch(1, x))]
    path.write_bytes(pb.number(1, 8) + pb.stretch(7, b"".join(graph)) + pb.stretch(8, pb.number(2, 17)))


def _weight(name: str, *dims: int) -> bytes:
    return pb.stretch(5, b"".join(pb.number(1, dim) for dim in dims) + pb.number(2, 1) + pb.stretch(8, name))


def _node(kind: str, inputs: list[str], output: str, **attributes: Any) -> bytes:
    parts = [*(pb.stretch(1, one) for one in inputs), pb.stretch(2, output), pb.stretch(4, kind)]
    return b"".join([*parts, *(pb.stretch(5, pb.attribute(key, value)) for key, value in attributes.items())])


def keras(nodes: int, path: Path) -> None:
    def read(*names: str) -> list[Any]:
        found = [
            {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}} for name in names
        ]
        return [{"args": found if len(found) == 1 else [found], "kwargs": {}}]

    def layer(kind: str, name: str, *reads: str, **config: Any) -> dict[str, Any]:
        return {
            "class_name": kind,
            "name": name,
            "config": {"name": name, **config},
            "inbound_nodes": read(*reads),
        }

    made = [layer("InputLayer", "x", batch_shape=[None, 4, 4, 8]) | {"inbound_nodes": []}]
    x = "x"
    for number in range(nodes // 3):
        made.append(layer("Conv2D", f"c{number}", x, filters=8, kernel_size=[3, 3], padding="same"))
        made.append(layer("Activation", f"r{number}", f"c{number}", activation="relu"))
        made.append(layer("Add", f"a{number}", f"r{number}", x))
        x = f"a{number}"
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[x, 0, 0]]}
    path.write_text(
        json.dumps({"class_name": "Functional", "config": {"name": "chain", "layers": made, **ends}})
    )


KINDS: dict[str, tuple[Callable[[int, Path], None], str]] = {
    "ONNX": (onnx, ".onnx"),
    "Keras": (keras, ".json"),
}


def worker(path: str) -> None:
    from paramcalc.importing.network import imported
    from paramcalc.importing.readers import reader

    start = time.process_time()
    imported(reader(path).read(path, {}))
    print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB)


def main(sizes: list[int]) -> None:
    for kind, (write, ending) in KINDS.items():
        first = 0.0
        for nodes in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"chain{ending}")
                write(nodes, path)
                run = [sys.executable, "-m", "benchmarks.imports", "--worker", str(path)]
                found = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
            seconds, memory = map(float, found)
            first = first or seconds / nodes
            print(f"{kind:6} {nodes:>8,} nodes {seconds:7.1f} s {memory:6.0f} MiB "
                  f"{1e6 * seconds / nodes:5.0f} us a node, {seconds / nodes / first:.2f} of the first")  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2])
    else:
        main([int(size) for size in sys.argv[1:]] or [25_000, 50_000, 100_000, 250_000])
