"""The look at a run measures what it says, on a tiny run."""

import importlib
import json
import os
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest

from soulsai_core.assembly.serial import SerialTraining
from soulsai_core.config import load_config, resolve
from soulsai_core.plugins.catalog import Catalog
from soulsai_core.run_folder import RunFolder

STEPS = 400
CAPACITY = 300
ALWAYS = ("environment.config.id=CartPole-v1", f"training.stop.env_steps={STEPS}", "run.seed=3")
DQN = (
    "algorithm.name=dqn",
    "algorithm.config.learning_starts=64",
    "algorithm.config.update_every=16",
    "algorithm.config.replay_ratio=0.5",
    f"algorithm.config.buffer_size={CAPACITY}",
    "algorithm.config.batch_size=16",
    "algorithm.config.hidden=[16, 8]",
    "algorithm.config.prioritized={}",
)


@pytest.fixture(scope="module")
def look():
    """The modules of the tool, by name."""
    return modules("look.", "loading", "episodes", "values", "units", "replayed", "__main__")


def modules(package, *names):
    # The package sets numbers of threads for this process and its children: not for those of other tests.
    with patch.dict(os.environ):
        return SimpleNamespace(
            **{name: importlib.import_module(f"benchmarks.learning.{package}{name}") for name in names}
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a tiny run."""
    return trained(tmp_path_factory.mktemp("saves"), DQN)


def trained(saves, settings):
    folder = RunFolder(saves / "run")
    folder.path.mkdir()
    SerialTraining(resolve(load_config(None, [*settings, *ALWAYS], {}), Catalog()), folder).run()
    return folder.path


@pytest.fixture(scope="module")
def run(look, folder):
    return look.loading.load(folder, [], seed=5)


@pytest.fixture(scope="module")
def played(look, run):
    return look.episodes.play(run, 3, seed=7)


@pytest.fixture(scope="module")
def replay(look, run):
    return look.replayed.replayed_of(run, np.random.default_rng(0))


def episode(look, rewards, terminated, durations=None):
    rewards = np.array(rewards, float)
    durations = np.ones(len(rewards)) if durations is None else np.array(durations, float)
    return look.episodes.EpisodeSteps({}, None, np.zeros(len(rewards), int), rewards, durations, terminated)


@pytest.mark.parametrize("terminated", [True, False])
def test_true_returns_are_sums_of_what_follows(look, terminated):
    rewards = np.random.default_rng(1).normal(size=60)
    durations = np.random.default_rng(2).integers(1, 4, 60)
    one = episode(look, rewards, terminated, durations)
    returns, known = one.returns(0.95, one.rewards)
    for t in range(60):
        behind = np.concatenate([[0], np.cumsum(durations[t:])])
        assert returns[t] == pytest.approx((0.95 ** behind[:-1] * rewards[t:]).sum())
        assert known[t] == (terminated or 0.95 ** behind[-1] < 0.05)


def test_the_effective_rank_counts_directions(look):
    rank = look.units.effective_rank
    assert rank(np.ones(100)) == 99
    assert rank(np.array([5.0, 0.0, 0.0])) == 1
    assert rank(np.zeros(3)) == 0


def test_dead_units_are_always_zero_and_dormant_ones_nearly(look):
    rows = np.array([[0.0, 2.0, 0.01, 1.0], [0.0, 1.0, 0.02, 2.0]])
    layer = look.units.layer_of("layer", rows)
    assert layer.dead == 0.25
    assert layer.dormant == 0.5
    assert layer.scores.mean() == pytest.approx(1)


def test_greedy_episodes_take_the_action_with_the_highest_value(look, run, played):
    assert [len(one) for one in played] == [one.total for one in played], "CartPole gives 1 for each step"
    for one in played:
        q = look.values.q_values(run, one)
        np.testing.assert_array_equal(q.argmax(1), one.actions)
        found = look.values.values_of(run, one)
        np.testing.assert_allclose(found.values, q.max(1))
        np.testing.assert_allclose(found.gaps, q.max(1) - q.min(1))


def test_errors_of_values_have_a_sign(look):
    returns = np.linspace(0, 1, 30)
    one = look.values.Values(returns + 0.5, np.ones(30), returns, np.ones(30, bool))
    errors = look.values.value_errors([one])
    assert errors.bias == pytest.approx(0.5)
    assert errors.error == pytest.approx(0.5)
    assert errors.thirds == pytest.approx((0.5, 0.5, 0.5))
    assert errors.correlation == pytest.approx(1)
    unknown = look.values.Values(returns, returns, returns, np.zeros(30, bool))
    assert look.values.value_errors([unknown]) is None


def test_the_replay_is_that_of_the_journal(folder, replay):
    totals = [json.loads(line)["total_reward"] for line in (folder / "episodes.jsonl").read_text().splitlines()]
    found = [total for _, total, _ in replay.episodes]
    assert len(replay) == CAPACITY
    assert found == totals[-len(found) :]
    assert found == [length for _, _, length in replay.episodes]
    assert sum(found) > CAPACITY - max(totals), "all but the episodes that are cut off are there"
    assert replay.terminated.sum() in (len(found), len(found) + 1)
    assert replay.priorities.shape == (CAPACITY,) and (replay.priorities > 0).all()


def test_units_are_those_of_each_hidden_layer(look, run, replay):
    units = look.units.units_of(run, replay.features)
    assert [len(layer.scores) for layer in units.layers] == [16, 8]
    assert 1 <= units.rank <= 8
    assert len(look.units.norms_of(run)) == 3
    assert 0 < look.units.target_distance(run) < 1


def test_a_table_and_a_figure(look, folder, tmp_path, capsys):
    look.__main__.main([str(folder), "--episodes", "2", "--figure", str(tmp_path / "look.svg")])
    table = capsys.readouterr().out
    assert f"{CAPACITY} of {CAPACITY} rows" in table
    assert "| greedy episodes | 2, return " in table
    assert (tmp_path / "look.svg").read_text().startswith("<?xml")


def test_a_run_that_it_cannot_look_at_is_a_sentence(look, tmp_path):
    settings = ("algorithm.name=ppo", "algorithm.config.clients=1", "algorithm.config.rollout=128")
    ppo = trained(tmp_path, settings)
    with pytest.raises(SystemExit, match="this looks at runs of dqn"):
        look.__main__.main([str(ppo)])
    with pytest.raises(SystemExit, match="There is no folder"):
        look.__main__.main([str(tmp_path / "nothing")])


def test_a_training_of_the_harness_is_kept_as_a_run(look, tmp_path):
    settings = {"hidden": [16], "learning_starts": 64, "update_every": 16, "batch_size": 8, "n_step": 2, "resets": {}}
    harness = modules("", "harness").harness
    loop = harness.Loop("dqn", settings, {"id": "CartPole-v1"}, seed=1, keep=tmp_path / "kept")
    while loop.steps < 200:
        loop.turn()
    loop.save("step-200")
    weights = loop.learner.evaluation_weights()
    loop.close()
    run = look.loading.load(tmp_path / "kept" / "step-200", [], seed=5)
    assert run.config.n_step == 2 and run.counters.iteration == loop.iteration
    for name, array in run.network.state_dict().items():
        np.testing.assert_array_equal(array.numpy(), weights[name])
    replay = look.replayed.replayed_of(run, np.random.default_rng(0))
    assert len(replay) == loop.learner.reach() > 150
    assert loop.iteration - 3 <= replay.iterations.max() < loop.iteration
