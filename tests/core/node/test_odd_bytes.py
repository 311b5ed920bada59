"""Bytes that no client of ours sends: they cost themselves, and not the training."""

import pytest

PATIENCE = 60
ODD = [b'"\xff"', b"[" * 9000 + b"]" * 9000]


@pytest.mark.parametrize("odd", ODD, ids=["not UTF-8", "deep"])
def test_command_of_odd_bytes_is_left_out_and_the_next_is_answered(harness, odd):
    command = b'{"id":"c0","name":"quicksave","options":{"a":%b}}' % odd
    harness.outside.command("c0", command, PATIENCE, lambda: not harness.server.commands)  # until it was taken
    assert harness.command("quicksave").ok


@pytest.mark.parametrize("odd", ODD, ids=["not UTF-8", "deep"])
def test_heartbeat_of_odd_bytes_is_one_without_a_host(harness, odd):
    harness.outside.heartbeat("pc", b'{"id":"pc","newer":%b,"host":%b}' % (odd, odd))
    [joined] = harness.recorder.wait("client_joined")
    assert (joined["client"].id, joined["client"].host) == ("pc", "?")


@pytest.mark.parametrize("odd", ODD, ids=["not UTF-8", "deep"])
def test_episode_of_odd_bytes_is_left_out_also_after_a_resume(make_harness, new_learner, caplog, odd):
    first = make_harness().start()
    report = b'{"newer":%b,"id":"pc-1","client":%b,"total_reward":1,"length":1,"iteration":1,"seconds":1}' % (odd, odd)
    first.outside.push_episodes([report])
    first.report(2)
    assert first.recorder.wait("episode_finished")[0]["episode"].id == "pc-2"
    assert "An episode could not be read and was left out" in caplog.text
    first.stop()
    first.outside.push_episodes([report])
    second = make_harness(new_learner(), folder=first.folder)
    second.node.resume()
    second.start().report(3)
    assert second.recorder.wait("episode_finished")[0]["episode"].id == "pc-3"
