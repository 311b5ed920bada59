"""R2D2: sequences, their n-step targets, the state that is stored, and the network in numpy and torch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import Features
from soulsai_dqn.heads import make_head
from soulsai_dqn.normalization import MEAN, SCALE, normalized
from soulsai_dqn.recurrent import RecurrentQNetwork, SequenceGradient, sequence_errors
from soulsai_dqn.recurrent_policy import RecurrentQ
from soulsai_dqn.sequences import Assembler, sequence_error, step_columns
from soulsai_dqn.torch_policy import TorchRecurrentQ

FEATURES = Features(EnvSpec("four", {"observation": ArraySpec((4,), "float32")}, Discrete(3)))
BASE = {"hidden": (8,), "n_step": 2, "gamma": 0.5, "recurrent": {"width": 6, "burn_in": 2, "length": 4, "stride": 3}}
CONFIG = DQNConfig(**BASE)


def steps(lengths, terminates=True):
    """Episodes of these lengths, one after the other; step k observes k and pays k."""
    rows, number = [], 0
    for length in lengths:
        for k in range(length):
            last = k == length - 1
            following = number + (
                0.5 if last else 1
            )  # the observation that ends an episode is not the next one's first
            rows.append({
                "observation": np.full(4, number, np.float32), "next_observation": np.full(4, following, np.float32),
                "action": np.int32(number % 3), "reward": np.float32(number),
                "terminated": np.bool_(last and terminates),
                "ended": np.bool_(last), "first": np.bool_(k == 0), "state": np.full(12, number, np.float32),
                "env": np.int32(0), "number": np.int64(number),
            })  # fmt: skip
            number += 1
    return rows


def assembled(rows, config=CONFIG):
    columns = step_columns(FEATURES, 3, 6, masked=False, prioritized=False)
    assembler = Assembler(config, columns)
    batch = {name: np.stack([row[name] for row in rows]) for name in columns}
    return list(assembler.add(batch, "client"))


def learned(sequence):
    """Numbers of the steps that a sequence teaches."""
    count = int(sequence["learned"].sum())
    where = np.flatnonzero(sequence["learned"])
    assert len(where) == count and (np.diff(where) == 1).all()
    return sequence["observation"][where, 0].astype(int).tolist()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_every_step_of_a_finished_episode_is_learned(lengths):
    numbers = {number for sequence in assembled(steps(lengths)) for number in learned(sequence)}
    assert numbers == set(range(sum(lengths)))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.booleans())
def test_targets_in_a_sequence_are_n_step_returns_within_the_episode(lengths, terminates):
    rows = steps(lengths, terminates)
    ends = np.cumsum(lengths)
    for sequence in assembled(rows):
        start = int(sequence["observation"][0, 0])
        end = int(ends[np.searchsorted(ends, start, side="right")])
        for i in np.flatnonzero(sequence["learned"]).tolist():
            number = start + i
            count = min(2, end - number)
            reward = sum(0.5**k * (number + k) for k in range(count))
            over = number + count == end and terminates
            assert sequence["reward"][i] == pytest.approx(reward)
            assert sequence["discount"][i] == (0 if over else 0.5**count)
            assert sequence["following"][i] == i + count
            seen = sequence["observation"][i + count, 0]
            assert seen == (end - 0.5 if number + count == end else number + count)


def test_burn_in_is_left_out_but_where_the_episode_begins():
    one, other, *_ = assembled(steps([30]))
    assert one["begins"] and learned(one)[0] == 0
    assert not other["begins"] and other["observation"][0, 0] == 3 and learned(other)[0] == 5
    assert (other["state"] == 3).all()


def test_gap_in_the_numbers_ends_a_sequence_as_if_truncated():
    rows = steps([12])
    del rows[5]
    sequences = assembled(rows)
    assert all(np.ptp(s["observation"][: int(s["following"].max()), 0]) <= 7 for s in sequences)
    assert {n for s in sequences for n in learned(s)} == set(range(12)) - {5} - {6, 7}  # the next two are burn-in


def test_unfinished_steps_are_saved_and_go_on():
    rows, columns = steps([20]), step_columns(FEATURES, 3, 6, masked=False, prioritized=False)
    batch = {name: np.stack([row[name] for row in rows]) for name in columns}
    first, second = ({n: c[part] for n, c in batch.items()} for part in (slice(0, 5), slice(5, 20)))
    one, other = Assembler(CONFIG, columns), Assembler(CONFIG, columns)
    list(one.add(first, "client"))
    other.load(one.save())
    for a, b in zip(one.add(second, "client"), other.add(second, "client"), strict=True):
        assert all((a[name] == b[name]).all() for name in a)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hidden": ()},
        {"layer_norm": True, "dueling": True},
        {"head": "quantile"},
        {"head": "categorical"},
        {"noisy": True, "layer_norm": True, "dueling": True},
        {"noisy": True, "head": "categorical", "hidden": ()},
    ],
)
def test_network_in_numpy_is_the_one_in_torch(changes, rng):
    config = DQNConfig(**{**BASE, "atoms": 5, **changes})
    head = make_head(config)
    network = RecurrentQNetwork(config, FEATURES, 3, head.atoms, torch.Generator().manual_seed(0))
    policy = RecurrentQ({name: t.detach().numpy() for name, t in network.state_dict().items()}, config, 3, None)
    x, state = rng.normal(size=(5, 7, 4)).astype(np.float32), rng.normal(size=(5, 12)).astype(np.float32)
    with torch.no_grad():
        atoms = network.unroll(
            {"observation": torch.from_numpy(x)}, torch.from_numpy(state), 3, torch.zeros(5, dtype=torch.bool)
        )
    for t in range(7):
        values, state = policy.step({"observation": x[:, t]}, state)
        np.testing.assert_allclose(values, head.values(atoms[:, t]).numpy(), rtol=1e-4, atol=1e-5)


def test_no_gradient_flows_through_the_burn_in_but_at_the_beginning_of_an_episode():
    network = RecurrentQNetwork(CONFIG, FEATURES, 3, 1, torch.Generator().manual_seed(0))
    x = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    atoms = network.unroll({"observation": x}, torch.zeros(2, 12), 2, torch.tensor([False, True]))
    atoms[:, 2:].sum().backward()
    assert x.grad[0, :2].abs().sum() == 0
    assert (x.grad[1, :2].abs().sum(1) > 0).all() and (x.grad[:, 2:].abs().sum(2) > 0).all()


def test_steps_that_are_not_learned_do_not_matter(rng):
    networks = [RecurrentQNetwork(CONFIG, FEATURES, 3, 1, torch.Generator().manual_seed(s)) for s in (0, 1)]
    gradient = SequenceGradient(*networks, make_head(CONFIG), double=True, burn_in=2)
    made = [sequence for sequence in assembled(steps([9, 30])) if sequence["learned"].sum() < CONFIG.sequence]
    batch = {name: torch.from_numpy(np.stack([s[name] for s in made])) for name in made[0]}
    gradient(batch)
    before = [p.grad.clone() for p in networks[0].parameters()]
    spoiled = {**batch, "reward": torch.where(batch["learned"] > 0, batch["reward"], 1e6)}
    gradient(spoiled)
    for p, kept in zip(networks[0].parameters(), before, strict=True):
        assert torch.equal(p.grad, kept)


def test_priority_of_a_sequence_is_the_mixture_of_the_paper():
    errors = np.array([1.0, 2.0, 6.0])
    assert sequence_error(errors, 0.9) == pytest.approx(0.9 * 6 + 0.1 * 3)
    padded = torch.tensor([[9.0, 1.0, 2.0, 6.0, 9.0]])
    assert sequence_errors(padded, torch.tensor([[0.0, 1, 1, 1, 0]]), 0.9).tolist() == pytest.approx([5.7])


PIXELS = {"observation.pixels": ArraySpec((36, 36), "uint8"), "observation.hp": ArraySpec((2,), "float32")}
IMAGES = Features(EnvSpec("pixels", PIXELS, Discrete(3)))
CNN = {"network": {"name": "nature_cnn", "config": {"channels": [2, 2, 2]}}}


@pytest.mark.parametrize("changes", [{}, {"head": "quantile", "dueling": True}, {"normalize": True}])
def test_clients_step_through_images_as_the_learner_unrolls_them(changes, rng):
    config = DQNConfig(**{**BASE, **CNN, "atoms": 5, **changes})
    head = make_head(config)
    network = RecurrentQNetwork(config, IMAGES, 3, head.atoms, torch.Generator().manual_seed(0))
    arrays = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    moments = {MEAN: np.array([1, 2], np.float32), SCALE: np.array([2, 0.5], np.float32)}
    seen = {
        "image": rng.integers(0, 256, (3, 5, 1, 36, 36), np.uint8),
        "observation": rng.normal(size=(3, 5, 2)).astype(np.float32),
    }
    vector = normalized(seen["observation"], moments) if "normalize" in changes else seen["observation"]
    policy = TorchRecurrentQ({**arrays, **(moments if "normalize" in changes else {})}, config, IMAGES, 3, None)
    state = rng.normal(size=(3, 12)).astype(np.float32)
    unrolled = {"image": torch.from_numpy(seen["image"]), "observation": torch.from_numpy(vector)}
    with torch.no_grad():
        atoms = network.unroll(unrolled, torch.from_numpy(state), 2, torch.zeros(3, dtype=torch.bool))
    for t in range(5):
        values, state = policy.step({name: rows[:, t] for name, rows in seen.items()}, state)
        np.testing.assert_allclose(values, head.values(atoms[:, t]).numpy(), rtol=1e-4, atol=1e-5)


def test_exploring_agent_that_remembers_wavers(rng):
    config = DQNConfig(**{**BASE, "noisy": True, "exploration": "noisy"})
    network = RecurrentQNetwork(config, FEATURES, 3, 1, torch.Generator().manual_seed(0))
    arrays = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    x, state = {"observation": rng.normal(size=(2, 4)).astype(np.float32)}, np.zeros((2, 12), np.float32)
    for policy in (RecurrentQ(arrays, config, 3, rng), TorchRecurrentQ(arrays, config, FEATURES, 3, rng)):
        (values, after), (again, later) = policy.step(x, state), policy.step(x, state)
        assert not np.array_equal(values, again) and not np.array_equal(after, later)


def test_sequences_of_images_hold_what_was_seen(rng):
    columns = step_columns(IMAGES, 3, 6, masked=False, prioritized=False)
    rows = []
    for number, row in enumerate(steps([9])):
        pixels = {n: np.full((1, 36, 36), number + k, np.uint8) for k, n in enumerate(("image", "next_image"))}
        vectors = {name: row[name][:2] for name in ("observation", "next_observation")}
        rows.append({**row, **vectors, **pixels})
    batch = {name: np.stack([row[name] for row in rows]) for name in columns}
    for sequence in Assembler(CONFIG, columns).add(batch, "client"):
        steps_in = int(sequence["following"].max()) + 1
        first = int(sequence["observation"][0, 0])
        assert sequence["image"].dtype == np.uint8
        assert sequence["image"][:steps_in, 0, 0, 0].tolist() == list(range(first, first + steps_in))
