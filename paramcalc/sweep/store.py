"""What comes of a sweep: rows poured out, one file, or a folder of parts, here or in an object store.

A label says which sweep a folder holds. Each part has a seal, written after it: the sweep's digest, the
part's summary, and a checksum of both and of the rows. A part whose seal is not right is counted anew. As
every part is the same to the byte however often it is counted, so is the file that is put together of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from paramcalc.base.errors import Fault
from paramcalc.base.files import is_stream, target, whole
from paramcalc.sweep.exact import WORD
from paramcalc.sweep.folder import Folder, Local, folder
from paramcalc.sweep.plan import Plan
from paramcalc.sweep.rows import Part, header, part
from paramcalc.sweep.summary import Summary
from paramcalc.sweep.workers import Step, Workers

LABEL = "_sweep.json"  # readers of Parquet folders pass over names that begin so
FORMS = (".csv", ".parquet")


def counted(sweep: Plan, numbers: Sequence[int], workers: Workers, step: Step) -> Iterator[Part]:
    """Parts by number."""
    for done in workers(partial(part, sweep), numbers):
        yield done
        step("parts", len(numbers), f"of {sweep.order.rows:,} rows")


def write(sweep: Plan, output: str, workers: Workers, step: Step) -> Summary:
    """See `Sweep.write`."""
    sweep = formed(sweep, output)
    if is_stream(Path(output)) and not is_folder(output):
        with whole(Path(output)) as file:
            return pour(sweep, file, workers, step)
    if sweep.form == "parquet":
        from paramcalc.sweep import parquet  # noqa: F401  missing is better said before counting than after
    parts = _parts(output)
    with _reported(parts), parts.held():
        summary = _filled(sweep, parts, workers, step)
        if summary.rows and not is_folder(output):
            assert isinstance(parts, Local)
            _assemble(sweep, parts, target(Path(output)), summary)
        elif summary.rows:
            _retype(sweep, parts, summary)
        if not summary.rows or not is_folder(output):
            parts.remove(LABEL)
    return summary.checked(sweep)


def pour(sweep: Plan, file: BinaryIO, workers: Workers, step: Step) -> Summary:
    """Writes the rows as CSV, in order; nothing where there are none."""
    summary = Summary()
    for done in counted(sweep, range(sweep.parts), workers, step):
        if done.summary.rows and not summary.rows:
            file.write(header(sweep.names))
        file.write(done.rows)
        summary = summary.joined(done.summary)
    file.flush()
    return summary.checked(sweep)


def formed(sweep: Plan, output: str) -> Plan:
    """The sweep with the form of its output; a `Fault` where the name says none."""
    path = Path(output)
    form = next((name for name in (path.suffix, target(path).suffix) if name in FORMS), "")
    if is_folder(output) or is_stream(path):
        form = ".parquet" if is_folder(output) else ".csv"
    if not form:
        fix = "a name with / at its end is a folder of Parquet parts"
        raise Fault(f"{path}: rows are written as {' or '.join(FORMS)}", fix=fix)
    return sweep._replace(form=form.removeprefix("."))


def is_folder(output: str) -> bool:
    """Whether a name means a folder of parts."""
    return output.endswith("/") or "://" in output or Path(output).is_dir()


def finished(sweep: Plan, output: str) -> int:
    """How many parts an earlier run has left to go on from, as far as names tell."""
    names = set(_parts(output).names())
    return sum(_seal(number) in names for number in range(sweep.parts)) if names else 0


def _parts(output: str) -> Folder:
    """Where the parts are: of a file beside it, also if the name is a link's, until it is done."""
    if is_folder(output):
        return folder(output)
    file = target(Path(output))
    return Local(file.with_name(file.name + ".parts"))


def _filled(sweep: Plan, parts: Folder, workers: Workers, step: Step) -> Summary:
    """Counts the parts that are not there or not right; what is known of all."""
    _claim(sweep, parts)
    digest = sweep.digest()
    summary = Summary()
    missing = []
    for number in range(sweep.parts):
        known = _kept(sweep, parts, digest, number)
        if known is None:
            missing.append(number)
        else:
            summary = summary.joined(known)
    for number, done in zip(missing, counted(sweep, missing, workers, step), strict=True):
        _keep(sweep, parts, digest, number, done)
        summary = summary.joined(done.summary)
    return summary


def _claim(sweep: Plan, parts: Folder) -> None:
    """Labels a folder; a `Fault` where it holds another sweep, or what nobody can know."""
    label = json.loads(json.dumps(sweep.label()))
    left = [name for name in parts.names() if not name.startswith(".")]
    fix = "remove it, or write to another name"
    if not left:
        parts.create(LABEL, (json.dumps(label, indent=2) + "\n").encode())
    elif LABEL not in left:
        raise Fault(f"{parts} is not empty, and no {LABEL} says which sweep it holds", fix=fix)
    try:
        found = json.loads(parts.read(LABEL))
        differing = [name for name in label if found.get(name) != label[name]]
    except (ValueError, AttributeError):
        raise Fault(f"{parts}/{LABEL} is damaged", fix=fix) from None
    if differing:
        raise Fault(f"{parts} holds the parts of another sweep: other {', '.join(differing)}", fix=fix)


def _keep(sweep: Plan, parts: Folder, digest: str, number: int, done: Part) -> None:
    """Writes a part; it counts when its seal is there."""
    summary = done.summary.document()
    seal = {"sweep": digest, "part": number, "summary": summary}
    seal["checksum"] = _checksum(seal, done.rows)
    parts.write(_rows(sweep, number), done.rows)
    parts.write(_seal(number), (json.dumps(seal) + "\n").encode())


def _kept(sweep: Plan, parts: Folder, digest: str, number: int) -> Summary | None:
    """What is known of a part; None where it is not there, of another sweep, or damaged."""
    try:
        seal = json.loads(parts.read(_seal(number)))
        checksum = seal.pop("checksum")
        right = (seal["sweep"], seal["part"]) == (digest, number)
        if right and checksum == _checksum(seal, parts.read(_rows(sweep, number))):
            return Summary.read(seal["summary"])
    except (FileNotFoundError, ValueError, TypeError, AttributeError, KeyError):
        pass
    return None


def _checksum(seal: dict[str, Any], rows: bytes) -> str:
    return hashlib.sha256(json.dumps(seal).encode() + rows).hexdigest()


def _rows(sweep: Plan, number: int) -> str:
    return f"part-{number:08}.{sweep.form}"


def _seal(number: int) -> str:
    return f"_part-{number:08}.json"


def _assemble(sweep: Plan, parts: Local, output: Path, summary: Summary) -> None:
    """One file of all parts."""
    pieces = (parts.read(_rows(sweep, number)) for number in range(sweep.parts))
    with parts.appearing(output) as file:
        if sweep.form == "parquet":
            from paramcalc.sweep import parquet

            parquet.assemble(pieces, file, _most(sweep, summary))
        else:
            file.write(header(sweep.names))
            file.writelines(pieces)


def _retype(sweep: Plan, parts: Folder, summary: Summary) -> None:
    """Gives each column one type in all parts, where some need more than 64 bits."""
    most = _most(sweep, summary)
    if max(most.values()) < WORD:
        return
    from paramcalc.sweep import parquet

    digest = sweep.digest()
    for number in range(sweep.parts):
        known = _kept(sweep, parts, digest, number)
        rows = parquet.retyped(parts.read(_rows(sweep, number)), most)
        if known is not None and rows is not None:
            _keep(sweep, parts, digest, number, Part(rows, known))


def _most(sweep: Plan, summary: Summary) -> dict[str, int]:
    return {name: summary.most[name][0] for name in sweep.quantities}


@contextlib.contextmanager
def _reported(parts: Folder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Fault(f"{error.filename or parts}: {error.strerror or error}") from None
