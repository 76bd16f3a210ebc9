"""What a `.keras` file says of itself: the numbers that it stores, and its outputs by Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, Shape
from paramcalc.importing.readers._quiet import quiet
from paramcalc.importing.source import Proof


def proof(path: str, inputs: Mapping[str, Shape], outputs: Sequence[Shape]) -> Proof:
    """The proof of a file whose inputs and outputs have these shapes here."""
    found = Proof("file", path=path, unproved=("MACs not compared: Keras has no counter of its own",))
    try:
        with quiet():
            import keras
    except Exception as error:  # its backend may be missing, or be broken in its own way
        what = "is not installed" if isinstance(error, ImportError) else f"does not start ({error})"
        return found._replace(unproved=(*found.unproved, f"outputs not compared: Keras {what}"))
    return found._replace(run=_Model(keras, path, inputs, outputs).run)


class _Model:
    def __init__(self, keras: Any, path: str, inputs: Mapping[str, Shape], outputs: Sequence[Shape]) -> None:
        self.keras, self.path, self.inputs, self.outputs = keras, path, inputs, outputs

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs; Keras has the channels last."""
        import numpy as np

        try:
            with quiet():
                model = self.keras.models.load_model(self.path, compile=False, safe_mode=True)
                read = [_last(inputs[name], shape) for name, shape in self.inputs.items()]
                given = model(read[0] if len(read) == 1 else read, training=False)
        except Exception as error:  # of the file, or of Keras
            reason = str(error).strip().splitlines()
            raise Fault(
                f"{self.path}: Keras cannot run it", found=reason[0][:200] if reason else ""
            ) from None
        found = (
            given
            if isinstance(given, list | tuple)
            else [*given.values()]
            if isinstance(given, dict)
            else [given]
        )
        arrays = [np.asarray(self.keras.ops.convert_to_numpy(one), "f4") for one in found]
        return [
            np.moveaxis(one, -1, 1) if _first(shape) else one
            for one, shape in zip(arrays, self.outputs, strict=True)
        ]


def _first(shape: Shape) -> bool:
    """Whether the channels come first of several axes."""
    return len(shape.axes) > 1 and shape.axes[0] == CHANNELS


def _last(array: Any, shape: Shape) -> Any:
    import numpy as np

    return np.moveaxis(array, 1, -1) if _first(shape) else array
