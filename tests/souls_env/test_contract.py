"""The core's contract of environments, for the simulated fight with different settings."""

from __future__ import annotations

import pytest

from soulsai_core.testing.environment import EnvironmentContract
from soulsai_souls_env.config import ImageConfig, SoulsConfig
from soulsai_souls_env.plugin import plugin as souls


class SoulsContract(EnvironmentContract):
    @pytest.fixture
    def plugin(self):
        return souls


class TestStateVector(SoulsContract):
    @pytest.fixture
    def config(self):
        return SoulsConfig(game="simulated")


class TestRandomStarts(SoulsContract):
    @pytest.fixture
    def config(self):
        return SoulsConfig(game="simulated", init_pose_randomization=True, max_episode_steps=40)


class TestSecondPhase(SoulsContract):
    @pytest.fixture
    def config(self):
        return SoulsConfig(game="simulated", phase=2, game_speed=3)


class TestDemo(SoulsContract):
    steps = 1500

    @pytest.fixture
    def config(self):
        return SoulsConfig(game="simulated", id="SoulsGymIudexDemo-v0")


class TestImages(SoulsContract):
    @pytest.fixture
    def config(self):
        return SoulsConfig(game="simulated", id="SoulsGymIudexImg-v0", max_episode_steps=30)


class TestSmallGrayStackedImages(SoulsContract):
    @pytest.fixture
    def config(self):
        image = ImageConfig(height=42, width=64, gray=True, stack=4)
        return SoulsConfig(game="simulated", id="SoulsGymIudexImg-v0", image=image, max_episode_steps=30)


class TestTimedSteps(SoulsContract):
    @pytest.fixture
    def config(self):
        return SoulsConfig(game="simulated", timed=True, max_episode_steps=40)


@pytest.mark.usefixtures("newest")
class TestSkippedStepsOfTheNewestSource(SoulsContract):
    @pytest.fixture
    def config(self):
        return SoulsConfig(game="simulated", skip_steps=True, max_episode_steps=40)
