"""Every command in every format: which file holds what, and that no text of a spec is obeyed by anyone."""

from __future__ import annotations

import csv
import inspect
import io
import json
import os
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from paramcalc.cli import commands, function
from paramcalc.commands._common import ENDINGS
from paramcalc.render import escape
from paramcalc.render.forms import written
from paramcalc.render.grid import Column, Grid, Line, Rows
from tests.conftest import Run
from tests.repositories import repository

HOSTILE = """\
name: '::stop-commands::x'
source: "##[error]source <b>|[a](b)"
note: "::note"
input: 1x8x8
knobs: {w: 4}
layers:
  - a: conv2d w 3   # ##[set-output name=x]y
  - flatten
  - linear 4
claims:
  '::stop-commands::x':
    - {params: 5, source: "##[x]:: <b>", called: "::y ##[z]"}
    - {macs: 6, source: "::s", unread: true}
budgets:
  - {params: "<= 1", note: "::error::x ##[z] <b>"}
"""
BROKEN = "name: '::n'\ninput: 3x8x8\nlayers:\n  - rellu   # ##[set-output name=ok]true\n"
# What each command is asked for a spec; {} stands for its file.
ARGUMENTS: dict[str, list[str]] = {
    "check": ["{}"],
    "compare": ["{}", "--set", "w=5"],
    "conventions": ["{}"],
    "count": ["{}"],
    "diff": ["{}", "--fail-if", "params >= +0"],
    "explain": ["{}", "--why", "torchinfo"],
    "export": ["{}"],
    "field": ["{}", "a"],
    "figure": ["{}", "--style", "graph"],
    "format": ["--check", "{}"],
    "formula": ["{}", "--per", "layer"],
    "import": [str(Path(__file__).parent / "models" / "lenet.prototxt")],
    "list": ["lenet"],
    "lsp": [],  # speaks a protocol: tests/test_lsp.py
    "memory": ["{}", "--layers"],
    "ops": ["conv2d"],
    "report": ["{}"],
    "schema": [],
    "serve": [],  # a page in a browser: tests/test_serve.py
    "show": ["{}"],
    "solve": ["{}", "--vary", "w", "--until", "params <= 1e4"],
    "sweep": ["{}", "w=1:3"],
    "table": ["{}"],
    "verify": ["{}"],
}


ONLY = {"schema": ".json", "report": ".html"}  # the endings of commands with one format
BYTES = ("pdf", "png")  # which tests/test_figure.py opens


def formats(command: str) -> list[str]:
    """The formats of text that a command offers; '' where it has only one."""
    parameter = inspect.signature(function(command), eval_str=True).parameters.get("format")
    if parameter is None:
        return [""]
    return [
        form for form in re.findall(r"'(\w+)'", str(get_args(parameter.annotation)[0])) if form not in BYTES
    ]


BINARY = {"onnx"}  # tests/test_export.py has them
WAYS = [
    (command, form)
    for command in commands()
    if command not in ("lsp", "serve")
    for form in formats(command)
    if form not in BINARY
]


def asked(command: str, form: str, path: Path) -> list[str]:
    if command == "diff":
        os.chdir(path.parent)  # which the fixture undoes
        repository(path.parent)
    words = [word.replace("{}", str(path)) for word in ARGUMENTS[command]]
    option = "--to" if command == "export" else "--format"
    return [command, *words, *([option, form] if form else [])]


@pytest.fixture(autouse=True)
def _stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())


def check_tame(text: str, form: str = "") -> None:
    """Raises where a line of a log would be obeyed, by a runner of GitHub or a terminal."""
    for line in text.splitlines():
        assert not line.lstrip().startswith("::") or (
            form == "github" and line.startswith(("::error ", "::notice "))
        ), line
        assert "##[" not in line, line
        assert line.isprintable(), ascii(line)


def test_every_command_is_asked() -> None:
    assert [*ARGUMENTS] == commands()


@pytest.mark.parametrize(("command", "form"), WAYS)
def test_no_text_of_a_spec_is_a_command(run: Run, tmp_path: Path, command: str, form: str) -> None:
    """Names, sources, claims and quoted lines: in every format, on both streams, also of a broken spec."""
    for name, text in (("hostile.yaml", HOSTILE), ("broken.yaml", BROKEN)):
        path = tmp_path / name
        path.write_text(text)
        found = run(*asked(command, form, path))

        check_tame(found.out, form)
        check_tame(found.err)
        if name == "broken.yaml" and "{}" in ARGUMENTS[command] and command != "format":
            assert found.code == (0 if command == "show" else 2)
            assert "rellu" in found.err + found.out


@pytest.mark.parametrize(("command", "form"), [way for way in WAYS if way[0] not in ("sweep", "format")])
def test_the_format_follows_the_ending(run: Run, tmp_path: Path, command: str, form: str) -> None:
    """A file holds what --format prints; other endings, and those of other formats, are errors with the formats."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(HOSTILE.replace("##[", "").replace("::", ""))
    ending = {"": ONLY.get(command, ".yaml"), "github": ""}.get(form) or ENDINGS[form or "yaml"]
    target = tmp_path / f"out{ending if isinstance(ending, str) else ending[0]}"
    words = asked(command, form, spec)
    words += ["--no-times"] if command == "verify" else []
    printed = run(*words)

    if form not in ("github", "gitlab", "keras"):  # whose endings are those of other formats too
        short = (
            words[: max(words.index(one) for one in ("--format", "--to") if one in words)] if form else words
        )
        short += ["--no-times"] if command == "verify" else []
        assert run(*short, "--output", str(target)).code == printed.code
        seconds = re.compile(r'"(layers|weights|seconds|memory_bytes)": [0-9.e-]+')
        assert seconds.sub("", target.read_text()) == seconds.sub("", printed.out)
    refused = run(*words, "--output", str(tmp_path / "out.png"))
    assert form or (refused.code == 2 and "does not write .png" in refused.err)
    if form:
        other = "out.md" if form != "markdown" else "out.csv"
        refused = run(*words, "--output", str(tmp_path / other))
        assert refused.code == 2
        assert form in refused.err.splitlines()[1]
    assert not (tmp_path / "out.png").exists() or form


TEXT = "=1+1 |<b>x</b> [a](http://b) `c` *d* ::e ##[f] \\input{g} $h$ & % \u202e\u200b \x1b[2J\ni"
HOSTILE_GRID = Grid(TEXT, (Column(TEXT), Column("plain")), (Line((TEXT, "1"), strong=True),), (TEXT,))


@pytest.mark.parametrize("form", ["table", "markdown", "latex", "html"])
def test_a_grid_keeps_to_its_lines(form: str) -> None:
    """Whatever cells hold: printable, and in as many lines as those of a plain grid."""
    plain = Grid("t", (Column("a"), Column("b")), (Line(("c", "1"), strong=True),), ("n",))

    text = written(HOSTILE_GRID, form)

    check_tame(text)
    assert len(text.splitlines()) == len(written(plain, form).splitlines())
    assert re.search(r"u202e\W+(textbackslash\W+)?u200b", text)


def test_markdown_begins_nothing() -> None:
    """Two columns stay two; no tag, link or code begins."""
    head, _, row = written(HOSTILE_GRID, "markdown").splitlines()[2:5]

    for line in (head, row):
        assert len(re.findall(r"(?<!\\)\|", line)) == 3
        assert not re.search(r"(?<!\\)(<|`|\]\()", line)
    assert escape.code("a`b") == "`` a`b ``"


def test_html_holds_no_tag_of_a_text() -> None:
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            tags.add(tag)

    Reader().feed(written(HOSTILE_GRID._replace(lines=()), "html"))

    assert tags == {"table", "caption", "b", "thead", "tr", "th", "tbody", "div", "small"}
    assert "<b>x" not in written(HOSTILE_GRID, "html")


def test_latex_commands_are_ours() -> None:
    """Of the text's own characters none is special: only known commands remain."""
    text = written(HOSTILE_GRID, "latex")

    known = {"begin", "toprule", "midrule", "bottomrule", "end", "textbackslash", "textbf", "quad", "times"}
    shown = [line for line in text.splitlines() if not line.startswith("%")]
    assert set(re.findall(r"\\([a-z]+)", "\n".join(shown))) <= known
    assert text.count("\n%") == 1 and text.startswith("% ")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_csv_holds_no_formula(text: str) -> None:
    """A text that a spreadsheet computes begins with an apostrophe; numbers stay numbers."""
    header, row = csv.reader(io.StringIO(written(Rows(("a", "b"), [(text, -1)]), "csv")))

    assert header == ["a", "b"]
    assert row[0].startswith("'") and row[0].isprintable()
    assert row[1] == "-1"


def test_formats_that_can_say_the_same_do(run: Run, tmp_path: Path) -> None:
    """What JSON and JUnit hold is the text itself."""
    path = tmp_path / "hostile.yaml"
    path.write_text(HOSTILE)

    claims = json.loads(run("check", str(path), "--format", "json").out)["claims"]
    root = ElementTree.fromstring(run("check", str(path), "--format", "junit").out)

    assert claims[0]["called"] == "::y ##[z]"
    assert "##[x]:: <b>" in (root[0][0][0].text or "")
    assert root[0].get("name") == "::stop-commands::x"


# ------------------------------------------------------------------------------------ the process


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "paramcalc", *arguments],
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize(
    "command", [command for command in commands() if command not in ("schema", "lsp", "serve")]
)
def test_a_stream_that_lacks_a_character_gets_its_escape(tmp_path: Path, command: str) -> None:
    """In every command, on both streams."""
    path = tmp_path / "ascii.yaml"
    path.write_text(
        "name: größe-名\nsource: Müller 名\ninput: 1x8x8\nknobs: {w: 4}\n"
        "layers: [a: conv2d w 3, flatten, linear 4]\n"
        "claims: {größe-名: [{params: 20, source: 'é 名'}, {macs: 1, source: é, unresolved: ü}]}\n",
        encoding="utf-8",
    )

    found = process(*asked(command, "", path), PYTHONIOENCODING="ascii")

    assert b"Traceback" not in found.stderr
    assert (found.stdout + found.stderr).isascii()
    assert found.returncode == (1 if command == "check" else 0)


@pytest.mark.parametrize("columns", ["²", "9" * 30, "-1", "x", ""])
def test_a_width_that_is_none_is_ignored(columns: str) -> None:
    """As wide as without COLUMNS; the help is shown as well."""
    wide = process("count", "lenet5-1998", COLUMNS="200")
    found = process("count", "lenet5-1998", COLUMNS=columns)

    assert found.stdout.decode().splitlines()[:4] == wide.stdout.decode().splitlines()[:4]
    assert process("count", "--help", COLUMNS=columns).returncode == 0


def test_an_interrupt_at_the_start_is_no_traceback() -> None:
    """From the first line of the package on: the handler that is set there ends the program."""
    code = "import os, signal, sys; sys.orig_argv = ['python', '-m', 'paramcalc']; import paramcalc; "
    code += "os.kill(os.getpid(), signal.SIGINT); print('still here')"

    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    assert (found.returncode, found.stdout, found.stderr) == (130, b"", b"")


def test_an_interrupt_of_whoever_imports_the_library_is_theirs() -> None:
    code = "import signal, paramcalc; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"

    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    assert found.stdout == b"True\n"


def test_a_link_to_elsewhere_is_not_read(run: Run, tmp_path: Path) -> None:
    """A message would show what is written there; the file itself, and a link beside it, are read."""
    secret = tmp_path / "secret"
    secret.write_text("root:x:0:0\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "out.yaml").symlink_to(secret)
    (inside / "spec.yaml").write_text("input: 3x8x8\nlayers: [relu]\n")
    (inside / "beside.yaml").symlink_to(inside / "spec.yaml")

    for words in (["count"], ["check"], ["show"], ["verify"]):
        found = run(*words, str(inside / "out.yaml"))
        assert found.code == 2
        assert "a link to outside its folder" in found.err
        assert "root" not in found.out + found.err.replace(str(tmp_path), "")
    assert run("count", str(inside / "beside.yaml")).code == 0
    assert "root:" not in run("verify", str(inside)).err


def test_a_file_keeps_its_mode(run: Run, tmp_path: Path) -> None:
    """What only its owner could read stays so; a new file has the usual mode."""
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.touch(mode=0o600)

    for path in (old, new):
        assert run("count", "lenet5-1998", "-o", str(path)).code == 0

    mask = os.umask(0)
    os.umask(mask)
    assert old.stat().st_mode & 0o777 == 0o600
    assert new.stat().st_mode & 0o777 == 0o666 & ~mask
