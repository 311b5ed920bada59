"""Mistakes of authors of environments, connectors, networks and wrappers, and of entry points."""

# mypy: ignore-errors

from __future__ import annotations

from dataclasses import replace

import gymnasium
import msgspec
import numpy as np
from mistakes_of_algorithms import raises
from right_plugins import SPEC, Corridor, Empty, Note, algorithm, changed, connector, environment, game, network, note
from right_plugins import build as right_build
from right_plugins import wrapper as right_wrapper
from trial_runs import entry, hang

from soulsai_core import ArraySpec, Continuous, Discrete, EnvironmentFailure, hookimpl

MASKED = msgspec.structs.replace(SPEC, masked=True)
TIMED = msgspec.structs.replace(SPEC, timed=True)
STEP = "Environment.step"
SEEN = np.zeros((2, 3), np.float32)
OLD = np.zeros(2, np.float32)


def steps(change, spec=SPEC, after=2):
    """An environment whose steps are right twice, and then what `change` makes of itself."""

    def step(self, actions):
        self.calls = getattr(self, "calls", 0) + 1
        right = Corridor.step(self, actions)
        return right if self.calls <= after else change(self)

    return game(spec, step=step)


def moves(spec=SPEC, **changes):
    return steps(lambda self: self.moved(**changes), spec)


def spec_of(**changes):
    return game(msgspec.structs.replace(SPEC, **changes))


class ChangesActions(Corridor):
    """Takes the array of the actions for its own."""

    def step(self, actions):
        actions += 1
        return super().step(actions)


class Unmade(gymnasium.Wrapper):
    """Does not call the constructor of its class."""

    def __init__(self, env):
        self.env = env


class Reusing(Corridor):
    """Gives the same buffer at each step."""

    def seen(self):
        self.buffer = getattr(self, "buffer", np.zeros((2, 3), np.float32))
        self.buffer[:] = self._rng.random((2, 3))
        return self.buffer


class ReusingViews(Reusing):
    """Gives a new view of the same buffer at each step."""

    def seen(self):
        return super().seen()[:]


class Overlapping(Corridor):
    """Computes elsewhere."""

    overlapping = True


class Observing(gymnasium.ObservationWrapper):
    """Gives another observation, and not another space."""

    def __init__(self, env, observation):
        super().__init__(env)
        self.observation = observation


def observes(observation):
    return replace(right_wrapper, wrap=lambda env, config: Observing(env, observation))


def wraps(**methods):
    """A wrapper with other methods."""
    return replace(right_wrapper, wrap=lambda env, config: type("Changed", (gymnasium.Wrapper,), methods)(env))


def stepped(change):
    """A `step` whose result is changed."""
    return lambda self, action: change(*gymnasium.Wrapper.step(self, action))


def counting():
    """A spec that is another one each time."""
    made = []

    def spec(config):
        made.append(1)
        return msgspec.structs.replace(SPEC, name=f"corridor {len(made)}")

    return replace(environment, spec=spec)


ENVIRONMENTS = {
    "spec gives nothing": (replace(environment, spec=lambda c: None), "spec gave None instead of an EnvSpec"),
    "spec raises": (replace(environment, spec=raises), "spec raised KeyError: 'missing'"),
    "spec hangs": (replace(environment, spec=hang), "spec has been running for"),
    "spec differs each time": (counting(), "spec gave", "corridor", "same"),
    "spec of a numpy shape": (
        spec_of(observations={"observation": ArraySpec((np.int64(3),), "float32")}), "spec gave", "EnvSpec",
    ),
    "spec of unknown dtype": (
        spec_of(observations={"observation": ArraySpec((3,), "float33")}), "spec gave", "float33",
    ),
    "spec of text": (spec_of(observations={"observation": ArraySpec((3,), "U3")}), "spec gave", "U3"),
    "spec without observations": (spec_of(observations={}), "spec gave", "observations"),
    "spec without actions": (spec_of(action=Discrete(0)), "spec gave", "0", "action"),
    "spec with masks of continuous actions": (
        spec_of(action=Continuous((1,), (0,), (1,)), masked=True), "spec gave", "mask", "Discrete",
    ),
    "make gives nothing": (replace(environment, make=lambda *_: None), "make gave None instead of an Environment"),
    "make gives the class": (replace(environment, make=lambda *_: Corridor), "make gave the class Corridor"),
    "make gives a gymnasium environment": (
        replace(environment, make=lambda *_: gymnasium.make("CartPole-v1")), "make gave", "instead of an Environment",
    ),
    "make raises": (replace(environment, make=raises), "make raised KeyError: 'missing'"),
    "make hangs": (replace(environment, make=hang), "make has been running for"),
    "no num_envs": (game(num_envs=property(raises)), "make", "num_envs", "whole number above 0"),
    "num_envs of nothing": (replace(environment, make=type("Zero", (Corridor,), {"num_envs": 0})), "make gave 0"),
    "num_envs of one, rows of two": (
        replace(environment, make=type("One", (Corridor,), {"num_envs": 1})),
        "Environment.reset gave", "(2, 3)", "(1, 3)",
    ),
    "reset gives nothing": (game(reset=None), "Environment.reset gave None instead of a Step"),
    "reset gives gymnasium's pair": (game(reset=(SEEN, {})), "Environment.reset gave", "tuple", "a Step"),
    "reset raises": (game(reset=raises), "Environment.reset raised KeyError: 'missing'"),
    "reset hangs": (game(reset=hang), "Environment.reset has been running for"),
    "reset ends an episode": (
        game(reset=lambda self: self.moved(terminated=np.ones(2, np.bool_))), "Environment.reset gave", "ended",
    ),
    "reset has a reward": (
        game(reset=lambda self: self.moved(rewards=np.ones(2, np.float32))), "Environment.reset gave", "reward",
    ),
    "step gives nothing": (steps(lambda self: None), "Environment.step gave None instead of a Step"),
    "step gives gymnasium's tuple": (steps(lambda self: (SEEN, 0, 0, 0, {})), STEP, "tuple", "a Step"),
    "step raises": (steps(raises), "Environment.step raised KeyError: 'missing'"),
    "step raises at once": (steps(raises, after=0), "Environment.step raised KeyError: 'missing'"),
    "step hangs": (steps(hang), "Environment.step has been running for"),
    "step fails without a sentence": (
        steps(lambda self: (_ for _ in ()).throw(EnvironmentFailure())), "Environment.step raised EnvironmentFailure",
    ),
    "observations are an array": (moves(observations=SEEN), STEP, "array", "arrays by name"),
    "a part is missing": (moves(observations={}), STEP, "observations []", "['observation']"),
    "a part is not declared": (moves(observations={"observation": SEEN, "x": SEEN}), STEP, "'x'", "['observation']"),
    "observation of float64": (moves(observations={"observation": np.zeros((2, 3))}), STEP, "float64", "float32"),
    "observation of another shape": (moves(observations={"observation": SEEN[:, :2]}), STEP, "(2, 2)", "(2, 3)"),
    "observation of one row": (moves(observations={"observation": SEEN[:1]}), STEP, "(1, 3)", "(2, 3)"),
    "observation as a list": (moves(observations={"observation": [[0.0] * 3] * 2}), STEP, "list", "float32 (2, 3)"),
    "observation that is not finite": (moves(observations={"observation": SEEN * np.nan}), STEP, "nan", "numbers from"),
    "observation beyond its bounds": (moves(observations={"observation": SEEN + 7}), STEP, "7", "1"),
    "changed actions": (replace(environment, make=ChangesActions), "Environment.step gave changed actions back"),
    "a reused buffer": (replace(environment, make=Reusing), STEP, "observation", "new arrays"),
    "a reused buffer in new views": (replace(environment, make=ReusingViews), STEP, "observation", "new arrays"),
    "reward of float64": (moves(rewards=np.zeros(2)), STEP, "float64 (2,) for rewards", "float32 (2,)"),
    "reward is a number": (moves(rewards=1.0), STEP, "1.0 for rewards", "float32 (2,)"),
    "reward of one row": (moves(rewards=OLD[:1]), STEP, "float32 (1,) for rewards", "float32 (2,)"),
    "reward that is not finite": (moves(rewards=OLD * np.nan), STEP, "reward", "nan", "numbers from"),
    "terminated is a flag": (moves(terminated=False), STEP, "False for terminated", "bool (2,)"),
    "terminated of numbers": (moves(terminated=np.zeros(2, int)), STEP, "int64 (2,) for terminated", "bool (2,)"),
    "truncated is not given": (moves(truncated=None), STEP, "None for truncated", "bool (2,)"),
    "final of a row that goes on": (moves(final={0: {"observation": SEEN[0]}}), STEP, "final", "ended rows"),
    "final of another shape": (
        moves(terminated=np.ones(2, np.bool_), final={0: {"observation": SEEN}}), STEP, "(2, 3)", "(3,)",
    ),
    "masks are declared and not given": (game(MASKED), "Environment.reset gave None for masks", "bool (2, 2)"),
    "masks are declared and once not given": (
        game(MASKED, moved=lambda self, **c: Corridor.moved(
            self, **{"masks": None if self._age == 3 else np.ones((2, 2), np.bool_), **c})),
        STEP, "None for masks", "bool (2, 2)",
    ),
    "masks are given and not declared": (moves(masks=np.ones((2, 2), np.bool_)), STEP, "masks", "None"),
    "masks of numbers": (
        game(MASKED, moved=lambda self, **c: Corridor.moved(self, **{"masks": np.ones((2, 2)), **c})),
        "Environment.reset gave", "float64 (2, 2) for masks", "bool (2, 2)",
    ),
    "durations are declared and not given": (game(TIMED), "Environment.reset gave None for durations", "float32 (2,)"),
    "valid of numbers": (moves(valid=np.ones(2)), STEP, "float64 (2,) for valid", "bool (2,)"),
    "metrics by name": (moves(metrics={"score": 1.0}), STEP, "metrics", "row -> {name: number}"),
    "metrics of text": (moves(metrics={0: {"score": "high"}}), STEP, "'high'", "number"),
    "metrics of another row": (moves(metrics={2: {"score": 1.0}}), STEP, "row 2", "rows below 2"),
    "step_wait gives nothing": (
        replace(environment, make=changed(Overlapping, step_wait=None)), "Environment.step_wait gave None", "a Step",
    ),
    "step_async raises": (
        replace(environment, make=changed(Overlapping, step_async=raises)),
        "Environment.step_async raised KeyError: 'missing'",
    ),
    "close raises": (game(close=raises), "Environment.close raised KeyError: 'missing'"),
    "close hangs": (game(close=hang), "Environment.close has been running for"),
}  # fmt: skip


class Misspelled:
    @hookimpl
    def episode_finishd(self, episode):
        """No such hook."""


class Greedy:
    @hookimpl
    def episode_finished(self, episode, weights):
        """No such argument."""


class Unmarked:
    def episode_finished(self, episode):
        """Not marked."""


class Wrapping:
    @hookimpl(wrapper=True)
    def episode_finished(self, episode):
        yield


HOOK = "episode_finished"
CONNECTORS = {
    "make gives nothing": (replace(connector, make=lambda *_: None), "make gave None instead of an object"),
    "make gives the class": (replace(connector, make=lambda *_: Note), "make gave the class Note instead of"),
    "make raises": (replace(connector, make=raises), "make raised KeyError: 'missing'"),
    "make hangs": (replace(connector, make=hang), "make has been running for"),
    "no hook": (replace(connector, make=lambda *_: Unmarked()), "make gave", "Unmarked", "hookimpl"),
    "misspelled hook": (replace(connector, make=lambda *_: Misspelled()), "episode_finishd", HOOK),
    "unknown argument of a hook": (replace(connector, make=lambda *_: Greedy()), HOOK, "weights", "episode"),
    "wrapper of hooks": (replace(connector, make=lambda *_: Wrapping()), HOOK, "wrap"),
    "misspelled home": (replace(connector, home="trainning"), "home", "trainning", "training", "telemetry"),
    "hook raises": (note(model_updated=hookimpl(lambda self, iteration: raises())), "model_updated raised KeyError"),
    "hook exits": (
        note(model_updated=hookimpl(lambda self, iteration: exit(3))), "model_updated raised SystemExit: 3",
    ),
    "hook hangs": (note(model_updated=hookimpl(lambda self, iteration: hang())), "model_updated has been running for"),
    "close raises": (note(close=raises), "close raised KeyError: 'missing'"),
    "close hangs": (note(close=hang), "close has been running for"),
}  # fmt: skip


def forwards(forward):
    """A network with another `forward`."""

    def build(config, shapes, generator):
        made = right_build(config, shapes, generator)
        made.__class__ = type("Changed", (type(made),), {"forward": forward})
        return made

    return replace(network, build=build)


def later(forward):
    """A network whose `forward` is another one once it learns."""
    return forwards(lambda made, inputs: (dense if len(inputs["observation"]) == 2 else forward)(made, inputs))


def wide(width):
    def build(config, shapes, generator):
        made = right_build(config, shapes, generator)
        made.width = width
        return made

    return replace(network, build=build)


def dense(made, inputs):
    return made.dense(inputs["observation"])


NETWORKS = {
    "build gives nothing": (replace(network, build=lambda *_: None), "build gave None", "torch.nn.Module"),
    "build raises": (replace(network, build=raises), "build raised KeyError: 'missing'"),
    "build hangs": (replace(network, build=hang), "build has been running for"),
    "width of another number": (wide(5), "forward gave", "(2, 4)", "(2, 5)"),
    "width is no number": (wide(4.0), "build gave", "4.0 for width", "whole number above 0"),
    "forward of float64": (forwards(lambda m, x: dense(m, x).double()), "forward gave", "float64", "float32"),
    "forward without rows": (forwards(lambda m, x: dense(m, x)[0]), "forward gave", "(4,)", "(2, 4)"),
    "forward of nan": (forwards(lambda m, x: dense(m, x) * float("nan")), "forward gave", "nan", "finite"),
    "width is not given": (wide(None), "build gave", "None for width", "whole number above 0"),
    "forward gives nothing": (forwards(lambda m, x: None), "forward gave None", "float32 (2, 4)"),
    "forward hangs": (forwards(hang), "forward has been running for"),
    "forward raises when it learns": (later(lambda m, x: x["missing"]), "forward raised KeyError: 'missing'"),
    "forward of one row when it learns": (later(lambda m, x: dense(m, x)[:1]), "forward gave", "(1, 4)", ", 4)"),
    "forward of float64 when it learns": (later(lambda m, x: dense(m, x).double()), "forward gave", "float64"),
    "forward hangs when it learns": (later(hang), "forward has been running for"),
    "forward of numpy": (forwards(lambda m, x: dense(m, x).detach().numpy()), "forward gave", "tensor"),
    "forward raises": (forwards(lambda m, x: x["missing"]), "forward raised KeyError: 'missing'"),
    "images is text": (replace(network, images="yes"), "images", "'yes'", "True or False"),
}

WRAPPERS = {
    "wrap gives nothing": (replace(right_wrapper, wrap=lambda *_: None), "wrap gave None", "gymnasium.Env"),
    "wrap gives the class": (replace(right_wrapper, wrap=lambda *_: Observing), "wrap gave the class Observing"),
    "wrap raises": (replace(right_wrapper, wrap=raises), "wrap raised KeyError: 'missing'"),
    "wrap calls no constructor": (
        replace(right_wrapper, wrap=lambda env, config: Unmade(env)),
        "an environment whose observation_space cannot be read", "AttributeError", "gymnasium.Wrapper.__init__",
    ),
    "wrap hangs": (replace(right_wrapper, wrap=hang), "wrap has been running for"),
    "wrap takes no settings": (replace(right_wrapper, wrap=lambda env: env), "wrap raised TypeError"),
    "observation of another shape": (observes(lambda seen: seen[:2]), "wrap gave", "(2,)", "(4,)"),
    "observation is not given": (observes(lambda seen: None), "wrap gave", "observation None", "Box"),
    "observation raises": (observes(raises), "failed in reset: KeyError: 'missing'", "raised it"),
    "reset raises": (wraps(reset=raises), "failed in reset: KeyError: 'missing'", "raised it"),
    "reset gives nothing": (wraps(reset=lambda self, **_: None), "whose reset gives None", "tuple"),
    "step raises": (wraps(step=raises), "failed in step: KeyError: 'missing'", "raised it"),
    "step hangs": (wraps(step=hang), "Environment.step has been running for", "in the wrapper 'mine' of acme 1.2"),
    "step gives nothing": (wraps(step=lambda self, action: None), "whose step gives None", "tuple"),
    "reward is not given": (wraps(step=stepped(lambda o, r, *rest: (o, None, *rest))), "None as reward", "a number"),
    "reward of two": (wraps(step=stepped(lambda o, r, *rest: (o, OLD, *rest))), "(2,) as reward", "a number"),
}  # fmt: skip

PLUGINS = {
    "module that is missing": ("algorithm", "no_such_module:plugin", "ModuleNotFoundError", "no_such_module"),
    "attribute that is missing": ("algorithm", "json:plugin", "AttributeError", "plugin"),
    "class in place of an object": ("algorithm", type(algorithm), "class AlgorithmPlugin", "object"),
    "object of another kind": ("algorithm", environment, "EnvironmentPlugin", "no AlgorithmPlugin"),
    "another api version": ("environment", replace(environment, api_version=99), "api_version 99", "has 1"),
    "another name": ("environment", replace(environment, name="yours"), "'yours'", "equal"),
    "config is a mapping": ("environment", replace(environment, config={}), "config", "pydantic model class"),
    "config is an instance": ("environment", replace(environment, config=Empty()), "config", "pydantic model class"),
    "spec is not callable": ("environment", replace(environment, spec=SPEC), "spec", "EnvSpec", "a function"),
    "make is not set": ("connector", replace(connector, make=None), "make", "None", "a function"),
    "two of one name": (
        "environment", [environment, entry("environment", environment, distribution="zenith")],
        "zenith 1.2", "acme:mine",
    ),
}  # fmt: skip

HARMLESS = {
    "numpy scalars in metrics": ("environment", moves(metrics={0: {"score": np.float32(1), "hit": np.bool_(True)}})),
    "a constant observation": ("environment", game(seen=lambda self: SEEN)),
}
