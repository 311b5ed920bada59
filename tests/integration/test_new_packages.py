"""What `soulsai new` makes: installed by pip next to the others, tested by its own tests, and trained with."""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from soulsai_core import Catalog, load_config
from soulsai_core.config import resolve
from soulsai_core.plugins.scaffold import KINDS, create, names_of
from soulsai_core.testing.rollout import Subject, Training


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The folders of one new package of each kind."""
    parent = tmp_path_factory.mktemp("packages")
    return {kind: create(kind, names_of(f"outsiders-{kind}"), parent) for kind in KINDS}


@pytest.fixture(scope="module")
def site(packages, tmp_path_factory):
    """A folder to import from, into which pip installed all of them."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", site, *packages.values()], check=True, timeout=300)
    return site


@pytest.fixture
def catalog(site, monkeypatch):
    """What is installed, the new packages included."""
    monkeypatch.syspath_prepend(site)
    yield Catalog()
    for name in [name for name in sys.modules if name.startswith("outsiders_")]:
        del sys.modules[name]


def test_each_is_a_plugin_that_can_be_used_with_its_config(packages, catalog):
    rows = {row.name: row for row in catalog.listing()}
    for kind, folder in packages.items():
        name = f"outsiders_{kind}"
        assert (rows[name].group, rows[name].error) == (KINDS[kind].group, None)
        resolved = resolve(load_config(folder / "config.yaml", [], {}), catalog)
        assert name in json.dumps(resolved.public())


@pytest.mark.parametrize("kind", KINDS)
def test_doctor_finds_nothing_wrong(catalog, kind, run_here):
    found = run_here("doctor", "--plugin", f"outsiders_{kind}").splitlines()
    assert {line.split()[0] for line in found if line[:1].islower()} == {"ok"}, found


def test_its_own_tests_pass(packages, bare_stack, site):
    bare_stack.add_to_path(site)
    folders = [folder / "tests" for folder in packages.values()]
    # In one process: most of the time of each would be its imports.
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *folders], env=bare_stack.environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout and "warning" not in done.stdout, done.stdout


@pytest.mark.stack
def test_algorithm_learns_in_the_new_environment_and_the_connector_writes_its_returns(bare_stack, site):
    bare_stack.add_to_path(site)
    settings = [
        "algorithm.name=outsiders_algorithm",
        "algorithm.config.learning_starts=200",
        "algorithm.config.explore_steps=1500",
        "environment.name=outsiders_environment",
        "connectors=[{name: outsiders_connector}]",
        "training.stop.env_steps=4000",
    ]
    bare_stack.run("train", "--seed", "1", settings=settings)
    with (bare_stack.run_folder / "returns.csv").open(encoding="utf-8", newline="") as file:
        returns = [float(row["return"]) for row in csv.DictReader(file)]
    assert np.mean(returns[-30:]) > np.mean(returns[:30]) + 0.5, returns


@pytest.mark.skipif(importlib.util.find_spec("soulsai_dqn") is None, reason="needs soulsai-dqn")
def test_network_and_wrapper_take_part_in_a_training(catalog):
    algorithm = catalog.algorithm("dqn")
    environment = catalog.environment("gymnasium")
    network = {"name": "outsiders_network", "config": {"width": 8}}
    config = algorithm.config(hidden=[8], learning_starts=8, batch_size=4, network=network)
    wrapped = environment.config(id="CartPole-v1", wrappers=[{"name": "outsiders_wrapper"}])
    subject = Subject(algorithm, config, environment.spec(wrapped))
    training = Training(subject, environments=lambda seed: environment.make(wrapped, seed))
    before = training.learner.weights()
    training.run(2)
    rewards = np.concatenate([steps.columns["reward"] for _, steps in training.sent])
    assert 2 in rewards  # of two steps of CartPole
    changed = [name for name, weight in training.learner.weights().items() if not np.array_equal(weight, before[name])]
    assert [name for name in changed if "blocks" in name], changed
