"""The built-in encoders, entry points of the group `soulsai.networks`: they turn observations into a vector. Torch is
imported only when one is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from soulsai_core import Catalog, ConfigError, Features, NetworkPlugin, Settings, SpaceError
from soulsai_dqn.config import NetworkChoice

if TYPE_CHECKING:
    import torch
    from torch import nn

Shapes = Mapping[str, tuple[int, ...]]


class MLPConfig(Settings):
    """Settings of mlp: none, since its dense layers are the Q-network's own."""


class NatureConfig(Settings):
    """Settings of nature_cnn."""

    channels: tuple[int, int, int] = Field(default=(32, 64, 64), description="channels of the three convolutions")


class ImpalaConfig(Settings):
    """Settings of impala_cnn."""

    channels: tuple[int, ...] = Field(default=(16, 32, 32), min_length=1, description="channels of the stages")
    width: int = Field(default=1, ge=1, description="multiplies the channels; 4 as in BBF")


def _mlp(_config: MLPConfig, shapes: Shapes, _generator: torch.Generator) -> nn.Module:
    from soulsai_dqn.networks.convolutions import VectorEncoder

    return VectorEncoder(shapes)


def _nature(config: NatureConfig, shapes: Shapes, generator: torch.Generator) -> nn.Module:
    from soulsai_dqn.networks.convolutions import ImageEncoder, nature

    return ImageEncoder(shapes, nature(shapes["image"][0], config.channels, generator))


def _impala(config: ImpalaConfig, shapes: Shapes, generator: torch.Generator) -> nn.Module:
    from soulsai_dqn.networks.convolutions import ImageEncoder, impala

    channels = [config.width * count for count in config.channels]
    return ImageEncoder(shapes, impala(shapes["image"][0], channels, generator))


mlp = NetworkPlugin(name="mlp", config=MLPConfig, build=_mlp, images=False)
nature_cnn = NetworkPlugin(name="nature_cnn", config=NatureConfig, build=_nature, images=True)
impala_cnn = NetworkPlugin(name="impala_cnn", config=ImpalaConfig, build=_impala, images=True)
_BUILT_IN = {plugin.name: plugin for plugin in (mlp, nature_cnn, impala_cnn)}


def chosen_network(choice: NetworkChoice, features: Features) -> NetworkPlugin:
    """The encoder plugin for these observations. Raises SpaceError if it cannot read them, PluginError if it is not
    installed."""
    has_image = features.image is not None
    if choice.name == "auto":
        return nature_cnn if has_image else mlp
    # Our own are not searched for: a look at all installed distributions takes tens of milliseconds.
    plugin = _BUILT_IN.get(choice.name) or Catalog().network(choice.name)
    if has_image and not plugin.images:
        raise SpaceError(f"The network {plugin.name!r} takes no images; choose network.name nature_cnn or impala_cnn.")
    if plugin.images and not has_image:
        raise SpaceError(f"The network {plugin.name!r} is for images and there are none; choose network.name mlp.")
    return plugin


def make_encoder(
    choice: NetworkChoice, features: Features, generator: torch.Generator, plugin: NetworkPlugin | None = None
) -> Any:
    """The chosen encoder: a module from name -> tensor (n, *shape) to (n, `width`).

    Args:
        plugin: what `chosen_network` gives; None asks it. Pass it when making one network after another: to find
            one of third parties takes long.

    Raises ConfigError where `network.config` does not fit the plugin.
    """
    plugin = plugin or chosen_network(choice, features)
    try:
        config = plugin.config(**choice.config)
    except ValidationError as error:
        flaws = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise ConfigError(f"network.config does not fit the network {plugin.name!r}: {flaws}.") from None
    return plugin.build(config, features.shapes(), generator)
