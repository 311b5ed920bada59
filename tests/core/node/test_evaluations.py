"""Which client evaluates which model, and when."""

from types import SimpleNamespace

import msgspec
from clocks import Clock

from soulsai_core.config import TrainingSettings
from soulsai_core.messages import Episode
from soulsai_core.node.evaluations import Evaluations
from soulsai_core.node.saving.saver import evaluation_weights
from soulsai_core.node.state import RunState
from soulsai_core.wire import decode_weights


def made(**settings):
    clock = Clock(0.0)
    state = RunState(iteration=9)
    learner = SimpleNamespace(evaluation_weights=lambda: {"w": state.iteration})
    schedule = TrainingSettings(evaluation={"every_s": 60, "episodes": 2, **settings})
    return Evaluations(schedule, learner, state, clock), clock, state


def turn(evaluations, clock, state, clients):
    """The client that is asked a minute later, with a newer model."""
    clock.now += 60
    state.iteration += 1
    before = evaluations.turns
    assert evaluations.due(clients)
    return next(name for name, count in evaluations.turns.items() if count > before.get(name, 0))


def report(evaluations, client, iteration, **changes):
    episode = Episode("a-1", client, 1.0, 5, iteration, 1.0, evaluation=2)
    evaluations.report(msgspec.structs.replace(episode, **changes))


def test_clients_are_asked_by_turns_at_the_times_of_the_schedule():
    evaluations, clock, state = made()
    assert not evaluations.due(["a", "b"])
    assert [turn(evaluations, clock, state, ["a", "b"]) for _ in range(4)] == ["a", "b", "a", "b"]
    assert not evaluations.due(["a", "b"])
    assert turn(evaluations, clock, state, ["a", "b", "c"]) == "c"
    assert evaluations.turns == {"a": 2, "b": 2, "c": 1}


def test_nobody_is_asked_without_a_schedule_or_without_clients():
    evaluations, clock, _ = made(every_s=None)
    clock.now = 1e9
    assert not evaluations.due(["a"])
    evaluations, clock, _ = made()
    clock.now = 1e9
    assert not evaluations.due([])


def test_contributors_are_asked_only_if_the_host_has_no_client():
    evaluations, clock, state = made()
    assert [turn(evaluations, clock, state, ["alice@a", "b"]) for _ in range(2)] == ["b", "b"]
    assert turn(evaluations, clock, state, ["alice@a"]) == "alice@a"


def test_one_model_is_evaluated_until_all_its_episodes_are_there():
    evaluations, clock, state = made()
    turn(evaluations, clock, state, ["a"])
    assert evaluations.model.iteration == 10
    report(evaluations, "a", 10)
    report(evaluations, "a", 10)  # not asked for
    report(evaluations, "b", 10)
    turn(evaluations, clock, state, ["a"])
    report(evaluations, "a", 10, complete=False)
    report(evaluations, "a", 9)
    report(evaluations, "a", 10, evaluation=0)
    turn(evaluations, clock, state, ["a"])
    assert evaluations.model.iteration == 10, "only one of two episodes counts so far"
    report(evaluations, "a", 10)
    turn(evaluations, clock, state, ["a"])
    assert evaluations.model.iteration == 13
    assert evaluations.kept(10).arrays == {"w": 10} and evaluations.kept(9) is None


def test_node_publishes_the_model_before_it_asks_for_it_and_saves_that_model_as_the_best(make_harness):
    node = make_harness(evaluation={"every_s": 10, "episodes": 1}).start()
    node.heartbeat("pc")
    node.recorder.wait("client_joined")
    node.make_iterations(2)
    assert node.outside.read_evaluation(-1) is None
    node.clock.now += 10
    progress = node.wait_progress(lambda progress: progress.evaluation_turns == {"pc": 1})
    assert progress.evaluation_episodes == 1
    weights = decode_weights(*node.outside.read_evaluation(-1))
    assert weights.iteration == 2 and weights.arrays["w"].tolist() == [-2, -2]
    node.make_iterations(3)
    assert "iteration 4 is not kept" in node.command("save_best", iteration=4).detail
    reply = node.command("save_best", iteration=2)
    assert reply.ok, reply.detail
    saved = evaluation_weights(node.folder.best_model)
    assert saved.iteration == 2 and saved.arrays["w"].tolist() == [-2, -2]


def test_evaluations_are_not_counted_to_the_mean_return(make_harness):
    node = make_harness().start()
    node.report(1, reward=1.0)
    node.report(2, reward=100.0, evaluation=5)
    node.recorder.wait("episode_finished", 2)
    assert node.node._episodes.mean_return == 1.0
