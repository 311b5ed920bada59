"""The files of `soulsai init`: passwords, users, an authority and the server's certificate. None is overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from soulsai_core.config import read_secret
from soulsai_core.contributors.certificates import Pair, hosts_of, make_authority, make_server
from soulsai_core.contributors.invitation import Invitation
from soulsai_core.contributors.passwords import new_password, password_hash
from soulsai_core.contributors.prerequisites import SECRETS, has_stack
from soulsai_core.contributors.rules import contributor_line, users_file
from soulsai_core.contributors.users_file import open_users, outdated_users, renewed_users
from soulsai_core.errors import ConfigError

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1", "redis")
_PRIVATE = 0o600
_READABLE = 0o644
_FOLDER = 0o700
_PASSWORDS = ("grafana.secret", "page.secret")
"""Of Grafana's administrator, and the token of the page."""

_IGNORED = (".gitignore", *SECRETS, *_PASSWORDS, "client.join", "acl/", "tls/")

LOCAL = Invitation("rediss://redis:6379", "main", "local", password="")
"""The invitation, without its password, of the clients that run on the server's own machine."""

_ORDINARY = 1000
"""User and group id of the containers where no other is known. They must not run as root."""

_ENVIRONMENT = """\
SOULSAI_UID={user}
SOULSAI_GID={group}
SOULSAI_PUBLIC_HOST={host}

# What also runs: clients (on this machine), monitoring (Prometheus and Grafana), proxy (NGINX), separated by commas.
COMPOSE_PROFILES=

# Number of clients on this machine, with the profile `clients`.
SOULSAI_CLIENTS=2
"""

_RENEW = (
    "`soulsai init --renew-users` (docker compose run --rm init --renew-users) mends that and keeps all invitations; "
    "restart the server afterwards."
)

_WRITTEN_BY_CONTAINERS = ("saves", "compose/reverse_proxy/certbot")


def initialize(folder: Path, hosts: Sequence[str], now: datetime) -> Iterator[str]:
    """Write the files that are missing in `folder`. Yields a sentence for each file that was written or existed.

    `check_prerequisites` says before whether it can.
    """
    folder.mkdir(_FOLDER, parents=True, exist_ok=True)
    yield from _write(folder / ".gitignore", "".join(f"/{name}\n" for name in _IGNORED).encode(), _READABLE)
    for name in SECRETS:
        yield from _write(folder / name, f"requirepass {new_password()}\n".encode(), _PRIVATE)
    for name in _PASSWORDS:
        yield from _write(folder / name, f"{new_password()}\n".encode(), _PRIVATE)
    yield from _write_certificates(folder / "tls", hosts, now)
    yield from _write_users(folder)


def write_environment(root: Path, host: str | None) -> Iterator[str]:
    """In the folder of a compose.yaml, write its .env, with the owner of the files, and make the folder for runs."""
    if not has_stack(root):
        return
    (root / "saves").mkdir(_FOLDER, exist_ok=True)
    user, group = _owner(root)
    text = _ENVIRONMENT.format(user=user, group=group, host=host or "localhost")
    yield from _write(root / ".env", text.encode(), _READABLE)


def renew_users(folder: Path) -> Iterator[str]:
    """Give all users of the server the rights of this version. Passwords and invitations stay.

    Raises ConfigError if there are none, or the file cannot be read or written.
    """
    path = folder / "acl" / "users.acl"
    new = path.with_name(path.name + ".new")
    try:
        text = renewed_users(path.read_text(encoding="utf-8"))
        new.unlink(missing_ok=True)
        list(_write(new, text.encode(), _PRIVATE))
        new.replace(path)
    except FileNotFoundError:
        raise ConfigError(f"There is no {path} to renew: call `soulsai init` without --renew-users.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be renewed: {error.strerror}.") from None
    yield f"{path} was renewed. Restart the server now: docker compose restart redis"


def give_to_owner(folder: Path, root: Path) -> Iterator[str]:
    """As root, give the files to the user of the containers, so that these need not run as root to read them."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        return
    user, group = _owner(root)
    given = [folder / ".gitignore", *folder.glob("*.secret"), *folder.glob("*.join"), folder / "acl", folder / "tls"]
    os.chown(folder, user, group)  # it may be new, and is for its owner alone
    for top in [*given, *(root / name for name in _WRITTEN_BY_CONTAINERS)]:
        for path in [top, *top.rglob("*")]:
            if path.is_symlink() or path.exists():
                # Not the target of a link: someone may have made one to a file that is not ours.
                os.chown(path, user, group, follow_symlinks=False)
    yield f"They belong to user {user} and group {group}, as which the containers run."


def _owner(root: Path) -> tuple[int, int]:
    """User and group id of the containers.

    They are ours; if we are root, those of the owner of the folder; if that is root, too, or on Windows, ordinary ones.
    """
    if not hasattr(os, "getuid"):
        return _ORDINARY, _ORDINARY
    theirs = root.stat()
    user, group = (os.getuid(), os.getgid()) if os.getuid() else (theirs.st_uid, theirs.st_gid)
    return (user, group) if user else (_ORDINARY, _ORDINARY)


def _write_users(folder: Path) -> Iterator[str]:
    """Write the server's file of users, or compare an existing one with the passwords and with today's rights."""
    path = folder / "acl" / "users.acl"
    if not path.exists():
        yield from _write_first_users(folder, path)
        return
    yield from _write(path, b"", _PRIVATE)
    known = path.read_text(encoding="utf-8")
    if names := open_users(known):
        yield (
            f"It has users without a password ({', '.join(names)}), for whom the server's limits for strangers do not "
            f"hold. {_RENEW}"
        )
    if names := outdated_users(known):
        yield f"It is of another version, which gave other rights to {', '.join(names)}. {_RENEW}"
    server, telemetry = _hashes(folder)
    if server not in known or telemetry not in known:
        yield (
            f"Its passwords are others than those in {folder}: bring those back that were there, or remove {path} and "
            "call this again, which also forgets all invitations."
        )


def _hashes(folder: Path) -> list[str]:
    passwords = [read_secret(folder / name, {}) for name in SECRETS]
    return [password_hash(password or "") for password in passwords]


def _write_first_users(folder: Path, path: Path) -> Iterator[str]:
    """The file of users with one contributor, for the clients on the server's own machine, and its invitation."""
    server, telemetry = _hashes(folder)
    local = replace(LOCAL, password=new_password(), authority=(folder / "tls" / "ca.crt").read_text(encoding="ascii"))
    line = contributor_line(local.run, local.name, password_hash(local.password))
    (folder / "client.join").unlink(missing_ok=True)  # of a user who is not in the new file
    yield from _write(folder / "client.join", f"{local.line()}\n".encode(), _PRIVATE)
    yield from _write(path, (users_file(server, telemetry) + line).encode(), _PRIVATE)


def _write_certificates(folder: Path, hosts: Sequence[str], now: datetime) -> Iterator[str]:
    """Write what is missing of the authority and the server's certificate. An existing authority signs."""
    authority = (folder / "ca.crt", folder / "ca.key")
    server = (folder / "redis.crt", folder / "redis.key")
    if server[0].exists():
        yield from _existing_certificate(hosts, *server)
        return
    if authority[0].exists():
        signer = Pair(authority[0].read_bytes(), authority[1].read_bytes())
        yield f"{authority[0]} is there and was left as it is."
    else:
        signer = make_authority(now)
        yield from _write_pair(authority, signer)
    yield from _write_pair(server, make_server(signer, list(dict.fromkeys((*LOCAL_HOSTS, *hosts))), now))


def _existing_certificate(hosts: Sequence[str], certificate: Path, key: Path) -> Iterator[str]:
    yield f"{certificate} is there and was left as it is."
    missing = [host for host in hosts if host not in hosts_of(certificate.read_bytes())]
    if missing:
        yield (
            f"It is not for {', '.join(missing)}. To have one that is, remove {certificate} and {key} and call this "
            "again: invitations stay valid, since the authority stays."
        )


def _write_pair(paths: tuple[Path, Path], pair: Pair) -> Iterator[str]:
    yield from _write(paths[1], pair.key, _PRIVATE)
    yield from _write(paths[0], pair.certificate, _READABLE)


def _write(path: Path, content: bytes, mode: int) -> Iterator[str]:
    """Write a file unless it exists. It has its mode from the beginning, so that no one else ever reads a password."""
    if not path.parent.exists():
        path.parent.mkdir(mode=_FOLDER, parents=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        yield f"{path} is there and was left as it is."
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)  # the umask may have taken rights that others need, such as for certificates
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)  # else the next call would leave a part of it as it is
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
    yield f"{path} was written."
