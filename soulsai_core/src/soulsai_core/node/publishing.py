"""What the training node tells its clients: each model, and its progress whenever that may unblock somebody."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import numpy as np

from soulsai_core.contracts import Sync
from soulsai_core.errors import SoulsAIError
from soulsai_core.messages import Progress, Weights
from soulsai_core.node.freshness import SampleAge
from soulsai_core.node.ledger import Ledger
from soulsai_core.node.publisher import PublishingThread
from soulsai_core.node.roster import Roster

_INTERVAL = 2.0


class Publishing:
    """Composes what the publisher sends. Called in the loop's thread only.

    Args:
        run_id: the training's name.
        ledger, age, roster: what was taken in, how old it was, and how many clients share the window.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        run_id: str,
        sync: Sync,
        publisher: PublishingThread,
        ledger: Ledger,
        age: SampleAge,
        roster: Roster,
        clock: Callable[[], float],
    ) -> None:
        self._run_id = run_id
        self._sync = sync
        self._publisher = publisher
        self._ledger = ledger
        self._age = age
        self._roster = roster
        self._clock = clock
        self._node = _new_name()
        self._untold = False
        self._senders: set[str] = set()
        self._next = clock()

    def tell_model(self, weights: Weights) -> None:
        """Publish a model. Raises SoulsAIError if it is not finite, so that no client ever plays with it."""
        for name, array in weights.arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise SoulsAIError(f"Learning diverged: {name} is no longer finite at iteration {weights.iteration}.")
        self._publisher.offer(weights, self._progress("running", weights.iteration, weights.env_steps))
        self._told()

    def something_changed(self) -> None:
        """Samples were taken in, or clients came or went: progress is due once there is nothing better to do."""
        self._untold = True

    def heard_from(self, client: str) -> None:
        """Samples of this client were taken in: it shares the window, even before the roster knows it."""
        self._senders.add(client)

    def clients_changed(self, present: frozenset[str]) -> None:
        """Only these clients are there."""
        self._senders &= present
        self._untold = True

    def tell_if_due(self, iteration: int, env_steps: int) -> None:
        """Publish the progress if it has changed, and every now and then: by what is never acknowledged clients see
        what was lost on its way."""
        if self._untold or self._clock() >= self._next:
            self._publisher.offer_progress(self._progress("running", iteration, env_steps))
            self._told()

    def update_begins(self, iteration: int, env_steps: int) -> None:
        """Several clients, who have less under way, play on while the learner learns."""
        if self._clients > 1:
            self.tell_if_due(iteration, env_steps)

    def start_over(self, iteration: int, env_steps: int) -> None:
        """The server has lost its memory, and with it samples that were on their way: acknowledgements begin afresh."""
        self._node = _new_name()
        self._publisher.offer_progress(self._progress("running", iteration, env_steps))

    def dismiss(self, iteration: int, env_steps: int) -> None:
        """Tell the clients to leave."""
        self._publisher.offer_progress(self._progress("stopping", iteration, env_steps))

    def _told(self) -> None:
        self._untold = False
        self._next = self._clock() + _INTERVAL

    def _progress(self, state: str, iteration: int, env_steps: int) -> Progress:
        return Progress(
            run_id=self._run_id,
            node=self._node,
            state=state,
            iteration=iteration,
            env_steps=env_steps,
            window=max(self._rows_under_way() // self._clients, self._least_window),
            acked=self._ledger.acked(),
            places=self._roster.places,
        )

    @property
    def _clients(self) -> int:
        return max(len(self._senders | self._roster.present.keys()), self._sync.required_clients, 1)

    @property
    def _least_window(self) -> int:
        """With very many clients each has a row or two. With two it need not wait for an acknowledgement after each
        step; that is worth it while rows arrive young, as those of games do, whose steps take longer than the way."""
        return 2 if 2 * self._age.iterations < self._sync.max_staleness else 1

    def _rows_under_way(self) -> int:
        """One client's rows arrive in order; those of several overtake each other, which takes half of what is fresh.

        Where iterations wait for clients, these stop by themselves after each: there is room for two, so that one
        which was lost on its way does not keep a client from playing the next."""
        if self._sync.required_clients:
            return 2 * self._sync.rows_per_iteration
        iterations = (self._sync.max_staleness - 1) // (1 if self._clients == 1 else 2)
        return max(iterations, 1) * self._sync.rows_per_iteration


def _new_name() -> str:
    return uuid.uuid4().hex[:8]
