"""From `soulsai init` to a contributor who takes part over TLS, and is revoked again."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from commands import LINEAR
from waiting import wait_for

from soulsai_core.contributors.certificates import make_authority
from soulsai_core.contributors.invitation import read_invitation
from soulsai_core.errors import TransportError
from soulsai_core.transport.redis import connect
from soulsai_core.transport.redis_link import Tls

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tls_on_path")]


@pytest.fixture
def host(new_host, run_here, monkeypatch):
    """A TLS server, which the host's commands in this process know by variables."""
    host = new_host(tls=True)
    for name, value in host.variables().items():
        monkeypatch.setenv(name, value)
    return host


@pytest.fixture
def invite(run_here):
    """(name, *options) -> the line that the contributor is sent."""

    def invite(*arguments):
        lines = run_here("invite", *arguments).splitlines()
        return next(line for line in lines if line.startswith("soulsai-client join "))

    return invite


def test_contributor_joins_with_one_line_is_listed_and_can_be_revoked(host, invite, run_here, stack, tmp_path):
    def contributors():
        return json.loads(run_here("contributors", "--json"))

    client_environ = dict(stack.environ)
    stack.environ.update(host.variables())
    node = stack.start("training-node", settings=(*LINEAR, "training.contributors.max_clients=2"))
    line = invite("bob")
    (tmp_path / "invitation").write_text(line + "\n")
    stack.environ = client_environ  # the client knows nothing but the invitation
    client = stack.start("client", "join", str(tmp_path / "invitation"))
    client.wait_for_output("Joined .* as bob@")

    def contributes():
        node.assert_running()
        bob = contributors()["bob"]
        return bob["samples"] > 200 and bob["episodes"] > 0

    wait_for("bob's samples", contributes)
    bob = contributors()["bob"]
    assert bob["invited"] and bob["client_seconds"] > 0 and bob["suspensions"] == 0
    assert re.search(r"bob +yes +\d", run_here("contributors"))
    assert "bob was disconnected" in run_here("revoke", "bob")
    assert "Ask the host for a new one, which `soulsai invite bob` prints" in client.wait_for_end(2)
    assert contributors()["bob"]["invited"] is False
    assert line.split()[3].rpartition(":")[2] not in client.output


def test_bad_names_second_invitations_and_damaged_lines_are_refused(host, invite, run_here):
    invite("bob")
    assert "bob is invited already" in run_here("invite", "bob", code=2)
    assert "cannot be named 'B*b'" in run_here("invite", "B*b", code=2)
    assert "No contributor named alice is invited" in run_here("revoke", "alice", code=2)
    assert "is damaged" in run_here("client", *invite("eve").split()[1:-1], "ca.AAAA.BBBB", code=2)


def test_password_is_not_sent_to_a_server_with_another_certificate(host):
    other = make_authority(datetime.now(UTC)).certificate.decode()
    transport = connect(host.address, "main", password="hush", tls=Tls(authority_text=other))
    with pytest.raises(TransportError, match="certificate that is not trusted here"):
        transport.check()
    transport.close()


def test_connection_without_tls_is_not_answered(host):
    transport = connect(f"redis://server@127.0.0.1:{host.port}", "main", password=host.passwords["redis"], patience=3)
    with pytest.raises(TransportError):
        transport.check()
    transport.close()


def test_invitation_names_the_public_host_and_omits_the_authority_on_demand(host, invite, monkeypatch):
    monkeypatch.setenv("SOULSAI_PUBLIC_HOST", "play.example.org")
    invitation = read_invitation(invite("bob"))
    assert invitation.address == "rediss://play.example.org:6379" and invitation.authority
    eve = read_invitation(invite("eve", "--host", "[2001:db8::1]:7000", "--no-ca"))
    assert eve.address == "rediss://[2001:db8::1]:7000" and eve.authority is None
