"""What bad input gets: exit code 2 and one sentence that says what, where and what instead; never a traceback."""

import re
import shutil
import socket

import pytest

SMALL = ["environment.config.id=CartPole-v1", "algorithm.config.hidden=[32]"]

pytestmark = pytest.mark.stack


def complains(stack, *arguments, settings=()):
    """The sentence on which the command ends."""
    output = stack.run(*arguments, settings=settings, code=2)
    lines = [line for line in output.splitlines() if line.startswith("soulsai: ")]
    assert len(lines) == 1 and output.rstrip().endswith(lines[0]), output
    assert not stack.processes()
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
        ("algorithm.name=dnq", r"no algorithm 'dnq' installed.*Did you mean 'dqn'\?"),
        ("environment.config.id=CartPol-v1", r"'CartPol-v1' is not registered.*CartPole-v1"),
        ("environment.config.id=Pendulum-v1", r"Pendulum-v1 has Continuous actions.*Discrete.*PPO"),
        ("redis.address=127.0.0.1:1", r"127\.0\.0\.1:1"),
        ("redis.address=redis://:secret@localhost", r"must not hold a password.*redis\.secret_file"),
        ("redis.address=http://localhost", r"'http://localhost' is not the address of a Redis server.*redis://HOST"),
        ("nonsense", r"--set nonsense: write it as name\.of\.setting=value"),
    ],
)
def test_wrong_setting_is_named_with_what_would_be_right(stack, setting, sentence):
    said = complains(stack, "train", settings=[setting])
    assert re.search(sentence, said), said
    assert not list(stack.folder.glob("saves/*")), "a training that could not begin leaves no folder"


def test_broken_plugin_is_named_with_its_error(stack):
    site = stack.folder / "site"
    info = site / "soulsai_broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: soulsai-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[soulsai.algorithms]\nbroken = broken_plugin:plugin\n")
    (site / "broken_plugin.py").write_text("import module_that_is_missing\n")
    stack.add_to_path(site)
    said = complains(stack, "train", settings=["algorithm.name=broken"])
    assert re.search(r"'broken' of soulsai-broken 1\.0 .*module_that_is_missing.*Installed: .*\bdqn ", said), said
    assert re.search(r"broken .*module_that_is_missing", stack.run("plugins"))
    stack.train(steps=250).ends()


@pytest.mark.parametrize("secret", ["requirepass wrong\n", None])
@pytest.mark.parametrize("command", ["train", "client", "status"])
def test_wrong_or_missing_password_is_refused_at_once(stack, make_server, command, secret):
    server = make_server("right")
    if secret:
        (stack.folder / "redis.secret").write_text(secret)
    address = [] if command == "train" else ["--redis-address", server.address]
    said = complains(stack, command, *address, settings=[f"redis.address={server.address}"] if not address else [])
    assert "password" in said and server.address in said and "redis.secret" in said, said
    assert "wrong" not in said, "it gives away what was tried"


@pytest.mark.parametrize("command", ["status", "quicksave", "shutdown"])
def test_command_without_a_server_says_where_it_looked(stack, command):
    assert "127.0.0.1:1" in complains(stack, command, "--redis-address", "127.0.0.1:1")


def test_client_gives_up_on_a_server_that_never_comes(stack):
    assert "127.0.0.1:1" in complains(stack, "client", "--redis-address", "127.0.0.1:1", "--wait", "0.5")


@pytest.mark.parametrize("command", ["status", "quicksave", "shutdown", "client"])
def test_command_with_nothing_running_says_so(stack, command):
    assert "No training runs on this machine under saves" in complains(stack, command)


def test_command_to_a_server_without_a_node_is_not_answered(stack, server):
    said = complains(stack, "quicksave", "--redis-address", server.address, "--timeout", "0.5")
    assert "No training node answered within 0.5 s" in said


def test_nothing_to_resume(stack, tmp_path):
    assert "no checkpoint under saves to resume" in complains(stack, "train", "--resume")
    assert str(tmp_path / "nowhere") in complains(stack, "train", "--resume", str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_checkpoint_that_does_not_fit_is_refused_and_stays_as_it_was(stack):
    """Of another environment, of another size, and damaged."""
    stack.train(steps=300).ends()
    folder = stack.run_folder
    kept = {file: file.read_bytes() for file in (folder / "checkpoint").iterdir()}
    said = complains(stack, "train", "--resume", settings=["environment.config.id=Acrobot-v1"])
    assert "its environment is" in said and "CartPole-v1" in said and "Acrobot-v1" in said
    (folder / "config.json").unlink()
    said = complains(stack, "train", "--resume", settings=["environment.config.id=CartPole-v1"])
    assert "layers.0.bias has shape (32,) in it and (128,) here" in said
    assert {file: file.read_bytes() for file in (folder / "checkpoint").iterdir()} == kept
    network = folder / "checkpoint" / "network.safetensors"
    network.write_bytes(network.read_bytes()[:-1] + b"\0")
    said = complains(stack, "train", "--resume", settings=SMALL)
    assert "damaged: network.safetensors" in said
    shutil.rmtree(folder / "checkpoint")
    assert "checkpoint" in complains(stack, "train", "--resume", str(folder))


def test_port_for_metrics_in_use(stack):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = [f"training.prometheus_port={port}", "environment.config.id=CartPole-v1"]
        said = complains(stack, "train", settings=settings)
    assert re.search(rf"training\.prometheus_port is {port}, but that port cannot be opened \(.*in use", said), said


def test_configuration_file_that_is_missing_or_broken(stack):
    assert "no configuration file nowhere.yaml" in complains(stack, "train", "--config", "nowhere.yaml")
    (stack.folder / "config.yaml").write_text("run: [1, 2\n")
    assert "config.yaml" in complains(stack, "train")
