"""Ops of a user's own, from a Python file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from paramcalc import ops
from paramcalc.base.errors import Fault


def load(path: Path) -> None:
    """Adds the ops of a Python file, which is executed: never named by a spec, only by its user."""
    spec = importlib.util.spec_from_file_location(f"paramcalc_plugin_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise Fault(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Fault(f"{path}: {type(error).__name__}: {error}") from error
    if not ops.register(module):
        raise Fault(
            f"{path} defines no op", fix="an op is a frozen dataclass that derives from paramcalc.ops.base.Op"
        )
