"""PyTorch modules, by `torch.export` on the meta device: no weights in memory.

The user's own code makes the module, so it runs: `timm:resnet50d`, `torchvision.models:resnet18`,
`package.module:factory`. PyTorch is never a dependency: who imports a module has it.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from paramcalc.base.errors import Fault, Source, near
from paramcalc.base.shape import CHANNELS, Shape, image, vector
from paramcalc.importing.readers import Inputs
from paramcalc.importing.readers._aten import node_of, result_of
from paramcalc.importing.readers._quiet import quiet
from paramcalc.importing.readers._torch_values import fixed
from paramcalc.importing.readers.hf import RoutedError
from paramcalc.importing.source import Module, SourceNetwork, SourceNode, Weight

MEANING = "a PyTorch module, by the function or class that makes it"
EXAMPLE = "torchvision.models:resnet18"

_SOURCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*(?:/[\w.-]+)?")
LENGTH = 16  # of tokens, where nobody says
FIX_LAST = "what the source says of itself is in the last line of its error"


def reads(source: str) -> bool:
    """Whether a source is `package.module:factory`, and no file."""
    return _SOURCE.fullmatch(source) is not None


def read(source: str, inputs: Inputs) -> SourceNetwork:
    """The module that a factory makes, on the meta device."""
    make = factory(source)
    module = on_meta(make, source)
    given = arguments(module, inputs, source)
    name = source.rpartition(":")[2].rpartition("/")[2]
    program = exported(module, (), given)
    read = from_program(program, module, name, f"{source}, by torch.export")
    read = with_heads(read, module, given)
    return read._replace(proof=lambda: _proof(module, given, read, make, program))


def from_module(
    module: Any, args: Sequence[Any], kwargs: Mapping[str, Any], name: str, note: str
) -> SourceNetwork:
    """A module that is there, exported with the inputs with which it is called."""
    return from_program(exported(module, args, kwargs), module, name, note)


def from_program(program: Any, module: Any, name: str, note: str) -> SourceNetwork:
    """What `torch.export` made of a module."""
    graph = program.graph_module.graph
    weights = dict(_weights(program, module))
    placeholders = {
        spec.arg.name: spec for spec in program.graph_signature.input_specs if hasattr(spec.arg, "name")
    }
    names: dict[str, str | float | None] = {}
    inputs: dict[str, Shape] = {}
    nodes: list[SourceNode] = []
    for node in graph.nodes:
        if node.op == "placeholder":
            spec = placeholders[node.name]
            target = spec.target if spec.target is not None else node.name
            if spec.kind.name == "USER_INPUT":
                if node.users or len(inputs) == 0:
                    inputs[node.name] = _input_shape(node)
                names[node.name] = node.name
            else:
                names[node.name] = weights[target].tied or target
        elif node.op == "call_function" and (node.users or not _checks(node)):
            made = node_of(node, names, modules(node))
            if isinstance(made, SourceNode):
                names[node.name] = made.value
                nodes.append(made)
            else:
                names[node.name] = made
    outputs = {f"output{place or ''}": value for place, value in enumerate(result_of(graph, names))}
    return SourceNetwork(name, note, inputs, tuple(nodes), outputs, weights, numbers=fixed(program))


# ------------------------------------------------------------------------------------ the module


def factory(source: str) -> Callable[[], Any]:
    """What makes a fresh module on the current device."""
    package, _, name = source.partition(":")
    try:
        home = importlib.import_module(package)
    except ModuleNotFoundError as error:
        missing = error.name or package
        raise Fault(
            f"there is no Python package '{missing}' here",
            found=source,
            fix=f"install it where paramcalc runs: pip install {missing.split('.')[0]}",
        ) from None
    if package == "timm" and not hasattr(home, name):
        return _of_timm(home, name)
    if not hasattr(home, name):
        raise Fault(f"'{package}' has no '{name}'", fix=near(name, dir(home)))
    made: Any = getattr(home, name)
    configuration = getattr(made, "config_class", None) if isinstance(made, type) else None
    if configuration is not None:
        return lambda: made(_uncached(configuration()))
    if not callable(made):
        return lambda: made
    return made  # type: ignore[no-any-return]


def _of_timm(timm: Any, name: str) -> Callable[[], Any]:
    if not timm.is_model(name):
        raise Fault(f"timm has no model '{name}'", fix=near(name, timm.list_models()))
    return lambda: timm.create_model(name, pretrained=False)


def _uncached(config: Any) -> Any:
    """A configuration of transformers whose model gives no cache, which is not a tensor."""
    for part in (config, *[value for value in vars(config).values() if hasattr(value, "use_cache")]):
        if hasattr(part, "use_cache"):
            part.use_cache = False
    return config


def on_meta(make: Callable[[], Any], source: str) -> Any:
    """The module without weights; where its maker looks at numbers, it is made with them first."""
    import torch

    try:
        with quiet(), torch.device("meta"):
            module = make()
    except (NotImplementedError, RuntimeError):
        with quiet():
            module = make().to("meta")
    except TypeError as error:
        raise Fault(f"{source} cannot be called without arguments", found=str(error)) from None
    if not isinstance(module, torch.nn.Module):
        raise Fault(f"{source} gives no module of PyTorch", found=type(module).__name__)
    return module.eval()


def arguments(module: Any, inputs: Inputs, source: str) -> dict[str, Any]:
    """Inputs by name on the meta device, of the sizes that are given or that the module states."""
    import inspect

    import torch

    names = [*inspect.signature(module.forward).parameters]
    sizes = dict(inputs) or _stated(module, names)
    if not sizes:
        raise Fault(
            f"the sizes of the inputs of {source} are not known",
            fix="give them: --input 3x224x224, or --input NAME=16 for token ids",
        )
    given = {}
    for name, dims in sizes.items():
        name = name or names[0]
        if name not in names and not any(one.startswith("kw") for one in names):
            raise Fault(
                f"{source} has no input '{name}'", fix=near(name, names) or "inputs: " + ", ".join(names)
            )
        ids = len(dims) == 1 and ("ids" in name or "mask" in name)
        kind = torch.int64 if ids else torch.float32
        given[name] = torch.zeros((1, *dims), dtype=kind, device="meta")
    return given


def _stated(module: Any, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The sizes that a module itself mentions."""
    stated = getattr(module, "default_cfg", None) or getattr(module, "pretrained_cfg", None)
    if stated and stated.get("input_size"):
        return {names[0]: tuple(stated["input_size"])}
    config = getattr(module, "config", None)
    if config is None:
        if type(module).__module__.startswith("torchvision.models."):
            return _of_torchvision(module, names[0])
        return {}
    found: dict[str, tuple[int, ...]] = {}
    if "pixel_values" in names:
        vision = getattr(config, "vision_config", config)
        size = getattr(vision, "image_size", 224)
        height, width = (size, size) if isinstance(size, int) else size
        found["pixel_values"] = (getattr(vision, "num_channels", 3), height, width)
    if "input_features" in names:
        found["input_features"] = (config.num_mel_bins, 2 * config.max_source_positions)
    else:
        for name in ("input_ids",):
            if name in names:
                found[name] = (LENGTH,)
    if "decoder_input_ids" in names and getattr(config, "is_encoder_decoder", False):
        found["decoder_input_ids"] = (LENGTH,)
    return found


def _of_torchvision(module: Any, name: str) -> dict[str, tuple[int, ...]]:
    kind = type(module).__module__
    if ".video." in kind:
        return {name: (3, 16, 224, 224) if "mvit" in kind or "swin" in kind else (3, 16, 112, 112)}
    if ".optical_flow." in kind or ".detection." in kind:
        return {}
    size = {"inception": 299, "segmentation": 520}.get(
        kind.split(".")[-2 if "segmentation" in kind else -1], 224
    )
    size = getattr(module, "image_size", size)
    return {name: (3, size, size)}


# ---------------------------------------------------------------------------- heads of training


def with_heads(source: SourceNetwork, module: Any, given: Mapping[str, Any]) -> SourceNetwork:
    """A source with the parts of a module that run in training only: heads beside the output."""
    used = {value for node in source.nodes for value in node.inputs if isinstance(value, str)}
    left = {
        name.partition(".")[0]
        for name, weight in source.weights.items()
        if weight.learned and not weight.tied and name not in used and "." in name
    }
    for name, (around, head) in called_in_training(module, given, left).items():
        reads = next(
            (node.value for node in reversed(source.nodes) if around in [one.path for one in node.modules]),
            "",
        )
        try:
            branch = from_program(
                exported(getattr(module, name), (head,), {}), getattr(module, name), name, ""
            )
        except Fault:
            continue
        if not reads or len(branch.inputs) != 1:
            continue
        source = _joined(source, branch, Module(name, type(getattr(module, name)).__name__), reads)
    return source


def called_in_training(module: Any, given: Mapping[str, Any], names: set[str]) -> dict[str, tuple[str, Any]]:
    """Which children a module calls when it is trained: the module whose output they read, and an input for them."""
    import torch

    outputs: dict[int, str] = {}
    found: dict[str, tuple[str, Any]] = {}
    held: list[Any] = []  # so that no number of an object is given twice

    def after(path: str) -> Callable[..., None]:
        def hook(one: Any, inputs: Any, output: Any) -> None:
            held.append(output)
            outputs[id(output)] = path

        return hook

    def before(name: str) -> Callable[..., None]:
        def hook(one: Any, inputs: Any) -> None:
            if inputs and id(inputs[0]) in outputs:
                found[name] = outputs[id(inputs[0])], inputs[0][:1]

        return hook

    hooks = [one.register_forward_hook(after(path)) for path, one in module.named_modules() if path]
    hooks += [getattr(module, name).register_forward_pre_hook(before(name)) for name in names if hasattr(module, name)
              and isinstance(getattr(module, name), torch.nn.Module)]  # fmt: skip
    try:
        with quiet(), torch.no_grad():
            module.train()
            module(**{name: torch.cat([value, value]) for name, value in given.items()})
    except Exception:  # of the user's code: then it has no heads that could be read
        return {}
    finally:
        module.eval()
        for hook in hooks:
            hook.remove()
    return found


def _joined(source: SourceNetwork, branch: SourceNetwork, head: Module, reads: str) -> SourceNetwork:
    """A source with a branch of training that reads one of its values."""
    name = head.path
    own = {node.value for node in branch.nodes}
    (entry,) = branch.inputs

    def renamed(value: str | float | None) -> str | float | None:
        if value == entry:
            return reads
        return f"{name}.{value}" if value in own or value in branch.weights else value

    nodes = [
        node._replace(
            value=f"{name}.{node.value}",
            inputs=tuple(renamed(value) for value in node.inputs),
            modules=(head, *(Module(f"{name}.{one.path}", one.kind) for one in node.modules)),
        )
        for node in branch.nodes
    ]
    end = f"{name}.{next(iter(branch.outputs.values()))}"
    return source._replace(nodes=(*source.nodes, *nodes), auxiliary={**source.auxiliary, name: end})


# ------------------------------------------------------------------------------------ the export


def exported(module: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The exported program of a module in evaluation mode; made functional where it writes into views."""
    import torch

    _need_no_router(module)
    training = module.training
    try:
        module.eval()
        with quiet(), torch.no_grad():
            program = torch.export.export(module, tuple(args), dict(kwargs))
        if any(_writes(node) for node in program.graph_module.graph.nodes):
            with quiet():
                program = program.run_decompositions({})
    except Exception as error:  # whatever the user's code, or the exporter, raises
        raise Fault(
            "torch.export cannot export this module", found=_told(error), fix=_way_out(error)
        ) from None
    finally:
        module.train(training)
    return program


def _need_no_router(module: Any) -> None:
    """Experts of transformers are chosen by numbers: their configuration says how many run, an export does not."""
    from paramcalc.importing.families import FAMILIES

    config = getattr(module, "config", None)
    experts = [type(one).__name__ for one in module.modules() if type(one).__name__.endswith("Experts")]
    if config is None or not experts:
        return
    kind = getattr(config, "model_type", "")
    if kind in FAMILIES:
        text = json.dumps({**config.to_dict(), "architectures": [type(module).__name__]})
        params = sum(weight.numel() for weight in module.parameters())
        raise RoutedError(experts[0], Source(f"{type(module).__name__}/config.json", text), params)
    raise Fault(
        f"{experts[0]} run by numbers that a router computes, which torch.export does not say",
        fix=f"the family {kind} is not known here: import a part of it without experts",
    )


def _checks(node: Any) -> bool:
    """Whether a node only asserts something of what it reads."""
    return "assert" in str(getattr(node.target, "_opname", ""))


def _told(error: Exception) -> str:
    """What an error says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200] if lines else ''}"


def _way_out(error: Exception) -> str:
    name, text = type(error).__name__, str(error)
    if name in ("GuardOnDataDependentSymNode", "Unsupported"):
        place = re.search(r'File "([^"]+)", line (\d+)', text.rpartition("User code")[2] or text)
        where = f" ({place[1]}:{place[2]})" if place else ""
        return f"its control flow depends on numbers{where}: import a part of it without that, such as its backbone"
    if "DynamicCache" in text or "EncoderDecoderCache" in text:
        return "set use_cache=False in its configuration"
    if name == "FakeTensorDeviceMismatchError":
        return "put the inputs on the module's device"
    return ""


def _writes(node: Any) -> bool:
    """Whether a node writes a computed tensor into a part of another."""
    name = str(getattr(node.target, "_opname", ""))
    if name in ("copy_", "index_put_", "masked_fill_", "zero_", "fill_"):
        return True
    if not name.endswith("_") or not node.args or not hasattr(node.args[0], "target"):
        return False
    into = node.args[0]
    view = str(getattr(into.target, "_opname", ""))
    return view in ("slice", "select", "alias") and any(user is not into for user in into.args[0].users)


def _weights(program: Any, module: Any) -> Iterator[tuple[str, Weight]]:
    """All parameters, buffers and constants by name; another name of the same parameter says so."""
    first: dict[int, str] = {}
    tied: dict[str, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        tied[name] = first.setdefault(id(parameter), name)
    for name, parameter in module.named_parameters(remove_duplicate=False):
        yield name, Weight(tuple(parameter.shape), True, tied="" if tied[name] == name else tied[name])
    for name, buffer in module.named_buffers(remove_duplicate=False):
        yield name, Weight(tuple(buffer.shape), False, _numbers(buffer))
    for name, constant in program.constants.items():
        if hasattr(constant, "shape"):
            yield name, Weight(tuple(constant.shape), False, _numbers(constant))


def _numbers(array: Any) -> float | None:
    if array.device.type == "meta" or array.numel() != 1 or type(array).__name__ == "FakeTensor":
        return None
    return float(array.item())


def modules(node: Any) -> tuple[Module, ...]:
    """The modules that a node was called in, from the outside in, without the network itself."""
    stack = node.meta.get("nn_module_stack") or {}
    found = []
    for key, (path, kind) in stack.items():
        if not path:
            continue
        kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
        again = re.search(r"@\d+$", key)
        found.append(Module(path + (again[0] if again else ""), kind.rpartition(".")[2]))
    return tuple(found)


def _input_shape(node: Any) -> Shape:
    """An input's axes: images are channels first; what its readers say of other tensors is found later."""
    value = node.meta["val"]
    dims = tuple(value.shape[1:])
    if not value.dtype.is_floating_point:
        return Shape(("length",) if len(dims) == 1 else ("height", "width")[: len(dims)], dims)
    if len(dims) == 2:
        readers = {str(getattr(user.target, "_opname", "")) for user in node.users}
        return (
            image(*dims)
            if any(name.startswith("conv1d") for name in readers)
            else Shape(("length", CHANNELS), dims)
        )
    return image(*dims) if len(dims) > 1 else vector(*dims)


def _proof(
    module: Any, given: Mapping[str, Any], source: SourceNetwork, make: Callable[[], Any], program: Any
) -> Any:
    from paramcalc.importing.readers._torch_proof import proof

    return proof(module, given, source, make, program, exported)
