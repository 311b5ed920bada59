"""The server's file of users as it is on the disk: whether its rights are those of this version, and renewed ones."""

from __future__ import annotations

from collections.abc import Iterator

from soulsai_core.contributors.rules import DEFAULT, contributor_rules, default_rules, server_rules, telemetry_rules
from soulsai_core.errors import ConfigError
from soulsai_core.transport.keys import SERVER, TELEMETRY

_REWRITTEN = {"+multi", "+exec", "+discard", "+@transaction"}
"""Redis writes these commands of telemetry as their category."""


def open_users(text: str) -> list[str]:
    """The names of users without a password."""
    return [name for name, words in _users(text) if "nopass" in words]


def outdated_users(text: str) -> list[str]:
    """The names of users whose rights differ from those that this version gives them.

    The server writes the rules in a form of its own. So of the user `server`, who may do almost everything, only rights
    to subcommands are compared, which stay as they are.
    """
    found = []
    for name, words in _users(text):
        wanted = _wanted(name, words)
        if wanted is None:
            continue
        missing = {word for word in wanted if word[0] in "+~%&"} - set(words) - _REWRITTEN
        extra = {word for word in words if word[0] in "+~%&"} - set(wanted) - _REWRITTEN
        if name == SERVER:
            missing = {word for word in missing if "|" in word}
            extra = set()
        if missing or extra:
            found.append(name)
    return found


def renewed_users(text: str) -> str:
    """The file with the rights of this version. All passwords stay, and so do users that are not ours, unless they have
    no password.

    Raises ConfigError for a line that describes no user.
    """
    lines = []
    for name, words in _users(text):
        wanted = default_rules() if name == DEFAULT else _wanted(name, words)
        if wanted is not None:
            lines.append(f"user {name} {' '.join(wanted)}\n")
        elif "nopass" not in words:
            lines.append(f"user {name} {' '.join(words)}\n")
    return "".join(lines)


def _users(text: str) -> Iterator[tuple[str, list[str]]]:
    """Name and rules of each user."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) < 2 or words[0] != "user":
            raise ConfigError(f"Line {number} of the server's file of users does not begin with `user NAME`.")
        yield words[1], words[2:]


def _wanted(name: str, words: list[str]) -> list[str] | None:
    """The rules of this version for a user of ours with a password, else None."""
    hashes = [word[1:] for word in words if word.startswith("#")]
    if len(hashes) != 1:
        return None
    if name == SERVER:
        return server_rules(hashes[0])
    if name == TELEMETRY:
        return telemetry_rules(hashes[0])
    run, colon, contributor = name.rpartition(":")
    return contributor_rules(run, contributor, hashes[0])[1:] if colon else None
