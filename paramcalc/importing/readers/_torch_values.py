"""The numbers of what a graph of `torch.export` computes without an input: masks, tables, positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paramcalc.importing.net import SHAPES_ONLY


class Values:
    """Runs the nodes that a value needs, on this machine. `stored` gives the weights and buffers by name."""

    def __init__(self, program: Any, stored: Callable[[str], Any]) -> None:
        self.stored = stored
        self.nodes = {node.name: node for node in program.graph_module.graph.nodes}
        self.targets = {
            spec.arg.name: spec.target
            for spec in program.graph_signature.input_specs
            if getattr(spec, "target", None) is not None
        }
        self.done: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        import torch

        with torch.no_grad():
            return self.value(self.nodes[name])

    def value(self, node: Any) -> Any:
        import torch

        if node.name in self.done:
            return self.done[node.name]
        if node.op == "placeholder":
            target = self.targets.get(node.name)
            found = zeros(node.meta["val"]) if target is None else self.stored(target)
        else:
            named = _here(torch.fx.node.map_arg(node.kwargs, self.value))
            if getattr(node.target, "_opname", "") in SHAPES_ONLY:
                given = (zeros(node.args[0].meta["val"]), *node.args[1:])
            else:
                given = torch.fx.node.map_arg(node.args, self.value)
            found = node.target(*_here(given), **named)
        self.done[node.name] = found
        return found


def fixed(program: Any) -> Callable[[str], Any]:
    """The numbers of a value that depends on no parameter, as an array; None where they cannot be had."""
    parameters = program.graph_signature.parameters

    def stored(name: str) -> Any:
        found = program.constants.get(name)
        found = program.state_dict.get(name) if found is None else found
        if found is None or name in parameters or found.device.type == "meta":
            raise LookupError(name)
        return found

    values = Values(program, stored)

    def numbers(name: str) -> Any:
        try:
            found = values(name) if name in values.nodes else stored(name)
            return found.detach().cpu().numpy()
        except Exception:  # of whatever the user's graph does
            return None

    return numbers


def zeros(like: Any) -> Any:
    """An array of these sizes, on whose numbers nothing depends."""
    import torch

    return torch.zeros(like.shape, dtype=like.dtype)


def _here(given: Any) -> Any:
    """Arguments for this machine, where the graph has the meta device."""
    import torch

    return torch.utils._pytree.tree_map(
        lambda one: torch.device("cpu") if isinstance(one, torch.device) else one, given
    )
