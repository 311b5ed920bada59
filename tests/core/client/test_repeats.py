"""An environment that fails in the same way again and again is given up; others are not."""

import pytest

from soulsai_core.client.repeats import MOST_REPEATS, Repeats
from soulsai_core.errors import EnvironmentFailure, EnvironmentNotReady, EnvironmentRaised, PluginError

MISTAKE = EnvironmentRaised("The environment 'mine' of acme 1.2 has a mistake: Environment.step raised KeyError: 'x'.")


def test_same_error_many_times_in_a_row_is_not_tried_again():
    repeats = Repeats()
    for _ in range(MOST_REPEATS - 1):
        repeats.note(MISTAKE, progress=False)
    with pytest.raises(PluginError, match=r"raised KeyError: 'x'\. This came 10 times in a row"):
        repeats.note(MISTAKE, progress=False)


@pytest.mark.parametrize(
    "failures",
    [
        [EnvironmentFailure("The game is gone.")],
        [EnvironmentNotReady("The game hangs.")],
        [MISTAKE, EnvironmentRaised("Another one.")],
        [MISTAKE] * (MOST_REPEATS - 1) + [EnvironmentFailure("The game is gone.")],
    ],
)
def test_other_failures_are_tried_for_ever(failures):
    repeats = Repeats()
    for _ in range(3 * MOST_REPEATS):
        for failure in failures:
            repeats.note(failure, progress=False)


def test_end_of_an_episode_begins_the_count_anew():
    repeats = Repeats()
    for number in range(5 * MOST_REPEATS):
        repeats.note(MISTAKE, progress=number % (MOST_REPEATS - 1) == 0)
