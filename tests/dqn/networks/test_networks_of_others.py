"""Networks of third parties may keep running statistics, and act otherwise in training than in use."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from dqn_settings import plain
from pydantic import BaseModel
from torch import nn

from soulsai_core import NetworkPlugin
from soulsai_dqn.acting.actor import DQNActor
from soulsai_dqn.learning.learner import DQNLearner

SETTINGS = {
    "network": {"name": "theirs"}, "hidden": (8,), "batch_size": 8, "learning_starts": 8, "update_every": 8,
    "epsilon": {"start": 0.0, "end": 0.0},
}  # fmt: skip
MEAN = "encoder.norm.running_mean"
COUNT = "encoder.norm.num_batches_tracked"


class Nothing(BaseModel):
    """It has no settings."""


class Theirs(nn.Module):
    """A batch norm and dropout, without a layer of its own."""

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(0.5)

    def forward(self, observations):
        return self.dropout(self.norm(observations["observation"]))


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    def build(_config, shapes, _generator):
        return Theirs(shapes["observation"][0])

    plugin = NetworkPlugin(name="theirs", config=Nothing, build=build)
    monkeypatch.setattr("soulsai_dqn.networks.encoders.Catalog", lambda: SimpleNamespace(network=lambda _name: plugin))


def trained(spec, stream, **changes):
    learner = DQNLearner(plain(**{**SETTINGS, **changes}), spec, np.random.default_rng(0))
    messages = stream()
    for _ in range(4):
        learner.add(messages(8), "client")
        learner.update()
    return learner


def test_running_statistics_are_copied_into_the_target(spec, stream):
    saved = trained(spec, stream, target_tau=1.0).save().arrays
    assert np.abs(saved["network"][MEAN]).min() > 0
    np.testing.assert_array_equal(saved["target"][MEAN], saved["network"][MEAN])
    assert saved["target"][COUNT] == saved["network"][COUNT] > 0


def test_slow_target_moves_its_running_statistics_slowly(spec, stream):
    saved = trained(spec, stream, target_tau=0.01).save().arrays
    target, network = (np.linalg.norm(saved[part][MEAN]) for part in ("target", "network"))
    assert 0 < target < 0.4 * network


def test_evaluation_weights_have_running_statistics(spec, stream):
    learner = trained(spec, stream, average=0.1)  # of four iterations: the newest
    weights = learner.evaluation_weights()
    np.testing.assert_allclose(weights[MEAN], learner.weights()[MEAN], rtol=1e-5)
    assert weights.keys() == learner.weights().keys()


def test_clients_act_without_dropout_and_by_the_running_statistics(spec, stream):
    """A client has one observation at a time, too few for batch statistics."""
    from soulsai_core import Weights

    learner = trained(spec, stream)
    actor = DQNActor(plain(**SETTINGS), spec, np.random.default_rng(0), True)
    goes_on = np.zeros(1, np.bool_)
    actor.load(Weights(0, learner.weights(), 0))
    rows = np.random.default_rng(1).normal(size=(50, 1, 4)).astype(np.float32)
    first, second = ([int(actor.act({"observation": row}, None, goes_on)[0][0]) for row in rows] for _ in range(2))
    assert first == second and len(set(first)) > 1


def test_targets_are_without_dropout(spec, stream):
    learner = trained(spec, stream)
    seen = {"observation": torch.randn(5, 4, generator=torch.Generator().manual_seed(0))}
    target = learner._trainer.target
    assert torch.equal(target(seen), target(seen))
