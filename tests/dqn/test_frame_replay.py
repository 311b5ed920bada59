"""Frames that are sent and kept once, against a reference that keeps stacked copies of everything."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core import ArraySpec, CheckpointError, Discrete, EnvSpec, SampleBatch, Transitions, Weights
from soulsai_dqn.config import DQNConfig, PriorityConfig
from soulsai_dqn.features import Features
from soulsai_dqn.frame_actor import FrameActor
from soulsai_dqn.frame_replay import FrameReplay
from soulsai_dqn.frames import frame_columns

SIZE = 36
SPEC = EnvSpec("image", {"observation": ArraySpec((SIZE, SIZE), "uint8")}, Discrete(2))
GAMMA = 0.5


class Policy:
    """Q-values that depend on every frame of the stack."""

    def many(self, observations):
        pixels = observations["image"][:, :, 0, 0].astype(np.float32)
        sums = (pixels * np.arange(1, pixels.shape[1] + 1, dtype=np.float32)).sum(1)
        return np.stack([sums / 100, sums / 50], axis=1)


def frame(number):
    """Frames that are all different."""
    made = np.zeros((1, SIZE, SIZE), np.uint8)
    made[0, 0, 0], made[0, 0, 1] = divmod(number, 256)[::-1]
    return made


def numbers(stack):
    """Which frames (k, H, W) are stacked."""
    return [int(f[0, 0]) + 256 * int(f[0, 1]) for f in stack]


class World:
    """Environments that a client plays, and all transitions that come of it with stacked copies, by brute force.

    An episode is (length, how it ends). `seen` has for each action (frames of the stack, reward, discount, frames of
    the stack that is bootstrapped from), None where the frame after the last step of an unfinished episode would be
    needed."""

    def __init__(self, stack, n):
        self.stack, self.n = stack, n
        config = DQNConfig(frame_stack=stack, n_step=n, gamma=GAMMA, reward_scale=1.0, prioritized=PriorityConfig())
        self.actor = FrameActor(config, SPEC, np.random.default_rng(0))
        self.actor._policy, self.actor._iteration = Policy(), 0
        self.next = 0
        self.episodes = []

    def begin(self, envs):
        self.running = [[self.fresh()] for _ in range(envs)]
        self.rewards = [[] for _ in range(envs)]

    def fresh(self):
        self.next += 1
        return self.next

    def step(self, ends):
        """One step of all environments, which end as `ends` says: None, "terminated" or "truncated"."""
        before = np.stack([frame(frames[-1])[0] for frames in self.running])
        actions = self.actor.act({"observation": before}, None)
        count = len(ends)
        rewards = np.array([float(self.next % 7 + i) for i in range(count)], np.float32)
        for env in range(count):
            self.running[env].append(self.fresh())
            self.rewards[env].append(float(rewards[env]))
        after = np.stack([frame(frames[-1])[0] for frames in self.running])
        terminated = np.array([end == "terminated" for end in ends])
        truncated = np.array([end == "truncated" for end in ends])
        self.actor.add(
            Transitions(
                np.arange(count), {"observation": before}, actions, rewards, terminated, truncated,
                {"observation": after},
            )
        )  # fmt: skip
        for env in np.flatnonzero(terminated | truncated).tolist():
            self.end(env, ends[env])

    def end(self, env, how):
        if self.rewards[env]:
            self.episodes.append((self.running[env], self.rewards[env], how))
        self.running[env], self.rewards[env] = [self.fresh()], []

    def cut(self):
        self.actor.cut()
        for env in range(len(self.running)):
            self.end(env, "cut")

    def transitions(self):
        """First frame of the row -> (stack, reward, discount, stack after)."""
        found = {}
        running = [(frames, rewards, "running") for frames, rewards in zip(self.running, self.rewards, strict=True)]
        for frames, rewards, how in self.episodes + running:
            steps = len(rewards)
            for t in range(steps):
                end = min(t + self.n, steps)
                if how != "terminated" and end == steps:
                    if how == "running":
                        continue
                    end = steps - 1  # the frame after the last step is not kept
                if end == t:
                    continue
                total = sum(GAMMA**k * rewards[t + k] for k in range(end - t))
                over = how == "terminated" and end == steps
                found[frames[t]] = (
                    self.stacked(frames, t), total, 0.0 if over else GAMMA ** (end - t),
                    None if over else self.stacked(frames, end),
                )  # fmt: skip
        return found

    def stacked(self, frames, t):
        return [frames[max(t - k, 0)] for k in reversed(range(self.stack))]


def make_replay(stack, capacity, config=None, device=None):
    columns = frame_columns(Features(SPEC, stack), 2, stack, masked=False, prioritized=True)
    return FrameReplay(capacity, columns, stack, config, device)


def drawable(replay):
    """Newest frame -> what a draw of that row gives, of all that can be drawn."""
    slots = np.flatnonzero(replay._usable)
    if not len(slots):
        return {}
    columns = {name: np.asarray(column) for name, column in replay._gather(slots[None]).columns.items()}
    found = {}
    for i in range(len(slots)):
        stack = numbers(columns["image"][0, i])
        discount = float(columns["discount"][0, i])
        after = None if discount == 0 else numbers(columns["next_image"][0, i])
        found[stack[-1]] = (stack, float(columns["reward"][0, i]), discount, after)
    return found


ENDS = [None] * 8 + ["terminated", "truncated"]
MOVES = [(None, None)] * 6 + [(end, other) for end in ENDS for other in ENDS[6:]] + ["send"] * 6 + ["cut"]
PLAY = st.lists(st.sampled_from(MOVES), min_size=10, max_size=60)


def play(world, moves):
    """Yields the messages of a client with two environments."""
    world.begin(2)
    for move in moves:
        if move == "cut":
            world.cut()
        elif move == "send":
            yield world.actor.take()
        else:
            world.step(move)
    yield world.actor.take()


@settings(max_examples=150, deadline=None)
@given(stack=st.integers(1, 4), n=st.integers(1, 4), moves=PLAY)
def test_everything_sent_is_drawn_as_stacked_copies_would_be(stack, n, moves):
    world, replay = World(stack, n), make_replay(stack, 200)
    for batch in play(world, moves):
        if batch is not None:
            replay.append(batch.columns, "client")
    expected = world.transitions()
    found = drawable(replay)
    sent = {first for first in expected if first in found}
    # A row waits for the row that it is bootstrapped from: of what ended, all are there but what a break cut off.
    assert found == {first: expected[first] for first in sent}
    complete = {f for frames, _, how in world.episodes if how == "terminated" for f in frames[:-1]}
    truncated = {f for frames, _, how in world.episodes if how == "truncated" for f in frames[:-2]}
    assert complete | truncated <= found.keys()


@settings(max_examples=150, deadline=None)
@given(
    stack=st.integers(1, 4),
    n=st.integers(1, 4),
    moves=PLAY,
    capacity=st.integers(1, 80),
    share=st.sampled_from([0.8, 0.95]),
)
def test_what_is_drawn_is_right_whatever_was_overwritten_and_rejected(stack, n, moves, capacity, share):
    """Some rows are rejected, as those are that are too old; then stacks have gaps that nothing may be drawn over."""
    rng = np.random.default_rng(0)
    world, replay = World(stack, n), make_replay(stack, capacity)
    kept = []
    for batch in play(world, moves):
        if batch is None:
            continue
        batch = batch.select(rng.random(len(batch)) < share)
        if len(batch):
            replay.append(batch.columns, "client")
            kept += [numbers(image)[-1] for image in batch.columns["image"]]
    expected, there = world.transitions(), set(kept[-capacity:])
    found = drawable(replay)
    assert found.keys() <= expected.keys()
    assert found == {first: expected[first] for first in found}
    for first, (frames, _, _, after) in expected.items():
        if {first, *frames, *(after or [])} <= there and not cut_off(world, first):
            assert first in found


def cut_off(world, first):
    """The row was sent when its environment broke; it waits for a row that never comes."""
    return any(how == "cut" and first in frames for frames, _, how in world.episodes)


@settings(max_examples=60, deadline=None)
@given(moves=PLAY, more=PLAY, capacity=st.integers(3, 30), other=st.integers(3, 30))
def test_loaded_buffer_goes_on_as_the_saved_one_also_with_another_capacity(moves, more, capacity, other):
    world, replay = World(3, 2), make_replay(3, capacity, PriorityConfig())
    batches = [batch for batch in play(world, moves + more) if batch is not None]
    half = len(batches) // 2
    for batch in batches[:half]:
        replay.append(batch.columns, "client")
    loaded = make_replay(3, other, PriorityConfig())
    loaded.load(replay.save())
    if other == capacity:
        assert drawable(loaded) == drawable(replay)
    for batch in batches[half:]:
        replay.append(batch.columns, "client")
        loaded.append(batch.columns, "client")
    expected, found = world.transitions(), drawable(loaded)
    assert found == {first: expected[first] for first in found}
    if other >= capacity:
        assert drawable(replay).keys() <= found.keys()
    if other <= capacity:
        assert found.keys() <= drawable(replay).keys()
    if other == capacity and found:
        one, two = (r.draw(np.random.default_rng(3), 2, 10, 0.5).columns for r in (replay, loaded))
        np.testing.assert_array_equal(one["image"], two["image"])
        np.testing.assert_allclose(one["weight"], two["weight"], rtol=1e-6)


def played(moves=None, stack=4, n=3):
    world = World(stack, n)
    moves = moves or [(None, None)] * 9 + [("terminated", None)] + [(None, "truncated")] + [(None, None)] * 6
    return world, [batch for batch in play(world, moves) if batch is not None]


def test_each_frame_is_sent_once():
    _, batches = played()
    sent = [numbers(image)[0] for batch in batches for image in batch.columns["image"]]
    assert len(sent) == len(set(sent)) and batches[0].columns["image"].shape[1:] == (1, SIZE, SIZE)


def test_initial_errors_are_by_the_clients_values_of_whole_stacks():
    world, batches = played()
    expected = world.transitions()
    for batch in batches:
        for i in range(len(batch)):
            row = {name: column[i] for name, column in batch.columns.items()}
            known = expected.get(numbers(row["image"])[0])
            if known is None:
                continue
            stack, reward, discount, after = known
            value = max(Policy().many({"image": stacked(after)})[0]) if after else 0.0
            chosen = Policy().many({"image": stacked(stack)})[0, row["action"]]
            assert row["error"] == pytest.approx(abs(reward + discount * value - chosen), rel=1e-4)


def stacked(frames):
    return np.concatenate([frame(number) for number in frames])[None]


def test_priorities_decide_among_those_that_can_be_drawn():
    _, batches = played()
    replay = make_replay(4, 64, PriorityConfig(alpha=1.0))
    for batch in batches:
        replay.append(batch.columns, "client")
    draw = replay.draw(np.random.default_rng(0), 10, 50, 0.5)
    favourite = draw.slots[0, 0]
    replay.update(draw, np.where(draw.slots == favourite, 1.0, 0.0))
    again = replay.draw(np.random.default_rng(1), 10, 50, 0.5)
    assert (again.slots == favourite).mean() > 0.5 and "weight" in again.columns


def test_uniform_draws_are_uniform_over_those_that_can_be_drawn():
    _, batches = played()
    replay = make_replay(4, 64)
    for batch in batches:
        replay.append(batch.columns, "client")
    draw = replay.draw(np.random.default_rng(0), 100, 100)
    assert "weight" not in draw.columns
    found, counts = np.unique(draw.slots, return_counts=True)
    assert len(found) == len(replay) == len(drawable(replay))
    np.testing.assert_allclose(counts / draw.slots.size, 1 / len(found), atol=0.01)


def test_clients_are_kept_apart():
    """Two that number their rows alike."""
    worlds = [World(3, 2), World(3, 2)]
    worlds[1].next = 5000
    replay = make_replay(3, 500)
    moves = [*[(None, None)] * 3, "send"] * 6
    for one, two in zip(*(list(play(world, moves)) for world in worlds), strict=True):
        for name, batch in (("one", one), ("two", two)):
            if batch is not None:
                replay.append(batch.columns, name)
    expected = {**worlds[0].transitions(), **worlds[1].transitions()}
    found = drawable(replay)
    assert found == {first: expected[first] for first in found} and len(found) == 60


def test_clients_that_left_are_forgotten():
    _, batches = played()
    replay = make_replay(3, 64)
    replay.append(batches[0].columns, "gone")
    replay.forget(frozenset({"another"}))
    assert replay._index._streams == {}


def test_tensors_on_a_device_give_the_same_rows():
    _, batches = played()
    replays = [make_replay(4, 20, PriorityConfig(), device) for device in (None, torch.device("cpu"))]
    for replay in replays:
        for batch in batches:
            replay.append(batch.columns, "client")
    one, other = (replay.draw(np.random.default_rng(0), 3, 8, 0.5) for replay in replays)
    assert all(isinstance(column, torch.Tensor) for column in other.columns.values())
    for name, column in one.columns.items():
        np.testing.assert_array_equal(column, other.columns[name].numpy(), err_msg=name)


def test_memory_is_that_of_single_frames():
    replay = make_replay(4, 1000)
    frames = 1000 * SIZE * SIZE
    assert frames < replay.bytes < 1.1 * frames


def test_rows_of_a_plain_buffer_are_refused():
    with pytest.raises(CheckpointError, match="frame_stack"):
        make_replay(4, 10).load({"image": np.zeros((1, 1, SIZE, SIZE), np.uint8)})


def test_rows_that_make_no_sense_are_not_drawn(rng):
    """Whatever numbers arrive, nothing breaks."""
    from soulsai_core.testing.arrays import draw

    columns = frame_columns(Features(SPEC, 3), 2, 3, masked=False, prioritized=True)
    replay = make_replay(3, 16)
    for _ in range(50):
        rows = {name: draw(spec, 5, rng) for name, spec in columns.items()}
        rows["number"], rows["span"] = rng.integers(0, 6, 5), rng.integers(0, 4, 5).astype(np.int32)
        replay.append(rows, "client")
        if len(replay):
            replay.draw(rng, 2, 4)


def test_actor_acts_on_its_own_stacks(rng):
    class Recorder(Policy):
        def many(self, observations):
            self.seen = [numbers(image) for image in observations["image"]]
            return super().many(observations)

    world = World(3, 1)
    world.actor._policy = recorder = Recorder()
    world.begin(1)
    seen = []
    for end in (None, None, None, "terminated", None):
        first = world.running[0][-1]
        world.step([end])
        seen.append((first, recorder.seen[0]))
    frames = [first for first, _ in seen]
    a, b, c, d, e = frames
    assert [stack for _, stack in seen] == [[a, a, a], [a, a, b], [a, b, c], [b, c, d], [e, e, e]]


def test_weights_load_into_the_stacked_network():
    from soulsai_dqn.plugin import plugin

    config = DQNConfig(frame_stack=4, hidden=(4,), network={"name": "nature_cnn", "config": {"channels": [2, 2, 2]}})
    learner = plugin.learner(config, SPEC, np.random.default_rng(0))
    actor = plugin.actor(config, SPEC, np.random.default_rng(0))
    actor.load(Weights(0, learner.weights()))
    assert learner.weights()["encoder.convolutions.0.weight"].shape[1] == 4
    assert actor.act({"observation": np.zeros((2, SIZE, SIZE), np.uint8)}, None).shape == (2,)
    assert isinstance(actor.take(), SampleBatch | None)
