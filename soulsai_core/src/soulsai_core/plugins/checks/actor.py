"""Checks what an actor returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel

from soulsai_core.contracts import Actor
from soulsai_core.messages import Arrays, ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete, Weights
from soulsai_core.plugins.checks.checker import Checker, Flaw, array_flaw, described, rows_flaw, values_flaw
from soulsai_core.plugins.checks.reuse import CLOSE_LOOKS, Kept

_ACT = "Actor.act"


class CheckedActor(Actor):
    """An actor whose results are checked: in full at first and after each `load`, by shape and dtype at each call.

    Args:
        own: the own columns that its plugin declares.
    """

    # `act` runs between two steps of an environment, so the usual case takes a few attribute lookups only.

    def __init__(self, actor: Actor, checker: Checker, spec: EnvSpec, own: Mapping[str, ArraySpec]) -> None:
        self._actor = actor
        self._checker = checker
        self._act = actor.act
        self._running = checker.running
        self._space = spec.action
        self._own = own
        self._row, self._dtype = _action_form(self._space)
        self._rows = -1  # of the last result that was checked in full
        self._shape: tuple[int, ...] = ()
        self._forms: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        self._close_looks = CLOSE_LOOKS
        self._given = Kept()
        self._result = Kept()

    def load(self, weights: Weights) -> None:
        self._rows = -1
        self._checker.call("Actor.load", self._actor.load, weights)

    def fits(self, weights: Weights, observations: Arrays, masks: np.ndarray | None) -> bool:
        """Whether it takes these weights and acts with them, where it is no mistake of the plugin if it does not."""
        try:
            self._actor.load(weights)
            result = self._act(observations, masks, np.ones(1, np.bool_))
        except Exception:
            return False
        return self._flaw(result, 1, masks) is None

    def prepare(self, weights: Weights) -> None:
        self._checker.call("Actor.prepare", self._actor.prepare, weights)

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        if self._close_looks:
            self._given.keep(observations)
        running = self._running
        running.now = (_ACT, running.clock())
        try:
            result = self._act(observations, masks, starts)
        except Exception as error:
            problem = self._checker.problem(_ACT, error)
            if problem is error:
                raise
            raise problem from error
        finally:
            running.now = None
        if self._close_looks or len(starts) != self._rows or not self._has_same_forms(result):
            self._check(result, len(starts), masks)
        return result

    def _has_same_forms(self, result: Any) -> bool:
        """Whether dtypes and shapes are those of the last result that was checked in full, without sparse columns.

        True nearly always, and fast.
        """
        try:
            actions, own = result
            # dtypes by `is`: numpy has one object for each of the built-in ones.
            if actions.dtype is not self._dtype or actions.shape != self._shape or len(own) != len(self._forms):
                return False
            for name, (dtype, shape) in self._forms.items():
                column = own[name]
                if column.dtype is not dtype or column.shape != shape:
                    return False
        except (TypeError, ValueError, AttributeError, KeyError):
            return False
        return True

    def _check(self, result: Any, rows: int, masks: np.ndarray | None) -> None:
        flaw = self._flaw(result, rows, masks)
        if flaw is not None:
            raise self._checker.broken(_ACT, *flaw)
        self._rows = rows
        self._shape = (rows, *self._row)
        dense = {name: part for name, part in self._own.items() if not part.sparse}
        self._forms = {name: (np.dtype(part.dtype), (rows, *part.shape)) for name, part in dense.items()}
        if self._close_looks:
            self._look_closely(*result)

    def _look_closely(self, actions: np.ndarray, own: Arrays) -> None:
        """Find out whether anything was changed that others still need."""
        name = self._given.changed()
        if name is not None:
            raise self._checker.broken(_ACT, f"a changed {name!r} back", "leaving its observations unchanged")
        name = self._result.changed()
        if name is not None:
            raise self._checker.broken(_ACT, f"the array of an earlier call again, as {name!r}", "new arrays each time")
        self._close_looks -= 1
        if self._close_looks:
            self._result.keep({**own, "action": actions})
        else:
            self._given.forget()
            self._result.forget()

    def _flaw(self, result: Any, rows: int, masks: np.ndarray | None) -> Flaw | None:
        if not isinstance(result, tuple) or len(result) != 2:
            return described(result), "a pair of actions and own columns"
        actions, own = result
        flaw = array_flaw("actions", actions, self._dtype, (rows, *self._row))
        if flaw is not None:
            return flaw
        if not _inside(actions, self._space):
            return f"actions {actions.tolist()}", f"ones of {self._space}"
        if masks is not None and not _valid(actions, masks):
            return f"actions {actions.tolist()}", f"valid ones by the masks {masks.astype(int).tolist()}"
        given = own if isinstance(own, Mapping) else {}
        expected = {name: part for name, part in self._own.items() if not part.sparse or name in given}
        return rows_flaw(own, expected, (rows,), "own columns") or values_flaw(given, expected)

    def change(self, config: BaseModel) -> None:
        self._checker.call("Actor.change", self._actor.change, config)

    def index_assigned(self, index: int) -> None:
        self._checker.call("Actor.index_assigned", self._actor.index_assigned, index)

    def metrics(self) -> dict[str, float]:
        return self._checker.finite_numbers("Actor.metrics", self._checker.call("Actor.metrics", self._actor.metrics))


def _action_form(action: Discrete | MultiDiscrete | Continuous) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape of one row and dtype of the actions that an actor must return."""
    match action:
        case Discrete():
            return (), np.dtype(np.int64)
        case MultiDiscrete(nvec=nvec):
            return (len(nvec),), np.dtype(np.int64)
        case Continuous(shape=shape):
            return shape, np.dtype(np.float32)


def _valid(actions: np.ndarray, masks: np.ndarray) -> bool:
    """Whether all actions are valid; where no action is, all count as valid."""
    if actions.ndim != 1:
        return True
    return bool((masks[np.arange(len(actions)), actions] | ~masks.any(axis=1)).all())


def _inside(actions: np.ndarray, action: Discrete | MultiDiscrete | Continuous) -> bool:
    """Whether all actions are in the space."""
    flat = actions.reshape(len(actions), -1)
    match action:
        case Discrete(n=n):
            return bool(((flat >= 0) & (flat < n)).all())
        case MultiDiscrete(nvec=nvec):
            return bool(((flat >= 0) & (flat < np.array(nvec))).all())
        case Continuous(low=low, high=high):
            # A missing bound, None, becomes NaN, and no comparison with NaN is true.
            lows, highs = np.array([low, high], np.float32)
            beyond = (flat < lows) | (flat > highs)
            return bool((np.isfinite(flat) & ~beyond).all())
