"""Weights from files: which array is which weight, and files that somebody made to do harm."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paramcalc.engine.graph import Graph
from paramcalc.export import onnx as pb
from paramcalc.model import parse
from tests.conftest import Run
from tests.processes import check_cheap, launch
from tests.test_verify import drawn, graph_of, saved, tensors, written

np = pytest.importorskip("numpy")
checkpoint = pytest.importorskip("paramcalc.verify.checkpoint")
files = pytest.importorskip("paramcalc.verify.files")
mapping = pytest.importorskip("paramcalc.verify.mapping")
running = pytest.importorskip("paramcalc.verify.run")


def found(graph: Graph, arrays: dict[str, Any]) -> dict[str, str]:
    """Which array is found for each weight."""
    match = checkpoint.match(graph, files.in_memory(arrays), "the file")
    return {"/".join(key): one.name for key, one in match.arrays.items()}


def zeros(**shapes: tuple[int, ...]) -> dict[str, Any]:
    """Arrays by name; a name's dots are written as double underscores."""
    return {name.replace("__", "."): np.zeros(dims, "f4") for name, dims in shapes.items()}


# ------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name",
    ["first/norm/running_mean", "first.norm.running_mean", "module.First.norm.running_mean"]
    + ["model.net.first_norm.running_mean", "firstnorm.running_mean"],
)
def test_names_are_read_whatever_parts_them(name: str, tmp_path: Path) -> None:
    """A module around the whole file, separators and capitals tell nothing; the name does, against the order."""
    graph = graph_of(
        written(
            tmp_path, "input: 4x6x6\nlayers:\n  - first: [norm: batch_norm]\n  - second: [norm: batch_norm]\n"
        )
    )
    names = {
        kind: name.replace("running_mean", kind) for kind in ("weight", "bias", "running_mean", "running_var")
    }
    second = {kind: one.replace("first", "second").replace("First", "Second") for kind, one in names.items()}
    arrays = {one: np.zeros(4, "f4") for one in (*second.values(), *names.values())}

    assert found(graph, arrays) == {f"first/norm/{kind}": one for kind, one in names.items()} | {
        f"second/norm/{kind}": one for kind, one in second.items()
    }


def test_order_decides_where_no_name_does(tmp_path: Path, run: Run) -> None:
    """Twelve layers alike, whose names count as numbers do; a remark says that nothing else tells them apart."""
    spec = written(tmp_path, "input: 4x8x8\nlayers:\n  - 12 * conv2d 4 1\n")
    graph = graph_of(spec)
    weights = drawn(graph)
    renamed = {
        f"layer{place // 2}.{key.rpartition('/')[2]}": array
        for place, (key, array) in enumerate(weights.items())
    }
    x = np.ones((1, 4, 8, 8), "f4")
    np.save(tmp_path / "x.npy", x)
    (expected,) = running.run(graph, x, weights).values()
    np.save(tmp_path / "y.npy", expected)

    for suffix in (".npz", ".safetensors"):
        file = saved(tmp_path / f"w{suffix}", renamed)
        result = run(
            "verify", spec, "--weights", file, "--input", tmp_path / "x.npy", "--expect", tmp_path / "y.npy"
        )

        assert result.code == 0
        assert "24 arrays found by order and shape" in result.err
        assert (
            "24 of them are matched by order alone among others of the same shape: layer0.weight"
            in result.err
        )
        assert f"outputs differ from {tmp_path / 'y.npy'} by 0 of the largest number" in result.out


def test_words_of_both_sides_tell_arrays_apart(tmp_path: Path) -> None:
    """A projection that is registered before the main path, as RegNet's, is found by what it is."""
    text = "input: 4x8x8\nlayers:\n  - add:\n      main: conv2d 8 1, conv2d 8 3 padding=1\n      shortcut: conv2d 8 1\n"
    graph = graph_of(written(tmp_path, text))
    arrays = zeros(
        b__proj__weight=(8, 4, 1, 1), b__proj__bias=(8,), b__f__a__weight=(8, 4, 1, 1), b__f__a__bias=(8,),
        b__f__b__weight=(8, 8, 3, 3), b__f__b__bias=(8,),
    )  # fmt: skip

    names = found(graph, arrays)

    assert names["shortcut/weight"] == "b.proj.weight"
    assert [one for key, one in names.items() if key.endswith("bias")] == [
        "b.f.a.bias",
        "b.f.b.bias",
        "b.proj.bias",
    ]


def test_a_kernel_of_one_position_is_a_matrix(tmp_path: Path) -> None:
    """Squeeze-excite gates are 1x1 convolutions in some files and linear layers in others."""
    text = "input: 4x8x8\nlayers:\n  - {squeeze}\n  - linear 2\n  - linear 4\n"
    linear = graph_of(written(tmp_path, text.replace("{squeeze}", "global_avg_pool")))
    convolution = graph_of(
        written(tmp_path, "input: 4x8x8\nlayers: [adaptive_avg_pool2d 1, conv2d 2 1, conv2d 4 1]\n", "conv")
    )
    weights = drawn(linear)
    x = np.random.default_rng(0).standard_normal((2, 4, 8, 8)).astype("f4")
    (expected,) = running.run(linear, x, weights).values()

    arrays = {f"se.{place}": array for place, array in enumerate(weights.values())}
    unsqueezed = {
        name: array[..., None, None] if array.ndim == 2 else array for name, array in arrays.items()
    }
    for graph, given in ((linear, unsqueezed), (convolution, arrays)):
        match = checkpoint.match(graph, files.in_memory(given), "the file")
        (y,) = running.run(graph, x, match.read()).values()

        assert np.allclose(y.reshape(2, 4), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("packed", "out"),
    [
        ("self_attention.in_proj_{}", "self_attention.out_proj.{}"),
        ("attn.qkv.{}", "attn.proj.{}"),
        (None, "attn.o_proj.{}"),
    ],
)
def test_projections_of_attention(packed: str | None, out: str, tmp_path: Path) -> None:
    """PyTorch packs query, key and value; others name them. Norms around them keep their order."""
    block = "a: layer_norm, b: self_attention 2, c: layer_norm, d: linear 4"
    text = (
        f"input: {{length: 3, channels: 4}}\nblocks:\n  block: [{block}]\nlayers: [one: block, two: block]\n"
    )
    graph = graph_of(written(tmp_path, text))
    weights = drawn(graph)
    given: dict[str, Any] = {}
    for path, kind in [(path, kind) for path in ("one", "two") for kind in ("weight", "bias")]:
        tail = "_bias" if kind == "bias" else ""
        three = [weights[f"{path}/b/{name}{tail}"] for name in ("query", "key", "value")]
        for layer in "acd":
            given[f"h.{path}.{layer}{layer}.{kind}"] = weights[f"{path}/{layer}/{kind}"]
        given[f"h.{path}.{out.format(kind)}"] = weights[f"{path}/b/out{tail}"]
        names = [packed] if packed else ["attn.q_proj.{}", "attn.k_proj.{}", "attn.v_proj.{}"]
        for name, array in zip(names, [np.concatenate(three)] if packed else three, strict=True):
            given[f"h.{path}.{name.format(kind)}"] = array

    match = checkpoint.match(graph, files.in_memory(given), "the file")
    read = match.read()

    assert match.extra == ()
    assert all(np.array_equal(read[key], array) for key, array in weights.items())


def test_a_head_without_arrays_is_left_out(tmp_path: Path) -> None:
    """Its shapes are those of the main path, which gets its own arrays; with all arrays it has its own too."""
    text = "input: 4x8x8\nlayers:\n  - a: conv2d 4 1\n  - auxiliary: {h: conv2d 4 1}\n  - b: conv2d 4 1\n"
    graph = graph_of(written(tmp_path, text))
    two = zeros(x__weight=(4, 4, 1, 1), x__bias=(4,), y__weight=(4, 4, 1, 1), y__bias=(4,))

    assert found(graph, two) == {f"{ours}/{kind}": f"{theirs}.{kind}" for ours, theirs in ("ax", "by")
                                 for kind in ("weight", "bias")}  # fmt: skip
    assert len(found(graph, two | zeros(z__weight=(4, 4, 1, 1), z__bias=(4,)))) == 6


def test_other_outputs_are_a_failure(tmp_path: Path, run: Run) -> None:
    """Arrays of one shape in another order give other numbers, which --expect sees; another shape as well."""
    spec = written(tmp_path, "input: 4x8x8\nlayers: [a: conv2d 4 1, tanh, b: conv2d 4 1]\n")
    weights = drawn(graph_of(spec))
    np.save(tmp_path / "x.npy", np.ones((1, 4, 8, 8), "f4"))
    (expected,) = running.run(graph_of(spec), np.ones((1, 4, 8, 8), "f4"), weights).values()
    np.savez(tmp_path / "y.npz", b=expected)
    np.save(tmp_path / "small.npy", expected[:, :2])
    np.savez(tmp_path / "other.npz", c=expected)
    swapped = saved(
        tmp_path / "w.npz",
        dict(zip(("p", "q", "r", "s"), list(weights.values())[2:] + list(weights.values())[:2], strict=True)),
    )
    right = saved(tmp_path / "right.npz", weights)

    def verify(file: Path, expect: str) -> Any:
        return run(
            "verify", spec, "--weights", file, "--input", tmp_path / "x.npy", "--expect", tmp_path / expect
        )

    assert verify(right, "y.npz").code == 0
    np.save(tmp_path / "nan.npy", np.where(expected == expected.max(), np.nan, expected))
    for expect, apart in (("nan.npy", None), ("small.npy", None), ("y.npz", 0)):
        result = run("verify", spec, "--weights", right, "--input", tmp_path / "x.npy", "--expect", tmp_path / expect,
                     "--format", "json")  # fmt: skip
        (network,) = json.loads(result.out, parse_constant=pytest.fail)["networks"]

        assert network["expected"] == {"file": str(tmp_path / expect), "apart": apart}
        assert network["agrees"] is (apart == 0)
    assert verify(swapped, "y.npz").code == 1
    assert "DISAGREES b: output values: expected the numbers in" in verify(swapped, "y.npz").out
    assert "found 1x4x8x8, not 1x2x8x8" in verify(right, "small.npy").out
    assert verify(right, "small.npy").code == 1
    assert "there is no output 'c'" in verify(right, "other.npz").err


# ------------------------------------------------------------------------------------ hostile files


def header(shape: str, kind: str = "<f4") -> bytes:
    """The start of a .npy file."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(path: Path, members: dict[str, bytes], zeros: int = 0) -> None:
    """A .npz file, whose last member is followed by so many zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, data in members.items():
            with file.open(name, "w", force_zip64=True) as member:
                member.write(data)
                if name == [*members][-1]:
                    for _ in range(zeros >> 20):
                        member.write(bytes(1 << 20))


def members(arrays: dict[str, Any]) -> dict[str, bytes]:
    made = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array)
        made[f"{name}.npy"] = buffer.getvalue()
    return made


def unused(path: Path, arrays: dict[str, Any]) -> None:
    archive(path, members(arrays) | {"extra.npy": header("(157286400,)")}, zeros=600 << 20)


def no_array(path: Path, arrays: dict[str, Any]) -> None:
    archive(path, members(arrays) | {"note.txt": b"no array"})


def long_header(path: Path, arrays: dict[str, Any]) -> None:
    start = b"\x93NUMPY\x02\x00" + struct.pack("<I", 600 << 20)
    archive(path, members(arrays) | {"extra.npy": start}, zeros=600 << 20)


def large_shape(path: Path, arrays: dict[str, Any]) -> None:
    archive(path, members(arrays) | {"extra.npy": header("(1000000, 1000000)")})


def short(path: Path, arrays: dict[str, Any]) -> None:
    archive(path, members(arrays) | {"a/weight.npy": header("(4, 4, 1, 1)")})


def many_members(path: Path, arrays: dict[str, Any]) -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *[0] * 6, 0, 0, 0, 9, *[0] * 4, 0, 0)
    directory = b"".join(entry + f"{place:09}".encode() for place in range(200_000))
    path.write_bytes(
        directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    )


def pickled(path: Path, arrays: dict[str, Any]) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(path.with_name("harm")),)

    archive(path, members(arrays) | {"a/weight.npy": header("(4, 4, 1, 1)", "|O") + pickle.dumps(Harm())})


def pipe(path: Path, arrays: dict[str, Any]) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (unused, "1 array not used: extra"),
        (large_shape, "1 array not used: extra"),
        (no_array, "found: note.txt is not an array in NumPy's format"),
        (long_header, "found: extra is not an array in NumPy's format"),
        (short, "found: a/weight ends before all of its 16 numbers"),
        (many_members, "found: it has too many members"),
        (pickled, "the weight a/weight has the wrong type"),
        (pipe, "is not a regular file"),
    ],
)
def test_hostile_npz(make: Callable[[Path, Any], None], says: str, tmp_path: Path) -> None:
    """Headers first, and only what is used is read: in 2 s and 500 MB, and no pickle is run."""
    spec = written(tmp_path, "input: 4x8x8\nlayers: [a: conv2d 4 1]\n")
    make(tmp_path / "w.npz", drawn(graph_of(spec)))

    outcome = launch(tmp_path, ["verify", str(spec), "--weights", "w.npz", "--threads", "1"])

    assert says in outcome.err
    assert "Traceback" not in outcome.err
    assert outcome.code == (0 if "not used" in says else 2)
    assert not (tmp_path / "harm").exists()
    check_cheap(outcome)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "its header would be 0 bytes long"),
        (b"\xff" * 8, "its header would be 18,446,744,073,709,551,615 bytes long"),
        (struct.pack("<Q", 100) + b"{}", "its header would be 100 bytes long"),
        ("[]", "its header is not a mapping of names"),
        ("[" * 5_000, "w.safetensors cannot be read as a .safetensors file"),
        ('{"a/weight": 3}', "w.safetensors cannot be read as a .safetensors file"),
        ('{"a/weight": {"dtype": "F32", "shape": [4, -4, 1, 1], "data_offsets": [0, 64]}}', "are not whole numbers"),
        ('{"a/weight": {"dtype": "F32", "shape": [4, 4, 1, 1], "data_offsets": [0, 64]}, "a/bias": '
         '{"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}', "does not hold the 16 numbers of a/weight"),
        ('{"a/weight": {"dtype": "F32", "shape": [4, 4, 1, 1], "data_offsets": [0, 32]}, "a/bias": '
         '{"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}', "does not hold the 16 numbers of a/weight"),
        ('{"a/weight": {"dtype": "F32", "shape": [1000000, 1000000], "data_offsets": [0, 4]}}', "misshapen"),
    ],
    ids=range(10),
)  # fmt: skip
def test_hostile_safetensors(text: str | bytes, says: str, tmp_path: Path, run: Run) -> None:
    """Truncated, lying and malformed headers are a clear error with exit code 2."""
    spec = written(tmp_path, "input: 4x8x8\nlayers: [a: conv2d 4 1]\n")
    data = text if isinstance(text, bytes) else struct.pack("<Q", len(text)) + text.encode() + bytes(40)
    (tmp_path / "w.safetensors").write_bytes(data)

    result = run("verify", spec, "--weights", tmp_path / "w.safetensors")

    assert (result.code, result.out) == (2, "")
    assert says in result.err


def test_arrays_in_any_order_of_a_safetensors_file(tmp_path: Path) -> None:
    """Offsets say where an array is, and metadata is no array."""
    file = tensors(tmp_path / "w", {"b": ("F16", np.arange(3, dtype="f2")), "a": ("F64", np.arange(4.0))})
    size = int.from_bytes(file.read_bytes()[:8], "little")
    content = json.loads(file.read_bytes()[8 : 8 + size]) | {"__metadata__": {"format": "pt"}}
    text = json.dumps(content).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + file.read_bytes()[8 + size :])

    one, other = files.open_arrays(file)

    assert (one.name, one.read().tolist()) == ("a", [0, 1, 2, 3])
    assert (other.name, other.read().tolist()) == ("b", [0, 1, 2])


@pytest.mark.parametrize("option", ["--input", "--expect", "--weights"])
def test_a_pipe_is_no_file(option: str, tmp_path: Path) -> None:
    """Nobody waits for somebody to write into it."""
    spec = written(tmp_path, "input: 4x8x8\nlayers: [a: conv2d 4 1]\n")
    name = "pipe.npz" if option == "--weights" else "pipe.npy"
    os.mkfifo(tmp_path / name)

    outcome = launch(tmp_path, ["verify", str(spec), option, name])

    assert outcome.code == 2
    assert f"{name} is not a regular file" in outcome.err


@pytest.mark.parametrize(("samples", "says"), [(10**10, "not enough memory"), (40, "ends before all of its")])
def test_inputs_that_lie(samples: int, says: str, tmp_path: Path) -> None:
    """An array of terabytes is refused by its header, one that the file does not hold when it is read."""
    spec = written(tmp_path, "input: 4x8x8\nlayers: [a: conv2d 4 1]\n")
    (tmp_path / "x.npy").write_bytes(header(f"({samples}, 4, 8, 8)") + bytes(64))

    outcome = launch(tmp_path, ["verify", str(spec), "--input", "x.npy"])

    assert outcome.code == 2
    assert says in outcome.err
    check_cheap(outcome)


def test_torchs_own_files_are_refused(tmp_path: Path, run: Run) -> None:
    """They hold a program; the error says what to do instead."""
    spec = written(tmp_path, "input: 4x8x8\nlayers: [a: conv2d 4 1]\n")

    result = run("verify", spec, "--weights", tmp_path / "model.pth")

    assert result.code == 2
    assert "safetensors.torch.save_file(model.state_dict()" in result.err


@pytest.mark.parametrize("layer", ["upsample size=10**9", "adaptive_max_pool2d 10**9", "pad 10**9"])
def test_what_cannot_fit_is_refused_at_once(layer: str, tmp_path: Path) -> None:
    """Also where nothing is multiplied: how much which layer needs, before anything is allocated."""
    spec = written(tmp_path, f"input: 8x4x4\nlayers: [{layer}]\n")

    outcome = launch(tmp_path, ["verify", str(spec)])

    assert outcome.code == 2
    assert f"in {layer.split()[0]}: " in outcome.err
    assert "not even one sample fits" in outcome.err
    assert outcome.megabytes < 100
    check_cheap(outcome)


def test_many_bins_take_no_lists(tmp_path: Path) -> None:
    """A million positions are a few arrays: no Python number is made for each."""
    spec = written(
        tmp_path, "input: 1x4\nlayers:\n  - adaptive_max_pool1d 10**6\n  - adaptive_avg_pool1d 999999\n"
    )

    outcome = launch(tmp_path, ["verify", str(spec)])

    assert outcome.code == 0, outcome.err
    check_cheap(outcome)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_prove_nothing(bad: float) -> None:
    """One NaN of another program is as far away as can be, not a difference of zero."""
    graph = parse("{input: 3, layers: [head: linear 2]}").graph()
    weights = {"head/weight": np.ones((2, 3), "f4"), "head/bias": np.zeros(2, "f4")}
    names = {name: name for name in weights}

    def source(inputs: Any) -> list[Any]:
        return [np.array([[bad, 1.0]], "f4")]

    assert mapping.outputs_apart(graph, names, weights.__getitem__, source) == np.inf


# -------------------------------------------------------------------------------------------- maps

TWO = "input: 3\nlayers:\n  - one: linear 2 bias=false\n  - two: linear 2 bias=false\n"
MAP = {"one/weight": "a.T", "two/weight": "b[2:3,0:1]"}
ARRAYS = {"a": [[1, 0], [0, 1], [2, 1]], "b": [[1, 1], [9, 9], [2, 0]]}


def mapped(
    run: Run, folder: Path, spec: str, names: dict[str, str], weights: Path, given: Any, wanted: Any
) -> tuple[int, str]:
    """How a verification by a map ends, and what it says."""
    (folder / "map.json").write_text(json.dumps({"schema": "paramcalc/map/1", "weights": names}))
    np.save(folder / "x.npy", np.array([given], "f4"))
    np.save(folder / "y.npy", np.array([wanted], "f4"))
    ask = ["--weights", str(weights), "--map", str(folder / "map.json"), "--input", str(folder / "x.npy")]
    found = run("verify", str(written(folder, spec)), *ask, "--expect", str(folder / "y.npy"))
    return found.code, found.err


def test_a_map_takes_transposes_rows_and_axes_in_another_order(run: Run, tmp_path: Path) -> None:
    """(1, 2, 3) by ((1, 0, 2), (0, 1, 1)) is (7, 5), by ((2, 0), (1, 1)) is (14, 12); and a kernel of Keras."""
    weights = saved(tmp_path / "w.npz", {name: np.array(rows, "f4") for name, rows in ARRAYS.items()})
    assert mapped(run, tmp_path, TWO, MAP, weights, [1, 2, 3], [14, 12])[0] == 0
    assert mapped(run, tmp_path, TWO, MAP, weights, [1, 2, 3], [14, 13])[0] == 1

    weights = saved(tmp_path / "k.npz", {"k": np.array([1, 10], "f4").reshape(1, 2, 1, 1)})
    spec = "input: 1x1x3\nlayers: [c: conv2d 1 1x2 bias=false]\n"
    kernel = {"c/weight": "k.permute(3,2,0,1)"}
    assert mapped(run, tmp_path, spec, kernel, weights, [[[1, 2, 3]]], [[[21, 32]]])[0] == 0


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"one/weight": "a.T"}, "the map lacks 1 weight: two/weight"),
        (MAP | {"one/weight": "c"}, "there is no array 'c', as the map has it"),
        (MAP | {"two/weight": "b[2:4]"}, "'b' has not all the rows that the map takes"),
        (MAP | {"two/weight": "b"}, "'b' does not fit two/weight"),
        (MAP | {"one/weight": "a.permute(2,0,1)"}, "'a' has not the axes that the map turns"),
    ],
)
def test_a_map_that_does_not_fit_says_what(
    run: Run, tmp_path: Path, names: dict[str, str], words: str
) -> None:
    weights = saved(tmp_path / "w.npz", {name: np.array(rows, "f4") for name, rows in ARRAYS.items()})
    code, err = mapped(run, tmp_path, TWO, names, weights, [1, 2, 3], [14, 12])
    assert code == 2
    assert words in err


def stored(name: str, array: Any, kind: int, *fields: bytes) -> bytes:
    """A tensor of ONNX with its numbers in these fields, or raw."""
    raw = fields or (pb.stretch(9, array.tobytes()),)
    dims = b"".join(pb.number(1, size) for size in array.shape)
    return pb.stretch(5, dims + pb.number(2, kind) + pb.stretch(8, name) + b"".join(raw))


def test_weights_are_read_from_files_of_onnx(run: Run, tmp_path: Path) -> None:
    """Raw, as numbers of their kind, as halves, and from a file beside; nothing is read from elsewhere."""
    a, b = (np.array(rows, "f4") for rows in ARRAYS.values())
    (tmp_path / "beside.bin").write_bytes(b"????" + b.tobytes())
    place = {"location": "beside.bin", "offset": "4", "length": "24"}
    entries = [pb.stretch(13, pb.stretch(1, key) + pb.stretch(2, value)) for key, value in place.items()]
    halves = [pb.number(5, int(one)) for one in a.astype("f2").view("u2").reshape(-1)]
    for first, second in (
        (stored("a", a, 1), stored("b", b, 1, pb.stretch(4, b.tobytes()))),
        (stored("a", a, 10, *halves), stored("b", b, 1, *entries, pb.number(14, 1))),
        (stored("a", (a.view("u4") >> 16).astype("u2"), 16), stored("b", b.astype("f8"), 11)),
    ):
        weights = tmp_path / "w.onnx"
        weights.write_bytes(pb.stretch(7, first + second))
        assert mapped(run, tmp_path, TWO, MAP, weights, [1, 2, 3], [14, 12])[0] == 0

    outside = pb.stretch(13, pb.stretch(1, "location") + pb.stretch(2, "../beside.bin"))
    weights.write_bytes(pb.stretch(7, stored("a", a, 1) + stored("b", b, 1, outside, pb.number(14, 1))))
    code, err = mapped(run, tmp_path, TWO, MAP, weights, [1, 2, 3], [14, 12])
    assert code == 2
    assert "the tensor 'b' lies in a file outside of the model's folder" in err

    weights.write_bytes(pb.stretch(7, stored("a", a, 1) + stored("b", b, 1, pb.stretch(9, b"\0" * 20))))
    code, err = mapped(run, tmp_path, TWO, MAP, weights, [1, 2, 3], [14, 12])
    assert code == 2
    assert "it does not hold the 6 numbers of b" in err
