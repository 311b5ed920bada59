"""The node and a server that is away, comes back, or has lost its memory."""

import logging

from soulsai_core.messages import ClientInfo
from soulsai_core.node.resuming import take_over


def lose_connection(stage):
    """All of the node's threads have noticed that the server is away."""
    stage.transport.away = True
    for _ in range(4):
        assert stage.transport.refused.acquire(timeout=20)


def test_start_forgets_what_an_earlier_training_left(staged, server):
    earlier = staged().start()
    earlier.make_iterations(3)
    earlier.report(1)
    earlier.stop()
    later = staged().start()
    assert later.outside.read_model(-1)[0] == 0
    assert later.progress().run_id == later.folder.name != earlier.folder.name
    later.report(1, 7.0, client="new")
    assert later.recorder.wait("episode_finished")[0]["episode"].total_reward == 7.0
    assert later.take_in([0]) == (1, {})


def test_node_waits_for_a_server_that_is_away_and_goes_on(stage, caplog):
    stage.make_iterations(1)
    with caplog.at_level(logging.WARNING):
        lose_connection(stage)
        stage.send([1] * 4)
        stage.report(1)
        stage.transport.away = False
        stage.recorder.wait("model_updated", where=lambda a: a["iteration"] == 2)
        stage.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
        stage.recorder.wait("episode_finished")
        stage.stop()
    assert "The server is away. Trying again until it is back." in caplog.text
    assert "The server is back." in caplog.text
    assert stage.outside.read_model(-1)[0] == 2


def test_update_does_not_wait_for_a_server_that_is_away(stage):
    stage.outside.push_samples([stage.message([0] * 4)])
    stage.recorder.wait("samples_received")
    stage.transport.away = True
    stage.recorder.wait("model_updated")


def test_node_can_be_stopped_while_the_server_is_away_and_leaves_a_checkpoint(stage, caplog):
    stage.make_iterations(1)
    lose_connection(stage)
    assert stage.stop() == "the test is over"
    assert (stage.folder.checkpoint / "manifest.json").exists()
    assert "While stopping: The server is away." in caplog.text
    assert stage.recorder.all("training_stopped") == [{"reason": "the test is over"}]


def test_server_that_lost_its_memory_gets_config_and_model_again(stage):
    stage.make_iterations(2)
    announced = stage.outside.read_config()
    stage.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
    published = len(stage.recorder.all("weights_published"))
    stage.outside.clear()
    stage.recorder.wait("weights_published", published + 1)
    stage.wait_progress_after_loss()
    assert stage.outside.read_config() == announced
    assert stage.outside.read_model(-1)[0] == 2
    assert stage.take_in([2]) == (1, {})


def test_acknowledgements_start_afresh_after_a_loss_of_memory_so_that_nobody_waits_for_lost_samples(stage):
    stage.take_in([0])
    before = stage.wait_progress(lambda progress: progress.acked)
    stage.outside.clear()
    stage.wait_progress_after_loss()
    stage.wait_progress(lambda progress: progress.node != before.node)


def test_idle_node_repeats_its_progress_now_and_then(stage):
    stage.take_in([0])
    count = stage.server.message_count
    stage.clock.now += 2.5
    stage.wait_message(count)


def test_client_without_heartbeat_is_lost_and_can_rejoin(staged):
    stage = staged(client_timeout_s=15).start()
    stage.heartbeat("a", env_steps=7)
    stage.recorder.wait("client_joined")
    stage.take_in([0], "a")
    stage.clock.now += 16
    assert stage.recorder.wait("client_lost") == [{"client": ClientInfo("a", "host", env_steps=7)}]
    assert stage.outside.roster() == {}
    stage.heartbeat("a")
    stage.recorder.wait("client_joined", 2)
    assert stage.take_in([0], "a") == (1, {})


def test_series_of_a_lost_client_are_dropped(staged):
    stage = staged(client_timeout_s=15).start()
    stage.heartbeat("a")
    stage.recorder.wait("client_joined")
    stage.take_in([0, 9], "a")
    stage.clock.now += 16
    stage.recorder.wait("client_lost")
    value = stage.metrics.registry.get_sample_value
    assert value("soulsai_samples_admitted_total", {"client": "a"}) is None
    assert value("soulsai_samples_rejected_total", {"client": "a", "reason": "future"}) is None
    assert value("soulsai_clients") == 0


def test_take_over_clears_what_another_training_left_and_keeps_our_own(stage):
    stage.make_iterations(2)
    stage.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
    stage.stop()
    assert take_over(stage.outside, stage.folder.name, iteration=1) == 3, "newer than any client has seen"
    assert take_over(stage.outside, stage.folder.name, iteration=2) == 2, "that model is the checkpoint's own"
    assert stage.outside.read_model(-1) is not None
    assert take_over(stage.outside, "another", iteration=1) == 1
    assert stage.outside.read_model(-1) is None


def test_take_over_of_an_empty_server_begins_at_the_checkpoint(staged):
    outside = staged().outside
    assert take_over(outside, "a training", iteration=7) == 7


def test_take_over_clears_a_server_whose_progress_cannot_be_read(staged):
    outside = staged().outside
    outside.publish(9, b"model", b"\xff progress")
    assert take_over(outside, "a training", iteration=7) == 7
    assert outside.read_model(-1) is None
