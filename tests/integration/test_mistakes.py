"""Mistakes of plugins in real processes: a sentence for the user, the traceback in the log file, and nothing loops."""

from __future__ import annotations

import pytest
from commands import add_entry_point
from waiting import wait_for

pytestmark = pytest.mark.stack


@pytest.fixture
def mistaken(stack, tmp_path):
    """A function: the stack with this plugin of the helper `mistaken`, and its settings."""

    def install(name):
        add_entry_point(tmp_path / "site", "acme", name, f"mistaken:{name}")
        stack.add_to_path(tmp_path / "site")
        return stack, [f"algorithm.name={name}", "algorithm.config.warm_up=8", "environment.config.id=CartPole-v1"]

    return install


def test_training_ends_with_the_sentence_and_the_traceback_is_in_its_log(mistaken):
    stack, settings = mistaken("failing")
    output = stack.train(algorithm=settings).wait_for_end(2)
    sentence = "The algorithm 'failing' of acme 1.0 has a mistake: Learner.update raised KeyError: 'loss'"
    assert output.rstrip().splitlines()[-1].startswith(f"soulsai: {sentence}")
    log = (stack.run_folder / "logs" / "training-node.log").read_text()
    assert log.count("Traceback") == 1 and "mistaken.py" in log


def test_clients_give_up_with_the_sentence(mistaken):
    stack, settings = mistaken("wrong_actions")
    output = stack.train(algorithm=settings).wait_for_end(2)
    assert "Starting it again" not in output
    last = output.rstrip().splitlines()[-1]
    assert "The algorithm 'wrong_actions' of acme 1.0 has a mistake: Actor.act gave an array of int32 (1,)" in last


def test_learner_that_hangs_at_its_start_is_named_within_seconds(mistaken):
    stack, settings = mistaken("hanging_start")
    command = stack.train(algorithm=settings)
    command.wait_for_output(
        r"'hanging_start' of acme 1\.0 is slow: learner has been running for \d s, now in mistaken\.py"
    )
    command.kill()


def test_game_that_hangs_in_a_process_of_its_own_is_named_within_seconds(stack):
    settings = ["environment.config.id=mistaken:Hanging-v0", "client.isolate=true"]
    command = stack.train("--clients", "1", settings=settings)
    command.wait_for_output("Training .*; Ctrl-C")
    log = stack.run_folder / "logs" / "client-1.log"
    wait_for("the sentence", lambda: log.exists() and "is slow" in log.read_text())
    [sentence] = [line for line in log.read_text().splitlines() if "is slow" in line]
    assert "The environment 'gymnasium' of soulsai-core" in sentence
    assert "Environment.step has been running for" in sentence
    command.kill()


def test_doctor_tells_it_before_the_start(mistaken):
    stack, _ = mistaken("failing")
    output = stack.run("doctor", "--plugin", "failing", code=2)
    assert "problem  algorithm    The algorithm 'failing' of acme 1.0 has a mistake: Learner.update raised" in output
