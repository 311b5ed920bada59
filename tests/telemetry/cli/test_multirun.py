"""`soulsai multirun`, with a stand-in for `soulsai train`."""

import json
import os
import sys
from datetime import datetime

import pytest

from soulsai_telemetry.comparing import multirun, training_process

TRAIN = """
import json, os, pathlib, sys
args = sys.argv[1:]
seed = int(args[args.index("--seed") + 1])
saves = next(json.loads(a.partition("=")[2]) for a in args if a.startswith("run.saves="))
if seed == FAILING:
    sys.exit(3)
folder = pathlib.Path(saves) / f"run-{seed}"
folder.mkdir()
(folder / "args.json").write_text(json.dumps(args))
(folder / "group").write_text(str(os.getpgrp() if os.name == "posix" else 0))
(folder / "config.json").write_text('{"algorithm": {"name": "dqn"}}')
rows = [{"id": f"c-{i}", "client": "c", "total_reward": float(i + seed), "length": 10, "iteration": 0, "seconds": 1.0,
         "env_steps": 10 * i} for i in range(1, 30)]
(folder / "episodes.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows))
"""
STOP = ["--set", "training.stop.env_steps=100"]


@pytest.fixture
def train(monkeypatch, here):
    """Replaces `soulsai train` by a script that only writes a run's folder; `train(failing=1)` makes seed 1 fail."""
    real = training_process.subprocess.Popen
    script = here / "train.py"

    def install(failing=-1):
        script.write_text(TRAIN.replace("FAILING", str(failing)))

    def popen(command, **options):
        assert command[1:4] == ["-m", "soulsai_core", "train"] and "--with-parent" in command
        return real([sys.executable, str(script), *command[4:]], **options)

    monkeypatch.setattr(training_process.subprocess, "Popen", popen)
    install()
    return install


def test_each_seed_is_trained_and_all_are_summarized(train, run, here):
    code, out, _ = run("multirun", "--seeds", 3, "--output", "many", "--window", 5, "--", "--clients", "1", *STOP)
    assert code == 0
    assert "best return of 3 runs: interquartile mean 28.0 (95% interval 27.0 to 29.0), mean 28.0, median 28.0" in out
    report = json.loads((here / "many" / "averages.json").read_text())
    assert [row["run"] for row in report["runs"]] == ["run-0", "run-1", "run-2"]
    assert (report["last"]["median"], len(report["curves"]["dqn"]["middle"])) == (28.0, 200)
    assert (here / "many" / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_two_runs_have_a_mean_and_a_range_and_no_interval(train, run, here):
    _, out, _ = run("multirun", "--seeds", 2, "--output", "many", "--window", 5, "--", "--clients", "1", *STOP)
    assert "best return of 2 runs: mean 27.5 (27.0 to 28.0)" in out and "interval" not in out
    assert json.loads((here / "many" / "averages.json").read_text())["best"]["interval_low"] is None


def test_arguments_after_two_dashes_are_those_of_train(train, run, here):
    run("multirun", "--seeds", 1, "--first-seed", 7, "--output", "many", "--", "--clients", "1", *STOP)
    given = json.loads((here / "many" / "run-7" / "args.json").read_text())
    assert given[:4] == ["--clients", "1", *STOP]
    assert given[4:6] == ["--seed", "7"]


@pytest.mark.skipif(os.name != "posix", reason="groups of processes are those of POSIX")
def test_interrupt_of_a_terminal_reaches_the_command_alone(train, run, here):
    run("multirun", "--seeds", 1, "--output", "many", "--", *STOP)
    assert (here / "many" / "run-0" / "group").read_text() != str(os.getpgrp())


def test_default_output_is_a_folder_in_saves(train, run, here):
    run("multirun", "--seeds", 1, "--", *STOP)
    [folder] = (here / "saves").glob("multirun_*")
    assert (folder / "averages.json").exists()


def test_output_that_exists_is_refused(train, run, here):
    (here / "many").mkdir()
    code, _, err = run("multirun", "--seeds", 1, "--output", "many", "--", *STOP)
    assert (code, "--output many exists already: name a new folder." in err) == (2, True)


def test_two_multiruns_of_one_second_get_different_folders(train, run, here, monkeypatch):
    class Now:
        @staticmethod
        def now():
            return datetime(2026, 12, 1, 10, 0, 0)

    monkeypatch.setattr(multirun, "datetime", Now)
    assert [run("multirun", "--seeds", 1, "--", *STOP)[0] for _ in range(2)] == [0, 0]
    names = sorted(folder.name for folder in (here / "saves").iterdir())
    assert names == ["multirun_2026-12-01_10-00-00", "multirun_2026-12-01_10-00-00_2"]


def test_seed_that_fails_is_reported_and_left_out(train, run, here):
    train(failing=1)
    code, _, err = run("multirun", "--seeds", 3, "--output", "many", "--", *STOP)
    assert (code, "seed 1 ended with code 3" in err) == (1, True)
    assert len(json.loads((here / "many" / "averages.json").read_text())["runs"]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [([], "The first run would never end"), (["--seed", "3", *STOP], "--seed cannot be given to multirun"),
     (["--resume", *STOP], "--resume cannot be given"),
     (["--set", "training.stop.env_step=1"], "there is no such setting")],
)  # fmt: skip
def test_bad_input_is_explained(train, run, arguments, sentence):
    code, _, err = run("multirun", "--", *arguments)
    assert (code, sentence in err) == (2, True)


def test_preset_or_another_run_may_say_when_to_end(train, run, here, save):
    pytest.importorskip("soulsai_dqn")
    source = save("source", [1.0])
    (source / "checkpoint").mkdir()
    settings = json.loads((source / "config.json").read_text())
    goal = {"training": {"stop": {"env_steps": 100}}}
    settings["environment"]["config"]["id"] = "CartPole-v1"
    (source / "config.json").write_text(json.dumps({**settings, **goal}))
    for number, words in enumerate((["--preset", "cartpole"], ["--from", str(source)], ["--from", "source"])):
        code, _, err = run("multirun", "--seeds", 1, "--output", f"many-{number}", "--", *words)
        assert (code, err) == (0, "")


def test_trainings_without_an_episode_have_no_summary(train, run, here):
    script = here / "train.py"
    script.write_text(script.read_text().replace("range(1, 30)", "range(0)"))
    code, _, err = run("multirun", "--seeds", 2, "--output", "many", "--", *STOP)
    assert code == 2 and "No run in many has an episode that has ended, so there is nothing to summarize." in err
