"""When the learner shall make its next iteration."""

from __future__ import annotations


class UpdatePace:
    """Counts admitted rows: an update is due for every `rows_per_iteration` of them.

    Attributes:
        rows: admitted, and not yet used for an update.
    """

    def __init__(self, rows_per_iteration: int, rows: int = 0) -> None:
        self.rows = rows
        self._rows_per_iteration = rows_per_iteration

    def admitted(self, rows: int) -> None:
        """So many rows were given to the learner."""
        self.rows += rows

    def due(self, ready: bool | None) -> bool:
        """Whether an update is due, for the answer of `Learner.ready`: a learner that answers is asked instead of the
        count, and while it says no nothing accumulates. An update that is due must be made."""
        if ready is None and self.rows >= self._rows_per_iteration:
            self.rows -= self._rows_per_iteration
            return True
        if ready is not None:
            self.rows = 0
        return ready is True
