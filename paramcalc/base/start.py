"""An interrupt while the program starts ends it with exit code 130 and no traceback.

A program that imports the library keeps its own way.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

PROGRAM = "paramcalc"
INTERRUPTED = 130


def _interrupted(*_: object) -> None:
    os._exit(INTERRUPTED)


IS_PROGRAM = any(os.path.basename(word).partition(".")[0] == PROGRAM for word in sys.orig_argv[1:3])
if IS_PROGRAM:
    gc.set_threshold(200_000)  # a run is short and makes few cycles; looking for them costs a tenth of it
if IS_PROGRAM and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _interrupted)
