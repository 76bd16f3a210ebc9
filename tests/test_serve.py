"""The page with an editor: what it answers, whom its server answers, and the page itself in a real Chromium."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from paramcalc import load
from paramcalc.engine import library
from paramcalc.serve.answer import QUANTITIES, answer, bring
from tests.conftest import Run

ROOT = Path(__file__).parent.parent
SPECS = {path.stem: path.read_text("utf-8") for path in library.bundled_files()}
TYPO = "input: 3x8x8\nlayers:\n  - conv2d 8 3 strde=2\n"
WRONG_CLAIM = "name: toy\ninput: 4\nlayers:\n  - linear 2\nclaims:\n  toy:\n    - {params: 11, source: me}\n"


# ---------------------------------------------------------------------------------------- answer


@pytest.mark.parametrize("parts", [["table"], ["claims"], ["fixes"], ["completions"], ["page"]])
def test_an_answer_loads_nothing_heavy(parts: list[str]) -> None:
    """What the browser's Python does not have, or would load for seconds."""
    program = (
        "import json, sys\nfrom paramcalc.serve.answer import answer\n"
        f"answer({TYPO!r}, {{'parts': {parts!r}}}); answer({SPECS['lenet5-1998']!r}, {{'parts': {parts!r}}})\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"numpy", "sympy", "rich", "typer", "click", "pygls", "http", "socket", "multiprocessing"}
    assert not heavy & {*done.stdout.split()}


@pytest.mark.parametrize(
    ("stem", "variant"), [("lenet5-1998", ""), ("resnet", "resnet-50"), ("vit", "vit-b-16"), ("llama", "")]
)
def test_an_answer_has_the_numbers_of_count(stem: str, variant: str, run: Run) -> None:
    found = answer(SPECS[stem], {"parts": ["table"], "variant": variant})
    counted = json.loads(run("count", variant or stem, "--format", "json").out)
    table = found["table"]
    assert {name: int(table["totals"][name]) for name in QUANTITIES} == {
        name: counted["totals"][name] for name in QUANTITIES
    }
    top = [row for row in table["rows"] if row[0] == 0 and not row[9]]
    assert [sum(int(row[column]) for row in top) for column in (5, 6, 7)] == [
        counted["totals"][name] for name in QUANTITIES[:3]
    ]
    assert not found["problems"]
    json.dumps(found)


def test_an_answer_says_what_is_wrong_where_and_what_mends_it() -> None:
    (problem,) = answer(TYPO, {})["problems"]
    assert (problem["line"], problem["column"], problem["fact"], problem["notes"]) == (
        3, 16, "conv2d has no attribute 'strde'", ["did you mean 'stride'?"],
    )  # fmt: skip
    (fix,) = answer(TYPO, {"parts": ["fixes"], "at": problem["start"]})["fixes"]
    mended = TYPO[: fix["start"]] + fix["text"] + TYPO[fix["end"] :]
    assert mended == TYPO.replace("strde", "stride")
    assert answer(mended, {})["table"]["totals"]["params"] == str(8 * 3 * 9 + 8)


def test_places_are_in_utf_16_units() -> None:
    """A browser counts a character beyond the first plane as two."""
    text = "note: '😀😀'\n" + TYPO
    (problem,) = answer(text, {})["problems"]
    units = text.encode("utf-16-le")
    assert units[2 * problem["start"] : 2 * problem["end"]].decode("utf-16-le") == "strde"
    (fix,) = answer(text, {"parts": ["fixes"], "at": problem["start"]})["fixes"]
    assert fix["start"] == problem["start"]
    before = len((text.partition("strde")[0] + "str").encode("utf-16-le")) // 2
    offered = answer(text, {"parts": ["completions"], "offset": before})["completions"]
    assert offered["start"] == problem["start"]
    assert [one["label"] for one in offered["options"]] == ["stride="]


def test_completions_know_the_blocks_of_an_earlier_text() -> None:
    earlier = "input: 4\nblocks:\n  twice n:\n    - linear n\n    - linear n\nlayers:\n  - twice 4\n"
    text = earlier + "  - twi"
    settings = {"parts": ["completions"], "offset": len(text), "earlier": earlier}
    assert "twice" in [one["label"] for one in answer(text, settings)["completions"]["options"]]


def test_claims_that_fail_are_problems_at_their_place() -> None:
    found = answer(WRONG_CLAIM, {"parts": ["claims"]})
    assert found["claims"]["failed"] == found["claims"]["total"] == 1
    (claim,) = found["claims"]["claims"]
    assert (claim["computed"], claim["verdict"], claim["source"]) == ("10", "failed", "me")
    (problem,) = found["problems"]
    assert problem["line"] == 7 and "computed 10" in problem["fact"]


def test_a_variant_that_is_gone_is_the_first_network() -> None:
    found = answer(SPECS["resnet"], {"variant": "resnet-5"})
    assert found["table"]["totals"]["params"] == str(load("resnet").count().params)
    assert "resnet-50" in found["variants"]


def test_lines_say_what_they_make() -> None:
    found = answer(SPECS["lenet5-1998"], {})
    lines = SPECS["lenet5-1998"].splitlines()
    row = next(row for row in found["table"]["rows"] if row[1] == "C1")
    assert "C1" in lines[row[8] - 1]
    assert any("C1" in lines[line - 1] and "156 params" in text for line, text in found["table"]["hints"])


def test_a_network_from_elsewhere_is_brought_in(tmp_path: Path) -> None:
    cfg = b"[net]\nheight=8\nwidth=8\nchannels=3\n[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"
    found = bring("../../tiny.cfg", cfg)
    assert answer(found["text"], {})["table"]["totals"]["params"] == str(4 * 3 * 9 + 4)
    wrong = bring("config.json", b"{")
    assert wrong["text"] is None and "config.json" in wrong["error"] and "/tmp" not in wrong["error"]
