"""What programs that count print, each held to the unit against the program itself by the tests."""

from __future__ import annotations

from paramcalc.conventions.rule import Convention

TOOLS: tuple[Convention, ...] = ()
