"""What each layer of Keras is in our ops."""

from __future__ import annotations

from collections.abc import Mapping

from paramcalc.importing.readers._keras import layout, matrices, pointwise, windows
from paramcalc.importing.readers._keras.state import Read

KINDS: Mapping[str, Read] = {**layout.KINDS, **matrices.KINDS, **pointwise.KINDS, **windows.KINDS}
