"""What PPO's samples may hold follows from the spaces."""

from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_ppo.features import Features


def test_samples_beyond_twice_the_space_are_out_of_bounds_where_it_has_any():
    """Bytes arrive divided by their upper bound."""
    bounded = {"observation.a": ArraySpec((2,), "float32", 0.0, 4.0), "observation.b": ArraySpec((), "uint8", 0, 255)}
    columns = Features(EnvSpec("Some-v0", bounded, Discrete(2))).columns()
    assert columns == {"vector": ArraySpec((3,), "float32", -4.0, 8.0)}
    unbounded = {**bounded, "observation.c": ArraySpec((), "float32")}
    assert Features(EnvSpec("Some-v0", unbounded, Discrete(2))).columns() == {"vector": ArraySpec((4,), "float32")}
