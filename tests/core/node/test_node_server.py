"""The node and a server that is away, comes back, or has lost its memory."""

import logging

import msgspec
import pytest
from waiting import wait_for

from soulsai_core.errors import TransportError
from soulsai_core.messages import ClientInfo
from soulsai_core.node.monitor import ServerBack
from soulsai_core.node.saving.resuming import resume_on_server


def lose_connection(harness):
    """All of the node's threads have noticed that the server is away."""
    harness.transport.away = True
    for _ in range(4):
        assert harness.transport.refused.acquire(timeout=60)


def test_start_forgets_what_an_earlier_training_left(make_harness, server):
    earlier = make_harness().start()
    earlier.make_iterations(3)
    earlier.report(1)
    earlier.stop()
    later = make_harness().start()
    assert later.outside.read_model(-1)[0] == 0
    assert later.progress().run_id == later.folder.name != earlier.folder.name
    later.report(1, 7.0, client="new")
    assert later.recorder.wait("episode_finished")[0]["episode"].total_reward == 7.0
    assert later.take_in([0]) == (1, {})


def test_node_waits_for_a_server_that_is_away_and_goes_on(harness, caplog):
    harness.make_iterations(1)
    with caplog.at_level(logging.WARNING):
        lose_connection(harness)
        harness.send([1] * 4)
        harness.report(1)
        harness.transport.away = False
        harness.recorder.wait("model_updated", where=lambda a: a["iteration"] == 2)
        harness.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
        harness.recorder.wait("episode_finished")
        harness.stop()
    assert "The server is away. Trying again until it is back." in caplog.text
    assert "The server is back." in caplog.text
    assert harness.outside.read_model(-1)[0] == 2


def test_server_that_vanishes_while_the_node_starts_is_waited_for(make_harness, new_learner):
    earlier = make_harness(new_learner()).start()
    earlier.make_iterations(1)
    earlier.stop()
    harness = make_harness(new_learner(), folder=earlier.folder)
    harness.node.resume()
    prepared = harness.node._publishing_thread.prepare  # after the lease is taken, before the model is read

    def vanish():
        harness.transport.away = True
        harness.node._publishing_thread.prepare = prepared

    harness.node._publishing_thread.prepare = vanish
    harness._thread.start()
    assert harness.transport.refused.acquire(timeout=60)
    harness.transport.away = False
    harness.recorder.wait("weights_published")
    assert harness.take_in([1], "another") == (1, {})


def test_node_that_waits_for_a_server_at_its_start_can_be_stopped(make_harness):
    harness = make_harness()
    harness.transport.away = True
    harness._thread.start()
    assert harness.transport.refused.acquire(timeout=60)
    with pytest.raises(TransportError, match="The server is away"):
        harness.stop()


def test_model_is_published_again_after_an_outage_in_which_there_was_nothing_to_publish(harness):
    harness.make_iterations(2)
    harness.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
    harness.server.model = (1, b"that of a second ago")
    published = len(harness.recorder.all("weights_published"))
    harness.node._events.put(ServerBack())
    harness.recorder.wait("weights_published", published + 1)
    assert harness.outside.read_model(-1)[0] == 2


def test_what_clients_kept_in_an_outage_is_taken_in_before_the_first_update(harness):
    harness.heartbeat("pc")
    harness.recorder.wait("client_joined")
    harness.make_iterations(1)
    lose_connection(harness)
    harness.transport.away = False
    wait_for("the node to notice", lambda: harness.node._recovery.lasts)
    node = harness.wait_progress(lambda progress: progress.node == harness.node._publishing.node).node
    assert harness.take_in([1] * 4) == (4, {}), "it was sent before the client heard of the outage's end"
    for waiting in (20, 16, 12, 8, 4, 0):
        assert harness.take_in([1] * 4, order={"waiting": waiting, "node": node}) == (4, {})
    assert harness.node.iteration == 1
    for iteration in range(1, 8):
        harness.send([iteration] * 4, order={"node": node})
        harness.recorder.wait("model_updated", where=lambda a, made=iteration + 1: a["iteration"] == made)
    assert (harness.node.env_steps, harness.learner.updates) == (60, 15), "seven were owed, one with each new one"


def test_clients_that_a_server_forgot_are_not_lost(harness):
    harness.heartbeat("pc")
    harness.recorder.wait("client_joined")
    with harness.server.changed:
        harness.server.clients.clear()
        harness.outside.clear()
    harness.wait_progress_after_loss()
    harness.send([0])  # what the monitor saw meanwhile was handled before this
    harness.recorder.wait("samples_received")
    wait_for("the status", harness.outside.read_status)
    assert (set(harness.node._roster.present), harness.recorder.all("client_lost")) == ({"pc"}, [])


def test_clients_that_a_server_forgot_while_it_was_away_are_waited_for(harness):
    harness.heartbeat("pc")
    harness.recorder.wait("client_joined")
    lose_connection(harness)
    harness.server.clients.clear()
    before = harness.node.latest
    harness.transport.away = False
    wait_for("the node to notice", lambda: harness.node._recovery.lasts and harness.node.latest is not before)
    assert harness.recorder.all("client_lost") == []
    harness.clock.now += 16
    harness.recorder.wait("client_lost")


def test_update_does_not_wait_for_a_server_that_is_away(harness):
    harness.outside.push_samples([harness.message([0] * 4)])
    harness.recorder.wait("samples_received")
    harness.transport.away = True
    harness.recorder.wait("model_updated")
    assert harness.learner.updates == 1


def test_node_can_be_stopped_while_the_server_is_away_and_leaves_a_checkpoint(harness, caplog):
    harness.make_iterations(1)
    lose_connection(harness)
    assert harness.stop() == "the test is over"
    assert (harness.folder.checkpoint / "manifest.json").exists()
    assert "While stopping: The server is away." in caplog.text
    assert harness.recorder.all("training_stopped") == [{"reason": "the test is over"}]


def test_server_that_lost_its_memory_gets_config_and_model_again(harness):
    harness.make_iterations(2)
    announced = harness.outside.read_config()
    harness.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
    published = len(harness.recorder.all("weights_published"))
    harness.outside.clear()
    harness.recorder.wait("weights_published", published + 1)
    harness.wait_progress_after_loss()
    assert harness.outside.read_config() == announced
    assert harness.outside.read_model(-1)[0] == 2
    assert harness.take_in([2]) == (1, {})


def forget_everything(server, clock):
    """The server is started again without its memory, with a clock that is behind: ids are lower than before."""
    with server.changed:
        server.__init__(clock)
        server.episodes.first = server.episodes.end = 500


@pytest.fixture
def reported(harness):
    """A harness whose node has counted an episode with a high id in the server."""
    with harness.server.changed:
        harness.server.episodes.first = harness.server.episodes.end = 1000
    harness.report(1)
    harness.recorder.wait("episode_finished")
    return harness


def test_episodes_in_a_server_that_lost_its_memory_are_read_although_their_ids_are_lower(reported):
    lose_connection(reported)
    forget_everything(reported.server, reported.clock)
    for number in (1, 2):
        reported.report(number)
    reported.transport.away = False
    reported.report(3)
    found = reported.recorder.wait("episode_finished", 3)
    assert [event["episode"].id for event in found] == ["pc-1", "pc-2", "pc-3"]


def test_run_that_is_resumed_with_an_empty_server_reads_episodes_although_their_ids_are_lower(
    reported, make_harness, new_learner
):
    reported.stop()
    forget_everything(reported.server, reported.clock)
    again = make_harness(new_learner(), folder=reported.folder)
    again.node.resume()
    again.start()
    for number in (1, 2):
        again.report(number)
    assert again.recorder.wait("episode_finished")[0]["episode"].id == "pc-2"


def test_acknowledgments_start_afresh_after_a_loss_of_memory_so_that_no_client_waits_for_lost_samples(harness):
    harness.take_in([0])
    before = harness.wait_progress(lambda progress: progress.acked)
    harness.outside.clear()
    harness.wait_progress_after_loss()
    after = harness.wait_progress(lambda progress: progress.node != before.node)
    assert (after.run_id, after.env_steps) == (before.run_id, before.env_steps), "it is the same training"


def test_idle_node_repeats_its_progress_now_and_then(harness):
    harness.take_in([0])
    before = harness.wait_progress(lambda progress: progress.acked)
    count = harness.server.message_count
    harness.clock.now += 2.5
    harness.wait_message(count)
    after = harness.progress()
    assert (after.node, after.acked, after.iteration) == (before.node, before.acked, before.iteration)


def test_monitor_looks_at_once_who_has_left_when_the_training_ends(harness, monkeypatch):
    monkeypatch.setattr("soulsai_core.node.monitor._INTERVAL", 0.03)
    waits = []
    read = harness.transport._transport.read_commands
    monkeypatch.setattr(harness.transport._transport, "read_commands", lambda wait: waits.append(wait) or read(wait))
    monkeypatch.setattr("soulsai_core.node.settling.TURNS", 10_000)
    harness.heartbeat("a")
    harness.recorder.wait("client_joined")
    wait_for("a wait of the usual length", lambda: 0.03 in waits)
    harness.node.shutdown("the test is over")
    wait_for("a wait that is short", lambda: waits[-1:] == [0.02])
    harness.heartbeat("a", leaving=True)
    assert harness.join() == "the test is over"


def test_client_without_heartbeat_is_lost_and_can_rejoin(make_harness):
    harness = make_harness(client_timeout_s=15).start()
    harness.heartbeat("a", env_steps=7)
    harness.recorder.wait("client_joined")
    harness.take_in([0], "a")
    harness.clock.now += 16
    assert harness.recorder.wait("client_lost") == [{"client": ClientInfo("a", "host", env_steps=7)}]
    assert harness.outside.roster() == {}
    harness.heartbeat("a")
    harness.recorder.wait("client_joined", 2)
    assert harness.take_in([0], "a") == (1, {})


def test_series_of_a_lost_client_are_dropped(make_harness):
    harness = make_harness(client_timeout_s=15).start()
    harness.heartbeat("a")
    harness.recorder.wait("client_joined")
    harness.take_in([0, 9], "a")
    harness.clock.now += 16
    harness.recorder.wait("client_lost")
    value = harness.metrics.registry.get_sample_value
    assert value("soulsai_samples_admitted_total", {"client": "a"}) is None
    assert value("soulsai_samples_rejected_total", {"client": "a", "reason": "future"}) is None
    assert value("soulsai_clients") == 0


def test_resuming_removes_what_another_training_left_and_keeps_our_own(harness):
    harness.make_iterations(2)
    harness.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
    harness.stop()
    outside = harness.outside
    run_id = harness.folder.name
    newest = resume_on_server(outside, run_id)
    assert newest == outside.read_model(-1) and newest[0] == 2
    assert resume_on_server(outside, "another") is None
    assert outside.read_model(-1) is None


def test_resuming_with_an_empty_server_begins_at_the_checkpoint(make_harness):
    outside = make_harness().outside
    assert resume_on_server(outside, "a training") is None


@pytest.mark.parametrize("progress", [b"\xff progress", b"\x81\xa6run_id\xa1\xff"])
def test_resuming_clears_a_server_whose_progress_cannot_be_read(make_harness, progress):
    outside = make_harness().outside
    outside.publish(9, b"model", progress)
    assert resume_on_server(outside, "a training") is None
    assert outside.read_model(-1) is None


def test_texts_of_clients_reach_status_log_and_metrics_without_anything_that_controls_a_terminal(make_harness, caplog):
    harness = make_harness().start()
    escape = "\x1b]8;;https://evil.example\x1b\\click\x1b[2J\n\u202e\x9b"
    info = ClientInfo("pc", escape, problem=escape, unfit=escape, left_out=3)
    harness.outside.heartbeat("pc", msgspec.json.encode(info))
    harness.outside.heartbeat(f"pc{escape}", msgspec.json.encode(ClientInfo(f"pc{escape}", "host")))
    harness.report(1, 7.0, client=f"pc{escape}")
    harness.report(1, 5.0, client="pc", metrics={f"m{escape}": 1.0, "hits": 2.0})
    harness.send([0], client=f"pc{escape}")
    [finished] = harness.recorder.wait("episode_finished")
    assert finished["episode"].total_reward == 5.0 and finished["episode"].metrics == {"hits": 2.0}
    harness.recorder.wait("samples_received", where=lambda a: a["rejected"] == {"header": 1})
    wait_for("the client", lambda: harness.status().clients)
    assert all(name.isprintable() for name in harness.node._intake.ledger.counts)
    shown = msgspec.json.decode(harness.outside.read_status()[1])
    texts = [value for client in shown["clients"] for value in client["info"].values() if isinstance(value, str)]
    assert len(shown["clients"]) == 1 and all(text.isprintable() for text in texts) and "click" in texts[1]
    assert all(line.isprintable() for record in caplog.records for line in record.getMessage().split("\n"))
