"""The hooks, run by the real pre-commit from a clone of this project, installed as it installs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.documents import ROOT
from tests.repositories import ENVIRONMENT, Repository, repository
from tests.test_diff import NET

pytest.importorskip("pre_commit")
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """This project as it is now, with the files that are not committed yet, in a repository of its own."""
    folder = tmp_path_factory.mktemp("project")
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    for name in os.fsdecode(listed).split("\0")[:-1]:
        if name.startswith(("paramcalc/", "specs/", ".pre-commit")) or "/" not in name:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    found = repository(folder)
    found.commit()
    return found


def commit(user: Repository, home: Path) -> subprocess.CompletedProcess[str]:
    """What committing everything says, with the hooks installed."""
    user.git("add", "--all")
    return subprocess.run(
        ["git", "-C", str(user.folder), "commit", "--message", "specs"],
        env={**ENVIRONMENT, "PRE_COMMIT_HOME": str(home), "PIP_CONSTRAINT": str(ROOT / "constraints.txt")},
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


def test_a_commit_is_checked(project: Repository, tmp_path: Path) -> None:
    """A budget that is not kept stops a commit, with its place; a YAML file elsewhere is not looked at."""
    home = tmp_path / "home"
    user = repository(tmp_path / "user")
    hooks = [{"id": name} for name in HOOKS]
    config = {
        "repos": [{"repo": project.folder.as_uri(), "rev": project.git("rev-parse", "HEAD"), "hooks": hooks}]
    }
    (user.folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"],
        cwd=user.folder, env={**ENVIRONMENT, "PRE_COMMIT_HOME": str(home)}, check=True, capture_output=True,
    )  # fmt: skip
    crooked = NET.replace("  - pool:", "  -   pool:")
    user.write(specs__net=crooked + 'budgets: [{params: "<= 300"}]\n', workflow="on:   push\n")

    straightened = commit(user, home)
    stopped = commit(user, home)
    user.write(specs__net=NET + 'budgets: [{params: "<= 400"}]\n')
    done = commit(user, home)

    assert straightened.returncode == 1
    assert "files were modified by this hook" in straightened.stdout + straightened.stderr
    assert "  - pool: global_avg_pool" in (user.folder / "specs" / "net.yaml").read_text("utf-8")
    assert stopped.returncode == 1, stopped.stdout + stopped.stderr
    assert "OVER BUDGET wide: params" in stopped.stdout + stopped.stderr
    assert "specs/net.yaml:9:20" in stopped.stdout + stopped.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        user.git("show", "--name-only", "--format=")
        == ".pre-commit-config.yaml\nspecs/net.yaml\nworkflow.yaml"
    )
