"""paramcalc serve: a page with an editor, on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paramcalc.commands._common import remark


def serve(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="[SPEC|FOLDER]",
            help="A bundled model, a path, PATH:VARIANT, or a folder of specs; the bundled specs if omitted.",
        ),
    ] = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Listen on this port; 0 picks a free one.")
    ] = 8350,
    browse: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve a page with an editor: table, mistakes and claims follow as you type.

    Only this machine reaches it, at the address that is printed; Ctrl-C ends it. It changes no file.

    Example: paramcalc serve resnet-50 --open
    """
    from paramcalc.serve.named import named
    from paramcalc.serve.server import Server

    server = Server(named(spec), port)
    try:
        print(server.address)
        sys.stdout.flush()
        remark("Ctrl-C ends the server")
        if browse:
            import webbrowser

            webbrowser.open(server.address)
        server.serve_forever()
    finally:
        server.close()
