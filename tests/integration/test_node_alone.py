"""Server, training node and clients apart: each may come late, vanish and return."""

import pytest

pytestmark = pytest.mark.stack


@pytest.fixture
def node(stack):
    """(address, *arguments) -> `soulsai training-node` there, without an end."""
    from pathlib import Path

    small = Path(__file__).with_name("small.yaml")

    def start(address, *arguments):
        chosen = () if arguments else ("--config", str(small))
        return stack.start("training-node", *arguments, *chosen, settings=[f"redis.address={address}"])

    return start


@pytest.fixture
def trained(stack, until):
    """(address, env_steps) -> the status once so many have been trained there, since whatever happened before."""

    def wait(address, env_steps, node=None):
        def look():
            from soulsai_core import SoulsAIError

            if node is not None:
                node._alive()
            try:
                status = stack.status(address)
            except SoulsAIError:
                return None
            return status if status is not None and status.env_steps >= env_steps else None

        return until(f"{env_steps} steps", look)

    return wait


def client_of(stack, address):
    return stack.start("client", "--redis-address", address, "--seed", "1")


def names(status):
    return [client.info.id for client in status.clients]


def test_client_waits_for_the_node(stack, server, node, trained):
    client = client_of(stack, server.address)
    client.says("Waiting for the training node")
    training = node(server.address)
    trained(server.address, 500, training)
    training.interrupt()
    training.ends()
    assert "the training has ended" in client.ends()


def test_node_that_was_killed_goes_on_with_the_clients_that_stayed(stack, server, node, trained, until):
    client, killed = client_of(stack, server.address), node(server.address)
    before = trained(server.address, 1000, killed)
    until("a checkpoint", lambda: (stack.run_folder / "checkpoint").exists())
    killed.kill()
    saved = stack.counters()
    resumed = node(server.address, "--resume")
    after = trained(server.address, before.env_steps + 1000, resumed)
    assert after.iteration > before.iteration and after.episodes >= before.episodes
    assert after.run_id == before.run_id and names(after) == names(before)
    assert after.env_steps > saved["env_steps"]
    resumed.interrupt()
    resumed.ends()
    assert client.ends().count("Joined") == 1


def test_clients_go_over_to_a_new_training_at_the_same_server(stack, server, node, trained):
    """The old node was killed and is not resumed: somebody starts afresh."""
    client, killed = client_of(stack, server.address), node(server.address)
    first = trained(server.address, 500, killed)
    killed.kill()
    fresh = node(server.address)
    client.says("Another training has begun")
    second = trained(server.address, 300, fresh)
    assert second.run_id != first.run_id
    fresh.interrupt()
    fresh.ends()
    assert client.ends().count("Joined") == 2


def test_server_that_was_killed_and_restarted_finds_everybody_there(stack, make_server, node, trained, until):
    """It has forgotten everything; the node tells it again, and neither node nor client was lost."""
    server = make_server()
    client, training = client_of(stack, server.address), node(server.address)
    before = trained(server.address, 500, training)
    server.kill()
    training.says("Trying again until it is back")
    client.says("Trying again until it is back")
    server.start()
    after = trained(server.address, before.env_steps + 1000, training)
    assert after.iteration > before.iteration
    until("the client's next heartbeat", lambda: names(stack.status(server.address)) == names(before))
    training.interrupt()
    training.ends()
    assert client.ends().count("Joined") == 1


def test_password_from_the_secret_file_opens_the_server_to_all(stack, make_server, trained):
    """Node, clients and command line read the same file, which ends in a newline; nothing else repeats it."""
    server = make_server("p@ss-w%rd:/#")
    (stack.folder / "redis.secret").write_text(f"requirepass {server.password}\n")
    command = stack.train("--clients", "1", settings=[f"redis.address={server.address}"])
    trained(server.address, 300, command)
    assert "manual_save" in stack.run("quicksave", "--redis-address", server.address)
    stack.run("shutdown")
    command.ends()
    for file in stack.folder.rglob("*"):
        if file.is_file() and file.name != "redis.secret":
            assert b"p@ss" not in file.read_bytes(), f"{file} gives the password away"


def test_commands_in_its_folder_find_the_server_by_the_same_settings(stack, make_server, repository, trained):
    server = make_server("right")
    (stack.folder / "redis.secret").write_text("requirepass right\n")
    small = (repository / "tests" / "integration" / "small.yaml").read_text()
    (stack.folder / "config.yaml").write_text(f"{small}\nredis: {{address: '{server.address}'}}\n")
    node = stack.start("training-node")
    client = stack.start("client", "--redis-address", server.address)
    trained(server.address, 300, node)
    assert stack.run_folder.name in stack.run("status")
    assert (stack.folder / stack.run("quicksave").strip()).is_dir()
    assert "checkpoint" in stack.run("shutdown")
    node.ends()
    client.ends()
