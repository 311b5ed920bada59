"""The contract of transports, as tests. Run them with one fixture:

class TestMine(TransportContract):
    @pytest.fixture
    def open_transport(self):
        server = MyServer()  # empty at the beginning of each test
        return lambda limits: MyTransport(server, limits)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from soulsai_core.contracts import Entry, Transport
from soulsai_core.errors import TransportError
from soulsai_core.transport import StreamLimits

OPENER = Callable[[StreamLimits], Transport]
BACKGROUND = Callable[..., Future[Any]]

LONG = 30.0
"""Seconds that a test waits for something that must come. A test that passes never waits so long."""

SHORT = 0.05
"""Seconds that a test waits to see that nothing comes."""

BYTES = [b"", b"\x00", bytes(range(256)), b"\r\n$5\r\n*3\r\n", b"x" * 200_000]
"""Payloads that break code which reads text, lines or C strings."""


def payloads(entries: list[Entry]) -> list[bytes]:
    return [entry.payload for entry in entries]


class TransportContract:
    """`node` and `client` are two transports of the same empty run."""

    @pytest.fixture
    def open_transport(self) -> OPENER:
        """To be defined by the author: limits -> another transport of the run of this test."""
        raise NotImplementedError("define the fixture open_transport")

    @pytest.fixture
    def node(self, open_transport: OPENER) -> Iterator[Transport]:
        """The training node's transport."""
        transport = open_transport(StreamLimits())
        yield transport
        transport.close()

    @pytest.fixture
    def client(self, open_transport: OPENER) -> Iterator[Transport]:
        """A client's transport."""
        transport = open_transport(StreamLimits())
        yield transport
        transport.close()

    @pytest.fixture
    def background(self) -> Iterator[BACKGROUND]:
        """A function that runs a call in another thread, and returns its future."""
        with ThreadPoolExecutor() as pool:
            yield pool.submit

    # -- samples
    def test_samples_arrive_in_the_order_in_which_they_were_pushed(self, node: Transport, client: Transport) -> None:
        client.push_samples([b"1", b"2"])
        client.push_samples([])
        client.push_samples([b"3"])
        assert payloads(node.read_samples("", 10, LONG)) == [b"1", b"2", b"3"]

    def test_samples_are_read_in_parts_from_the_id_that_was_last_seen(self, node: Transport, client: Transport) -> None:
        client.push_samples([b"%d" % number for number in range(5)])
        first = node.read_samples("", 2, LONG)
        rest = node.read_samples(first[-1].id, 10, LONG)
        assert (payloads(first), payloads(rest)) == ([b"0", b"1"], [b"2", b"3", b"4"])
        assert node.backlog() == 5  # reading removes nothing

    def test_reading_samples_returns_an_empty_list_when_the_time_is_over(self, node: Transport) -> None:
        assert node.read_samples("", 10, SHORT) == []
        assert node.read_samples("", 10, 0.0) == []

    def test_a_reader_that_waits_gets_a_sample_pushed_later(
        self, node: Transport, client: Transport, background: BACKGROUND
    ) -> None:
        waiting = background(node.read_samples, "", 10, LONG)
        client.push_samples([b"late"])
        assert payloads(waiting.result(LONG)) == [b"late"]

    def test_released_samples_are_gone_and_later_ones_stay(self, node: Transport, client: Transport) -> None:
        client.push_samples([b"%d" % number for number in range(5)])
        entries = node.read_samples("", 10, LONG)
        node.release_samples(entries[2].id)
        assert payloads(node.read_samples("", 10, LONG)) == [b"3", b"4"]
        assert node.backlog() == 2

    def test_samples_can_be_released_twice_and_read_on_afterwards(self, node: Transport, client: Transport) -> None:
        client.push_samples([b"1", b"2"])
        last = node.read_samples("", 10, LONG)[-1].id
        node.release_samples(last)
        node.release_samples(last)
        client.push_samples([b"3"])
        assert payloads(node.read_samples(last, 10, LONG)) == [b"3"]

    def test_the_oldest_samples_are_dropped_beyond_the_bound_in_messages(
        self, node: Transport, open_transport: OPENER
    ) -> None:
        bounded = open_transport(StreamLimits(max_entries=3))
        bounded.push_samples([b"first"])
        seen = node.read_samples("", 1, LONG)[0].id
        bounded.push_samples([b"%d" % number for number in range(8)])
        bounded.close()
        assert payloads(node.read_samples("", 10, LONG)) == [b"5", b"6", b"7"]
        assert payloads(node.read_samples(seen, 10, LONG)) == [b"5", b"6", b"7"]

    def test_the_oldest_samples_are_dropped_beyond_the_bound_in_bytes(
        self, node: Transport, open_transport: OPENER
    ) -> None:
        bounded = open_transport(StreamLimits(max_bytes=2500))
        bounded.push_samples([bytes([number]) * 1000 for number in range(5)])
        assert [payload[0] for payload in payloads(node.read_samples("", 10, LONG))] == [3, 4]
        bounded.push_samples([b"!" * 9000])
        bounded.close()
        assert payloads(node.read_samples("", 10, LONG)) == [b"!" * 9000]

    # -- the lease
    def test_a_lease_has_one_holder_until_it_is_released_or_taken(
        self, node: Transport, open_transport: OPENER
    ) -> None:
        other = open_transport(StreamLimits())
        assert node.take_lease(b"a", LONG) is None
        found = other.take_lease(b"b", LONG)
        if found is None:
            pytest.skip("this transport has no leases")
        assert found[0] == b"a" and 0 <= found[1] < LONG
        other.release_lease(b"b")
        node.clear()
        assert node.take_lease(b"a", LONG) is None  # renewed
        assert other.take_lease(b"b", LONG, force=True) is None
        taken = node.take_lease(b"a", LONG)
        assert taken is not None and taken[0] == b"b"
        other.release_lease(b"b")
        assert node.take_lease(b"a", LONG) is None
        other.close()

    # -- episodes
    def test_episodes_are_read_in_order_and_stay(self, node: Transport, client: Transport) -> None:
        for pushed in ([b"0"], [b"1", b"2", b"3"], [], [b"4"]):
            client.push_episodes(pushed)
        first = node.read_episodes("", 3, LONG)
        assert payloads(first) == [b"0", b"1", b"2"]
        assert payloads(node.read_episodes(first[-1].id, 10, LONG)) == [b"3", b"4"]
        assert len(client.read_episodes("", 10, LONG)) == 5

    def test_reading_episodes_waits_for_one_and_gives_up_in_time(
        self, node: Transport, client: Transport, background: BACKGROUND
    ) -> None:
        assert node.read_episodes("", 10, SHORT) == []
        waiting = background(node.read_episodes, "", 10, LONG)
        client.push_episodes([b"late"])
        assert payloads(waiting.result(LONG)) == [b"late"]

    # -- model and progress
    def test_a_model_is_read_only_if_it_is_newer(self, node: Transport, client: Transport) -> None:
        assert client.read_model(-1) is None
        node.publish(0, b"first", b"")
        assert client.read_model(-1) == (0, b"first")
        assert client.read_model(0) is None
        node.publish(7, b"second", b"")
        assert client.read_model(0) == (7, b"second")

    def test_model_to_evaluate_is_kept_beside_the_other(self, node: Transport, client: Transport) -> None:
        assert client.read_evaluation(-1) is None
        node.publish(5, b"model", b"")
        node.publish_evaluation(3, b"evaluated")
        assert client.read_evaluation(-1) == (3, b"evaluated")
        assert client.read_evaluation(3) is None
        assert client.read_model(-1) == (5, b"model")

    def test_publishing_a_model_stores_the_progress_too(self, node: Transport, client: Transport) -> None:
        assert client.read_progress() is None
        node.publish(1, b"model", b"with it")
        assert client.read_progress() == b"with it"
        node.publish_progress(b"alone")
        assert client.read_progress() == b"alone"
        assert client.read_model(0) == (1, b"model")

    def test_waiting_returns_each_newest_progress_once(self, node: Transport, client: Transport) -> None:
        assert client.wait_progress(0.0) is None  # subscribes
        node.publish(1, b"model", b"a")
        assert client.wait_progress(LONG) == b"a"
        node.publish_progress(b"b")
        assert client.wait_progress(LONG) == b"b"
        assert client.wait_progress(SHORT) is None

    def test_a_publication_ends_the_wait_of_all_clients(
        self, node: Transport, client: Transport, open_transport: OPENER, background: BACKGROUND
    ) -> None:
        other = open_transport(StreamLimits())
        listeners = [client, other]
        for listener in listeners:
            listener.wait_progress(0.0)
        waiting = [background(listener.wait_progress, LONG) for listener in listeners]
        node.publish_progress(b"wake up")
        assert [future.result(LONG) for future in waiting] == [b"wake up", b"wake up"]
        other.close()

    # -- config and status
    def test_config_and_status_are_none_first_and_then_the_newest(self, node: Transport, client: Transport) -> None:
        assert (client.read_config(), client.read_status()) == (None, None)
        for version in (b"1", b"2"):
            node.announce(version)
            node.write_status(b"status")
        assert client.read_config() == b"2"
        found = client.read_status()
        assert found is not None and found[1] == b"status" and 0.0 <= found[0] < LONG

    def test_clearing_forgets_all_but_the_clients(self, node: Transport, client: Transport) -> None:
        client.push_samples([b"old"])
        client.push_episodes([b"old"])
        client.heartbeat("one", b"")
        seen = node.read_samples("", 1, LONG)[0].id
        node.publish(3, b"old", b"old")
        node.publish_evaluation(3, b"old")
        node.announce(b"old")
        node.write_status(b"old")
        node.clear()
        assert node.read_evaluation(-1) is None
        assert [node.read_model(-1), node.read_progress(), node.read_config(), node.read_status()] == [None] * 4
        assert (node.backlog(), node.read_episodes("", 1, 0.0), list(node.roster())) == (0, [], ["one"])
        client.push_samples([b"new"])
        assert payloads(node.read_samples(seen, 1, LONG)) == [b"new"]

    # -- roster
    def test_the_roster_has_each_client_with_its_last_info_and_age(self, node: Transport, client: Transport) -> None:
        assert node.roster() == {}
        client.heartbeat("one", b"old")
        client.heartbeat("one", b"new")
        client.heartbeat("zwei-ä:*", b"\x00\xff")
        roster = node.roster()
        assert {name: info for name, (_, info) in roster.items()} == {"one": b"new", "zwei-ä:*": b"\x00\xff"}
        assert all(0.0 <= age < LONG for age, _ in roster.values())

    def test_a_heartbeat_makes_a_client_young_again(self, node: Transport, client: Transport) -> None:
        client.heartbeat("one", b"")
        client.heartbeat("two", b"")
        client.heartbeat("one", b"")
        roster = node.roster()
        assert roster["one"][0] <= roster["two"][0]

    def test_a_removed_client_is_off_the_roster_until_its_next_heartbeat(
        self, node: Transport, client: Transport
    ) -> None:
        client.heartbeat("one", b"1")
        client.heartbeat("two", b"2")
        node.remove_client("one")
        node.remove_client("nobody")
        assert set(node.roster()) == {"two"}
        client.heartbeat("one", b"again")
        assert set(node.roster()) == {"one", "two"}

    # -- commands
    def test_a_command_is_delivered_once_and_its_answer_comes_back(
        self, node: Transport, client: Transport, background: BACKGROUND
    ) -> None:
        asked = background(client.command, "id", b"quicksave", LONG)
        assert node.read_commands(LONG) == [b"quicksave"]
        assert node.read_commands(0.0) == []
        node.reply("id", b"saved")
        assert asked.result(LONG) == b"saved"

    def test_answers_go_to_the_command_with_their_id(
        self, node: Transport, client: Transport, background: BACKGROUND
    ) -> None:
        asked = [background(client.command, name, b"", LONG) for name in ("a", "b")]
        for name in ("b", "a"):
            node.reply(name, b"for " + name.encode())
        assert [future.result(LONG) for future in asked] == [b"for a", b"for b"]

    def test_a_command_that_was_not_taken_in_time_is_withdrawn(self, node: Transport, client: Transport) -> None:
        assert client.command("id", b"shutdown", SHORT) is None
        assert client.command("id", b"shutdown", 0.0) is None
        assert client.command("id", b"shutdown", 2 * LONG, give_up=lambda: True) is None
        asked = iter([False, True])
        assert client.command("id", b"shutdown", 0.6, give_up=lambda: next(asked)) is None
        assert not list(asked), "a node that falls silent is noticed late"
        assert node.read_commands(0.0) == []

    # -- bytes and closing
    @pytest.mark.parametrize("payload", BYTES, ids=["empty", "zero", "all", "protocol", "large"])
    def test_bytes_come_out_as_they_went_in(
        self, node: Transport, client: Transport, payload: bytes, background: BACKGROUND
    ) -> None:
        client.push_samples([payload])
        client.push_episodes([payload])
        client.wait_progress(0.0)
        node.publish(1, payload, payload)
        node.announce(payload)
        asked = background(client.command, "id", payload, LONG)
        assert node.read_commands(LONG) == [payload]
        node.reply("id", payload)
        answers = [asked.result(LONG), client.wait_progress(LONG), client.read_progress(), client.read_config()]
        answers += payloads(node.read_samples("", 1, LONG) + node.read_episodes("", 1, LONG))
        assert answers == [payload] * 6
        assert client.read_model(0) == (1, payload)

    @pytest.mark.parametrize(
        "call",
        [
            lambda transport: transport.read_samples("", 1, LONG),
            lambda transport: transport.read_episodes("", 1, LONG),
            lambda transport: transport.read_commands(LONG),
            lambda transport: transport.wait_progress(LONG),
            lambda transport: transport.command("id", b"", LONG),
        ],
        ids=["samples", "episodes", "commands", "progress", "command"],
    )
    def test_closing_ends_a_call_that_waits_in_another_thread(
        self, client: Transport, call: Callable[[Transport], object], background: BACKGROUND
    ) -> None:
        waiting = background(call, client)
        with pytest.raises(TimeoutError):
            waiting.result(SHORT)
        client.close()
        with pytest.raises(TransportError):
            waiting.result(LONG / 3)

    def test_a_closed_transport_refuses_calls_and_leaves_others_alone(self, node: Transport, client: Transport) -> None:
        client.close()
        client.close()
        for call in (client.read_config, client.roster, lambda: client.push_samples([b"x"])):
            with pytest.raises(TransportError):
                call()
        node.announce(b"still here")
        assert node.read_config() == b"still here"
