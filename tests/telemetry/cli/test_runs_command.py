"""`soulsai runs`."""

import json
import time
from datetime import datetime

import msgspec
import pytest

from soulsai_core.app import RunFolder


def test_table_has_environment_algorithm_steps_and_returns(save, run):
    save("2026-01-01_lander", [1, 2, 3])
    save("2026-01-02_cart", [5], environment="CartPole", algorithm="ppo")
    code, out, _ = run("runs")
    head, first, second = out.strip().splitlines()
    assert code == 0
    assert head.split() == ["Run", "State", "Environment", "Algorithm", "Steps", "Episodes", "Best", "Last", "Started"]
    assert first.split()[:8] == ["2026-01-01_lander", "unknown", "Lander", "dqn", "30", "3", "2.00", "2.00"]
    assert second.split()[:5] == ["2026-01-02_cart", "unknown", "CartPole", "ppo", "10"]


def test_programs_can_ask_for_json(save, run):
    save("one", [1, 3])
    code, out, _ = run("runs", "--json", "--window", 1)
    [row] = json.loads(out)
    assert (code, row["best"], row["steps"], row["running"]) == (0, 3.0, 20, False)


def test_run_that_goes_on_is_told_from_one_that_was_killed(save, run, status):
    folder = save("one", [1])
    written_now = msgspec.structs.replace(status.node, time=time.time())
    (folder / "status.json").write_bytes(msgspec.json.encode(written_now))
    (folder / "lock").touch()
    assert run("runs")[1].splitlines()[1].split()[:5] == ["one", "killed", "Lander", "dqn", "60"]
    with RunFolder(folder).held(1.8e9):
        assert run("runs")[1].splitlines()[1].split()[1] == "collecting"
    ended = msgspec.structs.replace(status.node, state="ended", reason="the goal is reached")
    (folder / "status.json").write_bytes(msgspec.json.encode(ended))
    assert run("runs")[1].splitlines()[1].split()[1] == "finished"


def test_run_whose_episodes_have_no_time_started_as_its_status_says(save, run, status):
    folder = save("one", [1])
    row = json.loads((folder / "episodes.jsonl").read_text())
    (folder / "episodes.jsonl").write_text(json.dumps({**row, "entry": "00000000000000000001"}) + "\n")
    ended = msgspec.structs.replace(status.node, state="ended", time=1.6e9, elapsed=100.0)
    (folder / "status.json").write_bytes(msgspec.json.encode(ended))
    [shown] = json.loads(run("runs", "--json")[1])
    assert shown["started"] == 1.6e9 - 100


def test_run_without_an_episode_has_no_score(save, run):
    save("one", [])
    assert run("runs")[1].splitlines()[1].split()[4:8] == ["0", "0", "-", "-"]


def test_missing_folder_is_explained(run):
    code, _, err = run("runs", "--saves", "elsewhere")
    assert (code, "There is no run at elsewhere" in err) == (2, True)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_cut_off_in_a_terminal_of_any_width(save, run, monkeypatch, width):
    save("2026-01-01_12-00-00_LunarLander-v3-dqn", range(60), environment="LunarLander-v3")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = run("runs")[1]
    for text in ("2026-01-01_12-00-00_LunarLander-v3-dqn", "LunarLander-v3", "dqn", "600", "Best", "34.5", "Last"):
        assert text in shown
    assert "…" not in shown


def test_start_that_was_killed_before_its_training_began_is_named_and_no_run(save, run):
    folder = save("one", [1]).with_name("two")
    with RunFolder.create(folder.parent, "x", datetime(2026, 1, 1)).held(1.8e9):
        assert run("runs")[2] == "", "it is about to begin"
    [killed] = folder.parent.glob("2026*")
    code, out, err = run("runs")
    assert code == 0 and killed.name not in out
    assert f"{killed.name} is of a start that was killed before its training began" in err
    for command in ("plot", "telemetry --run-folder"):
        code, _, err = run(*command.split(), killed)
        assert code == 2 and "is of a start that was killed before its training began" in err
