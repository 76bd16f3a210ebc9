"""What an ONNX file says of itself: the numbers that it stores, the work of its nodes, and outputs by onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.importing.constants import macs_of
from paramcalc.importing.source import Proof, SourceNetwork

TYPES = {"float16": "f2", "float": "f4", "double": "f8", "int32": "i4", "int64": "i8", "bool": "?"}


def proof(path: str, source: SourceNetwork, outputs: Sequence[str], blank: int) -> Proof:
    """The proof of a file whose outputs have these names in it, and that lacks the numbers of some weights."""
    macs = macs_of(source, reached=True)
    found = Proof("file", None, macs, "counted in the file, node by node", path=path)
    if blank:
        why = f"outputs not compared: {blank} weights of the file are filled with one number each"
        return found._replace(unproved=(why,))
    try:
        import onnxruntime
    except ImportError:
        why = "outputs not compared: onnxruntime is not installed (pip install onnxruntime)"
        return found._replace(unproved=(why,))
    return found._replace(run=_Runtime(onnxruntime, path, outputs).run)


class _Runtime:
    def __init__(self, runtime: Any, path: str, outputs: Sequence[str]) -> None:
        self.runtime, self.path, self.outputs = runtime, path, outputs

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs; inputs that the spec has not are zeros."""
        import numpy as np

        settings = self.runtime.SessionOptions()
        settings.log_severity_level = 4
        try:
            session = self.runtime.InferenceSession(self.path, settings, ["CPUExecutionProvider"])
            given = {}
            for one in session.get_inputs():
                kind = TYPES.get(one.type.removeprefix("tensor(").removesuffix(")"), "f4")
                dims = [dim if isinstance(dim, int) else 1 for dim in one.shape]
                array = np.asarray(inputs.get(one.name, np.zeros(dims)), kind)
                given[one.name] = array if array.ndim == len(dims) else array.reshape(dims)
            return [np.asarray(one, "f4") for one in session.run([*self.outputs], given)]
        except Exception as error:  # it has no class of its own for them
            reason = str(error).strip().splitlines()
            raise Fault(
                f"{self.path}: onnxruntime cannot run it", found=reason[0][:200] if reason else ""
            ) from None
