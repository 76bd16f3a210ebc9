"""Devices, described by what a lower bound of time needs: peak rates, bandwidth, memory.

They are defined in `devices.yaml`, with their sources; a user's file has the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from paramcalc.base import printed
from paramcalc.base.errors import Fault, Problem, Source, SpecError, near
from paramcalc.count.report import BITS
from paramcalc.language import syntax
from paramcalc.language.syntax import Node, Scalar

BUNDLED = Path(__file__).parent / "devices.yaml"
KEYS = ("title", "memory", "bandwidth", "peak", "source")
NEEDED = ("bandwidth", "peak")
EXAMPLE = "NAME: {memory: 16e9, bandwidth: 320e9, peak: {float32: 8.1e12}}"


class Device(NamedTuple):
    """A processor with its memory.

    `memory` in bytes (0 where it is not known), `bandwidth` in bytes a second, `peak` in operations a
    second by element type.
    """

    name: str
    title: str
    memory: Fraction
    bandwidth: Fraction
    peak: Mapping[str, Fraction]
    source: str

    def rate(self, dtype: str) -> Fraction:
        """The peak rate for a type of elements."""
        if dtype not in self.peak:
            known = ", ".join(self.peak)
            raise Fault(f"no peak rate of {self.name} is known for {dtype}", fix=f"--dtype may be {known}")
        return self.peak[dtype]


def find(name: str) -> Device:
    """A bundled device by its name, or the one in a file; `FILE:NAME` picks one of several.

    >>> find("t4").bandwidth == 320 * 10**9
    True
    """
    path, _, chosen = name.rpartition(":") if ":" in name and not Path(name).exists() else (name, "", "")
    if not (Path(path).is_file() or path.endswith((".yaml", ".yml")) or "/" in path):
        path, chosen = str(BUNDLED), name
    try:
        devices = read(syntax.read_file(Path(path)))
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}") from None
    if not chosen and len(devices) == 1:
        return next(iter(devices.values()))
    if chosen not in devices:
        fact = f"there is no device '{chosen}'" if chosen else f"{path} describes several devices"
        sorts = [device for device in devices if chosen and device.startswith(chosen.lower())]
        fix = f"did you mean {' or '.join(map(repr, sorts))}?" if sorts else near(chosen, devices)
        raise Fault(fact, fix=fix or "devices are " + ", ".join(devices))
    return devices[chosen]


def read(source: Source) -> dict[str, Device]:
    """All devices that a text describes; `SpecError` with the first mistake."""
    root = syntax.parse(source)
    if not isinstance(root, syntax.Mapping):
        raise _error(source, root, "a file of devices is a mapping of names", f"write {EXAMPLE}")
    return {key.text: _device(source, key, node) for key, node in root.entries}


def _device(source: Source, name: Scalar, node: Node) -> Device:
    if not isinstance(node, syntax.Mapping):
        raise _error(source, name, f"'{name.text}' must be described by a mapping", f"write {EXAMPLE}")
    for key, _ in node.entries:
        if key.text not in KEYS:
            raise _error(
                source,
                key,
                f"a device has no '{key.text}'",
                near(key.text, KEYS) or f"it has {', '.join(KEYS)}",
            )
    for needed in NEEDED:
        if node.get(needed) is None:
            raise _error(source, name, f"the device '{name.text}' has no {needed}", f"write {EXAMPLE}")
    rates = node.get("peak")
    if not isinstance(rates, syntax.Mapping) or not rates.entries:
        raise _error(source, name, "'peak' gives a rate for each type of elements", f"write {EXAMPLE}")
    for key, _ in rates.entries:
        if key.text not in BITS:
            fix = near(key.text, BITS) or f"types are {', '.join(BITS)}"
            raise _error(source, key, f"there is no element type '{key.text}'", fix)
    return Device(
        name=name.text,
        title=_text(node.get("title")) or name.text,
        memory=_number(source, node.get("memory")),
        bandwidth=_number(source, node.get("bandwidth")),
        peak={key.text: _number(source, rate) for key, rate in rates.entries},
        source=_text(node.get("source")),
    )


def _number(source: Source, node: Node | None) -> Fraction:
    """A positive figure; 0 for none."""
    if node is None:
        return Fraction(0)
    try:
        value = printed.read(_text(node)).value
    except Fault as fault:
        raise _error(source, node, fault.fact, fault.expected) from None
    if not value:
        raise _error(source, node, "must be more than 0")
    return value


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _error(source: Source, node: Node, fact: str, fix: str = "") -> SpecError:
    return SpecError([Problem(source, node.start, node.end, fact, (fix,) if fix else ())])
