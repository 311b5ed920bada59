"""When the learner makes its next iteration."""

from __future__ import annotations


class UpdatePace:
    """Counts admitted rows: an update is due for every `rows_per_iteration` of them.

    Args:
        catch_up: updates that are owed and made together with each due one, on average; 0: none is ever made.

    Attributes:
        rows: admitted, and not yet used for an update.
        owed: rows from before a crash, or from an outage, for which no update was made yet.
    """

    def __init__(self, rows_per_iteration: int, rows: int = 0, catch_up: float = 0.0) -> None:
        self.rows = rows
        self.owed = 0
        self._rows_per_iteration = rows_per_iteration
        self._catch_up = catch_up
        self._credit = 0.0

    def admitted(self, rows: int, *, after_outage: bool = False) -> None:
        """Count rows that were given to the learner. Those that waited elsewhere during an outage come all at once: if
        all of their updates were made at once, too, what clients make meanwhile would be stale."""
        if after_outage:
            self.owed += rows
        else:
            self.rows += rows

    def due(self, ready: bool | None) -> bool:
        """Whether an update is due. If it is, it must be made: its rows are subtracted.

        Args:
            ready: the answer of `Learner.ready`. A learner that gives one decides by itself, and rows do not add up.
        """
        if ready is None and self.rows >= self._rows_per_iteration:
            self.rows -= self._rows_per_iteration
            return True
        if ready is not None:
            self.rows = 0
            self.owed = 0
        return ready is True

    def owed_updates(self) -> int:
        """Updates to make together with the one that is due: the model keeps pace with the clients, whose rows would
        be too old if all were made at once. Their rows are subtracted."""
        if self.owed < self._rows_per_iteration:
            return 0
        self._credit += self._catch_up
        updates = min(int(self._credit), self.owed // self._rows_per_iteration)
        self._credit -= updates
        self.owed -= updates * self._rows_per_iteration
        return updates

    def take_owed(self) -> bool:
        """Whether an update that is owed may be made in time that is left. If so, it must be made: its rows are
        subtracted."""
        if self._catch_up == 0 or self.owed < self._rows_per_iteration:
            return False
        self.owed -= self._rows_per_iteration
        return True
