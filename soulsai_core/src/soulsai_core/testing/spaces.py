"""Spaces of every kind that algorithms may be asked to serve."""

from __future__ import annotations

from soulsai_core.messages import ActionSpec, ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete

VECTOR = {"observation": ArraySpec((4,), "float32")}
PARTS = {"observation.image": ArraySpec((8, 8), "uint8", 0, 255), "observation.health": ArraySpec((), "float32", 0, 1)}
ACTIONS: dict[str, ActionSpec] = {
    "discrete": Discrete(3),
    "one action": Discrete(1),
    "multi discrete": MultiDiscrete((2, 3)),
    "continuous": Continuous((2,), (-1.0, 0.0), (1.0, 5.0)),
    "unbounded": Continuous((1,), (None,), (None,)),
}
SPACES = {
    **{name: EnvSpec(name, VECTOR, action) for name, action in ACTIONS.items()},
    "image": EnvSpec("image", {"observation": ArraySpec((84, 84, 3), "uint8", 0, 255)}, Discrete(3)),
    "scalar": EnvSpec("scalar", {"observation": ArraySpec((), "float32")}, Discrete(3)),
    "several parts": EnvSpec("several parts", PARTS, Discrete(3)),
    "masked and timed": EnvSpec("masked and timed", VECTOR, Discrete(3), masked=True, timed=True),
}
