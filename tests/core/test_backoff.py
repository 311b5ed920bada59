"""Waits before trying again."""

import random
from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from soulsai_core.backoff import delays


class Fixed(random.Random):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def random(self):
        return self.value


def test_without_jitter_waits_double_up_to_the_longest():
    assert list(islice(delays(Fixed(0.0), first=1.0, longest=10.0), 6)) == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_jitter_takes_away_at_most_half():
    assert list(islice(delays(Fixed(1.0), first=1.0, longest=10.0), 3)) == [0.5, 1.0, 2.0]


@given(st.randoms(use_true_random=False), st.floats(0.01, 5), st.floats(1, 4), st.floats(5, 100))
def test_every_wait_lies_between_half_and_all_of_the_exponential(rng, first, factor, longest):
    for turn, pause in enumerate(islice(delays(rng, first, factor, longest), 20)):
        bound = min(first * factor**turn, longest)
        assert bound / 2 - 1e-9 <= pause <= bound + 1e-9


def test_clients_with_different_generators_do_not_come_back_in_step():
    waits = [next(delays(random.Random(seed))) for seed in range(20)]
    assert all(a != b for a, b in pairwise(sorted(waits)))
