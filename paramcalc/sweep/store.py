"""Where the rows of a sweep go: one file, or a folder of parts, here or in an object store.

A label says which sweep a folder holds. Each part has a seal, written after it: the label's digest, the
part's summary, and a checksum of both and of the rows. A part whose seal is not right is counted anew. As
every part is the same to the byte however often it is counted, so is the file that is put together of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.base.files import is_stream, target
from paramcalc.sweep import rows
from paramcalc.sweep.exact import WORD
from paramcalc.sweep.folder import Folder, Local, folder
from paramcalc.sweep.summary import Summary

LABEL = "_sweep.json"  # readers of Parquet folders pass over names that begin so
FORMS = (".csv", ".parquet")


class SweepPart(NamedTuple):
    """The rows of a part as bytes in the sweep's form, and what is known of them."""

    rows: bytes
    summary: Summary


@dataclass(frozen=True)
class SweepParts:
    """The parts of a sweep in a folder; the label holds all that they depend on."""

    folder: Folder
    label: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.label).encode()).hexdigest()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The folder, labelled, and for nobody else; what is wrong with its files is a `Fault`."""
        try:
            with self.folder.held():
                self._claim()
                yield
        except OSError as error:
            raise Fault(f"{error.filename or self.folder}: {error.strerror or error}") from None

    def known(self, numbers: Sequence[int]) -> tuple[Summary, list[int]]:
        """The summaries of the valid parts, and the numbers of the parts that are still to be counted."""
        summary, missing = Summary(), []
        for number in numbers:
            kept = self._kept(number)
            if kept is None:
                missing.append(number)
            else:
                summary = summary.join_with(kept)
        return summary, missing

    def sealed(self, numbers: Sequence[int]) -> int:
        """How many parts have seals, right or not."""
        names = set(self.folder.names())
        return sum(_seal(number) in names for number in numbers) if names else 0

    def keep(self, number: int, part: SweepPart) -> None:
        """Writes a part; it counts when its seal is there."""
        seal = {"sweep": self.digest, "part": number, "summary": part.summary.document()}
        seal["checksum"] = _checksum(seal, part.rows)
        self.folder.write(self._rows(number), part.rows)
        self.folder.write(_seal(number), (json.dumps(seal) + "\n").encode())

    def assemble(
        self, numbers: Sequence[int], output: Path, names: Sequence[str], most: Mapping[str, int]
    ) -> None:
        """One file of all parts, with columns of these names and largest values."""
        assert isinstance(self.folder, Local)
        pieces = (self.folder.read(self._rows(number)) for number in numbers)
        with self.folder.appearing(output) as file:
            writer(self.label["format"]).assemble(pieces, file, names, most)

    def retype(self, numbers: Sequence[int], most: Mapping[str, int]) -> None:
        """Gives each column one type in all parts, where some need more than 64 bits."""
        for number in numbers if max(most.values()) >= WORD else ():
            known = self._kept(number)
            data = writer(self.label["format"]).retype(self.folder.read(self._rows(number)), most)
            if known is not None and data is not None:
                self.keep(number, SweepPart(data, known))

    def _claim(self) -> None:
        """Labels a folder; a `Fault` if it holds another sweep, or unknown files."""
        label = json.loads(json.dumps(self.label))
        left = [name for name in self.folder.names() if not name.startswith(".")]
        fix = "remove it, or choose another name"
        if not left:
            self.folder.create(LABEL, (json.dumps(label, indent=2) + "\n").encode())
        elif LABEL not in left:
            fact = f"{self.folder} is not empty, and no {LABEL} says which sweep it holds"
            raise Fault(fact, fix=fix)
        try:
            found = json.loads(self.folder.read(LABEL))
            differing = [name for name in label if found.get(name) != label[name]]
        except (ValueError, AttributeError):
            raise Fault(f"{self.folder}/{LABEL} is damaged", fix=fix) from None
        if differing:
            fact = f"{self.folder} holds the parts of another sweep: other {', '.join(differing)}"
            raise Fault(fact, fix=fix)

    def _kept(self, number: int) -> Summary | None:
        """The summary of a part; None where it is missing, from another sweep, or damaged."""
        try:
            seal = json.loads(self.folder.read(_seal(number)))
            checksum = seal.pop("checksum")
            right = (seal["sweep"], seal["part"]) == (self.digest, number)
            if right and checksum == _checksum(seal, self.folder.read(self._rows(number))):
                return Summary.read(seal["summary"])
        except (FileNotFoundError, ValueError, TypeError, AttributeError, KeyError):
            pass
        return None

    def _rows(self, number: int) -> str:
        return f"part-{number:08}.{self.label['format']}"


def _seal(number: int) -> str:
    return f"_part-{number:08}.json"


def _checksum(seal: Mapping[str, Any], data: bytes) -> str:
    return hashlib.sha256(json.dumps(seal).encode() + data).hexdigest()


def writer(form: str) -> ModuleType:
    """The module that writes rows in a form; `Fault` where a package that it needs is missing."""
    if form == "csv":
        return rows
    from paramcalc.sweep import parquet

    return parquet


def form_of(output: str) -> str:
    """The form of an output; a `Fault` where the name says none."""
    path = Path(output)
    if is_folder(output):
        return "parquet"
    if is_stream(path):
        return "csv"
    form = next((name for name in (path.suffix, target(path).suffix) if name in FORMS), "")
    if not form:
        fix = "a name with / at its end is a folder of Parquet parts"
        raise Fault(f"{path}: rows are written as {' or '.join(FORMS)}", fix=fix)
    return form.removeprefix(".")


def is_folder(output: str) -> bool:
    """Whether a name means a folder of parts."""
    return output.endswith("/") or "://" in output or Path(output).is_dir()


def place_of(output: str) -> Folder:
    """Where the parts are: of a file beside it, also if the name is a link's, until it is done."""
    if is_folder(output):
        return folder(output)
    file = target(Path(output))
    return Local(file.with_name(file.name + ".parts"))
