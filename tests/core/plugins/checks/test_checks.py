"""What a plugin returns is checked against its contract."""

import dataclasses

import numpy as np
import pytest

from soulsai_core.contracts import Actor as ActorContract
from soulsai_core.contracts import AlgorithmPlugin, ConnectorPlugin, Environment, EnvironmentPlugin, Learner, Sync
from soulsai_core.errors import CheckpointError, PluginError
from soulsai_core.hooks.hookspecs import hookimpl
from soulsai_core.messages import ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete, State, Step, Weights
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.plugins.checks import checked
from soulsai_core.steps import Source

SPEC = EnvSpec("game", {"observation": ArraySpec((2,), "float32")}, Discrete(3), masked=True, timed=True)
OWN = {"value": ArraySpec((), "float32"), "state": ArraySpec((2,), "float32", sparse=True)}
SYNC = Sync(2, 8)
RNG = np.random.default_rng(0)


class Actor(ActorContract):
    def load(self, weights):
        pass

    def act(self, observations, masks, starts):
        return np.zeros(len(starts), np.int64), {"value": np.zeros(len(starts), np.float32)}


class Numbers(Learner):
    def add(self, steps, client):
        pass

    def update(self):
        return {"loss": np.float32(1), "rounds": 2}

    def weights(self):
        return {"q": np.zeros(3)}

    def save(self):
        return State({"network": {"q": np.zeros(3)}}, {"updates": 1})

    def load(self, state):
        pass


class Game(Environment):
    num_envs = 2

    def reset(self):
        return self.moved()

    def step(self, actions):
        return self.moved()

    def moved(self, **changes):
        flags = np.zeros(2, np.bool_)
        numbers = np.ones(2, np.float32)
        seen = {"observation": np.zeros((2, 2), np.float32)}
        step = Step(seen, 0 * numbers, flags, flags, masks=np.ones((2, 3), np.bool_), durations=numbers)
        return dataclasses.replace(step, **changes)

    def close(self):
        pass


class Connector:
    @hookimpl
    def episode_finished(self, episode):
        pass


def changed(base, **methods):
    """An object of `base` with other methods; what is no function is what they return."""
    functions = {name: m if callable(m) else lambda self, *a, m=m, **k: m for name, m in methods.items()}
    return type("Changed", (base,), functions)()


def algorithm(spec=SPEC, own=OWN, sync=SYNC, actor=None, learner=None):
    plugin = AlgorithmPlugin(
        name="mine",
        config=None,
        sync=lambda config: sync,
        learner=lambda config, spec, rng: learner if learner is not None else Numbers(),
        actor=lambda config, spec, rng, explore: actor if actor is not None else Actor(),
        columns=lambda config, spec: own,
    )
    return checked(plugin, "mine 1.2")


def acting(answer, spec=SPEC, own=OWN):
    """An actor that has acted well once, and gives `answer` at its second call."""
    answers = iter([(np.zeros((2, *answer_row(spec)), answer_dtype(spec)), good_own(own)), answer])
    actor = algorithm(spec, own, actor=changed(Actor, act=lambda self, *given: next(answers)))
    actor = actor.actor(None, spec, RNG, True)
    actor.act({}, None, np.ones(2, np.bool_))
    return lambda: actor.act({}, None, np.zeros(2, np.bool_))


def answer_row(spec):
    return {Discrete: (), MultiDiscrete: (2,), Continuous: (1,)}[type(spec.action)]


def answer_dtype(spec):
    return np.float32 if isinstance(spec.action, Continuous) else np.int64


def good_own(own):
    return {name: np.zeros((2, *part.shape), part.dtype) for name, part in own.items()}


def first_act(actions, action=SPEC.action):
    spec = EnvSpec("game", SPEC.observations, action)
    actor = algorithm(spec, {}, actor=changed(Actor, act=(actions, {}))).actor(None, spec, RNG, True)
    return lambda: actor.act({}, None, np.ones(len(actions), np.bool_))


def learning(method, *args, **methods):
    learner = algorithm(learner=changed(Numbers, **methods)).learner(None, SPEC, RNG)
    return lambda: getattr(learner, method)(*args)


def playing(base=Game, **changes):
    """An environment that was reset well, and then gives a step with these changes."""
    game = environment(changed(base, step=lambda self, actions: self.moved(**changes)))
    game.reset()
    return lambda: game.step(np.zeros(2, np.int64))


def environment(game, spec=SPEC):
    plugin = EnvironmentPlugin("mine", None, lambda config: spec, lambda config, seed: game)
    return checked(plugin, "mine 1.2").make(None, 0)


def connecting(made):
    return lambda: checked(ConnectorPlugin("mine", None, lambda *given: made), "mine 1.2").make(None, None)


OK = np.zeros(2, np.int64)
VALUE = np.zeros(2, np.float32)
LATER = iter([{"q": np.zeros(3)}, {"q": np.zeros(4)}])
ENDED = {"terminated": np.array([True, False])}
LAST = {"observation": np.zeros(2, np.float32)}
ALL = np.ones(3, np.bool_)

MISTAKES = {
    "actions without own columns": (acting(OK), "Actor.act gave an array of int64 (2,) instead of a pair"),
    "a list": (acting(([0, 1], {"value": VALUE})), "Actor.act gave an object of type list for actions instead of"),
    "int32": (
        acting((OK.astype(np.int32), {"value": VALUE})),
        "an array of int32 (2,) for actions instead of an array of int64 (2,)",
    ),
    "one row": (
        acting((OK[:1], {"value": VALUE})),
        "an array of int64 (1,) for actions instead of an array of int64 (2,)",
    ),
    "no own column": (acting((OK, {})), "own columns [] instead of ['value']"),
    "undeclared column": (
        acting((OK, {"value": VALUE, "x": VALUE})),
        "own columns ['value', 'x'] instead of ['value']",
    ),
    "float64 column": (
        acting((OK, {"value": np.zeros(2)})),
        "an array of float64 (2,) for value instead of an array of float32 (2,)",
    ),
    "sparse column of other shape": (
        acting((OK, {"value": VALUE, "state": VALUE})),
        "an array of float32 (2,) for state",
    ),
    "none of the actions": (
        first_act(np.array([0, 3])),
        "Actor.act gave actions [0, 3] instead of ones of Discrete(n=3)",
    ),
    "none of several actions": (
        first_act(np.array([[0, 2]]), MultiDiscrete((2, 2))),
        "actions [[0, 2]] instead of ones of",
    ),
    "beyond the bounds": (
        first_act(np.array([[2]], np.float32), Continuous((1,), (None,), (1.0,))),
        "actions [[2.0]] instead of",
    ),
    "not finite": (
        first_act(np.array([[np.nan]], np.float32), Continuous((1,), (None,), (None,))),
        "actions [[nan]] instead of",
    ),
    "KeyError": (
        lambda: (
            algorithm(actor=changed(Actor, act=lambda *_: {}["x"])).actor(None, SPEC, RNG, True).act({}, None, VALUE)
        ),
        "Actor.act raised KeyError: 'x'",
    ),
    "other metrics": (
        lambda: algorithm(actor=changed(Actor, metrics={"epsilon": "0.1"})).actor(None, SPEC, RNG, True).metrics(),
        "Actor.metrics gave '0.1' for 'epsilon' instead of a number",
    ),
    "no actor": (
        lambda: algorithm(actor=Connector()).actor(None, SPEC, RNG, True),
        "actor gave an object of type Connector instead of an Actor",
    ),
    "no learner": (
        lambda: algorithm(learner=Numbers).learner(None, SPEC, RNG),
        "learner gave the class Numbers instead of a Learner",
    ),
    "no report": (learning("update", update=None), "Learner.update gave None instead of numbers by name"),
    "text in the report": (
        learning("update", update={"loss": "3"}),
        "Learner.update gave '3' for 'loss' instead of a number",
    ),
    "list of weights": (
        learning("weights", weights={"q": [1.0]}),
        "Learner.weights gave an object of type list as 'q'",
    ),
    "objects as weights": (
        learning("evaluation_weights", weights={"q": np.array([None])}),
        "an array of object (1,) as 'q'",
    ),
    "no state": (
        lambda: algorithm(learner=changed(Numbers, save={})).learner(None, SPEC, RNG).save(),
        "Learner.save gave an object of type dict instead of a State",
    ),
    "numpy in the state": (
        lambda: algorithm(learner=changed(Numbers, save=State({}, {"n": np.int64(1)}))).learner(None, SPEC, RNG).save(),
        "Learner.save gave values that JSON does not have",
    ),
    "ready with a number": (learning("ready", ready=1), "Learner.ready gave 1 instead of True, False or None"),
    "quota of nothing": (learning("quota", quota=0), "Learner.quota gave 0 instead of a whole number above 0, or None"),
    "negative reach": (learning("reach", reach=-1), "Learner.reach gave -1 instead of a whole number from 0"),
    "finished with a flag": (
        learning("finished", finished=True),
        "Learner.finished gave True instead of a reason or None",
    ),
    "failing update": (
        learning("update", update=lambda self: 1 / 0),
        "Learner.update raised ZeroDivisionError: division by zero",
    ),
    "no sync": (lambda: algorithm(sync=3).sync(None), "sync gave 3 instead of a Sync"),
    "staleness of nothing": (
        lambda: algorithm(sync=Sync(0, 8)).sync(None),
        "sync gave 0 for max_staleness instead of a whole number from 1",
    ),
    "unknown source": (
        lambda: algorithm(sync=Sync(1, 8, 0, ("agent",))).sync(None),
        "the sources ('agent',) instead of one Source or more",
    ),
    "columns as a list": (lambda: algorithm(own=["value"]).columns(None, SPEC), "columns gave an object of type list"),
    "dtype that is none": (lambda: algorithm(own={"x": ArraySpec((), "float33")}).columns(None, SPEC), "float33"),
    "taken name": (
        lambda: algorithm(own={"reward": OWN["value"]}).columns(None, SPEC),
        "'reward' has the name of a column that every step has",
    ),
    "no spec": (lambda: environment(Game(), spec=3), "spec gave 3 instead of an EnvSpec"),
    "spec with a list": (
        lambda: environment(Game(), spec=EnvSpec("game", {}, 4)),
        "spec gave an EnvSpec that cannot be used",
    ),
    "no environment": (
        lambda: environment(Connector()),
        "make gave an object of type Connector instead of an Environment",
    ),
    "no step": (lambda: environment(changed(Game, reset=3)).reset(), "Environment.reset gave 3 instead of a Step"),
    "ended at reset": (
        lambda: environment(changed(Game, reset=lambda self: self.moved(**ENDED))).reset(),
        "a Step with an episode that has ended",
    ),
    "other names": (playing(observations={"x": VALUE}), "observations ['x'] instead of ['observation']"),
    "float64 observation": (
        playing(observations={"observation": np.zeros((2, 2))}),
        "an array of float64 (2, 2) for observation instead of an array of float32 (2, 2)",
    ),
    "rewards of ints": (playing(rewards=OK), "Environment.step gave an array of int64 (2,) for rewards"),
    "one flag": (playing(truncated=np.bool_(False)), "for truncated instead of an array of bool (2,)"),
    "no masks": (playing(masks=None), "Environment.step gave None for masks instead of an array of bool (2, 3)"),
    "no durations": (playing(durations=None), "gave None for durations instead of an array of float32 (2,)"),
    "final of another row": (playing(**ENDED, final={1: LAST}), "final of the rows [1], where [0] have ended"),
    "final of other shape": (
        playing(**ENDED, final={0: {"observation": VALUE[:1]}}),
        "an array of float32 (1,) for observation",
    ),
    "mask of another row": (playing(**ENDED, final_masks={0: ALL}), "final_masks of the rows [0]"),
    "metrics of another row": (
        playing(metrics={2: {"score": 1.0}}),
        "for row 2 instead of row -> {name: number} of the rows below 2",
    ),
    "metrics of text": (playing(metrics={0: {"score": "1"}}), "the metrics {'score': '1'} for row 0"),
    "failing step": (
        lambda: environment(changed(Game, step=lambda self, actions: self.nothing)).step(OK),
        "Environment.step raised AttributeError",
    ),
    "no connector": (connecting(None), "make gave None instead of an object with a method that is marked"),
    "class of a connector": (connecting(Connector), "make gave the class Connector instead of an object"),
    "connector without hooks": (connecting(object()), "make gave an object of type object instead of an object"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_an_error_with_distribution_method_what_came_and_what_was_promised(mistake):
    make_it, sentence = MISTAKES[mistake]
    with pytest.raises(PluginError) as caught:
        make_it()
    error = str(caught.value)
    assert sentence in error
    assert error.startswith("The ") and "'mine' of mine 1.2 has a mistake: " in error
    assert "soulsai_core.testing." in error
    assert "\n" not in error


def test_weights_whose_shapes_or_dtypes_change_are_an_error_with_their_names():
    learner = algorithm(learner=changed(Numbers, weights=lambda self: next(LATER))).learner(None, SPEC, RNG)
    learner.weights()
    with pytest.raises(PluginError, match=r"Learner\.weights gave other arrays than before \(q\)"):
        learner.weights()


def test_results_that_fit_are_returned_unchanged():
    plugin = algorithm()
    actor, learner = plugin.actor(None, SPEC, RNG, False), plugin.learner(None, SPEC, RNG)
    for rows in (2, 2, 3):
        actor.load(Weights(0, {}))
        actions, own = actor.act({}, None, np.ones(rows, np.bool_))
        assert len(actions) == len(own["value"]) == rows
    assert learner.update() == {"loss": 1.0, "rounds": 2.0}
    assert learner.ready() is None and learner.quota() is None and learner.reach() == 0
    assert learner.save().values == {"updates": 1}
    assert (plugin.sync(None), plugin.columns(None, SPEC)) == (Sync(2, 8), OWN)
    game = environment(
        changed(Game, step=lambda self, actions: self.moved(**ENDED, final={0: LAST}, final_masks={0: ALL}))
    )
    game.reset()
    game.step_async(OK)
    assert game.step_wait().final == {0: LAST}
    assert connecting(Connector())().episode_finished(None) is None


def test_number_of_a_learner_that_is_not_finite_is_said_and_left_to_the_node_to_name(caplog):
    report = learning("update", update={"loss": np.float32("nan"), "steps": np.int64(4)})()
    assert np.isnan(report["loss"]) and report["steps"] == 4.0
    assert all(type(number) is float for number in report.values())
    assert "Learner.update gave nan for 'loss' instead of a finite number. It is left out." in caplog.text


def test_step_with_a_row_that_was_only_reset_is_accepted():
    step = playing(valid=np.array([True, False]))()
    assert step.valid.tolist() == [True, False]


def test_sources_may_be_people_and_scripts():
    assert algorithm(sync=Sync(1, 8, 0, (Source.PERSON, Source.SCRIPT))).sync(None).sources[0] == Source.PERSON


def test_errors_of_soulsai_are_raised_unchanged():
    def refuse(self, state):
        raise CheckpointError("This state is another algorithm's.")

    with pytest.raises(CheckpointError, match=r"^This state is another algorithm's\.$"):
        learning("load", State({}, {}), load=refuse)()


def test_original_error_is_chained_for_the_log():
    with pytest.raises(PluginError) as caught:
        learning("update", update=lambda self: 1 / 0)()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_spec_of_the_same_config_is_made_once():
    asked = []
    plugin = checked(EnvironmentPlugin("mine", None, lambda c: asked.append(c) or SPEC, lambda *_: Game()), "mine 1.2")
    plugin.spec("settings")
    plugin.make("settings", 0)
    plugin.make("settings", 1)
    assert asked == ["settings"]


def test_catalog_returns_checked_plugins_with_the_name_of_their_distribution(site):
    site.add("algorithms", "dqn", "acme")
    with pytest.raises(PluginError, match=r"^The algorithm 'dqn' of acme 1\.2 has a mistake: sync gave None"):
        site.catalog().algorithm("dqn").sync(None)
    assert isinstance(site.catalog(), Catalog)
