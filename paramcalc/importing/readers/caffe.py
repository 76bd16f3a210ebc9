"""Caffe: the `.prototxt` of a network, to be trained or deployed, with the layers of all its versions.

A layer gives a blob by name, and a later one may give the same name again ("in place"): names stand for
the last value. Layers of the test phase are read, and heads that end in a loss of the training
phase as auxiliary outputs. BatchNorm followed by Scale is one batch_norm, which is how Caffe writes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from paramcalc.importing.readers._caffe import KINDS
from paramcalc.importing.readers._caffe.state import Reading
from paramcalc.importing.readers._prototxt import parse
from paramcalc.importing.readers._text import text_of
from paramcalc.importing.source import SourceNetwork

MEANING = "a network of Caffe"
EXAMPLE = "deploy.prototxt"


def reads(source: str) -> bool:
    return source.endswith((".prototxt", ".pbtxt.caffe"))


def read(source: str, inputs: Mapping[str, tuple[int, ...]]) -> SourceNetwork:
    text = text_of(source)
    return Reading(text, parse(text), inputs, KINDS).network()
