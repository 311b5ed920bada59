"""Episodes that are held out from learning, planned restarts, and a game that is brought back."""

import random

import numpy as np
import pytest

from soulsai_core.client.evaluation import EvaluatingActor
from soulsai_core.contracts import Actor
from soulsai_core.errors import EnvironmentNotReady
from soulsai_core.messages import Weights
from soulsai_core.steps import ROWS, SOURCE, START, Source


class FixedActor(Actor):
    """Always chooses one action, and counts in its own column."""

    def __init__(self, action):
        self.action = action

    def load(self, weights):
        pass

    def act(self, observations, masks, starts):
        rows = len(starts)
        return np.full(rows, self.action), {"step": np.full(rows, 10 + self.action)}


def evaluating(share=0.5, quota=None):
    actor = EvaluatingActor(FixedActor(0), FixedActor(1), share, random.Random(0))
    actor.load(Weights(0, {}, quota=quota))
    return actor


def test_each_environment_is_played_by_the_actor_of_its_episode():
    actor = evaluating()
    starts = np.ones(200, np.bool_)
    actions, own = actor.act({}, None, starts)
    assert actor.changed and actions.tolist() == actor.sources.tolist()
    assert 70 < actions.sum() < 130
    assert set(own["step"].tolist()) == {10}, "own columns are those of the actor that is learned from"
    before = actor.sources
    assert actor.act({}, None, ~starts)[0].tolist() == before.tolist() and not actor.changed
    starts[100:] = False
    actor.act({}, None, starts)
    assert actor.sources[100:].tolist() == before[100:].tolist() and actor.changed


def test_with_a_quota_all_episodes_are_learned_from():
    actor = evaluating(share=0.9, quota=64)
    assert not actor.act({}, None, np.ones(50, np.bool_))[0].any()


@pytest.mark.parametrize("environments", [1, 3])
def test_rows_of_held_out_episodes_are_marked_and_their_returns_reported(client_thread, node, scripted, environments):
    node.window = 100_000
    node.publish(0)
    thread = client_thread(
        lambda: scripted(num_envs=environments, lengths=(5, 4, 3)[:environments]), evaluation_share=0.5,
        max_group_rows=64, backpressure="drop",
    )  # fmt: skip
    thread.client._actor = actor = evaluating()
    thread.client._loader._actor = actor
    thread.start()
    episodes = node.episodes(20)
    messages = node.receive(60)
    thread.stop()
    held_out = [episode for episode in episodes if "evaluation_return" in episode.metrics]
    assert 2 <= len(held_out) <= 18
    assert all(episode.metrics == {"evaluation_return": episode.total_reward} for episode in held_out)
    sources = set()
    for message in messages:
        steps = message.steps
        parts = np.split(steps.columns["action"], np.cumsum(steps.segments[:, ROWS])[:-1])
        for segment, rows in zip(steps.segments, parts, strict=True):
            assert set(rows.tolist()) == {int(segment[SOURCE] == Source.EVALUATION)}
            sources.add((int(segment[SOURCE]), int(segment[START])))
    assert {source for source, _ in sources} == {Source.AGENT, Source.EVALUATION}


def test_environment_is_restarted_as_planned_at_the_end_of_an_episode(client_thread, node, scripted, clock):
    made = []

    def make():
        made.append(scripted(lengths=(5,)))
        return made[-1]

    node.publish(0)
    thread = client_thread(make, backpressure="drop", restart_every_h=1)
    thread.actor.before_step = lambda actor: setattr(clock, "now", clock.now + 1000)
    thread.start()
    episodes = node.episodes(6)
    thread.stop()
    assert all(episode.complete and episode.length == 5 for episode in episodes)
    # The last restart may have been cut short by the end.
    assert thread.client.restarts >= 3 and len(made) - thread.client.restarts in (0, 1)


def test_environment_that_keeps_failing_is_revived_once_it_has_failed_again(client_thread, node, scripted):
    calls = []
    revived = []

    def make():
        calls.append(len(revived))
        if not revived:
            raise EnvironmentNotReady("The game is not running.")
        return scripted(lengths=(5,))

    node.publish(0)
    thread = client_thread(make, wait=lambda *_: None, backpressure="drop")
    thread.client._revive = lambda: not revived.append(len(calls))
    thread.start()
    node.episodes(1)
    thread.stop()
    assert revived == [2] and calls == [0, 0, 1]
