"""Sweeps that are killed, doubled, short of disk, or find damaged and foreign parts: right rows or a clear error."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from paramcalc.base.errors import Fault
from paramcalc.model import load
from paramcalc.sweep import Sweep, here
from paramcalc.sweep.folder import LOCK
from paramcalc.sweep.store import LABEL
from paramcalc.sweep.workers import Task
from tests.conftest import Run

AXES = ("width=32:81", "size=64:263")  # 10,000 points
CHUNK = 1_000
FORMS = ("rows.csv", "rows.parquet", "rows/")

# Counts nothing of its own; in mode "kill" it ends the process that counts it, unless that is the first one.
DEADLY = """
from __future__ import annotations
import multiprocessing, os, signal, time
from dataclasses import dataclass
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Elementwise

@dataclass(frozen=True)
class Deadly(Elementwise):
    mode: Word = "calm"

    def weights(self, x):
        if self.mode == "kill" and multiprocessing.parent_process():
            time.sleep(0.5)  # until whoever started this process has seen it
            os.kill(os.getpid(), signal.SIGKILL)
        return {}
"""
NET = """
input: 3x32x32
knobs: {width: 8, mode: {default: calm, choices: [calm, kill]}}
layers:
  - conv2d width 3
  - deadly mode
"""


def small(*axes: str, pareto: str = "macs,+params") -> Sweep:
    return load("resnet-50").sweep(*(axes or AXES), pareto=pareto)._replace(chunk=CHUNK)


def contents(output: Path) -> dict[str, bytes]:
    """A file, or the files of a folder, without the lock."""
    if output.is_file():
        return {"": output.read_bytes()}
    return {path.name: path.read_bytes() for path in sorted(output.iterdir()) if path.name != LOCK}


def parts_of(output: Path, name: str) -> Path:
    return output if name.endswith("/") else output.with_name(output.name + ".parts")


class Stopped(Exception):
    """A run that ends early."""


def first(amount: int, then: Callable[[], None] | None = None) -> Any:
    """Workers that count so many parts, then do something, or stop."""

    def run(task: Task, numbers: Sequence[int]) -> Iterator[Any]:
        for place, number in enumerate(numbers):
            if place == amount:
                if then is None:
                    raise Stopped
                then()
            yield task(number)

    return run


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "paramcalc", "sweep", *arguments]


def child(**limits: int) -> dict[str, Any]:
    """Signals as a terminal gives them, also where this process ignores them, and limits of resources."""

    def begin() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for name, limit in limits.items():
            resource.setrlimit(getattr(resource, name), (limit, limit))

    return {"preexec_fn": begin, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("undisturbed")
    for name in FORMS:
        small().write(f"{folder}/{name}")
    return {name: contents(folder / name) for name in FORMS}


# ----------------------------------------------------------------------------------------- killed


@pytest.mark.parametrize("name", FORMS)
def test_killed_at_random_moments(
    tmp_path: Path, name: str, undisturbed: dict[str, dict[str, bytes]]
) -> None:
    """kill -9, again and again; in the end the same bytes and nothing else."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = random.Random(seed)
    output = f"{tmp_path}/{name}"
    arguments = command("resnet-50", *AXES, "--chunk", str(CHUNK), "--pareto", "macs,+params", "-o", output)
    for _ in range(4):
        running = subprocess.Popen(arguments, **child())
        try:
            running.wait(timeout=moments.uniform(0.2, 1.0))
        except subprocess.TimeoutExpired:
            running.kill()
        running.communicate()

    done = subprocess.run(arguments, check=False, **child())

    assert done.returncode == 0, done.stderr
    assert contents(Path(output)) == undisturbed[name]
    assert [path.name for path in tmp_path.iterdir()] == [name.strip("/")]


@pytest.mark.parametrize("name", FORMS)
def test_a_full_disk(tmp_path: Path, name: str, undisturbed: dict[str, dict[str, bytes]]) -> None:
    """Files may not grow beyond a limit: an error, no output, and with more room the same bytes."""
    output = tmp_path / name
    arguments = command("resnet-50", *AXES, "--chunk", str(CHUNK), "--pareto", "macs,+params")
    arguments += ["-o", f"{tmp_path}/{name}"]
    largest = max(map(len, undisturbed[name].values()))

    full = subprocess.run(arguments, check=False, **child(RLIMIT_FSIZE=largest - 100))
    left = name.endswith("/") or not output.exists()
    again = subprocess.run(arguments, check=False, **child())

    assert full.returncode == 2
    assert "File too large" in full.stderr
    assert "Traceback" not in full.stderr
    assert left
    assert again.returncode == 0
    assert contents(output) == undisturbed[name]


def test_a_file_system_without_room(tmp_path: Path) -> None:
    """A file system of 64 KB, filled by the second part; with nothing else on it the run goes on."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        ballast = tmp_path / "ballast"
        ballast.write_bytes(bytes(150_000))
        with pytest.raises(Fault, match="No space left on device"):
            small().write(tmp_path / "rows.csv")
        kept = len(list(tmp_path.glob("rows.csv.parts/_part-*.json")))
        ballast.unlink()
        assert 0 < kept < 10
        with pytest.raises(Fault, match="No space left on device"):  # the parts fit, the file does not
            small().write(tmp_path / "rows.csv")
        assert [path.name for path in tmp_path.iterdir()] == ["rows.csv.parts"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


# ---------------------------------------------------------------------------------------- doubled


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("other", [AXES, ("width=7:9",)], ids=["itself", "another"])
def test_a_second_writer_is_refused(
    tmp_path: Path, name: str, other: tuple[str, ...], undisturbed: dict[str, dict[str, bytes]]
) -> None:
    """While a sweep is written, the same or another one cannot have its output; the first is not disturbed."""
    output = f"{tmp_path}/{name}"
    refused = []

    def second() -> None:
        with pytest.raises(Fault, match="another sweep is writing to") as caught:
            small(*other).write(output)
        refused.append(caught)

    small().write(output, first(3, second))

    assert len(refused) == 1
    assert contents(Path(output)) == undisturbed[name]


@pytest.mark.parametrize("name", FORMS)
def test_two_processes_at_once(tmp_path: Path, name: str, undisturbed: dict[str, dict[str, bytes]]) -> None:
    """Started together: each either is refused or leaves the whole output."""
    arguments = command("resnet-50", *AXES, "--chunk", str(CHUNK), "--pareto", "macs,+params")
    both = [subprocess.Popen([*arguments, "-o", f"{tmp_path}/{name}"], **child()) for _ in range(2)]
    said = [each.communicate(timeout=60)[1] for each in both]

    assert 0 in [each.returncode for each in both]
    for each, text in zip(both, said, strict=True):
        assert each.returncode == 0 or (each.returncode == 2 and "another sweep is writing to" in text), text
    assert contents(tmp_path / name) == undisturbed[name]


# ---------------------------------------------------------------------------------------- damaged


def rows_of(parts: Path, number: int) -> Path:
    return next(parts.glob(f"part-{number:08}.*"))


def seal_of(parts: Path, number: int) -> Path:
    return parts / f"_part-{number:08}.json"


def truncated(parts: Path) -> None:
    os.truncate(rows_of(parts, 1), rows_of(parts, 1).stat().st_size // 2)


def flipped(parts: Path) -> None:
    data = bytearray(rows_of(parts, 1).read_bytes())
    data[len(data) // 2] ^= 1
    rows_of(parts, 1).write_bytes(data)


def emptied(parts: Path) -> None:
    rows_of(parts, 1).write_bytes(b"")


def exchanged(parts: Path) -> None:
    """The rows and the seal of another part."""
    shutil.copy(rows_of(parts, 0), rows_of(parts, 1))
    shutil.copy(seal_of(parts, 0), seal_of(parts, 1))


def unsealed(parts: Path) -> None:
    seal_of(parts, 1).unlink()


def empty_seal(parts: Path) -> None:
    seal_of(parts, 1).write_bytes(b"")


def false_seal(parts: Path) -> None:
    """A seal whose summary was changed."""
    seal = json.loads(seal_of(parts, 1).read_text())
    seal["summary"]["most"]["macs"][0] += 1
    seal_of(parts, 1).write_text(json.dumps(seal))


def listed_seal(parts: Path) -> None:
    seal_of(parts, 1).write_text("[1, 2]")


DAMAGES = (truncated, flipped, emptied, exchanged, unsealed, empty_seal, false_seal, listed_seal)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_parts_are_counted_anew(
    tmp_path: Path, name: str, damage: Callable[[Path], None], undisturbed: dict[str, dict[str, bytes]]
) -> None:
    """One of four parts is damaged: it and the six others are counted, and the output is as ever."""
    output = f"{tmp_path}/{name}"
    with pytest.raises(Stopped):
        small().write(output, first(4))
    damage(parts_of(Path(output), name))
    done: list[str] = []

    small().write(output, step=lambda what, total, kind: done.append(what))

    assert len(done) == 7
    assert contents(Path(output)) == undisturbed[name]


@pytest.mark.parametrize("name", FORMS)
def test_parts_of_another_network_are_counted_anew(
    tmp_path: Path, name: str, undisturbed: dict[str, dict[str, bytes]]
) -> None:
    """Rows and seal of the same part of resnet-101, put where those of resnet-50 belong."""
    other = load("resnet-101").sweep(*AXES, pareto="macs,+params")._replace(chunk=CHUNK)
    (tmp_path / "other").mkdir()
    for swept, output in ((small(), f"{tmp_path}/{name}"), (other, f"{tmp_path}/other/{name}")):
        with pytest.raises(Stopped):
            swept.write(output, first(4))
    mine, theirs = (parts_of(folder / name, name) for folder in (tmp_path, tmp_path / "other"))
    for path in (rows_of, seal_of):
        shutil.copy(path(theirs, 1), path(mine, 1))
    done: list[str] = []

    small().write(f"{tmp_path}/{name}", step=lambda what, total, kind: done.append(what))

    assert len(done) == 7
    assert contents(tmp_path / name) == undisturbed[name]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    ("label", "said"),
    [
        (None, f"is not empty, and no {LABEL} says which sweep it holds"),
        ("", f"{LABEL} is damaged"),
        ('{"version": ', f"{LABEL} is damaged"),
        ("[]", f"{LABEL} is damaged"),
        ("{}", "holds the parts of another sweep: other version, spec,"),
    ],
)
def test_folders_without_a_right_label_are_refused(
    tmp_path: Path, run: Run, name: str, label: str | None, said: str
) -> None:
    output = f"{tmp_path}/{name}"
    with pytest.raises(Stopped):
        small().write(output, first(2))
    path = parts_of(Path(output), name) / LABEL
    path.unlink() if label is None else path.write_text(label)

    shown = run("sweep", "resnet-50", *AXES, "--chunk", str(CHUNK), "-o", output)

    assert shown.code == 2
    assert said in shown.err
    assert not Path(output).is_file()


def test_other_ops_of_the_same_name_are_another_sweep(tmp_path: Path) -> None:
    """A plugin that was edited between two runs: what it counts may have changed."""
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "deadly.py").write_text(DEADLY)
    arguments = command("net.yaml", "width=8:107", "--plugin", "deadly.py", "--chunk", "10", "-o", "rows/")
    before = subprocess.run(arguments, cwd=tmp_path, check=False, **child())
    same = subprocess.run(arguments, cwd=tmp_path, check=False, **child())
    (tmp_path / "deadly.py").write_text(DEADLY + "\n# edited\n")

    after = subprocess.run(arguments, cwd=tmp_path, check=False, **child())

    assert (before.returncode, same.returncode, after.returncode) == (0, 0, 2), before.stderr
    assert "10 of 10 parts exist from an earlier run" in same.stderr
    assert "holds the parts of another sweep: other ops" in after.stderr


# ------------------------------------------------------------------------------------------- Dask


@pytest.fixture
def deadly(tmp_path: Path) -> Path:
    pytest.importorskip("distributed")
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "deadly.py").write_text(DEADLY)
    return tmp_path


def test_processes_know_the_ops_of_plugins(deadly: Path) -> None:
    """The same rows as in one process, and nothing else on stderr: no warnings about leaked semaphores."""
    arguments = command("net.yaml", "width=8:107", "--plugin", "deadly.py", "--chunk", "10", "-o")

    one = subprocess.run([*arguments, "one.csv"], cwd=deadly, check=False, **child())
    two = subprocess.run([*arguments, "two.csv", "--jobs", "2"], cwd=deadly, check=False, **child())

    assert (one.returncode, two.returncode, two.stderr) == (0, 0, "")
    assert (deadly / "one.csv").read_bytes() == (deadly / "two.csv").read_bytes()


def test_workers_that_die_end_the_sweep(deadly: Path) -> None:
    """Several in a row on one part, or all for good: an error, the finished parts are kept and gone on from."""
    arguments = command("net.yaml", "mode=calm,kill", "width=8:57", "--chunk", "10", "--plugin", "deadly.py")
    arguments += ["-o", "rows.csv"]
    impatient = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}

    killed = subprocess.run([*arguments, "--jobs", "2"], cwd=deadly, check=False, env=impatient, **child())
    kept = len(list(deadly.glob("rows.csv.parts/_part-*.json")))
    resumed = subprocess.run(arguments, cwd=deadly, check=False, **child())

    assert killed.returncode == 2
    assert 1 <= kept <= 5
    given_up = (
        "2 workers in a row died while counting the same part",
        "all workers died and none was restarted",
    )
    assert any(text in killed.stderr for text in given_up), killed.stderr
    assert "Traceback" not in killed.stderr
    assert f"{kept} of 10 parts exist from an earlier run" in resumed.stderr
    assert len((deadly / "rows.csv").read_text().splitlines()) == 101


def test_a_scheduler_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("paramcalc.sweep.workers.PATIENCE", 0.5)

    shown = run("sweep", "resnet-50", "width=8:16", "--cluster", "tcp://127.0.0.1:1")

    assert shown.code == 2
    assert "no scheduler with workers at 'tcp://127.0.0.1:1'" in shown.err


@pytest.mark.parametrize(
    ("package", "arguments", "said"),
    [
        ("distributed", ["--jobs", "2"], "pip install 'paramcalc[dask]'"),
        ("pyarrow", ["-o", "rows.parquet"], "pip install 'paramcalc[parquet]'"),
        ("fsspec", ["-o", "memory://rows"], "pip install 'paramcalc[parquet]'"),
    ],
)
def test_missing_extras_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "paramcalc.sweep.parquet", raising=False)
    monkeypatch.delattr("paramcalc.sweep.parquet", raising=False)

    shown = run("sweep", "resnet-50", "width=8:16", *arguments)

    assert shown.code == 2
    assert said in shown.err


# ---------------------------------------------------------------------------------- object stores


@pytest.fixture
def bucket() -> Iterator[str]:
    pytest.importorskip("pyarrow")
    fsspec = pytest.importorskip("fsspec")
    yield "memory://bucket/rows"
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_an_object_store_is_a_folder(bucket: str, undisturbed: dict[str, dict[str, bytes]]) -> None:
    """Stopped, damaged, gone on with: the objects are the files of the folder."""
    import fsspec

    files = fsspec.filesystem("memory")
    with pytest.raises(Stopped):
        small().write(bucket, first(4))
    files.pipe_file("/bucket/rows/part-00000002.parquet", b"damaged")
    done: list[str] = []

    small().write(bucket, step=lambda what, total, kind: done.append(what))

    found = {Path(name).name: files.cat_file(name) for name in files.ls("/bucket/rows", detail=False)}
    assert len(done) == 7
    assert found == undisturbed["rows/"]


def test_another_sweep_in_an_object_store_is_refused(bucket: str) -> None:
    """Also where both began at once, and the other's label was there first."""
    small().write(bucket)

    with pytest.raises(Fault, match=r"memory:///?bucket/rows holds the parts of another sweep: other axes"):
        small("width=7:9").write(bucket, here)
