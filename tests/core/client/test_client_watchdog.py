"""Late steps, environments that give too few steps, and the last failure in heartbeats."""

import msgspec
import pytest

from soulsai_core.messages import ClientInfo
from soulsai_core.steps import END, POSITION, ROWS, START, End


@pytest.fixture
def slow(scripted, clock):
    """A function: an environment whose steps of these numbers, counted from 1, take 2 seconds, and others 0.1."""

    def make(late, **options):
        environment = scripted(**options)
        number = [0]
        inner = environment.step

        def step(actions):
            number[0] += 1
            clock.now += 2.0 if number[0] in late else 0.1
            return inner(actions)

        environment.step = step
        return environment

    return make


def test_late_steps_are_counted_and_sent(client_thread, node, slow):
    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: slow({2, 4}, lengths=(5,)), late_step_s=1.0, max_message_rows=10).start()
    assert node.steps(node.receive(10))[:10] == list(range(1, 11))
    thread.stop()
    info = thread.client._info()
    assert info.late_steps == 2 and not (node.messages[0].steps.ends == End.DISCARDED).any()


def test_late_steps_can_be_discarded_and_the_episode_goes_on(client_thread, node, slow):
    node.window = 100_000
    node.publish(0)
    settings = {"late_step_s": 1.0, "discard_late_steps": True, "max_message_rows": 5}
    thread = client_thread(lambda: slow({2, 4}, lengths=(5,)), **settings).start()
    first = node.receive(5)[0].steps
    assert first.segments[:, (POSITION, ROWS, START, END)].tolist() == [
        [0, 2, 1, End.DISCARDED],
        [2, 2, 0, End.DISCARDED],
        [4, 1, 0, End.TERMINATED],
    ]
    assert node.episodes(1)[0].length == 5, "the report has all steps"
    thread.stop()


def test_heartbeat_has_the_times_of_the_steps(client_thread, node, slow):
    infos = []
    node.publish(0)
    thread = client_thread(lambda: slow({30}, lengths=(50,)), backpressure="drop")
    info_of = thread.client._uplink._info
    thread.client._uplink._info = lambda: infos.append(info_of()) or infos[-1]
    thread.start()
    node.episodes(1)
    thread.stop()
    infos.append(info_of())
    assert max(info.slowest_step_seconds for info in infos) == pytest.approx(2.0)
    assert all(0 <= info.step_seconds <= info.slowest_step_seconds for info in infos)


def test_environment_that_gives_too_few_steps_is_started_again(client_thread, node, slow):
    made = []

    def make():
        made.append(None)
        late = set(range(1, 40)) if len(made) == 1 else set()
        return slow(late, lengths=(500,))

    node.publish(0)
    client_thread(make, wait=lambda *_: None, min_steps_per_minute=100, backpressure="drop").start()
    broken, whole = node.episodes(2)
    assert (broken.complete, whole.complete) == (False, True)
    assert broken.length == 29 and len(made) == 2


def test_heartbeat_has_the_last_failure_until_an_episode_has_ended(client_thread, node, failing, server):
    problems = []
    node.publish(0)
    thread = client_thread(
        lambda: failing({3}, lengths=(5,)),
        wait=lambda *_: problems.append(thread.client._info().problem),
        backpressure="drop",
    )
    thread.start()
    node.episodes(2)
    thread.stop()
    assert problems == ["The game hangs."]
    info = thread.client._info()
    assert (info.restarts, info.problem) == (1, "")
    assert msgspec.json.decode(msgspec.json.encode(info), type=ClientInfo) == info
