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
def host(stack, new_host):
    """A TLS server, which the commands of the host know by variables."""
    host = new_host(tls=True)
    stack.environ.update(host.variables())
    return host


def invite(stack, name):
    """The line that the contributor is sent."""
    return next(line for line in stack.run("invite", name).splitlines() if line.startswith("soulsai-client join "))


def join(stack, line, file):
    """A contributor's client, which knows nothing but the invitation."""
    file.write_text(line + "\n")
    hidden = {name: stack.environ.pop(name) for name in list(stack.environ) if name.startswith("SOULSAI_REDIS__")}
    try:
        return stack.start("client", "join", str(file))
    finally:
        stack.environ.update(hidden)


def contributors(stack):
    return json.loads(stack.run("contributors", "--json"))


def test_contributor_joins_with_one_line_is_listed_and_can_be_revoked(host, stack, tmp_path):
    node = stack.start("training-node", settings=(*LINEAR, "training.contributors.max_clients=2"))
    line = invite(stack, "bob")
    client = join(stack, line, tmp_path / "invitation")
    client.wait_for_output("Joined .* as bob@")

    def contributes():
        node.assert_running()
        return contributors(stack)["bob"]["samples"] > 200

    wait_for("bob's samples", contributes, pause=1.0)
    bob = contributors(stack)["bob"]
    assert bob["invited"] and bob["episodes"] > 0 and bob["client_seconds"] > 0 and bob["suspensions"] == 0
    assert re.search(r"bob +yes +\d", stack.run("contributors"))
    assert "bob was disconnected" in stack.run("revoke", "bob")
    assert "asks for a new invitation" in client.wait_for_end(2)
    assert contributors(stack)["bob"]["invited"] is False
    assert line.split()[3].rpartition(":")[2] not in client.output


def test_bad_names_second_invitations_and_damaged_lines_are_refused(host, stack):
    invite(stack, "bob")
    assert "bob is invited already" in stack.run("invite", "bob", code=2)
    assert "cannot be named 'B*b'" in stack.run("invite", "B*b", code=2)
    assert "No contributor named alice is invited" in stack.run("revoke", "alice", code=2)
    assert "is damaged" in stack.run("client", *invite(stack, "eve").split()[1:-1], "ca.AAAA.BBBB", code=2)


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


def test_invitation_names_the_public_host_and_omits_the_authority_on_demand(host, stack):
    stack.environ["SOULSAI_PUBLIC_HOST"] = "play.example.org"
    invitation = read_invitation(invite(stack, "bob"))
    assert invitation.address == "rediss://play.example.org:6379" and invitation.authority
    output = stack.run("invite", "eve", "--host", "[2001:db8::1]:7000", "--no-ca")
    eve = read_invitation(next(line for line in output.splitlines() if line.startswith("soulsai-client")))
    assert eve.address == "rediss://[2001:db8::1]:7000" and eve.authority is None
