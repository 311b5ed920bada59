"""Server, training node and clients as separate processes: each may come late, vanish and return."""

from __future__ import annotations

import pytest
from commands import LINEAR
from waiting import wait_for

from soulsai_core import SoulsAIError

pytestmark = pytest.mark.stack


@pytest.fixture
def start_node(stack):
    """(address, *arguments) -> `soulsai training-node` there, which trains until it is stopped."""

    def start(address, *arguments):
        settings = () if "--resume" in arguments else LINEAR
        return stack.start("training-node", *arguments, settings=[*settings, f"redis.address={address}"])

    return start


@pytest.fixture
def start_client(stack):
    """(address) -> `soulsai client` there."""
    return lambda address: stack.start("client", "--redis-address", address, "--seed", "1")


@pytest.fixture
def wait_for_steps(stack):
    """(node, address, env_steps) -> the node's status once it has counted this many environment steps."""

    def wait(node, address, env_steps):
        def look():
            node.assert_running()
            try:
                status = stack.status(address)
            except SoulsAIError:  # a server that is gone may come back
                return None
            return status if status is not None and status.env_steps >= env_steps else None

        return wait_for(f"{env_steps} steps", look)

    return wait


def names(status):
    return [client.info.id for client in status.clients]


def test_client_waits_for_the_node(server, start_node, start_client, wait_for_steps):
    client = start_client(server.address)
    client.wait_for_output("Waiting for the training node")
    node = start_node(server.address)
    wait_for_steps(node, server.address, 200)
    node.interrupt()
    node.wait_for_end()
    assert "the training has ended" in client.wait_for_end()


def test_node_waits_for_its_server(make_server, start_node):
    server = make_server()
    server.kill()
    node = start_node(server.address)
    node.wait_for_output("No Redis server answers .* Waiting for it")
    server.start()
    node.wait_for_output("Training ")
    node.interrupt()
    node.wait_for_end()


def test_killed_node_resumes_with_the_clients_that_stayed(stack, server, start_node, start_client, wait_for_steps):
    client = start_client(server.address)
    killed = start_node(server.address)
    wait_for("a checkpoint", lambda: list(stack.folder.glob("saves/*/checkpoint")))
    before = wait_for_steps(killed, server.address, 500)
    killed.kill()
    saved = stack.counters()
    resumed = start_node(server.address, "--resume")
    after = wait_for_steps(resumed, server.address, before.env_steps + 500)
    wait_for("newer models", lambda: stack.status(server.address).iteration > before.iteration)
    assert after.episodes >= before.episodes
    assert after.run_id == before.run_id and names(after) == names(before)
    assert after.env_steps > saved["env_steps"]
    resumed.interrupt()
    resumed.wait_for_end()
    assert client.wait_for_end().count("Joined") == 1


def test_clients_move_to_a_new_training_at_the_same_server(server, start_node, start_client, wait_for_steps):
    """The old node was killed and is not resumed: a new training starts instead."""
    client = start_client(server.address)
    killed = start_node(server.address)
    first = wait_for_steps(killed, server.address, 200)
    killed.kill()
    fresh = start_node(server.address)
    client.wait_for_output("Another training has begun")
    second = wait_for_steps(fresh, server.address, 200)
    assert second.run_id != first.run_id
    fresh.interrupt()
    fresh.wait_for_end()
    assert client.wait_for_end().count("Joined") == 2


def test_training_continues_when_a_killed_server_comes_back(
    stack, make_server, start_node, start_client, wait_for_steps
):
    """The server has forgotten everything; the node writes it again, and neither node nor client was lost."""
    server = make_server()
    client = start_client(server.address)
    node = start_node(server.address)
    before = wait_for_steps(node, server.address, 200)
    server.kill()
    node.wait_for_output("Trying again until it is back")
    client.wait_for_output("Trying again until it is back")
    server.start()
    wait_for_steps(node, server.address, before.env_steps + 200)
    wait_for("newer models", lambda: stack.status(server.address).iteration > before.iteration)
    wait_for("the client's next heartbeat", lambda: names(stack.status(server.address)) == names(before))
    node.interrupt()
    node.wait_for_end()
    assert client.wait_for_end().count("Joined") == 1


def test_all_read_the_password_from_the_secret_file_and_do_not_write_it(stack, make_server, wait_for_steps):
    """Node, clients and commands read the same file, which ends in a newline; nothing else repeats the password."""
    server = make_server("p@ss-w%rd:/#")
    (stack.folder / "redis.secret").write_text(f"requirepass {server.password}\n")
    command = stack.train("--clients", "1", settings=[f"redis.address={server.address}"])
    wait_for_steps(command, server.address, 200)
    assert "manual_save" in stack.run("quicksave", "--redis-address", server.address)
    stack.run("shutdown")
    command.wait_for_end()
    for file in stack.folder.rglob("*"):
        if file.is_file() and file.name != "redis.secret":
            assert b"p@ss" not in file.read_bytes(), f"{file} contains the password"


def test_commands_find_the_server_by_the_configuration_of_their_folder(stack, make_server, wait_for_steps):
    server = make_server("right")
    (stack.folder / "redis.secret").write_text("requirepass right\n")
    (stack.folder / "config.yaml").write_text(f"redis: {{address: '{server.address}'}}\n")
    node = stack.start("training-node", settings=LINEAR)
    client = stack.start("client", "--redis-address", server.address)
    wait_for_steps(node, server.address, 200)
    assert stack.run_folder.name in stack.run("status")
    assert (stack.folder / stack.run("quicksave").strip()).is_dir()
    assert "checkpoint" in stack.run("shutdown")
    node.wait_for_end()
    client.wait_for_end()
