"""paramcalc schema: a JSON Schema of spec files, for editors."""

from __future__ import annotations

from paramcalc.commands._common import OutputOption, PluginOption, emit, load_plugins


def schema(plugins: PluginOption = None, output: OutputOption = None) -> None:
    """Print a JSON Schema of spec files, for editors that complete and check YAML.

    Example: paramcalc schema --output paramcalc.schema.json
    """
    import json

    from paramcalc.check.reader import CLAIMED
    from paramcalc.schema.schema import schema as described

    load_plugins(plugins)
    emit(json.dumps(described(CLAIMED), indent=2) + "\n", output)
