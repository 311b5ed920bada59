"""The transport over a real server: the contract, keys, rights and error messages."""

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
import redis

from soulsai_core.assembly.connecting import open_transport
from soulsai_core.config.models import RedisSettings
from soulsai_core.errors import AccessError, ServerFullError, TransportError
from soulsai_core.testing.transport import TransportContract
from soulsai_core.transport import StreamLimits
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.embedded import EmbeddedServer
from soulsai_core.transport.redis import RedisTransport, connect
from soulsai_core.transport.redis_link import Tls, explain

RIGHTS = (
    "+@connection +@transaction +xadd +xread +xtrim +xlen +xdel +xrange +hset +hget +hmget +hgetall +hdel +get +set "
    "+del +publish +subscribe +zadd +zrange +zrem +time +lpush +lpop +blpop +expire +pttl"
)
"""The commands that a user of the server needs, for a host who allows no others."""


class TestRedisTransport(TransportContract):
    @pytest.fixture
    def open_transport(self, connected, run_names):
        run = next(run_names)
        return lambda limits: connected(run, limits)


@pytest.fixture
def admin(server):
    with redis.Redis(unix_socket_path=parse_address(server.address).path) as client:
        yield client


def play(transport: RedisTransport) -> None:
    """Each kind of call once."""
    transport.clear()
    transport.take_lease(b"ours", 60.0)
    transport.take_lease(b"theirs", 60.0)
    transport.release_lease(b"ours")
    transport.wait_progress(0.0)
    transport.announce(b"")
    transport.publish(1, b"", b"")
    transport.push_samples([b"1", b"2"])
    transport.release_samples(transport.read_samples("", 1, 1.0)[0].id)
    transport.push_episodes([b""])
    transport.read_episodes("", 1, 1.0)
    transport.heartbeat("one", b"")
    transport.write_status(b"")
    transport.reply("id", b"")
    assert transport.command("id", b"", 1.0) == b""
    assert transport.read_commands(1.0) == [b""]
    assert transport.command("id", b"", 0.01) is None
    assert transport.backlog() == 1
    assert list(transport.roster()) == ["one"]
    assert transport.read_model(0) == (1, b"")
    transport.remove_client("one")


def test_runs_on_one_server_see_nothing_of_each_other(connected, run_names):
    ours, theirs = connected(next(run_names)), connected(next(run_names))
    play(theirs)
    assert (ours.backlog(), ours.read_config(), ours.read_model(-1), ours.roster()) == (0, None, None, {})
    assert ours.read_episodes("", 1, 0.0) == []


def test_all_keys_begin_with_the_name_of_the_run(connected, run_names, admin):
    run = next(run_names)
    before = set(admin.keys())
    play(connected(run))
    new = set(admin.keys()) - before
    assert {"samples", "episodes", "model", "config", "status"} <= {key.decode().rpartition(":")[2] for key in new}
    assert all(key.decode().startswith(f"soulsai:{run}:") for key in new)


def test_answers_that_are_not_fetched_expire(connected, run_names, admin):
    run = next(run_names)
    connected(run).reply("id", b"")
    assert 0 < admin.ttl(f"soulsai:{run}:reply:id") <= 60


def test_user_with_these_rights_can_call_every_method(server, run_names, admin):
    run = next(run_names)
    admin.execute_command(*f"ACL SETUSER worker on >secret ~soulsai:{run}:* &soulsai:{run}:* {RIGHTS}".split())
    transport = connect(server.address, run, username="worker", password="secret")
    transport.check()
    play(transport)
    assert (transport.read_model(0), transport.backlog()) == ((1, b""), 1)
    transport.close()


def test_missing_right_is_an_access_error_that_names_the_command(server, run_names, admin):
    run = next(run_names)
    admin.execute_command(*f"ACL SETUSER reader on >secret ~soulsai:{run}:* resetchannels +get +ping".split())
    transport = connect(server.address, run, username="reader", password="secret")
    transport.check()
    for refused in (lambda: transport.announce(b""), lambda: transport.push_samples([b"1"])):
        with pytest.raises(AccessError, match="does not allow this user a command"):
            refused()
    with pytest.raises(AccessError, match="subscribe"):
        transport.wait_progress(0.0)
    transport.close()


def test_messages_are_released_in_a_server_that_cannot_trim_by_id(connected, run_names, monkeypatch):
    transport = connected(next(run_names))

    def refuse(*_, **__):
        raise redis.ResponseError("syntax error")

    monkeypatch.setattr(transport._client, "xtrim", refuse)
    transport.push_samples([b"%d" % number for number in range(250)])
    entries = transport.read_samples("", 250, 1.0)
    transport.release_samples(entries[229].id)
    assert transport.read_samples("", 250, 1.0) == entries[230:]


def test_full_server_is_a_transport_error_that_says_so(run_names):
    with EmbeddedServer() as server, redis.Redis(unix_socket_path=parse_address(server.address).path) as admin:
        admin.config_set("maxmemory", "1mb")
        transport = connect(server.address, next(run_names))
        with pytest.raises(TransportError, match="no memory left"):
            transport.push_samples([b"x" * 100_000] * 30)
        transport.close()


def test_no_server_is_a_transport_error_that_names_the_address(free_port):
    transport = connect(f"user:secret@127.0.0.1:{free_port}", "run")
    for call in (transport.check, transport.read_config, lambda: transport.wait_progress(0.0)):
        with pytest.raises(TransportError, match=f"No Redis server answers at 127.0.0.1:{free_port}") as caught:
            call()
        assert "secret" not in str(caught.value)


def test_server_that_cuts_the_connection_may_be_full_or_take_only_tls():
    """As one that takes only TLS does with what is none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def cut():
            connection, _ = listener.accept()
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        thread = threading.Thread(target=cut, daemon=True)
        thread.start()
        with pytest.raises(ServerFullError, match=r"too many: try again\. If it takes only TLS, .* rediss://"):
            connect(f"redis://127.0.0.1:{listener.getsockname()[1]}", "run").check()
        thread.join(10)


def test_no_server_at_a_socket_is_a_transport_error_that_names_its_path(tmp_path):
    with pytest.raises(TransportError, match=f"No Redis server answers at {tmp_path}/nobody"):
        connect(f"unix://{tmp_path}/nobody", "run").check()


def test_wrong_password_is_an_access_error_that_does_not_show_it(free_port):
    wrong = {None: "wants a password, and none was given", "mistaken": "refuses the user or password"}
    with EmbeddedServer(port=free_port, password="correct"):
        for given, sentence in wrong.items():
            transport = connect(f"127.0.0.1:{free_port}", "run", password=given)
            for method, *arguments in (("check",), ("push_samples", [b""]), ("wait_progress", 0.0)):
                with pytest.raises(AccessError, match=sentence) as caught:
                    getattr(transport, method)(*arguments)
                assert f"127.0.0.1:{free_port}" in str(caught.value)
                assert "correct" not in str(caught.value) and "mistaken" not in str(caught.value)
            transport.close()


def test_password_for_a_server_without_one_is_an_access_error(server):
    with pytest.raises(AccessError, match="has no password, but one was given"):
        connect(server.address, "run", password="needless").check()


def test_password_with_any_characters_is_accepted(free_port):
    password = 'with "quotes", \\, ümläut, # and €'
    with EmbeddedServer(port=free_port, password=password):
        transport = connect(f"localhost:{free_port}", "run", password=password)
        transport.check()
        transport.close()
        with pytest.raises(AccessError, match="refuses the user or password"):
            connect(f"localhost:{free_port}", "run", password=password[:-1]).check()


def test_calls_fail_while_the_server_is_away_and_succeed_again_afterwards(free_port):
    server = EmbeddedServer(port=free_port, password="secret")
    transport, node = (connect(f"127.0.0.1:{free_port}", "run", password="secret") for _ in range(2))
    with server:
        play(transport)
    for call in (
        lambda: transport.push_samples([b"1"]),
        lambda: transport.read_samples("", 1, 30.0),
        lambda: transport.wait_progress(30.0),
        lambda: transport.heartbeat("one", b""),
        lambda: transport.command("id", b"", 30.0),
    ):
        with pytest.raises(TransportError):
            call()
    with server:
        play(transport)
        node.publish_progress(b"heard again")
        assert transport.wait_progress(30.0) == b"heard again"
        transport.close()
        node.close()


def test_subscription_that_was_silent_for_long_is_made_anew(connected, run_names, admin, monkeypatch):
    run = next(run_names)
    listener, node = connected(run), connected(run)
    monkeypatch.setattr("soulsai_core.transport.redis_link.RESUBSCRIBED_AFTER", 0.0)
    listener.wait_progress(0.0)
    channel = f"soulsai:{run}:wake"
    assert admin.pubsub_numsub(channel) == [(channel.encode(), 0)]
    monkeypatch.undo()
    listener.wait_progress(0.0)
    node.publish_progress(b"heard")
    assert listener.wait_progress(30.0) == b"heard"


def test_bound_in_bytes_is_that_of_messages_of_the_same_size(connected, run_names):
    transport = connected(next(run_names), StreamLimits(max_entries=100, max_bytes=1000))
    transport.push_samples([b"x" * 10] * 200)
    assert transport.backlog() == 100


def test_tls_files_are_given_to_the_connection():
    transport = connect("rediss://example.org", "run", tls=Tls(authority="ca.pem", certificate="me.pem", key="me.key"))
    settings = transport._client.connection_pool.connection_kwargs
    assert settings["ssl_ca_certs"] == "ca.pem"
    assert (settings["ssl_certfile"], settings["ssl_keyfile"]) == ("me.pem", "me.key")
    assert issubclass(transport._client.connection_pool.connection_class, redis.SSLConnection)


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (redis.BusyLoadingError("LOADING"), TransportError, "still loading its data"),
        (redis.TimeoutError("Timeout reading"), TransportError, "did not answer in time"),
        (redis.ConnectionError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), TransportError, "is not trusted here"),
        (OSError("broken"), TransportError, "No Redis server answers at here"),
        (redis.ResponseError("WRONGTYPE bad"), TransportError, "answered with an error: WRONGTYPE bad."),
        (redis.ResponseError("DENIED Redis is in protected mode."), AccessError, "no connections from other machines"),
    ],
)
def test_each_kind_of_error_has_a_message(error, kind, sentence):
    explained = explain(error, "here")
    assert type(explained) is kind
    assert sentence in str(explained)


def test_episode_reports_are_bounded_in_bytes_though_no_one_removes_them(connected, run_names, monkeypatch):
    monkeypatch.setattr("soulsai_core.transport.redis.EPISODE_LIMITS", StreamLimits(10_000, 500_000))
    transport = connected(next(run_names))
    for _ in range(1000):
        transport.push_episodes([b"x" * 4000])
    size = transport.link.client.memory_usage(transport._key("episodes"), samples=0)
    assert size < 1_500_000 and len(transport.read_episodes("", 1000, 0)) >= 125


def test_secret_of_another_server_keeps_nobody_from_the_server_of_this_machine(server, tmp_path):
    secret = tmp_path / "redis.secret"
    secret.write_text("requirepass of-another-server")
    transport = open_transport(RedisSettings(address=server.address, secret_file=str(secret)), "run")
    assert transport.read_status() is None
    transport.close()


def test_what_sends_before_it_is_asked_is_named_as_no_redis_server():
    sentence = str(explain(redis.exceptions.ConnectionError("Connection not ready"), "pc:6379"))
    assert sentence.startswith("What answers at pc:6379 is no Redis server, or takes no more connections")


def test_what_is_no_redis_server_is_named_as_that(free_port):
    class Page(BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"<html></html>\r\n")

    with ThreadingTCPServer(("127.0.0.1", free_port), Page) as web, ThreadPoolExecutor(1) as pool:
        pool.submit(web.serve_forever, 0.01)
        try:
            with pytest.raises(TransportError, match=f"What answers at 127.0.0.1:{free_port} is no Redis server"):
                connect(f"127.0.0.1:{free_port}", "run").check()
        finally:
            web.shutdown()
