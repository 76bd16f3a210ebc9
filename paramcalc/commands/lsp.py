"""paramcalc lsp: a language server for editors."""

from __future__ import annotations

from paramcalc.commands._common import PluginOption, load_plugins


def lsp(plugins: PluginOption = None) -> None:
    """Serve the Language Server Protocol on standard input and output, for editors.

    Editors start it themselves; docs/editors.md says how.

    Example: paramcalc lsp
    """
    from paramcalc.lsp.server import server

    load_plugins(plugins)
    server().start_io()
