"""Late steps, environments that give too little, and the reason of the last failure."""

import msgspec
import pytest

from soulsai_core.messages import ClientInfo
from soulsai_core.steps import END, POSITION, ROWS, START, End


@pytest.fixture
def slow(scripted, clock):
    """A function: an environment whose steps of these numbers, counted from 1, take 2 seconds, and others 0.1."""

    def make(late, **options):
        environment, number = scripted(**options), [0]
        inner = environment.step

        def step(actions):
            number[0] += 1
            clock.now += 2.0 if number[0] in late else 0.1
            return inner(actions)

        environment.step = step
        return environment

    return make


def test_late_steps_are_counted_and_are_samples(played, node, slow):
    node.window = 100_000
    node.publish(0)
    play = played(lambda: slow({2, 4}, lengths=(5,)), late_step_s=1.0, max_group_rows=10).start()
    assert node.steps(node.receive(10))[:10] == list(range(1, 11))
    play.stop()
    info = play.client._info()
    assert info.late_steps == 2 and not (node.messages[0].steps.ends == End.DISCARDED).any()


def test_late_steps_can_be_discarded_and_what_they_led_to_goes_on(played, node, slow):
    node.window = 100_000
    node.publish(0)
    settings = {"late_step_s": 1.0, "discard_late_steps": True, "max_group_rows": 5}
    play = played(lambda: slow({2, 4}, lengths=(5,)), **settings).start()
    first = node.receive(5)[0].steps
    assert first.segments[:, (POSITION, ROWS, START, END)].tolist() == [
        [0, 2, 1, End.DISCARDED],
        [2, 2, 0, End.DISCARDED],
        [4, 1, 0, End.TERMINATED],
    ]
    assert node.episodes(1)[0].length == 5, "what happened is reported, though not all of it is learnt from"
    play.stop()


def test_times_of_steps_are_told_with_the_heartbeat(played, node, slow):
    told = []
    node.publish(0)
    play = played(lambda: slow({30}, lengths=(50,)), backpressure="drop")
    inform = play.client._uplink._info
    play.client._uplink._info = lambda: told.append(inform()) or told[-1]
    play.start()
    node.episodes(1)
    play.stop()
    told.append(inform())
    assert max(info.slowest_step_seconds for info in told) == pytest.approx(2.0)
    assert all(0 <= info.step_seconds <= info.slowest_step_seconds for info in told)


def test_environment_that_gives_too_little_is_started_again(played, node, slow):
    made = []

    def make():
        made.append(None)
        late = set(range(1, 40)) if len(made) == 1 else set()
        return slow(late, lengths=(500,))

    node.publish(0)
    played(make, wait=lambda *_: None, min_steps_per_minute=100, backpressure="drop").start()
    broken, whole = node.episodes(2)
    assert (broken.complete, whole.complete) == (False, True)
    assert broken.length == 29 and len(made) == 2


def test_reason_of_the_last_failure_is_told_until_an_episode_was_finished(played, node, breakable, server):
    told = []
    node.publish(0)
    play = played(
        lambda: breakable({3}, lengths=(5,)),
        wait=lambda *_: told.append(play.client._info().trouble),
        backpressure="drop",
    )
    play.start()
    node.episodes(2)
    play.stop()
    assert told == ["The game hangs."]
    info = play.client._info()
    assert (info.restarts, info.trouble) == (1, "")
    assert msgspec.json.decode(msgspec.json.encode(info), type=ClientInfo) == info
