"""Contributors get in one by one, within their limits, and never at the expense of others."""

import msgspec
import pytest

from soulsai_core.contributors.statistics import Book, decode_book


def rejected(book, name="bob"):
    return decode_book(book.encode())[name].rejected


def test_samples_of_contributors_are_moved_on_in_turn(door, gate, message, samples):
    for name in ("alice", "bob"):
        door.invite(name)
    for number in range(1, 4):
        door.put("alice", samples, message("alice@pc-1", number))
    door.put("bob", samples, message("bob@pc-1", 1))
    gate()._step()
    assert set(door.samples[:2]) == {message("alice@pc-1", 1), message("bob@pc-1", 1)}
    assert len(door.samples) == 4 and not any(door.streams.values())


def test_a_client_that_bears_another_ones_name_is_rejected_and_booked_on_the_sender(door, gate, book, message, samples):
    door.invite("alice"), door.invite("bob")
    for client in ("alice@pc-1", "bob", "bob@", "pc-1", "bob@pc\n1", "bob@" + "x" * 200):
        door.put("bob", samples, message(client))
    gate()._step()
    assert door.samples == []
    assert rejected(book) == {"sender": 5, "header": 1}
    assert rejected(book, "alice") == {}


def test_rejects_are_counted_in_the_metrics_under_the_contributors_name(door, gate, metrics, samples):
    door.invite("bob")
    door.put("bob", samples, b"SOUL nonsense")
    gate()._step()
    assert (
        metrics.registry.get_sample_value("soulsai_samples_rejected_total", {"client": "bob", "reason": "truncated"})
        == 1
    )


def test_messages_beyond_the_rate_are_rejected_and_time_makes_room_again(door, gate, book, clock, message, samples):
    door.invite("bob")
    there = gate(max_messages_per_s=2)
    for number in range(1, 7):
        door.put("bob", samples, message(number=number))
    there._step()
    assert len(door.samples) == 4 and rejected(book) == {"rate": 2}
    clock.now += 0.5
    door.put("bob", samples, message(number=7))
    there._step()
    assert len(door.samples) == 5


def test_who_goes_on_beyond_the_rate_is_suspended(door, gate, clock, message, samples):
    door.invite("bob")
    there = gate(max_messages_per_s=2)
    for number in range(1, 10):
        door.put("bob", samples, message(number=number))
    there._step()
    clock.now += 1.1
    there._step()
    assert door.out == {"bob"}


@pytest.mark.parametrize("flood", ["entries", "bytes"])
def test_a_flood_is_thrown_away_and_its_sender_kept_out_for_a_while(door, gate, book, clock, message, samples, flood):
    door.invite("alice"), door.invite("bob")
    there = gate(max_backlog_entries=5001, suspension_s=30)
    for _ in range(5002 if flood == "entries" else 1):
        door.put("bob", samples, b"x")
    door.bytes["bob"] = 2**30 if flood == "bytes" else 0
    door.put("alice", samples, message("alice@pc-1"))
    there._step()
    door.bytes.clear()
    assert door.out == {"bob"} and door.streams["bob"] == []
    assert rejected(book)["flood"] == (5002 if flood == "entries" else 1)
    assert decode_book(book.encode())["bob"].suspensions == 1
    assert door.samples == [message("alice@pc-1")]
    clock.now += 29
    there._step()
    assert door.out == {"bob"}
    clock.now += 2
    there._step()
    assert door.out == set()


def test_a_node_that_starts_lets_in_whom_its_predecessor_suspended_and_throws_out_floods(door, gate, samples):
    door.invite("bob")
    door.out.add("bob")
    for _ in range(10_001):
        door.put("bob", samples, b"x")
    gate(suspension_s=0).sweep()
    assert door.out == set() and door.streams["bob"] == []


def test_while_the_node_is_behind_parcels_wait_where_they_are(door, gate, clock, message, samples, monkeypatch):
    monkeypatch.setattr("soulsai_core.contributors.gate._COUNT", 0.001)
    door.invite("bob")
    door.put("bob", samples, message())
    door.waiting = 101
    there = gate()
    there._step()
    assert door.samples == []
    door.waiting = 0
    clock.now += 0.01
    there._step()
    assert door.samples == [message()]


def test_only_so_many_clients_of_one_contributor_are_let_in_at_a_time(door, gate, book, clock, message, samples):
    door.invite("bob")
    there = gate(max_clients=2)
    for number in range(3):
        door.put("bob", samples, message(f"bob@pc-{number}"))
    there._step()
    assert len(door.samples) == 2 and rejected(book) == {"clients": 1}
    clock.now += 16
    door.put("bob", samples, message("bob@pc-9"))
    there._step()
    assert len(door.samples) == 3


def test_somebody_revoked_is_forgotten_but_stays_in_the_book(door, gate, book, clock, message, samples):
    door.invite("bob")
    there = gate()
    door.put("bob", samples, b"x")
    there._step()
    del door.streams["bob"]
    clock.now += 1.1
    there._look(door)
    assert there._guests == {} and rejected(book) == {"truncated": 1}


def test_the_book_outlives_the_process(door, gate, book, clock, tmp_path, episode, heartbeat):
    door.invite("bob")
    there = gate()
    door.put("bob", *heartbeat())
    for number, reward in ((1, 1.0), (2, 5.0)):
        door.put("bob", *episode(id=f"bob@pc-1-{number}", total_reward=reward))
    there._step()
    book.judged("bob@pc-1", 64, {"stale": 3})
    book.judged("somebody-else", 64, {})
    clock.now += 2
    there._step()
    there.close()
    account = decode_book(Book(tmp_path / "contributors.json").encode())["bob"]
    assert (account.samples, account.episodes, account.returns, account.best) == (64, 2, [1.0, 5.0], 5.0)
    assert (account.client_seconds, account.rejected) == (2.0, {"stale": 3})
    assert msgspec.json.decode(door.book).keys() == {"bob"}


def test_a_book_that_cannot_be_read_begins_anew(tmp_path):
    (tmp_path / "contributors.json").write_text("{")
    assert Book(tmp_path / "contributors.json").encode() == b"{}"


def test_without_contributors_nothing_is_written(door, gate, tmp_path):
    there = gate()
    there.sweep()
    there._write()
    assert door.book is None and not (tmp_path / "contributors.json").exists()
