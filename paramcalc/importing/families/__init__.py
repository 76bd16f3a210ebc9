"""Families of Hugging Face's transformers: from the fields of a `config.json` to a spec.

    fields      a configuration's fields, read as the numbers and words that they must be
    silent      fields that say nothing of the layers
    family      what a family is: classes, defaults, the function that writes its spec
    frame       the frame of all language models, and its parts: attention, MLP, norms, experts, head
    short       a language model's spec: the bundled llama with knobs where that says it, or the frame
    decoders    LLaMA and its successors; gpts: language models of the other kind; mixtures: those with experts
    encoders    BERT and its kind; translators: BART and its kind
    bundled     families whose spec is a bundled one with other knobs

To add a family, write its function and its line in the table of the file that it belongs to;
tests/oracle/test_hf.py compares its counts with the class in transformers.
"""

from __future__ import annotations

from collections.abc import Mapping

from paramcalc.importing.families.bundled import BUNDLED
from paramcalc.importing.families.decoders import DECODERS
from paramcalc.importing.families.encoders import ENCODERS
from paramcalc.importing.families.family import Family
from paramcalc.importing.families.gpts import GPTS
from paramcalc.importing.families.mixtures import MIXTURES
from paramcalc.importing.families.translators import TRANSLATORS

FAMILIES: Mapping[str, Family] = {**DECODERS, **GPTS, **MIXTURES, **ENCODERS, **TRANSLATORS, **BUNDLED}
