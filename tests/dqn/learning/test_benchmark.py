"""The loop of the learning benchmarks, on a tiny training."""

import importlib
import os
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml

from soulsai_core import Catalog
from soulsai_dqn.acting.exploration import client_position, ladder_epsilon
from soulsai_dqn.config import DQNConfig, LadderConfig

SETTINGS = Path(__file__).parents[3] / "benchmarks" / "learning" / "settings"
TINY = {"hidden": [4], "recurrent": {"width": 2}, "learning_starts": 60, "buffer_size": 100}


@pytest.fixture
def loop():
    # The package sets numbers of threads for this process and its children: not for those of other tests.
    with patch.dict(os.environ):
        harness = importlib.import_module("benchmarks.learning.harness")
    settings = {**Catalog().preset("r2d2").values["algorithm"]["config"], **TINY}
    loop = harness.Loop("dqn", settings, {"id": "CartPole-v1"}, seed=0, clients=3)
    yield loop
    loop.close()


def test_actors_explore_as_the_clients_of_a_node(loop):
    loop.turn()
    epsilons = [player.actor.metrics()["epsilon"] for player in loop._players]
    assert epsilons == [pytest.approx(ladder_epsilon(LadderConfig(), client_position(i))) for i in range(3)]


def test_preset_of_lunar_lander_is_compared_with_the_defaults():
    plan = yaml.safe_load((SETTINGS / "lunar_lander.yaml").read_text())
    preset = Catalog().preset(plan["preset"]).values["algorithm"]["config"]
    assert DQNConfig(**{**preset, **plan["variants"]["defaults"]}) == DQNConfig()
