"""What `soulsai doctor --plugin` tries, and what every kit begins with."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mistakes_of_algorithms as algorithms
import mistakes_of_others as others
import numpy as np
import pytest
from right_plugins import RIGHT, Corridor, build, changed, environment, learner, network

from soulsai_core.plugins.checks import checked
from soulsai_core.plugins.findings import OK, PROBLEM, WARNING, Finding, findings_of
from soulsai_core.testing.trials import TRIALS, assert_essentials

MISTAKES = {
    "algorithm": [
        (algorithms.MISTAKES, name)
        for name in (
            "sync gives a tuple",
            "column of objects",
            "learner raises",
            "no actor",
            "act gives int32",
            "act reuses its actions",
            "own column is missing",
            "load raises",
            "update raises later",
            "weights change their names",
            "weights are no snapshot",
            "save gives numpy values",
            "quota of nothing",
        )
    ],
    "environment": [
        (others.ENVIRONMENTS, name)
        for name in (
            "spec raises",
            "spec differs each time",
            "make gives the class",
            "reset gives gymnasium's pair",
            "step raises",
            "observation of another shape",
            "a reused buffer",
            "masks are declared and not given",
            "close raises",
        )
    ],
    "connector": [
        (others.CONNECTORS, name)
        for name in ("make raises", "no hook", "misspelled hook", "hook raises", "hook exits", "close raises")
    ],
    "network": [
        (others.NETWORKS, name) for name in others.NETWORKS if "hangs" not in name and name != "images is text"
    ],
    "wrapper": [(others.WRAPPERS, name) for name in others.WRAPPERS if "hangs" not in name],
}
CASES = [pytest.param(kind, *table[name], id=f"{kind}: {name}") for kind in MISTAKES for table, name in MISTAKES[kind]]


def tried(kind, plugin):
    return list(findings_of(kind, TRIALS[kind](checked(plugin, "acme 1.2"), plugin.config())))


@pytest.mark.parametrize("case", [case.values for case in CASES], ids=[case.id for case in CASES])
def test_mistake_is_the_last_finding_with_its_sentence(case):
    kind, plugin, *words = case
    *before, last = tried(kind, plugin)
    assert last.level == PROBLEM and all(word in last.sentence for word in words), last
    assert all(finding.level != PROBLEM for finding in before)


@pytest.mark.parametrize("kind", TRIALS)
def test_right_plugin_has_no_problem(kind):
    found = tried(kind, RIGHT[kind])
    assert {finding.level for finding in found} <= {OK, WARNING} and len(found) >= 2
    assert_essentials(kind, RIGHT[kind], RIGHT[kind].config())


def test_learner_that_is_never_ready_ends_the_trial_with_its_answer(monkeypatch):
    monkeypatch.setattr("soulsai_core.testing.trials.algorithm.PATIENCE_S", 0.3)
    last = tried("algorithm", learner(ready=False))[-1]
    assert last.level == PROBLEM and "Learner.ready gave False after" in last.sentence


def test_learner_that_learns_nothing_is_a_warning():
    found = tried("algorithm", learner(update={"loss": 1.0}))
    assert any(f.level == WARNING and "nothing is learned" in f.sentence for f in found)


def test_checkpoint_that_forgets_weights_is_a_problem():
    def load(self, state):
        """Nothing is loaded."""

    last = tried("algorithm", learner(load=load))[-1]
    assert last.level == PROBLEM and "after Learner.load of what Learner.save gave" in last.sentence


def test_values_that_are_not_learned_from_are_warnings():
    for name in ("observation that is not finite", "reward that is not finite", "observation beyond its bounds"):
        plugin, *_ = others.ENVIRONMENTS[name]
        assert any(f.topic == "values" and f.level == WARNING for f in tried("environment", plugin)), name


def test_episode_that_never_ends_and_seed_that_does_nothing_are_warnings(monkeypatch):
    endless = changed(Corridor, step=lambda self, actions: self.moved())
    monkeypatch.setattr("soulsai_core.testing.trials.environment.MOST_STEPS", 200)
    found = tried("environment", replace(environment, make=lambda config, seed: endless()))
    assert {f.topic for f in found if f.level == WARNING} == {"episodes", "seeds"}


def test_weights_that_do_not_come_from_the_generator_are_a_warning():
    found = tried("network", network)  # torch's own initialization
    assert any(f.topic == "generator" and f.level == WARNING for f in found)


def test_parameter_without_a_gradient_is_a_warning():
    def with_spare(config, shapes, generator):
        import torch

        made = build(config, shapes, generator)
        made.spare = torch.nn.Linear(2, 2)
        return made

    found = tried("network", replace(network, build=with_spare))
    assert any(f.level == WARNING and "spare.weight" in f.sentence for f in found)


def test_error_that_is_no_sentence_has_its_type_and_line():
    def broken():
        yield Finding("mine", OK, "It began.")
        raise KeyError("missing")

    *_, last = findings_of("mine", broken())
    assert last.sentence.startswith("KeyError: 'missing' (test_trials.py line")


KIT = """
import numpy as np
import pytest
from dataclasses import replace
from right_plugins import LinearConfig, learner
from soulsai_core.testing import trials
from soulsai_core.testing.algorithm import AlgorithmContract

trials.algorithm.PATIENCE_S = 0.3


class TestMine(AlgorithmContract):
    @pytest.fixture
    def plugin(self):
        return learner(ready=False)

    @pytest.fixture
    def config(self):
        return LinearConfig()
"""


def test_kit_of_a_learner_that_is_never_ready_ends_by_itself_with_the_telling_failure_first(tmp_path):
    (tmp_path / "test_mine.py").write_text(KIT)
    helpers = Path(__file__).parents[1] / "plugins" / "mistakes"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "test_mine.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(helpers), "PATH": ""},
        timeout=120,
    )
    assert "1 failed" in done.stdout and "passed" not in done.stdout.splitlines()[-1], done.stdout
    assert "Learner.ready gave False after" in done.stdout
    assert done.stdout.splitlines()[-1].count("skipped") == 1


def test_values_that_are_not_learned_from_are_one_finding_for_each_column():
    drifting = replace(
        environment, make=changed(Corridor, seen=lambda self: np.full((2, 3), 2.0 + self._age, np.float32))
    )
    found = [finding for finding in tried("environment", drifting) if finding.level == WARNING]
    assert len(found) == 1
    assert found[0].sentence == (
        "Environment.step gave 3.0 in observation instead of numbers from 0.0 to 1.0, and such values in 100 of 100 "
        "steps. Rows with them are not learned from."
    )
