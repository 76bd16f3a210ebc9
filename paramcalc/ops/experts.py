"""Mixture of experts."""

from __future__ import annotations

from dataclasses import dataclass, field

from paramcalc.base.errors import Fault
from paramcalc.base.shape import CHANNELS, EXPERTS, Shape
from paramcalc.base.sizes import Size, at_least, product, same
from paramcalc.ops._each import Mixture, chosen
from paramcalc.ops.attributes import Word
from paramcalc.ops.base import Array, Cost, Example, Op, Tools


@dataclass(frozen=True)
class Experts(Op):
    """Copies of `layers`, each with weights of its own, of which a router has some run at each position.

    Router: the positions x mixture: a score for each expert
    Layers: the positions x active x channels: what the chosen experts give, the best score first
    Output: the positions x channels

    The `active` experts with the largest scores run, and their outputs are added up, weighted by
    `gates`: `softmax` over the chosen scores (Mixtral), `sum`, the chosen scores over their sum, for a
    router that ends in a sigmoid (DeepSeek-V3), or `scores`, as they are, for one that ends in a
    softmax (Switch Transformer). In `router` and `layers`, the numbers are called mixture and active.
    """

    mixture: Size
    active: Size
    gates: Word = field(default="softmax", metadata={"choices": ("softmax", "sum", "scores")})

    inputs = ("router", "layers")
    routes = True
    elsewhere = {
        "num_experts": "mixture",
        "num_local_experts": "mixture",
        "n_routed_experts": "mixture",
        "top_k": "active",
        "num_experts_per_tok": "active",
    }
    examples = (
        Example("experts 8 2", ("{length: 5, channels: 8}", "{length: 5, experts: 2, channels: 16}"), "5x16"),
        Example("experts 4 1 gates=scores", ("4", "{experts: 1, channels: 3}"), "3"),
    )

    def check(self) -> None:
        if not at_least(self.mixture, self.active):
            raise Fault(
                "more experts are active than stored",
                expected=f"at most {self.mixture} (mixture)",
                found=str(self.active),
                about="active",
            )

    def mix(self, router: Shape) -> Mixture:
        """The mixture over the positions of a router's scores, one for each expert."""
        if CHANNELS not in router.axes or not same(router.channels, self.mixture):
            raise Fault(
                "the router must give a score for each expert",
                expected=f"{self.mixture} channels (mixture)",
                found=router.described(),
                fix="end it with linear mixture",
                about="inputs:1",
            )
        return Mixture(self.mixture, self.active, router)

    def shape(self, *inputs: Shape) -> Shape:
        router, layers = inputs
        self.check()
        wanted = self.mix(router).filled(layers.channels)
        if layers.axes != wanted.axes or not all(map(same, layers.dims, wanted.dims)):
            raise Fault(
                "the experts do not run at each position",
                expected=wanted.described(),
                found=layers.described(),
            )
        return router.with_channels(layers.channels)

    def cost(self, *inputs: Shape) -> Cost:
        """The greatest score is looked for as often as experts are active; then the gates, and their sums."""
        router, layers = inputs
        positions = product(router.space)
        chosen, more = self.active * positions, (self.active - 1) * positions
        work = {
            "compare": chosen * (self.mixture - 1),
            "multiply": chosen * layers.channels,
            "add": more * layers.channels,
        }
        if self.gates != "scores":
            work |= {"add": work["add"] + more, "divide": chosen}
        if self.gates == "softmax":  # the greatest score, which is subtracted first, is known
            work |= {"subtract": chosen, "exp": chosen}
        return Cost(operations=work)

    def forward(self, tools: Tools, router: Array, layers: Array) -> Array:
        scores = tools.moveaxis(router, tools.axis(CHANNELS), -1)
        given = tools.moveaxis(layers, (tools.axis(EXPERTS, 1), tools.axis(CHANNELS, 1)), (-2, -1))
        gates = tools.take_along_axis(scores, chosen(scores, self.active), axis=-1)
        if self.gates == "softmax":
            gates = tools.exp(gates - gates[..., :1])
        if self.gates != "scores":
            gates = gates / gates.sum(axis=-1, keepdims=True)
        return tools.moveaxis((gates[..., None] * given).sum(axis=-2), -1, tools.axis(CHANNELS))
