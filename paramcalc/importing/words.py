"""Names of modules and classes that say nothing."""

from __future__ import annotations

import re

# names of modules that say no more than the op does
_GENERIC = re.compile(
    r"(conv|bn|norm|ln|act|relu|gelu|silu|fc|linear|lin|pool|avgpool|maxpool|drop|dropout|proj|dwconv|conv_pw|conv_dw|conv_pwl"
    r"|layer_norm|layernorm|batchnorm|activation|nonlinearity|down|flatten|dense|c|n|p|f|m|op|layer|identity|ls|sigmoid|avg_pool|max_pool"
    r"|convolution|inner_product|branch\d[a-z]|permute|act_fn|norm_act|bn_act|global_pool|ffn|block|blocks|body|model|0)_?[0-9a-z]?(_[0-9])?(@\d+)?"
)
CONTAINERS = frozenset({"Sequential", "ModuleList", "Module", ""})


def is_generic(name: str) -> bool:
    return name.isdigit() or _GENERIC.fullmatch(name) is not None
