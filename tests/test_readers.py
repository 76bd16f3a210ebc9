"""Files of Caffe, Darknet, Keras, Hugging Face and ONNX: what is read, and what is said of a file that cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import pytest

from paramcalc import parse
from paramcalc.base.errors import Error
from paramcalc.base.errors import Source as Text
from paramcalc.base.sizes import product
from paramcalc.count.report import Report, count
from paramcalc.engine.builder import Builder
from paramcalc.export import onnx as pb
from paramcalc.importing import network
from paramcalc.importing.families import FAMILIES
from paramcalc.importing.network import checked, imported
from paramcalc.importing.readers import hf, reader
from paramcalc.importing.source import SourceNetwork
from paramcalc.ops.base import Op
from tests.conftest import Run


def read(path: Path, text: str | bytes, **sizes: tuple[int, ...]) -> SourceNetwork:
    path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    inputs = {name.removeprefix("any"): dims for name, dims in sizes.items()}
    return reader(str(path)).read(str(path), inputs)


def counted(source: SourceNetwork) -> Report:
    """The network of a source whose nodes are ops, layer by layer."""
    net = Builder()
    values = {name: net.input(name, shape) for name, shape in source.inputs.items()}
    owners: dict[str, int] = {}
    for node in source.nodes:
        assert isinstance(node.call, Op)
        inputs = [values[str(each)] for each in node.inputs]
        share = next((owners[name] for name in node.weights.values() if name in owners), None)
        values[node.value] = net.add(node.call, inputs, node.value.replace("/", "."), share=share)
        owners |= dict.fromkeys(node.weights.values(), values[node.value])
    outputs = [values[value] for value in source.outputs.values()]
    return count(net.build(outputs))


# ------------------------------------------------------------------------------------------- Caffe

NORMED = """
    name: "Normed"
    input: "data"  input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
            convolution_param { num_output: 4 kernel_size: 3 pad: 1 bias_term: false } }   # 108
    layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" batch_norm_param { eps: 2e-5 } }
    layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }  # 8
    layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
    layer { name: "left" type: "Convolution" bottom: "conv" top: "left"
            convolution_param { num_output: 4 kernel_h: 1 kernel_w: 3 pad_w: 1 group: 2 } }       # 2*3*4 + 4 = 28
    layer { name: "sum" type: "Eltwise" bottom: "left" bottom: "conv" top: "sum" }
    layer { name: "pool" type: "Pooling" bottom: "sum" top: "pool"
            pooling_param { pool: MAX kernel_size: 3 stride: 2 } }                                # 4x4, rounded up
    layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 10 } }
    layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


def test_batch_norm_and_scale_are_one_norm_and_names_stand_for_the_last_value(tmp_path: Path) -> None:
    source = read(tmp_path / "normed.prototxt", NORMED)
    report = counted(source)
    assert source.name == "Normed"
    assert [*source.outputs] == ["prob"]
    assert report.totals.params == 108 + 8 + 28 + (64 * 10 + 10)
    assert report.totals.macs == 108 * 64 + 24 * 64 + 640
    norm = next(node for node in source.nodes if node.value == "conv@2")
    assert norm.weights == {
        "weight": "scale.0",
        "bias": "scale.1",
        "running_mean": "bn.0",
        "running_var": "bn.1",
    }
    assert str(norm.call.eps) == "1/50000"
    total = next(node for node in source.nodes if node.value == "sum")
    assert total.inputs == ("left", "conv@3")


def test_layers_of_the_first_version_are_read(tmp_path: Path) -> None:
    text = """
        input: "data"  input_dim: 1  input_dim: 2  input_dim: 6  input_dim: 6
        layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1"
                 blobs_lr: 1 blobs_lr: 2 convolution_param { num_output: 3 kernel_size: 3 } }   # 57
        layers { name: "norm" type: LRN bottom: "conv1" top: "norm" lrn_param { local_size: 3 alpha: 5e-05 } }
        layers { name: "ip" type: INNER_PRODUCT bottom: "norm" top: "ip" inner_product_param { num_output: 5 } }
        layers { name: "loss" type: SOFTMAX_LOSS bottom: "ip" bottom: "label" }
    """
    source = read(tmp_path / "old.prototxt", text)
    assert counted(source).totals.params == 57 + (48 * 5 + 5)
    assert [*source.outputs] == ["ip"]


def test_the_test_phase_is_read_and_heads_of_less_weight_are_auxiliary(tmp_path: Path) -> None:
    text = """
        layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
                transform_param { crop_size: 8 mean_value: 1 mean_value: 2 mean_value: 3 } }
        layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
                transform_param { crop_size: 6 mean_value: 1 mean_value: 2 mean_value: 3 } }
        layer { name: "noise" type: "Dropout" bottom: "data" top: "data" include { phase: TRAIN } }
        layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" inner_product_param { num_output: 4 } }
        layer { name: "side" type: "InnerProduct" bottom: "a" top: "side" inner_product_param { num_output: 2 } }
        layer { name: "loss1" type: "SoftmaxWithLoss" bottom: "side" bottom: "label" top: "loss1" loss_weight: 0.3 }
        layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" inner_product_param { num_output: 3 } }
        layer { name: "top1" type: "Accuracy" bottom: "b" bottom: "label" top: "top1" include { phase: TEST } }
        layer { name: "loss2" type: "SoftmaxWithLoss" bottom: "b" bottom: "label" top: "loss2" loss_weight: 1 }
    """
    source = read(tmp_path / "train.prototxt", text)
    assert str(source.inputs["data"]) == "3x6x6"
    assert source.outputs == {"b": "b"}
    assert source.auxiliary == {"loss1": "side"}
    report = parse(imported(source).text).count()
    assert report.params == (108 * 4 + 4) + (4 * 3 + 3)
    assert report.with_auxiliary.params == report.params + (4 * 2 + 2)


def test_layers_that_name_their_weights_alike_share_them(tmp_path: Path) -> None:
    text = """
        layer { name: "pair" type: "Input" top: "pair" input_param { shape { dim: 64 dim: 2 dim: 4 dim: 4 } } }
        layer { name: "cut" type: "Slice" bottom: "pair" top: "one" top: "two" slice_param { axis: 1 slice_point: 1 } }
        layer { name: "ip" type: "InnerProduct" bottom: "one" top: "ip" param { name: "w" } param { name: "b" }
                inner_product_param { num_output: 5 } }
        layer { name: "ip_p" type: "InnerProduct" bottom: "two" top: "ip_p" param { name: "w" } param { name: "b" }
                inner_product_param { num_output: 5 } }
    """
    source = read(tmp_path / "pair.prototxt", text)
    assert counted(source).totals.params == 16 * 5 + 5
    assert [*source.outputs] == ["ip", "ip_p"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('layer { name: "a" type: "Relu" bottom: "x"', "never closed"),
        ('name: "a', "never closed"),
        ("layer: : 3", "a value was expected here"),
        ("}" * 3, "a field was expected"),
        ("a {" * 1000, "more than 64 deep"),
        ('name: "empty"', "has no layers"),
        ('input: "d" layer { name: "a" type: "ReLU" bottom: "d" top: "a" }', "--input 3x224x224"),
        (
            'input: "d" input_dim: 1 input_dim: 99999999999999 layer { type: "ReLU" bottom: "d" top: "a" }',
            "is not a size",
        ),
        (
            'input: "d" input_dim: 1 input_dim: 4 layer { name: "a" type: "Sigmiod" bottom: "d" top: "a" }',
            "did you mean 'Sigmoid'?",
        ),
        (
            'input: "d" input_dim: 1 input_dim: 4 layer { name: "a" type: "ReLU" bottom: "e" top: "a" }',
            "reads 'e', which no layer before it gives",
        ),
        (
            'input: "d" input_dim: 1 input_dim: 4 layer { name: "a" type: "Convolution" bottom: "d" top: "a" }',
            "no kernel_size",
        ),
        (
            'input: "d" input_shape { dim: 1 dim: 4 dim: 2 dim: 2 } layer { name: "a" type: "Convolution" bottom: "d" '
            'top: "a" convolution_param { num_output: 4 kernel_size: 9 } }',
            "a window of 9x9 does not fit",
        ),
        (
            'input: "d" input_shape { dim: 1 dim: 4 } layer { name: "a" type: "InnerProduct" bottom: "d" '
            'top: "a" inner_product_param { num_output: 1099511627776 } }',
            "is not a size",
        ),
    ],
)
def test_a_wrong_prototxt_says_what_and_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Error) as error:
        read(tmp_path / "wrong.prototxt", text)
    assert words in str(error.value)
    assert "wrong.prototxt" in str(error.value) or "--input" in str(error.value)


# ------------------------------------------------------------------------------------------ Darknet

TINY = """
    [net]
    height=10
    width=10
    channels=3

    # 3*3*3*4 and 4 + 4 of the norm
    [convolutional]
    batch_normalize=1
    filters=4
    size=3
    stride=1
    pad=1
    activation=leaky

    [maxpool]
    size=2
    stride=1

    [convolutional]
    filters=8
    size=1
    stride=2
    pad=1
    activation=linear

    [shortcut]
    from=-3
    activation=relu

    [upsample]
    stride=2

    [route]
    layers = -1, 4

    [yolo]
    mask = 0,1
"""


def test_a_cfg_is_read_as_darknet_runs_it(tmp_path: Path) -> None:
    source = read(tmp_path / "tiny.cfg", TINY)
    report = counted(source)
    assert report.totals.params == 108 + 8 + (4 * 8 + 8)
    assert report.totals.macs == 108 * 100 + 32 * 25
    shapes = {layer.path: str(layer.output) for layer in report.graph.layers}
    assert shapes["maxpool1"] == "4x10x10"  # padded by size - 1
    assert shapes["shortcut3.pad_channels"] == "8x5x5"  # its first 4 channels take part
    assert shapes["route5"] == "16x10x10"
    assert [*source.outputs] == ["route5"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[net]\nwidth=4\nheight=4\n[conv", "never closed"),
        ("width=4", "before the first section"),
        ("[convolutional]\nsize=1", "begins with [net]"),
        ("[net]\nwidth=4\nheight=4\n[convolutoinal]", "did you mean 'convolutional'"),
        ("[net]\nwidth=4\nheight=4\n[route]\nlayers=3", "a section before this one"),
        ("[net]\nwidth=4\nheight=4\n[convolutional]\nfilters=1e9", "not a whole number"),
        ("[net]\nwidth=4\nheight=4\n[convolutional]\nactivation=leakey", "did you mean 'leaky'?"),
        ("[net]\nbatch=1\n[convolutional]", "--input 3x416x416"),
        ("[net]\nwidth=4\nheight=4", "no layers after [net]"),
    ],
)
def test_a_wrong_cfg_says_what_and_where(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Error) as error:
        read(tmp_path / "wrong.cfg", text)
    assert words in str(error.value)


# ------------------------------------------------------------------------------------------- Keras


def layer(kind: str, name: str, *reads: str, **config: Any) -> dict[str, Any]:
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"shape": [], "keras_history": [each, 0, 0]}}
        for each in reads
    ]
    calls = [{"args": [tensors] if len(tensors) > 1 else tensors, "kwargs": {}}] if reads else []
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}


def functional(*layers: dict[str, Any], name: str = "toy") -> dict[str, Any]:
    return {
        "class_name": "Functional",
        "config": {
            "name": name,
            "layers": [*layers],
            "input_layers": [layers[0]["name"], 0, 0],
            "output_layers": [layers[-1]["name"], 0, 0],
        },
    }


TOY = functional(
    layer("InputLayer", "image", batch_shape=[None, 9, 9, 3], dtype="float32"),
    layer(
        "Conv2D",
        "conv",
        "image",
        filters=4,
        kernel_size=[3, 3],
        strides=[2, 2],
        padding="same",
        activation="relu",
    ),
    layer("BatchNormalization", "bn", "conv", axis=[3], epsilon=0.001, scale=False),  # its bias alone: 4
    layer("GlobalAveragePooling2D", "pool", "bn"),
    layer("Dense", "squeeze", "pool", units=2, use_bias=False, activation="relu"),
    layer("Dense", "excite", "squeeze", units=4),
    layer("Reshape", "gate", "excite", target_shape=[1, 1, 4]),
    layer("Add", "plus", "gate"),
    layer("ReLU", "clip", "plus", max_value=6.0),
    layer("Multiply", "sixth", "clip"),
    layer("Multiply", "scaled", "bn", "sixth"),
    layer("Dense", "pointwise", "scaled", units=8),
    layer("Flatten", "flat", "pointwise"),
    layer("Dense", "logits", "flat", units=10, activation="softmax"),
)
for _place, _number in ((7, 3.0), (9, 0.16666666666666666)):
    TOY["config"]["layers"][_place]["inbound_nodes"][0]["args"].append(_number)


def test_a_network_of_keras_is_read_with_its_channels_first(tmp_path: Path) -> None:
    source = read(tmp_path / "toy.json", json.dumps(TOY))
    report = counted(source)
    conv, dense = 3 * 3 * 3 * 4 + 4, (4 * 8 + 8) + (25 * 8 * 10 + 10)
    assert report.totals.params == conv + 4 + 8 + (2 * 4 + 4) + dense
    assert report.totals.macs == 108 * 25 + 8 + 8 + 32 * 25 + 2000
    ops = [layer.op.title for layer in report.graph.layers]
    assert ops[ops.index("conv2d", 1) :] == ["conv2d", "channels_last", "flatten", "linear", "softmax"]
    assert "hard_sigmoid" in ops
    assert report.graph.layers[2].op.title == "batch_norm"
    assert source.nodes[0].weights == {"weight": "layers/conv2d/vars/0", "bias": "layers/conv2d/vars/1"}


def test_a_keras_file_is_an_archive_with_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "toy.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(TOY))
    assert counted(reader(str(path)).read(str(path), {})).totals == counted(
        read(tmp_path / "toy.json", json.dumps(TOY))
    ).totals  # fmt: skip


def test_a_network_inside_another_and_a_sequence_are_read(tmp_path: Path) -> None:
    inner = {"class_name": "Sequential", "name": "stem", "inbound_nodes": [], "config": {"name": "stem", "layers": [
        {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 6]}},
        {"class_name": "Dense", "config": {"name": "a", "units": 5, "activation": "relu"}},
        {"class_name": "Dense", "config": {"name": "b", "units": 4, "activation": "linear"}},
    ]}}  # fmt: skip
    stem = {**inner, "inbound_nodes": layer("Dense", "x", "vector")["inbound_nodes"]}
    model = functional(
        layer("InputLayer", "vector", batch_shape=[None, 6]), stem, layer("Dense", "c", "stem", units=2)
    )
    source = read(tmp_path / "nested.json", json.dumps(model))
    assert counted(source).totals.params == 35 + 24 + 10
    assert [module.path for module in source.nodes[0].modules] == ["stem", "stem.a"]
    assert source.nodes[2].weights["weight"] == "layers/sequential/layers/dense_1/vars/0"


def test_text_through_a_recurrent_layer(tmp_path: Path) -> None:
    """The numbers that Keras prints for these layers."""
    model = functional(
        layer("InputLayer", "ids", batch_shape=[None, 20], dtype="int32"),
        layer("Embedding", "words", "ids", input_dim=100, output_dim=16),  # 1,600
        layer("Bidirectional", "both", "words",
              layer={"class_name": "GRU", "config": {"units": 32, "return_sequences": False}}),  # 9,600
        layer("Dense", "out", "both", units=1, activation="sigmoid"),
    )  # fmt: skip
    assert counted(read(tmp_path / "text.json", json.dumps(model))).totals.params == 1600 + 9600 + 65


def test_open_sizes_are_asked_for(tmp_path: Path) -> None:
    model = functional(
        layer("InputLayer", "image", batch_shape=[None, None, None, 3]),
        layer("Conv2D", "conv", "image", filters=4, kernel_size=[3, 3]),
    )
    with pytest.raises(Error) as error:
        read(tmp_path / "open.json", json.dumps(model))
    assert "--input 3x224x224" in str(error.value)
    assert counted(read(tmp_path / "open.json", json.dumps(model), any=(3, 5, 5))).totals.macs == 108 * 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (json.dumps(TOY)[:200], "may be cut off"),
        ('{"class_name": "Functional", "config": 3}', "not a network of Keras"),
        ('{"class_name": "Functional", "config": {"layers": [{"class_name": 1}]}}', "not as Keras writes it"),
        ('{"class_name": ' + "[" * 100_000, "is not JSON"),
        (
            json.dumps(
                functional(layer("InputLayer", "i", batch_shape=[None, 4]), layer("Dens", "d", "i", units=1))
            ),
            "did you mean 'Dense'?",
        ),
        (
            json.dumps(
                functional(
                    layer("InputLayer", "i", batch_shape=[None, 4]), layer("Dense", "d", "i", units=10**16)
                )
            ),
            "10^15",
        ),
        (
            json.dumps(
                functional(layer("InputLayer", "i", batch_shape=[None, 4]), layer("Dense", "d", "e", units=1))
            ),
            "not as Keras writes it",
        ),
    ],
)
def test_a_wrong_network_of_keras_says_what(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Error) as error:
        read(tmp_path / "wrong.json", text)
    assert words in str(error.value)
    assert "wrong.json" in str(error.value)


def test_an_archive_that_unpacks_to_much_is_refused_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b"0" * 40_000_000)
    with pytest.raises(Error, match="unpacks to 40,000,000 bytes"):
        reader(str(path)).read(str(path), {})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(Error, match="is cut off"):
        reader(str(path)).read(str(path), {})


def test_weights_have_the_sizes_of_their_ops(tmp_path: Path) -> None:
    source = read(tmp_path / "toy.json", json.dumps(TOY))
    assert sum(product(each.dims) for each in source.weights.values() if each.learned) == 2186


# ------------------------------------------------------------------------------------- Hugging Face


def config(path: Path, **fields: Any) -> Path:
    path.write_text(json.dumps(fields))
    return path


def test_a_configuration_is_a_bundled_spec_with_its_knobs(run: Run, tmp_path: Path) -> None:
    path = config(
        tmp_path / "config.json", model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=64,
        num_hidden_layers=2, intermediate_size=100, num_attention_heads=8, num_key_value_heads=2, vocab_size=50,
        max_position_embeddings=32, rms_norm_eps=1e-5, tie_word_embeddings=True, rope_theta=500000.0,
    )  # fmt: skip
    found = run("import", str(path))
    assert (found.code, found.err) == (0, "")
    assert found.out.splitlines()[2:] == [
        "use: llama",
        "knobs:",
        "  {layers: 2, dim: 64, hidden: 100, heads: 8, kv_heads: 2, vocabulary: 50, length: 32, tied: true,",
        "   theta: 500000, eps: 1e-5}",
    ]
    attention, mlp = 64 * 64 * 2 + 2 * 16 * 64, 3 * 64 * 100
    assert parse(found.out).count().params == 50 * 64 + 2 * (attention + mlp + 2 * 64) + 64
    assert "length: 99" in run("import", str(path), "--input", "99").out


def test_what_a_configuration_says_besides_is_named(run: Run, tmp_path: Path) -> None:
    path = config(
        tmp_path / "config.json", model_type="bert", adapters=3, architectures=["BertForPreTraining"]
    )
    found = run("import", str(path))
    assert found.code == 1
    assert "not read, and may change the counts: adapters" in found.err
    assert "BertForPreTraining, and the spec is BertModel" in found.err


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model_type": "lama"}, "did you mean 'llama'"),
        ({"model_type": "rwkv"}, "known are albert, bart, bert"),
        ({"model_type": ["llama"]}, "is not known"),
        ({"model_type": "llama", "hidden_size": "many"}, "hidden_size is not a number"),
        ({"model_type": "llama", "hidden_size": -64}, "hidden_size cannot be -64"),
        ({"model_type": "llama", "vocab_size": 10**15}, "vocab_size cannot be"),
        ({"model_type": "llama", "hidden_size": 0.5}, "hidden_size cannot be 0.5"),
        ({"model_type": "llama", "hidden_act": "tanhshrink"}, "hidden_act is tanhshrink"),
        ({"model_type": "deepseek_v3", "hidden_act": "gelu"}, "hidden_act is gelu"),
        ({"model_type": "clip", "text_config": 5}, "text_config is not a configuration"),
    ],
)
def test_a_wrong_configuration_says_what(tmp_path: Path, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Error) as error:
        hf.written(str(config(tmp_path / "config.json", **fields)), {})
    assert words in str(error.value)
    assert "config.json" in str(error.value)


def test_a_configuration_is_read_without_arrays(tmp_path: Path) -> None:
    """No NumPy is imported for sizes alone."""
    path = config(tmp_path / "config.json", model_type="gpt2", n_layer=2)
    command = [sys.executable, "-X", "importtime", "-m", "paramcalc", "import", str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "paramcalc.importing.families" in found.stderr
    assert "numpy" not in found.stderr
    assert "use: gpt-2" in found.stdout


HOSTILE = [None, "64", -1, 0, 7, 0.5, 1e400, 10**30, True, [], ["a"], {}, {"a": 1}, "x" * 500]


def test_no_field_of_any_family_raises_another_error() -> None:
    """Whatever a field is: a spec that counts, or a message. Fields and values are drawn from a fixed seed."""
    random = Random(1)
    more = ["architectures", "rope_parameters", "layer_types", "id2label", "head_dim"]
    read = 0
    for kind in [*FAMILIES] * 4:
        name = random.choice([*FAMILIES[kind].defaults, *more])
        fields = {"num_hidden_layers": 2, "n_layer": 2, name: random.choice(HOSTILE)}
        text = json.dumps({"model_type": kind, **fields})
        with suppress(Error):
            read += parse(hf.spec_of(Text("config.json", text), {}).text).count().params > 0
    assert 50 < read < 4 * len(FAMILIES)


# --------------------------------------------------------------------------------------------- ONNX


def model(
    *nodes: bytes, inputs: Mapping[str, tuple[int, ...]], outputs: tuple[str, ...], stored: bytes = b""
) -> bytes:
    """An ONNX file of nodes and stored tensors as bytes; sizes of 0 are open."""
    graph = [*(pb.stretch(1, node) for node in nodes), stored, pb.stretch(2, "toy")]
    for name, dims in inputs.items():
        shape = b"".join(pb.stretch(1, pb.number(1, dim) if dim else pb.stretch(2, "N")) for dim in dims)
        kind = pb.stretch(2, pb.stretch(1, pb.number(1, 1) + pb.stretch(2, shape)))
        graph.append(pb.stretch(11, pb.stretch(1, name) + kind))
    graph += [pb.stretch(12, pb.stretch(1, name)) for name in outputs]
    return pb.number(1, 8) + pb.stretch(7, b"".join(graph)) + pb.stretch(8, pb.number(2, 17))


def node(kind: str, inputs: str, output: str, name: str = "", **attributes: Any) -> bytes:
    parts = [*(pb.stretch(1, one) for one in inputs.split()), pb.stretch(2, output), pb.stretch(3, name)]
    parts += [
        pb.stretch(4, kind),
        *(pb.stretch(5, pb.attribute(key, value)) for key, value in attributes.items()),
    ]
    return b"".join(parts)


def weight(name: str, *dims: int, more: bytes = b"") -> bytes:
    """A tensor whose numbers lie elsewhere."""
    return pb.stretch(
        5, b"".join(pb.number(1, dim) for dim in dims) + pb.number(2, 1) + pb.stretch(8, name) + more
    )


BLOCK = model(
    node("Conv", "x w b", "c", "/layer1/layer1.0/conv/Conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    node("Sigmoid", "c", "s", "/layer1/layer1.0/Sigmoid"),
    node("Mul", "c s", "m", "/layer1/layer1.0/Mul"),
    node("Add", "m x", "a", "/layer1/layer1.0/Add"),
    node("Shape", "a", "shape"),
    node("Gather", "shape zero", "batch"),
    node("Unsqueeze", "batch first", "row"),
    node("Concat", "row rest", "sizes", axis=0),
    node("Reshape", "a sizes", "flat"),
    node("MatMul", "flat m2", "p"),
    node("Add", "p b2", "y"),
    inputs={"x": (0, 4, 6, 6)},
    outputs=("y",),
    stored=weight("w", 4, 4, 3, 3) + weight("b", 4) + weight("m2", 144, 10) + weight("b2", 10)
    + pb.stretch(5, pb.tensor("zero", [0], scalar=True)) + pb.stretch(5, pb.tensor("first", [0]))
    + pb.stretch(5, pb.tensor("rest", [-1])),
)  # fmt: skip


def test_shape_arithmetic_is_computed_and_small_patterns_are_ops(tmp_path: Path) -> None:
    source = read(tmp_path / "block.onnx", BLOCK)
    spec = parse(imported(source).text)
    report = spec.count()
    assert report.params == (4 * 4 * 9 + 4) + (144 * 10 + 10)
    assert report.macs == 144 * 36 + 1440
    assert [row.call.split()[0] for row in report.layers] == ["conv2d", "silu", "add", "flatten", "linear"]
    assert [module.path for module in source.nodes[0].modules] == ["layer1", "layer1.0", "layer1.0.conv"]


def test_open_sizes_of_onnx_are_asked_for(tmp_path: Path) -> None:
    data = model(node("Relu", "x", "y"), inputs={"x": (0, 3, 0, 0)}, outputs=("y",))
    with pytest.raises(Error, match=r"--input 3x224x224"):
        read(tmp_path / "open.onnx", data)
    assert str(read(tmp_path / "open.onnx", data, any=(3, 9, 9)).inputs["x"]) == "3x9x9"


@pytest.mark.parametrize("end", range(1, len(BLOCK), 23))
def test_a_file_that_is_cut_off_is_an_error(tmp_path: Path, end: int) -> None:
    with pytest.raises(Error):
        read(tmp_path / "cut.onnx", BLOCK[:end])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\xff" * 40, "not a protocol buffer"),
        (b"not a model at all", "not a protocol buffer|no graph"),
        (model(node("If", "x", "y", "/branch"), inputs={"x": (1, 3)}, outputs=("y",)), "If '/branch' runs other nodes"),
        (model(node("Relu", "z", "y"), inputs={"x": (1, 3)}, outputs=("y",)), "reads 'z', which no node"),
        (model(node("Relu", "x", "y"), inputs={"x": (1, 2**50)}, outputs=("y",)), "too large"),
        (
            model(node("Gemm", "x w", "y"), inputs={"x": (1, 3)}, outputs=("y",), stored=weight("w", 3, 2**55)),
            "impossible sizes",
        ),
        (
            model(node("Conv", "x w", "y"), inputs={"x": (1, 3, 8, 8)}, outputs=("y",), stored=weight("w", 4, 3, 9, 9)),
            "does not fit",
        ),
        (
            model(node("NonZero", "x", "n"), node("Reshape", "x n", "y"), inputs={"x": (1, 3)}, outputs=("y",)),
            "sizes depend on data",
        ),
        *(
            (
                model(
                    node("Gemm", "x w", "y"), inputs={"x": (1, 3)}, outputs=("y",),
                    stored=weight("w", 3, 5, more=pb.number(14, 1)
                                  + pb.stretch(13, pb.stretch(1, "location") + pb.stretch(2, location))),
                ),
                "outside of the model's folder",
            )
            for location in ("/etc/passwd", "../secret", "a/../../b", "C:\\x", "..\\x")
        ),
    ],
)  # fmt: skip
def test_a_wrong_or_hostile_onnx_file_says_what(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(Error, match=words):
        read(tmp_path / "wrong.onnx", data)


def test_weights_beside_the_file_are_not_read(tmp_path: Path) -> None:
    beside = pb.number(14, 1) + pb.stretch(13, pb.stretch(1, "location") + pb.stretch(2, "weights.bin"))
    data = model(
        node("Gemm", "x w", "y"), inputs={"x": (1, 3)}, outputs=("y",), stored=weight("w", 3, 5, more=beside)
    )
    assert parse(imported(read(tmp_path / "two.onnx", data)).text).count().params == 15


def residual(*layers: tuple[str, int]) -> bytes:
    """A network without a name in it: a stem, residual blocks of three convolutions, a pool."""
    nodes: list[bytes] = []
    stored: list[bytes] = []

    def conv(x: str, channels: int, out: int, kernel: int, stride: int = 1) -> str:
        name = f"t{len(nodes)}"
        stored.extend([weight(f"{name}w", out, channels, kernel, kernel), weight(f"{name}b", out)])
        sides = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [kernel // 2] * 4}
        nodes.append(node("Conv", f"{x} {name}w {name}b", name, **sides))
        return name

    def op(kind: str, inputs: str, name: str = "") -> str:
        name = name or f"t{len(nodes)}"
        nodes.append(node(kind, inputs, name))
        return name

    x, channels = op("Relu", conv("x", 3, 24, 3)), 24
    for kind, width in layers:
        stride = 2 if kind == "down" else 1
        y = op("Relu", conv(x, channels, width, 1))
        y = conv(op("Relu", conv(y, width, width, 3, stride)), width, 4 * width, 1)
        skip = x if kind == "same" else conv(x, channels, 4 * width, 1, stride)
        x, channels = op("Relu", op("Add", f"{y} {skip}")), 4 * width
    op("GlobalAveragePool", x, "y")
    return model(*nodes, inputs={"x": (1, 3, 32, 32)}, outputs=("y",), stored=b"".join(stored))


def test_what_repeats_in_a_network_without_names_is_found(tmp_path: Path) -> None:
    """Blocks under the names that people use, in stages of any number of them, and nothing lost on the way."""
    stages = [("first", 8), *[("same", 8)] * 2, ("down", 16), *[("same", 16)] * 5, ("down", 32)]
    found = imported(read(tmp_path / "resnet.onnx", residual(*stages)))

    assert checked(found) == ""
    _, _, text = found.text.partition("input: 3x32x32\n")
    assert (
        text
        == """\
blocks:
  bottleneck_downsample width stride=2:
    - add:
        main:
          - conv2d width 1, relu
          - conv2d channels 3 stride=stride padding=1, relu
          - conv2d 4*channels 1
        shortcut: conv2d 4*width 1 stride=stride
    - relu
  bottleneck:
    - add:
        main:
          - conv2d channels/4 1, relu
          - conv2d channels 3 padding=1, relu
          - conv2d 4*channels 1
        skip: identity
    - relu
layers:
  - conv2d 24 3 padding=1, relu
  - bottleneck_downsample 8 stride=1
  - 2 * bottleneck
  - bottleneck_downsample 16
  - 5 * bottleneck
  - bottleneck_downsample 32
  - global_avg_pool
"""
    )


def test_an_unknown_operation_is_named_and_the_totals_are_partial(run: Run, tmp_path: Path) -> None:
    data = model(
        node("Relu", "x", "r"), node("Celu", "r", "c", "/act/Celu"), node("Relu", "c", "y"),
        inputs={"x": (1, 3, 4, 4)}, outputs=("y",),
    )  # fmt: skip
    (tmp_path / "odd.onnx").write_bytes(data)
    found = run("import", str(tmp_path / "odd.onnx"), "-o", str(tmp_path / "odd.yaml"))
    assert found.code == 1
    assert "Celu in act" in found.err and "partial" in found.err


def test_equal_vectors_that_a_file_keeps_once_are_counted_for_each(tmp_path: Path) -> None:
    """Two layers of 3 x 4 + 4 and 4 x 4 + 4, whose biases are one array as they are equal."""
    data = model(
        node("Gemm", "x w1 b", "h"), node("Gemm", "h w2 b", "y"), inputs={"x": (1, 3)}, outputs=("y",),
        stored=weight("w1", 3, 4) + weight("w2", 4, 4) + weight("b", 4),
    )  # fmt: skip
    assert parse(imported(read(tmp_path / "same.onnx", data)).text).count().params == 16 + 20


def test_a_failing_import_writes_nothing(run: Run, tmp_path: Path) -> None:
    for name, data in (
        ("a.onnx", BLOCK[:99]),
        ("a.cfg", b"[net"),
        ("a.prototxt", b"layer {"),
        ("a.keras", b"PK"),
    ):
        (tmp_path / name).write_bytes(data)
        found = run("import", str(tmp_path / name), "-o", str(tmp_path / "spec.yaml"))
        assert found.code == 2
        assert found.err.startswith(("paramcalc: ", str(tmp_path)))
    assert not (tmp_path / "spec.yaml").exists()


def test_a_proof_that_cannot_be_made_is_refused_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    """A text of Caffe has nothing to be compared with: that is no failed proof, and no spec is left half proven."""
    (tmp_path / "normed.prototxt").write_text(NORMED)
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: before\n")

    found = run("import", str(tmp_path / "normed.prototxt"), "--prove", "-o", str(spec))

    assert found.code == 2
    assert "Normed cannot be proven" in found.err
    assert spec.read_text() == "name: before\n"


def test_a_spec_that_is_there_is_replaced_and_with_its_map_or_not_at_all(run: Run, tmp_path: Path) -> None:
    (tmp_path / "normed.prototxt").write_text(NORMED)
    spec = tmp_path / "spec.yaml"
    spec.write_text("name: before\n")
    ask = ["import", str(tmp_path / "normed.prototxt"), "-o", str(spec)]

    found = run(*ask, "--map", str(tmp_path / "nowhere" / "map.json"))
    assert found.code == 2
    assert spec.read_text() == "name: before\n"

    assert run(*ask, "--map", str(tmp_path / "map.json")).code == 0
    assert spec.read_text().startswith("name: Normed\n")
    assert json.loads((tmp_path / "map.json").read_text())["weights"]["ip/weight"] == "ip.0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.json", "normed.prototxt", "spec.yaml"]


def test_a_network_of_too_many_layers_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be built as repeats is not tried layer by layer, which is as large."""
    source = str(Path(__file__).parent / "models" / "lenet.prototxt")
    written, tried = network._written, []
    monkeypatch.setattr(
        network, "_written", lambda *given, whole: tried.append(whole) or written(*given, whole)
    )
    monkeypatch.setattr("paramcalc.engine.elaborate.MOST_STEPS", 5)

    with pytest.raises(Error, match="steps to build"):
        imported(reader(source).read(source, {}))
    assert tried == [True]
