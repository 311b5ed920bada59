"""`soulsai status` shows texts from clients as they are."""

import io

import pytest
from rich.console import Console

from soulsai_core.cli.running.status_table import render
from soulsai_core.messages import ClientInfo
from soulsai_core.node.health.judging import judge
from soulsai_core.node.status.node_status import ClientStatus, NodeStatus


@pytest.fixture
def shown():
    """(text) -> what a terminal gets to see of a client with this id, host, problem and unfit column."""

    def show(text):
        info = ClientInfo(text, text, problem=text, unfit=text)
        status = NodeStatus(
            run_id="run", folder="saves/run", state="running", iteration=1, env_steps=1, goal_env_steps=None,
            elapsed=1.0, episodes=0, mean_return=None, window_episodes=20, steps_per_second=1.0,
            iterations_per_second=1.0, acceptance=1.0, rejected={text: 1},
            staleness={"iterations": 0.0, "env_steps": 0.0, "seconds": 0.0}, backlog=0,
            clients=[ClientStatus(info, 1, {text: 2})], learner={text: 1.0},
        )  # fmt: skip
        terminal = io.StringIO()
        Console(file=terminal, force_terminal=True, width=300).print(
            render(status, judge(status, age=0.0, now=0.0), 300)
        )
        return terminal.getvalue()

    return show


@pytest.mark.parametrize(
    "text", ["[/]", "[red]x[/red]", "[link=https://evil.example]click[/link]", "[bold", "\\[", ":smile:", "[[x]]"]
)
def test_markup_is_text(shown, text):
    assert text in shown(text)
    assert "\x1b]8;" not in shown(text), "no link"
