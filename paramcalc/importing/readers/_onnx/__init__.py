"""What each operation of ONNX gives: its sizes, and the primitive that it is; or its numbers, if they are known."""

from __future__ import annotations

from collections.abc import Mapping

from paramcalc.importing.readers._onnx import layout, matrices, numbers, pointwise, recurrent, windows
from paramcalc.importing.readers._onnx.state import Rule

OPS: Mapping[str, Rule] = {
    **layout.OPS,
    **matrices.OPS,
    **numbers.OPS,
    **pointwise.OPS,
    **recurrent.OPS,
    **windows.OPS,
}
