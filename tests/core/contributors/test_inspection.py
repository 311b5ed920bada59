"""Messages that do not hold what they claim, or exceed the limits, are rejected."""

import json

import msgspec
import pytest

from soulsai_core.config import ContributorSettings
from soulsai_core.contributors.inbox import EPISODE, HEARTBEAT, Delivery, Message
from soulsai_core.contributors.inspection import Inspector
from soulsai_core.messages import ClientInfo

RUN_ID = "training-1"


@pytest.fixture
def inspector():
    return Inspector("bob", RUN_ID, ContributorSettings(max_message_mb=0.01), 15.0)


@pytest.fixture
def inspected(inspector):
    """(kind, bytes) -> (reason or None, what is delivered)."""

    def inspect(kind, payload, now=0.0):
        delivery = Delivery()
        return inspector.accept(Message("1-0", kind, payload, len(payload)), now, delivery), delivery

    return inspect


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
def test_implausible_episodes_are_rejected(inspected, episode, changes):
    assert inspected(*episode(**changes))[0] == "episode"


@pytest.mark.parametrize(
    "text", ["[link=https://evil.example]x[/link]", "[/]", "<b>", "\x1b[2J", "a'b", "e\u0301", "\u202e"]
)
def test_client_whose_name_could_be_markup_is_rejected(inspected, heartbeat, text):
    assert inspected(*heartbeat(f"bob@{text}"))[0] == "sender"
    assert inspected(*heartbeat("bob@Büro PC_1.lan-a1b2"))[0] is None


@pytest.mark.parametrize("value", [1e308, -1e308, 1e16])
def test_numbers_whose_sums_could_overflow_are_rejected_with_a_reason_of_their_own(inspected, episode, value):
    assert inspected(*episode(metrics={"hits": 1.0, "damage": value}))[0] == "metric"
    assert inspected(*episode(metrics={"hits": 1.0, "damage": 1e15}))[0] is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 5}', "\xff", '{"total_reward": NaN}', "[" * 3000])
def test_episodes_that_cannot_be_read_are_rejected(inspected, text):
    assert inspected(EPISODE, text.encode("latin-1"))[0] == "episode"


def test_an_infinite_return_is_rejected(inspected, episode):
    text = episode()[1].replace(b"1.5", b"1e999")
    assert inspected(EPISODE, text)[0] == "episode"


def test_episodes_of_another_training_or_another_sender_are_rejected(inspected, episode):
    assert inspected(*episode(run_id="training-2"))[0] == "run"
    assert inspected(*episode(client="alice@pc-1", id="alice@pc-1-1"))[0] == "sender"


def test_return_of_an_episode_that_is_reported_again_is_new_once(inspector, inspected, episode):
    reported = [inspected(*episode(id=f"bob@pc-1-{number}"))[1] for number in (1, 2, 1, 2, 3)]
    new = [inspector.new_returns(delivery.completed["bob"]) for delivery in reported]
    assert new == [[1.5], [1.5], [], [], [1.5]] and all(delivery.episodes for delivery in reported)


def test_good_episodes_are_delivered_unchanged_and_returns_of_complete_ones_counted(inspected, episode):
    reason, delivery = inspected(*episode())
    assert (reason, delivery.episodes) == (None, [episode()[1]])
    assert [one.total_reward for one in delivery.completed["bob"]] == [1.5]
    reason, delivery = inspected(*episode(complete=False))
    assert (reason, delivery.completed) == (None, {})


@pytest.mark.parametrize(
    "numbers",
    [{"env_steps": -1}, {"env_steps": 2**60}, {"steps_per_second": -0.5}, {"left_out": -1}, {"backlog": 2**60}],
)
def test_implausible_heartbeats_are_rejected(inspected, heartbeat, numbers):
    assert inspected(*heartbeat(**numbers))[0] == "heartbeat"


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff\xfe", b'{"id": "\xff"}', json.dumps({"id": "bob@x", "host": 3}).encode()]
)
def test_heartbeats_that_cannot_be_read_are_rejected(inspected, text):
    assert inspected(HEARTBEAT, text)[0] == "heartbeat"


def test_text_for_people_is_cut_and_cleaned(inspected, heartbeat):
    _, delivery = inspected(*heartbeat(host="pc\x1b[31m" + "x" * 300, problem="line\nline" + "y" * 500))
    info = msgspec.json.decode(delivery.heartbeats["bob@pc-1"])
    assert info["host"].isprintable() and len(info["host"]) == 128
    assert info["problem"].isprintable() and len(info["problem"]) == 300


def test_only_a_contributors_own_clients_can_leave_and_they_make_room_for_others(inspector, inspected):
    def leave(client):
        return inspected(HEARTBEAT, msgspec.json.encode(ClientInfo(client, "host", leaving=True)))

    assert leave("alice@pc-1")[0] == "sender"
    reason, delivery = leave("bob@pc-1")
    assert reason is None and msgspec.json.decode(delivery.heartbeats["bob@pc-1"])["leaving"] and not inspector.clients


def test_unknown_kinds_and_oversized_messages_are_rejected_unread(inspected, samples):
    assert inspected(b"x", b"")[0] == "kind"
    assert inspected(samples, b"x" * 20_000)[0] == "oversized"
    assert inspected(EPISODE, b"x" * 5_000)[0] == "oversized"


def test_samples_are_delivered_unchanged(inspected, samples, message):
    reason, delivery = inspected(samples, message())
    assert (reason, delivery.samples) == (None, [message()])


@pytest.mark.parametrize("position", (0, 5, 9, 30, 119))
def test_changed_byte_is_noticed(inspected, samples, message, position):
    data = bytearray(message())
    data[position] ^= 0x55
    assert inspected(samples, bytes(data))[0] in {"magic", "format", "truncated", "checksum", "header", "oversized"}


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
def test_headers_beyond_all_bounds_are_rejected(samples, message, seal, changes, reason):
    inspector = Inspector("bob", RUN_ID, ContributorSettings(), 15.0)
    data = seal(message(), lambda header: {**msgspec.structs.asdict(header), **changes})
    delivery = Delivery()
    assert inspector.accept(Message("1-0", samples, data, len(data)), 0.0, delivery) == reason
    assert delivery.samples == []
