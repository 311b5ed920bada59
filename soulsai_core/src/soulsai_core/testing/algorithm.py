"""The contract of an algorithm plugin, as tests that its author runs.

    from soulsai_core.testing.algorithm import AlgorithmContract

    class TestMyAlgorithm(AlgorithmContract):
        @pytest.fixture
        def plugin(self):
            return my_package.plugin

        @pytest.fixture
        def config(self):  # small networks, and updates after few rows
            return my_package.Config(batch_size=8, update_every=16)

An algorithm without support for Discrete actions overrides the fixture `spec` too. Mark a test that your algorithm
cannot pass as xfail with the reason; never override it to pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from soulsai_core.contracts import AlgorithmPlugin
from soulsai_core.errors import SpaceError
from soulsai_core.messages import ActionSpec, ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete
from soulsai_core.testing.actor import ActorContract
from soulsai_core.testing.learner import LearnerContract
from soulsai_core.testing.plugin import PluginContract
from soulsai_core.testing.rollout import Subject, Training

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


class AlgorithmContract(PluginContract, ActorContract, LearnerContract):
    """Needs the fixtures `plugin` and `config`."""

    @pytest.fixture
    def spec(self) -> EnvSpec:
        """Spaces that the algorithm supports. The tests play in an environment with them."""
        return SPACES["discrete"]

    @pytest.fixture
    def subject(self, plugin: AlgorithmPlugin, config: Any, spec: EnvSpec) -> Subject:
        """The algorithm under test, which makes the learners and actors of the other tests."""
        return Subject(plugin, config, spec)

    def test_default_settings_serve_the_spaces(self, plugin: AlgorithmPlugin, spec: EnvSpec) -> None:
        """Users start with the defaults."""
        subject = Subject(plugin, plugin.config(), spec)
        subject.rollout(2).play(5)

    @pytest.mark.parametrize("space", SPACES)
    def test_spaces_are_served_by_both_halves_or_refused_by_both(
        self, plugin: AlgorithmPlugin, config: Any, space: str
    ) -> None:
        """A refusal is a SpaceError with a sentence."""
        subject = Subject(plugin, config, SPACES[space])
        served = _serves(subject.learner)
        assert _serves(subject.actor) == served, "only one of learner and actor supports the spaces"
        if served:
            Training(subject, num_envs=2).run(1)


def _serves(make: Callable[[], object]) -> bool:
    try:
        make()
    except SpaceError as error:
        assert len(str(error).split()) >= 4, f"{error!s} is not a sentence"
        return False
    return True
