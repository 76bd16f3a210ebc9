"""What a module of PyTorch says of itself: params, the operations that its counter sees, its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from paramcalc.importing.constants import macs_of
from paramcalc.importing.readers._quiet import quiet
from paramcalc.importing.readers._torch_values import Values, zeros
from paramcalc.importing.source import Proof, SourceNetwork

MOST = 2_000_000_000  # params of a module that is made with numbers


Export = Callable[[Any, Sequence[Any], Mapping[str, Any]], Any]


def proof(
    module: Any,
    given: Mapping[str, Any],
    source: SourceNetwork,
    make: Callable[[], Any],
    program: Any,
    export: Export,
) -> Proof:
    """The proof of a module that was exported on the meta device; with random weights where it has none."""
    params = sum(
        prod(weight.dims) for weight in source.weights.values() if weight.learned and not weight.tied
    )
    seen = counted(module, given, program=program)
    macs = None if seen is None else seen - macs_of(source, reached=False)
    unproved: tuple[str, ...] = (
        ("MACs not compared: PyTorch's counter does not run here",) if macs is None else ()
    )
    if params > MOST:
        unproved += (f"outputs not compared: {params:,} params are too many to run here",)
        return Proof("module", params, macs, SEEN, unproved=unproved)
    real = _Real(make, program, given, export)
    return Proof("module", params, macs, SEEN, real.array, real.run, unproved=unproved)


SEEN = "PyTorch's FlopCounterMode, halved"


def counted(
    module: Any, given: Mapping[str, Any], args: Sequence[Any] = (), program: Any = None
) -> int | None:
    """Half of the floating-point operations that PyTorch's own counter sees in a run.

    Of the exported program where the module does not run without numbers, as it looks at those of its masks.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    runs: list[Any] = [module] if program is None else [module, program.module()]
    for run in runs:
        for grad in (False, True):  # its hooks fail in some modules without gradients
            try:
                with torch.set_grad_enabled(grad), FlopCounterMode(display=False) as counter:
                    run(*args, **given)
                return int(counter.get_total_flops()) // 2
            except Exception:  # of the counter, or of the module on this device
                continue
    return None


class _Real:
    """A module with numbers, made when they are asked for."""

    def __init__(
        self, make: Callable[[], Any], program: Any, given: Mapping[str, Any], export: Export
    ) -> None:
        self.export = export
        self.make = make
        self.program = program
        self.given = given
        self.made: Any = None
        self.exported: Any = None
        self.computed: Values | None = None
        self.values: dict[str, Any] = {}

    @property
    def module(self) -> Any:
        if self.made is None:
            with quiet():
                self.made = _stirred(self.make().eval())
        return self.made

    def array(self, name: str) -> Any:
        """A parameter or buffer by its name, or what the exported program computes of them."""
        return self._tensor(name).detach().cpu().float().numpy()

    def _tensor(self, name: str) -> Any:
        if not self.values:
            self.values = {key: self._constant(key, value) for key, value in self.program.constants.items()}
            self.values |= dict(self.module.named_parameters(remove_duplicate=False))
            self.values |= dict(self.module.named_buffers(remove_duplicate=False))
        if name in self.values:
            return self.values[name]
        if self.computed is None:
            self.computed = Values(self.program, self._tensor)
        return self.computed(name)

    def _constant(self, name: str, value: Any) -> Any:
        """A tensor that is no parameter: the module's attribute, or one that its code makes."""
        if getattr(getattr(value, "device", None), "type", "") != "meta":
            return value
        found = self.module
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is None:
            if self.exported is None:
                self.exported = self.export(
                    self.module, (), {key: zeros(one) for key, one in self.given.items()}
                )
            found = self.exported.constants.get(name)
        return found

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The outputs for inputs by the names of the spec, or in their order."""
        import torch

        named = {
            name: torch.from_numpy(array) for name, array in zip(self.given, inputs.values(), strict=True)
        }
        with torch.no_grad():
            return _flat(self.module(**named))


def _flat(output: Any) -> list[Any]:
    import torch

    return [
        value.detach().cpu().float().numpy()
        for value in torch.utils._pytree.tree_flatten(output)[0]
        if hasattr(value, "shape")
    ]


def _stirred(module: Any) -> Any:
    """A fresh module whose scales, biases and statistics are no zeros and ones, which would hide mistakes."""
    import torch

    generator = torch.Generator().manual_seed(0)

    def noise(array: Any) -> Any:
        return torch.randn(array.shape, generator=generator)

    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim < 2:
                parameter.add_(0.1 * noise(parameter))
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.1 * noise(buffer))
            elif name.endswith("running_var"):
                buffer.mul_(1 + 0.2 * noise(buffer).abs())
    return module
