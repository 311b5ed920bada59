"""`soulsai sweep`, with a stand-in for `soulsai train`."""

import json
import sys

import pytest

from soulsai_telemetry.comparing import multirun, training_process
from soulsai_telemetry.comparing.sweep import sweep
from soulsai_telemetry.comparing.sweep.settings import Choice, SweepSettings

pytest.importorskip("optuna")

TRAIN = """
import json, pathlib, sys, time
args = sys.argv[1:]
values = dict(word.split("=", 1) for word in args if "=" in word)
rate = float(values["algorithm.config.learning_rate"])
folder = pathlib.Path(json.loads(values["run.saves"])) / "run"
if rate > 0.9:
    print("soulsai: There is no such setting.")
    sys.exit(2)
folder.mkdir(parents=True)
(folder / "args.json").write_text(json.dumps(args))
(folder / "config.json").write_text('{"algorithm": {"name": "dqn"}}')
rows = [{"id": f"c-{i}", "client": "c", "total_reward": -rate, "length": 10, "iteration": 0, "seconds": 1.0,
         "env_steps": 10 * i} for i in range(1, 101)]
text = [json.dumps(row) + chr(10) for row in rows]
(folder / "episodes.jsonl").write_text("".join(text[:50]))
if rate > 0.5:
    time.sleep(25)  # it is ended early
(folder / "episodes.jsonl").write_text("".join(text))
"""
FILE = """
train: [--set, training.stop.env_steps=1000]
trials: %d
parallel: 2
warm_up: 1
settings:
  algorithm.config.learning_rate: {choices: %s}
"""


@pytest.fixture
def train(monkeypatch, here):
    """Replaces `soulsai train` by a script that only writes a run's folder. With a rate above 0.5 it hangs."""
    script = here / "train.py"
    script.write_text(TRAIN)
    real = training_process.subprocess.Popen

    def popen(command, **options):
        assert command[1:4] == ["-m", "soulsai_core", "train"]
        return real([sys.executable, str(script), *command[4:]], **options)

    monkeypatch.setattr(training_process.subprocess, "Popen", popen)
    monkeypatch.setattr(sweep, "_LOOK", 0.05)


@pytest.fixture
def write(here):
    def write(trials, choices):
        (here / "rates.yaml").write_text(FILE % (trials, json.dumps(choices)))

    return write


def results(here, folder="saves/sweep_rates"):
    return json.loads((here / folder / "results.json").read_text())


def test_trials_are_trained_and_the_best_settings_are_named(train, write, run, here):
    write(4, [0.1, 0.2])
    code, out, _ = run("sweep", "rates.yaml")
    assert code == 0
    found = results(here)
    assert [result["trial"] for result in found] == [0, 1, 2, 3]
    assert all(
        result["score"] == pytest.approx(-result["values"]["algorithm.config.learning_rate"]) for result in found
    )
    best = max(found, key=lambda result: result["score"])["values"]["algorithm.config.learning_rate"]
    rate = f"--set algorithm.config.learning_rate={best}"
    assert f"soulsai train --set training.stop.env_steps=1000 {rate}\n" in out
    assert (here / "saves/sweep_rates/figure.png").read_bytes().startswith(b"\x89PNG")
    args = json.loads((here / "saves/sweep_rates/trial-002/run/args.json").read_text())
    assert args[args.index("--seed") + 1] == "2" and "--no-telemetry" in args


def test_trial_that_is_worse_than_most_is_ended_early(train, write, run, here, monkeypatch):
    make = sweep.Sweep._study

    def study(self):
        made = make(self)
        for index in (0, 0, 1):
            made.enqueue_trial({"algorithm.config.learning_rate": index})
        return made

    monkeypatch.setattr(sweep.Sweep, "_study", study)
    write(3, [0.1, 0.6])
    code, out, _ = run("sweep", "rates.yaml", "--output", "many")
    states = {result["values"]["algorithm.config.learning_rate"]: result["state"] for result in results(here, "many")}
    assert code == 0 and states == {0.1: "complete", 0.6: "pruned"}
    assert "ended early" in out


def test_sweep_goes_on_where_it_was(train, write, run, here):
    write(2, [0.1, 0.2])
    run("sweep", "rates.yaml")
    write(3, [0.1, 0.2])
    code, out, _ = run("sweep", "rates.yaml")
    assert code == 0 and "2 are done" in out
    assert len(results(here)) == 3
    assert run("sweep", "rates.yaml")[0] == 0
    assert len(results(here)) == 3


def test_wrong_setting_ends_the_sweep_with_its_sentence(train, write, run):
    write(50, [0.95])
    code, _, err = run("sweep", "rates.yaml")
    assert code == 1
    assert "ended with code 2: There is no such setting. Its log is" in err


def test_trial_is_trained_again_with_other_seeds(train, write, run, here, monkeypatch):
    write(2, [0.1])
    run("sweep", "rates.yaml")
    given = []
    monkeypatch.setattr(multirun.Multirun, "run", lambda self: given.append(self._args) or 0)
    assert run("sweep", "rates.yaml", "--trial", 1, "--seeds", 4)[0] == 0
    assert (given[0].seeds, given[0].first_seed) == (4, 2)
    assert "algorithm.config.learning_rate=0.1" in given[0].train
    code, _, err = run("sweep", "rates.yaml", "--trial", 7)
    assert (code, "There is no trial 7 in" in err and "0 to 1" in err) == (2, True)


def test_trials_are_among_the_runs(train, write, run):
    write(2, [0.1])
    run("sweep", "rates.yaml")
    listed = json.loads(run("runs", "--json")[1])
    assert [row["run"] for row in listed] == ["sweep_rates/trial-000/run", "sweep_rates/trial-001/run"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "settings: Field required"),
        ("settings: {a: {low: 1}}", "settings.a: Value error, give choices, or low and high"),
        ("settings: {a: {low: 2, high: 1}}", "low is 2, above high"),
        ("settings: {a: {low: 0, high: 1, log: true}}", "begins above 0"),
        ("settings: {a: {choices: []}}", "settings.a.choices"),
        ("setings: {}", "setings: Extra inputs"),
        ("settings: {a: {choices: [1]}}", "set training.stop.env_steps"),
        ("train: [--seed, 1]\nsettings: {a: {choices: [1]}}", "--seed is chosen by the sweep itself"),
        ("a: [", "not valid YAML"),
    ],
)
def test_mistakes_in_the_file_are_sentences(run, here, text, sentence):
    (here / "rates.yaml").write_text(text)
    code, _, err = run("sweep", "rates.yaml")
    assert code == 2 and sentence in err and len(err.splitlines()) == 1


def test_missing_file_and_missing_optuna_are_sentences(run, write, without):
    assert "rates.yaml cannot be read: No such file" in run("sweep", "rates.yaml")[2]
    write(1, [0.1])
    without("optuna")
    assert "pip install soulsai-telemetry[sweep]" in run("sweep", "rates.yaml")[2]


def test_range_of_whole_numbers_gives_whole_numbers():
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    choices = {
        "n": Choice(low=1, high=5),
        "x": Choice(low=1e-5, high=1.0, log=True),
        "h": Choice(choices=[[64], [8, 8]]),
    }
    settings = SweepSettings(settings=choices)
    values = [
        {name: choice.suggest(made, name) for name, choice in choices.items()} for made in (study.ask(), study.ask())
    ]
    assert all(type(value["n"]) is int and 1e-5 <= value["x"] <= 1 and value["h"] in ([64], [8, 8]) for value in values)
    assert settings.at_once >= 1
