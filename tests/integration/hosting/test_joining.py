"""From `soulsai init` to a player who trains along over TLS, and out again."""

import json
import re

import pytest

from soulsai_core.contributors.invitation import read_invitation
from soulsai_core.errors import TransportError
from soulsai_core.transport.redis import connect
from soulsai_core.transport.redis_link import Tls

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("tls_on_path")]

ADDRESS = "SOULSAI_REDIS__ADDRESS"


@pytest.fixture
def hosted(stack, new_host, settings):
    """A TLS server and a training node, as (host, node). The commands of whoever hosts know them by variables."""
    host = new_host(tls=True)
    stack.environ.update(host.variables())
    node = stack.start("training-node", settings=(*settings, "training.contributors.max_clients=2"))
    return host, node


def invited(stack, name):
    return next(line for line in stack.run("invite", name).splitlines() if line.startswith("soulsai-client join "))


def join(stack, line, file):
    """A player's client, which knows nothing but the invitation."""
    file.write_text(line + "\n")
    hidden = {name: stack.environ.pop(name) for name in list(stack.environ) if name.startswith("SOULSAI_REDIS__")}
    try:
        return stack.start("client", "join", str(file))
    finally:
        stack.environ.update(hidden)


def contributors(stack):
    return json.loads(stack.run("contributors", "--json"))


def test_a_player_joins_with_one_line_is_seen_and_is_put_out_again(hosted, stack, tmp_path, until):
    _, node = hosted
    line = invited(stack, "bob")
    client = join(stack, line, tmp_path / "invitation")
    client.says("Joined .* as bob@")
    until("bob's samples", lambda: node._alive() or contributors(stack)["bob"]["samples"] > 200)
    bob = contributors(stack)["bob"]
    assert bob["invited"] and bob["episodes"] > 0 and bob["client_seconds"] > 0 and bob["suspensions"] == 0
    assert re.search(r"bob +yes +\d", stack.run("contributors"))
    assert "bob is out" in stack.run("revoke", "bob")
    assert "asks for a new invitation" in client.ends(2)
    assert contributors(stack)["bob"]["invited"] is False
    assert line.split()[3].rpartition(":")[2] not in client.output


def test_the_line_holds_against_bad_names_second_invitations_and_strangers(hosted, stack):
    invited(stack, "bob")
    assert "bob is invited already" in stack.run("invite", "bob", code=2)
    assert "cannot be named 'B*b'" in stack.run("invite", "B*b", code=2)
    assert "Nobody named alice is invited" in stack.run("revoke", "alice", code=2)
    assert "is damaged" in stack.run("client", *invited(stack, "eve").split()[1:-1], "ca.AAAA.BBBB", code=2)


def test_a_server_that_is_not_the_one_of_the_invitation_is_told_no_password(hosted, stack, tmp_path):
    from datetime import UTC, datetime

    from soulsai_core.contributors.certificates import make_authority

    host, _ = hosted
    other = make_authority(datetime.now(UTC)).certificate.decode()
    line = connect(host.address, "main", password="hush", tls=Tls(authority_text=other))
    with pytest.raises(TransportError, match="certificate that is not trusted here"):
        line.check()
    line.close()


def test_without_tls_nobody_answers_at_the_port(hosted):
    host, _ = hosted
    line = connect(f"redis://server@127.0.0.1:{host.port}", "main", password=host.passwords["redis"], patience=3)
    with pytest.raises(TransportError):
        line.check()
    line.close()


def test_an_invitation_names_the_public_host_and_leaves_the_authority_out_on_demand(hosted, stack):
    stack.environ["SOULSAI_PUBLIC_HOST"] = "play.example.org"
    invitation = read_invitation(invited(stack, "bob"))
    assert invitation.address == "rediss://play.example.org:6379" and invitation.authority
    said = stack.run("invite", "eve", "--host", "[2001:db8::1]:7000", "--no-ca")
    eve = read_invitation(next(line for line in said.splitlines() if line.startswith("soulsai-client")))
    assert eve.address == "rediss://[2001:db8::1]:7000" and eve.authority is None
