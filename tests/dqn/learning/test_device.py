"""A replay buffer on a device and captured gradients give the same numbers as arrays and plain gradients."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from benchmarks.dqn import gpu
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features, SoulsAIError, checkpoint
from soulsai_dqn.learning.cuda_graph import CudaGraphGradient
from soulsai_dqn.learning.gradients import AutogradGradient, Outcome
from soulsai_dqn.learning.trainer import Trainer, chosen_device
from soulsai_dqn.plugin import plugin

IMAGE = EnvSpec(
    "image", {"observation.pixels": ArraySpec((36, 36), "uint8"), "observation.hp": ArraySpec((2,), "float32")},
    Discrete(3), masked=True,
)  # fmt: skip
BASE = {"hidden": (8,), "batch_size": 8, "learning_starts": 16, "update_every": 12, "atoms": 5, "adam_epsilon": 1e-2}
CNN = {"network": {"config": {"channels": [2, 2, 2]}}, "frame_stack": 3}
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
    learner = plugin.learner(config, spec, np.random.default_rng(5))
    messages = stream(config, spec)
    reports = []
    for _ in range(8):
        learner.add(messages(12), "client")
        if learner.ready() is None:
            reports.append(dict(learner.update()))
    return learner, reports


def assert_alike(one, other):
    (learner, reports) = one
    (second, second_reports) = other
    assert len(reports) == len(second_reports) > 2
    for left, right in zip(reports, second_reports, strict=True):
        assert left == pytest.approx(right, rel=1e-4, abs=1e-5)
    weights = learner.weights()
    others = second.weights()
    for name, array in weights.items():
        np.testing.assert_allclose(array, others[name], atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def host(spec, stream):
    """A function: the name of a configuration -> what arrays and plain gradients give, computed once."""
    return cache(lambda name: trained(name, spec, stream))


@pytest.mark.parametrize("name", CONFIGS)
def test_replay_of_tensors_gives_the_same_training(name, host, spec, stream):
    assert_alike(host(name), trained(name, spec, stream, replay_device="cpu"))


@cuda
@pytest.mark.parametrize("replay", [None, "cuda"])
@pytest.mark.parametrize("name", CONFIGS)
def test_gpu_gives_the_same_training(name, replay, host, spec, stream, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert_alike(host(name), trained(name, spec, stream, device="cuda", replay_device=replay))


@cuda
def test_state_of_a_gpu_loads_on_a_cpu(spec, stream):
    learner, _ = trained("prioritized quantile", spec, stream, device="cuda", replay_device="cuda")
    other = plugin.learner(plain(**{**BASE, **CONFIGS["prioritized quantile"]}), spec, np.random.default_rng(0))
    other.load(learner.save())
    for name, array in learner.weights().items():
        np.testing.assert_array_equal(array, other.weights()[name])


@pytest.fixture
def tensors_elsewhere(monkeypatch):
    """Tensors have values for numpy only after `cpu`, as those on a GPU."""
    numpy = torch.Tensor.numpy
    here = set()

    def to_cpu(tensor):
        copy = tensor.clone()
        here.add(copy.data_ptr())
        return copy

    def values(tensor):
        # A generator's state is on the CPU in any case, and the only tensor of bytes.
        if tensor.dtype != torch.uint8 and tensor.data_ptr() not in here:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        return numpy(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", to_cpu)
    monkeypatch.setattr(torch.Tensor, "numpy", values)


@pytest.mark.parametrize("name", ["prioritized quantile", "rainbow", "image stacks"])
def test_state_has_nothing_of_its_device(name, spec, stream, request, tmp_path):
    """What is written on a GPU is the same as on a CPU: it has no device, and loads on either."""
    plain_learner, _ = trained(name, spec, stream, average=0.9)
    other, _ = trained(name, spec, stream, average=0.9, replay_device="cpu")  # of tensors, as on a GPU
    expected = plain_learner.save()
    request.getfixturevalue("tensors_elsewhere")
    with pytest.raises(TypeError, match="cuda:0"):
        torch.zeros(2).numpy()
    state = other.save()
    request.getfixturevalue("monkeypatch").undo()
    assert forms(state) == forms(expected) and "cuda" not in json.dumps(state.values)
    checkpoint.write(tmp_path / "checkpoint", state, {}, {})
    content = b"".join(file.read_bytes() for file in (tmp_path / "checkpoint").iterdir())
    assert b"cuda" not in content and b"device" not in content
    plain_learner.load(checkpoint.read(tmp_path / "checkpoint")[0])
    for key, array in plain_learner.weights().items():
        np.testing.assert_array_equal(array, other.weights()[key])


def forms(state):
    return {
        (part, name): (type(array), array.dtype, array.shape)
        for part, arrays in state.arrays.items()
        for name, array in arrays.items()
    }


def test_needed_memory_is_logged_at_the_start(spec, caplog):
    with caplog.at_level("INFO", "soulsai_dqn.learning.learner"):
        learner = plugin.learner(plain(**{**BASE, "replay_device": "cpu"}), spec, np.random.default_rng(0))
        learner.started(resumed=False)
    assert "MB of the memory of cpu" in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_missing_gpu_is_an_error_that_names_the_setting():
    assert chosen_device("auto") == torch.device("cpu")
    with pytest.raises(SoulsAIError, match="replay_device is cuda and torch finds no GPU"):
        chosen_device("cuda", "replay_device")


def fake_capture(run):
    """As a CUDA graph: each launch computes again, and overwrites the outcome of the capture."""
    outcome = run()

    def launch():
        again = run()
        outcome.chosen.copy_(again.chosen)
        outcome.target.copy_(again.target)

    return launch, Outcome(outcome.chosen, outcome.target)


@pytest.mark.parametrize("name", ["uniform", "prioritized quantile", "rainbow"])
def test_captured_gradient_is_the_same(name, host, spec, stream, monkeypatch):
    usual = host(name)  # trained here if no test before asked for it, so before the gradient is replaced

    def captured(self):
        return CudaGraphGradient(AutogradGradient(self.network, self.target, self.head, double=True), fake_capture)

    monkeypatch.setattr(Trainer, "_make_gradient", captured)
    assert_alike(usual, trained(name, spec, stream))


def test_gradient_that_cannot_be_captured_is_computed_as_usual(host, spec, stream, monkeypatch, caplog):
    usual = host("uniform")

    def refuses(run):
        raise RuntimeError("operation not permitted when stream is capturing")

    def uncapturable(self):
        return CudaGraphGradient(AutogradGradient(self.network, self.target, self.head, double=True), refuses)

    monkeypatch.setattr(Trainer, "_make_gradient", uncapturable)
    assert_alike(usual, trained("uniform", spec, stream))
    assert caplog.text.count("cannot be captured") == 1


def test_minibatch_of_another_size_is_captured_anew(spec, rng):
    config = plain(hidden=(4,))
    trainer = Trainer(config, Features(spec), 3, seed=0)
    captures = []

    def counting(run):
        captures.append(1)
        return fake_capture(run)

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
    assert len(captures) == 2


def test_benchmark_of_images_runs_on_a_cpu(capsys):
    gpu.main(["--device", "cpu", "--rows", "100", "--batch", "2", "--steps", "1", "--rounds", "1", "--width", "4"])
    printed = capsys.readouterr().out
    assert "| uniform | eager |" in printed and "| prioritized | eager |" in printed
