"""The action for GitHub: its steps run as the shell of a runner runs them, in real repositories, against a server here.

What only a host can do is left out: starting the job, and showing annotations.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
import yaml

from tests.documents import ROOT
from tests.repositories import ENVIRONMENT, Repository, repository
from tests.test_diff import LARGER, NET
from tests.test_drawings import check_tame

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
INSTALL = "Install paramcalc"
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
BUDGET = 'budgets: [{params: "<= 700"}]\n'


class Api(NamedTuple):
    """A server that answers as GitHub does for comments; `denied` is a status that it always gives."""

    url: str
    comments: list[dict[str, Any]]
    asked: list[str]
    denied: list[int]


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api("", [], [], [])

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            found.asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            assert self.headers["Authorization"] == "Bearer secret"
            status, answer = self.judged(json.loads(body) if body else {})
            self.send_response(found.denied[0] if found.denied else status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815  the names that the library asks for

        def judged(self, body: dict[str, Any]) -> tuple[int, Any]:
            if self.command == "GET":
                assert self.path.startswith("/repos/o/r/issues/7/comments?per_page=100&page=")
                page = int(self.path.rpartition("=")[2])
                return 200, found.comments[100 * (page - 1) : 100 * page]
            if self.command == "POST" and not found.denied:
                found.comments.append({"id": len(found.comments) + 1, "user": {"type": "Bot"}, **body})
                return 201, {}
            for comment in found.comments:
                if self.path == f"/repos/o/r/issues/comments/{comment['id']}":
                    comment.update(body)
            return 200, {}

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found._replace(url=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


class Job(NamedTuple):
    """What a run of the action left: the exit code of its last step, its log, the summary of the job."""

    code: int
    log: str
    summary: str


def act(
    folder: Path, runner: Path, contexts: dict[str, str], inputs: dict[str, str], install: bool = False
) -> Job:
    """Runs the action's steps one after the other, as a runner does; the first that fails ends them."""
    runner.mkdir(exist_ok=True)
    given = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | inputs
    known = {f"inputs.{name}": filled(value, contexts) for name, value in given.items()}
    known |= {"github.action_path": str(ROOT), **contexts}
    files = {name: runner / name for name in ("GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in files.values():
        path.write_text("")
    log, code = "", 0
    for name, step in STEPS.items():
        if (name == INSTALL and not install) or not holds(step.get("if", ""), known):
            continue
        files["GITHUB_OUTPUT"].write_text("")
        added = reversed(files["GITHUB_PATH"].read_text().split())
        path = [*added, str(Path(sys.executable).parent), os.environ["PATH"]]
        env = {
            **ENVIRONMENT,
            **{key: str(value) for key, value in files.items()},
            **{key: filled(value, known) for key, value in step.get("env", {}).items()},
            "PATH": ":".join(path),
            "RUNNER_TEMP": str(runner),
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_API_URL": contexts.get("api", ""),
        }
        script = runner / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        log += done.stdout + done.stderr
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            key, _, value = line.partition("=")
            known[f"steps.{step['id']}.outputs.{key}"] = value
        code = done.returncode
        if code:
            break
    return Job(code, log, files["GITHUB_STEP_SUMMARY"].read_text())


def filled(value: str, known: dict[str, str]) -> str:
    """A value with its expressions replaced."""
    return EXPRESSION.sub(lambda one: known.get(one[1], ""), value)


def holds(condition: str, known: dict[str, str]) -> bool:
    """Whether `a == 'b' && c == 'd'` holds."""
    pairs = re.findall(r"([\w.-]+) == '(\w+)'", condition)
    assert bool(pairs) == bool(condition)
    return all(known.get(name, "") == value for name, value in pairs)


def pull_request(api: Api | None) -> dict[str, str]:
    return {
        "github.event_name": "pull_request",
        "github.event.pull_request.number": "7",
        "github.base_ref": "main",
        "github.token": "secret",
        "api": api.url if api else "http://127.0.0.1:9",
    }


@pytest.fixture
def origin(tmp_path: Path) -> Repository:
    """What is on the server: main, and a branch of a pull request that makes the network larger."""
    found = repository(tmp_path / "origin")
    found.write(specs__net=NET + BUDGET).commit()
    found.git("checkout", "--quiet", "-b", "feature")
    found.write(specs__net=LARGER + BUDGET).commit()
    found.git("checkout", "--quiet", "main")
    return found


def checkout(origin: Repository, folder: Path, branch: str = "feature") -> Path:
    """As actions/checkout does it: one branch, one commit."""
    words = [
        "git",
        "clone",
        "--quiet",
        "--depth=1",
        f"--branch={branch}",
        origin.folder.as_uri(),
        str(folder),
    ]
    subprocess.run(words, check=True, env=ENVIRONMENT)
    return folder


def test_no_text_of_a_pull_request_is_in_a_script() -> None:
    """Expressions are put into variables alone; what they hold is then never read as shell."""
    for name, step in STEPS.items():
        assert "${{" not in step["run"], name


def test_a_pull_request(origin: Repository, tmp_path: Path, api: Api) -> None:
    """Annotations in the log, one comment, a summary; the budget passes, the growth does not."""
    folder = checkout(origin, tmp_path / "work")

    job = act(folder, tmp_path / "runner", pull_request(api), {"fail-if": "params > +200%\nmacs > +10%"})

    assert job.code == 1
    assert (
        "::error file=specs/net.yaml,line=6,title=net%3A macs > +10%25::354 params instead of 162" in job.log
    )
    assert "2 budgets: 2 within, 0 not" in job.log
    assert "| &nbsp;&nbsp;net | changed | 354 | +192 | 2.19 x | 19,240 | +12,288 | 2.77 x |" in job.summary
    (comment,) = api.comments
    assert comment["body"] == f"<!-- paramcalc -->\n{job.summary}"


def test_the_comment_is_updated(origin: Repository, tmp_path: Path, api: Api) -> None:
    """The one that is ours: not one in which somebody wrote our mark. It may be on the second page."""
    folder = checkout(origin, tmp_path / "work")
    api.comments.append({"id": 900, "user": {"type": "User"}, "body": "<!-- paramcalc --> mine"})
    others = ({"id": 1000 + i, "user": {"type": "Bot"}, "body": "of another bot"} for i in range(120))
    api.comments.extend(others)
    act(folder, tmp_path / "runner", pull_request(api), {})
    first = len(api.comments)
    (folder / "specs" / "net.yaml").write_text(NET + BUDGET)

    job = act(folder, tmp_path / "runner", pull_request(api), {})

    assert (job.code, len(api.comments), first) == (0, 122, 122)
    assert "no spec changed" in api.comments[-1]["body"]
    assert api.comments[0]["body"] == "<!-- paramcalc --> mine"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_fork_has_the_summary(origin: Repository, tmp_path: Path, api: Api, status: int) -> None:
    """Without the right to comment the job judges as before, and says so."""
    folder = checkout(origin, tmp_path / "work")
    api.denied.append(status)

    job = act(folder, tmp_path / "runner", pull_request(api), {})

    assert job.code == 0
    assert "::notice title=paramcalc::no comment" in job.log
    assert "| &nbsp;&nbsp;net | changed |" in job.summary
    assert api.comments == []


def test_no_answer_is_no_failure(origin: Repository, tmp_path: Path) -> None:
    folder = checkout(origin, tmp_path / "work")

    job = act(folder, tmp_path / "runner", pull_request(None), {})

    assert job.code == 0
    assert "GitHub did not answer" in job.log


def test_an_exceeded_budget_and_a_broken_spec(origin: Repository, tmp_path: Path, api: Api) -> None:
    """The worse of the two exit codes; everything is said before."""
    folder = checkout(origin, tmp_path / "work")
    path = folder / "specs" / "net.yaml"
    path.write_text(NET + BUDGET.replace("700", "300"))
    over = act(folder, tmp_path / "runner", pull_request(api), {})
    path.write_text((NET + BUDGET).replace("linear", "linaer"))
    broken = act(folder, tmp_path / "runner", pull_request(api), {})

    assert over.code == 1
    assert (
        "::error file=specs/net.yaml,line=9,col=20,title=wide%3A params over by 4.7 %25::OVER BUDGET"
        in over.log
    )
    assert broken.code == 2
    assert (
        "::error file=specs/net.yaml,line=8,col=11,title=paramcalc cannot read this::there is no op"
        in broken.log
    )
    assert "- specs/net.yaml:8: there is no op or block 'linaer'" in broken.summary


def test_a_full_clone_is_left_whole(origin: Repository, tmp_path: Path, api: Api) -> None:
    """With all history there is nothing to fetch, and main may have gone on meanwhile."""
    folder = tmp_path / "work"
    subprocess.run(
        ["git", "clone", "--quiet", "--branch=feature", str(origin.folder), str(folder)],
        check=True,
        env=ENVIRONMENT,
    )
    job = act(folder, tmp_path / "runner", pull_request(api), {})

    assert job.code == 0
    assert "no commit in common" not in job.log
    assert Repository(folder).git("rev-parse", "--is-shallow-repository") == "false"


def test_a_push_is_checked(origin: Repository, tmp_path: Path) -> None:
    """Nothing to compare with, and nowhere to comment."""
    folder = checkout(origin, tmp_path / "work", "main")

    job = act(folder, tmp_path / "runner", {"github.event_name": "push"}, {})

    assert job.code == 0
    assert "2 budgets: 2 within, 0 not" in job.summary
    assert "not a pull request" in job.log


def test_a_stranger_writes_names(origin: Repository, tmp_path: Path, api: Api) -> None:
    """Of a branch, files, models, layers, and inputs with spaces: nothing is obeyed by shell, runner or reader."""
    evil = "::error::x|`y`<img src=z>[a](http://b.c) @octocat #1 $(touch pwned) ##[group]"
    folder = checkout(origin, tmp_path / "work")
    (folder / "specs" / "$(touch pwned)`touch pwned`\n::set-output name=a::b.yaml").write_text(
        f"name: '{evil}'\ninput: 3x8x8\nlayers: [conv: conv2d 4 3]\nbudgets: [{{params: '<= 1', note: '{evil}'}}]\n"
    )
    contexts = pull_request(api)
    job = act(folder, tmp_path / "runner", contexts, {"fail-if": "params > +1%\n$(touch pwned)"})

    assert job.code == 2  # that is no limit
    assert not [path for path in folder.rglob("pwned*") if path.name == "pwned"]
    check_tame(job.log.replace("::notice ", "::error "), "github")
    job = act(folder, tmp_path / "runner", contexts, {})
    assert job.code == 1
    check_tame(job.log.replace("::notice ", "::error "), "github")
    shown = api.comments[0]["body"].replace("<!-- -->", "\0").removeprefix("<!-- paramcalc -->")
    assert not re.search(r"(?<!\\)[<`]|@octocat|#1|http://|(?<!\\)\|`|(?<!\\)\]\(", shown)


def test_it_installs_itself(origin: Repository, tmp_path: Path) -> None:
    """From the action's own files, with the pinned packages, apart from what the job has."""
    folder = checkout(origin, tmp_path / "work")

    job = act(folder, tmp_path / "runner", {"github.event_name": "push"}, {}, install=True)

    assert job.code == 0, job.log
    assert (tmp_path / "runner" / "paramcalc" / "bin" / "paramcalc").exists()
    assert "2 budgets: 2 within, 0 not" in job.summary


def example(first: str) -> Any:
    """A file that the document shows, by its first line."""
    text = (ROOT / "docs" / "ci.md").read_text("utf-8")
    (found,) = re.findall(rf"```yaml\n# {re.escape(first)}\n(.*?)```", text, re.DOTALL)
    return yaml.safe_load(found)


def test_the_example_workflow_fits_the_action() -> None:
    """It gives inputs that there are, and the rights that a comment needs; the table lists every input."""
    workflow = example(".github/workflows/paramcalc.yml")
    *_, step = workflow["jobs"]["specs"]["steps"]
    text = (ROOT / "docs" / "ci.md").read_text("utf-8")

    assert step["with"].keys() <= ACTION["inputs"].keys()
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)) >= ACTION["inputs"].keys()


def test_the_example_of_gitlab(origin: Repository, tmp_path: Path) -> None:
    """Its script, as a runner has it, writes both reports and fails for the growth and for the budget."""
    folder = tmp_path / "work"
    words = ["git", "clone", "--quiet", "--branch=feature", str(origin.folder), str(folder)]
    subprocess.run(words, check=True, env=ENVIRONMENT)
    job = example(".gitlab-ci.yml")["specs"]
    base = origin.git("rev-parse", "main")
    env = {**ENVIRONMENT, "CI_MERGE_REQUEST_DIFF_BASE_SHA": base}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    script = "set -eo pipefail\n" + "\n".join(job["script"])

    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert json.loads((folder / job["artifacts"]["reports"]["codequality"]).read_text()) == []
    for name in job["artifacts"]["reports"]["junit"]:
        ElementTree.parse(folder / name)
    (folder / "specs" / "net.yaml").write_text(NET + BUDGET.replace("700", "300"))
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    (issue,) = json.loads((folder / "gl-code-quality-report.json").read_text())
    assert issue["location"] == {"path": "specs/net.yaml", "lines": {"begin": 9}}
