"""Training nodes and clients made from Python close the connections that they opened."""

from __future__ import annotations

import threading

import pytest
import redis
from waiting import DEADLINE_S

from soulsai_core import join, load_config
from soulsai_core.app import EmbeddedServer
from soulsai_core.transport.address import parse_address
from soulsai_dqn import DQNTrainingNode
from soulsai_ppo import PPOTrainingNode

SETTINGS = ("environment.config.id=CartPole-v1", "training.stop.env_steps=300")


@pytest.mark.parametrize(("kind", "name"), [(DQNTrainingNode, "dqn"), (PPOTrainingNode, "ppo")])
def test_no_connection_is_open_after_the_training(kind, name, tmp_path):
    with EmbeddedServer() as server:
        settings = [f"algorithm.name={name}", f"redis.address={server.address}", f"run.saves={tmp_path / 'saves'}"]
        node = kind(load_config(overrides=[*SETTINGS, *settings], environ={}))
        client = threading.Thread(target=lambda: join(server.address).run())
        client.start()
        node.run()
        client.join(DEADLINE_S)
        assert not client.is_alive()
        with redis.Redis(unix_socket_path=parse_address(server.address).path) as admin:
            others = [c for c in admin.client_list() if str(c["id"]) != str(admin.client_id())]
        assert others == []
