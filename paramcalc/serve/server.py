"""The server of the page: on this machine only, for whoever knows its address, and nothing but what was named.

Whatever runs in a browser can send requests to 127.0.0.1. So an address has a token, the Host must be ours (a name that
was made to mean 127.0.0.1 is not), as must an Origin, and files are those of a fixed list.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from paramcalc.base.errors import Error, Fault, visible
from paramcalc.serve.named import Named

HOST = "127.0.0.1"
LANES = ("quick", "slow")
LARGEST_TEXT = 16 << 20  # bytes of a question
LARGEST_FILE = 512 << 20  # bytes of a file that is imported
PATIENCE = 30  # seconds that a client may take for the next bytes
PAGES = {
    "": ("paramcalc.serve", "page/index.html", "text/html"),
    "app.css": ("paramcalc.serve", "page/app.css", "text/css"),
    "app.js": ("paramcalc.serve", "page/app.js", "text/javascript"),
    "editor.js": ("paramcalc.serve", "page/editor.js", "text/javascript"),
    "main.js": ("paramcalc.serve", "page/main.js", "text/javascript"),
    "page.css": ("paramcalc.report", "page.css", "text/css"),
    "page.js": ("paramcalc.report", "page.js", "text/javascript"),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Lane:
    """A process that answers one question after another, begun when it is needed."""

    def __init__(self, named: Named) -> None:
        self.named = named
        self.process: subprocess.Popen[bytes] | None = None
        self.turn = threading.Lock()

    def ask(self, question: dict[str, Any], data: bytes = b"") -> bytes:
        """The answer, as JSON: `{"stopped": true}` if the process ended before it answered."""
        with self.turn:
            process = self.process
            if process is None or process.poll() is not None:
                process = self.process = self.begun()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(question).encode() + b"\n" + data)
                process.stdin.flush()
                found = process.stdout.readline()
            except OSError:
                found = b""
            return found if found.endswith(b"\n") else b'{"stopped": true}\n'

    def begun(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "paramcalc.serve.worker"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write(json.dumps({"files": self.named.written()}).encode() + b"\n")
        return process

    def stop(self) -> None:
        process = self.process
        if process is not None:
            process.kill()
            process.wait()


class Server(ThreadingHTTPServer):
    """The page at `address`."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would share a port that is taken

    def __init__(self, named: Named, port: int) -> None:
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Fault(
                f"port {port} cannot be used: {reason.lower()}", fix="--port 0 takes any free port"
            ) from None
        self.named = named
        self.token = secrets.token_urlsafe(24)
        self.lanes = {name: Lane(named) for name in LANES}
        self.hosts = {f"{host}:{self.server_port}" for host in (HOST, "localhost")}

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def close(self) -> None:
        self.server_close()
        for lane in self.lanes.values():
            lane.stop()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a browser that hangs up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """A request."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "paramcalc", ""
    timeout = PATIENCE

    def do_GET(self) -> None:
        self.answer(self.shown)

    def do_POST(self) -> None:
        self.answer(self.asked)

    def answer(self, found: Callable[[str, dict[str, str]], tuple[bytes, str]]) -> None:
        try:
            path, query = self.checked()
            data, kind = found(path, query)
        except Refused as refused:
            self.close_connection = True  # what else the request holds is not read
            self.reply(refused.status, f"{refused.why}\n".encode(), "text/plain")
        except Error as error:
            self.reply(HTTPStatus.NOT_FOUND, f"{visible(str(error))}\n".encode(), "text/plain")
        else:
            self.reply(HTTPStatus.OK, data, kind)

    def reply(self, status: HTTPStatus, data: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def checked(self) -> tuple[str, dict[str, str]]:
        """The path below the token and the query, after a check of host, origin and token."""
        hosts, origins = (self.headers.get_all(name, []) for name in ("Host", "Origin"))
        if len(hosts) != 1 or hosts[0].lower() not in self.server.hosts:
            raise Refused(HTTPStatus.FORBIDDEN, "this server answers to its own address only")
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
            raise Refused(HTTPStatus.FORBIDDEN, "another page may not ask here")
        try:
            parts = urlsplit(self.path)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "not an address") from None
        token, slash, rest = parts.path.removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(token.encode(), self.server.token.encode()):
            raise Refused(HTTPStatus.NOT_FOUND, "the address is the one that paramcalc serve printed")
        query = parse_qs(parts.query, keep_blank_values=True)
        return rest, {name: values[-1] for name, values in query.items()}

    def shown(self, path: str, query: dict[str, str]) -> tuple[bytes, str]:
        named = self.server.named
        if path in PAGES:
            package, name, kind = PAGES[path]
            return files(package).joinpath(name).read_bytes(), kind
        if path == "files":
            return _json({"files": [*named.files], "open": named.first, "variant": named.variant})
        if path == "file":
            text = named.text(query.get("name", ""))
            if text is None:
                raise Refused(HTTPStatus.NOT_FOUND, "no such spec here")
            return _json({"text": text})
        raise unknown()

    def asked(self, path: str, query: dict[str, str]) -> tuple[bytes, str]:
        if path not in ("answer", "bring", "stop"):
            raise unknown()
        data = self.body(LARGEST_FILE if path == "bring" else LARGEST_TEXT)
        lane = self.server.lanes.get(query.get("lane", ""))
        if lane is None:
            raise Refused(HTTPStatus.BAD_REQUEST, f"a lane is one of {', '.join(LANES)}")
        if path == "stop":
            lane.stop()
            return _json({"stopped": True})
        if path == "bring":
            return lane.ask({"name": query.get("name", ""), "size": len(data)}, data), "application/json"
        return lane.ask(_question(data)), "application/json"

    def body(self, most: int) -> bytes:
        """The body of a request, whose length is checked before it is read."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or "Transfer-Encoding" in self.headers:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request has no length")
        if len(length) > 18 or int(length) > most:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {most >> 20} MiB")
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is cut off")
        return data

    def log_message(self, *_: object) -> None:
        """Requests are not logged: they hold the token."""


def unknown() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "nothing here")


def _question(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
        text, settings = found["text"], found["settings"]
    except (ValueError, TypeError, KeyError, RecursionError):
        text, settings = None, None
    if not isinstance(text, str) or not isinstance(settings, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "not a question")
    return {"text": text, "settings": settings}


def _json(found: dict[str, Any]) -> tuple[bytes, str]:
    return json.dumps(found).encode(), "application/json"
