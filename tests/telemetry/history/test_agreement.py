"""No single contributor decides which model is the best."""

import pytest

from soulsai_telemetry.history.agreement import Agreement


def score(*groups, mode="max", window=10):
    """(client, value, number of episodes) each, all at the same time."""
    agreement = Agreement(window, mode)
    for client, value, count in groups:
        for _ in range(count):
            agreement.add(client, value, 1000.0)
    return agreement.score


def test_one_contributor_or_the_hosts_own_clients_alone_decide():
    assert score(("bob@pc", 5.0, 10)) == 5.0
    assert score(("pc-1", 5.0, 10), ("pc-2", 7.0, 10)) == 7.0


@pytest.mark.parametrize("invented", [999_999.0, -999_999.0])
def test_one_of_three_cannot_move_the_score_beyond_the_others(invented):
    assert 5.0 <= score(("alice@a", 5.0, 10), ("pc-1", 6.0, 10), ("mallory@x", invented, 10_000)) <= 6.0


def test_one_of_two_cannot_raise_the_score():
    assert score(("alice@a", 5.0, 10), ("mallory@x", 999_999.0, 10_000)) == 5.0
    assert score(("alice@a", 5.0, 10), ("mallory@x", -999_999.0, 100), mode="min") == 5.0


def test_many_clients_of_one_contributor_have_one_voice():
    several = [(f"mallory@{number}", 999.0, 10) for number in range(9)]
    assert score(("alice@a", 5.0, 10), ("bob@b", 6.0, 10), *several) == 6.0


def test_mean_of_few_episodes_does_not_count():
    assert score(("alice@a", 5.0, 10), ("mallory@x", -9.0, 1)) == 5.0


def test_contributor_that_left_no_longer_counts():
    agreement = Agreement(2, "max")
    agreement.add("bob@b", 1.0, 1000.0)
    agreement.add("alice@a", 5.0, 1000.0)
    assert agreement.score == 1.0
    agreement.add("alice@a", 5.0, 1700.0)
    assert agreement.score == 5.0
