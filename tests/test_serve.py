"""The page with an editor: what it answers, whom its server answers, and the page itself in a real Chromium."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection
from threading import Thread
from typing import Any

import pytest

from paramcalc import load
from paramcalc.engine import library
from paramcalc.serve.answer import QUANTITIES, answer, bring
from paramcalc.serve.named import named
from paramcalc.serve.server import LARGEST_FILE, LARGEST_TEXT, Server
from tests.browser import browser, needs_browser
from tests.conftest import Run

ROOT = Path(__file__).parent.parent
SPECS = {path.stem: path.read_text("utf-8") for path in library.bundled_files()}
TYPO = "input: 3x8x8\nlayers:\n  - conv2d 8 3 strde=2\n"
CFG = "[net]\nheight=8\nwidth=8\nchannels=3\n[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=linear\n"
WRONG_CLAIM = (
    "name: toy\ninput: 4\nlayers:\n  - linear 2\nclaims:\n  toy:\n    - {params: 11, source: me}\n"
    "budgets: [{params: '<= 9'}, {macs: '<= 300M'}]\n"
)


def large(layers: int) -> str:
    """A spec of so many layers with 584 params each."""
    lines = "".join(f"  - c{place}: conv2d 8 3 padding=1\n" for place in range(layers))
    return f"name: large\ninput: 8x8x8\nlayers:\n{lines}"


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
    assert [(one["computed"], one["judgement"], one["kept"]) for one in found["claims"]["budgets"]] == [
        ("10", "over by 11 %", False), ("8", "within budget", True),
    ]  # fmt: skip
    claimed, limited = found["problems"]
    assert claimed["line"] == 7 and "computed 10" in claimed["fact"]
    assert limited["line"] == 8 and "over by 11 %" in limited["fact"]


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


CONFIG = """{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
"intermediate_size": 128, "vocab_size": 100, "tie_word_embeddings": false, "rms_norm_eps": 1e-6}"""
# Two embeddings; in a layer four projections, three of the MLP, two norms; the last norm.
CONFIG_PARAMS = 2 * 100 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 128 + 2 * 64) + 64


def test_a_configuration_is_brought_in_as_its_bundled_spec() -> None:
    found = bring("config.json", CONFIG.encode())
    assert answer(found["text"], {})["table"]["totals"]["params"] == str(CONFIG_PARAMS)
    assert "use: llama" in found["text"] and "/tmp" not in found["text"] + "".join(found["remarks"])


WITHOUT_NUMPY = """
import sys
sys.modules["numpy"] = None
from paramcalc.serve.answer import bring
for path in sys.argv[1:]:
    found = bring(path, open(path, "rb").read())
    print("error" in found, found["text"] or found["error"], sep="\\n", end="\\0")
"""


def test_networks_are_brought_in_without_numpy(tmp_path: Path) -> None:
    """As in the browser's Python: the same texts; where numbers of a file are read, the way to import it is told."""
    (tmp_path / "tiny.cfg").write_text(CFG)
    (tmp_path / "config.json").write_text(CONFIG)
    lenet = ROOT / "tests" / "models" / "lenet.prototxt"
    paths = [tmp_path / "tiny.cfg", tmp_path / "config.json", lenet]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMPY, *paths], capture_output=True, text=True, check=True
    )
    for path, said in zip(paths, done.stdout.split("\0"), strict=False):
        assert said == f"False\n{bring(path.name, path.read_bytes())['text']}"


# ---------------------------------------------------------------------------------------- server


@contextmanager
def served(spec: str | Path) -> Iterator[Server]:
    server = Server(named(str(spec)), 0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.close()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served("resnet-50") as found:
        yield found


def asked(
    server: Server, path: str, body: bytes | None = None, method: str = "", **headers: str
) -> tuple[int, bytes]:
    """Status and body of a request below the token; `headers` are added, or take the place of the usual ones."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    full = path if path.startswith("//") else f"/{server.token}/{path}"
    connection.putrequest(
        method or ("GET" if body is None else "POST"), full.replace("//", "/"), skip_host=True
    )
    for name, value in ({"Host": f"127.0.0.1:{server.server_port}"} | headers).items():
        connection.putheader(name.replace("_", "-"), value)
    if body is not None and "Content_Length" not in headers:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    reply = connection.getresponse()
    found = reply.status, reply.read()
    connection.close()
    return found


QUESTION = json.dumps({"text": TYPO, "settings": {"parts": ["table"]}}).encode()


def test_the_server_gives_the_same_answer(server: Server) -> None:
    status, body = asked(server, "answer?lane=quick", QUESTION)
    assert status == 200
    assert json.loads(body) == json.loads(json.dumps(answer(TYPO, {"parts": ["table"]})))


def test_the_server_listens_on_this_machine_only(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert re.fullmatch(rf"http://127\.0\.0\.1:{server.server_port}/[\w-]{{32}}/", server.address)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:PORT", ""]
)
def test_another_host_is_refused(server: Server, host: str) -> None:
    """A name that somebody made to mean 127.0.0.1."""
    for body in (None, QUESTION):
        status, reply = asked(
            server, "answer?lane=quick", body, Host=host.replace("PORT", str(server.server_port))
        )
        assert status == 403 and b"schema" not in reply


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:PORT", "http://127.0.0.1"]
)
def test_another_origin_is_refused(server: Server, origin: str) -> None:
    origin = origin.replace("PORT", str(server.server_port))
    assert asked(server, "answer?lane=quick", QUESTION, Origin=origin)[0] == 403
    assert asked(server, "files", Origin=origin)[0] == 403


def test_the_own_origin_is_answered(server: Server) -> None:
    for host in ("127.0.0.1", "localhost"):
        mine = f"{host}:{server.server_port}"
        assert asked(server, "answer?lane=quick", QUESTION, Host=mine, Origin=f"http://{mine}")[0] == 200


@pytest.mark.parametrize(
    "path", ["//", "//files", "//app.js", "//TOKEN", "//xTOKEN/", "//x/TOKEN/", "//TOKEN%2f"]
)
def test_without_the_token_nothing_is_answered(server: Server, path: str) -> None:
    status, reply = asked(server, path.replace("TOKEN", server.token))
    assert status == 404 and server.token.encode() not in reply


def test_each_server_has_a_token_of_its_own() -> None:
    with served("") as one, served("") as other:
        assert one.token != other.token
        assert asked(one, f"//{other.token}/files")[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "../pyproject.toml",
        "page/index.html",
        "..%2f..%2fserver.py",
        "server.py",
        "%2e%2e/server.py",
        "app.js/..",
        "/etc/passwd",
    ],
)
def test_only_the_pages_own_files_are_there(server: Server, path: str) -> None:
    assert asked(server, path)[0] == 404


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with specs, links out of it, and a secret beside it."""
    (tmp_path / "secret.yaml").write_text("name: secret\ninput: 4\nlayers: [linear 3]\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "mine.yaml").write_text("name: mine\ninput: 4\nlayers: [linear 2]\n")
    (inside / "notes.txt").write_text("secret notes")
    (inside / "linked.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "same.yaml").symlink_to(inside / "mine.yaml")
    (inside / "deeper").symlink_to(tmp_path)
    return inside


NO_FILES = (
    "linked.yaml", "notes.txt", "../secret.yaml", "deeper/secret.yaml", "/etc/passwd", "mine.yaml/../../secret.yaml",
    "", ".",
)  # fmt: skip


def test_a_folder_gives_its_specs_and_no_path_outside(folder: Path) -> None:
    with served(folder) as server:
        assert json.loads(asked(server, "files")[1])["files"] == ["mine.yaml", "same.yaml"]
        assert json.loads(asked(server, "file?name=mine.yaml")[1])["text"].startswith("name: mine")
        for name in NO_FILES:
            status, reply = asked(server, f"file?name={name}")
            assert status == 404 and b"secret" not in reply.replace(b"secret.yaml", b""), name
        (folder / "mine.yaml").unlink()
        (folder / "mine.yaml").symlink_to(folder.parent / "secret.yaml")  # since it was named
        assert asked(server, "file?name=mine.yaml")[0] == 404


@pytest.mark.parametrize("name", ["linked", "../secret", "deeper/secret", "secret"])
def test_a_text_uses_no_spec_outside(folder: Path, name: str) -> None:
    text = f"use: {name}\ninput: 4\nlayers: [linear 2]\n"
    with served(folder) as server:
        question = json.dumps({"text": text, "settings": {"name": "mine.yaml"}}).encode()
        found = json.loads(asked(server, "answer?lane=quick", question)[1])
        assert found["table"] is None and found["problems"]


def test_a_spec_comes_with_those_that_it_uses_and_no_others(folder: Path) -> None:
    (folder / "parts.yaml").write_text(
        "name: parts\ninput: 4\nblocks:\n  twice n:\n    - linear n\n    - linear n\nlayers: [twice 4]\n"
    )
    (folder / "user.yaml").write_text("name: user\nuse: parts\ninput: 4\nlayers: [twice 4]\n")
    with served(folder / "user.yaml") as server:
        assert sorted(json.loads(asked(server, "files")[1])["files"]) == ["parts.yaml", "user.yaml"]
        text = (folder / "user.yaml").read_text()
        question = json.dumps({"text": text, "settings": {"name": "user.yaml"}}).encode()
        found = json.loads(asked(server, "answer?lane=quick", question)[1])
        assert found["table"]["totals"]["params"] == "40"
        assert asked(server, "file?name=mine.yaml")[0] == 404


def test_a_spec_with_mistakes_is_served_to_be_mended(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("use: nothing\nlayers: [")
    with served(tmp_path / "broken.yaml") as server:
        assert json.loads(asked(server, "file?name=broken.yaml")[1])["text"] == "use: nothing\nlayers: ["


def test_huge_bodies_are_refused_unread(server: Server) -> None:
    for length in (str(LARGEST_TEXT + 1), "9" * 400):
        assert asked(server, "answer?lane=quick", b"", Content_Length=length)[0] == 413
    assert asked(server, "bring?lane=slow&name=x.onnx", b"", Content_Length=str(LARGEST_FILE + 1))[0] == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "", "0x10"])
def test_a_body_has_a_length(server: Server, length: str) -> None:
    head = f"POST /{server.token}/answer?lane=quick HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}"
    raw = f"{head}\r\nContent-Length: {length}\r\n\r\n"
    with create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        connection.sendall(raw.encode())
        assert b" 411 " in connection.recv(200)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"text": 1, "settings": {}}',
        b'{"text": "", "settings": []}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_no_question_is_refused(server: Server, body: bytes) -> None:
    assert asked(server, "answer?lane=quick", body)[0] == 400


def test_other_methods_and_lanes_are_refused(server: Server) -> None:
    assert asked(server, "files", b"", "PUT")[0] == 501
    assert asked(server, "files", b"", "OPTIONS")[0] == 501
    assert asked(server, "answer?lane=other", QUESTION)[0] == 400
    assert asked(server, "answer?lane=quick")[0] == 404


def test_a_mistake_of_ours_is_told_and_the_next_text_answered(server: Server) -> None:
    wrong = json.dumps({"text": TYPO, "settings": {"parts": 3}}).encode()
    assert "TypeError" in json.loads(asked(server, "answer?lane=quick", wrong)[1])["error"]
    assert asked(server, "answer?lane=quick", QUESTION)[0] == 200


def test_a_long_run_is_stopped(server: Server) -> None:
    """A question that takes minutes ends at once, and the lane answers again."""
    endless = json.dumps({"text": large(60_000), "settings": {"parts": ["page"]}}).encode()
    found: list[bytes] = []
    thread = Thread(target=lambda: found.append(asked(server, "answer?lane=slow", endless)[1]))
    thread.start()
    while server.lanes["slow"].process is None or not server.lanes["slow"].turn.locked():
        thread.join(0.05)
    thread.join(1)
    assert thread.is_alive()
    asked(server, "stop?lane=slow", b"")
    thread.join(10)
    assert json.loads(found[0]) == {"stopped": True}
    assert asked(server, "answer?lane=slow", QUESTION)[0] == 200


def begun(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "paramcalc", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also where the tests ignore it
    )


def test_ctrl_c_ends_it_cleanly_and_a_port_that_is_taken_is_told(run: Run) -> None:
    process = begun("lenet5-1998", "--port", "0")
    assert process.stdout is not None and process.stderr is not None
    port = re.search(r":(\d+)/", process.stdout.readline())
    assert port is not None
    refused = run("serve", "--port", port[1])
    assert refused.code == 2
    assert refused.err.startswith(f"paramcalc: port {port[1]} cannot be used: ") and "--port 0" in refused.err
    assert process.stderr.readline() == "Ctrl-C ends the server\n"
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=20)
    assert (process.returncode, rest, said) == (130, "", "")


def test_ctrl_c_ends_a_long_run_too() -> None:
    """The processes that answer end with the server: the pipe that they hold is closed."""
    process = begun("lenet5-1998", "--port", "0")
    assert process.stdout is not None and process.stderr is not None
    port, token = re.search(r":(\d+)/([\w-]+)/", process.stdout.readline()).groups()  # type: ignore[union-attr]
    assert process.stderr.readline() == "Ctrl-C ends the server\n"
    connection = HTTPConnection("127.0.0.1", int(port), timeout=60)
    endless = json.dumps({"text": large(60_000), "settings": {"parts": ["page"]}})
    connection.request("POST", f"/{token}/answer?lane=slow", endless)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=1.5)  # until it runs
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")  # the worker has these pipes too
    assert process.returncode == 130


@pytest.mark.parametrize("spec", ["nowhere.yaml", "resnet-5000", "."])
def test_what_cannot_be_served_is_told(
    spec: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run("serve", spec, "--port", "0")
    assert refused.code == 2 and spec in refused.err


# ---------------------------------------------------------------------------------- a real browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


DROP = """([name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name));
    const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector(".cm-content").dispatchEvent(drop);
}"""


class Shown:
    """The page in a browser that notes requests and complaints."""

    def __init__(self, chromium: Any, address: str, **settings: Any) -> None:
        self.address = address
        self.requests: list[str] = []
        self.errors: list[str] = []
        settings = {"viewport": {"width": 1200, "height": 900}} | settings
        self.context = chromium.new_context(accept_downloads=True, **settings)
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def go(self, fragment: str = "") -> Any:
        self.page.goto(self.address + fragment)
        self.page.wait_for_selector("#totals b")
        return self.page

    def type(self, text: str) -> None:
        """The whole text by real keys, as pasted: an editor adds indents to what is typed line by line."""
        self.page.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)

    def drop(self, name: str, text: str) -> None:
        """A file of this name and text, dropped on the page."""
        self.page.evaluate(DROP, [name, text])

    def totals(self, params: str) -> dict[str, str]:
        """The totals, once they have this many params."""
        self.page.wait_for_function(
            "params => document.querySelector('[data-quantity=params]')?.textContent === params", arg=params
        )
        found = self.page.locator("#totals b").all()
        return {one.get_attribute("data-quantity"): one.inner_text().replace(",", "") for one in found}

    def check_quiet(self) -> None:
        """Nothing asked of another host, and no complaint."""
        own = self.address.split("/")[2]
        assert {url.split("/")[2] for url in self.requests if not url.startswith(("data:", "blob:"))} == {own}
        assert self.errors == []
        self.context.close()


@pytest.fixture
def shown(chromium: Any, server: Server) -> Iterator[Callable[..., Shown]]:
    opened: list[Shown] = []

    def shown(address: str = "", **settings: Any) -> Shown:
        opened.append(Shown(chromium, address or server.address, **settings))
        return opened[-1]

    yield shown
    for one in opened:
        one.check_quiet()


Shows = Callable[..., Shown]


@needs_browser
def test_the_page_has_the_numbers_of_count(shown: Shows, run: Run) -> None:
    one = shown()
    page = one.go()
    counted = json.loads(run("count", "resnet-50", "--format", "json").out)["totals"]
    assert one.totals("25,557,032") == {name: str(counted[name]) for name in QUANTITIES}
    page.locator("#variant").select_option("resnet152-v1.5")
    counted = json.loads(run("count", "resnet152-v1.5", "--format", "json").out)["totals"]
    assert one.totals(f"{counted['params']:,}") == {name: str(counted[name]) for name in QUANTITIES}
    page.locator("#file").select_option("vgg.yaml")
    one.totals(f"{load('vgg').count().params:,}")


@needs_browser
def test_the_table_follows_keys(shown: Shows) -> None:
    one = shown()
    page = one.go()
    one.type("input: 3x8x8\nlayers:\n  - conv2d 8 3")
    one.totals("224")
    for key in "2":
        page.keyboard.type(key)  # conv2d 8 32: larger than the image
    page.wait_for_selector("#problems .error")
    assert page.locator("#problems .place").inner_text().startswith("3:")
    page.keyboard.press("Backspace")
    page.wait_for_selector("#problems .error", state="detached")
    page.keyboard.type(" padding=1")
    page.wait_for_function("() => document.querySelector('#table').textContent.includes('8 x 8 x 8')")
    assert "8x8x8" in page.locator(".hint").inner_text()


@needs_browser
def test_a_mistake_has_a_place_and_a_button_that_mends_it(shown: Shows) -> None:
    one = shown()
    page = one.go()
    one.type(TYPO)
    page.wait_for_selector("#problems .error")
    assert page.locator("#problems .fact").inner_text() == "conv2d has no attribute 'strde'"
    assert page.locator("#problems .place").inner_text() == "3:16"
    assert page.locator(".cm-lintRange-error").inner_text() == "strde"
    page.locator("#problems .fix").click()
    one.totals("224")
    assert "stride=2" in page.locator(".cm-content").inner_text()
    assert page.locator("#problems li").count() == 0


@needs_browser
def test_completions_by_keys(shown: Shows) -> None:
    one = shown()
    page = one.go()
    one.type("input: 3x8x8\nlayers:\n  - conv2d 8 3 ")
    one.totals("224")
    page.keyboard.type("pad")
    page.wait_for_selector(".cm-tooltip-autocomplete li")
    assert "padding=" in page.locator(".cm-tooltip-autocomplete li").first.inner_text()
    page.wait_for_timeout(150)  # the editor takes no key for a choice just after the list came up
    page.keyboard.press("Enter")
    page.keyboard.type("1")
    page.wait_for_function("() => document.querySelector('#table').textContent.includes('8 x 8 x 8')")


@needs_browser
def test_claims_have_verdicts(shown: Shows) -> None:
    one = shown()
    page = one.go()
    one.type(WRONG_CLAIM)
    page.wait_for_selector("#claims:not([hidden])")
    assert page.locator("#claims summary").inner_text() == "1 claim, 1 failed; 2 budgets, 1 exceeded"
    page.wait_for_selector("#problems .error")
    assert [place[:2] for place in page.locator("#problems .place").all_inner_texts()] == ["7:", "8:"]
    page.locator("#claims summary").click()
    assert page.locator("#claims .bad").all_inner_texts() == [
        "toy\tparams\t10\tFAILED printed 11, -9.1 %\tme", "toy\tparams\t10\tover by 11 %\t<= 9",
    ]  # fmt: skip


@needs_browser
def test_a_link_holds_the_spec(shown: Shows) -> None:
    text = "name: linkéd\ninput: 5\nlayers: [linear 7]\n# 😀"
    one = shown()
    page = one.go()
    one.type(text)
    one.totals("42")
    page.locator("#link").click()
    page.wait_for_selector("#address:not([hidden])")
    link = page.locator("#address input").input_value()
    assert "linear" not in link
    other = shown()
    page = other.go(link.removeprefix(other.address))
    other.totals("42")
    assert page.locator(".cm-content").inner_text().splitlines()[-1] == "# 😀"
    assert not any("spec=" in url for url in other.requests)  # a fragment stays in the browser


@needs_browser
def test_a_link_that_is_broken_is_told(shown: Shows) -> None:
    page = shown().go("#spec=AAAA")
    assert "link" in page.locator("#status").inner_text()


@needs_browser
def test_a_dropped_network_is_imported(shown: Shows) -> None:
    one = shown()
    page = one.go()
    one.drop("tiny.cfg", CFG)
    one.totals("112")
    assert "conv2d 4 3" in page.locator(".cm-content").inner_text()
    one.drop("nothing.onnx", "no onnx")
    page.wait_for_function("() => document.querySelector('#status').textContent.includes('nothing.onnx')")
    one.totals("112")
    one.drop("config.json", CONFIG)
    one.totals(f"{CONFIG_PARAMS:,}")


@needs_browser
def test_a_file_of_onnx_is_chosen(shown: Shows, run: Run, tmp_path: Path) -> None:
    """By the button's file dialog, a valid file: one that `export` wrote."""
    path = tmp_path / "lenet.onnx"
    assert run("export", "lenet5-ng", "-o", str(path)).code == 0
    one = shown()
    page = one.go()
    with page.expect_file_chooser() as dialog:
        page.locator("#import").click()
    dialog.value.set_files(path)
    one.totals("61,706")
    assert page.locator(".cm-content").inner_text().startswith("name: lenet")


@needs_browser
def test_ten_thousand_layers_stay_usable(shown: Shows) -> None:
    """What is drawn is what somebody sees; a mistake has its place, and the button mends it."""
    one = shown()
    page = one.go()
    one.drop("large.yaml", large(10_000))
    one.totals(f"{10_000 * 584:,}")
    assert page.locator("#more").inner_text() == "9,700 more lines"
    assert page.locator("#table tbody tr").count() == 300
    assert page.locator(".cm-line").count() < 200
    page.locator("#more").click()
    assert page.locator("#table tbody tr").count() == 600

    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  - conv2d 5 1")
    one.totals(f"{10_000 * 584 + 45:,}")
    page.keyboard.press("Control+Home")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "End"):
        page.keyboard.press(key)
    page.keyboard.type(" strde=1")
    page.wait_for_selector("#problems .fix")
    assert page.locator("#problems .place").inner_text() == "4:30"
    assert page.locator(".cm-lintRange-error").inner_text() == "strde"
    page.locator("#problems .fix").click()
    page.wait_for_selector("#problems .error", state="detached")
    one.totals(f"{10_000 * 584 + 45:,}")


@needs_browser
def test_a_long_run_is_stopped_by_a_button(shown: Shows) -> None:
    """The table's run and that of the figure; the next text is counted."""
    one = shown()
    page = one.go()
    for count in (60_000, 10_000):
        one.drop("large.yaml", large(count))
        if count == 10_000:
            one.totals(f"{count * 584:,}")
            page.locator("#knobs > summary").click()
        page.wait_for_selector("#stop:not([hidden])")
        page.locator("#stop").click()
        page.wait_for_function("() => document.querySelector('#status').textContent.startsWith('stopped')")
        page.wait_for_selector("#stop", state="hidden")
        one.type(TYPO.replace("strde", "stride"))
        one.totals("224")
        page.wait_for_function("() => document.querySelector('#status').textContent === ''")


@needs_browser
def test_knobs_turn_on_the_page(shown: Shows) -> None:
    one = shown()
    page = one.go()
    page.locator("#file").select_option("lenet5-ng.yaml")
    one.totals(f"{load('lenet5-ng').count().params:,}")
    page.locator("#knobs > summary").click()
    page.wait_for_selector("#knobs section input[type=text]")
    box = page.locator("#knobs section input[type=text]").first
    name = box.get_attribute("aria-label")
    box.fill("64")
    box.press("Enter")
    inputs = {"input": [1, 64, 64]} if "=" in name else None
    counted = load("lenet5-ng").count(inputs=inputs, **({} if inputs else {name: 64}))
    assert page.locator("#knobs .totals b").first.inner_text() == f"{counted.params:,}"


@needs_browser
def test_the_page_is_saved_as_the_report_is(shown: Shows, run: Run) -> None:
    one = shown()
    page = one.go()
    page.locator("#file").select_option("lenet5-1998.yaml")
    one.totals(f"{load('lenet5-1998').count().params:,}")
    with page.expect_download() as download:
        page.locator("#whole").click()
    text = Path(download.value.path()).read_text("utf-8")
    assert download.value.suggested_filename == "lenet5-1998.html"
    assert text == run("report", "lenet5-1998").out


@needs_browser
def test_hostile_names_stay_text(shown: Shows) -> None:
    one = shown()
    page = one.go()
    one.type(
        "name: '<img src=x onerror=alert(1)>'\nnote: '</script><script>alert(2)</script>'\ninput: 3x8x8\n"
        "layers:\n  - flatten\n  - linear 4\nclaims:\n  '<img src=x onerror=alert(1)>':\n"
        "    - {params: 5, source: '<b onclick=alert(3)>'}\n"
    )
    one.totals("772")
    page.locator("#knobs > summary").click()
    page.wait_for_selector("#knobs section h2")
    page.wait_for_selector("#claims:not([hidden])")
    assert page.locator("img:not(.cm-widgetBuffer), b[onclick]").count() == 0
    assert "<img" in page.locator("#title").inner_text()


@needs_browser
def test_at_400_pixels_nothing_is_cut(shown: Shows) -> None:
    one = shown(viewport={"width": 400, "height": 800}, has_touch=True)
    page = one.go()
    page.locator("#knobs > summary").click()
    page.wait_for_selector("#knobs section h2")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for button in page.locator("header button:visible").all():
        box = button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 400


@needs_browser
def test_by_keyboard_alone(shown: Shows) -> None:
    one = shown()
    page = one.go()
    seen: list[str] = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        if "cm-content" in seen[-1]:
            break
    assert [name for name in seen if name] == [
        "file", "variant", "import", "link", "save", "whole", "cm-content cm-lineWrapping",
    ] or seen[:6] == ["file", "variant", "import", "link", "save", "whole"]  # fmt: skip
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(TYPO)
    page.wait_for_selector("#problems .fix")
    while page.evaluate("document.activeElement.className") != "fix":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    one.totals("224")
    while not page.evaluate("!!document.activeElement.closest('#table')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # to the layer's line
    assert page.evaluate("document.activeElement.className").startswith("cm-content")
