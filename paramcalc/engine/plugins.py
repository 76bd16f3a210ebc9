"""Ops of a user's own, from a Python file."""

from __future__ import annotations
import __future__

import sys
from pathlib import Path
from types import ModuleType

from paramcalc import ops
from paramcalc.base.errors import Fault
from paramcalc.ops.attributes import attributes

PREFIX = "paramcalc_plugin_"


def loaded() -> tuple[Path, ...]:
    """The files that were loaded, for other processes that need the same ops."""
    modules = (module for name, module in sys.modules.items() if name.startswith(PREFIX))
    return tuple(Path(str(module.__file__)).absolute() for module in modules)


def load(path: Path) -> None:
    """Adds the ops of a Python file, which is executed: never named by a spec, only by its user."""
    if path.suffix != ".py" or not path.is_file():
        raise Fault(f"{path}: not a Python file")
    module = ModuleType(PREFIX + path.stem)
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look for it
    try:
        _register(module, path)
    except Fault:
        del sys.modules[module.__name__]  # other processes are not to load what failed here
        raise


def _register(module: ModuleType, path: Path) -> None:
    try:
        # Annotations are read as they are written, whether or not the file has the import that says so.
        code = compile(path.read_bytes(), str(path), "exec", __future__.annotations.compiler_flag)
        exec(code, module.__dict__)
    except Exception as error:
        raise Fault(f"{path}: {type(error).__name__}: {error}") from error
    added = ops.register(module)
    if not added:
        raise Fault(
            f"{path} defines no op", fix="an op is a frozen dataclass that derives from paramcalc.ops.base.Op"
        )
    for op in added:
        attributes(op)
