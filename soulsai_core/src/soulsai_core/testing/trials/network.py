"""Tries a network: a vector or an image, its generator, and gradients."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from soulsai_core.contracts import NetworkPlugin
from soulsai_core.errors import PluginError
from soulsai_core.plugins.findings import OK, WARNING, Finding

VECTOR: Mapping[str, tuple[int, ...]] = {"observation": (5,)}
IMAGE: Mapping[str, tuple[int, ...]] = {"image": (4, 84, 84)}
_ROWS = 32
_PASSES = 100
_PATIENCE_S = 5.0


def shapes_of(plugin: NetworkPlugin) -> list[Mapping[str, tuple[int, ...]]]:
    """The shapes that a network must take."""
    return [IMAGE, {**IMAGE, **VECTOR}] if plugin.images else [VECTOR]


def try_network(plugin: NetworkPlugin, config: Any) -> Iterator[Finding]:
    """Try a network with random inputs. `build` itself is checked with zeros."""
    if find_spec("torch") is None:
        raise PluginError("Networks need torch, which is not installed here: pip install torch")
    import torch

    for shapes in shapes_of(plugin):
        network = plugin.build(config, shapes, torch.Generator().manual_seed(1))
        inputs = random_inputs(shapes, _ROWS)
        output = network(inputs)
        expect_fitting(output, network.width, plugin)
        parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        count = sum(parameter.numel() for parameter in parameters)
        names = " and ".join(shapes)
        yield Finding("output", OK, f"{names}: float32 ({_ROWS}, {network.width}), from {count:,} parameters.")
        yield from _gradients(network, output, parameters)
        yield _generator(plugin, config, shapes, inputs)
    yield _speed(network, inputs)


def random_inputs(shapes: Mapping[str, tuple[int, ...]], rows: int) -> dict[str, Any]:
    """name -> tensor (rows, *shape), as algorithms give them."""
    import torch

    generator = torch.Generator().manual_seed(0)
    inputs = {}
    for name, shape in shapes.items():
        if name == "image":
            inputs[name] = torch.randint(0, 256, (rows, *shape), dtype=torch.uint8, generator=generator)
        else:
            inputs[name] = torch.randn(rows, *shape, generator=generator)
    return inputs


def expect_fitting(output: Any, width: int, plugin: NetworkPlugin) -> None:
    """Raise PluginError unless the output is finite float32 (rows, width)."""
    import torch

    if output.dtype != torch.float32 or tuple(output.shape) != (_ROWS, width) or not output.isfinite().all():
        raise PluginError(
            f"The network {plugin.name!r} has a mistake: forward gave a tensor of {output.dtype} {tuple(output.shape)} "
            f"for {_ROWS} random rows instead of finite numbers of float32 {(_ROWS, width)}."
        )


def _gradients(network: Any, output: Any, parameters: list[Any]) -> Iterator[Finding]:
    if not parameters:
        return
    if not output.requires_grad:
        raise PluginError("forward gave a tensor without gradients: it must not be detached or computed under no_grad.")
    output.square().sum().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    if without:
        yield Finding("gradients", WARNING, f"No gradient reaches: {', '.join(without)}. These are never learned.")
    else:
        yield Finding("gradients", OK, "Gradients reach all parameters.")


def _generator(plugin: NetworkPlugin, config: Any, shapes: Mapping[str, tuple[int, ...]], inputs: Any) -> Finding:
    import torch

    def output(seed: int) -> Any:
        network = plugin.build(config, shapes, torch.Generator().manual_seed(seed)).eval()
        return network(inputs)

    if not torch.equal(output(1), output(1)):
        return Finding(
            "generator",
            WARNING,
            "The same generator gives other first weights each time: take all randomness from the "
            "generator, or a seed does not determine a run.",
        )
    return Finding("generator", OK, "The generator determines the first weights.")


def _speed(network: Any, inputs: Any) -> Finding:
    import torch

    began = time.perf_counter()
    passes = 0
    with torch.no_grad():
        while passes < _PASSES and time.perf_counter() - began < _PATIENCE_S:
            network(inputs)
            passes += 1
    milliseconds = (time.perf_counter() - began) / passes * 1e3
    return Finding("speed", OK, f"{passes} passes of {_ROWS} rows took {milliseconds:.2f} ms each.")
