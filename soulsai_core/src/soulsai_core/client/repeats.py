"""Notices an environment that fails in the same way again and again."""

from __future__ import annotations

from soulsai_core.errors import EnvironmentFailure, EnvironmentRaised, PluginError

MOST_REPEATS = 10
"""Times that the same error may come, with restarts and without the end of an episode in between: about five minutes,
since the pauses grow."""


class Repeats:
    """Counts how often in a row the same error was raised in an environment."""

    def __init__(self) -> None:
        self._sentence = ""
        self._times = 0

    def note(self, failure: EnvironmentFailure, *, progress: bool) -> None:
        """Count a failure. Raises PluginError if it has come too often. A failure that the environment reports itself,
        such as a game that does not run, may take any time to pass, and is not counted.

        Args:
            progress: an episode ended since the last failure.
        """
        sentence = str(failure) if isinstance(failure, EnvironmentRaised) else ""
        is_repeated = bool(sentence) and sentence == self._sentence and not progress
        self._times = self._times + 1 if is_repeated else 1
        self._sentence = sentence
        if is_repeated and self._times >= MOST_REPEATS:
            raise PluginError(
                f"{sentence} This came {self._times} times in a row, although the environment was started anew each "
                "time, so it is not tried again."
            ) from failure
