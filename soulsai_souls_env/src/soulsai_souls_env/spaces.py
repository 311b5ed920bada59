"""Observations and actions of an environment, which the training node needs without a game."""

from __future__ import annotations

from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_souls_env.adapter import arena_limits, boss_animations, import_soulsgym
from soulsai_souls_env.animations import make_bins
from soulsai_souls_env.config import ImageConfig, SoulsConfig
from soulsai_souls_env.observation import IUDEX_LAYOUT, LAYOUTS, Layout
from soulsai_souls_env.relative import relative_size

ACTIONS = 20


def read_spec(config: SoulsConfig) -> EnvSpec:
    """The state vector or images, and 20 masked actions."""
    if config.has_images:
        observation = ArraySpec(image_shape(config.image), "uint8", 0, 255)
    else:
        layout = layout_of(config)
        size = relative_size(layout) if config.relative else layout.size
        observation = ArraySpec((size,), "float32")
    return EnvSpec(config.id, {"observation": observation}, Discrete(ACTIONS), masked=True, timed=config.is_timed)


def image_shape(image: ImageConfig) -> tuple[int, ...]:
    """(stack, height, width, channels), without the stack or the channels where there is only one."""
    stack = (image.stack,) if image.stack > 1 else ()
    channels = () if image.gray else (3,)
    return (*stack, image.height, image.width, *channels)


def layout_of(config: SoulsConfig) -> Layout:
    """The layout of a known boss, or one that follows from soulsgym's tables for another one."""
    return LAYOUTS.get(config.boss) or _layout_from_tables(config)


def _layout_from_tables(config: SoulsConfig) -> Layout:
    import_soulsgym()
    low, high = arena_limits(config.id, config.boss)
    names = tuple(boss_animations(config.boss))
    return Layout(IUDEX_LAYOUT.player, make_bins(len(names), ()), low, high, IUDEX_LAYOUT.player_names, names)
