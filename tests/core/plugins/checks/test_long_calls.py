"""Calls of plugins that take long are named, and never ended."""

import threading

import pytest
from waiting import wait_for

from soulsai_core.plugins.checks import LongCalls

OWNER = "The environment 'mine' of mine 1.2"


@pytest.fixture
def calls(clock):
    return LongCalls(clock, imported=lambda: 1)


@pytest.fixture
def said(caplog):
    return lambda: [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def long_call(calls, clock, running, *seconds, method="Environment.step"):
    """A call that is looked at after each of these seconds. Returns what was said."""
    begin = clock.now
    sentences = []
    with running.calling(method):
        for after in seconds:
            clock.now = begin + after
            sentences.append(calls.look())
    return sentences


def test_long_call_is_logged_once_and_again_when_it_has_returned(calls, clock, said):
    running = calls.running(OWNER)
    long_call(calls, clock, running, 5, 6, 40, 95)
    [named] = said()
    assert named.startswith(
        f"{OWNER} is slow: Environment.step has been running for 6 s, now in test_long_calls.py line"
    )
    assert named.endswith(". Waiting for it; end the program if it hangs.")
    assert calls.look() == calls.look() == ""
    assert said() == [named, f"{OWNER} was slow: Environment.step took 95 s."]


def test_every_look_during_a_long_call_returns_a_sentence(calls, clock):
    running = calls.running(OWNER)
    sentences = long_call(calls, clock, running, 5, 6, 40)
    assert sentences[0] == calls.look() == ""
    assert "has been running for 6 s" in sentences[1] and "for 40 s" in sentences[2]


def test_short_calls_one_after_the_other_are_not_one_long_call(calls, clock, said):
    running = calls.running(OWNER)
    for _ in range(5):
        long_call(calls, clock, running, 4)
    clock.now += 1000
    assert calls.look() == "" and said() == []


def test_later_long_calls_of_a_method_must_be_longer_and_are_counted(calls, clock, said):
    running = calls.running(OWNER)
    for _ in range(8):
        long_call(calls, clock, running, 29, 31)
    calls.look()
    took = [sentence for sentence in said() if "took" in sentence]
    assert len(took) == 4 and took[-1].endswith("took 31 s. That was the 8th long call of it.")


def test_later_calls_of_some_seconds_are_known_to_be_slow(calls, clock, said):
    running = calls.running(OWNER)
    long_call(calls, clock, running, 6)
    calls.look()
    long_call(calls, clock, running, 29)
    calls.look()
    assert len(said()) == 2


def test_each_method_is_named_by_itself(calls, clock, said):
    running = calls.running(OWNER)
    for method in ("Environment.reset", "Environment.step"):
        long_call(calls, clock, running, 6, method=method)
        calls.look()
    assert [sentence.split(": ")[1].split()[0] for sentence in said()] == ["Environment.reset"] * 2 + [
        "Environment.step"
    ] * 2


def test_call_within_the_call_of_another_plugin_is_the_one_that_is_named(calls, clock, said):
    outer = calls.running("The algorithm 'theirs' of theirs 1.0")
    inner = LongCalls(clock, imported=lambda: 1).running("The network 'mine' of mine 1.2")  # of another catalog
    with outer.calling("learner"), inner.calling("build"):
        clock.now += 6
        calls.look()
    [named] = said()
    assert named.startswith("The network 'mine' of mine 1.2 is slow: build has been running for 6 s")


def test_call_that_imports_a_large_library_is_not_named_while_modules_come(clock, said):
    modules = iter([1, 2, 3, 4, 4, 4])
    calls = LongCalls(clock, imported=lambda: next(modules))
    sentences = long_call(calls, clock, calls.running(OWNER), 4, 8, 12, 16, 18, method="learner")
    assert sentences[:4] == [""] * 4
    assert "learner has been running for 18 s" in sentences[4]  # nothing has come for 6 s
    [named] = said()
    assert named == sentences[4]


def test_objects_that_are_gone_are_not_looked_at(calls, clock):
    for _ in range(100):
        calls.running(OWNER)
    assert len(calls._watched) == 0


def test_a_thread_names_what_hangs_before_anything_else_looks(said):
    calls = LongCalls(first=0.01)
    gate = threading.Event()
    running = calls.running(OWNER)

    def hang():
        with running.calling("make"):
            gate.wait(60)

    thread = threading.Thread(target=hang)
    with calls.watched():
        thread.start()
        wait_for("the sentence", lambda: any("make has been running" in sentence for sentence in said()))
        gate.set()
    thread.join(60)
    assert not thread.is_alive()


class Inner:
    def reset(self): ...

    def step(self, look):
        return look()


class Outer(Inner):
    soulsai_owner = "The wrapper 'theirs' of theirs 1.0"

    def step(self, look):
        return super().step(look)


class Around(Outer):
    def step(self, look):
        return Inner().step(look)


@pytest.mark.parametrize(("env", "named"), [(Outer(), True), (Around(), False), (Inner(), False)])
def test_wrapper_is_named_in_whose_code_the_thread_is_and_not_the_one_around_it(calls, clock, env, named):
    running = calls.running(OWNER)
    with running.calling("Environment.step"):
        clock.now += 6
        sentence = env.step(calls.look)
    assert ("py line" in sentence and "in the wrapper 'theirs' of theirs 1.0. Waiting" in sentence) == named, sentence
