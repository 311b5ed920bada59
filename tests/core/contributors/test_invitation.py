"""An invitation is one line that survives any shell, and errors about it show no password."""

import re
import shlex
from datetime import UTC, datetime

import pytest

from soulsai_core.contributors.certificates import make_authority
from soulsai_core.contributors.invitation import Invitation, fingerprint, read_invitation
from soulsai_core.errors import ConfigError


@pytest.fixture(scope="module")
def authority():
    return make_authority(datetime.now(UTC)).certificate.decode()


@pytest.fixture
def invitation(authority):
    return Invitation("rediss://play.example.org:6379", "main", "bob", "s3cret-_word", authority)


def test_invitation_is_read_from_its_line(invitation):
    assert read_invitation(invitation.line()) == invitation
    assert read_invitation(invitation.line().removeprefix("soulsai-client join")) == invitation
    plain = Invitation("redis://192.168.1.5:6379", "main", "bob", "word")
    assert read_invitation(plain.line()) == plain


def test_line_is_the_same_in_any_shell(invitation):
    line = invitation.line()
    assert shlex.split(line) == line.split(" ") and re.fullmatch(r"[A-Za-z0-9 .:/_-]+", line)
    assert line.startswith("soulsai-client join rediss://play.example.org:6379 main:bob:")


def test_fingerprint_is_in_the_line_and_shown_as_openssl_does(authority, invitation):
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", fingerprint(authority))
    assert re.search(r" ca\.[\w-]{43}\.", invitation.line())


@pytest.mark.parametrize(
    "change",
    [
        lambda word: word[:-4],
        lambda word: word[:60] + "A" + word[61:],
        lambda word: "cb" + word[2:],
        lambda word: "ca.",
    ],
    ids=["cut", "changed", "other kind", "empty"],
)
def test_line_that_was_cut_or_changed_is_refused(invitation, change):
    *words, last = invitation.line().split()
    with pytest.raises(ConfigError, match="is damaged"):
        read_invitation(" ".join([*words, change(last)]))


@pytest.mark.parametrize(
    "text",
    ["", "join", "soulsai-client join", "a b c d", "rediss://h:1 main:bob", "rediss://h:1 main::hushhush",
     "http://h main:bob:hushhush", "rediss://u:hushhush@h main:bob:hushhush"],
)  # fmt: skip
def test_text_that_is_no_invitation_is_refused_without_showing_the_password(text):
    with pytest.raises(ConfigError) as caught:
        read_invitation(text)
    assert "hushhush" not in str(caught.value) and str(caught.value).endswith(".")


def test_password_is_not_shown_in_a_log(invitation):
    assert "s3cret" not in repr(invitation)
