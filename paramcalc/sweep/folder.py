"""A folder of this machine or of an object store. The only module that imports fsspec, an optional extra."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from paramcalc.base.errors import Fault

LOCK = ".lock"


class Local(NamedTuple):
    """A folder of this machine, which one sweep at a time may write to."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        return os.listdir(self.path) if self.path.exists() else []

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        with self.appearing(self.path / name) as file:
            file.write(data)

    def create(self, name: str, data: bytes) -> None:
        self.write(name, data)

    def remove(self, last: str) -> None:
        """All of it, the label last: without that, what is left would have no owner."""
        for name in self.names():
            if name not in (last, LOCK):
                (self.path / name).unlink()
        shutil.rmtree(self.path)

    @contextlib.contextmanager
    def appearing(self, path: Path) -> Iterator[BinaryIO]:
        """A file that appears whole or not at all; until then it is in this folder."""
        beside = self.path / f".{path.name}.new"
        try:
            with open(beside, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(path, beside)
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A lock that ends with this process, however it ends."""
        self.path.mkdir(exist_ok=True)
        with open(self.path / LOCK, "wb") as file:
            if not _is_locked(file, self.path / LOCK):
                raise Fault(
                    f"another sweep is writing to {self.path}", fix="wait for it, or choose another output"
                )
            yield
            (self.path / LOCK).unlink(missing_ok=True)


class Remote(NamedTuple):
    """A folder of an object store; objects appear whole or not at all."""

    files: Any
    path: str

    def __str__(self) -> str:
        return str(self.files.unstrip_protocol(self.path))

    def names(self) -> list[str]:
        self.files.invalidate_cache(self.path)
        with contextlib.suppress(FileNotFoundError):
            return [Path(name).name for name in self.files.ls(self.path, detail=False)]
        return []

    def read(self, name: str) -> bytes:
        return self.files.cat_file(f"{self.path}/{name}")  # type: ignore[no-any-return]

    def write(self, name: str, data: bytes) -> None:
        self.files.pipe_file(f"{self.path}/{name}", data)

    def create(self, name: str, data: bytes) -> None:
        """Of two that create it at once, the second leaves the first's."""
        with contextlib.suppress(FileExistsError):
            self.files.pipe_file(f"{self.path}/{name}", data, mode="create")

    def remove(self, last: str) -> None:
        self.files.rm(self.path, recursive=True)

    def held(self) -> contextlib.AbstractContextManager[None]:
        """No lock: the label keeps other sweeps away, and equal ones write equal objects."""
        return contextlib.nullcontext()


Folder: TypeAlias = Local | Remote


def folder(name: str) -> Folder:
    """The folder that a path, or the address of one in an object store, means."""
    if "://" not in name:
        return Local(Path(name))
    try:
        import fsspec

        files, path = fsspec.url_to_fs(name)
    except (ImportError, ValueError) as error:
        fix = "pip install 'paramcalc[parquet]', and what fsspec needs for this address"
        raise Fault(f"{name}: {error}", fix=fix) from None
    return Local(Path(path)) if "file" in files.protocol else Remote(files, path.rstrip("/"))


def _is_locked(file: BinaryIO, path: Path) -> bool:
    """Whether a lock was to be had on a file that is still there under its name."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False
    except (ImportError, OSError):  # neither every system nor every file system has locks
        return True
