"""The language server: what it says of texts, then through the protocol, and in Neovim where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramcalc.base.errors import Fault
from paramcalc.engine import library
from paramcalc.lsp import names, words
from paramcalc.lsp.analysis import Analysis, analyse
from paramcalc.lsp.complete import complete
from paramcalc.lsp.fixes import fixes
from paramcalc.lsp.hints import hints
from paramcalc.lsp.hover import hover
from paramcalc.lsp.place import place
from paramcalc.model import parse
from tests.conftest import Run
from tests.editors import Client

# stem 3*3*3*4 + 4 = 112 params; a residual 2*(3*3*4*4 + 4) = 296, norm 8; head 4*10 + 10.
NET = """\
name: net
input: 3 x size x size
knobs: {width: 4, size: 8}
variants: {net: {}, wide: {like: net, width: 8}}
blocks:
  unit out k=3:
    - add: {main: conv2d out k padding=k//2, skip: identity}
    - relu
layers:
  - stem: conv2d width 3 padding=1, relu
  - body: 2 * unit width
  - norm: batch_norm
  - concat from norm stem
  - pool: global_avg_pool
  - head: linear 10
claims:
  net: [{params: 508, layer: stem}]
budgets:
  - {params: "<= 1K", layer: head}
"""


def of(text: str = NET, sibling: library.Sibling = lambda name: None) -> Analysis:
    return analyse(text, Path("/net.yaml"), sibling)


def spot(text: str, marked: str) -> int:
    """The place of a `|` in a part of a text."""
    part = marked.replace("|", "")
    assert text.count(part) == 1, part
    return text.index(part) + marked.index("|")


# ------------------------------------------------------------------------------------- findings


def test_findings() -> None:
    """Mistakes, remarks, and claims and budgets that are not met, at their places."""
    found = of(NET.replace("<= 1K", "<= 10"))

    assert [(NET[one.start : one.end][:3], one.level, one.message) for one in found.findings] == [
        ("508", "error", "net: stem params: computed 112, off by -78 %"),
        ('"<=', "error", "net: head params: 90, over by 800 %"),
        ('"<=', "error", "wide: head params: 170, over by 1600 %"),
    ]
    wrong = of(NET.replace("relu\nlayers", "relux\nlayers").replace("head: linear", "head: linaer"))
    assert [one.message for one in wrong.findings] == [
        "there is no op or block 'relux'",
        "there is no op or block 'linaer'",
    ]
    unread = of(NET.replace("knobs: {", "knobs: {depth: 3, "))
    assert ("warning", "nothing reads the knob 'depth'") in {
        (one.level, one.message) for one in unread.findings
    }


def test_a_mistake_in_a_used_spec_is_shown_at_use() -> None:
    beside = analyse("x", Path("/used.yaml"), lambda name: None).source._replace(
        text="input: 3\nlayers: [lin 2]\n"
    )
    found = of("use: used\n", lambda name: beside if name == "used" else None)

    (one,) = found.findings
    assert (one.start, one.end) == (0, 3)
    assert one.message.startswith("/used.yaml:2:10: there is no op")


@pytest.mark.parametrize(
    "text", ["", "\0", "a: [", "%YAML", "\ud800", "- 1", "layers:\n" + "  - relu\n" * 3, "input: ["]
)
def test_any_text_has_findings_and_nothing_breaks(text: str) -> None:
    """While somebody types, a text is seldom a spec."""
    found = of(text)

    assert found.findings
    assert hints(found) == []
    for offset in range(0, len(text) + 1, 3):
        complete(place(text, offset), found)
        hover(found, offset)
        names.definition(found, offset, lambda name: None)
    names.symbols(found.source)


@pytest.mark.parametrize(
    ("old", "new", "titles"),
    [
        ("padding=1, relu", "pading=1, relu", ["Write padding"]),
        ("head: linear", "head: linaer", ["Write linear"]),
        ("- norm: batch_norm", "- norm: BatchNorm2d(4)", ["Write batch_norm"]),
        (
            "stem: conv2d width 3 padding=1",
            "stem: nn.Conv2d(3, 4, 3, padding=1)",
            ["Write conv2d 4 3 padding=1"],
        ),
        ("from norm stem", "from norm stm", ["Write stem"]),
        ('"<= 1K"', "1K", ['Write "<= 10K"']),
        ("pool: global_avg_pool\n", "pool: relu\n", ["Add flatten before it", "Write conv2d 10 1"]),
        ("like: net", "like: nett", ["Write net"]),
        ("layer: stem", "layer: steam", ["Write stem"]),
        ("batch_norm", "batch_norm 64", []),  # the message has no text that could be tried
    ],
)
def test_fixes_are_those_that_mend(old: str, new: str, titles: list[str]) -> None:
    """Each was tried: the mistake is gone, and no other has come."""
    assert NET.count(old) == 1
    text = NET.replace(old, new).replace("508", "112").replace("1K", "10K")
    analysis = of(text)

    found = [fix for one in analysis.findings for fix in fixes(analysis, one, lambda name: None)]

    assert [fix.title for fix in found] == titles
    for fix in found:
        after = of(text[: fix.start] + fix.text + text[fix.end :])
        assert {one.message for one in after.findings}.isdisjoint(one.message for one in analysis.findings)


# ------------------------------------------------------------------------------------- hints


def test_hints() -> None:
    """The shape that leaves a line and its params; of a block that is called twice, of one of both."""
    lines = {hint.line + 1: hint.text for hint in hints(of())}

    assert lines == {
        7: "4x8x8  148 params  2 times",
        8: "4x8x8  2 times",
        10: "4x8x8  112 params",
        11: "4x8x8  296 params",
        12: "4x8x8  8 params",
        13: "8x8x8",
        14: "8",
        15: "10  90 params",
    }


def test_hints_of_what_differs_and_what_is_deep() -> None:
    text = """\
input: 3x8x8
layers:
  - group:
      - repeat: 2
        layers:
          - a: conv2d 3*(i+1) 1, relu
      - table:
          columns: name out
          rows: [one 4, two 5]
          layers: {if: out > 4, then: conv2d out 1, else: conv2d out 3 padding=1}
  - add:
      left: conv2d 2 1, relu, conv2d 2 1
      right: conv2d 2 1
"""
    lines = {hint.line + 1: hint.text for hint in hints(of(text))}

    # 3*3+3, 3*6+6; 6*4*9+4, 4*5+5; 5*2+2 and 2*2+2, 5*2+2
    assert lines[6] == "3x8x8 .. 6x8x8  36 params in all  2 times"
    assert lines[3] == "5x8x8  281 params"
    assert lines[10] == "4x8x8 .. 5x8x8  245 params in all  2 times"
    assert (lines[12], lines[13]) == ("2x8x8  18 params", "2x8x8  12 params")


@pytest.mark.parametrize("name", ["resnet", "vgg", "densenet", "googlenet", "mobilenet-v2", "unet", "swin"])
def test_the_hints_of_bundled_specs_add_up(name: str) -> None:
    """Those below `layers`, without what stands below a line that has a sum, are all params of the network."""
    path = library.bundled_folder() / f"{name}.yaml"
    analysis = analyse(path.read_text("utf-8"), path, library.beside(path.parent))
    lines = {hint.line: hint.text for hint in hints(analysis)}
    begun, covered, total = False, 99, 0
    for number, line in enumerate(analysis.text.splitlines()):
        depth = len(line) - len(line.lstrip())
        if not depth and line:
            begun = line.startswith("layers:")
        if not begun or depth > covered:
            continue
        params = re.findall(r"([\d,]+) params", lines.get(number, ""))
        covered = depth if params else 99
        total += sum(int(one.replace(",", "")) for one in params)

    assert analysis.report is not None
    assert total == analysis.report.with_auxiliary.params


# ------------------------------------------------------------------------------------- completion


@pytest.mark.parametrize(
    ("old", "typed", "offered", "missing"),
    [
        ("budgets:", "bu|", ["budgets"], "layers"),
        ("  - norm: batch_norm", "  - norm: ba|", ["batch_norm"], "conv2d"),
        ("  - norm: batch_norm", "  - un|", ["unit"], "relu"),
        ("  - norm: batch_norm", "  - re|", ["relu", "repeat: ", "reshape"], "linear"),
        ("  - norm: batch_norm", "  - norm: relu, ba|", ["batch_norm"], "repeat: "),
        ("  - norm: batch_norm", "  - conv2d 4 3 pa|", ["padding=", "padding_mode="], "out_channels="),
        (
            "  - norm: batch_norm",
            "  - conv2d 4 3 padding=1 |",
            ["stride=", "bias=", "from", "width"],
            "padding=",
        ),
        ("  - norm: batch_norm", "  - conv2d 4 3 bias=|", ["true", "false"], "stride="),
        ("  - norm: batch_norm", "  - conv2d wi|", ["width"], "relu"),
        ("  - norm: batch_norm", "  - 3 * unit |", ["out=", "k=", "width"], "stride="),
        ("  - norm: batch_norm", "  - concat from st|", ["stem"], "concat"),
        ("  - norm: batch_norm", "  - concat from body/|", ["body/0", "body/1"], "stem"),
        ("  - norm: batch_norm", "  - {a: relu, b: con|", ["conv2d"], "relu"),
        ("    - relu\n", "    - conv2d o|\n", ["out"], "relu"),
        ("    - relu\n", "    - conv2d (k + |\n", ["k", "out", "width"], "relu"),
        ("layer: stem", "layer: bo|", ["body"], "stem"),
        ("{params: 508,", "{params: 508, conv|", ["convention: "], "layer: "),
        ("{params: 508,", "{params: 508, convention: weights|", ["weights-only"], "torchinfo"),
        ('{params: "<= 1K"', "{peak|", ["peak_memory: "], "params: "),
        ("like: net", "like: wi|", ["wide"], "net"),
        ("{like: net, width", "{wi|", ["width"], "like"),
        ("name: net", "use: resn|", ["resnet"], "vgg"),
    ],
)
def test_completions(old: str, typed: str, offered: list[str], missing: str) -> None:
    """Of the line as far as it is typed, and of the names that the last good text had."""
    assert NET.count(old) == 1
    text = NET.replace(old, typed)
    offset = text.index("|")
    text = text.replace("|", "")

    found = [one.text for one in complete(place(text, offset), of())]

    assert set(offered) <= set(found)
    assert missing not in found


def test_completions_of_a_large_spec_are_few() -> None:
    text = "input: 8\nlayers:\n" + "".join(f"  - layer{n}: linear 8\n" for n in range(3000))

    assert len(complete(place(text + "  - add from ", len(text) + 13), of(text))) == 200


# ------------------------------------------------------------------------------------- hover


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("stem: con|v2d width", "A sliding dot product"),
        ("stem: con|v2d width", "params = (k_h*k_w*C_in + 1)*C_out = (3*3*3 + 1)*4 = 112"),
        ("st|em: conv2d", "stem/conv2d: conv2d 4 3 padding=1, 3x8x8 -> 4x8x8"),
        ("3 padd|ing=1, relu", "`padding` of `conv2d`: Padding, default 0"),
        ("2 * un|it width", "`unit out k=3`: a block"),
        ("2 * unit wid|th", "`width`: a knob, 4"),
        ("main: con|v2d out", "the first of 2 layers that this line makes"),
        ("from norm st|em", "`stem`: 4x8x8, 112 params"),
        ("like: n|et", "`net`: a model"),
    ],
)
def test_hover(marked: str, said: str) -> None:
    assert said in hover(of(), spot(NET, marked))


# ------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("marked", "defined"),
    [
        ("2 * un|it width", "|unit out k=3:"),
        ("2 * unit wid|th", "|width: 4, size"),
        ("from norm st|em", "|stem: conv2d"),
        ("layer: st|em", "|stem: conv2d"),
        ("conv2d o|ut k padding", "unit |out k=3"),
        ("padding=k|//2", "unit out |k=3"),
        ("like: n|et", "|net: {}"),
        ("  n|et: [{params", "|net: {}"),
        ("3 x si|ze x size", "|size: 8"),
    ],
)
def test_definition(marked: str, defined: str) -> None:
    found = names.definition(of(), spot(NET, marked), lambda name: None)

    assert found is not None
    assert (found.path, found.start) == ("/net.yaml", spot(NET, defined))


def test_definition_elsewhere() -> None:
    """Of a block of the spec that is used, and of that spec."""
    text = "use: resnet\nlayers:\n  - bottleneck 64 1\n"
    analysis = of(text)
    resnet = library.bundled_folder() / "resnet.yaml"
    block = names.definition(analysis, text.index("bottleneck"), lambda name: None)
    used = names.definition(analysis, 6, lambda name: None)

    assert block is not None and Path(block.path) == resnet
    assert block.text[block.start : block.end] == "bottleneck"
    assert used is not None and Path(used.path) == resnet


@pytest.mark.parametrize(
    ("marked", "name", "count"),
    [
        ("2 * un|it width", "residual", 2),
        ("wid|th: 4, size", "w", 4),
        ("conv2d o|ut k padding", "filters", 2),
        ("unit out |k=3", "kernel", 3),
        ("st|em: conv2d", "entry", 3),
        ("like: n|et", "small", 3),
        ("siz|e: 8", "n", 3),
        ("layer: he|ad", "classes", 2),
    ],
)
def test_rename(marked: str, name: str, count: int) -> None:
    """Every word that means it, and no other; the network stays what it was."""
    analysis = of(NET.replace("name: net", "name: network"))
    chosen = names.rename(analysis, spot(analysis.text, marked), name, lambda name: None)
    after = names.renamed(analysis.text, chosen, name)

    assert len(chosen) == count
    assert parse(after).count().params == parse(analysis.text).count().params
    old = analysis.text[chosen[0].start : chosen[0].end]
    assert len([word for word in words.words(of(after).source) if word.text == name]) == count
    assert not re.search(rf"(?<![\w.-]){old}(?![\w-])", after)


@pytest.mark.parametrize(
    ("marked", "name", "why"),
    [
        ("2 * un|it width", "relu", "would mean something else"),
        ("wid|th: 4, size", "size", "would mean something else"),
        ("wid|th: 4, size", "3d", "is not a name"),
        ("wid|th: 4, size", "floor", "means something in expressions"),
        ("st|em: conv2d", "norm", "would mean something else"),
        ("st|em: conv2d", "a b", "is not a name"),
        ("bat|ch_norm", "unit", "nothing here has a name"),
    ],
)
def test_a_name_that_would_change_the_network_is_refused(marked: str, name: str, why: str) -> None:
    with pytest.raises(Fault, match=why):
        names.rename(of(), spot(NET, marked), name, lambda name: None)


def test_names_in_long_blocks_and_chosen_inputs() -> None:
    """Outputs of a block, and knobs in the parts of an input that a condition chooses."""
    text = """\
input: {if: size > 4, then: 3 x size x size, else: 3x4x4}
knobs: {size: 8}
blocks:
  unit out:
    outputs: {all: maps}
    layers: [maps: conv2d out 1, relu]
layers: [u: unit 4, add from u/all u]
"""
    analysis = of(text)
    for marked, name, count in (
        ("{s|ize: 8}", "n", 4),
        ("[ma|ps: conv2d", "inside", 2),
        ("{a|ll: maps", "end", 2),
    ):
        chosen = names.rename(analysis, spot(text, marked), name, lambda name: None)
        after = names.renamed(text, chosen, name)

        assert len(chosen) == count, marked
        assert parse(after).count().params == 16


def test_a_broken_spec_is_not_renamed() -> None:
    with pytest.raises(Fault, match="mend the mistakes"):
        names.rename(of(NET.replace("linear", "linaer")), 1, "x", lambda name: None)


def test_symbols() -> None:
    found = {symbol.name: [child.name for child in symbol.children] for symbol in names.symbols(of().source)}

    assert found == {
        "name": [], "input": [], "knobs": ["width", "size"], "variants": ["net", "wide"],
        "blocks": ["unit out k=3"], "layers": ["stem", "body", "norm", "pool", "head"], "claims": ["net"],
        "budgets": ["params", "layer"],
    }  # fmt: skip


@pytest.mark.parametrize("path", library.bundled_files(), ids=lambda path: path.stem)
def test_every_word_of_the_bundled_specs_stands_where_it_is_said_to(path: Path) -> None:
    """Its text is at its place, and no place has two."""
    analysis = analyse(path.read_text("utf-8"), path, library.beside(path.parent))
    found = words.words(analysis.source)

    assert all(analysis.text[word.start : word.end] == word.text for word in found)
    assert len({word.start for word in found}) == len(found)
    assert [one for one in analysis.findings if one.level == "error"] == []


# ------------------------------------------------------------------------------------- protocol


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    pytest.importorskip("pygls")
    with Client(tmp_path) as found:
        yield found


def test_a_session(client: Client) -> None:
    """A mistake is typed, shown, mended by its fix; hints follow; a name is changed; the text is closed."""
    assert client.open("net.yaml", NET.replace("508", "112")) == []
    client.type("net.yaml", 14, 13, "a", erased=0)
    (wrong,) = client.wrong("net.yaml")
    assert wrong["message"].splitlines()[0] == "there is no op or block 'linaear'"
    assert wrong["range"]["start"] == {"line": 14, "character": 10}
    (action,) = client.about("net.yaml", "codeAction", 14, 14, context={"diagnostics": []})
    ((_, [edit]),) = action["edit"]["changes"].items()
    client.type("net.yaml", 14, edit["range"]["start"]["character"], edit["newText"], erased=len("linaear"))
    assert client.wrong("net.yaml") == []

    hinted = client.about("net.yaml", "inlayHint", 9, 10)
    assert [(one["position"], one["label"]) for one in hinted] == [
        ({"line": 9, "character": 40}, "4x8x8  112 params"),
        ({"line": 10, "character": 24}, "4x8x8  296 params"),
    ]
    assert "sliding" in client.at("net.yaml", "hover", 9, 12)["contents"]["value"]
    assert client.at("net.yaml", "definition", 10, 15)["range"]["start"] == {"line": 5, "character": 2}
    assert len(client.at("net.yaml", "references", 10, 15, context={"includeDeclaration": True})) == 2
    ((_, edits),) = client.at("net.yaml", "rename", 10, 15, newName="residual")["changes"].items()
    assert [one["range"]["start"]["line"] for one in edits] == [5, 10]
    with pytest.raises(RuntimeError, match="would mean something else"):
        client.at("net.yaml", "rename", 10, 15, newName="relu")
    listed = client.ask("textDocument/documentSymbol", textDocument={"uri": client.uri("net.yaml")})
    labels = [one["name"] for one in listed]
    assert labels[:2] == ["name", "input"]
    client.tell("textDocument/didClose", textDocument={"uri": client.uri("net.yaml")})
    assert client.wrong("net.yaml") == []


def test_completions_replace_what_is_typed(client: Client) -> None:
    """While the text is none, with the names of the one before."""
    client.open("net.yaml", NET)
    client.type("net.yaml", 15, 0, "  - add from bo\n")
    found = client.at("net.yaml", "completion", 15, 15)

    (item,) = found["items"]
    assert item["textEdit"] == {
        "newText": "body",
        "range": {"start": {"line": 15, "character": 13}, "end": {"line": 15, "character": 15}},
    }


def test_positions_count_as_the_client_does(client: Client) -> None:
    """In UTF-16 unless it asks otherwise: a letter beyond the first plane counts twice. Lines may end in any way."""
    text = "note: '\U0001d518\U0001d52b'\r\ninput: 3x8x8\rlayers: [a: relu, b: rel] # \U0001d518\n"
    (wrong,) = client.open("net.yaml", text)
    assert wrong["range"] == {"start": {"line": 2, "character": 21}, "end": {"line": 2, "character": 24}}
    client.open("two.yaml", "input: 3x8x8\nlayers: {'\U0001d518': relu}\n")
    client.type("two.yaml", 1, 9, "a", erased=4)

    assert client.wrong("two.yaml") == []


def test_the_open_text_of_a_used_spec_counts(client: Client) -> None:
    """Not the one on the disk; a change of it is seen when it is saved."""
    (client.folder / "base.yaml").write_text("input: 3\nlayers: [linear 2]\n")
    assert client.open("net.yaml", 'use: base\nbudgets: [{params: "<= 8"}]\n') == []
    client.open("base.yaml", "input: 3\nlayers: [linear 3]\n")
    client.tell("textDocument/didSave", textDocument={"uri": client.uri("base.yaml")})
    (wrong,) = client.wrong("net.yaml")

    assert wrong["message"] == "base: params: 12, over by 50 %"


def test_formatting(client: Client) -> None:
    """One edit, from the first line that changes to the last; of a text in its normal form, and of none, nothing."""
    client.open("net.yaml", NET.replace("  - norm:", "  -   norm:"))
    options = {"tabSize": 2, "insertSpaces": True}

    def edits(name: str) -> Any:
        return client.ask("textDocument/formatting", textDocument={"uri": client.uri(name)}, options=options)

    (edit,) = edits("net.yaml")
    assert edit["newText"] == "  - norm: batch_norm\n"
    assert edit["range"] == {"start": {"line": 11, "character": 0}, "end": {"line": 12, "character": 0}}
    client.open("good.yaml", NET)
    assert edits("good.yaml") == []
    client.open("bad.yaml", "a: [\n")
    assert edits("bad.yaml") is None


def test_hints_are_asked_for_again(tmp_path: Path) -> None:
    """Where the client can: what it drew is of the text before."""
    pytest.importorskip("pygls")
    with Client(tmp_path, {"workspace": {"inlayHint": {"refreshSupport": True}}}) as client:
        client.open("net.yaml", NET)
        client.about("net.yaml", "inlayHint")

        assert client.asked == ["workspace/inlayHint/refresh"]


def test_a_keystroke_waits_for_nobody(client: Client) -> None:
    """Completions come while a text of 3,000 lines is analysed; `benchmarks/lsp.py` measures one of 10,000."""
    lines = [f"  - c{n}: conv2d 16 3 padding=1, relu" for n in range(3000)]
    client.open("net.yaml", "\n".join(["input: 3x32x32", "layers:", *lines]))
    client.type("net.yaml", 1500, 0, "  - \n")
    waits = []
    for place_, char in enumerate("conv2d 16 3 pad"):
        begin = time.perf_counter()
        client.type("net.yaml", 1500, 4 + place_, char)
        found = client.at("net.yaml", "completion", 1500, 5 + place_)
        waits.append(time.perf_counter() - begin)

    assert "padding=" in [one["label"] for one in found["items"]]
    assert sorted(waits)[len(waits) // 2] < 1


def test_without_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygls.lsp.server", None)
    found = run("lsp")

    assert found.code == 2
    assert "pip install 'paramcalc[lsp]'" in found.err


# ------------------------------------------------------------------------------------- Neovim

LUA = """
local function out(name, value) io.stdout:write(name .. '\\t' .. vim.fn.json_encode(value) .. '\\n') end
local cmd = { PYTHON, '-m', 'paramcalc', 'lsp' }
local client = vim.lsp.start_client({ name = 'paramcalc', cmd = cmd, root_dir = vim.fn.getcwd() })
vim.cmd('edit net.yaml')
vim.lsp.buf_attach_client(0, client)
local function ask(method, params) return vim.lsp.buf_request_sync(0, method, params, 30000)[client].result end
local function wait(count)
  vim.wait(30000, function() return #vim.diagnostic.get(0) == count end, 50)
  return vim.tbl_map(function(one) return { one.lnum, one.col, one.message } end, vim.diagnostic.get(0))
end
out('wrong', wait(1))
vim.api.nvim_win_set_cursor(0, { 15, 12 })
local range = vim.lsp.util.make_range_params()
range.context = { diagnostics = {} }
local actions = ask('textDocument/codeAction', range)
out('actions', vim.tbl_map(function(one) return one.title end, actions))
vim.lsp.util.apply_workspace_edit(actions[1].edit, 'utf-16')
out('mended', { wait(0), vim.api.nvim_buf_get_lines(0, 14, 15, false)[1] })
local hints = ask('textDocument/inlayHint', { textDocument = vim.lsp.util.make_text_document_params(),
  range = { start = { line = 9, character = 0 }, ['end'] = { line = 9, character = 0 } } })
out('hints', vim.tbl_map(function(one) return one.label end, hints))
vim.api.nvim_win_set_cursor(0, { 11, 15 })
out('definition', ask('textDocument/definition', vim.lsp.util.make_position_params()).range.start.line)
vim.lsp.buf.rename('residual')
vim.wait(30000, function() return vim.api.nvim_buf_get_lines(0, 10, 11, false)[1]:find('residual') ~= nil end, 50)
out('renamed', vim.api.nvim_buf_get_lines(0, 5, 11, false))
vim.api.nvim_win_set_cursor(0, { 10, 10 })
out('hover', ask('textDocument/hover', vim.lsp.util.make_position_params()).contents.value)
vim.api.nvim_buf_set_lines(0, 15, 15, false, { '  - con' })
vim.api.nvim_win_set_cursor(0, { 16, 7 })
local position = vim.lsp.util.make_position_params()
position.position.character = 7
out('completion', vim.tbl_map(function(one) return one.label end, ask('textDocument/completion', position).items))
vim.cmd('qa!')
"""


@pytest.mark.skipif(shutil.which("nvim") is None, reason="Neovim is not installed")
def test_neovim(tmp_path: Path) -> None:
    """Its own client: diagnostics, a code action applied, hints, definition, rename, hover, completion."""
    pytest.importorskip("pygls")
    (tmp_path / "net.yaml").write_text(NET.replace("508", "112").replace("head: linear", "head: linaer"))
    (tmp_path / "init.lua").write_text(LUA.replace("PYTHON", json.dumps(sys.executable)))
    done = subprocess.run(
        ["nvim", "--headless", "--clean", "-n", "-c", "luafile init.lua"],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    said: dict[str, Any] = {}
    for line in (done.stdout + done.stderr).splitlines():
        name, tab, value = line.partition("\t")
        if tab:
            said[name] = json.loads(value)

    message = "there is no op or block 'linaer'\ndid you mean 'linear' or 'bilinear'?"
    assert said["wrong"] == [[14, 10, message]], done.stderr
    assert said["actions"] == ["Write linear"]
    assert said["mended"] == [[], "  - head: linear 10"]
    assert said["hints"] == ["4x8x8  112 params"]
    assert said["definition"] == 5
    assert (said["renamed"][0], said["renamed"][-1]) == (
        "  residual out k=3:",
        "  - body: 2 * residual width",
    )
    assert "(3*3*3 + 1)*4 = 112" in said["hover"]
    assert said["completion"][:2] == ["concat", "conv1d"]
