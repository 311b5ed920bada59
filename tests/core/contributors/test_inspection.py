"""What is not what it claims to be gets no further than the gate."""

import json

import msgspec
import pytest

from soulsai_core.config import ContributorSettings
from soulsai_core.contributors.inbox import Delivery, Message
from soulsai_core.contributors.inspection import Inspector
from soulsai_core.transport.keys import EPISODE, FAREWELL, HEARTBEAT

SESSION = "training-1"


@pytest.fixture
def judged():
    """(kind, bytes) -> (reason or None, what is delivered)."""
    inspector = Inspector("bob", SESSION, ContributorSettings(max_message_mb=0.01), 15.0)

    def judge(kind, payload, now=0.0):
        delivery = Delivery()
        return inspector.accept(Message("1-0", kind, payload, len(payload)), now, delivery), delivery

    judge.inspector = inspector
    return judge


@pytest.mark.parametrize(
    "changes",
    [
        {"total_reward": 1e7},
        {"total_reward": -1e7},
        {"length": -1},
        {"seconds": -1.0},
        {"seconds": 1e12},
        {"iteration": -1},
        {"id": "alice@pc-1-1"},
        {"id": "bob@pc-1-x"},
        {"metrics": {"a\x1b[2J": 1.0}},
        {"metrics": {f"m{i}": 1.0 for i in range(100)}},
    ],
)
def test_implausible_episodes_are_rejected(judged, episode, changes):
    assert judged(*episode(**changes))[0] == "episode"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 5}', "\xff", '{"total_reward": NaN}', "[" * 3000])
def test_episodes_that_cannot_be_read_are_rejected(judged, text):
    assert judged(EPISODE, text.encode("latin-1"))[0] == "episode"


def test_an_infinite_return_is_rejected(judged, episode):
    text = episode()[1].replace(b"1.5", b"1e999")
    assert judged(EPISODE, text)[0] == "episode"


def test_episodes_of_another_training_or_another_sender_are_rejected(judged, episode):
    assert judged(*episode(run_id="training-2"))[0] == "run"
    assert judged(*episode(client="alice@pc-1", id="alice@pc-1-1"))[0] == "sender"


def test_good_episodes_pass_as_they_are_and_complete_ones_count(judged, episode):
    reason, delivery = judged(*episode())
    assert (reason, delivery.episodes) == (None, [episode()[1]])
    assert judged(*episode(complete=False))[0] is None
    assert judged.inspector.returns == [1.5]


@pytest.mark.parametrize("numbers", [{"env_steps": -1}, {"env_steps": 2**60}, {"steps_per_second": -0.5}])
def test_implausible_signs_of_life_are_rejected(judged, heartbeat, numbers):
    assert judged(*heartbeat(**numbers))[0] == "heartbeat"


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", json.dumps({"id": "bob@x", "host": 3}).encode()])
def test_signs_of_life_that_cannot_be_read_are_rejected(judged, text):
    assert judged(HEARTBEAT, text)[0] == "heartbeat"


def test_text_for_people_is_cut_and_cleaned(judged, heartbeat):
    _, delivery = judged(*heartbeat(host="pc\x1b[31m" + "x" * 300, trouble="line\nline" + "y" * 500))
    info = msgspec.json.decode(delivery.heartbeats["bob@pc-1"])
    assert info["host"].isprintable() and len(info["host"]) == 128
    assert info["trouble"].isprintable() and len(info["trouble"]) == 300


def test_only_ones_own_clients_can_be_taken_leave_of(judged):
    assert judged(FAREWELL, b"alice@pc-1")[0] == "sender"
    assert judged(FAREWELL, b"\xff")[0] == "sender"
    reason, delivery = judged(FAREWELL, b"bob@pc-1")
    assert (reason, delivery.farewells) == (None, ["bob@pc-1"])


def test_unknown_kinds_and_oversized_parcels_are_rejected_unread(judged, samples):
    assert judged(b"x", b"")[0] == "kind"
    assert judged(samples, b"x" * 20_000)[0] == "oversized"
    assert judged(EPISODE, b"x" * 5_000)[0] == "oversized"


def test_samples_are_passed_on_unchanged(judged, samples, message):
    reason, delivery = judged(samples, message())
    assert (reason, delivery.samples) == (None, [message()])


@pytest.mark.parametrize("position", range(0, 120, 7))
def test_a_changed_byte_is_found_out_by_the_checksum(judged, samples, message, position):
    data = bytearray(message())
    data[position] ^= 0x55
    assert judged(samples, bytes(data))[0] in {"magic", "format", "truncated", "checksum", "header", "oversized"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"segments": (0,) * 300_000}, "oversized"),
        ({"closed": (-1, 5)}, "header"),
        ({"counts": (2**60,)}, "header"),
        ({"client": ""}, "header"),
        ({"client": "bob@" + "x" * 200}, "header"),
        ({"client": "alice@pc-1"}, "sender"),
    ],
)
def test_headers_beyond_all_bounds_go_no_further(samples, message, seal, changes, reason):
    inspector = Inspector("bob", SESSION, ContributorSettings(), 15.0)
    data = seal(message(), lambda header: {**msgspec.structs.asdict(header), **changes})
    delivery = Delivery()
    assert inspector.accept(Message("1-0", samples, data, len(data)), 0.0, delivery) == reason
    assert delivery.samples == []
