"""What `import` and `format` say of sources that they cannot read, word for word.

`import_messages.txt` holds the cases: what is asked, and the whole message. To write the messages anew after a
change of words: `REFRESH=1 python -m pytest tests/test_import_messages.py`; then read them aloud.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paramcalc.export import onnx as pb
from tests.conftest import Run
from tests.test_readers import BLOCK, model, node, weight

HELD = Path(__file__).parent / "import_messages.txt"


def packed(**members: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return file.getvalue()


def network(*nodes: bytes, x: tuple[int, ...] = (1, 3, 4, 4), stored: bytes = b"") -> bytes:
    return model(*nodes, inputs={"x": x}, outputs=("y",), stored=stored)


def layers(*given: dict[str, Any]) -> str:
    """A sequence of Keras, of an input of 4."""
    start = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 4]}}
    return json.dumps({"class_name": "Sequential", "config": {"name": "toy", "layers": [start, *given]}})


def outside(location: str) -> bytes:
    """A weight that lies in another file."""
    place = pb.stretch(13, pb.stretch(1, "location") + pb.stretch(2, location))
    return weight("w", 4, 3, 1, 1, more=place + pb.number(14, 1))


CONV = node("Conv", "x w", "y", kernel_shape=[1, 1])
IF = pb.stretch(5, pb.stretch(1, "then_branch") + pb.stretch(6, b"") + pb.number(20, 5))
# what is asked, with the name of the file, and what is in it; no content: there is no such file
FILES: dict[str, tuple[str, bytes | str | None]] = {
    "a file that is not there": ("import lost.onnx", None),
    "a text that is not there": ("import lost.prototxt", None),
    "a folder": ("import folder.onnx", None),
    "a folder without an ending": ("import folder", None),
    "an ending that no reader has": ("import weights.pt", b"PK"),
    "an empty file": ("import empty.onnx", b""),
    "an empty archive": ("import empty.keras", b""),
    "an empty text": ("import empty.prototxt", ""),
    "an empty configuration": ("import empty.cfg", ""),
    "an empty JSON": ("import empty.json", ""),
    "a pickle": ("import pickled.onnx", pickle.dumps({"weights": [1.5] * 9})),
    "a picture": ("import picture.onnx", b"\x89PNG\r\n\x1a\n" + bytes(range(64))),
    "a file that is cut off": ("import cut.onnx", BLOCK[:500]),
    "an archive that is cut off": ("import cut.keras", packed(config__json=layers())[:90]),
    "a bomb": ("import bomb.keras", packed(config__json=b" " * (64 << 20))),
    "an archive of something else": ("import other.keras", packed(readme__txt="x")),
    "weights outside of the folder": ("import out.onnx", network(CONV, stored=outside("../../etc/passwd"))),
    "weights at the root": ("import out.onnx", network(CONV, stored=outside("/etc/passwd"))),
    "weights at the root of a drive": ("import out.onnx", network(CONV, stored=outside("C:\\secret"))),
    "a tensor of impossible sizes": ("import big.onnx", network(CONV, stored=weight("w", 2**62, 3, 1, 1))),
    "sizes that are open": ("import open.onnx", network(node("Relu", "x", "y"), x=(0, 3, 0, 0))),
    "sizes that are open, by another name": (
        "import open.onnx --input image=3x8x8", network(node("Relu", "x", "y"), x=(0, 3, 0, 0)),
    ),
    "sizes of no number": ("import open.onnx --input 3xwide", network(node("Relu", "x", "y"), x=(0, 3, 0, 0))),
    "a cycle": ("import cycle.onnx", network(node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y"))),
    "a value that nothing gives": ("import lost.onnx", network(node("Relu", "z", "y", "/act/Relu"))),
    "a window that does not fit": (
        "import fit.onnx", network(node("MaxPool", "x", "y", "/pool/MaxPool", kernel_shape=[9, 9])),
    ),
    "an operation that is not as ONNX has it": (
        "import odd.onnx", network(node("Conv", "x", "y", "/conv/Conv", kernel_shape=[1, 1])),
    ),
    "control by data": ("import control.onnx", network(node("If", "x", "y", "/if/If") + IF)),
    "no counterpart": ("import odd.onnx", network(node("Celu", "x", "c", "/act/Celu"), node("Relu", "c", "y"))),
    "a layer that Keras does not have": (
        "import odd.json", layers({"class_name": "Dens", "config": {"name": "d", "units": 3}}),
    ),
    "a layer without its sizes": ("import odd.json", layers({"class_name": "Dense", "config": {"name": "d"}})),
    "JSON of something else": ("import other.json", '{"name": "x"}'),
    "a type of layer that Caffe does not have": (
        "import odd.prototxt",
        'input: "x" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n'
        'layer { name: "c" type: "Convolutoin" bottom: "x" top: "c" }\n',
    ),
    "a text of Caffe that is not closed": ("import odd.prototxt", 'layer { name: "a"\n'),
    "a section that Darknet does not have": ("import odd.cfg", "[net]\nwidth=8\nheight=8\nchannels=3\n[konvolution]\n"),
    "a text that is none": ("import bytes.cfg", b"[net]\n\xff\xfe"),
    "a proof of a text": (
        "import toy.cfg --prove", "[net]\nwidth=8\nheight=8\nchannels=3\n[convolutional]\nfilters=2\nsize=1\n",
    ),
    "no module of that name": ("import nowhere.models:net", None),
    "a factory that is not there": ("import json:network", None),
    "a folder that is not there": ("import toy.cfg -o nowhere/spec.yaml",
        "[net]\nwidth=8\nheight=8\nchannels=3\n[convolutional]\nfilters=2\nsize=1\n"),
    "a spec that is not there": ("format lost.yaml", None),
    "a folder as a spec": ("format folder", None),
    "no YAML": ("format bad.yaml", "layers: [a\n"),
    "a pickle as a spec": ("format pickled.yaml", pickle.dumps([1.5] * 9)),
}  # fmt: skip


def said(run: Run, ask: str, content: bytes | str | None) -> str:
    """The message, and how the program ends."""
    command, name, *options = ask.split()
    Path("folder").mkdir()
    Path("folder.onnx").mkdir()
    if content is not None:
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    there = {*Path().iterdir()}
    found = run(command, name, *options)
    assert {*Path().iterdir()} == there, "something is written"
    return f"{found.err.rstrip()}\n(exit code {found.code})"


def held() -> dict[str, str]:
    cases = HELD.read_text(encoding="utf-8").split("=== ")[1:] if HELD.exists() else []
    return {title: message.strip("\n") for title, _, message in (case.partition("\n") for case in cases)}


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    return held()


@pytest.mark.parametrize("title", FILES)
def test_a_source_that_cannot_be_read_says_what(
    run: Run, title: str, messages: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word, with nothing written."""
    monkeypatch.chdir(tmp_path)
    message = said(run, *FILES[title])
    if os.environ.get("REFRESH"):
        texts = held() | {title: f"{FILES[title][0]}\n{message}"}
        HELD.write_text(
            "\n".join(f"=== {one}\n{texts[one]}\n" for one in FILES if one in texts), encoding="utf-8"
        )
        return
    assert messages[title] == f"{FILES[title][0]}\n{message}"


def test_every_message_belongs_to_a_case() -> None:
    assert [*held()] == [*FILES]


@pytest.mark.parametrize("package", ["torch", "onnxruntime"])
def test_a_package_that_is_missing_is_named(
    run: Run, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch is asked for where a module is named; onnxruntime only for the part of a proof that it makes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    Path("toy.onnx").write_bytes(network(node("Relu", "x", "y")))
    ask: dict[str, Callable[[], Any]] = {
        "torch": lambda: run("import", "torchvision.models:resnet18"),
        "onnxruntime": lambda: run("import", "toy.onnx", "--prove"),
    }
    found = ask[package]()
    assert package in found.err
    assert found.code == (2 if package == "torch" else 0)
