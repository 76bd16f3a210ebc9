"""An imported network beside its source: params, multiply-accumulates, outputs for random inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from paramcalc.base.errors import Fault

if TYPE_CHECKING:
    from paramcalc.importing.network import Imported
    from paramcalc.importing.source import Proof

TOLERANCE = 1e-4  # of the largest output: what float32 leaves of a deep network in another order of sums


class Compared(NamedTuple):
    """The result of a proof: matching numbers as claims, differences, and remarks."""

    claims: dict[str, tuple[int, str]]
    differences: tuple[str, ...]
    remarks: tuple[str, ...]


def compared(network: Imported) -> Compared:
    """Compares a spec with the numbers of its source; `Fault` where the source has none."""
    from paramcalc.importing.constants import macs_at
    from paramcalc.model import parse

    source = network.source
    if source.proof is None:
        raise Fault(
            f"{source.name} cannot be proven: its source has no weights, and says nothing of its counts",
            fix="leave out --prove",
        )
    proof = source.proof()
    arrays, params = _arrays(network, proof)
    report = parse(network.text, name=source.name).count()
    claims: dict[str, tuple[int, str]] = {}
    differences: list[str] = []
    remarks = [*proof.unproved]
    if params is None:
        pass
    elif report.with_auxiliary.params == params:
        claims["params"] = (report.params, f"counted in the {proof.of}")
    else:
        differences.append(
            f"params: {report.with_auxiliary.params:,} in the spec, {params:,} in the {proof.of}"
        )
    macs = None if proof.macs is None else proof.macs + macs_at(source, network.net.computed)
    if macs is not None and report.macs == macs:
        claims["macs"] = (macs, proof.seen)
    elif macs is not None:
        differences.append(f"MACs: {report.macs:,} in the spec, {macs:,} by {proof.seen}")
    if network.missing:
        remarks.append("outputs not compared: the spec lacks some operations")
    elif proof.run is not None and arrays is not None:
        share = _apart(network, proof, arrays)
        if share <= TOLERANCE:
            remarks.append(f"proven: outputs differ by {share:.1g} of the largest")
        else:
            differences.append(f"outputs differ by {share:.2g} of the largest")
    return Compared(claims, tuple(differences), tuple(remarks))


def _arrays(network: Imported, proof: Proof) -> tuple[Callable[[str], Any] | None, int | None]:
    """The numbers of each weight, and how many there are, statistics apart."""
    if not proof.path:
        return proof.arrays, proof.params
    from paramcalc.base.origins import origin
    from paramcalc.importing.evaluate import evaluated, known
    from paramcalc.verify.files import open_arrays
    from paramcalc.verify.mapping import part

    weights = network.source.weights
    stored = {one.name: one for one in open_arrays(Path(proof.path))}
    learned, kept = (
        {origin(one.stored or name).name for name, one in weights.items() if one.learned is wanted}
        for wanted in (True, False)
    )
    real = [one for one in stored.values() if one.is_real and (prod(one.shape) > 1 or one.name in learned)]
    texts = Counter(one.stored or name for name, one in weights.items() if one.learned)
    several = sum(prod(one.dims) for name, one in weights.items() if one.stored and texts[one.stored] > 1)
    params = sum(prod(one.shape) for one in real if one.name not in kept - learned)

    def weight(name: str) -> Any:
        """A weight or a constant by the source's name."""
        one = weights[name]
        if isinstance(one.numbers, tuple):
            return known(one)
        taken = origin(one.stored or name)
        return part(stored[taken.name].read(), taken).reshape(one.dims)

    def read(name: str) -> Any:
        """An array of the file, or what is computed of them."""
        return stored[name].read() if name in stored else evaluated(network.source, name, weight)

    return read, params + several


def _apart(network: Imported, proof: Proof, arrays: Callable[[str], Any]) -> float:
    """How far the outputs are apart."""
    from paramcalc.model import parse
    from paramcalc.verify.mapping import outputs_apart

    graph = parse(network.text, name=network.source.name).graph()
    names = [*network.net.inputs]  # in the order of the spec's

    def run(inputs: Any) -> Any:
        assert proof.run is not None
        return proof.run(dict(zip(names, inputs.values(), strict=True)))

    return outputs_apart(graph, network.weight_names(), arrays, run)
