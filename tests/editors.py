"""A client of the Language Server Protocol, for tests and benchmarks: it starts the server and waits for answers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue
from typing import Any

SECONDS = 60  # that an answer may take on a busy machine


class Client:
    """Speaks to `paramcalc lsp`. `diagnostics` has the last ones of each file, by its name."""

    def __init__(self, folder: Path, capabilities: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "paramcalc", "lsp"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
        )  # fmt: skip
        self.answers: Queue[dict[str, Any]] = Queue()
        self.told: Queue[dict[str, Any]] = Queue()
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []  # by the server
        self.texts: dict[str, str] = {}
        self.number = self.version = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self.server = self.ask(
            "initialize", processId=None, rootUri=folder.as_uri(), capabilities=capabilities or {}
        )
        self.tell("initialized")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.ask("shutdown")
        self.tell("exit")
        self.process.wait(SECONDS)

    # ---------------------------------------------------------------------------- messages

    def ask(self, method: str, **params: Any) -> Any:
        """The answer to a request; RuntimeError with the message of an error."""
        self.number += 1
        self._send(id=self.number, method=method, params=params or None)
        answer = self.answers.get(timeout=SECONDS)
        assert answer["id"] == self.number
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def tell(self, method: str, **params: Any) -> None:
        self._send(method=method, params=params)

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while True:
            length = 0
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not length:
                return
            message = json.loads(stream.read(length))
            if "method" not in message:
                self.answers.put(message)
            elif "id" in message:
                self.asked.append(message["method"])
                self._send(id=message["id"], result=None)
            else:
                self.told.put(message)

    # ------------------------------------------------------------------------------- texts

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> list[dict[str, Any]]:
        """Opens a text; what is wrong with it."""
        self.texts[name] = text
        document = {"uri": self.uri(name), "languageId": "yaml", "version": 0, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        return self.wrong(name)

    def type(self, name: str, line: int, character: int, text: str, erased: int = 0) -> None:
        """Types at a place, over some characters."""
        self.version += 1
        start, end = {"line": line, "character": character}, {"line": line, "character": character + erased}
        self.tell(
            "textDocument/didChange",
            textDocument={"uri": self.uri(name), "version": self.version},
            contentChanges=[{"range": {"start": start, "end": end}, "text": text}],
        )

    def wrong(self, name: str) -> list[dict[str, Any]]:
        """The next diagnostics of a text."""
        while True:
            try:
                message = self.told.get(timeout=SECONDS)
            except Empty:
                raise AssertionError("no diagnostics came") from None
            if message["method"] == "textDocument/publishDiagnostics":
                uri = message["params"]["uri"]
                self.diagnostics[uri.rpartition("/")[2]] = message["params"]["diagnostics"]
                if uri == self.uri(name):
                    return self.diagnostics[uri.rpartition("/")[2]]

    def at(self, name: str, method: str, line: int, character: int, **params: Any) -> Any:
        """The answer to a request about a place."""
        place = {"line": line, "character": character}
        return self.ask(
            f"textDocument/{method}", textDocument={"uri": self.uri(name)}, position=place, **params
        )

    def about(self, name: str, method: str, first: int = 0, last: int = 100_000, **params: Any) -> Any:
        """The answer to a request about some lines."""
        lines = {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
        return self.ask(f"textDocument/{method}", textDocument={"uri": self.uri(name)}, range=lines, **params)
