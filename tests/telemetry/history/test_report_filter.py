"""Late, repeated, garbled and foreign reports are counted, and each episode counts once."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core import Episode
from soulsai_telemetry.history.report_filter import ReportFilter


def encoded(episode, *arguments, **changes):
    return msgspec.json.encode(episode(*arguments, **changes))


def test_report_that_comes_twice_counts_once(episode):
    filter_ = ReportFilter()
    payload = encoded(episode, "client-1-1")
    assert filter_.admit(payload) is not None
    assert filter_.admit(payload) is None
    assert filter_.counts["repeated"] == 1


def test_report_that_was_overtaken_is_late_and_counts_once(episode):
    filter_ = ReportFilter()
    for number in (1, 3):
        filter_.admit(encoded(episode, f"client-1-{number}"))
    assert filter_.admit(encoded(episode, "client-1-2")) is not None
    assert filter_.admit(encoded(episode, "client-1-2")) is None
    assert filter_.counts == {"late": 1, "repeated": 1, "garbled": 0, "foreign": 0}


def test_two_clients_may_have_the_same_numbers(episode):
    filter_ = ReportFilter()
    admitted = [filter_.admit(encoded(episode, f"{c}-1", client=c)) for c in ("client-1", "client-2")]
    assert None not in admitted


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"\xff\xfe", b"[1]", b'{"id": "a-1"}', b'{"newer": ' + b"[" * 9000,
     b'{"id": "a-1", "client": "a", "total_reward": null, "length": 1, "iteration": 0, "seconds": 1}'],
)  # fmt: skip
def test_unreadable_report_is_garbled(payload):
    filter_ = ReportFilter()
    assert filter_.admit(payload) is None
    assert filter_.counts["garbled"] == 1


@pytest.mark.parametrize(
    "changes",
    [{"length": -1}, {"identifier": "without number"}, {"identifier": "client-1-0"}, {"client": "c" * 300},
     {"metrics": {str(i): 1.0 for i in range(2000)}}, {"identifier": f"client-1-{'9' * 40}"}],
)  # fmt: skip
def test_implausible_report_is_garbled(episode, changes):
    filter_ = ReportFilter()
    assert filter_.admit(encoded(episode, **changes)) is None
    assert filter_.counts["garbled"] == 1


def test_episode_of_another_training_is_foreign(episode):
    filter_ = ReportFilter("run-1")
    assert filter_.admit(encoded(episode, run_id="run-0")) is None
    assert filter_.admit(encoded(episode, run_id="run-1")) is not None
    assert filter_.counts["foreign"] == 1


@settings(max_examples=30)
@given(st.binary(max_size=100))
def test_no_bytes_raise_an_exception(payload):
    ReportFilter().admit(payload)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 12)))
def test_in_any_order_each_number_counts_exactly_once(numbers):
    filter_ = ReportFilter()
    made = [Episode(f"a-{n}", "a", 1.0, 1, 0, 1.0) for n in numbers]
    admitted = [e.id for e in made if filter_.admit(msgspec.json.encode(e)) is not None]
    assert sorted(admitted) == sorted({e.id for e in made})
    assert filter_.counts["repeated"] == len(numbers) - len(set(numbers))


def test_number_of_remembered_clients_is_bounded(episode):
    filter_ = ReportFilter()
    for i in range(1100):
        filter_.admit(encoded(episode, f"c{i}-1", client=f"c{i}"))
    assert len(filter_._clients) <= 1000


def test_number_of_remembered_gaps_is_bounded(episode):
    filter_ = ReportFilter()
    for i in range(1, 50):
        filter_.admit(encoded(episode, f"c-{i * 10**12}", client="c"))
    assert all(len(seen._missing) <= 2000 for seen in filter_._clients.values())
