"""Rights in the server's file of users are compared with those of this version, also as the server writes them."""

from pathlib import Path

import pytest

from soulsai_core.contributors.rules import contributor_line, users_file
from soulsai_core.contributors.users_file import open_users, outdated_users, renewed_users
from soulsai_core.errors import ConfigError

OURS = users_file("a" * 64, "b" * 64) + contributor_line("main", "local", "c" * 64)
SAVED = {path.stem: path.read_text() for path in (Path(__file__).parent / "saved_users").glob("*.acl")}
"""The same file after ACL SAVE, by the server that wrote it."""


@pytest.mark.parametrize("server", sorted(SAVED))
def test_file_as_a_server_saves_it_is_up_to_date_and_renewed_is_ours(server):
    assert outdated_users(SAVED[server]) == [] == open_users(SAVED[server])
    assert sorted(renewed_users(SAVED[server]).splitlines()) == sorted(OURS.splitlines())


@pytest.mark.parametrize(
    ("before", "after", "user"),
    [
        (" +client|list", "", "server"),
        (" +blpop", "", "telemetry"),
        ("%R~soulsai:*:status", "~soulsai:*:status", "telemetry"),
        (" +hget ", " +hget +hmget ", "main:local"),
        (" %R~soulsai:main:evaluation", "", "main:local"),
    ],
)
@pytest.mark.parametrize("text", [OURS, *SAVED.values()], ids=["ours", *sorted(SAVED)])
def test_missing_and_additional_rights_are_noticed_and_renewed(text, before, after, user):
    changed = text.replace(before, after)
    assert changed != text and outdated_users(changed) == [user]
    assert outdated_users(renewed_users(changed)) == []


def test_users_of_others_stay_unless_they_have_no_password():
    text = f"{OURS}user admin on #{'d' * 64} ~* +@all\nuser health on nopass +ping\n\n"
    assert open_users(text) == ["health"]
    assert renewed_users(text) == f"{OURS}user admin on #{'d' * 64} ~* +@all\n"


def test_line_of_no_user_is_an_error():
    with pytest.raises(ConfigError, match="Line 2 of the server's file of users does not begin with `user NAME`"):
        renewed_users("user default off\nfoo\n")
