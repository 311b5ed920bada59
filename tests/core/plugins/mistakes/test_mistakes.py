"""Each mistake of a plugin's author gets a sentence within seconds: distribution, method, what came, what was promised.

Each is tried in a short training in this process, as its user would meet it. `python -m pytest -k NAME` tries one.
"""

import importlib.metadata

import mistakes_of_algorithms as algorithms
import mistakes_of_others as others
import pytest
from right_plugins import RIGHT
from trial_runs import RELEASED, TrialRun, entries_of

from soulsai_core.plugins import catalog
from soulsai_core.plugins.checks import LongCalls

DEADLINE_S = 60.0
OURS = ("soulsai-core", "soulsai-dqn")
SETTINGS = {
    "connector": ("connectors=[{name: mine}]",),
    "network": (
        "algorithm.name=dqn",
        "algorithm.config.network={name: mine}",
        "algorithm.config.learning_starts=8",
        "algorithm.config.update_every=8",
        "algorithm.config.hidden=[8]",
    ),
    "wrapper": (
        "environment.name=gymnasium",
        "environment.config.id=CartPole-v1",
        "environment.config.wrappers=[{name: mine}]",
    ),
}
"""Kind of plugin -> the settings that choose it; algorithm and environment are always chosen."""

LONGER = {"actor's index raises", "always ready", "clients_changed raises"}
"""Mistakes that show after more updates than the others."""


WAITS = (
    ("client.client", "_WAIT_S"),
    ("client.downlink", "_WAIT_S"),
    ("node.monitor", "_INTERVAL"),
    ("node.publishing", "_WAIT"),
    ("node.training", "_IDLE"),
)
"""Seconds for which threads wait before they look whether they shall end. Here they end often."""


def table():
    kinds = {
        "algorithm": algorithms.MISTAKES,
        "environment": others.ENVIRONMENTS,
        "connector": others.CONNECTORS,
        "network": others.NETWORKS,
        "wrapper": others.WRAPPERS,
    }
    for kind, mistakes in kinds.items():
        for name, (plugin, *words) in mistakes.items():
            yield pytest.param(name, kind, plugin, words, id=f"{kind}: {name}")
    for name, (kind, plugin, *words) in others.PLUGINS.items():
        yield pytest.param(name, kind, plugin, words, id=f"plugin: {name}")


@pytest.fixture
def trial(monkeypatch, tmp_path):
    """A function: a training with these plugins and right ones for the other kinds."""

    def make(plugins, settings=(), iterations=4, slow_s=0.1):
        found = entries_of(plugins)
        if "network" in plugins:
            pytest.importorskip("torch")  # before any time is counted: on a busy machine its import takes long

        def installed(group):
            real = [point for point in importlib.metadata.entry_points(group=group) if point.dist.name in OURS]
            return [*(point for point in found if point.group == group), *real]

        # Also for the catalogs that algorithms and environments make for themselves.
        monkeypatch.setattr(catalog, "entry_points", installed)
        for module, wait in WAITS:
            monkeypatch.setattr(f"soulsai_core.{module}.{wait}", 0.05)
        monkeypatch.setattr("soulsai_core.plugins.checks.standstill.PATIENCE", 0.4)
        RELEASED.clear()
        return TrialRun(catalog.Catalog(calls=LongCalls(first=slow_s)), tmp_path, settings, iterations)

    yield make
    RELEASED.set()


def names(words):
    return lambda sentences: any(all(word in sentence for word in ("acme 1.2", *words)) for sentence in sentences)


@pytest.mark.parametrize(("name", "kind", "plugin", "words"), list(table()))
def test_mistake_gets_a_sentence(trial, name, kind, plugin, words):
    run = trial({kind: plugin}, SETTINGS.get(kind, ()), 10**9 if name in LONGER else 4)
    run.run(names(words), DEADLINE_S)
    assert names(words)(run.said.sentences), "\n".join(run.said.sentences)


@pytest.mark.parametrize("name", algorithms.RESUMED)
def test_mistake_of_a_resume_gets_a_sentence(trial, name):
    first = trial({})
    first.run(lambda sentences: False)
    plugin, *words = algorithms.RESUMED[name]
    run = trial({"algorithm": plugin})
    run.run(names(words), DEADLINE_S, resume=first.folder)
    assert names(words)(run.said.sentences), "\n".join(run.said.sentences)


HARMLESS = [
    *(("algorithm", plugin, name) for name, plugin in algorithms.HARMLESS.items()),
    *((kind, plugin, name) for name, (kind, plugin) in others.HARMLESS.items()),
    *((kind, plugin, f"a right {kind}") for kind, plugin in RIGHT.items()),
]


@pytest.mark.parametrize(("kind", "plugin", "name"), HARMLESS, ids=[name for *_, name in HARMLESS])
def test_what_is_no_mistake_trains_to_its_end_in_silence(trial, kind, plugin, name):
    run = trial({kind: plugin}, SETTINGS.get(kind, ()), slow_s=60.0)
    run.run(lambda sentences: False, 60.0)
    assert (run.folder.path / "checkpoint" / "manifest.json").exists(), run.said.sentences
    assert not [sentence for sentence in run.said.sentences if "acme" in sentence]


def test_at_least_ninety_mistakes_are_tried():
    assert len(list(table())) + len(algorithms.RESUMED) >= 90


def test_repeated_failure_of_a_connector_is_logged_once_with_its_traceback_and_then_counted(trial):
    plugin, *_ = others.CONNECTORS["hook raises"]
    run = trial({"connector": plugin}, SETTINGS["connector"], iterations=9)
    run.run(lambda sentences: False, 60.0)
    said = [sentence for sentence in run.said.sentences if "acme" in sentence and "The training goes on" in sentence]
    assert [sentence.rpartition("The training goes on.")[2] for sentence in said] == [
        "",
        " (2 times so far)",
        " (4 times so far)",
        " (8 times so far)",
    ]
    assert run.said.tracebacks == 1


def test_two_plugins_of_one_name_are_chosen_by_their_distribution(trial):
    _, plugin, *_ = others.PLUGINS["two of one name"]
    run = trial({"environment": plugin}, ["environment.name=zenith:mine"])
    run.run(lambda sentences: False, 60.0)
    assert run.folder.checkpoint.exists(), run.said.sentences
