"""What is said when a training has ended: nothing is suggested that cannot work."""

import io

import msgspec
import pytest
from rich.console import Console

from soulsai_core.cli.running.status_table import render
from soulsai_core.cli.training.ending import print_end
from soulsai_core.node.health.judging import judge
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.run_folder import RunFolder

LEARNED = NodeStatus(
    run_id="run", folder="saves/run", state="ended", iteration=7, env_steps=300, goal_env_steps=None, elapsed=20.0,
    episodes=9, mean_return=12.0, window_episodes=50, steps_per_second=0.0, iterations_per_second=0.0, acceptance=1.0,
    rejected={}, staleness={"iterations": 0.0, "env_steps": 0.0, "seconds": 0.0}, backlog=0, clients=[], learner={},
    averaged_episodes=9,
)  # fmt: skip


def printed(show):
    out = io.StringIO()
    show(Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture
def said(tmp_path):
    """(changes of the last status) -> what is printed at the end."""

    def say(**changes):
        status = msgspec.structs.replace(LEARNED, **changes)
        return printed(
            lambda console: print_end(RunFolder(tmp_path / "run"), status, "interrupted", " --serial", console)
        )

    return say


def test_model_that_has_learned_can_be_measured_watched_and_drawn(said):
    text = said()
    assert "mean of the last 9 of 9 episodes" in text and "20 s: 300 steps, 7 iterations" in text
    for command in ("eval", "play", "plot", "train --resume"):
        assert f"soulsai {command} " in text
    assert "nothing" not in text and "--serial" in text


@pytest.mark.parametrize(
    ("changes", "why", "drawn"),
    [
        (
            {"env_steps": 0, "rejected": {"unfit": 2936, "stale": 5}},
            "all steps were rejected, 2,936 unfit, 5 stale",
            True,
        ),
        ({"env_steps": 0, "mean_return": None, "episodes": 0}, "no step came", False),
        ({}, "it ended before the first update", True),
    ],
)
def test_of_a_model_that_has_learned_nothing_it_is_said_why_and_only_a_resume_suggested(said, changes, why, drawn):
    text = said(iteration=0, **changes)
    assert f"Learned nothing: {why}" in text
    assert "soulsai eval" not in text and "soulsai play" not in text and "soulsai train --resume" in text
    assert ("soulsai plot" in text) == drawn


def test_training_that_ended_before_its_first_status_says_that_it_has(tmp_path):
    text = printed(lambda console: print_end(RunFolder(tmp_path / "run"), None, "interrupted", "", console))
    assert "Training ended: interrupted." in text and "Learned nothing: it ended at once" in text
    assert "soulsai train --resume" in text and "soulsai eval" not in text


def test_model_that_began_with_another_ones_weights_can_be_measured_before_its_first_update(said):
    text = said(iteration=0, origin="the weights of other")
    assert "soulsai eval" in text and "Learned nothing: it ended" in text


def test_status_says_what_a_run_began_with():
    status = msgspec.structs.replace(LEARNED, origin="the weights and steps of other, 500 steps")
    for shown, there in ((status, True), (LEARNED, False)):
        text = printed(lambda console, shown=shown: console.print(render(shown, judge(shown, age=0.0, now=0.0), 200)))
        assert ("began with  the weights and steps of other, 500 steps" in text) == there
