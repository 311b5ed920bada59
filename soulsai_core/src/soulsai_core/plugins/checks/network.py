"""Checks what a network plugin builds: with one pass of zeros through it, and by the form of each later output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from soulsai_core.contracts import NetworkPlugin
from soulsai_core.plugins.checks.checker import Checker, Flaw, described

_ROWS = 2


def checked_network(plugin: NetworkPlugin, checker: Checker) -> NetworkPlugin:
    """The plugin with a `build` that tries what it has built, and that makes modules which check their outputs."""

    def build(config: Any, shapes: Mapping[str, tuple[int, ...]], generator: Any) -> Any:
        import torch

        made = checker.call("build", plugin.build, config, shapes, generator)
        checker.expect("build", made, isinstance(made, torch.nn.Module), "a torch.nn.Module")
        width = getattr(made, "width", None)
        if type(width) is not int or width < 1:
            raise checker.broken("build", f"{described(width)} for width", "a whole number above 0")
        # A compiled module is not a Python class that could have another `forward`.
        if not isinstance(made, torch.jit.ScriptModule):
            made.__class__ = _checked_class(type(made), width, checker.for_one_object())
        output = _passed(made, shapes, checker)
        flaw = _form_flaw(output, (_ROWS, width)) or _values_flaw(output)
        if flaw is not None:
            raise checker.broken("forward", *flaw)
        return made

    return replace(plugin, build=build)


def _checked_class(kind: Any, width: int, checker: Checker) -> Any:
    """A subclass whose `forward` turns mistakes into errors that name the plugin. Names of parameters stay as they are,
    and copies of the module are checked, too."""

    def forward(self: Any, inputs: Mapping[str, Any]) -> Any:
        output = checker.call("forward", kind.forward, self, inputs)
        flaw = _form_flaw(output, (len(next(iter(inputs.values()))), width))
        if flaw is not None:
            raise checker.broken("forward", *flaw)
        return output

    return type(kind.__name__, (kind,), {"forward": forward})


def _passed(module: Any, shapes: Mapping[str, tuple[int, ...]], checker: Checker) -> Any:
    """What the module makes of zeros. Neither it nor the random numbers of torch are changed by this."""
    import torch

    kinds = {"image": torch.uint8}
    inputs = {n: torch.zeros(_ROWS, *shape, dtype=kinds.get(n, torch.float32)) for n, shape in shapes.items()}
    trains = module.training
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            return checker.call("forward", module.eval(), inputs)
        finally:
            module.train(trains)


def _form_flaw(output: Any, shape: tuple[int, int]) -> Flaw | None:
    import torch

    promised = f"a tensor of float32 {shape}"
    if not isinstance(output, torch.Tensor):
        return described(output), promised
    if output.dtype != torch.float32 or tuple(output.shape) != shape:
        return f"a tensor of {str(output.dtype).removeprefix('torch.')} {tuple(output.shape)}", promised
    return None


def _values_flaw(output: Any) -> Flaw | None:
    wrong = output[~output.isfinite()]
    return (f"{wrong[0].item()} for inputs of zeros", "finite numbers") if len(wrong) else None
