"""The wall around actors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from soulsai_core.contracts import Actor
from soulsai_core.errors import SoulsAIError
from soulsai_core.messages import Arrays, ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete, Weights
from soulsai_core.plugins.wall.sentences import Flaw, Wall, array_flaw, described, rows_flaw

_ACT = "Actor.act"


class WalledActor(Actor):
    """An actor whose answers are looked at: in full after each `load`, and their forms at each call.

    Args:
        own: the own columns that its plugin declares.
    """

    def __init__(self, actor: Actor, wall: Wall, spec: EnvSpec, own: Mapping[str, ArraySpec]) -> None:
        self._actor = actor
        self._wall = wall
        self._act = actor.act
        self.running = wall.running
        self._space = spec.action
        self._own = own
        self._row, self._dtype = _action_form(self._space)
        self._rows = -1  # of the last answer that was looked at in full
        self._shape: tuple[int, ...] = ()
        self._forms: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}

    def load(self, weights: Weights) -> None:
        self._rows = -1
        self._wall.call("Actor.load", self._actor.load, weights)

    def prepare(self, weights: Weights) -> None:
        self._wall.call("Actor.prepare", self._actor.prepare, weights)

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        running = self.running
        running.now = (_ACT, running.clock())
        try:
            answer = self._act(observations, masks, starts)
        except SoulsAIError:
            raise
        except Exception as error:
            raise self._wall.raised(_ACT, error) from error
        finally:
            running.now = None
        if len(starts) != self._rows or not self._has_same_form(answer):
            self._look(answer, len(starts))
        return answer

    def _has_same_form(self, answer: Any) -> bool:
        """As the last answer that was looked at in full had, and no sparse columns: true nearly always, and quick."""
        try:
            actions, own = answer
            if actions.dtype is not self._dtype or actions.shape != self._shape or len(own) != len(self._forms):
                return False
            for name, (dtype, shape) in self._forms.items():
                column = own[name]
                if column.dtype is not dtype or column.shape != shape:
                    return False
        except (TypeError, ValueError, AttributeError, KeyError):
            return False
        return True

    def _look(self, answer: Any, rows: int) -> None:
        flaw = self._flaw(answer, rows)
        if flaw is not None:
            raise self._wall.broken(_ACT, *flaw)
        self._rows = rows
        self._shape = (rows, *self._row)
        dense = {name: part for name, part in self._own.items() if not part.sparse}
        self._forms = {name: (np.dtype(part.dtype), (rows, *part.shape)) for name, part in dense.items()}

    def _flaw(self, answer: Any, rows: int) -> Flaw | None:
        if not isinstance(answer, tuple) or len(answer) != 2:
            return described(answer), "a pair of actions and own columns"
        actions, own = answer
        flaw = array_flaw("actions", actions, self._dtype, (rows, *self._row))
        if flaw is not None:
            return flaw
        if not _inside(actions, self._space):
            return f"actions {actions.tolist()}", f"ones of {self._space}"
        given = own if isinstance(own, Mapping) else {}
        expected = {name: part for name, part in self._own.items() if not part.sparse or name in given}
        return rows_flaw(own, expected, (rows,), "own columns")

    def placed(self, place: int) -> None:
        self._wall.call("Actor.placed", self._actor.placed, place)

    def metrics(self) -> dict[str, float]:
        return self._wall.numbers("Actor.metrics", self._actor.metrics)


def _action_form(action: Discrete | MultiDiscrete | Continuous) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape of one row and dtype of actions, as actors give them."""
    match action:
        case Discrete():
            return (), np.dtype(np.int64)
        case MultiDiscrete(nvec=nvec):
            return (len(nvec),), np.dtype(np.int64)
        case Continuous(shape=shape):
            return shape, np.dtype(np.float32)


def _inside(actions: np.ndarray, action: Discrete | MultiDiscrete | Continuous) -> bool:
    flat = actions.reshape(len(actions), -1)
    match action:
        case Discrete(n=n):
            return bool(((flat >= 0) & (flat < n)).all())
        case MultiDiscrete(nvec=nvec):
            return bool(((flat >= 0) & (flat < np.array(nvec))).all())
        case Continuous(low=low, high=high):
            lows, highs = np.array([low, high], np.float32)  # None becomes NaN
            beyond = (flat < lows) | (flat > highs)
            return bool((np.isfinite(flat) & ~beyond).all())
