"""Wiring of real objects: nodes from a configuration, clients from an announcement, agents from a folder."""

import dataclasses
import json
import logging
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from soulsai_core.assembly.agents import load_agent
from soulsai_core.assembly.client import make_client, wait_for_announcement
from soulsai_core.assembly.connecting import connect_to, open_transport
from soulsai_core.assembly.node import create_folder, make_node, node_parts
from soulsai_core.config import load_config, resolve
from soulsai_core.contracts import API_VERSION
from soulsai_core.errors import CheckpointError, ConfigError, PluginError, TransportError
from soulsai_core.messages import Announcement
from soulsai_core.plugins.checks import LongCalls
from soulsai_core.transport.memory import MemoryServer, MemoryTransport

ALGORITHM = """
from pydantic import SecretStr
from soulsai_core.config import Settings
from soulsai_core.contracts import Actor, AlgorithmPlugin, Learner, Sync
from soulsai_core.messages import ArraySpec, State

class Config(Settings):
    rows: int = 4
    token: SecretStr = SecretStr("hush")

class Nothing(Learner):
    def __init__(self, config, spec, rng):
        self.drawn = int(rng.integers(2**60))
    def add(self, steps, client): pass
    def ready(self): return False
    def update(self): return {}
    def weights(self): return {}
    def save(self): return State({}, {})
    def load(self, state): pass

class Idle(Actor):
    def __init__(self, config, spec, rng, explore):
        self.rows, self.spec, self.explore = config.rows, spec, explore
    def load(self, weights): pass
    def act(self, observations, masks, starts): return observations["observation"][:, 0].astype("int64"), {}

def sync(config):
    return Sync(3, config.rows)

def columns(config, spec):
    return {"confidence": ArraySpec((), "float32", 0, 1, sparse=True)}

plugin = AlgorithmPlugin("dqn", Config, sync, Nothing, Idle, columns)
"""
ENVIRONMENT = """
from soulsai_core.config import Settings
from soulsai_core.contracts import EnvironmentPlugin
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec
from soulsai_core.testing.scripted import ScriptedEnvironment

class Config(Settings):
    id: str = "Toy-v0"
    size: int = 2

def spec(config):
    return EnvSpec(config.id, {"observation": ArraySpec((config.size,), "float32")}, Discrete(2))

plugin = EnvironmentPlugin("gymnasium", Config, spec, lambda config, seed: ScriptedEnvironment(spec(config)))
"""
CONNECTOR = """
from soulsai_core import hookimpl
from soulsai_core.config import Settings
from soulsai_core.contracts import ConnectorPlugin

class Config(Settings):
    file: str = "stopped.txt"

class Note:
    def __init__(self, config, context):
        self.path, self.run = context.folder / config.file, context.run
    @hookimpl
    def training_stopped(self, reason):
        self.path.write_text(f"{self.run}: {reason}")

plugin = ConnectorPlugin("note", Config, Note)
"""


@pytest.fixture
def catalog(site):
    site.add("algorithms", "dqn", "soulsai-dqn", code=ALGORITHM)
    site.add("environments", "gymnasium", "soulsai-gym", code=ENVIRONMENT)
    site.add("connectors", "note", "soulsai-note", code=CONNECTOR)
    return site.catalog()


@pytest.fixture
def resolved_with(catalog, tmp_path, monkeypatch):
    """A function: the resolved configuration of these settings, each `a.b=c`."""
    monkeypatch.chdir(tmp_path)
    common = [f"run.saves={tmp_path / 'saves'}", "connectors=[{name: note}]"]
    return lambda *settings: resolve(load_config(None, [*common, *settings], {}), catalog)


@pytest.fixture
def server():
    return MemoryServer()


@pytest.fixture
def announced(resolved_with, server):
    """The announcement of a node made from the configuration."""
    node = make_node(resolved_with(), MemoryTransport(server), create_folder(resolved_with()), resume=False)
    node.shutdown("announced")
    node.run()
    return wait_for_announcement(MemoryTransport(server), lambda: True)


def test_folder_is_named_after_environment_and_algorithm(resolved_with, tmp_path):
    folder = create_folder(resolved_with())
    assert folder.path.parent == tmp_path / "saves" and folder.name.endswith("_Toy-v0-dqn")


def test_node_trains_in_its_folder_with_its_connectors_and_announces_the_public_settings(announced, tmp_path):
    [folder] = (tmp_path / "saves").iterdir()
    assert (folder / "stopped.txt").read_text() == f"{folder.name}: announced"
    assert (folder / "checkpoint" / "manifest.json").exists()
    assert (announced.api, announced.run_id) == (API_VERSION, folder.name)
    assert announced.environment == {"name": "gymnasium", "config": {"id": "Toy-v0", "size": 2}}
    assert announced.algorithm == {"name": "dqn", "config": {"rows": 4}}
    assert announced.spec.name == "Toy-v0"


def test_secrets_are_neither_announced_nor_saved(announced, tmp_path):
    [folder] = (tmp_path / "saves").iterdir()
    assert b"hush" not in msgspec.json.encode(announced)
    assert not any(b"hush" in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_seed_decides_what_the_learner_draws(resolved_with, server, tmp_path):
    def drawn(*settings):
        resolved = resolved_with(*settings)
        return node_parts(resolved, MemoryTransport(server), create_folder(resolved))["learner"]._learner.drawn

    assert drawn("run.seed=5") == drawn("run.seed=5") != drawn("run.seed=6")
    assert drawn() != drawn()


def test_resume_loads_the_checkpoint_in_the_folder(resolved_with, server):
    resolved = resolved_with()
    folder = create_folder(resolved)
    assert make_node(resolved, MemoryTransport(server), folder, resume=True).iteration == 0, "killed before the first"
    first = make_node(resolved, MemoryTransport(server), folder, resume=False)
    first._state.iteration = 12
    first.checkpoint(folder.checkpoint)
    assert make_node(resolved, MemoryTransport(server), folder, resume=True).iteration == 12


def test_transport_without_an_address_says_who_starts_a_server(resolved_with):
    with pytest.raises(ConfigError, match=r"redis\.address is null"):
        open_transport(resolved_with().config.redis, "main")


def test_server_that_does_not_answer_is_an_error_of_the_transport(free_port):
    with pytest.raises(TransportError):
        connect_to(f"127.0.0.1:{free_port}", "main", None)


# -- the client's side


def test_client_is_made_of_what_was_announced(announced, catalog):
    announced = msgspec.structs.replace(
        announced, algorithm={"name": "dqn", "config": {"rows": 9}}, client={"max_message_rows": 3}
    )
    client = make_client(announced, MemoryTransport(), catalog=catalog)
    actor = client._actor._actor
    assert actor.rows == 9 and actor.spec == announced.spec and actor.explore
    assert client._settings.max_message_rows == 3
    assert isinstance(client._make_environment().reset().observations["observation"], np.ndarray)


def test_two_clients_on_one_machine_have_different_names(announced, catalog):
    names = {make_client(announced, MemoryTransport(), catalog=catalog, seed=1).client for _ in range(5)}
    assert len(names) == 5


def test_client_whose_environment_differs_gets_an_error_with_both(announced, catalog):
    other = msgspec.structs.replace(announced.spec, name="Other-v7")
    with pytest.raises(PluginError, match=r"(?s)differs from the training node's.*Toy-v0.*Other-v7.*same versions"):
        make_client(msgspec.structs.replace(announced, spec=other), MemoryTransport(), catalog=catalog)


def test_plugin_that_is_missing_on_the_client_is_named(announced, catalog):
    wanted = msgspec.structs.replace(announced, algorithm={"name": "ppo", "config": {}})
    with pytest.raises(PluginError, match="ppo"):
        make_client(wanted, MemoryTransport(), catalog=catalog)


def test_setting_that_the_clients_plugin_does_not_know_is_named_with_its_origin(announced, catalog):
    wanted = msgspec.structs.replace(announced, algorithm={"name": "dqn", "config": {"rows": 4, "layers": 2}})
    with pytest.raises(ConfigError, match=r"(?s)algorithm\.config\.layers.*the training node"):
        make_client(wanted, MemoryTransport(), catalog=catalog)


def test_announcement_is_awaited_until_the_client_is_asked_to_leave():
    transport = MemoryTransport()
    looks = iter([True, True, True, False])
    assert wait_for_announcement(transport, lambda: next(looks), pause=0.001) is None
    assert next(looks, None) is None


def test_announcement_is_awaited_while_the_server_is_away(announced, caplog):
    caplog.set_level("INFO")
    transport = MemoryTransport()
    transport.announce(msgspec.json.encode(announced))
    answers = iter([TransportError("The server is away."), TransportError("The server is away."), None])

    class Flaky:
        def read_config(self):
            if error := next(answers):
                raise error
            return transport.read_config()

    assert wait_for_announcement(Flaky(), lambda: True, pause=0.001) == announced
    assert caplog.text.count("The server is away. Waiting for it.") == 1


def test_node_of_another_api_version_is_an_error_with_both_versions():
    transport = MemoryTransport()
    transport.announce(b'{"api": 99, "whatever": "it says"}')
    with pytest.raises(PluginError, match=f"has api version 99, and here is {API_VERSION}"):
        wait_for_announcement(transport, lambda: True)


def announce(version):
    """A transport to a server where a node of this version announces itself."""
    transport = MemoryTransport()
    transport.announce(json.dumps({"api": API_VERSION, "version": version}).encode())
    return transport


def test_client_of_another_minor_version_says_which_to_install():
    with pytest.raises(PluginError, match=r"has soulsai-core 77\.3\.1, and here is .*install soulsai-core 77\.3 here"):
        wait_for_announcement(announce("77.3.1"), lambda: True)


def test_versions_that_differ_in_the_last_number_meet(announced, caplog):
    major, minor, _ = version("soulsai-core").split(".")
    other = msgspec.structs.replace(announced, version=f"{major}.{minor}.77")
    transport = MemoryTransport()
    # A newer patch may announce more than this client knows.
    transport.announce(json.dumps({**msgspec.to_builtins(other), "newer": 1}).encode())
    with caplog.at_level(logging.INFO):
        assert wait_for_announcement(transport, lambda: True) == other
    assert ".77, and here is" in caplog.text and "work together" in caplog.text


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b'{"api": 1}', b'{"api": 1, "run_id": 3}', b'{"a": "\xff"}', b'{"a": ' + b"[" * 9000],
)
def test_announcement_that_cannot_be_read_is_an_error_that_says_so(payload):
    transport = MemoryTransport()
    transport.announce(payload)
    with pytest.raises(PluginError, match="The announcement of the training node cannot be read"):
        wait_for_announcement(transport, lambda: True)


def test_announcement_survives_the_wire(announced):
    assert msgspec.json.decode(msgspec.json.encode(announced), type=Announcement) == announced


def test_environment_that_starts_again_does_not_repeat_its_episodes(announced, catalog, monkeypatch):
    seeds: list[int | None] = []
    chosen = catalog.environment(announced.environment["name"])
    recording = dataclasses.replace(chosen, make=lambda config, seed: seeds.append(seed))
    monkeypatch.setattr(catalog, "environment", lambda name: recording)
    client = make_client(announced, MemoryTransport(), catalog=catalog, seed=3)
    for _ in range(3):
        client._make_environment()
    assert seeds[0] == 3
    assert len(set(seeds)) == 3


def test_call_of_the_learner_that_takes_long_is_logged_by_the_nodes_monitor(
    resolved_with, catalog, server, monkeypatch, caplog
):
    catalog.calls = LongCalls(first=-1.0)
    monkeypatch.setattr("soulsai_core.node.monitor._INTERVAL", 0.0)
    resolved = resolved_with()
    node = make_node(resolved, MemoryTransport(server), create_folder(resolved), resume=False)
    node._learner._learner.started = lambda resumed: node._monitor._step()
    node._learner.started(resumed=False)
    assert "The algorithm 'dqn' of " in caplog.text and "Learner.started has been running for 0 s" in caplog.text


def test_call_of_the_environment_that_takes_long_is_reported_with_the_heartbeat_until_it_returns(
    announced, catalog, caplog
):
    catalog.calls = LongCalls(first=-1.0)
    reported = []
    client = make_client(announced, MemoryTransport(), catalog=catalog)
    client._problem = "The game hung."
    environment = client._make_environment()
    reset = environment._environment.reset
    environment._environment.reset = lambda: reported.append(client._info().problem) or reset()
    environment.reset()
    assert "Environment.reset has been running for 0 s" in reported[0]
    assert client._info().problem == "The game hung."
    assert "Environment.reset took 0 s" in caplog.text


def test_error_of_a_client_older_than_the_node_says_what_to_install(announced, catalog):
    newer = msgspec.structs.replace(announced, client={**announced.client, "telepathy": True}, version="9.9")
    with pytest.raises(ConfigError, match=r"does not know: install version 9\.9"):
        make_client(newer, MemoryTransport(), catalog=catalog)


def test_agent_of_a_training_is_found_in_its_folder_alone(announced, catalog, tmp_path):
    [folder] = (tmp_path / "saves").iterdir()
    agent = load_agent(folder, ["algorithm.config.rows=9"], catalog=catalog)
    assert agent.actor._actor.rows == 9, "settings may be overridden"
    assert agent.spec == announced.spec and agent.environment_config.id == "Toy-v0"
    assert not agent.actor._actor.explore, "it plays its best"
    assert agent.act({"observation": np.ones((1, 2), np.float32)}, None, np.ones(1, np.bool_)).tolist() == [1]


def test_agent_plays_episodes_in_the_environment_of_its_training(announced, catalog, tmp_path):
    [folder] = (tmp_path / "saves").iterdir()
    agent = load_agent(str(folder), catalog=catalog)
    seen = []

    class Still(type(agent.actor._actor)):
        def act(self, observations, masks, starts):
            seen.append(bool(starts[0]))
            return np.zeros(1, np.int64), {}

    agent = dataclasses.replace(agent, actor=Still(SimpleNamespace(rows=1), agent.spec, None, False))
    episodes = list(agent.play(3, seed=1))
    assert [episode.length for episode in episodes] == [1, 2, 5]
    assert seen == [True, True, False, True, False, False, False, False]


@pytest.mark.parametrize("place", ["checkpoint", "best_model", "manual_save/iteration-00000007"])
def test_agent_of_any_checkpoint_of_a_training_is_found(announced, catalog, tmp_path, place, monkeypatch):
    [folder] = (tmp_path / "saves").iterdir()
    if place != "checkpoint":
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / "checkpoint").rename(folder / place)
    assert load_agent(folder / place, catalog=catalog).spec == announced.spec
    monkeypatch.chdir(folder / place)
    assert load_agent(Path(), catalog=catalog).spec == announced.spec


def test_folder_without_a_model_has_no_agent(catalog, tmp_path):
    with pytest.raises(CheckpointError, match="There is no checkpoint in"):
        load_agent(tmp_path, catalog=catalog)
