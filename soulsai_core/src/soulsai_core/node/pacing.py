"""When the learner makes its next iteration."""

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
        """Count rows that were given to the learner."""
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
        return ready is True
