"""Repositories of git for tests: real ones, in temporary folders."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

_WHO = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b.c",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b.c",
}
ENVIRONMENT = {**os.environ, **_WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Repository(NamedTuple):
    folder: Path

    def git(self, *words: str) -> str:
        """What a command of git prints."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            capture_output=True,
            text=True,
            check=True,
            env=ENVIRONMENT,
        )
        return done.stdout.strip()

    def write(self, **texts: str | None) -> Repository:
        """Writes specs by name; None removes one. In a name, __ is a slash."""
        for name, text in texts.items():
            path = self.folder / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink() if text is None else path.write_text(text, "utf-8")
        return self

    def commit(self) -> str:
        """Commits everything; the id of the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a commit")
        return self.git("rev-parse", "HEAD")


def repository(folder: Path) -> Repository:
    """A repository with a first, empty commit on the branch main."""
    folder.mkdir(exist_ok=True)
    found = Repository(folder)
    if not (folder / ".git").exists():
        found.git("init", "--quiet", "--initial-branch", "main")
        found.git("commit", "--quiet", "--allow-empty", "--message", "empty")
    return found
