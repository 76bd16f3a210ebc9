"""The frame that language models have in common: a table of tokens, equal decoders, logits.

A family says of its parts which they are; the sizes are knobs with the same names for all. Layers of
several kinds, such as layers with a window, are told apart by an expression of their number.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Any, NamedTuple

from paramcalc.importing.families.fields import LARGEST, Fields
from paramcalc.importing.names import shown
from paramcalc.importing.rounds import period
from paramcalc.importing.rule import exact

ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "relu": "relu",
    "quick_gelu": "quick_gelu",
    "tanh": "tanh",
    **dict.fromkeys(("gelu_pytorch_tanh", "gelu_new", "gelu_fast", "gelu_tanh"), "gelu tanh"),
    "relu2": "relu, square",
}

# Where a decoder normalizes: its lines, of the norm N, attention A and the MLP M.
ORDERS: Mapping[str, tuple[str, ...]] = {
    "before": (
        "- add: {attention: [N, A], skip: identity}",
        "- add: {mlp: [N, M], skip: identity}",
    ),
    "after": (
        "- add: {attention: [A, N], skip: identity}",
        "- add: {mlp: [M, N], skip: identity}",
    ),
    "around": (
        "- add: {attention: [N, A, N], skip: identity}",
        "- add: {mlp: [N, M, N], skip: identity}",
    ),
    "behind": (
        "- add: {attention: A, skip: identity}",
        "- N",
        "- add: {mlp: M, skip: identity}",
        "- N",
    ),
    "parallel": (
        "- add:",
        "    both:",
        "      - N",
        "      - add: {attention: A, mlp: M}",
        "    skip: identity",
    ),
    "parallel, two norms": ("- add: {attention: [N, A], mlp: [N, M], skip: identity}",),
}


class Experts(NamedTuple):
    """Copies of the MLP of which a router has some run; `sparse` says of each layer whether it has them."""

    hidden: int
    experts: int
    chosen: int
    gates: str  # softmax, sum, scores
    router: str  # what follows its linear layer, such as ", softmax"
    sparse: Sequence[bool]
    shared: int = 0  # width of an expert that always runs
    gated: bool = False  # whether that one has a gate of its own


class Decoder(NamedTuple):
    """What a family's language model is made of."""

    sizes: Mapping[str, int]  # knobs
    attention: dict[str, Any]  # attributes of self_attention
    activation: str
    eps: float = 0  # 0: the op's own
    norm: str = "rms_norm"
    norms: str = ""  # attributes of each norm, such as bias=false
    order: str = "before"
    gated: bool = True
    mlp_bias: bool = False
    windows: Sequence[int] = ()  # of each layer; 0: none
    experts: Experts | None = None
    positions: int = 0  # rows of a learned table
    factor: float = 1  # of the embeddings
    embedded: str = ""  # what follows the table of tokens
    narrow: int = 0  # width of that table, where it is not the model's
    final: bool = True  # a norm before the logits
    head: str = "logits"  # or none
    tied: bool = False
    head_bias: bool = False


def sizes(f: Fields, **more: int) -> dict[str, int]:
    """The knobs of all decoders, from the fields that most families call so."""
    heads, dim = f.size("num_attention_heads"), f.size("hidden_size")
    kv_heads = f.size_or("num_key_value_heads", heads)
    found = {
        "layers": f.size("num_hidden_layers"),
        "dim": dim,
        "hidden": more.pop("hidden", 0) or f.size("intermediate_size"),
        "heads": heads,
        "kv_heads": kv_heads,
        "vocabulary": f.size("vocab_size"),
        "length": f.size("max_position_embeddings"),
    }
    if kv_heads > heads or heads % kv_heads:
        raise f.wrong(
            "num_key_value_heads",
            f"is {kv_heads}, which does not divide {heads} heads",
            f"a divisor of {heads}",
        )
    wide = f.size_or("head_dim", 0)
    if not wide and dim % heads:
        raise f.wrong(
            "num_attention_heads", f"is {heads}, which does not divide {dim} channels", f"a divisor of {dim}"
        )
    if wide and wide * heads != dim:
        found["head_dim"] = wide
    return found | more


def head_dim(found: Mapping[str, int]) -> int:
    return found.get("head_dim", found["dim"] // found["heads"])


def biased(f: Fields, name: str = "attention_bias") -> dict[str, Any]:
    """Biases of all four projections, or of none."""
    return {} if f.flag(name) else {"bias": False}


def scaled(scale: float, found: Mapping[str, int]) -> dict[str, Any]:
    """The factor of scores, where it is not 1 / sqrt(head_dim)."""
    return {} if isclose(scale, head_dim(found) ** -0.5) else {"scale": exact(scale)}


def rotary(f: Fields, found: Mapping[str, int], part: float = 1.0, theta: float = 10000.0) -> dict[str, Any]:
    """Turned queries and keys: how many channels, and the base of the angles."""
    rope = _rope(f)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        f.left.append(
            f"rope scaling ({kind if isinstance(kind, str) and kind.isidentifier() else 'unknown'})"
        )
    theta = _real(f, "rope_theta", rope, theta)
    width = head_dim(found)
    turned = int(width * min(1.0, _real(f, "partial_rotary_factor", rope, part))) // 2 * 2
    if not turned:
        return {}
    base = {} if theta == 10000 else {"theta": exact(theta)}
    return {"rotary": True if turned == width else turned} | base


def _rope(f: Fields) -> Mapping[str, Any]:
    """What a configuration says of rotary positions: one table, or one for each kind of layer."""
    f.ignore("rope_theta", "partial_rotary_factor", "rope_interleave", "default_theta")
    given, scaling = f.value("rope_parameters"), f.value("rope_scaling")
    if not isinstance(given, dict):
        return scaling if isinstance(scaling, dict) else {}
    kinds = [one for one in given.values() if isinstance(one, dict)]
    if not kinds:
        return given
    full: Mapping[str, Any] = next((one for name, one in given.items() if name == "full_attention"), kinds[0])
    if any(one != full for one in kinds):
        f.left.append("other rope_parameters of layers with a window")
    return full if isinstance(full, dict) else kinds[0]


def _real(f: Fields, name: str, rope: Mapping[str, Any], otherwise: float) -> float:
    """A number of the table of rotary positions, or of the configuration itself."""
    value = rope.get(name)
    if value is None:
        value = f.value(name)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LARGEST:
        where = (
            name
            if name in f.config
            else "rope_parameters"
            if "rope_parameters" in f.config
            else "rope_scaling"
        )
        raise f.wrong(where, f"has a {name} that is no number above 0", "a number above 0", value)
    return float(value)


def windows(f: Fields, layers: int, usual: Sequence[bool] | None = None) -> list[int]:
    """The window of each layer, 0 where there is none; `usual` says which have one, if no list does."""
    window = f.value("sliding_window")
    kinds = f.numbers("layer_types")
    if not window:
        f.ignore("layer_types")
        return []
    size = f.size("sliding_window")
    if not kinds:
        has = [True] * layers if usual is None else usual
    elif len(kinds) != layers or any(one not in ("sliding_attention", "full_attention") for one in kinds):
        raise f.wrong(
            "layer_types",
            "does not say the kind of each layer",
            f"sliding_attention or full_attention, {layers} times",
        )
    else:
        has = [one == "sliding_attention" for one in kinds]
    return [size if one else 0 for one in has] if any(has) else []


# --------------------------------------------------------------------------------------- the text


def text(d: Decoder) -> list[str]:
    """The lines of a decoder's spec, after its name."""
    knobs: dict[str, Any] = {**d.sizes}
    if knobs["kv_heads"] == knobs["heads"]:
        del knobs["kv_heads"]
    window = _window(d, knobs)
    sparse = _sparse(d, knobs)
    arguments = {"window": window, "sparse": sparse}
    varying = {name: when for name, when in arguments.items() if when not in ("", "window", "true", "false")}
    return [
        "input: {length: length}",
        *pairs("knobs", knobs),
        *_defaults(d, knobs, "" if "window" in varying else window),
        "blocks:",
        *_mlp(d, sparse),
        *_decoder(d, [*varying], sparse),
        "layers:",
        *_layers(d, " ".join(["decoder", *(f"({when})" for when in varying.values())])),
    ]


def _defaults(d: Decoder, knobs: Mapping[str, Any], window: str) -> Iterator[str]:
    given = {name: name for name in ("kv_heads", "head_dim") if name in knobs} | d.attention
    given |= {"causal": True} | ({"window": window} if window else {})
    eps = f"eps={shown(exact(d.eps))}" if d.eps else ""
    norms = " ".join(filter(None, (eps, d.norms)))
    yield "defaults:"
    yield "  linear: bias=false"
    if norms:
        yield f"  {d.norm}: {norms}"
    yield f"  self_attention: {attributes(given)}"


def _decoder(d: Decoder, parameters: Sequence[str], sparse: str) -> Iterator[str]:
    """The block of a decoder: the lines of its order, with its own parts."""
    attention = "self_attention heads window=window" if "window" in parameters else "self_attention heads"
    body = "feed_forward sparse" if "sparse" in parameters else "mixture" if sparse == "true" else "mlp"
    yield f"  {' '.join(['decoder', *parameters])}:"
    for line in ORDERS[d.order]:
        yield f"    {line.replace('N', d.norm).replace('A', attention).replace('M', body)}"


def _layers(d: Decoder, call: str) -> Iterator[str]:
    yield f"  - tokens: embedding vocabulary {d.narrow or 'dim'}"
    if d.narrow:
        yield "  - project_in: linear dim"
    if d.factor != 1:
        yield f"  - scale {shown(exact(d.factor))}"
    if d.positions:
        yield f"  - positions: positions {d.positions}"
    if d.embedded:
        yield f"  - {d.embedded}"
    yield f"  - decoders: layers * {call}"
    if d.final:
        yield f"  - {d.norm}"
    if d.narrow:
        yield f"  - project_out: linear {d.narrow}"
    if d.head == "logits":
        bias = " bias=true" if d.head_bias else ""
        yield f"  - logits: linear vocabulary{bias}{' share=tokens' if d.tied else ''}"


def _window(d: Decoder, knobs: dict[str, Any]) -> str:
    """The window of each layer, as an expression of its number where some have none; '' for none at all."""
    found = {one for one in d.windows if one}
    if not found or min(found) >= knobs["length"]:
        return ""
    knobs["window"] = found.pop()
    when = period([one > 0 for one in d.windows])
    if when == "true":
        return "window"
    if not when:
        knobs["windows"] = tuple(int(one > 0) for one in d.windows)
        when = "windows[i] == 1"
    return f"window if {when} else 'none'"


def _sparse(d: Decoder, knobs: dict[str, Any]) -> str:
    """When a layer has experts, as an expression; '' where no family asks."""
    if d.experts is None:
        return ""
    knobs |= {"experts": d.experts.experts, "chosen": d.experts.chosen, "expert_hidden": d.experts.hidden}
    when = period(d.experts.sparse)
    if not when:
        knobs["sparse_layers"] = tuple(map(int, d.experts.sparse))
        when = "sparse_layers[i] == 1"
    if when == "true":
        del knobs["hidden"]
    elif when == "false":
        del knobs["experts"], knobs["chosen"], knobs["expert_hidden"]
    return when


def mlp_lines(name: str, hidden: str, activation: str, gated: bool, bias: bool) -> Iterator[str]:
    """The block of an MLP, with two layers in front of which one gates the other, or with one."""
    wide = f"linear {hidden}{' bias=true' if bias else ''}"
    back = f"linear dim{' bias=true' if bias else ''}"
    if gated:
        yield f"  {name}:"
        yield f"    - multiply: {{gate: [{wide}, {activation}], up: {wide}}}"
        yield f"    - {back}"
    else:
        yield f"  {name}: {wide}, {activation}, {back}"


def _mlp(d: Decoder, sparse: str) -> Iterator[str]:
    """The blocks of what follows the attention: an MLP, experts, or either."""
    if sparse != "true":
        yield from mlp_lines("mlp", "hidden", d.activation, d.gated, d.mlp_bias)
    if d.experts is None or sparse == "false":
        return
    yield from mlp_lines("expert wide", "wide", d.activation, d.gated, d.mlp_bias)
    yield from _experts(d.experts)
    if sparse != "true":
        yield "  feed_forward sparse:"
        yield "    - if: sparse"
        yield "      then: mixture"
        yield "      else: mlp"


def _experts(e: Experts) -> Iterator[str]:
    routed = "routed" if e.shared else "mixture"
    yield f"  {routed}:"
    yield "    - experts:"
    yield "        mixture: experts"
    yield "        active: chosen"
    yield from ([] if e.gates == "softmax" else [f"        gates: {e.gates}"])
    yield f"        router: {'[' if e.router else ''}linear mixture{e.router}{']' if e.router else ''}"
    yield "        layers: expert expert_hidden"
    if e.shared:
        shared = f"expert {e.shared}"
        if e.gated:
            yield "  shared:"
            yield f"    - multiply: {{gate: [linear 1, sigmoid], shared: {shared}}}"
            shared = "shared"
        yield f"  mixture: {{add: {{routed: routed, shared: {shared}}}}}"


def attributes(given: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={shown(value)}" for name, value in given.items())


WIDTH = 110  # of a line


def pairs(key: str, values: Mapping[str, Any]) -> list[str]:
    """A mapping on one line, or on lines that end after a comma."""
    written = [f"{name}: {_value(value)}" for name, value in values.items()]
    line = f"{key}: {{{', '.join(written)}}}"
    if len(line) <= WIDTH:
        return [line]
    glued = ", ".join(pair.replace(" ", "\0") for pair in written)
    body = textwrap.fill(glued, WIDTH, initial_indent="  {", subsequent_indent="   ").replace("\0", " ")
    return [f"{key}:", *f"{body}}}".splitlines()]


def _value(value: Any) -> str:
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else shown(value)
