"""What the training node must know of an environment, without a game."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from soulsai_core import ArraySpec, Discrete, EnvironmentFailure, EnvSpec
from soulsai_souls_env.animations import bins
from soulsai_souls_env.config import ImageConfig, SoulsConfig
from soulsai_souls_env.observation import IUDEX_LAYOUT, Layout
from soulsai_souls_env.soulsgym_access import import_soulsgym

ACTIONS = 20
_GAME = "DarkSoulsIII"


def read_spec(config: SoulsConfig) -> EnvSpec:
    """The state vector or pictures, 20 actions, masked."""
    if config.shows_pictures:
        seen = ArraySpec(image_shape(config.image), "uint8", 0, 255)
    else:
        seen = ArraySpec((layout_of(config).size,), "float32")
    return EnvSpec(config.id, {"observation": seen}, Discrete(ACTIONS), masked=True)


def image_shape(image: ImageConfig) -> tuple[int, ...]:
    """Stack first and channels last, each only where there are several."""
    stack = (image.stack,) if image.stack > 1 else ()
    return (*stack, image.height, image.width, *(() if image.gray else (3,)))


def layout_of(config: SoulsConfig) -> Layout:
    """Iudex' layout is known; that of another boss follows from soulsgym's own tables."""
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
    return Layout(IUDEX_LAYOUT.player, bins(len(known[config.boss]["all"]), ()), low, high)


def _arena_box(boss: str) -> tuple[np.ndarray, np.ndarray]:
    import soulsgym
    import yaml

    file = Path(soulsgym.__file__).parent / "envs" / "config" / f"{boss}.yaml"
    settings: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return np.array(settings["coordinate_box_low"][:3]), np.array(settings["coordinate_box_high"][:3])
