"""A resumed training continues all counters and its files, with changed settings."""

from __future__ import annotations

import json

import pytest

from soulsai_core.run_folder import RunFolder

pytestmark = pytest.mark.stack


def episodes_of(stack):
    return [json.loads(line) for line in (stack.run_folder / "episodes.jsonl").read_text().splitlines()]


def test_counters_and_episodes_continue_and_changed_settings_apply(stack):
    stack.train("--seed", "1", steps=500).wait_for_end()
    first = stack.counters()
    episodes = episodes_of(stack)
    settings = ["training.stop.env_steps=1000", "algorithm.config.step_size=0.07"]
    output = stack.run("train", "--resume", settings=settings)
    second = stack.counters()
    more = episodes_of(stack)
    assert f"Training {stack.run_folder.name};" in output
    assert second["env_steps"] >= 1000 > first["env_steps"]
    assert second["iteration"] > first["iteration"] and second["elapsed"] > first["elapsed"]
    assert more[: len(episodes)] == episodes and len(more) > len(episodes)
    new = more[len(episodes) :]
    assert all(row["env_steps"] >= first["env_steps"] and row["iteration"] >= first["iteration"] for row in new)
    saved = json.loads((stack.run_folder / "config.json").read_text())
    assert saved["algorithm"]["config"]["step_size"] == 0.07
    assert saved["algorithm"]["config"]["features"] == 16 and saved["run"]["seed"] == 1


def test_training_that_is_running_is_not_resumed_by_another_process(run_here, tmp_path):
    folder = RunFolder(tmp_path / "saves" / "a")
    (folder.path / "checkpoint").mkdir(parents=True)
    (folder.path / "checkpoint" / "manifest.json").write_text("{}")
    folder.config.write_text("{}")
    named = ("train", "--resume", str(folder.path))
    newest = ("train", "--resume", "--set", f"run.saves={tmp_path / 'saves'}")
    with folder.held(1.8e9):
        for arguments in (named, newest):
            output = run_here(*arguments, settings=["environment.config.id=CartPole-v1"], code=2)
            assert "is running (process" in output and "stop it first" in output


def test_edited_config_file_applies_and_settings_that_do_not_fit_are_named(run_here, tmp_path, caplog):
    run_file = tmp_path / "work" / "config.yaml"
    run_file.write_text(
        "training: {stop: {seconds: 0.01}}\nenvironment: {config: {id: CartPole-v1}}\n"
        "algorithm: {config: {learning_starts: 300, hidden: [8]}}\n"
    )
    train = ("train", "--no-telemetry", "--clients", "0")
    run_here(*train)
    output = run_here(*train, "--resume")
    assert "from step 0, iteration 0. Before: finished at" in output
    assert "has ended: " in output and "--set training.stop.seconds=" in output
    run_file.write_text(run_file.read_text().replace("0.01", "60"))
    output = run_here(*train, "--resume", settings=["training.stop.seconds=1"])
    assert "What was edited in config.yaml applies: training.stop.seconds (60 now, 0.01 then)" in caplog.text
    assert "Training ended" in output
    output = run_here(*train, "--resume", settings=["algorithm.config.head=scalar"], code=2)
    assert 'not those it was made with: algorithm.config.head ("scalar" now, "quantile" then)' in output
