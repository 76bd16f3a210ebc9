"""Networks of transformers by class: params and outputs are the class's, and counts those of its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paramcalc import from_torch, load, parse
from paramcalc.base.errors import Fault
from paramcalc.importing.families import FAMILIES
from paramcalc.importing.network import Imported, imported
from paramcalc.importing.readers import hf
from tests.oracle.hf_configs import SMALL, Fields

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from paramcalc.importing.readers import torch as torch_reader  # noqa: E402 only where there is a torch
from paramcalc.verify.mapping import outputs_apart  # noqa: E402

LENGTH = 16
IDS = {"input_ids": (LENGTH,)}
READ: dict[str, dict[str, tuple[int, ...]]] = {
    "vit": {"pixel_values": (3, 32, 32)},
    "clip": {"pixel_values": (3, 32, 32), "input_ids": (LENGTH,)},
    "t5": {"input_ids": (LENGTH,), "decoder_input_ids": (LENGTH,)},
    "whisper": {"input_features": (10, 40), "decoder_input_ids": (LENGTH,)},
}
# what a spec has otherwise than its class, by a word of the remark
REMARKED = {"gemma2": "soft cap", "olmo2": "eps=1e-05", "qwen3": "eps=1e-06", "clip": "largest id"}
# windows that hide nothing, and some that do
CASES: list[tuple[str, Fields]] = [
    *((kind, {}) for kind in ("llama", "mistral", "qwen2", "qwen3", "gemma2", "phi3", "olmo2", "gpt2", "bert", "t5",
                              "vit", "clip", "whisper")),
    ("mistral", {"sliding_window": 5}),
    ("gemma2", {"num_hidden_layers": 4, "sliding_window": 5}),
    ("gemma3_text", {"num_hidden_layers": 13, "sliding_window": 5}),
]  # fmt: skip


def by_class(kind: str, fields: Fields) -> tuple[Any, Any, dict[str, Any], Imported]:
    """The configuration, the module on the meta device, what it reads, and its import."""
    config = transformers.AutoConfig.for_model(kind, **{**SMALL[kind], **fields})
    model = getattr(transformers, FAMILIES[kind].classes[0])
    module = torch_reader.on_meta(lambda: model(torch_reader._uncached(config)), kind)
    given = torch_reader.arguments(module, READ.get(kind, IDS), kind)
    source = torch_reader.from_program(torch_reader.exported(module, (), given), module, kind, "")
    return config, module, given, imported(source)


@pytest.mark.parametrize(("kind", "fields"), CASES)
def test_both_ways_count_the_same(kind: str, fields: Fields, tmp_path: Path) -> None:
    config, module, _, found = by_class(kind, fields)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**config.to_dict(), "architectures": [FAMILIES[kind].classes[0]]}))
    spec = parse(hf.written(str(path), {}).text)
    texts = ("input", "words", "sentences", "source", "target", "text")
    sizes = {name: (LENGTH,) for name in spec.graph().inputs if name in texts and kind != "vit"}
    counted, said = parse(found.text).count(), spec.count(inputs=sizes)

    assert found.missing == ()
    assert counted.params == said.params == sum(one.numel() for one in module.parameters())
    assert counted.macs == said.macs


@pytest.mark.parametrize(
    ("kind", "fields"), [case for case in CASES if case[0] not in (*REMARKED, "gemma3_text")]
)
def test_outputs_are_those_of_the_class(kind: str, fields: Fields) -> None:
    config, module, given, found = by_class(kind, fields)
    model = getattr(transformers, FAMILIES[kind].classes[0])
    program = torch_reader.exported(module, (), given)
    own = torch_reader._proof(module, given, found.source, lambda: model(config), program)
    assert own.arrays is not None and own.run is not None

    share = outputs_apart(parse(found.text).graph(), found.weight_names(), own.arrays, own.run)

    assert share < 1e-5
    narrow = [one for one in found.source.remarks if not one.startswith("attention within 5 positions")]
    assert narrow == []
    assert (len(found.source.remarks) == 1) is ("sliding_window" in fields)


@pytest.mark.parametrize("kind", REMARKED)
def test_what_a_spec_has_otherwise_is_said(kind: str) -> None:
    found = by_class(kind, {})[3]
    assert any(REMARKED[kind] in one for one in (*found.source.remarks, *found.net.notes))


@pytest.mark.parametrize("kind", ["mixtral", "deepseek_v3", "qwen3_moe"])
def test_experts_come_by_their_configuration(kind: str, tmp_path: Path) -> None:
    """An export does not say how many experts run, a configuration does; params are the module's own."""
    config = transformers.AutoConfig.for_model(kind, **SMALL[kind])
    module = torch_reader.on_meta(lambda: getattr(transformers, FAMILIES[kind].classes[0])(config), kind)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**config.to_dict(), "architectures": [FAMILIES[kind].classes[0]]}))

    found = from_torch(module, torch.zeros((1, LENGTH), dtype=torch.int64, device="meta")).count()
    other = parse(hf.written(str(path), {"": (LENGTH,)}).text).count()

    assert found.params == other.params == sum(weight.numel() for weight in module.parameters())
    assert (found.macs, found.active_params) == (other.macs, other.active_params)
    assert found.active_params < found.params
    assert from_torch(module).count().params == found.params  # the length is the stated one


def test_experts_of_another_configuration_are_refused() -> None:
    """What the configuration says is compared with the module's own weights."""
    config = transformers.AutoConfig.for_model("mixtral", **SMALL["mixtral"])
    module = torch_reader.on_meta(lambda: transformers.MixtralForCausalLM(config), "mixtral")
    module.config.num_local_experts += 1
    with pytest.raises(Fault, match="other params"):
        from_torch(module, torch.zeros((1, LENGTH), dtype=torch.int64, device="meta"))


def test_windows_follow_their_period() -> None:
    """Of six layers of Gemma 3 five have a window."""
    text = by_class("gemma3_text", {"num_hidden_layers": 13})[3].text
    assert "13 * gemma3_decoder_layer (32 if i%6 != 5 else 'none')" in text
    assert text.count("\n") <= 30


def test_an_encoder_with_biases_of_distances_sees_all() -> None:
    """The buckets of T5's table compare distances; that is no mask."""
    graph = parse(by_class("t5", {})[3].text).graph()
    causal = [layer.op.causal for layer in graph.layers if layer.op.name == "self_attention"]  # type: ignore[attr-defined]
    assert causal == [False] * 2 + [True] * 3


def test_positions_are_counted_whole() -> None:
    """BERT reads the first rows of its table; the others are its params too."""
    assert (
        parse(by_class("bert", {"max_position_embeddings": 200})[3].text).count().params == 45_232 + 136 * 48
    )


def test_detr_by_class_and_by_configuration() -> None:
    """Learned queries are a parameter, and what is computed of them alone is counted; as in the bundled spec."""
    source = torch_reader.read("transformers:DetrForObjectDetection", {})
    module = torch_reader.on_meta(torch_reader.factory("transformers:DetrForObjectDetection"), "detr")
    found = imported(source)
    report = parse(found.text).count()
    sizes = {"height": 224, "length": 224, "classes": 2}

    assert found.missing == ()
    assert report.params == sum(one.numel() for one in module.parameters())
    assert report.macs == load("detr").count(**sizes).macs
