"""The learner with its replay buffer on a device, and gradients that are recorded: the same numbers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.dqn.settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features, SoulsAIError
from soulsai_dqn.learning.cuda_graph import CudaGraphGradient
from soulsai_dqn.learning.gradients import AutogradGradient, Outcome
from soulsai_dqn.learning.trainer import Trainer, chosen_device
from soulsai_dqn.plugin import plugin

IMAGE = EnvSpec(
    "image", {"observation.pixels": ArraySpec((36, 36), "uint8"), "observation.hp": ArraySpec((2,), "float32")},
    Discrete(3), masked=True,
)  # fmt: skip
BASE = {"hidden": (8,), "batch_size": 8, "learning_starts": 16, "update_every": 12, "atoms": 5, "adam_epsilon": 1e-2}
CNN = {"network": {"name": "nature_cnn", "config": {"channels": [2, 2, 2]}}, "frame_stack": 3}
CONFIGS = {
    "uniform": {},
    "prioritized quantile": {"prioritized": {}, "head": "quantile", "normalize": True},
    "rainbow": {"prioritized": {}, "head": "categorical", "dueling": True, "noisy": True, "exploration": "noisy"},
    "recurrent": {"recurrent": {"width": 6, "burn_in": 2, "length": 4, "stride": 3}, "prioritized": {}},
    "image stacks": {**CNN, "prioritized": {}, "normalize": True},
    "recurrent, image stacks": {**CNN, "recurrent": {"width": 6, "burn_in": 1, "length": 3, "stride": 2}},
}
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def trained(name, spec, stream, **where):
    """The learner after some updates, and what it reported."""
    config = plain(**{**BASE, **CONFIGS[name], **where})
    spec = IMAGE if config.frame_stack else spec
    learner, messages, reports = plugin.learner(config, spec, np.random.default_rng(5)), stream(config, spec), []
    for _ in range(8):
        learner.add(messages(12), "client")
        if learner.ready() is None:
            reports.append(dict(learner.update()))
    return learner, reports


def assert_alike(one, other):
    (learner, reports), (second, second_reports) = one, other
    assert len(reports) == len(second_reports) > 2
    for left, right in zip(reports, second_reports, strict=True):
        assert left == pytest.approx(right, rel=1e-4, abs=1e-5)
    weights, others = learner.weights(), second.weights()
    for name, array in weights.items():
        np.testing.assert_allclose(array, others[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", CONFIGS)
def test_replay_of_tensors_teaches_the_same(name, spec, stream):
    host = trained(name, spec, stream)
    assert_alike(host, trained(name, spec, stream, replay_device="cpu"))


@cuda
@pytest.mark.parametrize("replay", [None, "cuda"])
@pytest.mark.parametrize("name", CONFIGS)
def test_gpu_teaches_the_same(name, replay, spec, stream, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    host = trained(name, spec, stream)
    assert_alike(host, trained(name, spec, stream, device="cuda", replay_device=replay))


@cuda
def test_state_of_a_gpu_loads_on_a_cpu(spec, stream):
    learner, _ = trained("prioritized quantile", spec, stream, device="cuda", replay_device="cuda")
    other = plugin.learner(plain(**{**BASE, **CONFIGS["prioritized quantile"]}), spec, np.random.default_rng(0))
    other.load(learner.save(buffer=True))
    for name, array in learner.weights().items():
        np.testing.assert_array_equal(array, other.weights()[name])


def test_needed_memory_is_said_before_the_start(spec, caplog):
    with caplog.at_level("INFO", "soulsai_dqn.learning.learner"):
        learner = plugin.learner(plain(**{**BASE, "replay_device": "cpu"}), spec, np.random.default_rng(0))
        learner.started(resumed=False)
    assert "MB of the memory of cpu" in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_missing_gpu_is_told_with_the_setting():
    assert chosen_device("auto") == torch.device("cpu")
    with pytest.raises(SoulsAIError, match="replay_device is cuda and torch finds no GPU"):
        chosen_device("cuda", "replay_device")


def replaying(run):
    """As a graph does it: what was computed once is computed again in the same place."""
    outcome = run()

    def replay():
        again = run()
        outcome.chosen.copy_(again.chosen)
        outcome.target.copy_(again.target)

    return replay, Outcome(outcome.chosen, outcome.target)


@pytest.mark.parametrize("name", ["uniform", "prioritized quantile", "rainbow"])
def test_recorded_gradient_is_the_same(name, spec, stream, monkeypatch):
    def recorded(self):
        return CudaGraphGradient(AutogradGradient(self.network, self.target, self.head, double=True), replaying)

    plain = trained(name, spec, stream)
    monkeypatch.setattr(Trainer, "_make_gradient", recorded)
    assert_alike(plain, trained(name, spec, stream))


def test_gradient_that_cannot_be_recorded_is_made_as_it_comes(spec, stream, monkeypatch, caplog):
    def refuses(run):
        raise RuntimeError("operation not permitted when stream is capturing")

    def unrecordable(self):
        return CudaGraphGradient(AutogradGradient(self.network, self.target, self.head, double=True), refuses)

    plain = trained("uniform", spec, stream)
    monkeypatch.setattr(Trainer, "_make_gradient", unrecordable)
    assert_alike(plain, trained("uniform", spec, stream))
    assert caplog.text.count("cannot be captured") == 1


def test_minibatch_of_another_size_is_recorded_anew(spec, rng):
    config = plain(hidden=(4,))
    trainer = Trainer(config, Features(spec), 3, seed=0)
    recordings = []

    def counting(run):
        recordings.append(1)
        return replaying(run)

    gradient = AutogradGradient(trainer.network, trainer.target, trainer.head, double=True)
    captured = CudaGraphGradient(gradient, counting)
    for rows in (4, 4, 6, 6):
        batch = {
            "observation": torch.randn(rows, 4), "next_observation": torch.randn(rows, 4),
            "action": torch.zeros(rows, dtype=torch.int32), "reward": torch.randn(rows),
            "discount": torch.full((rows,), 0.9),
        }  # fmt: skip
        expected = gradient(batch)
        torch.testing.assert_close(captured(batch).target, expected.target)
    assert len(recordings) == 2


def test_benchmark_of_images_runs_on_a_cpu():
    small = ["--device", "cpu", "--rows", "100", "--batch", "2", "--steps", "1", "--rounds", "1", "--width", "4"]
    command = [sys.executable, "-m", "benchmarks.dqn.gpu", *small]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "| uniform | as it comes |" in done.stdout and "| prioritized | as it comes |" in done.stdout
