"""The protocol: requests of editors, in their positions. The only module that imports pygls.

A text is analysed in a thread a moment after a change, so that a keystroke never waits for it: completion works on the
line itself and on the last text that made sense. What needs the present text (hints, hover, fixes) waits for it.
"""

from __future__ import annotations

import asyncio
import inspect
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from paramcalc import ops
from paramcalc.base.errors import Error, Fault, Source
from paramcalc.engine import library
from paramcalc.language.writer import formatted
from paramcalc.lsp import fixes, names
from paramcalc.lsp.analysis import ERROR, Analysis, analyse, line_starts
from paramcalc.lsp.complete import MOST, complete
from paramcalc.lsp.hints import hints
from paramcalc.lsp.hover import hover
from paramcalc.lsp.place import place
from paramcalc.version import __version__

PAUSE = 0.15  # seconds after a keystroke, before a text is analysed
# The protocol's numbers for kinds of completions and of symbols.
KINDS = {"operator": 3, "class": 7, "field": 5, "value": 12, "keyword": 14, "variable": 6}
SYMBOLS = {"section": 3, "variable": 13, "class": 5, "function": 12, "field": 8}


def server() -> Any:
    """The language server; `Fault` where the extra is not installed."""
    try:
        from lsprotocol import types
        from pygls.lsp.server import LanguageServer
    except ImportError:
        raise Fault("the language server needs pygls", fix="pip install 'paramcalc[lsp]'") from None

    ops.every()  # now, and not at the first keystroke
    found: Any = LanguageServer("paramcalc", __version__)
    answers = _Answers(_Texts(found, types), types)
    completing = types.CompletionOptions(trigger_characters=[" ", "=", "/", "{", "-"])
    mending = types.CodeActionOptions([types.CodeActionKind.QuickFix])
    for name, answer, options in (
        (types.TEXT_DOCUMENT_DID_OPEN, answers.opened, None),
        (types.TEXT_DOCUMENT_DID_CHANGE, answers.changed, None),
        (types.TEXT_DOCUMENT_DID_SAVE, answers.saved, None),
        (types.TEXT_DOCUMENT_DID_CLOSE, answers.closed, None),
        (types.TEXT_DOCUMENT_COMPLETION, answers.completed, completing),
        (types.TEXT_DOCUMENT_HOVER, answers.hovered, None),
        (types.TEXT_DOCUMENT_INLAY_HINT, answers.hinted, None),
        (types.TEXT_DOCUMENT_CODE_ACTION, answers.mended, mending),
        (types.TEXT_DOCUMENT_DEFINITION, answers.defined, None),
        (types.TEXT_DOCUMENT_REFERENCES, answers.referred, None),
        (types.TEXT_DOCUMENT_RENAME, answers.renamed, None),
        (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, answers.listed, None),
        (types.TEXT_DOCUMENT_FORMATTING, answers.formatted, None),
    ):
        found.feature(name, options)(_function(answer))
    return found


def _function(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method as a function, to which pygls can add what it remembers."""
    if not inspect.iscoroutinefunction(answer):
        return lambda params: answer(params)

    async def run(params: Any) -> Any:
        return await answer(params)

    return run


class _Answers:
    """An answer to each request, in the types of the protocol."""

    def __init__(self, texts: _Texts, types: Any) -> None:
        self.texts, self.types = texts, types

    async def opened(self, params: Any) -> None:
        await self.texts.changed(params.text_document.uri, 0)

    async def changed(self, params: Any) -> None:
        await self.texts.changed(params.text_document.uri, PAUSE)

    async def saved(self, params: Any) -> None:
        """Another spec may use this one."""
        for uri in self.texts.open():
            await self.texts.changed(uri, 0)

    def closed(self, params: Any) -> None:
        self.texts.forget(params.text_document.uri)

    def completed(self, params: Any) -> Any:
        uri = params.text_document.uri
        text = self.texts.text(uri)
        offset = self.texts.offset(uri, params.position)
        where = place(text, offset)
        found = complete(where, self.texts.last(uri))
        typed = where.word.rpartition("=")[2].strip("\"'")
        span = self.texts.range(text, offset - len(typed), offset)
        items = [
            self.types.CompletionItem(
                label=one.text,
                kind=self.types.CompletionItemKind(KINDS[one.kind]),
                detail=one.detail or None,
                documentation=one.says or None,
                text_edit=self.types.TextEdit(span, one.text),
                filter_text=one.text,
                sort_text=f"{place_:04}",
            )
            for place_, one in enumerate(found)
        ]
        return self.types.CompletionList(is_incomplete=len(items) >= MOST, items=items)

    async def hovered(self, params: Any) -> Any:
        analysis = await self.texts.current(params.text_document.uri)
        said = hover(analysis, self.texts.offset(params.text_document.uri, params.position))
        return (
            self.types.Hover(self.types.MarkupContent(self.types.MarkupKind.Markdown, said)) if said else None
        )

    async def hinted(self, params: Any) -> Any:
        analysis = await self.texts.current(params.text_document.uri)
        first, last = params.range.start.line, params.range.end.line
        drawn = []
        for hint in self.texts.hints(params.text_document.uri):
            if first <= hint.line <= last:
                end = self.texts.line_end(analysis, hint.line)
                position = self.texts.position(analysis.text, end, analysis.starts)
                drawn.append(self.types.InlayHint(position, hint.text, padding_left=True))
        return drawn

    async def mended(self, params: Any) -> Any:
        uri = params.text_document.uri
        analysis = await self.texts.current(uri)
        first, last = params.range.start.line, params.range.end.line
        actions = []
        for finding in analysis.findings:
            if not first <= analysis.line(finding.start) <= last or not finding.notes:
                continue
            for fix in await self.texts.aside(
                lambda one=finding: [*fixes.fixes(analysis, one, self.texts.sibling(uri))]
            ):
                edit = self.types.TextEdit(
                    self.texts.range(analysis.text, fix.start, fix.end, analysis.starts), fix.text
                )
                actions.append(
                    self.types.CodeAction(
                        fix.title,
                        kind=self.types.CodeActionKind.QuickFix,
                        diagnostics=[self.texts.diagnostic(analysis, finding)],
                        edit=self.types.WorkspaceEdit(changes={uri: [edit]}),
                    )
                )
        return actions

    async def defined(self, params: Any) -> Any:
        uri = params.text_document.uri
        analysis = await self.texts.current(uri)
        spot = names.definition(analysis, self.texts.offset(uri, params.position), self.texts.sibling(uri))
        if spot is None:
            return None
        if spot.path == analysis.source.name:
            return self.types.Location(
                uri, self.texts.range(analysis.text, spot.start, spot.end, analysis.starts)
            )
        return self.types.Location(
            Path(spot.path).absolute().as_uri(), self.texts.range(spot.text, spot.start, spot.end)
        )

    async def referred(self, params: Any) -> Any:
        uri = params.text_document.uri
        analysis = await self.texts.current(uri)
        same = names.occurrences(analysis.source, self.texts.offset(uri, params.position))
        spans = (self.texts.range(analysis.text, one.start, one.end, analysis.starts) for one in same)
        return [self.types.Location(uri, span) for span in spans]

    async def renamed(self, params: Any) -> Any:
        uri = params.text_document.uri
        analysis = await self.texts.current(uri)
        offset = self.texts.offset(uri, params.position)
        try:
            chosen = await self.texts.aside(
                lambda: names.rename(analysis, offset, params.new_name, self.texts.sibling(uri))
            )
        except Error as error:
            from pygls.exceptions import JsonRpcInvalidParams

            raise JsonRpcInvalidParams(str(error)) from None
        spans = (self.texts.range(analysis.text, one.start, one.end, analysis.starts) for one in chosen)
        return self.types.WorkspaceEdit(
            changes={uri: [self.types.TextEdit(span, params.new_name) for span in spans]}
        )

    def formatted(self, params: Any) -> Any:
        """The lines that the normal form has otherwise, from the first to the last; nothing for what is not YAML."""
        text = self.texts.text(params.text_document.uri)
        try:
            new = formatted(Source(params.text_document.uri, text))
        except Error:
            return None
        old_lines, new_lines = text.splitlines(keepends=True), new.splitlines(keepends=True)
        first = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old_lines, new_lines, strict=False))
        )
        behind = zip(reversed(old_lines[first:]), reversed(new_lines[first:]), strict=False)
        last = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], behind))
        start = sum(map(len, old_lines[:first]))
        end = sum(map(len, old_lines[: len(old_lines) - last]))
        changed = "".join(new_lines[first : len(new_lines) - last])
        same = start == end and not changed
        return [] if same else [self.types.TextEdit(self.texts.range(text, start, end), changed)]

    def listed(self, params: Any) -> Any:
        uri = params.text_document.uri
        text = self.texts.text(uri)
        starts = line_starts(text)

        def drawn(symbol: names.Symbol) -> Any:
            return self.types.DocumentSymbol(
                name=symbol.name,
                kind=self.types.SymbolKind(SYMBOLS[symbol.kind]),
                range=self.texts.range(text, symbol.start, symbol.end, starts),
                selection_range=self.texts.range(text, symbol.start, symbol.name_end, starts),
                children=[drawn(child) for child in symbol.children],
            )

        return [drawn(symbol) for symbol in names.symbols(Source(uri, text))]


class _Texts:
    """The texts that are open, and what is known of each."""

    def __init__(self, server: Any, types: Any) -> None:
        self.server, self.types = server, types
        self.thread = ThreadPoolExecutor(1)
        self.known: dict[str, Analysis] = {}  # of the last version that was analysed
        self.good: dict[str, Analysis] = {}  # of the last one that made a network
        self.drawn: dict[str, tuple[Analysis, Any]] = {}
        self.pending: dict[str, asyncio.Task[Analysis]] = {}

    # ---------------------------------------------------------------------------- analysing

    async def changed(self, uri: str, pause: float) -> None:
        """Begins to analyse a text; what is under way for an earlier version of it is no longer waited for."""
        earlier = self.pending.get(uri)
        if earlier is not None:
            earlier.cancel()
        self.pending[uri] = asyncio.create_task(self.analysed(uri, pause))

    async def analysed(self, uri: str, pause: float) -> Analysis:
        await asyncio.sleep(pause)
        text = self.text(uri)
        analysis: Analysis = await self.aside(lambda: analyse(text, self.path(uri), self.sibling(uri)))
        self.known[uri] = analysis
        if analysis.report is not None:
            self.good[uri] = analysis
        self.publish(uri, analysis)
        if self.can_refresh():
            self.server.workspace_inlay_hint_refresh(None)
        return analysis

    async def current(self, uri: str) -> Analysis:
        """The analysis of the present text, as soon as it is there."""
        while True:
            task = self.pending.get(uri)
            if task is None:
                await self.changed(uri, 0)
                continue
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                if self.pending.get(uri) is task:  # it is the request that is cancelled
                    raise

    async def aside(self, work: Any) -> Any:
        """Does work in a thread, while requests are answered."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    def last(self, uri: str) -> Analysis | None:
        return self.good.get(uri) or self.known.get(uri)

    def hints(self, uri: str) -> Any:
        """The hints of a text, worked out once."""
        analysis = self.known[uri]
        drawn = self.drawn.get(uri)
        if drawn is None or drawn[0] is not analysis:
            drawn = self.drawn[uri] = (analysis, hints(analysis))
        return drawn[1]

    def publish(self, uri: str, analysis: Analysis) -> None:
        diagnostics = [self.diagnostic(analysis, finding) for finding in analysis.findings]
        given = self.types.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics)
        self.server.text_document_publish_diagnostics(given)

    def can_refresh(self) -> bool:
        workspace = self.server.client_capabilities.workspace
        return bool(workspace and workspace.inlay_hint and workspace.inlay_hint.refresh_support)

    def diagnostic(self, analysis: Analysis, finding: Any) -> Any:
        severity = self.types.DiagnosticSeverity
        return self.types.Diagnostic(
            range=self.range(analysis.text, finding.start, finding.end, analysis.starts),
            message="\n".join([finding.message, *finding.notes]),
            severity=severity.Error if finding.level == ERROR else severity.Warning,
            source="paramcalc",
        )

    # -------------------------------------------------------------------------------- texts

    def open(self) -> list[str]:
        return [*self.pending]

    def forget(self, uri: str) -> None:
        task = self.pending.pop(uri, None)
        if task is not None:
            task.cancel()
        for known in (self.known, self.good, self.drawn):
            known.pop(uri, None)
        self.server.text_document_publish_diagnostics(
            self.types.PublishDiagnosticsParams(uri=uri, diagnostics=[])
        )

    def text(self, uri: str) -> str:
        return str(self.server.workspace.get_text_document(uri).source)

    def path(self, uri: str) -> Path:
        """The file of a text; a text that is in none yet has a name all the same."""
        parsed = urlparse(uri)
        return Path(unquote(parsed.path)) if parsed.scheme == "file" else Path(f"{parsed.path or 'untitled'}")

    def sibling(self, uri: str) -> library.Sibling:
        """The specs beside a text: as they are open here, else as they are on the disk."""
        folder = self.path(uri).parent
        on_disk = library.beside(folder)
        here = {self.path(one): one for one in self.open()}

        def sibling(name: str) -> Source | None:
            path = folder / f"{name}.yaml"
            return Source(str(path), self.text(here[path])) if path in here else on_disk(name)

        return sibling

    # ----------------------------------------------------------------------------- positions

    def offset(self, uri: str, position: Any) -> int:
        """The character of the text at a position, which counts as the client does."""
        text = self.text(uri)
        starts = line_starts(text)
        if position.line >= len(starts):
            return len(text)
        begin: int = starts[position.line]
        line = text[begin : starts[position.line + 1] if position.line + 1 < len(starts) else len(text)]
        left, index = int(position.character), 0
        if line.isascii():
            return begin + min(left, len(line))
        while left > 0 and index < len(line):
            left -= self.units(line[index])
            index += 1
        return begin + index

    def position(self, text: str, index: int, starts: list[int] | None = None) -> Any:
        starts = starts or line_starts(text)
        line = bisect_right(starts, index) - 1
        before = text[starts[line] : index]
        return self.types.Position(line, len(before) if before.isascii() else sum(map(self.units, before)))

    def range(self, text: str, start: int, end: int, starts: list[int] | None = None) -> Any:
        starts = starts or line_starts(text)
        return self.types.Range(self.position(text, start, starts), self.position(text, end, starts))

    def units(self, char: str) -> int:
        """How much a character counts in the encoding that was agreed upon; UTF-16 unless another was."""
        encoding = str(
            getattr(self.server.server_capabilities, "position_encoding", None) or "utf-16"
        ).lower()
        if "32" in encoding:
            return 1
        return len(char.encode("utf-8", "replace")) if "8" in encoding else 1 + (ord(char) > 0xFFFF)

    def line_end(self, analysis: Analysis, line: int) -> int:
        """Where the text of a line ends."""
        end = analysis.starts[line + 1] if line + 1 < len(analysis.starts) else len(analysis.text)
        return analysis.starts[line] + len(analysis.text[analysis.starts[line] : end].rstrip("\r\n"))
