"""Recurrent layers in whole networks: known answers, closed forms in the length, memory, and the cost of length."""

from __future__ import annotations

from math import exp, prod, tanh

import numpy as np
import pytest

from paramcalc.base.errors import Source
from paramcalc.count.liveness import run as live
from paramcalc.count.report import count
from paramcalc.engine.elaborate import elaborate
from paramcalc.engine.graph import Graph
from paramcalc.engine.library import from_text
from paramcalc.model import Model
from paramcalc.verify.tools import Tools
from tests import calls

LANGUAGE_MODEL = """
input: {length: %d}
knobs: {deep: 2}
layers:
  - embedding 20 300
  - lstm 512 num_layers=deep
  - linear 20
"""


def graph(text: str) -> Graph:
    return elaborate(from_text(Source("net", text)))


def test_language_model() -> None:
    """An embedding of 20 x 300, two LSTM layers of 512, and 20 classes, as PyTorch has them; MACs of each step."""
    totals = count(graph(LANGUAGE_MODEL % 35)).totals

    assert (
        totals.params
        == 20 * 300 + 4 * 512 * (300 + 512 + 2) + 4 * 512 * (512 + 512 + 2) + 513 * 20
        == 3_784_580
    )
    assert totals.macs == 35 * 3_770_368


@pytest.mark.parametrize(
    ("call", "entering", "params"),
    [
        ("gru 32 bidirectional=true", "{length: 7, channels: 16}", 9_600),  # Keras, reset_after
        ("gru 32 bidirectional=true reset_after=false biases=1", "{length: 7, channels: 16}", 9_408),
        ("lstm 128 biases=1", "{length: 7, channels: 32}", 82_432),  # Keras: 4*128*(32 + 128 + 1)
        ("lstm 512", "{length: 7, channels: 512}", 2_101_248),  # PyTorch: 4*512*(512 + 512 + 2)
    ],
)
def test_known_params(call: str, entering: str, params: int) -> None:
    assert sum(prod(dims) for dims in calls.call(call).weights(calls.shape(entering)).values()) == params


def test_closed_form_in_the_length() -> None:
    """MACs and activations are linear in the length, and hold at another one; the number of layers stays a number."""
    model = Model(from_text(Source("net", LANGUAGE_MODEL % 35)))
    closed = model.closed(["L", "deep"])
    other = count(graph(LANGUAGE_MODEL % 1000)).totals

    assert str(closed.formula("macs")) == "3770368 L"
    assert [symbol.letter for symbol in closed.symbols] == ["L"]
    assert other.macs == 1000 * 3_770_368
    assert other.activations == 1000 * (300 + 512 + 20)


@pytest.mark.parametrize("training", [False, True])
def test_memory_is_linear_in_the_length(training: bool) -> None:
    peaks = [live(graph(LANGUAGE_MODEL % length), training=training).peak.elements for length in (10, 20, 30)]

    assert peaks[2] - peaks[1] == peaks[1] - peaks[0] > 0


def test_what_a_layer_holds_on_the_way() -> None:
    """Gates and cells of both directions of two layers of 4 over 5 steps, and what the first gives the second."""
    op = calls.call("lstm 4 num_layers=2 bidirectional=true")

    assert op.inner(calls.shape("{length: 5, channels: 3}")) == {
        "gates": 5 * 4 * 4 * 4,
        "states": 5 * 2 * 4,
        "cells": 5 * 4 * 4,
    }


def test_peepholes() -> None:
    """Gers et al. 2002: one step of one channel; i and f see the old cell, o the new one."""
    op = calls.call("lstm 1 peephole=true bias=false")
    x, h, c = (np.array([[[value]]]) for value in (0.3, 0.2, 0.7))
    w, u, p = np.array([0.5, -0.4, 0.9, 0.1]), np.array([0.2, 0.6, -0.3, 0.8]), np.array([0.7, -0.5, 0.4])
    i, f, g, o = 0.3 * w + 0.2 * u
    cell = sigmoid(f + 0.7 * p[1]) * 0.7 + sigmoid(i + 0.7 * p[0]) * tanh(g)
    weights = {"weight_ih_l0": w[:, None], "weight_hh_l0": u[:, None], "peephole_l0": p[:, None]}
    shapes = (calls.shape("{length: 1, channels: 1}"), calls.shape("1"), calls.shape("1"))

    found = Tools().apply(op, shapes, [x, h[0], c[0]], weights)

    assert found.item() == pytest.approx(sigmoid(o + p[2] * cell) * tanh(cell), rel=1e-12)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def test_length_costs_nothing() -> None:
    """Rules are formulas of the length: a step more calls nothing more."""
    from cProfile import Profile
    from pstats import Stats

    def calls_of(length: int) -> int:
        profile = Profile()
        profile.runcall(lambda: count(graph(LANGUAGE_MODEL % length)))
        return int(Stats(profile).total_calls)  # type: ignore[attr-defined]

    calls_of(1_000)  # what is imported, and kept, at first
    assert calls_of(10_007) == calls_of(99_991)  # numbers that no other test has had read before


def test_layers_of_one_call_are_deep() -> None:
    assert count(graph(LANGUAGE_MODEL % 35)).totals.depth == 3
