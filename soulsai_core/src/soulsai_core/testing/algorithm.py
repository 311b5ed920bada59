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
from soulsai_core.messages import EnvSpec
from soulsai_core.testing.actor import ActorContract
from soulsai_core.testing.essentials import EssentialContract
from soulsai_core.testing.learner import LearnerContract
from soulsai_core.testing.plugin import PluginContract
from soulsai_core.testing.rollout import Subject, Training
from soulsai_core.testing.spaces import SPACES as SPACES
from soulsai_core.testing.spaces import VECTOR as VECTOR


class AlgorithmContract(PluginContract, ActorContract, LearnerContract, EssentialContract):
    """Needs the fixtures `plugin` and `config`."""

    kind = "algorithm"

    @pytest.fixture
    def spec(self) -> EnvSpec:
        """Spaces that the algorithm supports. The tests play in an environment with them."""
        return SPACES["discrete"]

    @pytest.fixture
    def trial_arguments(self, spec: EnvSpec) -> tuple[Any, ...]:
        """The spaces to try."""
        return (spec,)

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
