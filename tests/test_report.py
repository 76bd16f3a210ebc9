"""The page: its numbers are those of `count` at any setting, by real keys and clicks in a real Chromium."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paramcalc import load, parse
from paramcalc.report.closed import State, states
from paramcalc.report.page import QUANTITIES, document
from tests.browser import Opened, browser, needs_browser
from tests.conftest import Run

MODELS = (
    "lenet5-1998", "alexnet", "vgg-16", "googlenet", "resnet-50", "densenet-121", "unet", "vit-b-16",
    "mobilenet-v2", "llama",
)  # fmt: skip
POINTS = 20  # of each
HOSTILE = """\
name: '<img src=x onerror=alert(1)> </script><script>alert(2)</script> " & <!-- `{0}`'
source: {title: '<b onclick=alert(3)>bold</b>'}
note: "</style><script>alert(4)</script>"
input: 1x8x8
knobs: {w: 4}
layers:
  - a: conv2d w 3
  - flatten
  - linear 4
claims:
  '<img src=x onerror=alert(1)> </script><script>alert(2)</script> " & <!-- `{0}`':
    - {params: 5, source: "</td></table><script>alert(5)</script>", called: "<i>"}
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def opened(chromium: Any, tmp_path: Path, run: Run) -> Iterator[Any]:
    """Opens the page of some networks: `opened("resnet-50", width=400)`."""
    pages = []

    def opened(*specs: str, width: int = 1100, **settings: Any) -> Opened:
        path = tmp_path / "page.html"
        assert run("report", *specs, "-o", str(path)).code == 0
        pages.append((Opened(chromium, path, width, **settings), path))
        return pages[-1][0]

    yield opened
    for one, path in pages:
        one.check_quiet(path)
        one.page.close()


def totals(page: Any, section: int = 0) -> list[int]:
    texts = page.locator("section").nth(section).locator(".totals b").all_inner_texts()
    return [int(text.replace(",", "")) for text in texts]


def counted(name: str, **knobs: Any) -> list[int]:
    counts = load(name).count(**knobs).totals
    return [getattr(counts, quantity) for quantity in QUANTITIES]


# ------------------------------------------------------------------------------------- exactness


def point(state: State, draw: random.Random) -> dict[str, int]:
    """Random values of some letters; some of up to thirteen digits, of which twenty follow."""
    values = {}
    for symbol, domain in zip(state.closed.symbols, state.closed.domains, strict=True):
        if draw.random() < 0.4:
            values[symbol.letter] = symbol.default
            continue
        steps = (
            10**13 if draw.random() < 0.2 and "classes" in symbol.stands_for else 3 * max(symbol.default, 4)
        )
        most = steps if domain.most is None else domain.most
        values[symbol.letter] = domain.least + domain.step * draw.randint(
            0, (most - domain.least) // domain.step
        )
    return values


@needs_browser
@pytest.mark.parametrize("name", MODELS)
def test_forms_are_what_count_gives(chromium: Any, tmp_path: Path, run: Run, name: str) -> None:
    """At random points of random settings: all totals, and the sum of the table's lines; to the last digit."""
    path = tmp_path / "page.html"
    run("report", name, "-o", str(path))
    page = Opened(chromium, path).page
    draw = random.Random(name)
    model, found = load(name), states(load(name))
    tried = 0
    for _ in range(POINTS * 30):
        number = draw.randrange(len(found))
        state = found[number]
        values = point(state, draw)
        holds = all(one.holds(values) for one in state.closed.assumptions)
        shown = page.evaluate(COMPUTED, [number, {letter: str(value) for letter, value in values.items()}])
        assert (shown is not None) == holds, (state.label, values)
        if not holds:
            continue
        knobs, inputs = state.closed.numbers(values)
        label, _, text = state.label.partition(" = ")
        words = {label: model_value(text)} if label else {}
        counts = model.count(inputs=inputs, **{**words, **knobs}).totals
        assert [int(each) for each in shown["totals"]] == [getattr(counts, each) for each in QUANTITIES]
        assert shown["lines"] in ([], [str(getattr(counts, each)) for each in QUANTITIES[:3]])
        tried += 1
        if tried == POINTS:
            break
    assert tried == POINTS or not found[0].closed.symbols
    page.close()


COMPUTED = """([number, values]) => {
    const data = JSON.parse(document.getElementById("data").textContent), state = data.models[0].states[number];
    const letters = Object.fromEntries(Object.entries(values).map(([letter, value]) => [letter, whole(BigInt(value))]));
    const at = new Point(data, letters);
    if (at.broken(state)) return null;
    const lines = Network.prototype.lines.call({data, state, at}).filter(line => !line.depth);
    const sums = [0, 1, 2].map(place => String(lines.reduce((sum, line) => sum + line.counts[place], 0n)));
    return {totals: state.totals.map(total => String(at.number(total))), lines: lines.length ? sums : []};
}"""


def model_value(text: str) -> Any:
    """A label's value as `count` takes it."""
    from paramcalc.count.vary import value

    return {"true": True, "false": False}.get(text, value(text.strip("'")) if text else None)


# ------------------------------------------------------------------------------- keys and clicks


@needs_browser
def test_knobs_turn_by_keys(opened: Any) -> None:
    """A number typed into a knob, and the arrow keys on its slider, give the totals of the command line."""
    page = opened("resnet-50").page
    assert totals(page) == counted("resnet-50")

    box = page.get_by_label("width", exact=True)
    box.fill("96")
    box.press("Enter")
    assert totals(page) == counted("resnet-50", width=96)

    page.get_by_label("depths[2] (slider)").focus()
    page.keyboard.press("ArrowRight")
    assert totals(page) == counted("resnet-50", width=96, depths=(3, 4, 7, 3))


@needs_browser
def test_the_picture_is_plainly_of_the_network_as_written(opened: Any) -> None:
    """It fades while knobs are turned, and says what it is without; a button turns them back."""
    page = opened("resnet-50").page
    back = page.get_by_role("button", name="as written")
    assert not back.is_visible()

    page.get_by_label("one other setting").select_option("option = 'A'")
    page.get_by_label("width", exact=True).fill("96")
    page.keyboard.press("Enter")
    caption = page.locator("figcaption").inner_text()
    assert caption == "The picture shows the network as written, without option = 'A', width = 96."
    assert float(page.locator("figure svg").evaluate("svg => getComputedStyle(svg).opacity")) < 0.5

    back.click()
    assert totals(page) == counted("resnet-50")
    assert page.get_by_label("width", exact=True).input_value() == "64"
    assert page.locator("figcaption").inner_text() == ""
    assert page.locator("figure svg").evaluate("svg => getComputedStyle(svg).opacity") == "1"


@needs_browser
def test_a_value_that_does_not_fit_changes_nothing(opened: Any) -> None:
    """The size goes in steps of 32; another is marked, and what fits is said."""
    page = opened("resnet-50").page
    box = page.get_by_label("size", exact=True)

    box.fill("225")
    box.press("Enter")

    assert totals(page) == counted("resnet-50")
    assert "bad" in (box.get_attribute("class") or "")
    assert "steps of 32" in box.evaluate("box => box.validationMessage")


@needs_browser
def test_a_network_that_does_not_exist_is_said(opened: Any) -> None:
    """12 heads do not divide 767 channels."""
    page = opened("vit-b-16").page
    box = page.get_by_label("dim", exact=True)

    box.fill("767")
    box.press("Enter")

    assert "it needs heads divides dim" in page.locator(".totals").inner_text()
    box.fill("1536")
    box.press("Enter")
    assert totals(page) == counted("vit-b-16", dim=1536)


@needs_browser
def test_words_are_baked_in(opened: Any) -> None:
    """Another setting has a table and totals of its own, in which the knobs turn too."""
    page = opened("resnet-50").page

    page.get_by_label("one other setting").select_option("option = 'A'")
    assert totals(page) == counted("resnet-50", option="A")
    box = page.get_by_label("width", exact=True)
    box.fill("32")
    box.press("Enter")
    assert totals(page) == counted("resnet-50", option="A", width=32)


def cells(page: Any) -> list[list[str]]:
    rows = page.locator(".layers tbody tr")
    return [rows.nth(place).locator("td").all_inner_texts() for place in range(rows.count())]


@needs_browser
def test_the_table_opens_by_keyboard_alone(opened: Any) -> None:
    """Down, right, down, Enter: a group opens, and a layer shows its formula with the numbers in place."""
    page = opened("alexnet").page
    page.locator(".layers button").first.focus()
    before = page.locator(".layers tbody tr").count()

    page.keyboard.press("ArrowRight")
    assert page.locator(".layers tbody tr").count() == before + 2
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    formula = page.locator(".formula").inner_text()
    assert "params = (k_h*k_w*C_in + 1)*C_out = (11*11*3 + 1)*96 = 34,944" in formula
    assert page.evaluate("document.activeElement.dataset.key") == "conv1/conv2d"
    page.keyboard.press("Enter")
    assert page.locator(".formula").count() == 0


@needs_browser
def test_formulas_follow_the_knobs(opened: Any) -> None:
    """LeNet's first knob turned: the equation of a layer has the new numbers, and the same value as its line."""
    page = opened("alexnet").page
    box = page.get_by_label("widths[0]", exact=True)
    box.fill("64")
    box.press("Enter")

    page.get_by_role("button", name="conv1").click()
    page.get_by_role("button", name="conv2d").click()

    assert "(11*11*3 + 1)*64 = 23,296" in page.locator(".formula").inner_text()
    assert cells(page)[0][3] == "23,296"


@needs_browser
def test_a_long_table_is_shown_in_parts(opened: Any, tmp_path: Path) -> None:
    """Of 1,300 layers the first 500, and the rest at a click; all are in the totals."""
    spec = tmp_path / "long.yaml"
    layers = "".join("  - conv2d 2 1\n" for _ in range(1300))
    spec.write_text(f"input: 2x4x4\nlayers:\n{layers}")
    page = opened(str(spec)).page

    assert page.locator(".layers tbody tr").count() == 501
    assert totals(page)[0] == 1300 * 6
    page.get_by_text("800 more lines").click()
    assert page.locator(".layers tbody tr").count() == 1300


@needs_browser
def test_several_networks_are_compared(opened: Any) -> None:
    """A row for each, with ratios to the first, which follow the knobs."""
    page = opened("alexnet", "vgg-16").page

    rows = page.locator(".compared tbody tr").all_inner_texts()
    assert "138,357,544 (2.27 x)" in rows[1]
    assert page.locator("section").count() == 2
    box = page.locator("section").nth(1).get_by_label("classes", exact=True)
    box.fill("10")
    box.press("Enter")
    assert f"{counted('vgg-16', classes=10)[0]:,}" in page.locator(".compared tbody tr").all_inner_texts()[1]


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(opened: Any, scheme: str) -> None:
    """400 pixels' width: the page is as wide as the screen, and its colours follow the scheme."""
    page = opened("resnet-50", width=400, color_scheme=scheme).page

    assert page.evaluate("document.documentElement.scrollWidth") == 400
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 29)" if scheme == "dark" else "rgb(255, 255, 255)")


@needs_browser
def test_print_leaves_out_what_turns(opened: Any) -> None:
    page = opened("lenet5-1998", "alexnet").page

    page.emulate_media(media="print")

    assert not page.locator("input[type=range]").first.is_visible()
    assert page.locator(".layers").first.is_visible()


@needs_browser
def test_claims_have_their_verdicts(opened: Any) -> None:
    page = opened("lenet5-1998").page

    page.get_by_text("17 claims, 0 failed").click()

    assert "exact" in page.locator("details").inner_text()
    assert "input 1x32x32; Yann LeCun et al., 1998" in page.locator("section").inner_text()


VARIANTS = """\
name: toy
input: 4
knobs: {w: 2}
layers: [linear w]
variants: {wide: {w: 20}, narrow: {w: 1}}
claims:
  wide: [{params: 100, source: me}, {macs: 80, source: me}]
  narrow: [{params: 6, source: you}]
budgets: [{params: "<= 50"}]
"""


@needs_browser
def test_a_page_has_the_claims_and_budgets_of_its_network_only(opened: Any, tmp_path: Path) -> None:
    """Each of two variants its own; shown at once where one is not met. 5*20 and 5*1 params, by hand."""
    path = tmp_path / "toy.yaml"
    path.write_text(VARIANTS)
    page = opened(f"{path}:wide", f"{path}:narrow").page

    assert page.locator("summary").all_inner_texts() == [
        "2 claims, 0 failed; 1 budget, 1 exceeded",
        "1 claim, 1 failed; 1 budget, 0 exceeded",
    ]
    assert page.locator("details .bad").all_inner_texts() == [
        "params\t100\tover by 100 %\t<= 50",
        "params\t5\tFAILED printed 6, -17 %\tyou",
    ]
    assert "you" not in page.locator("section").first.inner_text()


def test_claims_are_of_the_network_as_written(run: Run) -> None:
    """Options that change the network do not change what its sources print of it."""
    for option in ("--set=classes=10", "--input=3x256x256"):
        changed = run("report", "alexnet", option).out
        assert ", of the network as written</summary>" in changed
    assert "as written</summary>" not in run("report", "alexnet").out


@needs_browser
def test_labels_of_figures_keep_clear_in_the_browser(chromium: Any, tmp_path: Path, run: Run) -> None:
    """Chromium's own boxes of all labels of a figure: none touches another."""
    for style in ("blocks", "graph", "cost"):
        path = tmp_path / "figure.svg"
        run("figure", "densenet-121", "--style", style, "-o", str(path))
        page = Opened(chromium, path).page
        boxes = page.evaluate(
            "[...document.querySelectorAll('text')].map(one => { const box = one.getBoundingClientRect();"
            " return [box.left, box.top, box.right, box.bottom] })"
        )
        for place, one in enumerate(boxes):
            for two in boxes[place + 1 :]:
                across, down = (
                    min(one[2], two[2]) - max(one[0], two[0]),
                    min(one[3], two[3]) - max(one[1], two[1]),
                )
                assert across <= 0.5 or down <= 3, (style, one, two)  # a line of text has some air in it
        page.close()


# ------------------------------------------------------------------------------------------- safety


@needs_browser
def test_no_text_of_a_spec_becomes_code(chromium: Any, tmp_path: Path, run: Run) -> None:
    """Names, sources, notes and claims that hold markup, scripts and quotes stay text; a file's name may turn text."""
    spec, path = tmp_path / "a\u202elmth.yaml", tmp_path / "page.html"
    spec.write_text(HOSTILE)
    (tmp_path / "turned\u202e.yaml").write_text("{input: 8, layers: [linear 3]}")
    assert run("report", str(spec), str(tmp_path / "turned\u202e.yaml"), "-o", str(path)).code == 0
    one = Opened(chromium, path)

    assert one.page.get_by_text("1 claim, 1 failed").is_visible()
    one.check_quiet(path)
    assert one.page.locator("img, b[onclick], i").count() == 0
    assert "<img src=x onerror=alert(1)>" in one.page.locator("h2").first.inner_text()
    assert "\u202e" not in path.read_text()
    assert one.page.locator("script").count() == 2
    one.page.close()


def test_the_policy_lets_nothing_else_run(run: Run) -> None:
    """One script, named by its hash; nothing is loaded from anywhere; data ends no script."""
    text = run("report", "lenet5-1998").out

    assert "default-src 'none'" in text
    assert re.search(r"script-src 'sha256-[\w+/=]+'\"", text)
    assert not re.search(r"\b(?:src|href)=|@import|url\(", text)
    assert "http" not in text.replace("http-equiv", "")


def test_the_page_of_resnet_50_is_small(run: Run) -> None:
    """40 KB, so that it goes by mail."""
    assert len(run("report", "resnet-50").out.encode()) <= 40_000


def test_data_is_plain(run: Run) -> None:
    """The data is JSON of a stated schema, the same each time."""
    found = document([load("lenet5-1998")])

    assert found["schema"] == "paramcalc/page/1"
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(document([load("lenet5-1998")])))


def test_changes_are_in_the_page(run: Run) -> None:
    """A knob that is set is no knob of the page; the others are."""
    text = run("report", "resnet-50", "--set", "width=96").out
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]

    names = [knob[1] for knob in data["models"][0]["states"][0]["knobs"]]
    assert "width" not in names
    assert "classes" in names
    assert f"{load('resnet-50').count(width=96).totals.params:,}" in text


def test_what_has_no_closed_form_is_baked_in() -> None:
    """U-Net's depth is an exponent: other depths are other states, with forms of their own."""
    labels = [state.label for state in states(load("unet"))]

    assert {"depth = 3", "depth = 5"} <= {*labels}
    bare = parse("{input: 1x28x28, layers: [flatten, linear 10]}")
    assert [state.label for state in states(bare)] == [""]
