"""What a malicious contributor can do with its own credential: nothing to others."""

from __future__ import annotations

import threading

import msgspec
import numpy as np
import psutil
import pytest
from waiting import DEADLINE_S, wait_for
from written_meanwhile import of_each_path

from soulsai_core.contributors.inbox import EPISODE, HEARTBEAT, SAMPLES
from soulsai_core.contributors.redis_inbox import contributions_of, own_contribution
from soulsai_core.errors import AccessError, SoulsAIError
from soulsai_core.messages import ClientInfo, Command, Reply

pytestmark = pytest.mark.stack

OTHERS = "soulsai:main:from:alice"
OWN = "soulsai:main:from:mallory"
FORBIDDEN = [
    "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "INFO", "CONFIG GET *", "CONFIG SET maxmemory 1", "CONFIG REWRITE",
    "FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SHUTDOWN", "SAVE", "BGSAVE", "BGREWRITEAOF", "REPLICAOF 127.0.0.1 1",
    "DEBUG SLEEP 1", "MONITOR", "SLOWLOG GET", "LATENCY DOCTOR", "MEMORY DOCTOR", "MODULE LIST", "COMMAND", "LASTSAVE",
    "ACL LIST", "ACL USERS", "ACL WHOAMI", "ACL SETUSER mallory on", "ACL SETUSER main:mallory +@all", "ACL SAVE",
    "CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT NO-EVICT on", "CLIENT PAUSE 1000", "CLIENT TRACKING on",
    "EVAL return 0", "EVALSHA 0 0", "SCRIPT LOAD x", "SCRIPT KILL", "FUNCTION LIST", "FCALL f 0",
    "GET soulsai:main:status", "GET soulsai:main:contributors", "GET soulsai:other:config", f"GET {OWN}",
    "GET soulsai:main:contribution:alice",
    "HGETALL soulsai:main:infos", "ZRANGE soulsai:main:clients 0 -1", "HGETALL soulsai:main:model",
    "HMGET soulsai:main:model payload payload",
    f"XREAD STREAMS {OTHERS} 0", f"XRANGE {OTHERS} - +", f"XLEN {OWN}", f"XREAD STREAMS {OWN} 0",
    "XREAD STREAMS soulsai:main:samples 0", "XREAD STREAMS soulsai:main:episodes 0", f"XINFO STREAM {OTHERS}",
    f"XADD {OTHERS} * s x", "XADD soulsai:main:samples * p x", "XADD soulsai:main:episodes * p x",
    "XADD soulsai:main:commands * p x", "XADD soulsai:main:requests * p x", "XADD elsewhere * p x",
    f"XADD {OWN}:more * p x", "XADD soulsai:other:from:mallory * p x",
    f"DEL {OWN}", f"DEL {OTHERS}", f"UNLINK {OTHERS}", f"XTRIM {OTHERS} MAXLEN 0", f"XDEL {OTHERS} 1-0",
    f"EXPIRE {OTHERS} 1", f"RENAME {OWN} {OTHERS}", f"COPY {OTHERS} {OWN}", f"MOVE {OWN} 1", f"DUMP {OWN}",
    "SET soulsai:main:model x", "SET soulsai:main:config x", "SET soulsai:main:progress x", f"SET {OWN} x",
    "HSET soulsai:main:model iteration 99", "ZADD soulsai:main:clients 1 alice@pc", "HSET soulsai:main:infos a b",
    "PUBLISH soulsai:main:wake x", "SUBSCRIBE other", "PSUBSCRIBE *", "PUBSUB CHANNELS", "MULTI", "WATCH x",
    "BLPOP soulsai:main:reply:1 1", "LPUSH soulsai:main:reply:1 x", "WAIT 1 1000", "SELECT 1", "ASKING", "RESET_ALL",
]  # fmt: skip
BAD_SAMPLES = {
    "checksum": lambda m: m.message()[:-1] + b"\x01",
    "truncated": lambda m: m.message()[:-5],
    "magic": lambda m: b"\x80\x04" + m.message()[2:],
    "nonfinite": lambda m: m.message(reward=np.full(4, np.nan, np.float32)),
    "bounds": lambda m: m.message(reward=np.full(4, 1e30, np.float32)),
    "dtype": lambda m: m.message(reward=np.zeros(4, np.float64)),
    "shape": lambda m: m.message(reward=np.zeros((4, 2), np.float32)),
    "unknown_field": lambda m: m.message(extra=np.zeros(4, np.float32)),
    "oversized": lambda m: m.message(rows=200_000),
    "sender": lambda m: m.message(client="alice@pc-1"),
    "run": lambda m: m.message(run_id="another"),
    "future": lambda m: m.message(iteration=10**6),
}
BAD_MESSAGES = {
    "kind": (b"x", lambda m: b""),
    "episode": (EPISODE, lambda m: m.episode(total_reward=1e30)),
    "heartbeat": (HEARTBEAT, lambda m: b"\xff"),
}


def refusal(contributor, command):
    try:
        return f"answered {contributor.do(*command.split())!r}"
    except Exception as error:
        return str(error).lower()


def test_every_command_but_those_of_a_client_is_refused(new_host):
    host = new_host()
    host.invite("alice")
    mallory = host.invite("mallory")
    answers = {command: refusal(mallory, command) for command in FORBIDDEN}
    refused = ("no permission", "unknown command", "can't access", "not allowed")
    assert {c: answer for c, answer in answers.items() if not any(words in answer for words in refused)} == {}


def test_malformed_poisoned_oversized_and_repeated_messages_are_rejected_and_attributed(hosted):
    host, node = hosted
    mallory = host.invite("mallory").read_announcement()
    for make in BAD_SAMPLES.values():
        mallory.do("XADD", OWN, "*", SAMPLES, make(mallory))
    for kind, make in BAD_MESSAGES.values():
        mallory.do("XADD", OWN, "*", kind, make(mallory))
    mallory.do("XADD", OWN, "*", HEARTBEAT, msgspec.json.encode(ClientInfo("alice@pc-1", "host", leaving=True)))
    good = mallory.message()
    for _ in range(3):
        mallory.do("XADD", OWN, "*", SAMPLES, good)
    expected = {*BAD_SAMPLES, *BAD_MESSAGES, "repeated"}

    def rejected():
        node.assert_running()
        contribution = host.contribution("mallory")
        return contribution if contribution.rejected.keys() >= expected else None

    contribution = wait_for("the rejected messages", rejected)
    assert contribution.rejected["repeated"] == 8 and contribution.rejected["sender"] == 2 and contribution.samples == 4
    assert contribution.episodes == 0
    # It reads its own numbers, and telemetry those of all; nobody else's are for it.
    wait_for("its own numbers", lambda: own_contribution(mallory.transport, "mallory").samples == 4)
    with pytest.raises(AccessError):
        own_contribution(mallory.transport, "alice")
    telemetry = host.connect("telemetry", host.passwords["telemetry"])
    assert contributions_of(telemetry)["mallory"].since == contribution.since is not None
    telemetry.close()


def test_telemetry_user_reads_and_may_ask_for_saves_but_not_for_a_shutdown(hosted):
    host, node = hosted
    telemetry = host.connect("telemetry", host.passwords["telemetry"])
    assert telemetry.read_config() and telemetry.roster() == {} and telemetry.read_episodes("", 1, 0) == []
    wait_for("the status", telemetry.read_status)
    assert telemetry.command("1", msgspec.json.encode(Command("1", "shutdown")), 1.0) is None
    answer = telemetry.command("2", msgspec.json.encode(Command("2", "save_best")), DEADLINE_S)
    assert msgspec.json.decode(answer, type=Reply).ok
    for command in ("XADD soulsai:main:commands * p x", "KEYS *", "SET soulsai:main:model x", "ACL USERS",
                    "XADD soulsai:main:from:bob * s x", "CONFIG GET *", "FLUSHALL"):  # fmt: skip
        with pytest.raises(Exception, match=r"(?i)no permissions"):
            telemetry._client.execute_command(*command.split())
    telemetry.close()
    node.assert_running()


def test_no_password_or_key_is_in_logs_redis_checkpoints_or_command_lines(hosted, module_stack):
    host, node = hosted
    bob = host.invite("bob").read_announcement()
    bob.transport.push_samples([bob.message()])
    wait_for("bob's samples", lambda: host.contribution("bob").samples)
    module_stack.run("quicksave")
    secrets = [*host.passwords.values(), bob.password, (host.config / "tls" / "ca.key").read_text().split("\n")[1]]
    stored = b"".join(all_values(host.transport._client))
    processes = [*module_stack.processes(), psutil.Process(host.server.pid)]
    printed = node.output + " ".join(" ".join(process.cmdline()) for process in processes)
    contents = of_each_path(module_stack.folder, lambda path: path.read_bytes() if path.is_file() else b"")
    assert {"manifest.json", "config.json", "training-node.log"} <= {path.name for path in contents}
    for secret in secrets:
        assert secret not in printed and secret.encode() not in stored
        assert [path for path, content in contents.items() if secret.encode() in content] == []


def all_values(client):
    """All values in the server, as they are stored."""
    for key in client.scan_iter():
        kind = client.type(key)
        read = {b"string": client.get, b"hash": client.hgetall, b"stream": client.xrange}.get(kind)
        yield repr(read(key) if read else client.zrange(key, 0, -1)).encode()


def test_flood_is_stopped_and_attributed_while_others_contribute(hosted):
    host, node = hosted
    carol = host.invite("carol").read_announcement()
    flooder = host.invite("flooder")
    ended = threading.Event()

    def flood():
        payload = b"x" * 2000
        while not ended.is_set():
            try:
                pipe = flooder.transport._client.pipeline(transaction=False)
                for _ in range(3000):
                    pipe.xadd(flooder.inbox, {SAMPLES: payload})
                pipe.execute()
            except Exception:
                ended.wait(0.1)

    def suspended():
        node.assert_running()
        return host.contribution("flooder").suspensions

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    try:
        wait_for("a suspension", suspended)
        for _ in range(20):
            carol.transport.push_samples([carol.message()])
        wait_for("carol's samples", lambda: host.contribution("carol").samples == 80)
        assert host.transport._client.xlen(flooder.inbox) < 100_000
    finally:
        ended.set()
        thread.join(DEADLINE_S)
    assert host.contribution("carol").rejected == {} and host.contribution("carol").suspensions == 0
    assert {"flood", "rate"} & host.contribution("flooder").rejected.keys()


def test_revoked_contributor_is_disconnected_at_once_on_all_connections(new_host):
    host = new_host()
    mallory = host.invite("mallory")
    transports = [mallory.transport, *(mallory.connect_again().transport for _ in range(3))]
    for transport in transports:
        transport.push_samples([b"x"])
    outcomes = []
    waiting = threading.Thread(target=lambda: outcomes.append(outcome_of(lambda: transports[0].wait_progress(30.0))))
    waiting.start()
    host.users.revoke("mallory")
    for transport in transports:
        with pytest.raises(AccessError, match="Ask the host for a new one"):
            transport.push_samples([b"x"])
    waiting.join(DEADLINE_S)
    assert outcomes and outcomes[0] != "nothing"
    assert host.users.names() == ["local"] and host.transport._client.exists(OWN) == 0
    host.users.invite("mallory")
    with pytest.raises(AccessError):
        transports[0].check()


def outcome_of(call):
    try:
        return "nothing" if call() is None else "something"
    except SoulsAIError as error:
        return str(error)


def test_invitations_and_revocations_outlive_the_server(new_host):
    host = new_host()
    bob = host.invite("bob")
    mallory = host.invite("mallory")
    host.users.revoke("mallory")
    host.server.stop()
    host.server.start()
    bob.transport.check()
    with pytest.raises(AccessError):
        mallory.transport.check()
