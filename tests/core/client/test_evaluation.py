"""Episodes that are held out from learning, planned restarts, and a game that is brought back."""

from collections import Counter

import numpy as np
import pytest
from waiting import wait_for

from soulsai_core.client.evaluation import EvaluatingActor, EvaluationTurns
from soulsai_core.contracts import Actor
from soulsai_core.errors import EnvironmentNotReady
from soulsai_core.messages import Weights
from soulsai_core.steps import ITERATION, ROWS, SOURCE, Source
from soulsai_core.wire import encode_weights


class FixedActor(Actor):
    """Always chooses one action, and counts in its own column."""

    def __init__(self, action):
        self.action = action

    def load(self, weights):
        pass

    def act(self, observations, masks, starts):
        rows = len(starts)
        return np.full(rows, self.action), {"step": np.full(rows, 10 + self.action)}


def evaluating(actions=(0, 1)):
    return EvaluatingActor(FixedActor(actions[0]), FixedActor(actions[1]), EvaluationTurns())


def flags(*values):
    return np.array(values, np.bool_)


def test_first_episode_that_begins_after_a_turn_is_played_by_the_other_actor():
    actor = evaluating()
    assert actor.act({}, None, flags(1, 1, 1))[0].tolist() == [0, 0, 0]
    actor.turns.ask(Weights(7, {}), 5)
    assert actor.act({}, None, flags(0, 0, 0))[0].tolist() == [0, 0, 0] and not actor.changed
    actions, own = actor.act({}, None, flags(0, 1, 1))
    assert actions.tolist() == [0, 1, 0] and actor.changed
    assert set(own["step"].tolist()) == {10}, "own columns are those of the actor that is learned from"
    assert (actor.iteration, actor.episodes) == (7, 5)
    assert actor.act({}, None, flags(1, 0, 1))[0].tolist() == [0, 1, 0] and not actor.changed
    assert actor.act({}, None, flags(0, 1, 0))[0].tolist() == [0, 0, 0] and actor.changed


def test_another_model_waits_until_the_episode_with_the_first_has_ended():
    actor = evaluating()
    actor.turns.ask(Weights(1, {}), 5)
    actor.act({}, None, flags(1, 1))
    actor.turns.ask(Weights(2, {}), 5)
    actor.act({}, None, flags(0, 1))
    assert (actor.iteration, actor.sources.tolist()) == (1, [Source.EVALUATION, Source.AGENT])
    actor.act({}, None, flags(1, 1))
    assert (actor.iteration, actor.sources.tolist()) == (2, [Source.AGENT, Source.EVALUATION])


def test_turns_that_add_up_leave_every_second_episode_to_learning():
    actor = evaluating()
    chosen = []
    for _ in range(6):
        actor.turns.ask(Weights(1, {}), 5)
        actor.turns.ask(Weights(1, {}), 5)
        chosen.append(actor.act({}, None, flags(1))[0].item())
    assert chosen == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("environments", [1, 3])
@pytest.mark.parametrize("quota", [None, 20])
def test_rows_of_evaluations_are_marked_and_do_not_count_to_the_quota(
    client_thread, node, scripted, environments, quota
):
    node.window = 100_000
    node.quota = quota
    thread = client_thread(
        lambda: scripted(num_envs=environments, lengths=(5, 4, 3)[:environments]), max_message_rows=64,
        actor=evaluating(),
    )  # fmt: skip
    thread.start()
    closed = {}
    counted = Counter()
    taken = 0
    for iteration in range(8):
        node.transport.publish_evaluation(iteration, encode_weights(Weights(iteration, {"w": np.zeros(1)})))
        node.evaluation_turns = {"pc": iteration + 1}
        node.publish(iteration, acked=taken)
        for message in node.receive(20):
            if message.header.number <= taken:
                continue  # sent again
            taken = message.header.number
            steps = message.steps
            if steps.closed is not None:
                closed[steps.closed.iteration] = steps.closed.rows
            parts = np.split(steps.columns["action"], np.cumsum(steps.segments[:, ROWS])[:-1])
            for segment, rows in zip(steps.segments, parts, strict=True):
                held_out = segment[SOURCE] == Source.EVALUATION
                assert set(rows.tolist()) == {int(held_out)}
                counted[int(segment[ITERATION])] += 0 if held_out else len(rows)
    thread.stop()
    episodes = node.episodes(1)
    held_out = [episode for episode in episodes if episode.evaluation]
    assert all(episode.evaluation == 5 and "epsilon" not in episode.metrics for episode in held_out)
    if quota is not None:
        assert len(closed) >= 7
        assert all(20 <= counted[iteration] == rows < 20 + environments for iteration, rows in closed.items())


def test_episode_of_an_evaluation_names_the_model_that_was_evaluated(client_thread, node, scripted):
    thread = client_thread(lambda: scripted(lengths=(5,)), backpressure="drop", actor=evaluating())
    node.transport.publish_evaluation(3, encode_weights(Weights(3, {"w": np.zeros(1)})))
    node.evaluation_turns = {"pc": 1, "other": 9}
    node.publish(8)
    thread.start()
    found = wait_for("an evaluation", lambda: [one for one in node.all_episodes() if one.evaluation], pause=0.01)
    thread.stop()
    assert [(episode.iteration, episode.evaluation, episode.complete) for episode in found] == [(3, 5, True)]


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


def test_environment_that_keeps_failing_has_its_game_started_once_it_has_failed_again(client_thread, node, scripted):
    calls = []
    started = []

    def make():
        calls.append(len(started))
        if not started:
            raise EnvironmentNotReady("The game is not running.")
        return scripted(lengths=(5,))

    node.publish(0)
    thread = client_thread(make, wait=lambda *_: None, backpressure="drop")
    thread.client._start_game = lambda: not started.append(len(calls))
    thread.start()
    node.episodes(1)
    thread.stop()
    assert started == [2] and calls == [0, 0, 1]
