"""The playground in a real Chromium: the numbers of `count`, by a Python that runs in the browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy
import pytest

from paramcalc import load
from paramcalc.serve.answer import QUANTITIES, bring
from playground import arrays, build
from tests.browser import browser, needs_browser
from tests.conftest import Run
from tests.test_serve import CFG, CONFIG, CONFIG_PARAMS, TYPO, Shown, large

PACKAGES = build.HERE / "node_modules"
needs_packages = pytest.mark.skipif(
    not PACKAGES.is_dir(), reason="no Node packages here: npm ci in playground/"
)
pytestmark = [needs_browser, needs_packages]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = tmp_path_factory.mktemp("playground") / "site"
    build.build(site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def one(address: str) -> Iterator[Shown]:
    """One page for all tests of this file: a Python that starts takes seconds."""
    with browser() as chromium:
        found = Shown(chromium, address)
        found.page.set_default_timeout(25_000)
        found.go()
        yield found
        found.check_quiet()


def test_the_editor_is_the_one_that_its_packages_make(tmp_path: Path) -> None:
    made = tmp_path / "editor.js"
    subprocess.run(
        ["npm", "run", "--silent", "editor", "--", f"--outfile={made}"], cwd=build.HERE, check=True
    )
    assert made.read_bytes() == (build.PAGE / "editor.js").read_bytes()


def test_the_lock_names_no_address() -> None:
    lock = json.loads((build.HERE / "package-lock.json").read_text("utf-8"))
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert "://" not in "".join(str(package.get("version")) for package in lock["packages"].values())


@pytest.mark.parametrize(
    ("file", "variant"), [("lenet5-1998", ""), ("resnet", "resnet-50"), ("vit", ""), ("llama", "")]
)
def test_numbers_are_those_of_count(one: Shown, file: str, variant: str, run: Run) -> None:
    one.page.locator("#file").select_option(f"{file}.yaml")
    one.totals(f"{load(file).count().params:,}")
    if variant:
        one.page.locator("#variant").select_option(variant)
    counted = json.loads(run("count", variant or file, "--format", "json").out)["totals"]
    assert one.totals(f"{counted['params']:,}") == {name: str(counted[name]) for name in QUANTITIES}


def test_a_mistake_has_a_place_and_a_button_that_mends_it(one: Shown) -> None:
    one.type(TYPO)
    one.page.wait_for_selector("#problems .fix")
    assert one.page.locator("#problems .place").inner_text() == "3:16"
    assert one.page.locator("#problems .fact").inner_text() == "conv2d has no attribute 'strde'"
    one.page.locator("#problems .fix").click()
    one.totals("224")


MATRIX, ROW, MASK = (
    "np.arange(12).reshape(3, 4)",
    "np.array([5, -7, 2, 0])",
    "np.array([True, False, True, True])",
)
ARRAYS = (
    *(f"{MATRIX} {operator} {ROW}" for operator in ("+", "-", "*", "%", "<", "<=", ">", ">=", "==", "!=")),
    *(f"np.{name}(np.array([0.5, 1.5, 2.25]))" for name in ("floor", "ceil", "round", "trunc")),
    *(f"np.{name}(np.array([0.5, 1.5, 2.25]))" for name in ("sqrt", "exp", "log", "sin", "cos", "abs")),
    *(f"np.{name}({MASK}, {ROW} > 0)" for name in ("logical_and", "logical_or", "logical_xor")),
    *(f"np.{name}({MATRIX}, (1,), keepdims=True)" for name in ("max", "min", "sum", "prod", "mean")),
    *(f"np.{name}({MATRIX}, (0, 1))" for name in ("max", "sum")),
    *(f"np.{name}({MATRIX}, {k})" for name in ("tril", "triu") for k in (-1, 0, 2)),
    f"{MATRIX}[1:, ::-1]", f"{MATRIX}[..., 2]", f"{MATRIX}[0]", f"{ROW}[{MASK}]", f"{MATRIX}.transpose((1, 0))",
    f"{MATRIX}.reshape(2, -1, 3).swapaxes(-1, -2)", f"{MATRIX}.reshape((2, 6)).astype('f8') / 4", f"-{ROW} // 3",
    f"np.concatenate([{MATRIX}, {MATRIX} + 1], 1)", f"np.take({MATRIX}, np.array([[0, -1]]), 1)",
    f"np.tile({MATRIX}, (2, 1))", f"np.roll({MATRIX}, (-1, 2), (0, 1))", f"np.roll({MATRIX}, 1, 1)",
    f"np.pad({MATRIX}, ((0, 1), (2, 0)), constant_values=-1)", f"np.where({MASK}, {ROW}, 9)",
    "1 / np.array([4.0, 2.0])",
    f"np.moveaxis({MATRIX}.reshape(3, 2, 2), -1, 0)", f"np.broadcast_to({ROW}, (2, 3, 4))", "np.full((2, 2), 3)",
    f"np.maximum.reduce(np.broadcast_arrays({MATRIX}, {ROW}))", "np.array([])", "np.array(7)", "np.array([1, 2.5])",
    "np.frombuffer(b'\\x00\\x00\\xc0\\x3f\\x00\\x00\\x00\\xc0', '<f4')", "np.arange(1.0, 2.0, 0.25)",
    "np.zeros((2, 1))",
    "np.nan_to_num(np.array([1.0]) / np.array([2.0]))", "np.indices((2, 3))[1]",
    f"np.logical_not({MASK})", f"{MASK} & ({ROW} > 0)",
)  # fmt: skip


@pytest.mark.parametrize("written", ARRAYS)
def test_arrays_are_those_of_numpy(written: str) -> None:
    """The same numbers of the same kinds in the same shapes."""
    with numpy.errstate(all="ignore"):
        ours, theirs = (eval(written, {"np": library}) for library in (arrays, numpy))
    assert getattr(ours, "shape", ()) == theirs.shape
    flat = ours.reshape(-1).tolist() if isinstance(ours, arrays.ndarray) else [ours]
    assert flat == pytest.approx(theirs.reshape(-1).tolist())
    assert [type(one) for one in flat] == [type(one) for one in theirs.reshape(-1).tolist()]


@pytest.mark.parametrize("network", ["lenet5-ng", "resnet-50", "vit-s32", "unet"])
def test_imports_by_plain_python_are_the_same(
    network: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "network.onnx"
    assert run("export", network, "-o", str(path)).code == 0
    found = bring(path.name, path.read_bytes())
    monkeypatch.setitem(sys.modules, "numpy", arrays)
    assert bring(path.name, path.read_bytes()) == found
    assert found["text"] is not None


def test_networks_are_dropped(one: Shown, run: Run, tmp_path: Path) -> None:
    """Also in the browser's Python, which has no NumPy."""
    one.drop("tiny.cfg", CFG)
    one.totals("112")
    one.drop("config.json", CONFIG)
    one.totals(f"{CONFIG_PARAMS:,}")
    path = tmp_path / "network.onnx"
    assert run("export", "resnet-50", "-o", str(path)).code == 0
    one.page.locator("#chosen").set_input_files(path)
    one.totals("25,557,032")


def test_ten_thousand_layers_and_a_run_that_is_stopped(one: Shown) -> None:
    one.drop("large.yaml", large(10_000))
    one.totals("5,840,000")
    assert one.page.locator("#table tbody tr").count() == 300
    one.drop("larger.yaml", large(60_000))
    one.page.wait_for_selector("#stop:not([hidden])")
    one.page.locator("#stop").click()
    one.type(TYPO.replace("strde", "stride"))
    one.totals("224")


def test_claims_and_knobs_are_there(one: Shown) -> None:
    one.page.locator("#file").select_option("lenet5-ng.yaml")
    one.totals(f"{load('lenet5-ng').count().params:,}")
    one.page.wait_for_selector("#claims:not([hidden])")
    assert one.page.locator("#claims summary").inner_text().endswith(", 0 failed")
    one.page.locator("#knobs > summary").click()
    one.page.wait_for_selector("#knobs section .totals b")
    assert one.page.locator("#knobs .totals b").first.inner_text() == f"{load('lenet5-ng').count().params:,}"
    one.page.locator("#knobs > summary").click()
