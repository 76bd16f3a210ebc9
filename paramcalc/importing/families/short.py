"""The spec of a language model: the bundled llama with other knobs where that says it, else with all its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.importing.families.family import Family, Lines
from paramcalc.importing.families.fields import Fields
from paramcalc.importing.families.frame import Decoder, pairs, text
from paramcalc.importing.rule import exact

_PLAIN = Decoder({}, {}, "silu")  # what the bundled spec llama is
_ATTENTION = {"bias", "qkv_bias", "out_bias", "qk_norm", "rotary", "theta"}


def as_llama(d: Decoder) -> Lines | None:
    """The knobs of the bundled spec llama; None where it cannot say what the model is."""
    said = ("sizes", "attention", "activation", "eps", "mlp_bias", "windows", "tied", "factor")
    if d._replace(**{name: getattr(_PLAIN, name) for name in said}) != _PLAIN:
        return None
    if (
        not {*d.attention} <= _ATTENTION
        or d.attention.get("rotary") is not True
        or d.attention.get("qk_norm", "rms") != "rms"
        or len({*d.windows}) > 1
        or "," in d.activation
    ):
        return None
    knobs: dict[str, Any] = {**d.sizes}
    if knobs["kv_heads"] == knobs["heads"]:
        del knobs["kv_heads"]
    bias = d.attention.get("bias", True)
    biases = {name: d.attention.get(name, bias) for name in ("qkv_bias", "out_bias")}
    given: dict[str, Any] = {name: d.attention[name] for name in ("qk_norm", "theta") if name in d.attention}
    if d.windows and 0 < d.windows[0] < knobs["length"]:
        given["window"] = d.windows[0]
    if d.activation != "silu":
        given["activation"] = d.activation.replace(" ", "_")
    flags = biases | {"mlp_bias": d.mlp_bias, "tied": d.tied}
    knobs |= {name: True for name, value in flags.items() if value} | given
    knobs |= {"eps": exact(d.eps)} | ({"factor": exact(d.factor)} if d.factor != 1 else {})
    lines = ["use: llama", *pairs("knobs", knobs)]
    if knobs.get("activation") == "gelu_tanh":
        lines.append("blocks: {gelu_tanh: gelu tanh}")
    return lines


def language_model(
    name: str,
    decoder: Callable[[Fields], Decoder],
    like: Mapping[str, Any],
    *,
    names: Mapping[str, str] | None = None,
    base: str = "",
    **defaults: Any,
) -> Family:
    """A family of the frame that all language models share, with logits or without.

    Its classes are called `name`ForCausalLM and `base`; its defaults are those of another, and its own.
    """
    base = base or f"{name}Model"

    def spec(f: Fields, kind: str) -> Lines:
        d = decoder(f)
        if kind == base:
            return text(d._replace(head="none"))
        return as_llama(d) or text(d)

    return Family((f"{name}ForCausalLM", base), spec, {**like, **defaults}, names or {})
