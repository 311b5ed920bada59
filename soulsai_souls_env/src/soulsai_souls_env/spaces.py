"""Observations and actions of an environment, which the training node needs without a game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from soulsai_core import ArraySpec, Discrete, EnvironmentFailure, EnvSpec
from soulsai_souls_env.animations import make_bins
from soulsai_souls_env.config import ImageConfig, SoulsConfig
from soulsai_souls_env.observation import IUDEX_LAYOUT, Layout
from soulsai_souls_env.soulsgym_access import import_soulsgym

ACTIONS = 20
_GAME = "DarkSoulsIII"


def read_spec(config: SoulsConfig) -> EnvSpec:
    """The state vector or images, and 20 masked actions."""
    if config.has_images:
        observation = ArraySpec(image_shape(config.image), "uint8", 0, 255)
    else:
        observation = ArraySpec((layout_of(config).size,), "float32")
    return EnvSpec(config.id, {"observation": observation}, Discrete(ACTIONS), masked=True)


def image_shape(image: ImageConfig) -> tuple[int, ...]:
    """(stack, height, width, channels), without the stack or the channels where there is only one."""
    stack = (image.stack,) if image.stack > 1 else ()
    channels = () if image.gray else (3,)
    return (*stack, image.height, image.width, *channels)


def layout_of(config: SoulsConfig) -> Layout:
    """The known layout of Iudex, or one that follows from soulsgym's tables for another boss."""
    # Iudex' layout is a constant so that a training node needs neither soulsgym nor gymnasium.
    return IUDEX_LAYOUT if config.boss == "iudex" else _layout_from_tables(config)


def _layout_from_tables(config: SoulsConfig) -> Layout:
    import_soulsgym()
    from soulsgym.core import static

    known = static.boss_animations[_GAME]
    if config.boss not in known:
        raise EnvironmentFailure(
            f"{config.id}: the soulsgym installed here knows the animations of {', '.join(known)} only. "
            "Install a newer soulsgym."
        )
    low, high = _arena_box(config.boss)
    return Layout(IUDEX_LAYOUT.player, make_bins(len(known[config.boss]["all"]), ()), low, high)


def _arena_box(boss: str) -> tuple[np.ndarray, np.ndarray]:
    import soulsgym
    import yaml

    file = Path(soulsgym.__file__).parent / "envs" / "config" / f"{boss}.yaml"
    settings: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return np.array(settings["coordinate_box_low"][:3]), np.array(settings["coordinate_box_high"][:3])
