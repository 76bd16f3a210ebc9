"""Specs from configurations count what the classes of transformers count: params and MACs, small and as published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paramcalc import load, parse
from paramcalc.importing.families import FAMILIES
from paramcalc.importing.readers import hf
from tests.oracle.hf_configs import OTHERS, PUBLISHED, SMALL, Fields

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

LENGTH = 16
CLASSES = [(kind, model) for kind, family in FAMILIES.items() for model in family.classes]


def configuration(kind: str, fields: Fields) -> Any:
    config = transformers.AutoConfig.for_model(kind, **fields)
    config.use_cache = False
    return config


def brought(config: Any, model: str, folder: Path) -> hf.Written:
    path = folder / "config.json"
    path.write_text(json.dumps({**config.to_dict(), "architectures": [model]}))
    return hf.written(str(path), {})


def params(module: Any) -> int:
    return sum(one.numel() for one in module.parameters())


def macs(module: Any, given: dict[str, Any]) -> int:
    """What PyTorch's counter sees, with each product of attention written out and only the chosen experts run."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(**given)
    return int(counter.get_total_flops()) // 2


def made(config: Any, model: str) -> Any:
    config._experts_implementation = "eager"
    return getattr(transformers, model)._from_config(config, attn_implementation="eager").eval()


def inputs(kind: str, names: list[str], channels: int) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """What the class reads, and the sizes of the same inputs in the spec."""
    torch.manual_seed(0)
    ids = torch.randint(3, 90, (1, LENGTH))
    image = torch.zeros(1, channels, 32, 32)
    if kind == "vit":
        return {"pixel_values": image}, {}
    if kind == "clip":
        return {"pixel_values": image, "input_ids": ids}, {}
    if kind == "whisper":
        return {"input_features": torch.zeros(1, 10, 40), "decoder_input_ids": ids}, {"text": (LENGTH,)}
    more = {"decoder_input_ids": ids} if kind in ("t5", "mt5", "bart", "mbart") else {}
    return {"input_ids": ids, **more}, dict.fromkeys(names, (LENGTH,))


@pytest.mark.parametrize(("kind", "fields"), [*((kind, {}) for kind in SMALL), *OTHERS])
def test_a_small_network_counts_as_its_class(kind: str, fields: Fields, tmp_path: Path) -> None:
    """Params and MACs, with no remark that they may be others."""
    config = configuration(kind, SMALL[kind] | fields)
    model = FAMILIES[kind].classes[0]
    found = brought(config, model, tmp_path)
    spec = parse(found.text)
    module = made(config, model)
    given, sizes = inputs(kind, [*spec.graph().inputs], getattr(config, "num_channels", 3))
    report = spec.count(inputs=sizes)

    assert found.partial == ()
    assert all(one.endswith(": that changes values, and no count") for one in found.remarks)
    assert report.params == params(module)
    assert report.macs == macs(module, given)


@pytest.mark.parametrize(("kind", "model"), [(kind, model) for kind, model in CLASSES if kind in SMALL])
def test_every_class_of_a_family(kind: str, model: str, tmp_path: Path) -> None:
    if not hasattr(transformers, model):
        pytest.skip(f"transformers has no {model} any more")
    config = configuration(kind, SMALL[kind])
    assert parse(brought(config, model, tmp_path).text).count().params == params(made(config, model))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models(name: str, tmp_path: Path) -> None:
    """At the real sizes: the class on the meta device, the number that is printed, the bundled spec."""
    kind, fields, printed, model, bundled = PUBLISHED[name]
    config = configuration(kind, fields)
    model = model or FAMILIES[kind].classes[0]
    with torch.device("meta"):
        module = getattr(transformers, model)(config)
    count = parse(brought(config, model, tmp_path).text).count()

    assert count.params == params(module)
    assert count.params == printed
    assert not bundled or count.params == load(bundled).count().params


@pytest.mark.parametrize("kind", ["mistral", "gemma2", "gemma3_text", "cohere2"])
def test_windows_are_what_a_mask_hides(kind: str, tmp_path: Path) -> None:
    """transformers multiplies by all keys and hides those before the window; the spec counts those in it."""
    config = configuration(kind, SMALL[kind] | {"sliding_window": 5})
    module = made(config, FAMILIES[kind].classes[0])
    count = parse(brought(config, FAMILIES[kind].classes[0], tmp_path).text).count(
        inputs={"input": (LENGTH,)}
    )
    kinds = getattr(config, "layer_types", None) or ["sliding_attention"] * config.num_hidden_layers
    hidden = (
        kinds.count("sliding_attention")
        * LENGTH
        * (LENGTH - 5)
        * config.num_attention_heads
        * config.head_dim
    )
    given, _ = inputs(kind, [], 3)

    assert hidden > 0
    assert count.macs == macs(module, given) - 2 * hidden


def test_detr(tmp_path: Path) -> None:
    """Scales and offsets of frozen batch norms are params in the paper's spec, and buffers in transformers."""
    config = configuration("detr", {})
    with torch.device("meta"):
        module = transformers.DetrForObjectDetection(config)
    found = brought(config, "DetrForObjectDetection", tmp_path)
    frozen = sum(one.numel() for name, one in module.named_buffers() if name.endswith((".weight", ".bias")))

    assert parse(found.text).count().params == params(module) + frozen
    assert found.remarks == (
        f"{frozen:,} params are scales and offsets of frozen batch norms, buffers in transformers",
    )


@pytest.mark.parametrize(
    ("kind", "fields", "printed"),
    [
        # google/flan-t5-base and google/mt5-small, as the Hub counts their files
        ("t5", {"num_layers": 12, "d_model": 768, "d_ff": 2048, "num_heads": 12, "feed_forward_proj": "gated-gelu"},
         247_577_856),
        ("mt5", {}, 300_176_768),
    ],
)  # fmt: skip
def test_an_output_that_transformers_ties_now(
    kind: str, fields: Fields, printed: int, tmp_path: Path
) -> None:
    """Since 5.0 it ties the output of T5 1.1 too, whose files have a table of their own; a remark says how many."""
    config = configuration(kind, fields)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**config.to_dict(), "tie_word_embeddings": False}))
    found = hf.written(str(path), {})
    with torch.device("meta"):
        module = getattr(transformers, FAMILIES[kind].classes[0])(config)
    count = parse(found.text).count().params

    assert count == printed
    assert any(one.endswith(f"{count - params(module):,} params fewer") for one in found.remarks)


def test_what_is_left_out_has_the_default_of_the_class(tmp_path: Path) -> None:
    for kind, family in FAMILIES.items():
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"model_type": kind}))
        if kind in (
            "deepseek_v2",
            "nemotron",
            "detr",
        ):  # whose classes refuse their own defaults, or have others
            continue
        sparse = parse(hf.written(str(path), {}).text).count()
        full = parse(brought(configuration(kind, {}), family.classes[0], tmp_path).text).count()
        assert sparse.params == full.params, kind
