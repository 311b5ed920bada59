"""`soulsai doctor` and `soulsai config check`: each check gives a sentence, and none of them stops the others."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace

import mistakes_of_algorithms as algorithms
import mistakes_of_others as others
import pytest
from right_plugins import algorithm, environment
from trial_runs import RELEASED, catalog_of, hang

from soulsai_core.cli import main
from soulsai_core.cli.doctor import checks, machine, server
from soulsai_core.cli.doctor.checks import Check, findings
from soulsai_core.config import Config, RedisSettings
from soulsai_core.plugins.checks import LongCalls
from soulsai_core.plugins.findings import OK, PROBLEM, WARNING, Finding

MINE = ["--set", "algorithm.name=mine", "--set", "environment.name=mine", "--set", "telemetry.enabled=false"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def with_plugins(monkeypatch):
    """A function: these plugins and right ones for the other kinds are installed, and nothing else."""

    def install(**plugins):
        catalog = catalog_of(plugins, calls=LongCalls(first=0.1))
        monkeypatch.setattr("soulsai_core.plugins.catalog.Catalog", lambda: catalog)

    RELEASED.clear()
    install()
    yield install
    RELEASED.set()


@pytest.fixture
def looked(capsys):
    """A function: code and findings of a command, as (topic, level, sentence)."""

    def look(*words):
        code = main([*words, "--json"])
        values = json.loads(capsys.readouterr().out)
        assert (code == 0) == values["ok"] == (values["problems"] == 0)
        return code, [(f["topic"], f["level"], f["sentence"]) for f in values["findings"]]

    return look


def of_level(found, level):
    return [(topic, sentence) for topic, given, sentence in found if given == level]


def check(look, seconds=30.0, slow_call=lambda: ""):
    return list(findings([Check("mine", look, seconds)], slow_call))


# -- the checks survive


def test_check_that_raises_or_exits_is_a_problem_and_the_next_one_is_made():
    def broken():
        yield Finding("first", OK, "It began.")
        raise KeyError("missing")

    def leaving():
        raise SystemExit(3)
        yield

    chosen = [
        Check("broken", broken),
        Check("leaving", leaving),
        Check("fine", lambda: iter([Finding("fine", OK, "!")])),
    ]
    found = list(findings(chosen, lambda: ""))
    assert [(f.topic, f.level) for f in found] == [
        ("first", OK),
        ("broken", PROBLEM),
        ("leaving", PROBLEM),
        ("fine", OK),
    ]
    assert "KeyError: 'missing' (test_doctor.py line" in found[1].sentence and "SystemExit: 3" in found[2].sentence


def test_check_that_hangs_is_left_behind_with_the_call_that_hangs():
    def hanging():
        hang()
        yield

    RELEASED.clear()
    [found] = check(hanging, seconds=0.3, slow_call=lambda: "It is slow: make has been running for 0 s.")
    RELEASED.set()
    assert (found.level, found.sentence) == (PROBLEM, "It is slow: make has been running for 0 s.")


def test_same_problem_of_several_checks_is_said_once():
    def broken():
        raise ImportError("numpy is broken")
        yield

    assert len(list(findings([Check("a", broken), Check("b", broken)], lambda: ""))) == 1


def test_doctor_goes_on_without_a_package_that_everything_needs(tmp_path):
    for name in ("pydantic", "torch"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('no DLL')")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "soulsai_core", "doctor"], capture_output=True, text=True, env=environ, cwd=tmp_path
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert (
        "pydantic is installed and cannot be imported (ImportError: no DLL): pip install --force-reinstall"
        in done.stdout
    )
    assert "ok       disk" in done.stdout


# -- the machine


def levels(found):
    return [finding.level for finding in found]


def test_python_that_is_too_old_is_a_problem(monkeypatch):
    assert levels(machine.check_python()) == [OK]
    monkeypatch.setattr(machine, "LEAST_PYTHON", (9, 9))
    [found] = machine.check_python()
    assert found.level == PROBLEM and "install Python 9.9 or newer" in found.sentence


def test_packages_are_listed_with_their_versions():
    found = list(machine.check_packages())
    assert set(levels(found)) == {OK} and "soulsai-core" in found[0].sentence and "numpy" in found[1].sentence


def test_disk_is_measured_in_the_nearest_folder_that_exists(tmp_path):
    [found] = machine.check_disk(tmp_path / "not" / "yet")
    assert found.level in (OK, WARNING) and " free" in found.sentence
    assert not list(tmp_path.iterdir())


def test_disk_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    [found] = machine.check_disk(tmp_path)
    assert found.level == PROBLEM and "(Read-only file system): set run.saves" in found.sentence


@pytest.mark.parametrize(("free", "level"), [(10, PROBLEM), (1000, WARNING), (10_000, OK)])
def test_disk_with_little_room_is_said(tmp_path, monkeypatch, free, level):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": free * 2**20}))
    monkeypatch.setattr(machine, "_written_per_second", lambda folder: 500.0)
    assert levels(machine.check_disk(tmp_path)) == [level]


def test_slow_disk_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_written_per_second", lambda folder: 3.0)
    assert levels(machine.check_disk(tmp_path)) == [WARNING]


def test_gpu_that_the_settings_ask_for_and_that_is_not_there_is_a_problem(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = list(machine.check_gpu([("algorithm.config.device", "cuda:1"), ("algorithm.config.replay_device", "cpu")]))
    assert levels(found) == [PROBLEM, OK] and "algorithm.config.device is cuda:1" in found[0].sentence


def test_gpus_are_listed_with_their_memory(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (2**30, 2**33))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Some GPU")
    found = list(machine.check_gpu([("algorithm.config.device", "cuda")]))
    assert [f.sentence for f in found] == [f"cuda:{n} is Some GPU, 1.0 GB of 8.0 GB free." for n in range(2)]


# -- the server

FACTS = {"redis_version": "7.2.5", "used_memory": 2**20, "maxmemory": 2**30, "maxmemory_policy": "noeviction"}


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        ({}, OK, "Redis 7.2.5"),
        ({"redis_version": "5.0.1"}, PROBLEM, "install 6.2 or newer"),
        ({"valkey_version": "8.1.0"}, OK, "Valkey 8.1.0"),
    ],
)
def test_version_of_the_server(facts, level, words):
    found = server._version({**FACTS, **facts})
    assert found.level == level and words in found.sentence


@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        ({}, OK, "policy noeviction"),
        ({"maxmemory_policy": "allkeys-lru"}, PROBLEM, "set maxmemory-policy noeviction"),
        ({"maxmemory": 2**28}, WARNING, "do not fit"),
        ({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, OK, "of any amount"),
    ],
)
def test_memory_of_the_server(facts, level, words):
    found = server._memory({**FACTS, **facts}, Config(redis=RedisSettings(max_backlog_mb=512)))
    assert found.level == level and words in found.sentence


def test_clock_that_differs_from_the_servers_is_a_warning():
    assert server._clock({"time": time.time() + 1}).level == OK
    assert server._clock({"time": time.time() - 3600}).level == WARNING


def test_private_server_is_started_to_look_at_it(with_plugins, looked):
    code, found = looked("doctor", *MINE)
    assert code == 0, found
    assert [topic for topic, *_ in found].count("redis") == 3
    assert {
        "python",
        "packages",
        "machine",
        "settings",
        "environment",
        "algorithm",
        "ports",
        "plugins",
        "disk",
        "gpu",
    } < {topic for topic, *_ in found}
    assert any(topic == "episode" and "An episode of 5 random actions" in sentence for topic, _, sentence in found)


def test_server_that_does_not_answer_is_one_problem(with_plugins, looked, free_port):
    code, found = looked("doctor", *MINE, "--set", f"redis.address=127.0.0.1:{free_port}")
    [(topic, sentence)] = of_level(found, PROBLEM)
    assert code == 2 and topic == "redis" and "No Redis server answers" in sentence


# -- the settings


def test_right_settings_say_what_runs_and_where_they_came_from(with_plugins, looked, here):
    (here / "mine.yaml").write_text("connectors: [{name: mine}]")
    code, found = looked("config", "check", "--config", "mine.yaml", *MINE)
    assert code == 0
    assert ("settings", OK, "mine on mine, mine; from mine.yaml, --set.") in found


@pytest.mark.parametrize("override", ["algorithm.config.rows=many", "run.sed=1", "algorithm.name=sac"])
def test_wrong_settings_are_problems_and_nothing_else_is_looked_at(with_plugins, looked, override):
    code, found = looked("config", "check", *MINE, "--set", override)
    assert code == 2
    assert [(topic, level) for topic, level, _ in found] == [("settings", PROBLEM)]


def test_each_wrong_setting_has_a_line(with_plugins, looked):
    _, found = looked("config", "check", *MINE, "--set", "algorithm.config.rows=many", "--set", "run.sed=1")
    assert 1 <= len(found) <= 2 and not any(sentence.endswith(":") for *_, sentence in found)


def test_spaces_that_the_algorithm_does_not_take_are_a_problem(with_plugins, looked):
    with_plugins(environment=others.spec_of(observations={}))
    _, found = looked("config", "check", *MINE)
    assert [topic for topic, _ in of_level(found, PROBLEM)] == ["environment"], "what follows from it is not said"


def test_mistake_in_the_learner_is_found_before_the_start(with_plugins, looked):
    plugin, *words = algorithms.MISTAKES["weights of lists"]
    with_plugins(algorithm=plugin)
    _, found = looked("config", "check", *MINE)
    [(topic, sentence)] = of_level(found, PROBLEM)
    assert topic == "algorithm" and all(word in sentence for word in words)


@pytest.mark.parametrize("choice", ["id=Nothing-v0", "wrappers=[{name: nothing}]", "kwargs={nothing: 1}"])
def test_environment_that_cannot_be_made_is_a_problem(looked, choice):
    code, found = looked(
        "config", "check", "--set", "environment.config.id=CartPole-v1", "--set", f"environment.config.{choice}"
    )
    [(topic, _)] = of_level(found, PROBLEM)
    assert (code, topic) == (2, "environment")


def test_ports_that_are_taken_or_shared_are_problems(with_plugins, looked, free_port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        _, found = looked("config", "check", *MINE, "--set", f"training.prometheus_port={taken}")
        [(topic, sentence)] = of_level(found, PROBLEM)
        assert topic == "ports" and f"{taken}, and that port cannot be opened at 127.0.0.1 (it is taken)" in sentence
    code, found = looked("config", "check", *MINE, "--set", f"training.prometheus_port={free_port}")
    assert code == 0 and any(f"Free: {free_port}" in sentence for *_, sentence in found)


# -- one plugin


def test_each_kind_of_a_right_plugin_is_tried(with_plugins, looked):
    code, found = looked("doctor", "--plugin", "mine")
    assert code == 0 and not of_level(found, PROBLEM), found
    assert {"algorithm", "environment", "connector", "network", "wrapper"} < {topic for topic, *_ in found}


def test_plugin_is_chosen_by_its_distribution(with_plugins, looked):
    _, plugin, *_ = others.PLUGINS["two of one name"]
    with_plugins(environment=plugin)
    _, found = looked("doctor", "--plugin", "zenith:mine")
    assert found[0][2].startswith("The environment 'zenith:mine' of zenith 1.2, with")


def test_plugin_that_hangs_is_named_and_left_behind(with_plugins, looked, monkeypatch):
    monkeypatch.setattr(
        checks, "of_plugin", lambda chosen: [Check("plugin", checks._later("plugin", "try_plugin", chosen), 0.6)]
    )
    with_plugins(algorithm=replace(algorithm, learner=hang))
    _, found = looked("doctor", "--plugin", "mine")
    [(_, sentence)] = of_level(found, PROBLEM)
    assert "The algorithm 'mine' of acme 1.2 is slow: learner has been running for" in sentence


def test_unknown_plugin_is_a_problem_with_the_nearest_name(with_plugins, looked):
    code, found = looked("doctor", "--plugin", "mini")
    assert (code, found) == (2, [("plugin", PROBLEM, "There is no plugin 'mini' to try. Did you mean 'mine'?")])


def test_settings_of_the_configuration_are_tried(with_plugins, looked):
    _, found = looked("doctor", "--plugin", "mine", *MINE, "--set", "algorithm.config.rows=16")
    assert any("An update for 16 rows" in sentence for *_, sentence in found)


# -- the output


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_lines_fit_the_terminal_and_begin_with_level_and_topic(with_plugins, monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with_plugins(environment=replace(environment, spec=algorithms.raises))
    assert main(["config", "check", *MINE]) == 2
    output = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)  # without colors
    lines = [line.rstrip() for line in output.splitlines() if line]
    assert max(map(len, lines)) <= columns
    assert lines[0].startswith("ok       settings") and any(line.startswith("problem  environment") for line in lines)
    assert lines[-1] == "1 problem found."


def test_lines_in_a_pipe_are_whole(with_plugins, capsys):
    with_plugins(environment=replace(environment, spec=algorithms.raises))
    main(["config", "check", *MINE])
    lines = capsys.readouterr().out.splitlines()
    assert any("spec raised KeyError" in line and "has the tests that find it." in line for line in lines)
