"""Hover text for the word or layer at a place: the op, the formula with its numbers, a knob's value."""

from __future__ import annotations

from paramcalc import ops
from paramcalc.count.report import Row
from paramcalc.explain import draw as explained
from paramcalc.explain import explain
from paramcalc.lsp import names, words
from paramcalc.lsp.analysis import Analysis
from paramcalc.lsp.complete import signature_of
from paramcalc.ops.attributes import attributes
from paramcalc.reference.draw import signature, summary
from paramcalc.render.escape import code, markdown

QUANTITIES = ("output", "params", "macs")
WIDTH = 90


def hover(analysis: Analysis, offset: int) -> str:
    """Markdown; '' where there is nothing to say."""
    word = names.at(analysis.source, offset)
    parts = [_word(analysis, word)] if word else []
    rows = [row for row in analysis.rows.get(analysis.line(offset), []) if word is None or _about(row, word)]
    if rows and (word is None or word.role in (words.HEAD, words.LAYER, words.ATTRIBUTE, words.VALUE)):
        parts.append(_layers(analysis, rows))
    return "\n\n".join(part for part in parts if part)


def _about(row: Row, word: words.Word) -> bool:
    """Whether a word is of the call that makes a layer, or its name."""
    inside = row.layer.start <= word.start < max(row.layer.end, row.layer.start + 1)
    return inside or (word.role == words.LAYER and word.text in row.path.split("/"))


def _layers(analysis: Analysis, rows: list[Row]) -> str:
    """The equations of the first of some layers, and how many there are."""
    assert analysis.report is not None
    found = explain.explain(analysis.report, [rows[0].path], QUANTITIES)
    *lines, _ = explained.text(found, WIDTH).split("\n\n", 2)[1:] or [""]
    more = f"\n\nthe first of {len(rows):,} layers that this line makes" if len(rows) > 1 else ""
    text = "\n\n".join([*lines]).replace("```", "` ` `")
    return f"```text\n{text}\n```{more}"


def _word(analysis: Analysis, word: words.Word) -> str:
    spec, report = analysis.spec, analysis.report
    block = spec.blocks.get(word.text) if spec and word.role in (words.HEAD, words.BLOCK) else None
    if block is not None:
        return f"{code(signature_of(block))}: a block"
    op = ops.find(word.text) if word.role == words.HEAD and word.text.isidentifier() else None
    if op is not None:
        return f"{code(signature(op))}\n\n{markdown(summary(op))}"
    if word.role == words.ATTRIBUTE and word.head.isidentifier():
        owner = ops.find(word.head)
        attribute = attributes(owner).get(word.text) if owner else None
        if attribute is not None:
            default = "required" if attribute.required else f"default {attribute.default}"
            return f"{code(word.text)} of {code(word.head)}: {attribute.kind}, {default}"
    if word.role in (words.KNOB, words.VALUE) and report and word.text in report.graph.knobs:
        return f"{code(word.text)}: a knob, {markdown(str(report.graph.knobs[word.text]))}"
    if word.role == words.REFERENCE and report:
        same = [row for row in report.rows if f"/{word.text}/" in f"/{row.path}/"]
        if same:
            return f"{code(word.text)}: {same[-1].output}, {sum(int(row.params) for row in same):,} params"
    if word.role in (words.VARIANT, words.MODEL):
        return f"{code(word.text)}: a model"
    return ""
