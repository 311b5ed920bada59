"""What arrives from several clients in an order of chance is kept in that order: a learner that gets it again becomes
the same model, bit for bit."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

from soulsai_core import CheckpointError, checkpoint, kept_steps, learned_again
from soulsai_core.assembly.client import make_client, wait_for_announcement
from soulsai_core.assembly.node import make_node
from soulsai_core.config import load_config, resolve
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import RunFolder
from soulsai_core.transport.memory import MemoryServer, MemoryTransport

DQN = [
    "algorithm.name=dqn",
    "algorithm.config.learning_starts=100",
    "algorithm.config.update_every=32",
    "algorithm.config.replay_ratio=0.5",
    "algorithm.config.buffer_size=400",
    "algorithm.config.batch_size=16",
    "algorithm.config.hidden=[16]",
    "algorithm.config.prioritized={}",
    "algorithm.config.resets={every: 100}",
]
PPO = [
    "algorithm.name=ppo",
    "algorithm.config.clients=2",
    "algorithm.config.rollout=128",
    "algorithm.config.minibatch_size=32",
    "algorithm.config.hidden=[16]",
]


@pytest.fixture
def trained(tmp_path):
    """A function: settings -> the folder of a run of two clients, which are threads of this process."""

    def trained(*settings):
        always = ["environment.config.id=CartPole-v1", "training.stop.env_steps=800", "run.seed=1"]
        resolved = resolve(load_config(None, [*always, *settings], {}), Catalog())
        server = MemoryServer()
        folder = RunFolder(tmp_path / "run")
        folder.path.mkdir()
        clients = [Thread(target=play, args=(MemoryTransport(server), seed), daemon=True) for seed in range(2)]
        for client in clients:
            client.start()
        make_node(resolved, MemoryTransport(server), folder, resume=False).run()
        for client in clients:
            client.join(60)
        return folder

    return trained


def play(transport, seed):
    announcement = wait_for_announcement(transport, lambda: True)
    make_client(announcement, transport, seed=seed, left=transport.close).run()


def named(state):
    return {f"{part} {name}": array for part, arrays in state.arrays.items() for name, array in arrays.items()}


@pytest.mark.parametrize("settings", [DQN, PPO], ids=["dqn", "ppo"])
def test_learner_that_gets_the_journal_again_becomes_the_same_model(trained, settings, monkeypatch):
    monkeypatch.setattr("soulsai_core.journal.journal.SEGMENT_BYTES", 4000)
    folder = trained(*settings, "training.keep_steps=true")
    state, _ = checkpoint.read(folder.checkpoint)
    del state.arrays["evaluation"]
    expected = named(state)
    kept = list(kept_steps(folder.path))
    assert len({message.client for message in kept}) == 2
    assert sum(len(message.steps) for message in kept) >= 800
    assert kept[-1].iteration > 3
    for _ in range(2):
        again = named(learned_again(folder.path).save())
        assert again.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(again[name], array, err_msg=name)
    first, *others = sorted(folder.journal.iterdir())
    assert others
    first.unlink()
    assert 0 < len(list(kept_steps(folder.path))) < len(kept)
    with pytest.raises(CheckpointError, match=r"lacks its first steps: .* training\.keep_steps=true"):
        learned_again(folder.path)


def test_folder_without_a_journal_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"There is no journal in .*nothing"):
        next(kept_steps(tmp_path / "nothing"))
