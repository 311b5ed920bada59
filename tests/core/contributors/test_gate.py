"""Contributors get in one by one, within their limits, and never at the expense of others."""

import msgspec
import pytest

from soulsai_core.contributors.statistics import ContributorStatistics, decode_statistics


def rejected(statistics, name="bob"):
    return decode_statistics(statistics.encode())[name].rejected


def test_samples_of_contributors_are_moved_on_in_turn(inboxes, gate, message, samples):
    for name in ("alice", "bob"):
        inboxes.invite(name)
    for number in range(1, 4):
        inboxes.put("alice", samples, message("alice@pc-1", number))
    inboxes.put("bob", samples, message("bob@pc-1", 1))
    gate()._step()
    assert set(inboxes.samples[:2]) == {message("alice@pc-1", 1), message("bob@pc-1", 1)}
    assert len(inboxes.samples) == 4 and not any(inboxes.streams.values())


def test_a_client_that_bears_another_ones_name_is_rejected_and_booked_on_the_sender(
    inboxes, gate, statistics, message, samples
):
    inboxes.invite("alice"), inboxes.invite("bob")
    for client in ("alice@pc-1", "bob", "bob@", "pc-1", "bob@pc\n1", "bob@" + "x" * 200):
        inboxes.put("bob", samples, message(client))
    gate()._step()
    assert inboxes.samples == []
    assert rejected(statistics) == {"sender": 5, "header": 1}
    assert rejected(statistics, "alice") == {}


def test_rejects_are_counted_in_the_metrics_under_the_contributors_name(inboxes, gate, metrics, samples):
    inboxes.invite("bob")
    inboxes.put("bob", samples, b"SOUL nonsense")
    gate()._step()
    assert (
        metrics.registry.get_sample_value("soulsai_samples_rejected_total", {"client": "bob", "reason": "truncated"})
        == 1
    )


def test_messages_beyond_the_rate_are_rejected_and_time_makes_room_again(
    inboxes, gate, statistics, clock, message, samples
):
    inboxes.invite("bob")
    there = gate(max_messages_per_s=2)
    for number in range(1, 7):
        inboxes.put("bob", samples, message(number=number))
    there._step()
    assert len(inboxes.samples) == 4 and rejected(statistics) == {"rate": 2}
    clock.now += 0.5
    inboxes.put("bob", samples, message(number=7))
    there._step()
    assert len(inboxes.samples) == 5


def test_who_goes_on_beyond_the_rate_is_suspended(inboxes, gate, clock, message, samples):
    inboxes.invite("bob")
    there = gate(max_messages_per_s=2)
    for number in range(1, 10):
        inboxes.put("bob", samples, message(number=number))
    there._step()
    clock.now += 1.1
    there._step()
    assert inboxes.out == {"bob"}


@pytest.mark.parametrize("flood", ["entries", "bytes"])
def test_a_flood_is_thrown_away_and_its_sender_kept_out_for_a_while(
    inboxes, gate, statistics, clock, message, samples, flood
):
    inboxes.invite("alice"), inboxes.invite("bob")
    there = gate(max_backlog_entries=5001, suspension_s=30)
    for _ in range(5002 if flood == "entries" else 1):
        inboxes.put("bob", samples, b"x")
    inboxes.bytes["bob"] = 2**30 if flood == "bytes" else 0
    inboxes.put("alice", samples, message("alice@pc-1"))
    there._step()
    inboxes.bytes.clear()
    assert inboxes.out == {"bob"} and inboxes.streams["bob"] == []
    assert rejected(statistics)["flood"] == (5002 if flood == "entries" else 1)
    assert decode_statistics(statistics.encode())["bob"].suspensions == 1
    assert inboxes.samples == [message("alice@pc-1")]
    clock.now += 29
    there._step()
    assert inboxes.out == {"bob"}
    clock.now += 2
    there._step()
    assert inboxes.out == set()


def test_a_node_that_starts_lets_in_whom_its_predecessor_suspended_and_throws_out_floods(inboxes, gate, samples):
    inboxes.invite("bob")
    inboxes.out.add("bob")
    for _ in range(10_001):
        inboxes.put("bob", samples, b"x")
    gate(suspension_s=0).sweep()
    assert inboxes.out == set() and inboxes.streams["bob"] == []


def test_while_the_node_is_behind_parcels_wait_where_they_are(inboxes, gate, clock, message, samples, monkeypatch):
    monkeypatch.setattr("soulsai_core.contributors.gate._COUNT", 0.001)
    inboxes.invite("bob")
    inboxes.put("bob", samples, message())
    inboxes.waiting = 101
    there = gate()
    there._step()
    assert inboxes.samples == []
    inboxes.waiting = 0
    clock.now += 0.01
    there._step()
    assert inboxes.samples == [message()]


def test_only_so_many_clients_of_one_contributor_are_let_in_at_a_time(
    inboxes, gate, statistics, clock, message, samples
):
    inboxes.invite("bob")
    there = gate(max_clients=2)
    for number in range(3):
        inboxes.put("bob", samples, message(f"bob@pc-{number}"))
    there._step()
    assert len(inboxes.samples) == 2 and rejected(statistics) == {"clients": 1}
    clock.now += 16
    inboxes.put("bob", samples, message("bob@pc-9"))
    there._step()
    assert len(inboxes.samples) == 3


def test_somebody_revoked_is_forgotten_but_stays_in_the_book(inboxes, gate, statistics, clock, message, samples):
    inboxes.invite("bob")
    there = gate()
    inboxes.put("bob", samples, b"x")
    there._step()
    del inboxes.streams["bob"]
    clock.now += 1.1
    there._look(inboxes)
    assert there._contributors == {} and rejected(statistics) == {"truncated": 1}


def test_the_book_outlives_the_process(inboxes, gate, statistics, clock, tmp_path, episode, heartbeat):
    inboxes.invite("bob")
    there = gate()
    inboxes.put("bob", *heartbeat())
    for number, reward in ((1, 1.0), (2, 5.0)):
        inboxes.put("bob", *episode(id=f"bob@pc-1-{number}", total_reward=reward))
    there._step()
    statistics.judged("bob@pc-1", 64, {"stale": 3})
    statistics.judged("somebody-else", 64, {})
    clock.now += 2
    there._step()
    there.close()
    contribution = decode_statistics(ContributorStatistics(tmp_path / "contributors.json").encode())["bob"]
    assert (contribution.samples, contribution.episodes, contribution.returns, contribution.best) == (
        64,
        2,
        [1.0, 5.0],
        5.0,
    )
    assert (contribution.client_seconds, contribution.rejected) == (2.0, {"stale": 3})
    assert msgspec.json.decode(inboxes.statistics).keys() == {"bob"}


def test_a_book_that_cannot_be_read_begins_anew(tmp_path):
    (tmp_path / "contributors.json").write_text("{")
    assert ContributorStatistics(tmp_path / "contributors.json").encode() == b"{}"


def test_without_contributors_nothing_is_written(inboxes, gate, tmp_path):
    there = gate()
    there.sweep()
    there._write()
    assert inboxes.statistics is None and not (tmp_path / "contributors.json").exists()
