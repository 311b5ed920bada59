"""Messages of contributors pass the gate in turn, within limits, and never at the expense of others."""

import msgspec
import pytest

from soulsai_core.contributors.inbox import Message
from soulsai_core.contributors.statistics import ContributorStatistics, decode_statistics
from soulsai_core.errors import TransportError
from soulsai_core.messages import Progress

RUN_ID = "training-1"


def rejected(statistics, name="bob"):
    return decode_statistics(statistics.encode())[name].rejected


def test_samples_of_contributors_are_delivered_in_turn(inboxes, gate, message, samples):
    inboxes.invite("alice", "bob")
    for number in range(1, 4):
        inboxes.put("alice", samples, message("alice@pc-1", number))
    inboxes.put("bob", samples, message("bob@pc-1", 1))
    gate()._step()
    assert set(inboxes.samples[:2]) == {message("alice@pc-1", 1), message("bob@pc-1", 1)}
    assert len(inboxes.samples) == 4 and not any(inboxes.waiting.values())


def test_client_with_the_name_of_another_contributor_is_rejected_and_counted_under_the_sender(
    inboxes, gate, statistics, message, samples
):
    inboxes.invite("alice", "bob")
    for client in ("alice@pc-1", "bob", "bob@", "pc-1", "bob@pc\n1", "bob@" + "x" * 200):
        inboxes.put("bob", samples, message(client))
    gate()._step()
    assert inboxes.samples == []
    assert rejected(statistics) == {"sender": 4, "header": 2}
    assert rejected(statistics, "alice") == {}


def test_rejected_messages_are_counted_under_the_name_of_the_contributor(inboxes, gate, counted, samples):
    inboxes.invite("bob")
    inboxes.put("bob", samples, b"SOUL nonsense")
    gate()._step()
    assert counted == [("bob", "truncated", 1)]


def test_messages_beyond_the_rate_are_rejected_until_time_has_passed(
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


def test_contributor_that_sends_far_more_than_its_rate_is_suspended(inboxes, gate, clock, message, samples):
    inboxes.invite("bob")
    there = gate(max_messages_per_s=2)
    for number in range(1, 10):
        inboxes.put("bob", samples, message(number=number))
    there._step()
    clock.now += 1.1
    there._step()
    assert inboxes.suspended == {"bob"}


@pytest.mark.parametrize("flood", ["entries", "bytes"])
def test_flood_is_discarded_and_its_sender_suspended_for_a_while(
    inboxes, gate, statistics, clock, message, samples, flood
):
    inboxes.invite("alice", "bob")
    there = gate(max_backlog_entries=5001, suspension_s=30)
    for _ in range(5002 if flood == "entries" else 1):
        inboxes.put("bob", samples, b"x")
    inboxes.bytes["bob"] = 2**30 if flood == "bytes" else 0
    inboxes.put("alice", samples, message("alice@pc-1"))
    there._step()
    inboxes.bytes.clear()
    assert inboxes.suspended == {"bob"} and inboxes.waiting["bob"] == []
    assert rejected(statistics)["flood"] == (5002 if flood == "entries" else 1)
    assert decode_statistics(statistics.encode())["bob"].suspensions == 1
    assert inboxes.samples == [message("alice@pc-1")]
    clock.now += 29
    there._step()
    assert inboxes.suspended == {"bob"}
    clock.now += 2
    there._step()
    assert inboxes.suspended == set()


def test_gate_of_a_new_node_ends_the_suspensions_of_the_last_one_and_discards_floods(inboxes, gate, samples):
    inboxes.invite("bob")
    inboxes.suspended.add("bob")
    for _ in range(10_001):
        inboxes.put("bob", samples, b"x")
    gate(suspension_s=0).prepare()
    assert inboxes.suspended == set() and inboxes.waiting["bob"] == []


@pytest.fixture
def suspended(inboxes, gate, samples):
    """A gate that has suspended bob for 30 seconds; its thread's attempts are made by the test."""
    inboxes.invite("alice", "bob")
    there = gate(max_backlog_entries=5001, suspension_s=30)
    for _ in range(5002):
        inboxes.put("bob", samples, b"x")
    there._step()
    assert inboxes.suspended == {"bob"}
    return there


def away(*_):
    raise TransportError("The server is away.")


def test_suspension_that_ends_while_the_server_is_away_ends_when_it_is_back(inboxes, suspended, clock, monkeypatch):
    clock.now += 31
    with monkeypatch.context() as outage:
        outage.setattr(inboxes, "restore", away)
        with pytest.raises(TransportError):
            suspended._step()
    clock.now += 1
    suspended._step()
    assert inboxes.suspended == set()


@pytest.mark.parametrize("in_file", [set(), {"alice", "bob"}], ids=["none", "all"])
def test_server_that_was_started_again_has_the_suspensions_of_now_whatever_its_file_says(inboxes, suspended, in_file):
    suspended._thread._on_loss()
    inboxes.suspended = set(in_file)
    suspended._step()
    assert inboxes.suspended == {"bob"}


def test_flood_that_could_not_be_discarded_in_an_outage_suspends_once(
    inboxes, gate, statistics, clock, samples, monkeypatch
):
    inboxes.invite("alice", "bob")
    there = gate(max_backlog_entries=5001, suspension_s=30)
    for _ in range(5002):
        inboxes.put("bob", samples, b"x")
    with monkeypatch.context() as outage:
        outage.setattr(inboxes, "discard", away)
        with pytest.raises(TransportError):
            there._step()
    clock.now += 1
    there._step()
    assert inboxes.waiting["bob"] == [] and decode_statistics(statistics.encode())["bob"].suspensions == 1
    clock.now += 30
    there._step()
    assert inboxes.suspended == set()


def test_while_the_node_is_behind_messages_wait_in_their_inboxes(inboxes, gate, clock, message, samples):
    inboxes.invite("bob")
    inboxes.put("bob", samples, message())
    inboxes.backlog = 101
    there = gate()
    there._step()
    assert inboxes.samples == []
    inboxes.backlog = 0
    clock.now += 0.1
    there._step()
    assert inboxes.samples == [message()]


def test_number_of_clients_of_one_contributor_is_limited(inboxes, gate, statistics, clock, message, samples):
    inboxes.invite("bob")
    there = gate(max_clients=2)
    for number in range(3):
        inboxes.put("bob", samples, message(f"bob@pc-{number}"))
    there._step()
    assert len(inboxes.samples) == 2 and rejected(statistics) == {"clients": 1}
    clock.now += 16
    inboxes.put("bob", samples, message("bob@pc-9"))
    there._step()
    assert len(inboxes.samples) == 3, "the others have not been present for the time-out"


def test_revoked_contributor_is_forgotten_but_stays_in_the_statistics(inboxes, gate, statistics, clock, samples):
    inboxes.invite("bob")
    there = gate()
    inboxes.put("bob", samples, b"x")
    there._step()
    del inboxes.waiting["bob"]
    clock.now += 1.1
    there._step()
    assert there._contributors == {} and rejected(statistics) == {"truncated": 1}


def test_episodes_whose_delivery_failed_are_counted_once(inboxes, gate, statistics, episode, monkeypatch):
    inboxes.invite("bob")
    inboxes.put("bob", *episode())
    there = gate()
    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(inboxes, "deliver", lambda delivery: (_ for _ in ()).throw(OSError))
        there._step()
    there._step()
    assert decode_statistics(statistics.encode())["bob"].episodes == 1


def test_statistics_outlive_the_process(inboxes, gate, statistics, clock, tmp_path, episode, heartbeat):
    inboxes.invite("bob")
    there = gate()
    inboxes.put("bob", *heartbeat())
    for number, reward in ((1, 1.0), (2, 5.0)):
        inboxes.put("bob", *episode(id=f"bob@pc-1-{number}", total_reward=reward))
    there._step()
    clock.now += 2
    there._step()
    there.close()
    statistics.samples_received("bob@pc-1", 64, {"stale": 3})
    statistics.samples_received("another", 64, {})
    statistics.samples_received("revoked@pc-1", 64, {})
    statistics.close()
    contributions = decode_statistics(ContributorStatistics(tmp_path / "contributors.json", lambda: 1.7e9).encode())
    assert contributions.keys() == {"bob"} == msgspec.json.decode(inboxes.statistics).keys()
    bob = contributions["bob"]
    assert (bob.samples, bob.episodes, bob.returns, bob.best) == (64, 2, [1.0, 5.0], 5.0)
    assert (bob.since, bob.mean_return) == (1.7e9, 3.0)
    assert inboxes.own_statistics.keys() == {"bob"}
    assert (bob.client_seconds, bob.rejected) == (2.0, {"stale": 3})


@pytest.mark.parametrize("content", [b"{", b'{"\xff": {}}', b'{"bob": {"newer": ' + b"[" * 9000])
def test_statistics_that_cannot_be_read_begin_anew(tmp_path, caplog, content):
    (tmp_path / "contributors.json").write_bytes(content)
    assert ContributorStatistics(tmp_path / "contributors.json", lambda: 1.7e9).encode() == b"{}"
    assert "the contributors' numbers begin anew" in caplog.text


def test_without_contributors_nothing_is_written(inboxes, gate, statistics, tmp_path):
    there = gate()
    there.prepare()
    there._step()
    there.close()
    statistics.close()
    assert inboxes.statistics is None and not (tmp_path / "contributors.json").exists()


def test_episode_reports_are_limited_in_bytes_apart_from_samples(
    inboxes, gate, statistics, clock, episode, message, samples
):
    inboxes.invite("bob")
    there = gate(max_report_kb_per_s=4)
    metrics = {f"m{n:02}{'x' * 80}": 1.0 for n in range(35)}
    for number in range(1, 6):
        inboxes.put("bob", *episode(id=f"bob@pc-1-{number}", metrics=metrics))
    inboxes.put("bob", samples, message())
    there._step()
    assert rejected(statistics) == {"reports": 3} and len(inboxes.episodes) == 2 and len(inboxes.samples) == 1
    assert inboxes.suspended == set(), "a lack of reports does not harm"


def test_contributor_that_sends_beyond_the_window_for_seconds_is_suspended(
    inboxes, gate, statistics, clock, message, samples
):
    inboxes.invite("alice", "bob")
    inboxes.progress = msgspec.msgpack.encode(Progress(RUN_ID, "n1", "running", 0, 0, window=4))
    there = gate(suspension_s=30)
    number = 0
    for _ in range(4):
        assert inboxes.suspended == set()
        for _ in range(10):
            number += 1
            inboxes.put("bob", samples, message(number=number))
        inboxes.put("alice", samples, message("alice@pc-1", number))
        there._step()
        clock.now += 1.1
    assert inboxes.suspended == {"bob"}
    assert rejected(statistics)["window"] == 2 * 28 and rejected(statistics, "alice") == {"window": 4}


def test_window_is_not_enforced_where_clients_are_told_to_drop(inboxes, gate, message, samples):
    inboxes.invite("bob")
    inboxes.progress = msgspec.msgpack.encode(Progress(RUN_ID, "n1", "running", 0, 0, window=1))
    there = gate(max_environments=None)
    for number in range(1, 6):
        inboxes.put("bob", samples, message(number=number))
    there._step()
    assert len(inboxes.samples) == 5


def test_entry_of_very_many_fields_suspends_at_once_and_one_of_a_few_is_only_rejected(
    inboxes, gate, statistics, message, samples
):
    inboxes.invite("alice", "bob", "carol")
    inboxes.put("alice", samples, message("alice@pc-1"))
    inboxes.waiting["bob"] += [Message("1-0", b"", b"", 2_000_000, 1_000_000), Message("2-0", samples, b"x", 2)]
    inboxes.waiting["carol"].append(Message("3-0", b"", b"", 4, 2))
    gate()._step()
    assert inboxes.samples == [message("alice@pc-1")] and inboxes.waiting["bob"] == []
    assert inboxes.suspended == {"bob"} and rejected(statistics) == {"fields": 2}
    assert rejected(statistics, "carol") == {"kind": 1}


def test_suspensions_of_one_who_goes_on_become_longer(inboxes, gate, clock):
    inboxes.invite("bob")
    there = gate(suspension_s=10)
    for seconds in (10, 20, 40):
        inboxes.waiting["bob"] = [Message("1-0", b"", b"", 100, 100)]
        clock.now += 1.1
        there._step()
        clock.now += seconds - 0.5
        there._step()
        assert inboxes.suspended == {"bob"}
        clock.now += 2
        there._step()
        assert inboxes.suspended == set()


def test_one_read_takes_a_bounded_number_of_bytes_and_everyone_has_a_turn(inboxes, gate, clock, monkeypatch):
    names = [f"c{number}" for number in range(6)]
    inboxes.invite(*names)
    reads = []
    monkeypatch.setattr(inboxes, "read", lambda some, count, timeout: reads.append((some, count)) or {})
    there = gate()
    there._step()
    [(some, count)] = reads
    assert set(some) == set(names) and count == 32
    reads.clear()
    for name in names:
        inboxes.waiting[name] = [Message(f"{n}-0", b"x", b"", 1) for n in range(10)]
        inboxes.bytes[name] = 30 * 2**20
    for _ in range(12):
        clock.now += 0.1
        there._step()
    assert all(len(some) == 2 and count == 5 for some, count in reads)
    assert {name for some, _ in reads for name in some} == set(names)


def test_flood_of_rows_beyond_the_window_suspends_within_a_second(inboxes, gate, clock, message, samples):
    inboxes.invite("bob")
    inboxes.progress = msgspec.msgpack.encode(Progress(RUN_ID, "n1", "running", 0, 0, window=4))
    there = gate()
    for number in range(1, 13):
        inboxes.put("bob", samples, message(number=number, rows=1000))
    there._step()
    clock.now += 1.1
    there._step()
    assert inboxes.suspended == {"bob"}
