"""Mistakes of authors of algorithms: a plugin, and what a sentence about it must contain."""

# mypy: ignore-errors

from __future__ import annotations

from dataclasses import replace

import numpy as np
from right_plugins import actor, algorithm, learner
from trial_runs import hang

from soulsai_core import ArraySpec, Learner, Settings, Source, SpaceError, State, Sync
from soulsai_core.plugins.examples.linear_q import LinearActor, LinearLearner


def raises(*_, **__):
    return {}["missing"]


def sync(*values):
    return replace(algorithm, sync=lambda config: Sync(*values))


def columns(declared, **own):
    """An algorithm with these columns, whose actor gives `own`, arrays that are made for each call."""

    def act(self, observations, masks, starts):
        actions, _ = LinearActor.act(self, observations, masks, starts)
        return actions, {name: make(len(starts)) for name, make in own.items()}

    return replace(actor(act=act), columns=lambda config, spec: declared)


def acts(change):
    """An actor that acts rightly three times, and then gives what `change` makes of the right actions."""

    def act(self, observations, masks, starts):
        self.calls = getattr(self, "calls", 0) + 1
        actions, own = LinearActor.act(self, observations, masks, starts)
        return (actions, own) if self.calls <= 3 else change(actions, own)

    return actor(act=act)


def later(right, wrong, after=2):
    """A method that is right for some calls of each object, and then wrong."""

    def method(self, *given, **options):
        self.calls_so_far = getattr(self, "calls_so_far", 0) + 1
        return (right if self.calls_so_far <= after else wrong)(self, *given, **options)

    return method


class Reusing(LinearActor):
    """Gives the same array at each call."""

    def act(self, observations, masks, starts):
        _, own = super().act(observations, masks, starts)
        self.buffer = getattr(self, "buffer", np.zeros(len(starts), np.int64))
        self.calls = getattr(self, "calls", 0) + 1
        self.buffer[:] = self.calls % 2
        return self.buffer, own


class Spoiling(LinearActor):
    """Scales its observations in place."""

    def act(self, observations, masks, starts):
        observations["observation"] *= 0.5
        return super().act(observations, masks, starts)


class Aliasing(LinearLearner):
    """Gives its own weights, which it changes afterwards."""

    def weights(self):
        return self._model


class Half(Learner):
    """Has no method at all."""

    def __init__(self, config, spec, rng):
        """Nothing to do."""


class NoDefault(Settings):
    size: int


class NotJson(Settings):
    model_config = {"arbitrary_types_allowed": True}
    size: np.ndarray = np.zeros(3)


VALUE = {"value": ArraySpec((), "float32")}
ACT = "Actor.act"

SYNC_AND_COLUMNS = {
    "sync gives nothing": (replace(algorithm, sync=lambda config: None), "sync gave None instead of a Sync"),
    "sync gives a tuple": (replace(algorithm, sync=lambda config: (1, 8)), "sync gave", "tuple", "a Sync"),
    "staleness of nothing": (sync(0, 8), "sync gave 0 for max_staleness instead of a whole number from 1"),
    "half a row an update": (sync(3, 0.5), "sync gave 0.5 for rows_per_iteration instead of a whole number"),
    "fewer than no clients": (sync(3, 8, -1), "sync gave -1 for required_clients instead of a whole number from 0"),
    "sources as text": (sync(3, 8, 0, ("agent",)), "sync gave the sources ('agent',) instead of one Source"),
    "no sources": (sync(3, 8, 0, ()), "sync gave the sources () instead of one Source or more"),
    "sources that no client has": (sync(3, 8, 0, (Source.SCRIPT,)), "Sync.sources has SCRIPT", "AGENT"),
    "sync raises": (replace(algorithm, sync=raises), "sync raised KeyError: 'missing'"),
    "sync hangs": (replace(algorithm, sync=hang), "sync has been running for"),
    "columns as a list": (columns(["value"]), "columns gave", "list", "ArraySpec"),
    "columns with a dtype alone": (columns({"value": "float32"}), "columns gave", "ArraySpec"),
    "column of unknown dtype": (columns({"value": ArraySpec((), "float33")}), "columns gave", "float33"),
    "column of objects": (columns({"value": ArraySpec((), "object")}), "columns gave", "object", "numbers"),
    "column of another name": (columns({"reward": ArraySpec((), "float32")}), "columns gave", "reward"),
    "columns raises": (replace(algorithm, columns=raises), "columns raised KeyError: 'missing'"),
    "columns hangs": (replace(algorithm, columns=hang), "columns has been running for"),
    "setting without a default": (replace(algorithm, config=NoDefault), "size", "default"),
    "setting that is no JSON": (replace(algorithm, config=NotJson), "config", "size", "JSON"),
}

MAKERS = {
    "no learner": (replace(algorithm, learner=lambda *_: None), "learner gave None instead of a Learner"),
    "class of a learner": (
        replace(algorithm, learner=lambda *_: LinearLearner),
        "learner gave the class LinearLearner instead of a Learner",
    ),
    "learner of too few arguments": (
        replace(algorithm, learner=lambda config: None),
        "learner raised TypeError",
        "positional argument",
    ),
    "abstract learner": (
        replace(algorithm, learner=Half),
        "learner raised TypeError",
        "add",
    ),
    "learner is not set": (replace(algorithm, learner=None), "learner", "None", "a function"),
    "learner raises": (replace(algorithm, learner=raises), "learner raised KeyError: 'missing'"),
    "learner hangs": (replace(algorithm, learner=hang), "learner has been running for"),
    "no actor": (replace(algorithm, actor=lambda *_: None), "actor gave None instead of an Actor"),
    "actor raises": (replace(algorithm, actor=raises), "actor raised KeyError: 'missing'"),
    "actor hangs": (replace(algorithm, actor=hang), "actor has been running for"),
    "space is refused without a sentence": (
        replace(algorithm, learner=lambda *_: (_ for _ in ()).throw(SpaceError(""))),
        "learner raised SpaceError",
    ),
}

ACTORS = {
    "act gives nothing": (acts(lambda a, own: None), "Actor.act gave None instead of a pair"),
    "act gives actions alone": (acts(lambda a, own: a), "Actor.act gave an array", "instead of a pair"),
    "act gives a list": (acts(lambda a, own: (a.tolist(), own)), "Actor.act gave", "list", "int64 (2,)"),
    "act gives int32": (acts(lambda a, own: (a.astype(np.int32), own)), ACT, "int32 (2,)", "int64 (2,)"),
    "act gives one row": (acts(lambda a, own: (a[:1], own)), ACT, "int64 (1,)", "int64 (2,)"),
    "act gives columns": (acts(lambda a, own: (a[:, None], own)), ACT, "int64 (2, 1)", "int64 (2,)"),
    "first action is beyond the space": (
        actor(act=lambda self, o, m, s: (np.full(len(s), 2), {})),
        "Actor.act gave actions [2, 2] instead of ones of Discrete(n=2)",
    ),
    "later action is beyond the space": (acts(lambda a, own: (a + 5, own)), ACT, "action", "5"),
    "act raises": (acts(raises), "Actor.act raised KeyError: 'missing'"),
    "act hangs": (acts(hang), "Actor.act has been running for"),
    "act changes its observations": (replace(algorithm, actor=Spoiling), ACT, "observation", "unchanged"),
    "act reuses its actions": (replace(algorithm, actor=Reusing), ACT, "action", "new arrays"),
    "own column is missing": (columns(VALUE), ACT, "[]", "['value']"),
    "own column is not declared": (
        columns({}, value=lambda n: np.zeros(n, np.float32)), ACT, "['value']", "[]",
    ),
    "own column of another dtype": (columns(VALUE, value=np.zeros), ACT, "float64 (2,) for value", "float32 (2,)"),
    "own column of another shape": (
        columns(VALUE, value=lambda n: np.zeros((n, 3), np.float32)), ACT, "float32 (2, 3)", "float32 (2,)",
    ),
    "own column of another length": (
        columns(VALUE, value=lambda n: np.zeros(n + 1, np.float32)), ACT, "float32 (3,)", "float32 (2,)",
    ),
    "own column that is not finite": (
        columns(VALUE, value=lambda n: np.full(n, np.nan, np.float32)), ACT, "nan", "finite",
    ),
    "own column beyond its bounds": (
        columns({"value": ArraySpec((), "float32", 0, 1)}, value=lambda n: np.full(n, 7, np.float32)),
        ACT, "7", "1",
    ),
    "load raises": (actor(load=raises), "Actor.load raised KeyError: 'missing'"),
    "load hangs": (actor(load=hang), "Actor.load has been running for"),
    "actor's metrics are a list": (actor(metrics=[0.1]), "Actor.metrics gave", "list", "numbers by name"),
    "actor's metrics are text": (actor(metrics={"epsilon": "0.1"}), "Actor.metrics gave '0.1' for 'epsilon'"),
    "actor's metrics are not finite": (
        actor(metrics={"epsilon": float("nan")}), "Actor.metrics gave nan for 'epsilon'", "finite",
    ),
    "actor's metrics raise": (actor(metrics=raises), "Actor.metrics raised KeyError: 'missing'"),
    "actor's index raises": (actor(index_assigned=raises), "Actor.index_assigned raised KeyError: 'missing'"),
}  # fmt: skip

NAN = float("nan")
LEARNERS = {
    "add raises": (learner(add=raises), "Learner.add raised KeyError: 'missing'"),
    "add hangs": (learner(add=hang), "Learner.add has been running for"),
    "update gives nothing": (learner(update=None), "Learner.update gave None instead of numbers by name"),
    "update gives a number": (learner(update=0.5), "Learner.update gave 0.5 instead of numbers by name"),
    "update gives text": (learner(update={"loss": "0.5"}), "Learner.update gave '0.5' for 'loss' instead of a number"),
    "update gives an array": (learner(update={"loss": np.zeros(3)}), "Learner.update gave an array", "'loss'"),
    "update names by number": (learner(update={1: 0.5}), "Learner.update gave 0.5 for 1 instead of a number by name"),
    "update gives nan": (learner(update={"loss": NAN}), "Learner.update gave nan for 'loss'", "finite"),
    "update gives infinity": (learner(update={"loss": np.inf}), "Learner.update gave inf for 'loss'", "finite"),
    "update raises": (learner(update=raises), "Learner.update raised KeyError: 'missing'"),
    "update raises later": (
        learner(update=later(LinearLearner.update, raises)), "Learner.update raised KeyError: 'missing'",
    ),
    "update hangs": (learner(update=hang), "Learner.update has been running for"),
    "weights are a list": (learner(weights=[np.zeros(3)]), "Learner.weights gave", "list", "arrays by name"),
    "weights of lists": (learner(weights={"q": [1.0]}), "Learner.weights gave", "list as 'q'", "array of numbers"),
    "weights of objects": (learner(weights={"q": np.array([None])}), "Learner.weights gave", "object (1,) as 'q'"),
    "weights change their names": (
        learner(weights=later(LinearLearner.weights, lambda self: {"other": np.zeros(3)})),
        "Learner.weights gave other arrays than before", "other", "same forms",
    ),
    "weights change their shapes": (
        learner(weights=later(LinearLearner.weights, lambda self: {**LinearLearner.weights(self), "q": np.zeros(3)})),
        "Learner.weights gave other arrays than before (q)", "same forms",
    ),
    "weights are not finite": (
        learner(weights=later(
            LinearLearner.weights, lambda self: {n: a * NAN for n, a in LinearLearner.weights(self).items()}
        )),
        "Learner.weights", "nan", "finite",
    ),
    "weights are no snapshot": (replace(algorithm, learner=Aliasing), "Learner.weights", "'q'", "snapshot"),
    "weights raise": (learner(weights=raises), "Learner.weights raised KeyError: 'missing'"),
    "weights hang": (learner(weights=hang), "Learner.weights has been running for"),
    "evaluation weights of other names": (
        learner(evaluation_weights=lambda self: {"other": np.zeros(3)}), "Learner.evaluation_weights gave", "other",
    ),
    "save gives a mapping": (learner(save={}), "Learner.save gave", "dict", "a State"),
    "save gives numpy values": (
        learner(save=State({}, {"n": np.int64(1)})), "Learner.save gave values that JSON does not have",
    ),
    "save gives nan": (learner(save=State({}, {"n": NAN})), "Learner.save gave values that JSON does not have"),
    "save gives lists of numbers": (
        learner(save=State({"model": {"q": [1]}}, {})), "Learner.save", "list as 'q'", "an array of numbers",
    ),
    "save raises": (learner(save=raises), "Learner.save raised KeyError: 'missing'"),
    "save hangs": (learner(save=hang), "Learner.save has been running for"),
    "ready gives a number": (learner(ready=1), "Learner.ready gave 1 instead of True, False or None"),
    "ready raises": (learner(ready=raises), "Learner.ready raised KeyError: 'missing'"),
    "ready hangs": (learner(ready=hang), "Learner.ready has been running for"),
    "never ready": (learner(ready=False), "Learner.ready gave False", "rows"),
    "always ready": (learner(ready=True, update={"loss": 0.5}), "Learner.ready gave True", "new rows"),
    "quota of nothing": (learner(quota=0), "Learner.quota gave 0 instead of a whole number above 0, or None"),
    "quota of a float": (learner(quota=8.0), "Learner.quota gave 8.0 instead of a whole number above 0, or None"),
    "quota that makes no update": (learner(quota=2), "Learner.quota", "2", "rows"),
    "quota raises": (learner(quota=raises), "Learner.quota raised KeyError: 'missing'"),
    "finished with a flag": (learner(finished=True), "Learner.finished gave True instead of a reason or None"),
    "finished raises": (learner(finished=raises), "Learner.finished raised KeyError: 'missing'"),
    "started raises": (learner(started=raises), "Learner.started raised KeyError: 'missing'"),
    "updated raises": (learner(updated=raises), "Learner.updated raised KeyError: 'missing'"),
    "clients_changed raises": (
        learner(clients_changed=raises), "Learner.clients_changed raised KeyError: 'missing'",
    ),
    "stopped raises": (learner(stopped=raises), "Learner.stopped raised KeyError: 'missing'"),
    "stopped hangs": (learner(stopped=hang), "Learner.stopped has been running for"),
}  # fmt: skip

RESUMED = {
    "load raises": (learner(load=raises), "Learner.load raised KeyError: 'missing'"),
    "load hangs": (learner(load=hang), "Learner.load has been running for"),
    "load leaves other weights": (
        learner(load=lambda self, state: setattr(self, "_model", {"q": np.zeros(3)})),
        "Learner.weights gave other arrays than before", "q",
    ),
}  # fmt: skip
"""Mistakes that a second start shows, which resumes."""

MISTAKES = {**SYNC_AND_COLUMNS, **MAKERS, **ACTORS, **LEARNERS}

HARMLESS = {
    "numpy scalars in a report": learner(update={"loss": np.float32(1), "n": np.int64(2), "done": np.bool_(True)}),
    "numpy scalars in an actor's metrics": actor(metrics={"epsilon": np.float32(0.1)}),
    "arrays of one number in a report": learner(update={"loss": np.array(0.5, np.float32)}),
}
