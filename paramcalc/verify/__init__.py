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


def _keep_freed_memory() -> None:
    """Lets the C library hand freed arrays out again, where it is glibc.

    It gives each array of its own mapping back to the system, and every page of the next one must be
    cleared anew: a twelfth of the time of VGG-16. Once such an array has been freed, it keeps all of
    up to that size, and takes no more than 32 MiB for an example (mallopt(3), M_MMAP_THRESHOLD).
    """
    import numpy

    numpy.empty(31 << 20, numpy.uint8)  # costs nothing, as nobody writes to it


BLAS_IS_SINGLE = _import_numpy_single_threaded()
_keep_freed_memory()
