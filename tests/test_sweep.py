"""`sweep`: rows against counting, exactness at any size, samples, files that can be resumed, fronts."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramcalc.base.errors import Fault, SpecError
from paramcalc.count.report import QUANTITIES
from paramcalc.language.expression import FUNCTIONS
from paramcalc.model import load
from paramcalc.sweep import Sweep, cluster, draw, here, processes
from paramcalc.sweep.evaluate import BLOCK, Evaluator, Reasons
from paramcalc.sweep.forms import ratio
from paramcalc.sweep.order import Order
from paramcalc.sweep.workers import Task, Workers
from paramcalc.symbolic.polynomial import apply, opaque, symbol
from tests.conftest import Run

EVERYWHERE = [
    ("resnet-50", ["width=1:200", "input=33:320"]),
    ("resnet-50", ["width=32:128:8", "size=160:320:32", "batch=1:4"]),
    ("resnet-50", ["width=8:128:8", "depths=[2,2,2,2],[3,4,6,3],[3,8,36,3],[1,0,1,0]", "size=64:300"]),
    ("resnet-50", ["option=A,B,C", "block=basic,bottleneck,plain", "width=8:64", "batch=1:8"]),
    ("resnext50-32x4d", ["width=32:256:4", "groups=1,2,4,8,16,32", "size=200:300"]),
    ("vgg-16", ["depth=11,13,16,19", "size=1:300"]),
    ("vit-b16", ["dim=768:1024:32", "layers=1:24", "heads=4,8,12,16", "size=160:320:8"]),
    ("densenet-121", ["growth=8:48", "depths=[6,12,24,16],[6,12,32,32]", "size=33:300"]),
    ("mobilenet-v2", ["multiplier=0.35,0.5,1,1.4", "size=33:300"]),
    ("efficientnet-b0", ["width=1.0,1.1,1.2", "depth=1.0,1.2", "size=64:300"]),
    ("gpt2-124m", ["dim=96:1200:4", "layers=1:48", "length=1:2048:7"]),
    ("googlenet", ["input=3x224x224,3x192x256,3x300x200", "batch=1,8"]),
    ("lenet5-1998", ["C1.kernel_size=3,5", "input=28:40"]),
    ("swin-tiny", ["dim=24:120:3", "size=112:336:28"]),
]


def evaluator(swept: Sweep, quantities: Sequence[str] = tuple(QUANTITIES)) -> Evaluator:
    return Evaluator(swept.space, swept.order, quantities)


def missing(reasons: Reasons) -> int:
    return sum(points for points, _ in reasons.values())


def check_rows(swept: Sweep, rows: Sequence[int]) -> int:
    """Raises where a row differs from counting at its point; the number of rows that there are."""
    space, order = swept.space, swept.order
    evaluated = evaluator(swept)
    there = 0
    for row in rows:
        values = [axis.values[place] for axis, place in zip(space.axes, order.place(row), strict=True)]
        block = evaluated.block(row, row + 1)
        try:
            counts = space.count(values).totals
        except (SpecError, Fault):
            assert block.rows.size == 0, values
            assert [points for points, _ in block.reasons.values()] == [1]
            continue
        assert [int(each[0]) for each in block.counts] == list(counts), values
        there += 1
    return there


# ------------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("model", "axes"), EVERYWHERE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_rows_are_what_counting_gives(model: str, axes: list[str]) -> None:
    """Every quantity, at random points of many kinds of spaces; points without a network have no row."""
    swept = load(model).sweep(*axes)
    chosen = random.Random(model)
    rows = [chosen.randrange(swept.order.rows) for _ in range(15)]

    assert check_rows(swept, rows) > 0


@pytest.mark.parametrize(
    ("model", "axes"), EVERYWHERE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_block_is_its_rows(model: str, axes: list[str]) -> None:
    """Points evaluated together, across pieces, come out as they do one by one."""
    swept = load(model).sweep(*axes)
    together = evaluator(swept)
    end = min(swept.order.rows, BLOCK)
    block = together.block(0, end)

    assert block.rows.size + missing(block.reasons) == end
    for place in random.Random(1).sample(range(block.rows.size), min(20, block.rows.size)):
        row = int(block.rows[place])
        one = together.block(row, row + 1)
        assert [int(each[place]) for each in block.counts] == [int(each[0]) for each in one.counts]


def test_a_million_points() -> None:
    """Widths by inputs, all in one go, spot-checked; the corners are the least and the most."""
    swept = load("resnet-50").sweep("width=32:1031", "size=160:1159")
    columns = swept.columns()

    assert [len(values) for values in columns.values()] == [10**6] * 4
    assert check_rows(swept, random.Random(2).sample(range(10**6), 20)) == 20
    for row in (0, 999, 10**6 - 1, 123_456):
        counts = (
            load("resnet-50").count(width=int(columns["width"][row]), size=int(columns["size"][row])).totals
        )
        assert (columns["params"][row], columns["macs"][row]) == (counts.params, counts.macs)


def test_a_thousand_structures() -> None:
    """Ten depths of three stages each, in three kinds of blocks: 3000 structures, a few closed forms."""
    swept = load("resnet-50").sweep(
        "block=basic,bottleneck,plain", "depths[0]=1:10", "depths[1]=1:10", "depths[2]=1:10"
    )
    evaluated = evaluator(swept, ["params"])

    block = evaluated.block(0, 3000)

    assert block.rows.size == 3000
    assert len(set(block.counts[0].tolist())) > 900  # the same blocks elsewhere may weigh the same
    assert sum(map(len, evaluated.programs.values())) < 10
    assert check_rows(swept, random.Random(3).sample(range(3000), 20)) == 20


def test_structures_without_symbols() -> None:
    """Words in place of numbers: each of the structures is a form of its own."""
    swept = load("resnet-50").sweep(
        "block=basic,bottleneck,plain",
        "option=A,B,C",
        "stride_first=false,true",
        "cifar=false,true",
        "size=96:224:32",
    )

    evaluated = evaluator(swept, ["params"])

    assert evaluated.block(0, swept.order.rows).rows.size == 180
    assert sum(map(len, evaluated.programs.values())) == 36
    assert check_rows(swept, random.Random(4).sample(range(180), 10)) == 10


def test_fractions_are_symbols() -> None:
    """A hundred multipliers in hundredths, rounded to multiples of 8 in every layer: one closed form."""
    multipliers = ",".join(f"{number / 100}" for number in range(25, 125))
    swept = load("mobilenet-v2").sweep(f"multiplier={multipliers}", "size=96:224:32")

    evaluated = evaluator(swept, ["params"])

    assert evaluated.block(0, swept.order.rows).rows.size == 500
    assert sum(map(len, evaluated.programs.values())) < 5
    assert check_rows(swept, random.Random(4).sample(range(500), 20)) == 20


def test_exact_beyond_any_word() -> None:
    """Counts above 2^53, which a float would round, and above 2^63, which 64 bits do not hold."""
    swept = load("resnet-50").sweep(
        "width=7:200000007:1000000", "size=160:1600:160", quantities=["params", "macs"]
    )
    macs = swept.columns()["macs"].tolist()

    assert check_rows(swept, random.Random(5).sample(range(swept.order.rows), 20)) == 20
    assert min(macs) < 2**53
    assert any(2**53 < value < 2**63 and value != int(float(value)) for value in macs)
    assert max(macs) > 2**63


VALUES = list(range(1, 60))


@pytest.mark.parametrize(
    "value",
    [
        opaque("floor", symbol("a") * 7 - 3, 4),
        opaque("floor", symbol("a") * symbol("a") + 5, symbol("b")),
        opaque("ceil", symbol("a") * 3 - 40, 7),
        opaque("round", symbol("a") / 2),
        opaque("round", symbol("a") * 3 / 4 - 20),
        opaque("divisible", symbol("a") * 7 / 5, 8),
        opaque("divisible", symbol("a") * 3 + symbol("b"), 8),
        opaque("max", symbol("a") * 2, symbol("b") / 3, 17),
        opaque("min", symbol("a") / 2, symbol("b"), 17),
        opaque("floor", opaque("max", symbol("a") / 3, symbol("b") / 2), 2) * symbol("b") - 7,
        symbol("a") * symbol("b") / 6 + symbol("a") ** 3 / 4,
    ],
    ids=str,
)
def test_functions_in_bulk(value: object) -> None:
    """Each function on arrays is what the language's own function gives on numbers."""
    points = [(a, b) for a in VALUES for b in VALUES[::7]]
    arrays = {name: np.array([point[place] for point in points]) for place, name in enumerate("ab")}

    found = ratio(value, arrays)

    for place, (a, b) in enumerate(points):
        above, below = (
            each.values if isinstance(each.values, int) else int(each.values[place])
            for each in (found.above, found.below)
        )
        assert above == below * value.replaced({"a": a, "b": b})  # type: ignore[attr-defined]


def test_functions_are_those_of_the_language() -> None:
    assert apply("divisible", (35, 8)) == FUNCTIONS["divisible"].apply(35, 8) == 32


# ------------------------------------------------------------------------------- order and samples


@pytest.mark.parametrize("lengths", [(1,), (7,), (3, 5), (4, 1, 9), (13, 17, 5)])
def test_the_last_axis_runs_fastest(lengths: tuple[int, ...]) -> None:
    order = Order(lengths)

    places = list(zip(*(place.tolist() for place in order.places(0, order.rows)), strict=True))

    assert places == [tuple(int(i) for i in index) for index in np.ndindex(*lengths)]


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000, 1024, 65_537])
def test_a_sample_has_no_point_twice(size: int) -> None:
    """As large a sample as the grid is the grid in another order."""
    order = Order((size,), sample=size, seed=11)

    assert sorted(order.places(0, size)[0].tolist()) == list(range(size))


def test_a_sample_hangs_on_nothing_but_its_seed() -> None:
    """Any part of it is the same part; another seed is another sample; it is spread over the grid."""
    order = Order((1000, 1000), sample=10_000, seed=5)
    whole = [place.tolist() for place in order.places(0, 10_000)]
    part = [place.tolist() for place in order.places(400, 700)]

    assert part == [place[400:700] for place in whole]
    assert order._replace(seed=6).places(0, 100)[0].tolist() != whole[0][:100]
    assert all(abs(np.mean(place) - 499.5) < 15 for place in whole)
    assert abs(np.corrcoef(*whole)[0, 1]) < 0.05


def test_huge_grids_are_sampled() -> None:
    swept = load("resnet-50").sweep("width=1:9000000", "size=32:9000000", "batch=1:50000", sample=50)

    assert check_rows(swept, range(10)) == 10


# ------------------------------------------------------------------------------------------ files

SMALL = ("width=32:131", "size=64:300")
CHUNK = 1_000
TWO_ROWS = "width,size,params,macs\n32,160,6917640,537395200\n64,160,25557032,2087321600\n"


def small(pareto: str = "") -> Sweep:
    swept = load("resnet-50").sweep(*SMALL, pareto=pareto)
    return swept._replace(chunk=CHUNK)


def test_csv_reads_back(tmp_path: Path) -> None:
    """The standard library's reader finds every setting and every count, lists and words too."""
    swept = load("resnet-50").sweep(
        "width=8:24:8", "depths=[2,2,2,2],[3,4,6,3]", "option=A,B", quantities=["macs"]
    )

    swept.write(tmp_path / "rows.csv")

    rows = list(csv.DictReader(io.StringIO((tmp_path / "rows.csv").read_text())))
    assert len(rows) == 12
    for row in rows:
        depths = json.loads(row["depths"])
        counts = load("resnet-50").count(width=int(row["width"]), depths=depths, option=row["option"]).totals
        assert int(row["macs"]) == counts.macs


class Killed(Exception):
    """A run that is stopped."""


def killed_after(amount: int) -> Workers:
    """Workers that stop after so many parts, which they count last things first."""

    def run(task: Task, numbers: Sequence[int]) -> Iterator[Any]:
        done = {number: task(number) for number in [*numbers][:amount][::-1]}
        for number in numbers:
            if number not in done:
                raise Killed
            yield done[number]

    return run


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_resumed_file_is_the_same_to_the_byte(tmp_path: Path, form: str) -> None:
    """Stopped twice, with chunks done out of order, and gone on with."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    whole, broken = tmp_path / f"whole.{form}", tmp_path / f"broken.{form}"
    undisturbed = small("macs,+params").write(whole)

    for amount in (7, 5):
        with pytest.raises(Killed):
            small("macs,+params").write(broken, killed_after(amount))
        assert not broken.exists()
    assert small().finished(str(broken)) == 12
    done: list[str] = []
    summary = small("macs,+params").write(broken, step=lambda what, total, kind: done.append(what))

    assert broken.read_bytes() == whole.read_bytes()
    assert len(done) == -(-100 * 237 // CHUNK) - 12
    assert (summary.rows, summary.most) == (undisturbed.rows, undisturbed.most)
    assert summary.front is not None
    assert undisturbed.front is not None
    assert summary.front.rows.tolist() == undisturbed.front.rows.tolist()
    assert [path.name for path in tmp_path.glob("*.parts")] == []


def test_a_killed_process_is_resumed(tmp_path: Path) -> None:
    """The program itself, killed without warning half-way, and started again."""
    arguments = ["sweep", "resnet-50", "width=32:531", "size=64:1063", "--chunk", "5000", "--quantity", "all"]
    command = [sys.executable, "-m", "paramcalc", *arguments, "-o"]
    broken, whole = tmp_path / "broken.csv", tmp_path / "whole.csv"
    running = subprocess.Popen([*command, str(broken)], stdout=subprocess.DEVNULL)
    parts = tmp_path / "broken.csv.parts"
    begin = time.monotonic()
    while (
        len(list(parts.glob("_part*.json"))) < 5 and running.poll() is None and time.monotonic() - begin < 60
    ):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not broken.exists()
    left = len(list(parts.glob("_part*.json")))

    resumed = subprocess.run([*command, str(broken)], capture_output=True, text=True, check=True)
    subprocess.run([*command, str(whole)], capture_output=True, check=True)

    assert 5 <= left < 100
    assert f"{left} of 100 parts exist from an earlier run" in resumed.stderr
    assert broken.read_bytes() == whole.read_bytes()


def test_links_stay_links(tmp_path: Path) -> None:
    """The file that a link means is replaced, its parts stand beside it, and its form is by either name."""
    folder = tmp_path / "data"
    folder.mkdir()
    link = tmp_path / "latest"
    link.symlink_to(folder / "rows.csv")
    swept = load("resnet-50").sweep("width=32:64:32", "size=160")

    with pytest.raises(Killed):
        swept.write(link, killed_after(0))
    left = [path.name for path in folder.iterdir()]
    swept.write(link)

    assert left == ["rows.csv.parts"]
    assert link.is_symlink()
    assert (folder / "rows.csv").read_text() == TWO_ROWS
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data", "latest", "rows.csv"]


def test_pipes_and_devices_are_written_to(tmp_path: Path, run: Run) -> None:
    """Neither is replaced by a file, and what comes out of a pipe is the rows and nothing else."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = ["sweep", "resnet-50", "width=32:64:32", "size=160", "-o"]
    reading = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)

    to_pipe, to_nothing, to_full = (run(*command, name) for name in (str(pipe), "/dev/null", "/dev/full"))

    assert reading.communicate(timeout=60)[0] == TWO_ROWS
    assert (to_pipe.code, to_nothing.code, to_full.code) == (0, 0, 2)
    assert "2,087,321,600" in to_pipe.out
    assert "/dev/full: No space left on device" in to_full.err
    assert pipe.is_fifo() and Path("/dev/null").is_char_device()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_rows_for_standard_output_come_alone(tmp_path: Path) -> None:
    """`-o /dev/stdout` gives what `--format csv` gives, into a pipe or a file, without the table."""
    command = [sys.executable, "-m", "paramcalc", "sweep", "resnet-50", "width=32:64:32", "size=160"]
    redirected = tmp_path / "rows.txt"

    piped = subprocess.run([*command, "-o", "/dev/stdout"], capture_output=True, text=True, check=True)
    with open(redirected, "w") as file:
        subprocess.run([*command, "-o", "/dev/stdout"], stdout=file, check=True)

    assert piped.stdout == redirected.read_text() == TWO_ROWS


@pytest.mark.parametrize("workers", [here, killed_after(10**9)])
def test_poured_rows_are_in_order(workers: Workers) -> None:
    """Whatever order the chunks come in."""
    straight, turned = io.BytesIO(), io.BytesIO()

    small().pour(straight)
    small().pour(turned, workers)

    assert straight.getvalue() == turned.getvalue()
    assert straight.getvalue().count(b"\n") == 100 * 237 + 1


def test_a_sweep_of_nothing_writes_nothing(tmp_path: Path, run: Run) -> None:
    """A file that is there stays as it was."""
    output = tmp_path / "rows.csv"
    output.write_text("earlier\n")

    shown = run("sweep", "resnet-50", "width=0:0", "-o", str(output))

    assert shown.code == 2
    assert "no point has a network" in shown.err
    assert output.read_text() == "earlier\n"
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_stopped_run_says_how_to_go_on(tmp_path: Path) -> None:
    """Ctrl-C leaves no file under the name, and one line about what is kept."""
    arguments = ["sweep", "resnet-50", "width=32:531", "size=64:5063", "--chunk", "5000", "--quantity", "all"]
    command = [sys.executable, "-m", "paramcalc", *arguments, "-o", str(tmp_path / "rows.csv")]
    running = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also where the tests ignore it
    )
    begin = time.monotonic()
    while not list(tmp_path.glob("*.parts/_part*.json")) and time.monotonic() - begin < 60:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]

    assert running.returncode == 130
    assert "run the same command to continue" in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv.parts"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_chunks_do_not_matter(tmp_path: Path, form: str) -> None:
    """Files are the same to the byte in chunks of any size; row groups of Parquet, too."""
    if form == "parquet":
        pytest.importorskip("pyarrow")
    swept = load("resnet-50").sweep("width=32:831", "size=64:300")  # more than one row group

    for size in (7_777, 100_000, 10**6):
        swept._replace(chunk=size).write(tmp_path / f"{size}.{form}")

    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("model", ["resnet-50", "gpt2-124m"])
def test_the_summary_does_not_depend_on_chunks(model: str) -> None:
    """Of equal extremes the first row, of points without a network the first of each kind, in any chunks."""
    axes = SMALL if model == "resnet-50" else ("dim=90:400", "length=1000:1009")
    swept = load(model).sweep(*axes, pareto="params,+macs")  # params do not depend on the last axis
    whole = swept.summary()
    columns = swept.columns()["params"].tolist()

    documents = {
        size: json.dumps(draw.document(swept, swept._replace(chunk=size).summary()))
        for size in (7, 1_000, 10**6)
    }

    assert len(set(documents.values())) == 1
    assert whole.most["params"] == (
        max(columns),
        columns.index(max(columns)) if model == "resnet-50" else 3_060,
    )
    assert len(json.loads(documents[7])["skipped"]) == (model != "resnet-50")


def test_fractions_are_written_exactly(tmp_path: Path) -> None:
    """As decimals where these are exact, else as numerator and denominator; one text in every form."""
    parquet = pytest.importorskip("pyarrow.parquet")
    swept = load("mobilenet-v2").sweep("multiplier=0.35,1/3,1", "size=96")

    for name in ("rows.csv", "rows.parquet"):
        swept.write(tmp_path / name)
    document = draw.document(swept, swept.summary())

    lines = (tmp_path / "rows.csv").read_text().splitlines()[1:]
    texts = ["0.35", "1/3", "1"]
    assert [line.split(",")[0] for line in lines] == texts
    assert parquet.read_table(tmp_path / "rows.parquet")["multiplier"].to_pylist() == texts
    assert document["least"]["params"]["multiplier"] == "1/3"
    assert swept.columns()["multiplier"].tolist() == [Fraction("0.35"), Fraction(1, 3), 1]


def test_settings_beyond_any_word(tmp_path: Path) -> None:
    """A batch of 10^20 is a number in CSV and a text in Parquet."""
    parquet = pytest.importorskip("pyarrow.parquet")
    swept = load("resnet-50").sweep("batch=64,100000000000000000000", quantities=["macs"])

    for name in ("rows.csv", "rows.parquet"):
        swept.write(tmp_path / name)

    last = (tmp_path / "rows.csv").read_text().splitlines()[-1]
    assert last == f"{10**20},{4_089_184_256 * 10**20}"
    assert parquet.read_table(tmp_path / "rows.parquet")["batch"].to_pylist() == ["64", str(10**20)]


def test_a_folder_has_one_type_for_each_column(tmp_path: Path) -> None:
    """Counts beyond 64 bits in the last part alone make the column decimal in the first, too."""
    dataset = pytest.importorskip("pyarrow.dataset")
    swept = load("resnet-50").sweep("width=64,65,100000000000", quantities=["params"])._replace(chunk=1)

    swept.write(f"{tmp_path}/rows/")
    before = {path.name: path.read_bytes() for path in (tmp_path / "rows").iterdir()}
    swept.write(f"{tmp_path}/rows/")

    parts = [str(path) for path in sorted((tmp_path / "rows").glob("*.parquet"))]
    table = dataset.dataset(str(tmp_path / "rows")).to_table()
    assert {str(dataset.dataset(part).schema.field("params").type) for part in parts} == {"decimal128(38, 0)"}
    assert [int(value) for value in table["params"].to_pylist()] == swept.columns()["params"].tolist()
    assert {path.name: path.read_bytes() for path in (tmp_path / "rows").iterdir()} == before


def test_a_table_is_shown_beside_rows_in_a_file(tmp_path: Path, run: Run) -> None:
    """Whoever writes all rows sees what stands out among them, as without a file."""
    command = ("sweep", "resnet-50", *SMALL, "--pareto", "macs")

    written = run(*command, "-o", str(tmp_path / "rows.csv"))

    assert written.code == 0
    assert "Pareto front of least macs" in written.out
    assert written.out == run(*command).out


def test_a_summary_may_be_a_file(tmp_path: Path, run: Run) -> None:
    """`-o x.json` has what `--format json` prints; other endings than those of rows are refused."""
    command = ["sweep", "resnet-50", "width=32:64:32"]

    written = run(*command, "-o", str(tmp_path / "x.json"))

    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "x.json").read_text() == run(*command, "--format", "json").out


def test_parts_of_another_sweep_are_refused(tmp_path: Path) -> None:
    output = tmp_path / "rows.csv"
    with pytest.raises(Killed):
        small().write(output, killed_after(2))
    other = load("resnet-50").sweep("width=32:130", "size=64:300")

    with pytest.raises(Fault, match="parts of another sweep: other axes, chunk"):
        other.write(output)


def test_parquet_types(tmp_path: Path) -> None:
    """64-bit where it fits, decimal where one chunk needs it, text beyond; the same values as the rows."""
    parquet = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("pyarrow")
    swept = load("resnet-50").sweep(
        "width=64,100000,10000000000000", "option=A,B", quantities=["buffers", "params", "flops"], batch=10**9
    )
    swept = swept._replace(chunk=2)

    swept.write(tmp_path / "rows.parquet")

    table = parquet.read_table(tmp_path / "rows.parquet")
    columns = swept.columns()
    assert [str(field.type) for field in table.schema] == [
        "int64", "string", "int64", "decimal128(38, 0)", "string",
    ]  # fmt: skip
    for name in ("width", "buffers", "params", "flops"):
        assert [int(value) for value in table[name].to_pylist()] == columns[name].tolist()
    assert 2**63 < max(columns["params"]) < 10**38 < max(columns["flops"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_other_workers_write_the_same_bytes(tmp_path: Path, form: str) -> None:
    """Two processes, and a Dask cluster of this machine."""
    pytest.importorskip("distributed")
    if form == "parquet":
        pytest.importorskip("pyarrow")
    from distributed import Client, LocalCluster

    small("macs,+params").write(tmp_path / f"here.{form}")
    small("macs,+params").write(tmp_path / f"processes.{form}", processes(2))
    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as local, Client(local):
        small("macs,+params").write(tmp_path / f"cluster.{form}", cluster(local.scheduler_address))

    expected = (tmp_path / f"here.{form}").read_bytes()
    assert (tmp_path / f"processes.{form}").read_bytes() == expected
    assert (tmp_path / f"cluster.{form}").read_bytes() == expected


# ----------------------------------------------------------------------------- summary and front


def dominated(point: tuple[int, ...], others: list[tuple[int, ...]]) -> bool:
    """Whether another point is at least as good in everything and better in something; less is better."""
    return any(
        other != point and all(mine >= theirs for mine, theirs in zip(point, other, strict=True))
        for other in others
    )


@pytest.mark.parametrize(
    ("pareto", "signs"),
    [
        ("params,macs", {"params": 1, "macs": 1}),
        ("macs,+params", {"macs": 1, "params": -1}),
        ("params,+size", {"params": 1, "size": -1}),
        ("macs,+params,+activations", {"macs": 1, "params": -1, "activations": -1}),
        ("+macs", {"macs": -1}),
    ],
)
def test_the_front_by_brute_force(pareto: str, signs: dict[str, int]) -> None:
    """Every point against every other."""
    swept = load("resnet-50").sweep("width=32:64:4", "size=64:128:8", quantities=["all"], pareto=pareto)
    swept = swept._replace(chunk=10)
    columns = swept.columns()
    points = list(zip(*((columns[name] * sign).tolist() for name, sign in signs.items()), strict=True))
    wanted = {point for point in points if not dominated(point, points)}

    front = swept.summary().front

    assert front is not None
    found = [
        tuple(int(columns[name][row]) * sign for name, sign in signs.items()) for row in front.rows.tolist()
    ]
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_the_least_and_the_most() -> None:
    """Of equal values the first row; points without a network do not count."""
    swept = load("gpt2-124m").sweep("dim=90:1200", "layers=1:3")
    columns = swept.columns()
    summary = swept.summary()

    assert (
        summary.rows == len(columns["params"]) == 3 * len([dim for dim in range(90, 1201) if dim % 12 == 0])
    )
    assert missing(summary.reasons) == 3 * 1111 - summary.rows
    assert summary.least["params"][0] == min(columns["params"])
    assert swept.row(summary.most["macs"][1])["macs"] == max(columns["macs"])


# ------------------------------------------------------------------------------ the command line


def test_few_points_are_shown_in_full(run: Run) -> None:
    shown = run("sweep", "resnet-50", "width=32:64:16", "input=160,224", "--pareto", "macs,+params")

    assert shown.code == 0
    assert "1,052,311,552" in shown.out
    assert "4,089,184,256" in shown.out
    assert "6 points (3 x 2)" in shown.out
    assert "Pareto front of least macs, most params: 3 points" in shown.out


def test_many_points_are_summed_up(run: Run) -> None:
    """The ends of each quantity, the front, why points are missing, and a plot."""
    shown = run("sweep", "gpt2-124m", "dim=96:1200", "layers=1:12", "--pareto", "params,+macs")

    assert "13,260 points (1105 x 12)" in shown.out
    assert "12,144 points give no network and have no row, e.g." in shown.out
    assert "least params" in shown.out
    assert "params from" in shown.out
    assert shown.out.count("|") >= 16


def test_fuller_characters_mark_more_points() -> None:
    """One point, 2 to 3, 4 to 10, 11 to 30, and more: at five places of a diagonal."""
    amounts = (1, 3, 10, 30, 31)
    values = [place for place, amount in enumerate(amounts) for _ in range(amount)]

    drawn = draw.plot(draw.Points(("x", "y"), values, values))

    assert "".join(mark for line in drawn.splitlines()[1:-2] for mark in line[1:].strip()) == "#*+:."


def test_csv_and_json_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The rows themselves, in order, and what stands out of them."""
    arguments = [sys.executable, "-m", "paramcalc", "sweep", "resnet-50", "width=32:64:32", "size=160"]
    rows = subprocess.run([*arguments, "--format", "csv"], capture_output=True, check=True).stdout
    document = json.loads(
        subprocess.run([*arguments, "--format", "json"], capture_output=True, check=True).stdout
    )

    assert rows.decode().splitlines() == [
        "width,size,params,macs",
        "32,160,6917640,537395200",
        "64,160,25557032,2087321600",
    ]
    assert document["schema"] == "paramcalc/sweep/1"
    assert document["most"]["macs"] == {"width": 64, "size": 160, "params": 25_557_032, "macs": 2_087_321_600}


@pytest.mark.parametrize(
    ("names", "columns"), [("params,params", ["width", "params"]), ("", ["width", "params", "macs"])]
)
def test_quantities_are_columns_once(run: Run, names: str, columns: list[str]) -> None:
    """Named twice they are one column, and without any it is the usual ones."""
    shown = run("sweep", "resnet-50", "width=1:3", "--quantity", names, "--format", "json")

    assert list(json.loads(shown.out)["most"]["params"]) == columns


def test_a_picture_is_refused_before_the_rows_are_counted(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = tmp_path / "rows.csv"

    shown = run("sweep", "resnet-50", "width=1:3", "-o", str(rows), "--picture", "x.txt")

    assert shown.code == 2
    assert "a picture ends in .svg, .png, .pdf" in shown.err
    assert not rows.exists()


def test_pictures(run: Run, tmp_path: Path) -> None:
    """The same picture is the same file; unknown kinds are refused."""
    pytest.importorskip("matplotlib")
    command = [
        "sweep",
        "resnet-50",
        "width=32:64:8",
        "size=64:128:32",
        "--pareto",
        "macs,+params",
        "--picture",
    ]
    first, second = tmp_path / "one.svg", tmp_path / "two.svg"

    assert run(*command, str(first)).code == run(*command, str(second)).code == 0
    assert run(*command, str(tmp_path / "three.png")).code == 0
    assert run(*command, str(tmp_path / "four.txt")).code == 2

    assert first.read_bytes() == second.read_bytes()
    assert b"Pareto front" in first.read_bytes()
    assert (tmp_path / "three.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wdith=3:4"], "did you mean 'width'"),
        (["width=4:3"], "the range '4:3' is empty"),
        (["width"], "does not say what varies"),
        (["width=32..96"], "a range has a colon: 32:96"),
        (["width=32-96"], "a range width=32:96, in steps width=32:96:8, or values width=32,64,96"),
        (["width=1:9", "--set", "width=3"], "'width' varies, and is set to one value"),
        (["batch=1:9", "--batch", "3"], "the batch varies, and is set to 3"),
        (["batch=1,1.5"], "the batch takes whole numbers only"),
        (["batch=x"], "the batch takes whole numbers only"),
        (["batch=[1,2]"], "the batch takes whole numbers only"),
        (["width=1:9:0"], "the range '1:9:0' has a step of 0"),
        (["depths=[2,2"], "such as depths=[2,2,2,2],[3,4,6,3]"),
        (["depths=1,2"], "vary one entry, depths[0]=1:4, or 'depths=[3,4,6,3],[3,3,3,3]'"),
        (["conv1.kernel=3,5"], "their attributes: affine, bias,"),
        (["conv9_x.kernel_size=3,5"], "did you mean 'conv5_x'"),
        (["width=1:2", "width=3:4"], "varies twice"),
        (["depths=[2,2]", "depths[0]=3:4"], "varies twice"),
        (["width=0:0"], "no point has a network"),
        (["width=1:9", "--quantity", "mac"], "did you mean 'macs'"),
        (["width=1:9", "--pareto", "param,macs"], "did you mean 'params'"),
        (["width=1:9", "--sample", "10"], "a sample of 10 different points from a grid of 9"),
        (["width=1:9", "-o", "rows.txt"], "written as .csv or .parquet"),
        (["width=1:9", "-o", "/nowhere/rows.csv"], "/nowhere/rows.csv.parts: No such file"),
        (["width=1:99999999"], "more than 10,000,000 values"),
        (["width=1:9000000", "size=1:9000000", "batch=1:9000000"], "the grid has"),
        (["width=1:9", "--jobs", "2", "--cluster", "tcp://nowhere:1"], "cannot be combined"),
    ],
)
def test_misuse_is_explained(run: Run, arguments: list[str], said: str) -> None:
    shown = run("sweep", "resnet-50", *arguments)

    assert shown.code == 2
    assert said in shown.err


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("width=32:96", "65 points\n"),
        ("width=32:96:8", "9 points\n"),
        ("width=32,64,96", "3 points\n"),
        ("depths[0]=1:4", "4 points\n"),
        ("depths=[3,4,6,3],[3,3,3,3]", "2 points\n"),
        ("depths=[2,2,2,2]", "1 point\n"),
    ],
)
def test_what_messages_advise_works(run: Run, axis: str, said: str) -> None:
    """How many points there are is said once: a grid of one setting has no lengths to multiply."""
    shown = run("sweep", "resnet-50", axis)

    assert shown.code == 0
    assert said in shown.out


def test_the_library_shows_itself() -> None:
    swept = load("resnet-50").sweep("width=32:64:32")

    assert "25,557,032" in swept._repr_html_()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_memory_is_bounded_by_the_chunk(tmp_path: Path) -> None:
    """Four million rows in chunks of 50,000 take hardly more than NumPy itself."""
    script = (
        "from paramcalc.model import load\n"
        "swept = load('resnet-50').sweep('width=32:2031', 'size=64:2063')\n"
        f"swept._replace(chunk=50_000).write({str(tmp_path / 'rows.csv')!r})\n"
        "status = open('/proc/self/status').read()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) // 1024)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert int(done.stdout) < 200  # MB; the rows are 150 MB as text
    assert os.path.getsize(tmp_path / "rows.csv") > 100_000_000


def test_a_knob_with_the_name_of_a_quantity(run: Run) -> None:
    """Both have a column: the knob `depth` of a network, and the layers with kernels in a row that it comes to."""
    spec = "input: 4\nknobs: {depth: 2}\nlayers: [stem: linear 4, body: {repeat: depth, layers: [linear 4, relu]}]\n"
    header = "depth,params,quantity depth"

    out = run("sweep", "-", "depth=1:3", "--quantity", "params,depth", "--format", "csv", stdin=spec).out
    solved = run("solve", "-", "--vary", "depth", "--until", "depth <= 5", "--format", "csv", stdin=spec).out

    assert out.splitlines() == [header, "1,40,2", "2,60,3", "3,80,4"]
    assert len({*solved.splitlines()[0].split(",")}) == len(solved.splitlines()[0].split(","))
    assert "\nanswer,4,100," in solved
