"""What changed specs cost, in real repositories of git. Numbers are worked out by hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest

from paramcalc.base.errors import Fault
from paramcalc.diff.diff import Result, diff, limit
from tests.conftest import Run
from tests.repositories import ENVIRONMENT, Repository, repository
from tests.test_drawings import check_tame

# 3*k*k*w + w params, and 3*k*k*w*64 multiplications where the padding keeps 8x8 positions; then 10*w + 10 and 10*w.
NET = """\
name: net
input: 3x8x8
knobs: {w: 4}
variants: {net: {}, same: {like: net}, wide: {w: 8}}
layers:
  - conv: conv2d w 3 padding=1
  - pool: global_avg_pool
  - head: linear 10
"""
LARGER = NET.replace("conv2d w 3 padding=1", "conv2d w 5 padding=2")
USER = "name: user\nuse: net\nknobs: {w: 2}\n"
USER_OF_USER = "use: user\n"
OTHER = "input: 3x8x8\nlayers: [flatten, linear 10]\n"
NO_SPEC = "on: push\njobs: {}\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository in which tests and `paramcalc diff` work."""
    found = repository(tmp_path / "repo")
    monkeypatch.chdir(found.folder)
    return found


def totals(result: Result, quantity: str = "params") -> dict[tuple[str, str], tuple[int, int]]:
    """Before and after, by path and model."""
    return {(model.path, model.name): model.total(quantity) for model in result.models}


def statuses(result: Result) -> dict[str, str]:
    return {model.name: model.status for model in result.models}


def test_models_and_what_they_cost(repo: Repository) -> None:
    """Each model once, under its own name; the layer that made the difference."""
    repo.write(specs__net=NET, workflow=NO_SPEC).commit()
    repo.write(specs__net=LARGER, workflow=NO_SPEC.replace("push", "pull_request"))

    result = diff("HEAD")

    assert totals(result) == {
        ("specs/net.yaml", "net"): (112 + 50, 304 + 50),
        ("specs/net.yaml", "wide"): (224 + 90, 608 + 90),
    }
    assert totals(result, "macs")["specs/net.yaml", "net"] == (27 * 4 * 64 + 40, 75 * 4 * 64 + 40)
    assert [[line.paths for line in model.made_by()] for model in result.models] == [[("conv", "conv")]] * 2
    assert result.exit_code == 0


def test_specs_come_go_and_move(repo: Repository) -> None:
    """Renamed ones are followed, with and without a change; what git has not seen yet counts."""
    repo.write(a=NET, gone=OTHER.replace("10", "7"), moved=OTHER).commit()
    repo.git("mv", "a.yaml", "b.yaml")
    repo.git("mv", "moved.yaml", "place.yaml")
    repo.write(b=LARGER, gone=None, new="input: 3x8x8\nlayers: [conv2d 1 1, relu, conv2d 2 1]\n")

    result = diff("HEAD")

    found = {model.name: (model.status, model.path, model.was) for model in result.models}
    assert found == {
        "net": ("changed", "b.yaml", "a.yaml"),
        "wide": ("changed", "b.yaml", "a.yaml"),
        "gone": ("removed", "gone.yaml", ""),
        "new": ("added", "new.yaml", ""),
        "place": ("renamed", "place.yaml", "moved.yaml"),
    }
    assert totals(result)["gone.yaml", "gone"] == (192 * 7 + 7, 0)
    assert totals(result)["new.yaml", "new"] == (0, 4 + 4)


def test_variants_come_and_go(repo: Repository) -> None:
    repo.write(net=NET).commit()
    repo.write(net=NET.replace("wide: {w: 8}", "deep: {w: 8}"))

    assert statuses(diff("HEAD")) == {"net": "same", "wide": "removed", "deep": "added"}


def test_a_used_spec_touches_its_users(repo: Repository) -> None:
    """Directly, and by one between; a spec of that name in another folder does not count."""
    repo.write(
        a__net=NET, a__user=USER, a__third=USER_OF_USER, b__user=USER.replace("net", "vgg"), b__net=OTHER
    ).commit()
    repo.write(a__net=LARGER)

    result = diff("HEAD")

    assert totals(result) == {
        ("a/net.yaml", "net"): (162, 354),
        ("a/net.yaml", "wide"): (314, 698),
        ("a/third.yaml", "user"): (56 + 30, 152 + 30),
        ("a/user.yaml", "user"): (56 + 30, 152 + 30),
    }
    assert [model.path for model in diff("HEAD", ["a/user.yaml"]).models] == ["a/user.yaml"]


def test_a_used_spec_is_read_where_it_was(repo: Repository) -> None:
    """Both change at once: the user before has what it used before."""
    repo.write(net=NET, user=USER).commit()
    repo.write(net=None, base=LARGER, user=USER.replace("use: net", "use: base").replace("w: 2", "w: 3"))

    assert totals(diff("HEAD", ["user.yaml"])) == {("user.yaml", "user"): (56 + 30, 228 + 40)}


def test_a_text_that_counts_the_same(repo: Repository) -> None:
    """A note changes nothing; another activation changes layers, not totals."""
    repo.write(net=NET + "note: a\n", other=OTHER.replace("flatten", "relu, flatten")).commit()
    repo.write(net=NET + "note: b\n", other=OTHER.replace("flatten", "gelu, flatten"))

    assert statuses(diff("HEAD")) == {"net": "same", "wide": "same", "other": "changed"}


def test_the_base_is_where_the_branch_left(repo: Repository, run: Run) -> None:
    """What happened on main since is not this branch's doing."""
    repo.write(net=NET, other=OTHER).commit()
    repo.git("checkout", "--quiet", "-b", "feature")
    repo.write(net=LARGER).commit()
    repo.git("checkout", "--quiet", "main")
    repo.write(other=OTHER.replace("10", "20")).commit()
    repo.git("checkout", "--quiet", "feature")

    assert statuses(diff("main")) == {"net": "changed", "wide": "changed"}
    assert "against main: 1 spec touched; models: 2 changed" in run("diff", "--base", "main").out


def test_paths(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders, from wherever one is; names are shown from there."""
    repo.write(a__net=NET, b__net=NET, b__c__net=NET).commit()
    repo.write(a__net=LARGER, b__net=LARGER, b__c__net=LARGER)

    assert {model.path for model in diff("HEAD", ["b"]).models} == {"b/net.yaml", "b/c/net.yaml"}
    assert {model.path for model in diff("HEAD", ["b/net.yaml", "a/"]).models} == {"a/net.yaml", "b/net.yaml"}
    monkeypatch.chdir("b")
    assert {model.path for model in diff("HEAD").models} == {"../a/net.yaml", "net.yaml", "c/net.yaml"}
    assert {model.path for model in diff("HEAD", ["."]).models} == {"net.yaml", "c/net.yaml"}
    with pytest.raises(Fault, match="outside of the repository"):
        diff("HEAD", ["../.."])


def test_nothing_is_checked_out(repo: Repository) -> None:
    """Neither the index nor a file is written."""
    repo.write(net=NET, other=OTHER).commit()
    repo.write(net=LARGER)
    files = {path: path.stat().st_mtime_ns for path in repo.folder.rglob("*") if path.is_file()}

    diff("HEAD")

    assert {path: path.stat().st_mtime_ns for path in repo.folder.rglob("*") if path.is_file()} == files


def test_a_link_is_no_spec(repo: Repository) -> None:
    """A message would quote the file that it leads to."""
    repo.commit()
    (repo.folder / "secret").write_text("layers: a secret\n")
    os.symlink("secret", repo.folder / "net.yaml")

    assert diff("HEAD").specs == 0
    repo.commit()
    (repo.folder / "net.yaml").unlink()
    repo.write(net=NET)
    assert statuses(diff("HEAD")) == {"net": "added", "wide": "added"}


# ------------------------------------------------------------------------------------- the base


def test_a_shallow_clone_without_the_base(
    repo: Repository, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has the command that fetches it, and after that command the comparison works."""
    repo.write(net=NET).commit()
    repo.git("checkout", "--quiet", "-b", "feature")
    repo.write(net=LARGER).commit()
    clone = Repository(tmp_path / "clone")
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--branch=feature", repo.folder.as_uri(), str(clone.folder)],
        check=True, env=ENVIRONMENT,
    )  # fmt: skip
    monkeypatch.chdir(clone.folder)

    refused = run("diff", "--base", "origin/main")

    assert refused.code == 2
    assert refused.err.startswith(
        "paramcalc: there is no commit 'origin/main' here: this clone is shallow\n  = git fetch"
    )
    command = re.search(r"= git (.*?), then --base (\S+);", refused.err)
    assert command
    clone.git(*command[1].split())
    done = run("diff", "--base", command[2])
    assert "models: 2 changed" in done.out
    assert "origin/main has no commit in common with this branch here" in done.out


@pytest.mark.parametrize("ref", ["nowhere", "--output=x", "HEAD:net.yaml", ""])
def test_no_such_commit(repo: Repository, run: Run, ref: str) -> None:
    """A ref that looks like an option is none for git either."""
    repo.write(net=NET).commit()
    refused = run("diff", f"--base={ref}")

    assert refused.code == 2
    assert f"there is no commit '{ref}' here" in refused.err
    assert not (repo.folder / "x").exists()


def test_without_a_repository_or_git(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert "not in a repository of git" in run("diff").err
    monkeypatch.setenv("PATH", "")
    found = run("diff")
    assert (found.code, "git is not installed" in found.err) == (2, True)


def test_before_the_first_commit(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Repository(tmp_path).git("init", "--quiet")
    monkeypatch.chdir(tmp_path)

    assert "there is no commit yet" in run("diff").err


# ------------------------------------------------------------------------------------- mistakes


def test_a_broken_spec_does_not_hide_the_others(repo: Repository, run: Run) -> None:
    """Exit code 2, its place, and what the others cost."""
    repo.write(net=NET, other=OTHER).commit()
    repo.write(net=NET.replace("linear", "linaer"), other=OTHER.replace("10", "20"))

    found = run("diff")

    assert found.code == 2
    assert "net.yaml:8:11: there is no op or block 'linaer'" in found.err
    assert "+1,930" in found.out
    assert "1 changed; 1 problem" in found.out


def test_what_was_broken_before_is_new(repo: Repository) -> None:
    repo.write(net=NET.replace("linear", "linaer")).commit()
    repo.write(net=NET)
    result = diff("HEAD")

    assert statuses(result) == {"net": "added", "wide": "added"}
    assert result.remarks == (
        "HEAD:./net.yaml:8:11: there is no op or block 'linaer': its models count as added",
    )
    assert result.exit_code == 0


# ------------------------------------------------------------------------------------- --fail-if


@pytest.mark.parametrize(
    ("text", "before", "after", "met"),
    [
        ("params > +1%", 100, 101, False),
        ("params > +1%", 100, 102, True),
        ("params >= +1%", 100, 101, True),
        ("params>+0", 100, 100, False),
        ("params > +0", 100, 101, True),
        ("params > +10K", 0, 10_000, False),
        ("params > +10K", 0, 10_001, True),
        ("params < -5%", 100, 94, True),
        ("params < -5%", 100, 95, False),
        ("params > +50%", 0, 1, True),
        ("params <= -1", 100, 99, True),
    ],
)
def test_limits(text: str, before: int, after: int, met: bool) -> None:
    assert limit(text).met(before, after) is met


def test_a_limit_is_exact() -> None:
    assert limit("macs > +0.1%").amount == Fraction(1, 1000)


@pytest.mark.parametrize(
    "text", ["params", "params > 5M", "params > +", "parms > +1%", "params > +1%%", "params == +1"]
)
def test_what_is_no_limit(run: Run, repo: Repository, text: str) -> None:
    refused = run("diff", "--fail-if", text)

    assert refused.code == 2
    assert "is not a limit of a change" in refused.err or "there is no quantity 'parms'" in refused.err


def test_only_what_was_there_can_grow(repo: Repository, run: Run) -> None:
    """A new model costs what it costs; a budget is for that."""
    repo.write(net=NET).commit()
    repo.write(net=LARGER, new=OTHER)

    found = run("diff", "--fail-if", "params > +120%", "--format", "json")

    failed = {model["model"]: model["failed"] for model in json.loads(found.out)["models"]}
    assert failed == {"net": [], "wide": ["params > +120%"], "new": []}
    assert found.code == 1
    assert run("diff", "--fail-if", "params > +130%").code == 0


# ------------------------------------------------------------------------------------- formats


def test_formats(repo: Repository, run: Run) -> None:
    repo.write(net=NET).commit()
    repo.write(net=LARGER)
    out = {
        form: run("diff", "--fail-if", "params > +121%", "--format", form).out
        for form in ("table", "markdown", "json", "junit", "github")
    }

    assert re.search(r"  net +changed +354 +\+192 +2\.19 x +19,240 +\+12,288 +2\.77 x", out["table"])
    assert (
        "| &nbsp;&nbsp;net | changed | 354 | +192 | 2.19 x | 19,240 | +12,288 | 2.77 x |" in out["markdown"]
    )
    document = json.loads(out["json"])
    assert document["schema"] == "paramcalc/diff/1"
    assert document["models"][0]["totals"]["params"] == {"before": 162, "after": 354, "difference": 192}
    assert document["models"][0]["layers"][0]["op"] == ["conv2d 4 3 padding=1", "conv2d 4 5 padding=2"]
    suites = ElementTree.fromstring(out["junit"])
    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")
    assert (
        out["github"]
        .splitlines()[0]
        .startswith("::notice file=net.yaml,line=6,title=net%3A changed::354 params")
    )
    assert (
        out["github"]
        .splitlines()[1]
        .startswith("::error file=net.yaml,line=6,title=wide%3A params > +121%25::")
    )


def test_most_layers_are_counted_not_shown(repo: Repository, run: Run) -> None:
    """Five layers of a model, those with the largest share first."""
    chain = "input: 1x8x8\nlayers:\n" + "".join(f"  - c{i}: conv2d {i + 1} K\n" for i in range(7))
    repo.write(net=chain.replace("K", "1")).commit()
    repo.write(net=chain.replace("K", "1 bias=false"))
    out = run("diff").out

    assert re.findall(r"^    (c\d)", out, re.MULTILINE) == ["c6", "c5", "c4", "c3", "c2"]
    assert "and 2 more layers" in out


@pytest.mark.parametrize("form", ["table", "markdown", "json", "junit", "github"])
def test_hostile_names(repo: Repository, run: Run, form: str) -> None:
    """Of a stranger's files, models and layers: none is obeyed, in a log, a comment or a summary."""
    evil = "::error::x|`y`<img src=z>[a](http://b.c) @octocat #1"
    text = f"name: '{evil}'\ninput: 3x8x8\nlayers: [conv: conv2d 4 3]\n"
    (repo.folder / "a\n::error::b.yaml").write_text(text)
    (repo.folder / "c|`d`<e>.yaml").write_text(text)
    repo.commit()
    (repo.folder / "a\n::error::b.yaml").write_text(text.replace("4 3", "5 3"))
    (repo.folder / "c|`d`<e>.yaml").write_text(text.replace("4 3", "rellu"))
    found = run("diff", "--format", form)

    assert found.code == 2
    check_tame(found.out, form)
    check_tame(found.err)
    if form == "markdown":
        assert not re.search(r"(?<!\\)[<`|]img|@octocat|#1|https?://|(?<!\\)`", found.out)
    if form == "junit":
        ElementTree.fromstring(found.out)


def test_layers_to_which_the_same_happened_are_one_line(repo: Repository, run: Run) -> None:
    """Twice 4*4*9 + 4 params became 4*4*25 + 4, and the norm behind them is gone; the line of the text is named."""
    text = "input: 4x8x8\nlayers:\n  - body: 2 * conv2d 4 3 padding=1\n  - batch_norm\n"
    repo.write(net=text).commit()
    repo.write(net=text.replace("4 3 padding=1", "4 5 padding=2").replace("  - batch_norm\n", ""))
    calls = {100: "conv2d 3 padding=1 -> 5 padding=2", 160: "conv2d 4 3 padding=1 -> conv2d 4 5 padding=2"}
    for columns, call in calls.items():
        out = run("diff", columns=columns).out

        assert re.search(rf"    body/0 x 2 +{call} +808 +\+512 +2\.73 x", out)
        assert re.search(r"    batch_norm +removed +-8\b", out)
    assert "::notice file=net.yaml,line=3," in run("diff", "--format", "github").out


def test_a_family_without_end_is_bounded(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are compared one after the other, up to a limit; none counts as new because the others took long."""
    monkeypatch.setattr("paramcalc.diff.diff.MOST_MODELS", 20)
    family = "variants:\n" + "".join(f"  v{n}: {{w: {n + 1}}}\n" for n in range(50))
    text = f"input: 3x8x8\nknobs: {{w: 4}}\n{family}layers: [conv2d w 3 padding=1]\n"
    repo.write(net=text).commit()
    repo.write(net=text.replace("w 3 padding=1", "w 5 padding=2"))

    result = diff("HEAD")

    assert [model.status for model in result.models] == ["changed"] * 10
    assert result.remarks == ("more than 20 models, or too many layers: the others are not compared",)


def test_a_model_that_was_broken_alone(repo: Repository) -> None:
    """The others of its spec are compared."""
    repo.write(net=NET.replace("wide: {w: 8}", "wide: {w: 0}")).commit()
    repo.write(net=LARGER)

    assert statuses(diff("HEAD")) == {"net": "changed", "wide": "added"}
