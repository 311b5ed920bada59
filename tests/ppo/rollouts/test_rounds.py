"""Rounds come to an end, whatever happens to messages and clients."""

from dataclasses import replace

import numpy as np
import pytest

from soulsai_core import ITERATION, Closed
from soulsai_ppo.rollouts.rounds import Rounds

TIMEOUT = 30


@pytest.fixture
def rounds_of(clock):
    def make(needed=2, present=("a", "b")):
        rounds = Rounds(needed, TIMEOUT, clock, max_rows=1000)
        rounds.clients_changed(frozenset(present))
        rounds.begin()
        return rounds

    return make


@pytest.fixture
def play(make_rollout, pieces):
    """Send a client's rollout of an iteration, or only some of its messages."""

    def send(rounds, client, iteration=0, which=(0, 1), rows=8):
        rollout = make_rollout(iteration, rows)
        for index in which:
            rounds.add(pieces(rollout, rows // 2)[index], client)
        return rollout

    return send


def test_round_is_complete_when_all_expected_rollouts_are(rounds_of, play):
    rounds = rounds_of()
    play(rounds, "a")
    assert not rounds.complete
    play(rounds, "b", which=(0,))
    assert not rounds.complete
    play(rounds, "b")
    assert rounds.complete and list(rounds.take()) == ["a", "b"]


def test_taken_rollouts_are_removed(rounds_of, play):
    rounds = rounds_of()
    for client in ("a", "b"):
        play(rounds, client)
    rounds.take()
    rounds.begin()
    assert not rounds.complete and rounds.completed == 0
    play(rounds, "a", iteration=1)
    assert not rounds.complete


def test_late_rows_of_an_older_iteration_are_ignored(rounds_of, play):
    rounds = rounds_of()
    play(rounds, "a", iteration=5)
    play(rounds, "b", iteration=4)
    assert rounds.completed == 1


def test_message_with_rows_of_two_iterations_gives_the_newer_ones(rounds_of, make_rollout):
    rounds = rounds_of(needed=1, present=("a",))
    rollout = make_rollout(iteration=3, rows=8)
    rollout.segments[:1, ITERATION] = 2
    older = int(rollout.segments[0, 2])
    rounds.add(replace(rollout, closed=Closed(3, 8)), "a")
    assert rounds.completed == 0
    rounds.begin()
    rounds.add(replace(rollout, closed=Closed(3, 8 - older)), "a")
    assert rounds.completed == 1 and np.count_nonzero(rounds.take()["a"]["learned"]) == 8 - older


def test_rollout_without_rows_is_complete(rounds_of, make_rollout, play):
    rounds = rounds_of()
    rollout = make_rollout(rows=4)
    nothing = rollout.select(np.zeros(len(rollout.segments), np.bool_))
    rounds.add(replace(nothing, closed=Closed(0, 0)), "a")
    assert rounds.completed == 1
    play(rounds, "b")
    taken = rounds.take()
    assert [np.count_nonzero(rows["learned"]) for rows in taken.values()] == [0, 8]


@pytest.mark.parametrize("arrived", [(0,), ()])
def test_lost_end_of_a_rollout_stalls_the_round_until_it_is_restarted(rounds_of, play, clock, arrived):
    rounds = rounds_of()
    play(rounds, "a")
    play(rounds, "b", which=arrived)
    clock.wait(TIMEOUT)
    assert not rounds.stalled
    clock.wait(0.1)
    assert_restarted(rounds, play)


def test_round_is_restarted_at_once_where_the_last_message_shows_that_an_earlier_one_was_lost(rounds_of, play):
    rounds = rounds_of()
    play(rounds, "a")
    play(rounds, "b", which=(1,))
    assert_restarted(rounds, play)


def test_others_may_complete_their_rollouts_before_a_round_is_restarted(rounds_of, play, clock):
    """Then they need not play them again. But they are not waited for once they say nothing."""
    rounds = rounds_of()
    play(rounds, "b", which=(1,))
    play(rounds, "a", which=(0,))
    clock.wait(1)
    assert not rounds.stalled
    clock.wait(0.1)
    assert rounds.stalled
    rounds.begin()
    play(rounds, "b", iteration=1, which=(1,))
    play(rounds, "a", iteration=1)
    assert rounds.stalled and rounds.completed == 1


def test_client_whose_rows_were_lost_is_not_waited_for_where_enough_others_played(rounds_of, play):
    rounds = rounds_of(needed=1)
    play(rounds, "b", which=(1,))
    assert not rounds.complete
    play(rounds, "a")
    assert rounds.complete and list(rounds.take()) == ["a"]


def assert_restarted(rounds, play):
    """The complete rollout of a stays, that of b is played again."""
    assert rounds.stalled and not rounds.complete
    rounds.begin()
    assert not rounds.stalled and rounds.completed == 1
    play(rounds, "b", iteration=1)
    play(rounds, "a", iteration=1)
    assert rounds.complete and sorted(rounds.take()) == ["a", "b"]


def test_rows_that_arrive_keep_a_round_from_stalling(rounds_of, play, clock):
    rounds = rounds_of()
    for which in (0, 1):
        clock.wait(TIMEOUT - 1)
        assert not rounds.stalled
        play(rounds, "a", which=(which,))
    assert not rounds.stalled


def test_complete_rollout_is_replaced_by_a_newer_one_and_not_doubled(rounds_of, play):
    rounds = rounds_of(needed=1, present=("a",))
    play(rounds, "a")
    rounds.begin()
    newer = play(rounds, "a", iteration=1)
    taken = rounds.take()
    assert len(taken) == 1
    rows = taken["a"]
    np.testing.assert_array_equal(rows["reward"][rows["learned"]], newer.columns["reward"])


def test_lost_client_is_waited_for_until_another_one_has_played(rounds_of, play, clock):
    """What `wait` means: as many rollouts as were asked for."""
    rounds = rounds_of()
    play(rounds, "a")
    play(rounds, "b", which=(0,))
    rounds.clients_changed(frozenset({"a"}))
    clock.wait(10 * TIMEOUT)
    assert not rounds.complete and not rounds.stalled and rounds.missing == 1
    rounds.clients_changed(frozenset({"a", "c"}))
    assert not rounds.stalled and rounds.missing == 0
    play(rounds, "c")
    assert rounds.complete and list(rounds.take()) == ["a", "c"]


def test_others_go_on_without_a_lost_client_where_fewer_are_enough(rounds_of, play):
    """What `continue` means."""
    rounds = rounds_of(needed=1)
    play(rounds, "a")
    play(rounds, "b", which=(0,))
    assert not rounds.complete
    rounds.clients_changed(frozenset({"a"}))
    assert rounds.complete and list(rounds.take()) == ["a"]


def test_complete_rollout_of_a_lost_client_still_counts(rounds_of, play):
    rounds = rounds_of()
    play(rounds, "b")
    rounds.clients_changed(frozenset({"a", "c"}))
    play(rounds, "a")
    assert rounds.complete and list(rounds.take()) == ["a", "b"]


def test_lost_client_may_return_with_a_new_rollout(rounds_of, play):
    rounds = rounds_of()
    play(rounds, "b", which=(0,))
    rounds.clients_changed(frozenset({"a"}))
    rounds.clients_changed(frozenset({"a", "b"}))
    play(rounds, "b", which=(1,))
    play(rounds, "a")
    assert not rounds.complete, "the first half was dropped with the client"
    assert_restarted(rounds, play)


def test_new_client_is_waited_for_from_the_next_round_on(rounds_of, play):
    rounds = rounds_of()
    play(rounds, "a")
    rounds.clients_changed(frozenset({"a", "b", "c"}))
    play(rounds, "c", which=(0,))
    play(rounds, "b")
    assert rounds.complete and list(rounds.take()) == ["a", "b"]
    rounds.begin()
    for client in ("a", "b"):
        play(rounds, client, iteration=1)
    assert not rounds.complete
    play(rounds, "c", iteration=1)
    assert rounds.complete and list(rounds.take()) == ["a", "b", "c"]


def test_rollout_that_a_new_client_completes_in_time_is_used(rounds_of, play):
    rounds = rounds_of()
    rounds.clients_changed(frozenset({"a", "b", "c"}))
    for client in ("c", "a", "b"):
        play(rounds, client)
    assert list(rounds.take()) == ["a", "b", "c"]


def test_first_round_begins_without_clients(rounds_of, play):
    rounds = rounds_of(present=())
    for client in ("a", "b"):
        play(rounds, client)
    assert rounds.complete


def test_all_clients_that_join_before_the_first_rows_are_waited_for(rounds_of, play):
    rounds = rounds_of(needed=1, present=())
    for present in ({"a"}, {"a", "b"}):
        rounds.clients_changed(frozenset(present))
    play(rounds, "a")
    assert not rounds.complete
    play(rounds, "b")
    assert rounds.complete


def test_silent_client_is_not_waited_for_where_there_are_enough_rollouts(rounds_of, play, clock):
    """A killed client is on the roster until its heartbeat is missed."""
    rounds = rounds_of(present=("a", "b", "ghost"))
    clock.wait(0.1)
    for client in ("a", "b"):
        play(rounds, client)
    assert not rounds.complete
    clock.wait(1.1)
    assert rounds.complete
    rounds.take()
    for iteration in (1, 2, 3):
        rounds.begin()
        for client in ("a", "b"):
            play(rounds, client, iteration)
        assert rounds.complete, "the ghost delayed one round, and now the next one too"
        rounds.take()


def test_slow_client_is_waited_for_as_long_as_the_others_took(rounds_of, make_rollout, pieces, play, clock):
    rounds = rounds_of(needed=1)
    clock.wait(9.5)
    play(rounds, "a")
    for message in pieces(make_rollout(rows=20), 2):
        assert not rounds.complete
        clock.wait(0.9)
        rounds.add(message, "b")
    assert rounds.complete and rounds.completed == 2


def test_patience_grows_with_the_length_of_a_round(rounds_of, play, clock):
    """Slow games are silent for longer than fast ones, while they load."""
    rounds = rounds_of(needed=1)
    clock.wait(20)
    play(rounds, "a")
    clock.wait(1)
    play(rounds, "b", which=(0,))
    clock.wait(15)
    assert not rounds.complete
    clock.wait(6)
    assert rounds.complete


def test_silent_client_is_expected_again_once_it_sends_rows(rounds_of, play, clock):
    rounds = rounds_of(needed=1)
    play(rounds, "a")
    clock.wait(2)
    assert rounds.complete
    rounds.take()
    rounds.begin()
    assert rounds.expected == {"a"}
    play(rounds, "a", iteration=1)
    play(rounds, "b", iteration=1, which=(0,))
    rounds.take()
    rounds.begin()
    assert rounds.expected == {"a", "b"}


def test_round_without_clients_does_not_stall(rounds_of, clock):
    rounds = rounds_of(present=())
    clock.wait(10 * TIMEOUT)
    assert not rounds.stalled


def test_time_waited_for_the_slowest_client_is_measured(rounds_of, play, clock):
    rounds = rounds_of()
    assert rounds.waited_seconds == 0
    clock.wait(3)
    play(rounds, "a")
    clock.wait(2)
    play(rounds, "b")
    assert (rounds.seconds, rounds.waited_seconds) == (5, 2)


def test_clients_that_were_heard_before_a_restart_are_waited_for(rounds_of, play, clock):
    rounds = rounds_of(present=())
    play(rounds, "a", iteration=7)
    play(rounds, "b", iteration=7, which=(0,))
    rounds.wait_for_all_heard()
    assert rounds.completed == 1 and not rounds.complete
    rounds.clients_changed(frozenset({"a", "b", "c"}))
    play(rounds, "c", iteration=7)
    assert not rounds.complete
    play(rounds, "b", iteration=7, which=(1,))
    assert rounds.complete and list(rounds.take()) == ["a", "b", "c"]


def test_client_that_sends_rows_and_never_completes_its_rollout_is_not_waited_for(rounds_of, play, clock, make_rollout):
    rounds = rounds_of(needed=2, present=("a", "b", "slow"))
    for iteration in range(3):
        clock.now += 5
        play(rounds, "a", iteration=iteration)
        play(rounds, "b", iteration=iteration)
        waited = 0.0
        while not rounds.complete:
            row = make_rollout(iteration, rows=1)
            row.segments[:, 1] += int(waited * 10)
            rounds.add(replace(row, closed=None), "slow")
            clock.now += 0.4
            waited += 0.4
        # The first round waits as long again as the others took; the next ones do not wait at all.
        assert waited <= (5.5 if iteration == 0 else 0.0)
        assert list(rounds.take()) == ["a", "b"]
        rounds.begin()
        assert rounds.expected == {"a", "b"} and rounds.late == ({"slow"} if iteration == 0 else set())


def test_client_that_was_late_is_waited_for_again_once_it_was_in_time(rounds_of, play, clock):
    rounds = rounds_of(needed=2, present=("a", "b", "slow"))
    for client in ("a", "b"):
        play(rounds, client)
    play(rounds, "slow", which=(0,))
    clock.now += 10
    assert rounds.complete
    rounds.take()
    rounds.begin()
    assert rounds.expected == {"a", "b"}
    for client in ("slow", "a", "b"):
        play(rounds, client, iteration=1)
    assert rounds.complete and list(rounds.take()) == ["a", "b", "slow"]
    rounds.begin()
    assert rounds.expected == {"a", "b", "slow"}
