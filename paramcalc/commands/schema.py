"""paramcalc schema: a JSON Schema of spec files, for editors."""

from __future__ import annotations

from paramcalc.commands._common import Output, PluginOption, load_plugins, output_options


@output_options("json")
def schema(output: Output, plugins: PluginOption = None) -> None:
    """Print a JSON Schema of spec files, for editors that complete and check YAML.

    Example: paramcalc schema --output paramcalc.schema.json
    """
    from paramcalc.check import budgets
    from paramcalc.check.reader import CLAIMED
    from paramcalc.schema.schema import schema as described

    load_plugins(plugins)
    output.show(
        {"json": lambda: described(CLAIMED, {"quantities": budgets.BUDGETED, "fields": budgets.FIELDS})}
    )
