"""Small modules of PyTorch, each written for one thing: params, MACs and outputs of their specs are the module's."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import prod
from typing import Any

import pytest

from paramcalc.importing.constants import macs_at, macs_of
from paramcalc.importing.network import Imported, checked, imported
from paramcalc.model import parse
from paramcalc.verify.mapping import outputs_apart

torch = pytest.importorskip("torch")

from paramcalc.importing.readers import torch as torch_reader  # noqa: E402 only where there is a torch
from paramcalc.importing.readers._torch_proof import counted  # noqa: E402
from paramcalc.importing.readers._torch_values import Values  # noqa: E402

nn, F = torch.nn, torch.nn.functional
TOLERANCE = 1e-5


class Does(nn.Module):  # type: ignore[misc,name-defined]
    """Calls a function of itself and an input. Its parts: modules, sizes of a parameter, numbers of a buffer."""

    def __init__(self, function: Callable[[Any, Any], Any], **parts: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.function = function
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)
            elif isinstance(part, tuple):
                self.register_parameter(name, nn.Parameter(torch.randn(part)))
            else:
                self.register_buffer(name, part)

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def brought(module: Any, *sizes: int, left_out: int = 0) -> Imported:
    """The spec of a module; its MACs and, with the module's own weights, its outputs are the module's."""
    x = torch.randn(1, *sizes)
    program = torch_reader.exported(module, (x,), {})
    found = imported(torch_reader.from_program(program, module, "net", "a test"))
    stored = {**dict(module.named_parameters()), **dict(module.named_buffers()), **program.constants}
    values = Values(program, stored.__getitem__)

    def array(name: str) -> Any:
        return (stored[name] if name in stored else values(name)).detach().float().numpy()

    def run(inputs: Any) -> list[Any]:
        with torch.no_grad():
            return [module(*map(torch.from_numpy, inputs.values())).numpy()]

    assert not found.missing
    assert checked(found) == ""
    seen = counted(deepcopy(module).to("meta"), {}, [x.to("meta")])  # where it sees attention
    assert seen is not None
    tables = macs_at(found.source, found.net.computed) - macs_of(found.source, reached=False)
    assert parse(found.text).count().macs == seen + tables - left_out
    assert outputs_apart(parse(found.text).graph(), found.weight_names(), array, run) < TOLERANCE
    return found


def params(found: Imported) -> tuple[int, int]:
    """Those of the spec, and of the source."""
    learned = (prod(one.dims) for one in found.source.weights.values() if one.learned and not one.tied)
    return parse(found.text).count().params, sum(learned)


def windows(x: Any, size: int) -> Any:
    """Windows of an image on the batch axis."""
    _, channels, height, width = x.shape
    cut = x.view(1, channels, height // size, size, width // size, size)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, size, size)


def blocks(x: Any) -> Any:
    """An image cut in two ways at once, seven axes in all, and put together in another order."""
    cut = x.view(1, 2, 2, 2, 2, 2, 3, 2)
    return cut.permute(0, 7, 2, 5, 1, 4, 6, 3).reshape(1, 4, 48).permute(0, 2, 1)


@pytest.mark.parametrize(
    ("module", "sizes"),
    [
        # a convolution, a norm and a pool of windows: the same as of an image with an axis more
        (Does(lambda m, x: m.conv(windows(x, 4)), conv=nn.Conv2d(3, 6, 3, padding=1, stride=2)), (3, 8, 12)),
        (Does(lambda m, x: m.conv(windows(x, 4)), conv=nn.Conv2d(4, 4, 3, groups=4)), (4, 8, 8)),
        (Does(lambda m, x: m.norm(windows(x, 4)), norm=nn.BatchNorm2d(3)), (3, 8, 12)),
        (Does(lambda m, x: F.max_pool2d(windows(x, 4), 2) * m.w, w=(3, 1, 1)), (3, 8, 12)),
        (Does(lambda m, x: F.adaptive_avg_pool2d(windows(x, 4), 1) * m.w, w=(3, 1, 1)), (3, 8, 12)),
        # more axes than there are names
        (Does(lambda m, x: m.out(blocks(x).mT), out=nn.Linear(48, 5)), (2, 2 * 2 * 2 * 2 * 3 * 2)),
        (Does(lambda m, x: m.out(x.view(1, 2, 2, 2, 2, 2, 3)[..., 1:].permute(0, 3, 5, 2, 1, 4, 6).flatten(2)),
              out=nn.Linear(32, 5)), (2, 48)),
        # what is spread for others
        (Does(lambda m, x: (m.a(x)[:, :, None] * m.b(x)[:, None]).flatten(1, 2),
              a=nn.Linear(4, 4), b=nn.Linear(4, 4)), (5, 4)),
        (Does(lambda m, x: m.a(x).repeat_interleave(3, 1), a=nn.Linear(4, 4)), (5, 4)),
        (Does(lambda m, x: m.a(x).repeat(1, 2, 3), a=nn.Linear(4, 4)), (5, 4)),
        (Does(lambda m, x: m.a(x)[:, None].expand(1, 3, 5, 4).reshape(1, 15, 4), a=nn.Linear(4, 4)), (5, 4)),
        # stored numbers
        (Does(lambda m, x: m.a(x) + m.table, a=nn.Linear(4, 4), table=torch.randn(5, 4)), (5, 4)),
        (Does(lambda m, x: torch.cat([m.a(x), m.rows], 1), a=nn.Linear(4, 4), rows=torch.randn(1, 2, 4)), (5, 4)),
        (Does(lambda m, x: m.a(x)[:, m.order], a=nn.Linear(4, 4), order=torch.tensor([3, 1, 1, 0, 4, 2])), (5, 4)),
        (Does(lambda m, x: F.conv2d(x, m.kernel, stride=2, groups=3) * m.w,
              kernel=torch.randn(3, 1, 3, 3), w=(1,)), (3, 7, 9)),
        (Does(lambda m, x: F.conv2d(x, m.kernel, padding=1) * m.w, kernel=torch.randn(4, 3, 3, 3), w=(1,)), (3, 7, 9)),
        (Does(lambda m, x: F.linear(m.a(x), m.fixed), a=nn.Linear(4, 4), fixed=torch.randn(6, 4)), (5, 4)),
        # what is computed of weights alone
        (Does(lambda m, x: x @ x.mT * torch.exp(m.log) + m.table(m.place).squeeze(-1),
              log=(1, 1), table=nn.Linear(2, 1), place=torch.randn(5, 5, 2)), (5, 4)),
        (Does(lambda m, x: x @ x.mT + m.table[m.place].view(5, 5), table=(9,), place=torch.arange(25) % 9), (5, 4)),
        (Does(lambda m, x: (1 - torch.sigmoid(m.gate)) * m.a(x) + torch.sigmoid(m.gate) * x,
              gate=(4,), a=nn.Linear(4, 4)), (5, 4)),
        (Does(lambda m, x: F.linear(x, m.w, torch.cat([m.q, torch.zeros_like(m.q), m.q])),
              w=(6, 4), q=(2,)), (5, 4)),
        (Does(lambda m, x: torch.cat([m.token, x], 1).sum(1, keepdim=True) + m.token, token=(1, 1, 4)), (5, 4)),
        # windows as columns, and back; a global response; products by letters
        (Does(lambda m, x: m.a(F.unfold(x, 3, padding=1, stride=2).mT), a=nn.Linear(27, 4)), (3, 8, 6)),
        (Does(lambda m, x: F.fold(m.a(F.unfold(x, 3, padding=1).mT).mT, (8, 6), 3, padding=1), a=nn.Linear(27, 27)),
         (3, 8, 6)),
        (Does(lambda m, x: torch.addcmul(m.b, m.w, F.normalize(x, dim=-1)), b=(4,), w=(4,)), (5, 4)),
        (Does(lambda m, x: torch.einsum("byhwc,hkc->byhwk", x[:, None], m.rel), rel=(3, 7, 4)), (3, 2, 4)),
    ],
)  # fmt: skip
def test_it_is_the_module(module: Any, sizes: tuple[int, ...]) -> None:
    ours, theirs = params(brought(module.eval(), *sizes))

    assert ours == theirs


# ------------------------------------------------------------------------------------------- masks

POSITIONS = torch.arange(10)
LATER = POSITIONS[None] <= POSITIONS[:, None]


def attending(mask: Any) -> Any:
    """Attention of two heads with a mask that the module stores."""

    def function(m: Any, x: Any) -> Any:
        query, key, value = m.qkv(x).view(1, 10, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=getattr(m, "mask", None))
        return m.out(y.transpose(1, 2).reshape(1, 10, 8))

    parts = {} if mask is None else {"mask": mask}
    return Does(function, qkv=nn.Linear(8, 24), out=nn.Linear(8, 8), **parts).eval()


@pytest.mark.parametrize(
    ("mask", "call"),
    [
        (None, "self_attention 2\n"),
        (torch.ones(10, 10, dtype=torch.bool), "self_attention 2\n"),
        (torch.zeros(10, 10), "self_attention 2\n"),
        (LATER, "self_attention 2 causal=true\n"),
        (torch.where(LATER, 0.0, -torch.inf), "self_attention 2 causal=true\n"),
        (torch.where(POSITIONS[None] % 4 == 0, 0.0, -1e9).expand(10, 10).clone(), "softmax"),
        (torch.randn(10, 10), "softmax"),  # a bias by numbers
    ],
    ids=["none", "all", "zeros", "causal", "causal numbers", "columns", "numbers"],
)
def test_a_mask_is_what_its_numbers_are(mask: Any, call: str) -> None:
    found = brought(attending(mask), 10, 8)

    assert call in found.text
    assert params(found) == (8 * 24 + 24 + 8 * 8 + 8,) * 2


def test_a_window_that_hides_nothing_yet_is_kept() -> None:
    def function(m: Any, x: Any) -> Any:
        place = torch.arange(10, device=x.device)
        near = (place[None] <= place[:, None]) & (place[None] > place[:, None] - 4096)
        query, key, value = m.qkv(x).view(1, 10, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=near)
        return m.out(y.transpose(1, 2).reshape(1, 10, 8))

    found = brought(Does(function, qkv=nn.Linear(8, 24), out=nn.Linear(8, 8)).eval(), 10, 8)

    assert "self_attention 2 causal=true window=4096" in found.text
    assert found.source.remarks == ()


def test_products_outside_of_a_window_are_said_to_be_left_out() -> None:
    """The spec has 3 keys for each of 10 queries, of 10 that PyTorch multiplies by; the output is the same."""
    found = brought(
        attending(LATER & (POSITIONS[None] > POSITIONS[:, None] - 3)), 10, 8, left_out=2 * 10 * 7 * 8
    )

    assert "self_attention 2 causal=true window=3" in found.text
    assert found.source.remarks == (
        "attention within 3 positions has the products inside of them, where PyTorch masks all",
    )


def test_other_scales_are_kept() -> None:
    def function(m: Any, x: Any) -> Any:
        query, key, value = m.qkv(x).view(1, 10, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return m.out(y.transpose(1, 2).reshape(1, 10, 8))

    found = brought(Does(function, qkv=nn.Linear(8, 24), out=nn.Linear(8, 8)).eval(), 10, 8)

    assert "self_attention 2 scale=1\n" in found.text


# --------------------------------------------------------------------------------- parts of weights


def test_rows_that_nothing_reads_are_said() -> None:
    """12 of 20 rows of a weight, 5 of 30 of a table: the table is whole, as positions are."""
    module = Does(lambda m, x: F.linear(x + m.table[:5], m.weight[:12]), weight=(20, 4), table=(30, 4)).eval()

    found = brought(module, 5, 4)

    assert params(found) == (12 * 4 + 30 * 4, 20 * 4 + 30 * 4)
    assert found.net.notes == ("32 parameters are not in the spec, as no output reads them: weight",)


def test_heads_of_rows_count_once() -> None:
    """Two layers with rows of one weight: those of both, and what is between them is said."""
    module = Does(lambda m, x: torch.cat([F.linear(x, m.w[:6]), F.linear(x, m.w[9:])], -1), w=(12, 4)).eval()

    found = brought(module, 5, 4)

    assert params(found) == (9 * 4, 12 * 4)
    assert found.net.notes == ("12 parameters are not in the spec, as no output reads them: w",)
