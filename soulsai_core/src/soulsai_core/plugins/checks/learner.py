"""Checks what a learner returns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel

from soulsai_core.contracts import Learner, Sync
from soulsai_core.errors import SoulsAIError
from soulsai_core.messages import Arrays, State
from soulsai_core.plugins.checks.checker import Checker, described
from soulsai_core.plugins.checks.reuse import Kept
from soulsai_core.plugins.checks.standstill import Standstill
from soulsai_core.steps import StepBatch

_CLOSE_LOOKS = 4
"""Calls of `weights` that are looked at closely, for which a copy of the model is kept."""


class CheckedLearner(Learner):
    """A learner whose results are checked in full at each call: calls are rare.

    Args:
        sync: of its algorithm.
    """

    def __init__(self, learner: Learner, checker: Checker, sync: Sync) -> None:
        self._learner = learner
        self._checker = checker
        self._forms: dict[str, tuple[str, tuple[int, ...]]] | None = None
        self._standstill = Standstill(checker, sync, checker.running.clock)
        self._close_looks = _CLOSE_LOOKS
        self._given = Kept()

    def add(self, steps: StepBatch, client: str) -> None:
        self._checker.call("Learner.add", self._learner.add, steps, client)
        self._standstill.added(len(steps))

    def change(self, config: BaseModel) -> None:
        self._checker.call("Learner.change", self._learner.change, config)

    def update(self) -> Mapping[str, float]:
        given = self._checker.call("Learner.update", self._learner.update)
        self._standstill.updated()
        # With the numbers that are not finite: the node leaves them out, and names them in its status.
        return self._checker.plain_numbers("Learner.update", given)

    def weights(self) -> Arrays:
        return self._weights("Learner.weights", self._learner.weights)

    def evaluation_weights(self) -> Arrays:
        return self._weights("Learner.evaluation_weights", self._learner.evaluation_weights)

    def _weights(self, method: str, give: Any) -> Arrays:
        weights = self._checker.call(method, give)
        self._expect_arrays(method, weights)
        # Clients and checkpoints rely on names, dtypes and shapes that never change.
        forms = {name: (str(array.dtype), array.shape) for name, array in weights.items()}
        self._forms = self._forms or forms
        if forms != self._forms:
            changed = sorted(dict(forms.items() ^ self._forms.items()))
            raise self._checker.broken(
                method, f"other arrays than before ({', '.join(changed)})", "those of the same forms"
            )
        self._refuse_infinite(method, weights)
        if self._close_looks:
            self._look_closely(method, weights)
        return weights

    def _refuse_infinite(self, method: str, weights: Arrays) -> None:
        for name, array in weights.items():
            # A finite sum of squares shows in a fraction of the time that all numbers are finite.
            if array.dtype.kind == "f" and not np.isfinite(np.vdot(array, array)) and not np.isfinite(array).all():
                number = array[~np.isfinite(array)][0]
                raise SoulsAIError(
                    f"{self._checker.owner} has diverged: {method} gave {number} in {name!r} instead of finite numbers."
                )

    def _look_closely(self, method: str, weights: Arrays) -> None:
        """Find out whether the arrays that were given before have changed since."""
        name = self._given.changed()
        if name is not None:
            raise self._checker.broken(
                method, f"the array of an earlier call again, as {name!r}, changed meanwhile", "a snapshot, a copy"
            )
        self._close_looks -= 1
        if self._close_looks:
            self._given.keep(weights)
        else:
            self._given.forget()

    def save(self) -> State:
        method = "Learner.save"
        state = self._checker.call(method, self._learner.save)
        self._checker.expect(method, state, isinstance(state, State), "a State")
        for part, arrays in state.arrays.items():
            self._expect_arrays(f"{method}, for the part {part!r},", arrays)
        # Here and not when the checkpoint is written, so that the error names the learner.
        try:
            json.dumps(state.values, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise self._checker.broken(method, f"values that JSON does not have ({error})", "plain values") from None
        return state

    def _expect_arrays(self, method: str, arrays: Any) -> None:
        self._checker.expect(method, arrays, isinstance(arrays, Mapping), "arrays by name")
        for name, array in arrays.items():
            if not (isinstance(name, str) and isinstance(array, np.ndarray) and array.dtype.kind in "biuf"):
                raise self._checker.broken(method, f"{described(array)} as {name!r}", "an array of numbers")

    def load(self, state: State) -> None:
        if self._forms is None:
            self.weights()  # whose forms those of the loaded state must have
        self._checker.call("Learner.load", self._learner.load, state)

    def ready(self) -> bool | None:
        ready = self._checker.call("Learner.ready", self._learner.ready)
        self._checker.expect("Learner.ready", ready, ready is None or isinstance(ready, bool), "True, False or None")
        self._standstill.answered(ready)
        return ready

    def use_spare_time(self) -> bool:
        worked = self._checker.call("Learner.use_spare_time", self._learner.use_spare_time)
        self._checker.expect("Learner.use_spare_time", worked, isinstance(worked, bool), "True or False")
        return worked

    def quota(self) -> int | None:
        quota = self._checker.call("Learner.quota", self._learner.quota)
        fits = quota is None or (type(quota) is int and quota > 0)
        self._checker.expect("Learner.quota", quota, fits, "a whole number above 0, or None")
        self._standstill.offered(quota)
        return quota

    def reach(self) -> int:
        reach = self._checker.call("Learner.reach", self._learner.reach)
        self._checker.expect("Learner.reach", reach, type(reach) is int and reach >= 0, "a whole number from 0")
        return reach

    def restore(self, steps: StepBatch, client: str) -> None:
        self._checker.call("Learner.restore", self._learner.restore, steps, client)

    def restored(self, *, complete: bool) -> None:
        self._checker.call("Learner.restored", self._learner.restored, complete=complete)

    def capacity(self) -> int:
        capacity = self._checker.call("Learner.capacity", self._learner.capacity)
        self._checker.expect(
            "Learner.capacity", capacity, type(capacity) is int and capacity >= 0, "a whole number from 0"
        )
        return capacity

    def begin_with(self, steps: StepBatch, client: str) -> None:
        self._checker.call("Learner.begin_with", self._learner.begin_with, steps, client)

    def started(self, *, resumed: bool) -> None:
        self._checker.call("Learner.started", self._learner.started, resumed=resumed)

    def updated(self, iteration: int) -> None:
        self._checker.call("Learner.updated", self._learner.updated, iteration)

    def clients_changed(self, clients: frozenset[str]) -> None:
        self._checker.call("Learner.clients_changed", self._learner.clients_changed, clients)
        self._standstill.clients_changed(len(clients))

    def waits_for(self) -> tuple[str, ...]:
        names = self._checker.call("Learner.waits_for", self._learner.waits_for)
        fits = isinstance(names, tuple) and all(isinstance(name, str) for name in names)
        self._checker.expect("Learner.waits_for", names, fits, "a tuple of the names of clients")
        return names

    def finished(self) -> str | None:
        reason = self._checker.call("Learner.finished", self._learner.finished)
        self._checker.expect("Learner.finished", reason, reason is None or isinstance(reason, str), "a reason or None")
        return reason

    def stopped(self) -> None:
        self._checker.call("Learner.stopped", self._learner.stopped)
