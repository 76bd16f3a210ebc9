"""A repository of git: the texts of a commit, and how the working tree differs. Nothing is checked out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from paramcalc.base.errors import Fault
from paramcalc.engine.library import ENDINGS
from paramcalc.language.syntax import LONGEST_TEXT

FILE = "100"  # what the mode of a plain file begins with: no link, no submodule
SPECS = [f":(top,glob)**/*{ending}" for ending in ENDINGS]
_ENVIRONMENT = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


class Change(NamedTuple):
    """A file that differs; None where there was none, or is none. A renamed one has both names."""

    old: str | None
    new: str | None


class Repository:
    """A git repository; paths are relative to its top, with forward slashes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = self._run("rev-parse", "--show-toplevel")
        if found is None:
            raise Fault(f"{folder}: not in a repository of git", fix="paramcalc diff compares with a commit")
        self.top = Path(os.fsdecode(found).removesuffix("\n"))

    def commit(self, ref: str) -> str:
        """The id of a commit; `Fault` where there is none."""
        found = self._id(ref)
        if found:
            return found
        if ref == "HEAD":
            raise Fault("there is no commit yet to compare with", fix="commit first, or name one: --base REF")
        shallow = self._text("rev-parse", "--is-shallow-repository") == "true"
        branch = ref.removeprefix("origin/")
        fix = f"git fetch --depth=1 origin {branch}:refs/remotes/origin/{branch}, then --base origin/{branch}"
        fact = f"there is no commit '{ref}' here" + ": this clone is shallow" * shallow
        if ref.startswith("HEAD"):
            raise Fault(fact, fix="git fetch --unshallow" if shallow else "'git log' lists the commits")
        if not shallow:
            raise Fault(fact, fix=f"git fetch, or: {fix}")
        raise Fault(fact, fix=f"{fix}; on GitHub, fetch-depth: 0 for actions/checkout")

    def has(self, ref: str) -> bool:
        """Whether a name is that of a commit."""
        return bool(self._id(ref))

    def _id(self, ref: str) -> str | None:
        return self._text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")

    def parted(self, commit: str) -> str:
        """The merge base of a commit and HEAD; '' where the local history does not reach it."""
        return self._text("merge-base", commit, "HEAD") or ""

    def files(self, commit: str) -> dict[str, str]:
        """The ids of the YAML files of a commit, by path."""
        listed = self._run("ls-tree", "-r", "-z", "--full-tree", commit) or b""
        found = {}
        for entry in os.fsdecode(listed).split("\0")[:-1]:
            about, _, path = entry.partition("\t")
            mode, _, name = about.split(" ")
            if mode.startswith(FILE) and path.endswith(ENDINGS):
                found[path] = name
        return found

    def here(self) -> list[str]:
        """The YAML files of the working tree, untracked ones included."""
        listed = self._run(
            "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name", "--", *SPECS
        )
        names = dict.fromkeys(os.fsdecode(listed or b"").split("\0")[:-1])
        return [name for name in names if (self.top / name).is_file() and not (self.top / name).is_symlink()]

    def changes(self, commit: str, there: Mapping[str, str]) -> list[Change]:
        """The YAML files of the working tree that differ from those of a commit, renamed ones found."""
        listed = self._run(
            "diff",
            "--name-status",
            "-z",
            "--no-ext-diff",
            "--no-textconv",
            "--find-renames",
            commit,
            "--",
            *SPECS,
        )
        words = iter(os.fsdecode(listed or b"").split("\0")[:-1])
        found: list[Change] = []
        for status in words:
            one = next(words)
            if status.startswith(("R", "C")):
                other = next(words)
                found.append(Change(one if status.startswith("R") else None, other))
            else:
                found.append(Change(None if status == "A" else one, None if status == "D" else one))
        here = dict.fromkeys(self.here())
        known = {change.new for change in found} | there.keys()
        found += [Change(None, name) for name in here if name not in known]
        return [
            Change(old if old in there else None, new if new in here else None)
            for old, new in found
            if old in there or new in here
        ]

    def text(self, name: str) -> bytes:
        """The content of a file by its id, or as much as is read of any spec."""
        with subprocess.Popen(
            self._command("cat-file", "blob", name), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            found = process.stdout.read(LONGEST_TEXT + 1)
            process.kill()
        return found

    def _text(self, *words: str) -> str | None:
        found = self._run(*words)
        return None if found is None else found.decode("utf-8", "replace").strip()

    def _run(self, *words: str) -> bytes | None:
        """What a command of git prints; None where it fails."""
        try:
            done = subprocess.run(
                self._command(*words),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_ENVIRONMENT},
                check=False,
            )
        except OSError:
            raise Fault("git is not installed, or not on the PATH") from None
        return done.stdout if done.returncode == 0 else None

    def _command(self, *words: str) -> list[str]:
        return [
            "git",
            "-C",
            str(self.folder),
            "-c",
            "core.quotePath=false",
            "-c",
            "core.fsmonitor=false",
            *words,
        ]
