"""What bad input gets: exit code 2 and one sentence that says what, where and what instead, never a traceback.

Commands that fail before they start anything run in the tests' own process, which has imported everything already.
"""

from __future__ import annotations

import re
import shutil
import socket

import pytest
from commands import DQN, add_entry_point

pytestmark = pytest.mark.stack


@pytest.fixture
def refused(run_here):
    """A function: run a command here, and return the sentence with which it ends."""
    return lambda *arguments, settings=(): sentence_of(run_here(*arguments, settings=settings, code=2))


def sentence_of(output):
    lines = [line for line in output.splitlines() if line.startswith("soulsai: ")]
    assert len(lines) == 1 and output.rstrip().endswith(lines[0]), output
    assert "Traceback" not in output
    return lines[0].removeprefix("soulsai: ")


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("training.stop.env_step=5", r"env_step: there is no such setting \(--set\)\. Did you mean .*env_steps\?"),
        ("algorithm.config.gama=0.9", r"algorithm\.config\.gama: .*Did you mean algorithm\.config\.gamma\?"),
        ("algorithm.config.gamma=two", r'algorithm\.config\.gamma: must be a number, but --set says "two"\.'),
        ("training.checkpoint_every=often", r"training\.checkpoint_every: must be a whole number, but --set says"),
        ("training.checkpoint_every=0", r"training\.checkpoint_every: must be at least 1, but --set says 0\."),
        ("algorithm.config.learning_starts=200000", r"algorithm\.config: learning_starts \(200000\) must not be more"),
        ("algorithm.name=dreamer", r"no algorithm 'dreamer' installed\. Installed: .*\bdqn \(soulsai-dqn [\d.]+\)"),
        ("algorithm.name=dnq", r"no algorithm 'dnq' installed\. Did you mean 'dqn'\?"),
        ("environment.config.id=CartPol-v1", r"'CartPol-v1' is not registered.*CartPole-v1"),
        ("environment.config.id=Pendulum-v1", r"Pendulum-v1 has Continuous actions.*Discrete.*PPO"),
        ("redis.address=127.0.0.1:1", r"127\.0\.0\.1:1"),
        ("redis.address=redis://:secret@localhost", r"must not hold a password.*redis\.secret_file"),
        ("redis.address=http://localhost", r"'http://localhost' is not the address of a Redis server.*redis://HOST"),
        ("nonsense", r"--set nonsense: write it as name\.of\.setting=value"),
    ],
)
def test_wrong_setting_is_named_with_what_would_be_right(refused, tmp_path, setting, sentence):
    said = refused("train", settings=[setting])
    assert re.search(sentence, said), said
    assert not list(tmp_path.glob("work/saves/*")), "a training that could not begin leaves no folder"


def test_broken_plugin_is_named_with_its_error_and_others_work(stack, tmp_path):
    site = tmp_path / "site"
    add_entry_point(site, "soulsai-broken", "broken", "broken_plugin:plugin")
    (site / "broken_plugin.py").write_text("import module_that_is_missing\n")
    stack.add_to_path(site)
    said = sentence_of(stack.run("train", settings=["algorithm.name=broken"], code=2))
    assert re.search(r"'broken' of soulsai-broken 1\.0 .*module_that_is_missing.*Installed: .*\bdqn ", said), said
    assert re.search(r"broken .*module_that_is_missing", stack.run("plugins"))
    stack.train(steps=200).wait_for_end()


@pytest.mark.parametrize("secret", ["requirepass wrong\n", None])
@pytest.mark.parametrize("command", ["train", "client", "status"])
def test_wrong_or_missing_password_is_refused_at_once(refused, make_server, tmp_path, command, secret):
    server = make_server("right")
    if secret:
        (tmp_path / "work" / "redis.secret").write_text(secret)
    if command == "train":
        said = refused(command, settings=[f"redis.address={server.address}"])
    else:
        said = refused(command, "--redis-address", server.address)
    assert "password" in said and server.address in said and "redis.secret" in said, said
    assert "wrong" not in said, "the password that was tried is shown"


@pytest.mark.parametrize("command", ["status", "quicksave", "shutdown"])
def test_command_without_a_server_says_where_it_looked(refused, command):
    assert "127.0.0.1:1" in refused(command, "--redis-address", "127.0.0.1:1")


def test_client_gives_up_on_a_server_that_never_comes(refused):
    assert "127.0.0.1:1" in refused("client", "--redis-address", "127.0.0.1:1", "--wait", "0.5")


@pytest.mark.parametrize("command", ["status", "quicksave", "shutdown", "client"])
def test_command_without_a_training_says_so(refused, command):
    assert "No training runs on this machine under saves" in refused(command)


def test_command_to_a_server_without_a_node_is_not_answered(refused, server):
    said = refused("quicksave", "--redis-address", server.address, "--timeout", "0.5")
    assert "no training node has reported to it yet" in said


def test_resuming_without_a_checkpoint_is_refused(refused, tmp_path):
    assert "There is no run under saves to resume" in refused("train", "--resume")
    assert str(tmp_path / "nowhere") in refused("train", "--resume", str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_checkpoint_that_does_not_fit_is_refused_and_left_as_it_was(stack, refused):
    """One of another environment, one of another size, and a damaged one."""
    stack.train("--clients", "1", steps=300, algorithm=DQN).wait_for_end()
    folder = stack.run_folder

    def resume(*settings, where=()):
        return refused("train", "--clients", "0", "--no-telemetry", "--resume", *where, settings=settings)

    def contents():
        return {file: file.read_bytes() for file in (folder / "checkpoint").rglob("*") if file.is_file()}

    kept = contents()
    said = resume("environment.config.id=Acrobot-v1")
    assert "its environment is" in said and "CartPole-v1" in said and "Acrobot-v1" in said
    said = resume("algorithm.config.hidden=[128]")
    assert "layers.0.bias has shape (32,) in it and (128,) here" in said
    assert contents() == kept
    network = folder / "checkpoint" / "network.safetensors"
    network.write_bytes(network.read_bytes()[:-1] + b"\0")
    assert "damaged: network.safetensors" in resume(*DQN)
    (folder / "config.json").unlink()
    assert "has no config.json: name a file with the settings of the run by --config" in resume(where=[str(folder)])
    shutil.rmtree(folder / "checkpoint")
    shutil.rmtree(folder / "journal")
    assert "checkpoint" in resume(where=[str(folder)])


def test_port_for_metrics_that_is_in_use_is_named_and_training_goes_on(stack):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = [f"training.prometheus_port={port}"]
        output = stack.train("--clients", "1", steps=300, settings=settings).wait_for_end()
    said = rf"metrics of the training node are left out: training\.prometheus_port is {port}, but .* \(.*in use"
    assert re.search(said, " ".join(output.split())), output
    assert re.search(r"Model +saves", output)


def test_configuration_file_that_is_missing_or_broken_is_named(refused, tmp_path):
    assert "no configuration file nowhere.yaml" in refused("train", "--config", "nowhere.yaml")
    (tmp_path / "work" / "config.yaml").write_text("run: [1, 2\n")
    assert "config.yaml" in refused("train")
