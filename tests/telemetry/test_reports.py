"""Late, repeated, garbled and foreign reports are counted, and each episode counts once."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_telemetry.reports import Reports


def encoded(episode, *arguments, **changes):
    return msgspec.json.encode(episode(*arguments, **changes))


def test_a_report_that_comes_twice_counts_once(episode):
    reports = Reports()
    payload = encoded(episode, "client-1-1")
    assert reports.admit(payload) is not None
    assert reports.admit(payload) is None
    assert reports.counts["repeated"] == 1


def test_a_report_that_was_overtaken_is_late_and_counts_once(episode):
    reports = Reports()
    for number in (1, 3):
        reports.admit(encoded(episode, f"client-1-{number}"))
    assert reports.admit(encoded(episode, "client-1-2")) is not None
    assert reports.admit(encoded(episode, "client-1-2")) is None
    assert reports.counts == {"late": 1, "repeated": 1, "garbled": 0, "foreign": 0}


def test_two_clients_may_have_the_same_numbers(episode):
    reports = Reports()
    admitted = [reports.admit(encoded(episode, f"{c}-1", client=c)) for c in ("client-1", "client-2")]
    assert None not in admitted


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"\xff\xfe", b"[1]", b'{"id": "a-1"}',
     b'{"id": "a-1", "client": "a", "total_reward": null, "length": 1, "iteration": 0, "seconds": 1}'],
)  # fmt: skip
def test_what_cannot_be_read_is_garbled(payload):
    reports = Reports()
    assert reports.admit(payload) is None
    assert reports.counts["garbled"] == 1


@pytest.mark.parametrize(
    "changes",
    [{"length": -1}, {"identifier": "without number"}, {"identifier": "client-1-0"}, {"client": "c" * 300},
     {"metrics": {str(i): 1.0 for i in range(2000)}}, {"identifier": f"client-1-{'9' * 40}"}],
)  # fmt: skip
def test_what_makes_no_sense_is_garbled(episode, changes):
    reports = Reports()
    assert reports.admit(encoded(episode, **changes)) is None
    assert reports.counts["garbled"] == 1


def test_an_episode_of_another_training_is_foreign(episode):
    reports = Reports("run-1")
    assert reports.admit(encoded(episode, run_id="run-0")) is None
    assert reports.admit(encoded(episode, run_id="run-1")) is not None
    assert reports.counts["foreign"] == 1


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(payload):
    Reports().admit(payload)


@given(st.lists(st.integers(1, 12)))
def test_in_any_order_each_number_counts_exactly_once(numbers):
    from soulsai_core import Episode

    reports = Reports()
    made = [Episode(f"a-{n}", "a", 1.0, 1, 0, 1.0) for n in numbers]
    admitted = [e.id for e in made if reports.admit(msgspec.json.encode(e)) is not None]
    assert sorted(admitted) == sorted({e.id for e in made})
    assert reports.counts["repeated"] == len(numbers) - len(set(numbers))


def test_clients_without_end_do_not_fill_the_memory(episode):
    reports = Reports()
    for i in range(3000):
        reports.admit(encoded(episode, f"c{i}-1", client=f"c{i}"))
    assert len(reports._clients) <= 1000


def test_numbers_that_jump_far_do_not_fill_the_memory(episode):
    reports = Reports()
    for i in range(1, 50):
        reports.admit(encoded(episode, f"c-{i * 10**12}", client="c"))
    assert all(len(seen._missing) <= 2000 for seen in reports._clients.values())
