"""Running a network in NumPy, to prove its table.

Only this package imports NumPy. Its contractions are shared out over threads of its own, block by
block, so the BLAS below NumPy must not start threads as well: they would wait for work by spinning.
BLAS reads its number of threads when NumPy is imported, which therefore happens here, first of all.
"""

from __future__ import annotations

import os
import sys

_SETTINGS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def _import_numpy_single_threaded() -> bool:
    """Whether BLAS now has one thread; not if NumPy was there before, perhaps with several."""
    if "numpy" in sys.modules:
        return os.environ.get(_SETTINGS[0]) == "1"
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(dict.fromkeys(_SETTINGS, "1"))
    try:
        import numpy  # noqa: F401  for its effect on BLAS
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return True


BLAS_IS_SINGLE = _import_numpy_single_threaded()
