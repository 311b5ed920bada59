"""R2D2's gradient on sequences, and the states that actors store for it."""

import numpy as np
import pytest
import torch
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features
from soulsai_core.testing.rollout import Subject
from soulsai_dqn.learning.sequence_gradient import SequenceGradient, sequence_errors
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.recurrent import RecurrentQNetwork
from soulsai_dqn.plugin import plugin

SPEC = EnvSpec("four", {"observation": ArraySpec((4,), "float32")}, Discrete(3))
FEATURES = Features(SPEC)
BASE = {"hidden": (8,), "n_step": 2, "gamma": 0.5, "recurrent": {"width": 6, "burn_in": 2, "length": 4, "stride": 3}}
CONFIG = plain(**BASE)
PIXELS = {"observation.pixels": ArraySpec((36, 36), "uint8"), "observation.hp": ArraySpec((2,), "float32")}
CNN = {"network": {"config": {"channels": [2, 2, 2]}}}


def sequences(rng, stream, **changes):
    """A minibatch of sequences, drawn from a replay of random steps."""
    config = plain(**{**BASE, "learning_starts": 10, "batch_size": 12, **changes})
    learner = plugin.learner(config, SPEC, rng)
    learner.add(stream(config)(120), "client")
    drawn = learner._replay.draw(rng, 1, 12, n_step=2, gamma=0.5)
    return {name: torch.as_tensor(column[0]) for name, column in drawn.columns.items()}


def test_steps_that_are_not_learned_from_do_not_change_the_gradient(rng, stream):
    networks = [RecurrentQNetwork(CONFIG, FEATURES, 3, 1, torch.Generator().manual_seed(s)) for s in (0, 1)]
    gradient = SequenceGradient(*networks, make_head(CONFIG), double=True, burn_in=2)
    batch = sequences(rng, stream)
    assert 0 < batch["learned"].mean() < 1
    gradient(batch)
    before = [p.grad.clone() for p in networks[0].parameters()]
    gradient({**batch, "reward": torch.where(batch["learned"] > 0, batch["reward"], 1e6)})
    for p, kept in zip(networks[0].parameters(), before, strict=True):
        assert torch.equal(p.grad, kept)
    gradient({**batch, "reward": batch["reward"] + 1e6})
    assert not torch.equal(next(networks[0].parameters()).grad, before[0])


def test_target_is_the_value_of_the_step_that_follows(rng, stream):
    """A sequence and a step at a time."""
    online, behind = (RecurrentQNetwork(CONFIG, FEATURES, 3, 1, torch.Generator().manual_seed(s)) for s in (0, 1))
    batch = sequences(rng, stream)
    outcome = SequenceGradient(online, behind, make_head(CONFIG), double=True, burn_in=2)(batch)
    with torch.no_grad():
        seen = {"observation": batch["observation"]}
        chooser, values = (
            n.unroll(seen, batch["action"], batch["state"], 2, batch["begins"])[..., 0] for n in (online, behind)
        )
    for row, step in zip(*np.nonzero(batch["learned"].numpy()), strict=True):
        following = int(batch["following"][row, step])
        assert step < following <= step + 2
        later = values[row, following, chooser[row, following].argmax()]
        expected = batch["reward"][row, step] + batch["discount"][row, step] * later
        torch.testing.assert_close(outcome.target[row, step, 0], expected)


def test_priority_of_a_sequence_is_the_mixture_of_the_paper():
    padded = torch.tensor([[9.0, 1.0, 2.0, 6.0, 9.0]])
    assert sequence_errors(padded, torch.tensor([[0.0, 1, 1, 1, 0]]), 0.9).tolist() == pytest.approx([5.7])


@pytest.mark.parametrize(
    ("changes", "spec"),
    [({}, SPEC), ({**CNN, "frame_stack": 3}, EnvSpec("pixels", PIXELS, Discrete(3)))],
    ids=["vectors", "stacks of images"],
)
def test_sequences_begin_with_the_state_with_which_their_actor_acted(changes, spec):
    """Unrolled with the weights that acted, they give the values that the actor sent."""
    config = plain(**{**BASE, **changes, "prioritized": {}, "learning_starts": 10})
    subject = Subject(plugin, config, spec)
    learner = subject.learner()
    rollout = subject.rollout(2)
    rollout.play(60)
    steps = rollout.recorder.take()
    learner.add(steps, "client")
    name = "observation.hp" if changes else "observation"
    sent = {row.tobytes(): best for row, best in zip(steps.columns[name], steps.columns["best"], strict=True)}
    drawn = learner._replay.draw(np.random.default_rng(0), 1, 64, n_step=2, gamma=0.5).columns
    batch = {part: torch.as_tensor(column[0]) for part, column in drawn.items()}
    seen = {part: batch[part] for part in ("observation", "image") if part in batch}
    with torch.no_grad():
        network = learner._trainer.network
        values = network.unroll(seen, batch["action"], batch["state"], 2, batch["begins"])[..., 0].amax(2)
    rows, times = np.nonzero(batch["learned"].numpy())
    expected = [sent[batch["observation"][row, time].numpy().tobytes()] for row, time in zip(rows, times, strict=True)]
    assert not batch["begins"].all() and batch["begins"].any()
    np.testing.assert_allclose(values.numpy()[rows, times], expected, rtol=1e-4, atol=1e-5)
