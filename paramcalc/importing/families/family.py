"""A family of models: one model_type of transformers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from paramcalc.importing.families.fields import Config, Fields

Lines: TypeAlias = list[str]  # of a spec, after its name and note


class Family(NamedTuple):
    """How a configuration becomes a spec. `classes` are the models that it is, the usual one first.

    `defaults` are those of the configuration's class in transformers, and `names` what it calls fields that
    most others call otherwise.
    """

    classes: tuple[str, ...]
    spec: Callable[[Fields, str], Lines]
    defaults: Config
    names: Mapping[str, str] = {}
