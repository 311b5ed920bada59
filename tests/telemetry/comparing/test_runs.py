"""Runs on disk."""

import json

import msgspec
import pytest

from soulsai_core import Catalog, ConfigError
from soulsai_telemetry.comparing.runs import Run, find_runs, group
from soulsai_telemetry.history.builder import EpisodeReport


def test_run_has_the_environment_and_algorithm_of_its_configuration(save):
    [run] = find_runs([save("one", [1, 3])])
    assert (run.name, run.environment, run.algorithm, run.folder.is_held) == ("one", "Lander", "dqn", False)
    assert [(point.steps, point.time) for point in run.points] == [(10, 1700000001.0), (20, 1700000002.0)]


@pytest.mark.parametrize(("axis", "positions"), [("steps", [10, 20]), ("episodes", [1, 2]), ("hours", [0, 1 / 3600])])
def test_curve_lies_over_any_axis(save, axis, positions):
    [run] = find_runs([save("one", [1, 3])])
    x, y = run.curve("return", axis, 2)
    assert x.tolist() == pytest.approx(positions)
    assert y.tolist() == [1, 2]


def test_numbers_of_info_can_be_drawn(save):
    [run] = find_runs([save("one", [1, 3])])
    assert run.values("boss_hp", "episodes")[1].tolist() == [0.5, 1.5]
    assert run.values("no such", "episodes")[1].tolist() == []


def test_metrics_of_its_own_settings_can_be_drawn(save):
    folder = save("one", [1, 3])
    config = msgspec.json.decode((folder / "config.json").read_bytes())
    config["telemetry"] = {"config": {"metrics": {"win": {"key": "total_reward", "condition": "> 2"}}}}
    (folder / "config.json").write_bytes(msgspec.json.encode(config))
    [run] = find_runs([folder])
    assert run.values("win", "episodes")[1].tolist() == [0, 1]


def test_score_is_the_best_and_last_average_over_a_whole_window(save):
    [run] = find_runs([save("one", [100, 1, 2, 3, 0])])
    assert run.score(2) == (50.5, 1.5)
    assert run.score(50) == (pytest.approx(21.2), pytest.approx(21.2))


def test_run_that_was_only_watched_from_here_is_a_run_too(tmp_path, episode):
    folder = tmp_path / "saves" / "far" / "telemetry"
    folder.mkdir(parents=True)
    rows = [EpisodeReport(f"{i}-0", 1.7e9 + i, episode(f"client-1-{i}", i)) for i in (1, 2)]
    (folder / "episodes.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    [run] = find_runs([tmp_path / "saves"])
    assert (run.name, run.algorithm, [point.steps for point in run.points]) == ("far", "?", [10, 20])


def test_torn_line_is_left_out(save):
    folder = save("one", [1, 2])
    with (folder / "episodes.jsonl").open("a") as file:
        file.write('{"id": "c-3", "cli')
    [run] = find_runs([folder])
    assert len(run.points) == 2


def test_run_without_an_episode_has_no_score(save):
    [run] = find_runs([save("one", [])])
    assert run.score(50) is None


def test_folder_of_runs_stands_for_all_of_them_and_none_counts_twice(save, tmp_path):
    for name in ("a", "b"):
        save(name, [1])
    save("0", [1], saves="saves/multirun_1")
    found = find_runs([tmp_path / "saves", tmp_path / "saves" / "a"])
    assert [run.name for run in found] == ["a", "b", "0"]


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_path_without_a_run_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=f"There is no run at .*{name}"):
        find_runs([tmp_path / name])


def test_runs_that_differ_in_their_seed_are_one_group(save, tmp_path):
    for seed in range(3):
        save(f"r{seed}", [1])
    assert {label: len(runs) for label, runs in group(find_runs([tmp_path / "saves"])).items()} == {"dqn": 3}


def test_groups_are_named_by_the_settings_that_differ(save, tmp_path):
    save("a", [1], lr=0.1, width=64)
    save("b", [1], lr=0.2, width=64)
    save("c", [1], algorithm="ppo", clip=0.2)
    assert sorted(group(find_runs([tmp_path / "saves"]))) == ["dqn lr=0.1", "dqn lr=0.2", "ppo"]


def test_setting_that_an_older_run_does_not_have_counts_as_its_default(save, tmp_path):
    defaults = Catalog().algorithm("dqn").config()
    save("older", [1], gamma=0.9)
    save("newer", [1], gamma=0.9, n_step=defaults.n_step, epsilon=defaults.epsilon.model_dump())
    save("other", [1], gamma=0.9, n_step=defaults.n_step + 2)
    grouped = {label: [run.name for run in runs] for label, runs in group(find_runs([tmp_path / "saves"])).items()}
    assert grouped == {
        f"dqn n_step={defaults.n_step}": ["newer", "older"],
        f"dqn n_step={defaults.n_step + 2}": ["other"],
    }


def test_several_environments_are_named(save, tmp_path):
    save("a", [1])
    save("b", [1], environment="CartPole")
    assert sorted(group(find_runs([tmp_path / "saves"]))) == ["CartPole dqn", "Lander dqn"]


def test_episodes_that_are_reported_at_once_are_spread_over_the_steps_between(save):
    folder = save("ppo", [])
    row = {"client": "c", "total_reward": 1.0, "iteration": 0, "seconds": 1.0}
    lengths = [(10, 100), (30, 100), (60, 100), (50, 200), (50, 200)]
    rows = [{**row, "id": f"c-{i}", "length": n, "env_steps": at} for i, (n, at) in enumerate(lengths, start=1)]
    (folder / "episodes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [point.steps for point in Run(folder).points] == [10, 40, 100, 150, 200]
