"""Encoders of text: BERT, and what others change of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from paramcalc.importing.families.bundled import classes, divided, eps, spec
from paramcalc.importing.families.family import Family, Lines
from paramcalc.importing.families.fields import Fields
from paramcalc.importing.families.frame import ACTIVATIONS, pairs
from paramcalc.importing.names import shown


class Encoder(NamedTuple):
    """What a family's encoder is made of. `end` follows the encoders: a pooler, or words for masked ones."""

    sizes: Mapping[str, int]
    eps: Mapping[str, Any]
    activation: str
    positions: int  # rows of the table
    end: tuple[str, ...]
    sentences: int = 0  # rows of the table of sentences; 0: none
    narrow: int = 0  # width of the tables, where it is not the model's
    shared: bool = False  # all layers have the weights of one


def text(e: Encoder) -> Lines:
    width = e.narrow or "dim"
    inputs = (
        "inputs: {words: {length: length}, sentences: {length: length}}"
        if e.sentences
        else "input: {length: length}"
    )
    encoders = ["  - encoders: layers * encoder"]
    if e.shared:
        encoders = ["  - encoders:", "      repeat: layers", "      shared: true", "      layers: encoder"]
    return [
        inputs,
        *pairs("knobs", e.sizes),
        f"defaults: {{layer_norm: eps={shown(e.eps['eps'])}}}",
        "blocks:",
        "  encoder:",
        "    - add: {attention: self_attention heads, skip: identity}",
        "    - layer_norm",
        f"    - add: {{mlp: [linear hidden, {e.activation}, linear dim], skip: identity}}",
        "    - layer_norm",
        "layers:",
        *_embedded(e, width),
        *(["  - project_in: linear dim"] if e.narrow else []),
        *encoders,
        *(f"  - {line}" for line in e.end),
    ]


def _embedded(e: Encoder, width: Any) -> Iterator[str]:
    if e.sentences:
        yield f"  - tokens: embedding vocabulary {width} from words"
        yield f"  - segments: embedding {e.sentences} {width} from sentences"
        yield "  - add from tokens segments"
    else:
        yield f"  - tokens: embedding vocabulary {width}"
    yield f"  - positions: positions {e.positions}"
    yield "  - layer_norm"


POOLER = ("first: slice length 0 1, flatten", "pooler: linear dim, tanh")
SHARING = "bias=true share=tokens"


def masked(activation: str, width: str = "dim") -> tuple[str, ...]:
    """The head that guesses masked words: its last layer has the table of tokens, and a bias."""
    return (f"transform: linear {width}, {activation}, layer_norm", f"logits: linear vocabulary {SHARING}")


def classified(f: Fields, pooled: tuple[str, ...]) -> tuple[str, ...]:
    return (*pooled, f"classifier: linear {classes(f)}")


def sizes(f: Fields) -> dict[str, int]:
    f.ignore("tie_word_embeddings")  # of a head that few of the classes have
    f.only(position_embedding_type="absolute")
    dim = f.size("hidden_size")
    return {
        "layers": f.size("num_hidden_layers"),
        "dim": dim,
        "hidden": f.size("intermediate_size"),
        "heads": divided(f, dim, f.size("num_attention_heads")),
        "vocabulary": f.size("vocab_size"),
        "length": f.size("max_position_embeddings"),
    }


def bert(f: Fields, kind: str) -> Lines:
    f.only(add_cross_attention=False)
    found, sentences = sizes(f), f.size("type_vocab_size")
    activation = f.word("hidden_act", ACTIVATIONS)
    if kind == "BertModel" and activation == "gelu":
        knobs = found | {"sentences": sentences, "longest": found["length"]}
        return spec("bert", knobs | eps(f, "layer_norm_eps"))
    end = _end(f, kind, activation, POOLER)
    return text(Encoder(found, eps(f, "layer_norm_eps"), activation, found["length"], end, sentences))


def _end(f: Fields, kind: str, activation: str, pooled: tuple[str, ...]) -> tuple[str, ...]:
    if kind.endswith("ForMaskedLM"):
        f.only(tie_word_embeddings=True)
        return masked(activation)
    return classified(f, pooled) if kind.endswith("ForSequenceClassification") else pooled


def roberta(f: Fields, kind: str) -> Lines:
    """Of the table of positions those up to the padding's number are never read."""
    f.only(add_cross_attention=False)
    found = sizes(f)
    rows, padding = found["length"], f.count("pad_token_id")
    if rows <= padding + 1:
        raise f.wrong("max_position_embeddings", f"is {rows}", f"more than {padding + 1}")
    found["length"] = rows - padding - 1
    activation = f.word("hidden_act", ACTIVATIONS)
    pooled: tuple[str, ...] = POOLER
    if kind.endswith("ForSequenceClassification"):
        pooled = (POOLER[0], "dense: linear dim, tanh")
    end = _end(f, kind, "gelu" if kind.endswith("ForMaskedLM") else activation, pooled)
    return text(Encoder(found, eps(f, "layer_norm_eps"), activation, rows, end, f.size("type_vocab_size")))


def distilbert(f: Fields, kind: str) -> Lines:
    found = sizes(f)
    f.ignore("sinusoidal_pos_embds")
    activation = f.word("activation", ACTIVATIONS)
    first = ("first: slice length 0 1, flatten", "pre_classifier: linear dim, relu")
    end = _end(f, kind, activation, first if "Sequence" in kind else ())
    return text(Encoder(found, {"eps": eps(f, "layer_norm_eps")["eps"]}, activation, found["length"], end))


def electra(f: Fields, kind: str) -> Lines:
    found, narrow = sizes(f), f.size("embedding_size")
    activation = f.word("hidden_act", ACTIVATIONS)
    end: tuple[str, ...] = ()
    if kind == "ElectraForPreTraining":
        end = (f"discriminator: linear dim, {activation}, linear 1",)
    elif kind == "ElectraForMaskedLM":
        f.only(tie_word_embeddings=True)
        end = masked("gelu", str(narrow))
    narrow = 0 if narrow == found["dim"] else narrow
    rows, sentences = found["length"], f.size("type_vocab_size")
    return text(Encoder(found, eps(f, "layer_norm_eps"), activation, rows, end, sentences, narrow))


def albert(f: Fields, kind: str) -> Lines:
    """All layers have the same weights."""
    f.only(num_hidden_groups=1, inner_group_num=1)
    found, narrow = sizes(f), f.size("embedding_size")
    activation = f.word("hidden_act", ACTIVATIONS)
    end: tuple[str, ...] = POOLER
    if kind == "AlbertForMaskedLM":
        f.only(tie_word_embeddings=True)
        end = masked(activation, str(narrow))
    elif kind == "AlbertForSequenceClassification":
        end = classified(f, POOLER)
    rows, sentences = found["length"], f.size("type_vocab_size")
    return text(
        Encoder(found, eps(f, "layer_norm_eps"), activation, rows, end, sentences, narrow, shared=True)
    )


_BERT: dict[str, Any] = {
    "num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12,
    "vocab_size": 30522, "max_position_embeddings": 512, "type_vocab_size": 2, "hidden_act": "gelu",
    "layer_norm_eps": 1e-12, "tie_word_embeddings": True,
}  # fmt: skip


def _family(
    name: str, function: Any, more: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> Family:
    heads = ("Model", "ForMaskedLM", "ForSequenceClassification")
    return Family(tuple(f"{name}{head}" for head in heads), function, {**_BERT, **more}, names or {})


ENCODERS: Mapping[str, Family] = {
    "bert": _family("Bert", bert, {}),
    "roberta": _family("Roberta", roberta, {"vocab_size": 50265, "pad_token_id": 1}),
    "xlm-roberta": _family("XLMRoberta", roberta, {"pad_token_id": 1}),
    "camembert": _family("Camembert", roberta, {"pad_token_id": 1}),
    "distilbert": _family(
        "DistilBert",
        distilbert,
        {"n_layers": 6, "n_heads": 12, "dim": 768, "hidden_dim": 3072, "activation": "gelu"},
        {
            "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads", "hidden_size": "dim",
            "intermediate_size": "hidden_dim",
        },
    ),
    "electra": Family(
        ("ElectraModel", "ElectraForPreTraining", "ElectraForMaskedLM"),
        electra,
        _BERT
        | {"embedding_size": 128, "hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4},
    ),
    "albert": _family(
        "Albert",
        albert,
        {
            "vocab_size": 30000, "embedding_size": 128, "hidden_size": 4096, "num_attention_heads": 64,
            "intermediate_size": 16384, "hidden_act": "gelu_new",
        },
    ),
}  # fmt: skip
